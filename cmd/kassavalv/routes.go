package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"kassavalv/internal/app"
)

type routesCmd struct{}

// Help is the example under --help.
func (routesCmd) Help() string { return "Example: kassavalv routes --json" }

func (routesCmd) Run(e env) error {
	rows, err := app.Rows()
	if err != nil {
		return err
	}
	if e.json {
		return json.NewEncoder(os.Stdout).Encode(rows)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Listener, r.Method, r.Path, r.Who, r.Rate)
	}
	return w.Flush()
}
