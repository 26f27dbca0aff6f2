package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"kassavalv/internal/app"
)

type checkCmd struct{}

// Help is the example under --help.
func (checkCmd) Help() string {
	return "Example: kassavalv check --data /var/lib/kassavalv\n\nIt looks at configuration, keys, clock, certificate, mail and copies, writes nothing, and may run beside the shop.\nExit status: 0 all that was looked at is well, 1 failed, 3 something was found. What was not looked at is named."
}

func (checkCmd) Run(e env) error {
	list, err := app.Check(e.ctx, e.dir(usualData), app.CheckOptions{Log: e.log})
	if err != nil {
		return err
	}
	if e.json {
		err = e.printed(list)
	} else {
		t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		for _, x := range list {
			fmt.Fprintf(t, "%s\t%s\t%s\n", x.Area, x.Judge, x.What)
			if x.Do != "" {
				fmt.Fprintf(t, "\t\t-> %s\n", x.Do)
			}
		}
		err = t.Flush()
	}
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.Judge == app.Amiss {
			return errFound
		}
	}
	return nil
}
