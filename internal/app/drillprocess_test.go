package app

import (
	"fmt"
	"os"
	"testing"
)

// The test program is the program that a drill's process is: see DrillCommand.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == DrillCommand {
		if err := RunDrill(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	DrillsApart()
	os.Exit(m.Run())
}
