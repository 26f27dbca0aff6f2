//go:build unix

package apptest

import "syscall"

var restartSignal = syscall.SIGUSR2
