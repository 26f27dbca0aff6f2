package copies

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// What every site does with the bytes it is given and gives.

// Whole checks that body has exactly size bytes and sets it to its beginning. A Put calls
// it before each try.
func Whole(body io.ReadSeeker, size int64) error {
	end, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if end != size {
		return fmt.Errorf("the object has %d bytes, not %d as said: %w", end, size, io.ErrUnexpectedEOF)
	}
	_, err = body.Seek(0, io.SeekStart)
	return err
}

// Exactly reads from r and ends in an error where that gives fewer or more than size
// bytes, so that a cut transfer is no short object.
func Exactly(r io.Reader, size int64) io.Reader { return &exact{r: r, left: size} }

type exact struct {
	r    io.Reader
	left int64
}

func (e *exact) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.left -= int64(n)
	switch {
	case e.left < 0:
		return n, errors.New("more bytes came than the object has")
	case err == io.EOF && e.left > 0:
		return n, fmt.Errorf("cut, %d bytes are missing: %w", e.left, io.ErrUnexpectedEOF)
	}
	return n, err
}

// During reads from r until ctx is over.
func During(ctx context.Context, r io.Reader) io.Reader { return &during{ctx, r} }

type during struct {
	ctx context.Context
	r   io.Reader
}

func (d *during) Read(p []byte) (int, error) {
	if err := context.Cause(d.ctx); err != nil {
		return 0, err
	}
	return d.r.Read(p)
}

// Equal reports whether a and b give the same bytes.
func Equal(a, b io.Reader) (bool, error) {
	x, y := bufio.NewReaderSize(a, 64<<10), bufio.NewReaderSize(b, 64<<10)
	p, q := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, errA := io.ReadFull(x, p)
		m, errB := io.ReadFull(y, q)
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return false, err
			}
		}
		if n != m || !bytes.Equal(p[:n], q[:m]) {
			return false, nil
		}
		if errA != nil || errB != nil {
			return true, nil
		}
	}
}

// Replaceable checks what Replace is given.
func Replaceable(name string, body []byte) error {
	if err := Name(name); err != nil {
		return err
	}
	if !strings.HasPrefix(name, "keys/") {
		return fmt.Errorf("%w: %s is written once; only names under keys/ are replaced", ErrRefused, name)
	}
	if len(body) > MaxReplace {
		return fmt.Errorf("%w: %s: %d bytes, at most %d are replaced", ErrRefused, name, len(body), MaxReplace)
	}
	return nil
}

// ErrStalled is the cause of a context of Patient whose patience is at its end.
var ErrStalled = errors.New("nothing moved")

// Watch ends a context when nothing has moved for a while: a transfer may take as long as it
// takes, but not stand still.
type Watch struct {
	t      *time.Timer
	d      time.Duration
	cancel context.CancelCauseFunc
}

// Patient gives a context that ends when Moved has not been called for d.
func Patient(ctx context.Context, d time.Duration) (context.Context, *Watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &Watch{time.AfterFunc(d, func() { cancel(fmt.Errorf("%w for %s", ErrStalled, d)) }), d, cancel}
}

// Moved says that something moved.
func (w *Watch) Moved() { w.t.Reset(w.d) }

// Pause says that the other side is not waited for, until Moved is called.
func (w *Watch) Pause() { w.t.Stop() }

// Done ends the context.
func (w *Watch) Done() { w.t.Stop(); w.cancel(nil) }

// slowest is the slowest wire, in bytes a second, over which the rest of what was sent is
// waited for: it lies in the buffers of two machines and of what is between.
const slowest = 100 << 10

// Sending is r, which is read as fast as the other side takes it, up to ahead bytes ahead of
// it.
func (w *Watch) Sending(r io.Reader, ahead int64) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		w.t.Reset(w.d + time.Duration(ahead)*time.Second/slowest)
		return r.Read(p)
	})
}

// Receiving is r, which comes from the other side: that is waited for only while r is read.
func (w *Watch) Receiving(r io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		w.Moved()
		defer w.Pause()
		return r.Read(p)
	})
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
