package copies

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/time/rate"
)

// A system keeps what is written in memory and lets it go when it thinks fit: a gigabyte at
// once, and each sync of everybody waits behind that. A shop syncs with every purchase. What is
// restored beside one is therefore written at a bounded rate, and every piece is on its way to
// the disk before the next but one is begun.
const (
	steadyRate  = 64 << 20 // bytes a second
	steadyPiece = 1 << 20
)

// laid is a file that a restore writes.
type laid struct {
	file *os.File
	disk disk
	// beside, when it is not nil, says that a shop sells meanwhile, and that nobody needs the file
	// after a loss of power.
	beside *evenly
}

// evenly is how a file is written beside a shop that sells.
type evenly struct {
	ctx        context.Context
	l          *rate.Limiter
	from, to   int64 // of what was written and not sent to the disk
	n          int64 // bytes of that
	sent, upto int64 // what was sent last
}

// disk is what a restore asks of the disk.
type disk struct {
	send, wait func(f *os.File, from, n int64) error // begin to write a part; wait until it is written
	sync       func(f *os.File) error
}

var theDisk = disk{send: sendRange, wait: waitRange, sync: (*os.File).Sync}

// create makes a file of a restore; the folder's owner removes what is left of it.
func (f *Finder) create(ctx context.Context, path string) (*laid, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	l := &laid{file: file, disk: theDisk}
	if f.disk != nil {
		l.disk = *f.disk
	}
	if f.Quietly {
		l.beside = &evenly{ctx: ctx, l: rate.NewLimiter(steadyRate, steadyPiece)}
	}
	return l, nil
}

func (l *laid) WriteAt(b []byte, at int64) (n int, err error) {
	if l.beside == nil {
		return l.file.WriteAt(b, at)
	}
	for n < len(b) {
		p := b[n:min(n+steadyPiece, len(b))]
		if err := l.beside.l.WaitN(l.beside.ctx, len(p)); err != nil {
			return n, err
		}
		m, err := l.file.WriteAt(p, at+int64(n))
		if n += m; err != nil {
			return n, err
		}
		if err := l.beside.wrote(l, at+int64(n-m), int64(m)); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Write is WriteAt at the end of what was written.
func (l *laid) Write(b []byte) (int, error) {
	at, err := l.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	n, err := l.WriteAt(b, at)
	if _, serr := l.file.Seek(at+int64(n), io.SeekStart); err == nil {
		err = serr
	}
	return n, err
}

func (s *evenly) wrote(l *laid, at, n int64) error {
	if s.n == 0 {
		s.from, s.to = at, at
	}
	s.from, s.to, s.n = min(s.from, at), max(s.to, at+n), s.n+n
	if s.n < steadyPiece {
		return nil
	}
	if err := l.disk.send(l.file, s.from, s.to-s.from); err != nil {
		return err
	}
	if s.upto > s.sent {
		if err := l.disk.wait(l.file, s.sent, s.upto-s.sent); err != nil {
			return err
		}
	}
	s.sent, s.upto, s.n = s.from, s.to, 0
	return nil
}

// place ends the file and gives it its name.
func (l *laid) place(path string) error {
	if l.beside == nil {
		if err := l.disk.sync(l.file); err != nil {
			return err
		}
	}
	from := l.file.Name()
	if err := l.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(from, path); err != nil {
		return err
	}
	if l.beside != nil {
		return nil
	}
	return syncDir(filepath.Dir(path))
}

// The rate at which a large file beside a shop is given up, and in which pieces: freeing a
// gigabyte at once holds the journal of a file system, which may tell the disk of each block.
const (
	goRate  = 512 << 20 // bytes a second
	goPiece = 16 << 20
)

// giveUp removes a file piece by piece. What goes wrong is left to whoever removes the folder.
func giveUp(ctx context.Context, path string) {
	defer os.Remove(path)
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() {
		return
	}
	l := rate.NewLimiter(goRate, goPiece)
	for left := st.Size() - goPiece; left > 0 && l.WaitN(ctx, goPiece) == nil; left -= goPiece {
		if os.Truncate(path, left) != nil {
			return
		}
	}
}
