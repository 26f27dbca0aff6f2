//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// A file that may not grow further (a quota, ulimit -f) is an error that the shop
// answers like a full disk, and no reason to end.
func init() { signal.Ignore(syscall.SIGXFSZ) }
