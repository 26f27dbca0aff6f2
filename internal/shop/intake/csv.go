package intake

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Bounds of a file.
const (
	MaxBytes   = 200 << 20
	MaxRows    = 1_000_000
	MaxColumns = 300
	MaxCell    = 64 << 10
	maxRow     = 1 << 20
	maxBroken  = 10_000 // rows that cannot be split; beyond them it is no CSV
)

// Encodings as a report names them.
const (
	utf8Name  = "UTF-8"
	bomName   = "UTF-8 (BOM)"
	utf16Name = "UTF-16"
	w1252Name = "Windows-1252"
)

// row is one row of the file: cells, or why it has none.
type row struct {
	line  int // where it begins, from 1
	cells []string
	bad   string // code of what is wrong with it; cells are then empty
}

// reader splits CSV with bounded memory. Unlike encoding/csv it goes on after a
// broken row, at the line below the one where the row began, so that one stray
// quotation mark costs one row; and it reads each row that is no UTF-8 as
// Windows-1252, because only the end of a file would tell for the whole.
type reader struct {
	src      io.Reader
	buf      []byte
	pos      int // where the next row begins in buf
	line     int // its line
	eof      bool
	err      error // of src
	comma    byte
	encoding string
	legacy   bool // some row was Windows-1252
	cell     []byte
}

// newReader looks at the beginning for the encoding.
func newReader(src io.Reader) (*reader, error) {
	head := make([]byte, 4096)
	n, err := io.ReadFull(src, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	head = head[:n]
	r := &reader{src: io.MultiReader(bytes.NewReader(head), src), line: 1, comma: ',', encoding: utf8Name}
	endian, wide := unicode.LittleEndian, false
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		r.encoding = bomName
		r.src = io.MultiReader(bytes.NewReader(head[3:]), src)
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		wide = true
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		endian, wide = unicode.BigEndian, true
	case n >= 4 && head[0] != 0 && head[1] == 0 && head[2] != 0 && head[3] == 0:
		wide = true
	case n >= 4 && head[0] == 0 && head[1] != 0 && head[2] == 0 && head[3] != 0:
		endian, wide = unicode.BigEndian, true
	}
	if wide {
		r.encoding = utf16Name
		r.src = transform.NewReader(r.src, unicode.UTF16(endian, unicode.UseBOM).NewDecoder())
	}
	return r, nil
}

// name is the encoding as far as the file has been read.
func (r *reader) name() string {
	if r.legacy {
		return w1252Name
	}
	return r.encoding
}

// fill reads more; false at the end.
func (r *reader) fill() bool {
	if r.eof {
		return false
	}
	n := len(r.buf)
	if cap(r.buf)-n < 64<<10 {
		bigger := make([]byte, n, 2*cap(r.buf)+256<<10)
		copy(bigger, r.buf)
		r.buf = bigger
	}
	for range 100 {
		k, err := r.src.Read(r.buf[n:cap(r.buf)])
		r.buf = r.buf[:n+k]
		if err != nil {
			r.eof = true
			if err != io.EOF {
				r.err = err
			}
		}
		if k > 0 || r.eof {
			return k > 0
		}
	}
	r.eof, r.err = true, io.ErrNoProgress
	return false
}

// at makes byte i of buf there.
func (r *reader) at(i int) bool {
	for i >= len(r.buf) {
		if !r.fill() {
			return false
		}
	}
	return true
}

// next returns the next row that is not blank; io.EOF at the end.
func (r *reader) next() (row, error) {
	for {
		if r.pos > 256<<10 {
			n := copy(r.buf, r.buf[r.pos:])
			r.buf, r.pos = r.buf[:n], 0
		}
		if !r.at(r.pos) {
			if r.err != nil {
				return row{}, r.err
			}
			return row{}, io.EOF
		}
		switch r.buf[r.pos] {
		case '\n':
			r.pos++
			r.line++
			continue
		case '\r':
			r.pos++
			if r.at(r.pos) && r.buf[r.pos] == '\n' {
				r.pos++
			}
			r.line++
			continue
		}
		out := row{line: r.line}
		cells, end, bad := r.split()
		if bad != "" {
			r.skipLine()
			out.bad = bad
			return out, r.err
		}
		if !utf8.Valid(r.buf[r.pos:end]) {
			r.legacy = true
			for i, c := range cells {
				if s, err := charmap.Windows1252.NewDecoder().String(c); err == nil {
					cells[i] = s
				}
			}
		}
		r.line += breaks(r.buf[r.pos:end])
		r.pos = end
		out.cells = cells
		return out, r.err
	}
}

