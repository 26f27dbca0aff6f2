package main

import (
	"os"

	"kassavalv/internal/app"
)

// drillProcessCmd is what a running shop starts for a drill; it is told what to do over its
// standard input, and is of no use to people.
type drillProcessCmd struct{}

func (drillProcessCmd) Run() error { return app.RunDrill(os.Stdin, os.Stdout) }
