package copies

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/superfly/ltx"
)

// Levels of segments, numbered as Litestream does. Each holds what the one below holds, in
// longer pieces that are kept for longer.
const (
	Raw      = 0 // as written
	Minutes  = 1 // five minutes
	Hours    = 2
	Days     = 3
	Snapshot = 9 // the whole database
)

// Levels lists them, shortest first.
var Levels = []int{Raw, Minutes, Hours, Days, Snapshot}

// Segment is one LTX file of the spool.
type Segment struct {
	Level     int
	Min, Max  uint64 // transactions, both included
	Pre, Post ltx.Checksum
	Pages     uint32
	PageSize  int
	At        time.Time // of the last commit in it
	Size      int64     // bytes of the file
	Salt      uint64    // of the log, and
	Offset    int64     // where in it the segment ends
}

// spool is the folder of segments that have not been everywhere yet.
type spool struct{ dir string }

func (s spool) path(level int, min, max uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("l%d", level), ltx.FormatFilename(ltx.TXID(min), ltx.TXID(max)))
}

func (s spool) of(g Segment) string { return s.path(g.Level, g.Min, g.Max) }

func (s spool) make() error {
	for _, l := range Levels {
		if err := os.MkdirAll(filepath.Join(s.dir, fmt.Sprintf("l%d", l)), 0o700); err != nil {
			return err
		}
	}
	// The name of a folder is on disk when the one it stands in was synced, whatever is
	// synced within. An earlier process may have been stopped in between.
	for at, up := s.dir, 0; up < 3; at, up = filepath.Dir(at), up+1 {
		if err := syncDir(at); err != nil {
			return err
		}
	}
	return nil
}

// base is the transaction after which the segments of the spool follow each other, as
// setBase left it; 0: from the beginning.
func (s spool) base() (uint64, error) {
	b, err := os.ReadFile(filepath.Join(s.dir, "base"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("copies: %s holds no number", filepath.Join(s.dir, "base"))
	}
	return n, nil
}

func (s spool) setBase(tx uint64) error {
	return s.put(filepath.Join(s.dir, "base"), true, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, tx)
		return err
	})
}

// list reads the segments of a level, in order. What is no whole segment, as after a loss of
// power, is left out and named in bad.
func (s spool) list(level int) (out []Segment, bad []string, err error) {
	dir := filepath.Join(s.dir, fmt.Sprintf("l%d", level))
	es, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range es {
		p := filepath.Join(dir, e.Name())
		if strings.HasSuffix(e.Name(), tempSuffix) {
			bad = append(bad, p)
			continue
		}
		min, max, err := ltx.ParseFilename(e.Name())
		if err != nil {
			continue
		}
		g, err := readSegment(p, level)
		if err != nil || g.Min != uint64(min) || g.Max != uint64(max) {
			bad = append(bad, p)
			continue
		}
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b Segment) int { return cmp.Or(cmp.Compare(a.Min, b.Min), cmp.Compare(a.Max, b.Max)) })
	return out, bad, nil
}

// readSegment reads and verifies a whole segment.
func readSegment(path string, level int) (Segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return Segment{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Segment{}, err
	}
	d := ltx.NewDecoder(f)
	d.SetRetainPageIndex(false)
	if err := d.Verify(); err != nil {
		return Segment{}, err
	}
	return segmentOf(d.Header(), d.Trailer(), level, st.Size()), nil
}

func segmentOf(h ltx.Header, t ltx.Trailer, level int, size int64) Segment {
	return Segment{Level: level, Min: uint64(h.MinTXID), Max: uint64(h.MaxTXID), Pre: h.PreApplyChecksum, Post: t.PostApplyChecksum, Pages: h.Commit, PageSize: int(h.PageSize),
		At: time.UnixMilli(h.Timestamp).UTC(), Size: size, Salt: uint64(h.WALSalt1)<<32 | uint64(h.WALSalt2), Offset: h.WALOffset + h.WALSize}
}

// tempSuffix ends the names of files that are being written.
const tempSuffix = ".tmp"

var buffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 128<<10) }}

// tally counts what goes through.
type tally struct {
	w io.Writer
	n int64
}

func (c *tally) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// put writes a file beside its place and moves it there, whole or not at all; sync makes it
// outlive a loss of power.
func (s spool) put(path string, sync bool, fill func(w io.Writer) error) (err error) {
	f, err := os.OpenFile(path+tempSuffix, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(path + tempSuffix)
		}
	}()
	w := buffers.Get().(*bufio.Writer) // pages come one by one, in small pieces
	w.Reset(f)
	defer func() {
		w.Reset(nil)
		buffers.Put(w)
	}()
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if sync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(path+tempSuffix, path); err != nil {
		return err
	}
	if sync {
		return syncDir(filepath.Dir(path))
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// merge writes one segment of several that follow each other.
func (s spool) merge(level int, of []Segment) (Segment, error) {
	if len(of) == 0 {
		return Segment{}, errors.New("copies: nothing to merge")
	}
	first, last := of[0], of[len(of)-1]
	path := s.path(level, first.Min, last.Max)
	var size int64
	err := s.put(path, true, func(w io.Writer) (err error) {
		size, err = s.mergeTo(w, of, nil)
		return err
	})
	if err != nil {
		return Segment{}, err
	}
	return Segment{Level: level, Min: first.Min, Max: last.Max, Pre: first.Pre, Post: last.Post, Pages: last.Pages, PageSize: last.PageSize, At: last.At, Size: size}, nil
}

// mergeTo is merge into any writer. The bytes of those that are in memory are given.
func (s spool) mergeTo(w io.Writer, of []Segment, in [][]byte) (size int64, err error) {
	var rs []io.Reader
	for i, g := range of {
		if i > 0 && (g.Min != of[i-1].Max+1 || g.Pre != of[i-1].Post) {
			return 0, fmt.Errorf("copies: segment %d-%d does not follow %d-%d", g.Min, g.Max, of[i-1].Min, of[i-1].Max)
		}
		if i < len(in) && in[i] != nil {
			rs = append(rs, bytes.NewReader(in[i]))
			continue
		}
		f, err := os.Open(s.of(g))
		if err != nil {
			return 0, err
		}
		defer f.Close()
		rs = append(rs, f)
	}
	m := &tally{w: w}
	c, err := ltx.NewCompactor(m, rs)
	if err != nil {
		return 0, err
	}
	c.SetSpillDir(s.dir)
	defer c.Cleanup()
	if err := c.Compact(contextNone); err != nil {
		return 0, err
	}
	return m.n, nil
}

// bytesOf is mergeTo into memory, or the bytes of the one there is.
func (s spool) bytesOf(of []Segment, in [][]byte) ([]byte, error) {
	if len(of) == 1 {
		if in[0] != nil {
			return in[0], nil
		}
		return os.ReadFile(s.of(of[0]))
	}
	var b bytes.Buffer
	_, err := s.mergeTo(&b, of, in)
	return b.Bytes(), err
}
