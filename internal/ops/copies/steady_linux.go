//go:build linux && (amd64 || arm64)

package copies

import (
	"os"
	"syscall"
)

// See sync_file_range(2).
const (
	waitBefore = 1
	writeOut   = 2
	waitAfter  = 4
)

// sendRange has the system begin to write a part of a file to the disk.
func sendRange(f *os.File, from, n int64) error { return overRange(f, from, n, writeOut) }

// waitRange returns when that is done.
func waitRange(f *os.File, from, n int64) error {
	return overRange(f, from, n, waitBefore|writeOut|waitAfter)
}

func overRange(f *os.File, from, n int64, how int) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	if err := c.Control(func(fd uintptr) { serr = syscall.SyncFileRange(int(fd), from, n, how) }); err != nil {
		return err
	}
	switch serr {
	case nil, syscall.EINTR:
		return nil
	case syscall.ENOSYS, syscall.EINVAL, syscall.ESPIPE, syscall.EOPNOTSUPP, syscall.EPERM: // a file system or a sandbox that does not know it
		return f.Sync()
	}
	return serr
}
