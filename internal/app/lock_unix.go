//go:build unix

package app

import (
	"os"
	"syscall"
)

// locksHold tells whether a lock keeps another process out.
const locksHold = true

func flock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
