//go:build unix

package pgbackrest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is who runs the programs.
type account struct {
	uid, gid uint32
	name     string
}

// accountOf is the owner of a file where we are root; nil: we run them ourselves.
func accountOf(path string) (*account, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, nil
	}
	if os.Getuid() != 0 {
		return nil, nil
	}
	a := &account{uid: sys.Uid, gid: sys.Gid, name: strconv.Itoa(int(sys.Uid))}
	if u, err := user.LookupId(a.name); err == nil {
		a.name = u.Username
	}
	if a.uid == 0 {
		return nil, fmt.Errorf("%w: %s belongs to root, as whom PostgreSQL does not run", ErrRights, path)
	}
	return a, nil
}

// mayServe refuses who is neither root nor the owner of the server's data directory.
func mayServe(data string) error {
	st, err := os.Stat(data)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || os.Getuid() == 0 || int(sys.Uid) == os.Getuid() {
		return nil
	}
	who := strconv.Itoa(int(sys.Uid))
	if u, err := user.LookupId(who); err == nil {
		who = u.Username
	}
	return fmt.Errorf("%w, %s: run this as root", ErrRights, who)
}

func (a *account) run(cmd *exec.Cmd) {
	if a != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: a.uid, Gid: a.gid}}
	}
}

// give makes a file or folder theirs.
func (a *account) give(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

func ownAs(path, like string) error {
	st, err := os.Stat(like)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || os.Getuid() != 0 {
		return nil
	}
	return os.Lchown(path, int(sys.Uid), int(sys.Gid))
}
