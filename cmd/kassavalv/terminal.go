package main

import (
	"os"

	"github.com/mattn/go-isatty"
)

// terminal reports whether a person reads f. /dev/null and other devices are none.
func terminal(f *os.File) bool {
	return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd())
}
