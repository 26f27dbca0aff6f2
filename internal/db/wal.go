package db

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// walReader reads SQLite's write-ahead log forward, commit by commit. A frame counts when
// its salts are those of the log's header and its checksum goes on from the frame before:
// what a rolled back transaction or an earlier run of the log left behind does not.
// The format: https://sqlite.org/fileformat2.html#the_write_ahead_log
type walReader struct {
	pageSize int
	salt     uint64
	order    binary.ByteOrder // of the words that are summed
	offset   int64            // of the next frame to read
	sum      [2]uint32        // up to there
	// What was read ahead in one go, from ahead on. It counts within one call only: what
	// was no commit then may have become one.
	buf   []byte
	ahead int64
	guess int // frames of the next commit
}

// Frames that are read in one go.
const (
	leastAhead = 4
	mostAhead  = 64
)

const (
	walHeader   = 32
	frameHeader = 24
	walMagic    = 0x377f0682 // the lowest bit tells the order of bytes
	walVersion  = 3007000
)

// begin reads the header. It reports whether the log is in another run than before, or
// none yet.
func (w *walReader) begin(f io.ReaderAt) (anew bool, err error) {
	var h [walHeader]byte
	if _, err := f.ReadAt(h[:], 0); err != nil {
		if errors.Is(err, io.EOF) { // empty, or emptied
			return false, nil
		}
		return false, err
	}
	magic := binary.BigEndian.Uint32(h[0:])
	if magic&^1 != walMagic {
		return false, nil // not written out yet: nothing in it counts, to SQLite neither
	}
	salt := binary.BigEndian.Uint64(h[16:])
	if w.offset != 0 && salt == w.salt {
		return false, nil
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if magic&1 == 1 {
		order = binary.BigEndian
	}
	sum := walSum(order, [2]uint32{}, h[:24])
	if sum[0] != binary.BigEndian.Uint32(h[24:]) || sum[1] != binary.BigEndian.Uint32(h[28:]) {
		return false, nil
	}
	if v := binary.BigEndian.Uint32(h[4:]); v != walVersion {
		return false, fmt.Errorf("db: the log is of version %d, this program knows %d", v, walVersion)
	}
	w.order, w.salt, w.sum, w.offset = order, salt, sum, walHeader
	w.pageSize = int(binary.BigEndian.Uint32(h[8:]))
	if w.pageSize < 512 || w.pageSize > 1<<16 || w.pageSize&(w.pageSize-1) != 0 {
		return false, fmt.Errorf("db: the log tells of pages of %d bytes", w.pageSize)
	}
	w.buf = nil
	return true, nil
}

// frame is the frame at an offset; nil where the log ends before it does.
func (w *walReader) frame(f io.ReaderAt, at int64) ([]byte, error) {
	size := frameHeader + w.pageSize
	if from := at - w.ahead; from >= 0 && from+int64(size) <= int64(len(w.buf)) {
		return w.buf[from : from+int64(size)], nil
	}
	want := size * min(max(w.guess, leastAhead), mostAhead)
	if cap(w.buf) < want {
		w.buf = make([]byte, 0, size*mostAhead)
	}
	n, err := f.ReadAt(w.buf[:want], at)
	w.buf, w.ahead = w.buf[:n], at
	if n >= size {
		return w.buf[:size], nil
	}
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	return nil, err
}

// one reads the next commit; Count is 0 when there is none.
func (w *walReader) one(f io.ReaderAt) (Commit, error) {
	pages := map[uint32][]byte{}
	sum, at := w.sum, w.offset
	for n := 1; ; n++ {
		b, err := w.frame(f, at)
		if err != nil || b == nil {
			return Commit{}, err
		}
		h, data := b[:frameHeader], b[frameHeader:]
		if binary.BigEndian.Uint64(h[8:]) != w.salt {
			return Commit{}, nil
		}
		sum = walSum(w.order, walSum(w.order, sum, h[:8]), data)
		if sum[0] != binary.BigEndian.Uint32(h[16:]) || sum[1] != binary.BigEndian.Uint32(h[20:]) {
			return Commit{}, nil
		}
		no := binary.BigEndian.Uint32(h)
		if no == 0 {
			return Commit{}, nil
		}
		pages[no] = slices.Clone(data)
		at += int64(len(b))
		if size := binary.BigEndian.Uint32(h[4:]); size != 0 {
			w.sum, w.offset, w.guess = sum, at, n+1 // and the one behind it, which is none
			return Commit{Count: 1, Pages: inOrder(pages, size), Size: size, Mark: Mark{w.salt, at}}, nil
		}
	}
}

// next reads all commits since the last call as one.
func (w *walReader) next(f io.ReaderAt) (Commit, error) {
	w.buf = w.buf[:0]
	if _, err := w.begin(f); err != nil || w.offset == 0 {
		return Commit{}, err
	}
	sum, err := w.one(f)
	for err == nil && sum.Count > 0 {
		var c Commit
		if c, err = w.one(f); err != nil || c.Count == 0 {
			break
		}
		sum = Join(sum, c)
	}
	return sum, err
}

// all reads every commit of a log that a stopped process has left.
func (w *walReader) all(f io.ReaderAt) (out []Commit, err error) {
	if _, err := w.begin(f); err != nil || w.offset == 0 {
		return nil, err
	}
	for {
		c, err := w.one(f)
		if err != nil || c.Count == 0 {
			return out, err
		}
		out = append(out, c)
	}
}

// Join makes one commit of two that follow each other.
func Join(a, b Commit) Commit {
	pages := make([]Page, 0, len(a.Pages)+len(b.Pages))
	i := 0
	for _, p := range b.Pages {
		for ; i < len(a.Pages) && a.Pages[i].No < p.No; i++ {
			pages = append(pages, a.Pages[i])
		}
		if i < len(a.Pages) && a.Pages[i].No == p.No {
			i++
		}
		pages = append(pages, p)
	}
	pages = append(pages, a.Pages[i:]...)
	for len(pages) > 0 && pages[len(pages)-1].No > b.Size { // a file that shrank
		pages = pages[:len(pages)-1]
	}
	return Commit{Pos: b.Pos, Count: a.Count + b.Count, Pages: pages, Size: b.Size, Mark: b.Mark}
}

// inOrder lists pages by number, without those beyond the end of a file that shrank.
func inOrder(pages map[uint32][]byte, size uint32) []Page {
	out := make([]Page, 0, len(pages))
	for no, data := range pages {
		if no <= size {
			out = append(out, Page{no, data})
		}
	}
	slices.SortFunc(out, func(a, b Page) int { return int(int64(a.No) - int64(b.No)) })
	return out
}

// walSum is the log's checksum of b, whose length is a multiple of 8, going on from sum.
func walSum(order binary.ByteOrder, sum [2]uint32, b []byte) [2]uint32 {
	s0, s1 := sum[0], sum[1]
	if order == binary.LittleEndian {
		for ; len(b) >= 8; b = b[8:] {
			s0 += binary.LittleEndian.Uint32(b) + s1
			s1 += binary.LittleEndian.Uint32(b[4:]) + s0
		}
	} else {
		for ; len(b) >= 8; b = b[8:] {
			s0 += binary.BigEndian.Uint32(b) + s1
			s1 += binary.BigEndian.Uint32(b[4:]) + s0
		}
	}
	return [2]uint32{s0, s1}
}
