package main

import (
	"encoding/json"
	"fmt"
	"os"

	"kassavalv/internal/app"
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
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"head": head, "faults": faults})
	}
	fmt.Printf("%+v\n", head)
	for _, f := range faults {
		fmt.Printf("%+v\n", f)
	}
	if len(faults) > 0 {
		return errFound
	}
	fmt.Println("The audit log is whole.")
	return nil
}