// breaks counts line breaks: \n, \r\n and a \r by itself.
func breaks(b []byte) int {
	n := bytes.Count(b, []byte{'\n'})
	for i, c := range b {
		if c == '\r' && (i+1 == len(b) || b[i+1] != '\n') {
			n++
		}
	}
	return n
}

// split reads the cells of the row at pos and returns where the next row begins.
func (r *reader) split() (cells []string, end int, bad string) {
	i := r.pos
	for {
		if len(cells) > MaxColumns {
			return nil, 0, "too_many_cells"
		}
		if !r.at(i) { // after a comma at the very end
			return append(cells, ""), i, ""
		}
		var s string
		if r.buf[i] == '"' {
			if s, i, bad = r.quoted(i + 1); bad != "" {
				return nil, 0, bad
			}
		} else {
			k := i
			for {
				n := r.plain(r.buf[k:])
				if k += n; k-i > MaxCell {
					return nil, 0, "cell_too_large"
				}
				if k < len(r.buf) || !r.at(k) {
					break
				}
			}
			s, i = string(r.buf[i:k]), k
		}
		cells = append(cells, s)
		if i-r.pos > maxRow {
			return nil, 0, "row_too_large"
		}
		if !r.at(i) {
			return cells, i, ""
		}
		switch r.buf[i] {
		case r.comma:
			i++
			continue
		case '\r':
			if i++; r.at(i) && r.buf[i] == '\n' {
				i++
			}
		default: // '\n'
			i++
		}
		return cells, i, ""
	}
}

// plain is how many bytes go by before a cell or a row ends.
func (r *reader) plain(b []byte) int {
	for i, c := range b {
		if c == r.comma || c == '\n' || c == '\r' {
			return i
		}
	}
	return len(b)
}

// quoted reads a cell whose opening mark is before i, and returns where its
// separator stands.
func (r *reader) quoted(i int) (s string, end int, bad string) {
	r.cell = r.cell[:0]
	for {
		if !r.at(i) {
			return "", 0, "quote_open"
		}
		k := bytes.IndexByte(r.buf[i:], '"')
		if k < 0 {
			k = len(r.buf) - i
		}
		if len(r.cell)+k > MaxCell {
			return "", 0, "cell_too_large"
		}
		r.cell = append(r.cell, r.buf[i:i+k]...)
		if i += k; i >= len(r.buf) {
			continue
		}
		i++ // the mark
		if r.at(i) && r.buf[i] == '"' {
			r.cell = append(r.cell, '"')
			i++
			continue
		}
		for r.at(i) && r.buf[i] == ' ' && r.comma != ' ' {
			i++
		}
		if r.at(i) && r.buf[i] != r.comma && r.buf[i] != '\n' && r.buf[i] != '\r' {
			return "", 0, "quote_stray"
		}
		return string(r.cell), i, ""
	}
}

// skipLine goes on below the line that begins at pos.
func (r *reader) skipLine() {
	i := r.pos
	for {
		if k := bytes.IndexAny(r.buf[min(i, len(r.buf)):], "\r\n"); k >= 0 {
			i += k
			if r.buf[i] == '\r' && r.at(i+1) && r.buf[i+1] == '\n' {
				i++
			}
			r.pos = i + 1
			r.line++
			return
		}
		// The line is longer than what is held: let it go.
		r.buf, r.pos, i = r.buf[:0], 0, 0
		if !r.fill() {
			return
		}
	}
}
