package apptest

import (
	"database/sql"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

func mountSmall(at string, size int64) error {
	return syscall.Mount("tmpfs", at, "tmpfs", 0, fmt.Sprintf("size=%d,mode=755", size))
}

func unmount(at string) { syscall.Unmount(at, syscall.MNT_DETACH) }

// giveToPostgres makes a folder the server's, who must run on this machine.
func giveToPostgres(admin *sql.DB, room, space string) error {
	var dir string
	if err := admin.QueryRow("SHOW data_directory").Scan(&dir); err != nil {
		return err
	}
	st, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("the server's folder is not on this machine: %w", err)
	}
	own := st.Sys().(*syscall.Stat_t)
	// The way there must be open to the server's user.
	for p := room; len(p) > 1 && strings.HasPrefix(p, os.TempDir()) && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			return err
		}
	}
	if u, err := user.LookupId(strconv.Itoa(int(own.Uid))); err == nil && u.Uid == "0" {
		return fmt.Errorf("the server runs as root")
	}
	return os.Chown(space, int(own.Uid), int(own.Gid))
}

// limitFiles sets how large the files of a process may become.
func limitFiles(pid int, most uint64) error {
	lim := syscall.Rlimit{Cur: most, Max: ^uint64(0)}
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&lim)), 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

func remount(at string, readOnly bool) error {
	flags := uintptr(syscall.MS_REMOUNT)
	if readOnly {
		flags |= syscall.MS_RDONLY
	}
	return syscall.Mount("", at, "", flags, "")
}
