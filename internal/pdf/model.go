package pdf

import (
	"errors"
	"time"
)

// Errors of Render.
var (
	ErrTooLong = errors.New("pdf: more than the page or text limit")
	ErrBarcode = errors.New("pdf: this cannot be a barcode")
)

// Limits of a document.
const (
	MaxPages = 300
	MaxText  = 2 << 20 // bytes of all texts together
)

// Doc is a document on A4 pages.
type Doc struct {
	Title  string
	Lang   string    // BCP 47, for readers aloud: "sv"
	Date   time.Time // of the matter, not of the printing; zero: none
	Author string    // the shop
	Footer string    // one line at the left of each page's foot
	PageOf string    // at its right: "Sida {n} av {m}"; empty: none
	Blocks []Block
}

// Block is a part of a document, from top to bottom.
type Block interface{ lay(*layout) error }

// Heading is a title; Level 1 is the document's own, 2 a section's.
type Heading struct {
	Level int
	Text  string
}

// Paragraph is running text; "\n" ends a line.
type Paragraph struct {
	Text string
	Bold bool
}

// Small is small print.
type Small struct{ Text string }

// Pair is a name and its value.
type Pair struct{ Key, Value string }

// Pairs are names with their values beside them.
type Pairs []Pair

// Sides are two texts beside each other, for instance addresses. Titles may be
// empty.
type Sides struct{ LeftTitle, Left, RightTitle, Right string }

// Column of a Table.
type Column struct {
	Title string
	Width float64 // share of the page; all 0: equal
	Right bool    // figures
}

// Table has a head that comes again on each page. A row may have fewer cells
// than there are columns; more are ErrTooLong.
type Table struct {
	Columns []Column
	Rows    [][]string
}

// Total is one line of Totals.
type Total struct {
	Label, Value string
	Strong       bool
}

// Totals are figures at the right, kept together on a page.
type Totals []Total

// Rule is a line across the page.
type Rule struct{}

// Space is empty height in points.
type Space float64

// Fill is a line to write on by hand, with what belongs there below it.
type Fill struct{ Label string }

// Code128 is a barcode of printable ASCII, 48 characters at most, with the
// text below.
type Code128 struct{ Value string }

// QR is a square code of at most 800 bytes.
type QR struct{ Value string }
