package copies

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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
