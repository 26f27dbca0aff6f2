package app

import (
	"errors"
	"os"
	"path/filepath"
)

// ErrLocked is returned when another process holds the data directory.
var ErrLocked = errors.New("the data directory is in use by a running kassavalv")

var errNoLocks = errors.New("this system does not tell whether a process works there")

const lockFile = "lock"

// dirLock is the proof that this process alone has the data directory.
type dirLock struct {
	f       *os.File
	Unclean bool // the last holder did not let go in order
}

// lockDir takes the directory. The file stays; its content tells whether the
// last holder stopped in order.
func lockDir(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, ErrLocked
	}
	b := make([]byte, 16)
	n, _ := f.Read(b)
	l := &dirLock{f: f, Unclean: string(b[:n]) == "running\n"}
	if err := l.write("running\n"); err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

func (l *dirLock) write(s string) error {
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	if _, err := l.f.WriteAt([]byte(s), 0); err != nil {
		return err
	}
	return l.f.Sync()
}

// Release lets go in order.
func (l *dirLock) Release() {
	l.write("stopped\n")
	l.f.Close()
}

// Abandon lets go without having looked at the database: what the last holder left
// behind is still to be checked.
func (l *dirLock) Abandon() {
	if !l.Unclean {
		l.write("stopped\n")
	}
	l.f.Close()
}
