package main

import (
	"encoding/json"
	"fmt"
	"os"

	"kassavalv/internal/app"
	"kassavalv/internal/audit"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Find a changed, dropped, reordered or inserted row."`
}

type auditVerifyCmd struct{}

// Help is the example under --help.
func (auditVerifyCmd) Help() string {
	return "Example: kassavalv audit verify --data /var/lib/kassavalv"
}

func (auditVerifyCmd) Run(e env) error {
	head, faults, err := app.VerifyAudit(e.ctx, e.dir("./kassavalv-data"), e.log)
	if err != nil {
		return err
	}
	if e.json {
		if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"head": head, "faults": append([]audit.Fault{}, faults...)}); err != nil {
			return err
		}
		if len(faults) > 0 {
			return errFound
		}
		return nil
	}
	for _, f := range faults {
		fmt.Println(f)
	}
	fmt.Printf("%d entries are in the chain; its head is %x.\n", head.Place, head.Hash)
	if len(faults) > 0 {
		return errFound
	}
	fmt.Println("The audit log is whole.")
	return nil
}
