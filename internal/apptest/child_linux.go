package apptest

import (
	"os/exec"
	"syscall"
)

// bind makes the child end with the tests, also when those are killed.
func bind(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
