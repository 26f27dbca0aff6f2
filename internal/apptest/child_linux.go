package apptest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// bind makes the child end with the tests, also when those are killed.
func bind(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// other is the user that a database server runs as where the tests run as root, which it
// refuses to be.
func other() (uid, gid int, ok bool) {
	u, err := user.Lookup("postgres")
	if os.Getuid() != 0 || err != nil {
		return 0, 0, false
	}
	uid, _ = strconv.Atoi(u.Uid)
	gid, _ = strconv.Atoi(u.Gid)
	return uid, gid, true
}

// asOther runs a command that bind has seen as that user.
func asOther(cmd *exec.Cmd) {
	if uid, gid, ok := other(); ok {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
}

// own gives a folder to that user.
func own(dir string) error {
	if uid, gid, ok := other(); ok {
		return os.Chown(dir, uid, gid)
	}
	return nil
}
