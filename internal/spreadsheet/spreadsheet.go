// Package spreadsheet writes tables as files that spreadsheets open: CSV in UTF-8 with its mark,
// semicolons between cells (as Swedish spreadsheets part them), every cell quoted, lines
// ended by CR LF (RFC 4180).
//
// No cell is taken for a formula: one that begins as a formula could, also after spaces and in
// full width, has an apostrophe put in front, and so has one that begins with an apostrophe. Who
// reads the file back takes one apostrophe away from the front of a cell and has what was
// written.
//
// Tables: none. Every file of the shop that a spreadsheet may open goes through here.
package spreadsheet

import (
	"bufio"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Type is the content type of a file.
const Type = "text/csv; charset=utf-8"

// Writer writes one table. A fault of what it writes to stays until Flush tells.
type Writer struct{ b *bufio.Writer }

// New begins a file.
func New(w io.Writer) *Writer {
	b := bufio.NewWriter(w)
	b.WriteString("\ufeff") // spreadsheets take the file for UTF-8 by it
	return &Writer{b}
}

// Row writes a row. All rows of a file MUST have as many cells.
func (w *Writer) Row(cells ...string) {
	for i, c := range cells {
		if i > 0 {
			w.b.WriteByte(';')
		}
		w.b.WriteByte('"')
		w.b.WriteString(strings.ReplaceAll(guard(c), `"`, `""`))
		w.b.WriteByte('"')
	}
	w.b.WriteString("\r\n")
}

// Flush writes what is left, and tells what went wrong.
func (w *Writer) Flush() error { return w.b.Flush() }

// begins are the signs by which spreadsheets know formulas, and the sign that guards.
const begins = `=+-@|%'＝＋－＠｜％`

// guard keeps a cell from being taken for a formula.
func guard(s string) string {
	first, _ := utf8.DecodeRuneInString(s)
	seen, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) }))
	if s != "" && (unicode.IsControl(first) || strings.ContainsRune(begins, seen)) {
		return "'" + s
	}
	return s
}
