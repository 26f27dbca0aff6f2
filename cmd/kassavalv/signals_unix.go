//go:build unix

package main

import (
	"os"
	"syscall"
)

// restartSignals make the program give way to its successor.
var restartSignals = []os.Signal{syscall.SIGUSR2}
