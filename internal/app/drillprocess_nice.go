//go:build unix && !linux

package app

import "syscall"

// lower gives this process the processor when nobody else wants it.
func lower() { syscall.Setpriority(syscall.PRIO_PROCESS, 0, 19) }
