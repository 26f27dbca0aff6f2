//go:build linux || darwin || freebsd || netbsd || openbsd

package bank

import (
	"os"
	"syscall"
)

// lockFile takes the file for this process. The lock goes with the process, so
// a killed bank leaves none behind.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
