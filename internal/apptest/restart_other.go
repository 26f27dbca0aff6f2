//go:build !unix

package apptest

import "syscall"

// restartSignal is of no use here: the program does not give way on this system.
var restartSignal = syscall.SIGTERM
