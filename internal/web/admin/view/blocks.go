package view

import (
	"github.com/a-h/templ"

	"kassavalv/internal/lang"
	"kassavalv/internal/web/ui"
)

// Shell is what stands around every page.
type Shell struct {
	Lang     lang.Lang
	Path     string // the page's own path without language prefix, with its query
	Title    string
	Shop     string
	Nav      []NavGroup
	Me       string // name of who is signed in; empty: nobody, the page has no menu
	Role     string
	Crumbs   []ui.Link
	Flash    string
	SheetURL string
	Script   string          // address of the passkey module; empty: none
	Head     templ.Component // beside the heading: the page's main action; may be nil
	Lead     string          // one sentence under the heading
	Failed   bool            // the form on it was not taken: said first in the title
	Clone    bool            // a copy of a shop, for trying things out
	Feels    string          // address of the form of "something feels wrong"; empty: none
}

// NavGroup is a part of the menu under a heading; without Text it has none.
type NavGroup struct {
	Key, Text string
	Entries   []Nav
}

// Nav is an entry of the menu.
type Nav struct {
	Text, URL, Icon string
	Current         bool
	Back            bool // not in the bar of a phone
	Phone           bool // only there
}

// Block is a part of a page.
type Block = templ.Component

// Cell is one cell of a table. Tone makes a badge of its text.
type Cell struct {
	Text, Sub, URL string
	Num            bool
	Badge          bool
	Tone           ui.Tone
	Lang           lang.Lang // of Text when it is not the page's
	Image          ui.Image
	Block          Block // instead of text
}

func (c Cell) empty() bool {
	return (c.Text == "" || c.Text == "–") && c.Sub == "" && c.Block == nil && c.Image.URL == ""
}

// Row is one line of a table.
type Row struct {
	Cells []Cell
	Tone  ui.Tone
}

// Table is a list with its filters, its next page and what it says when empty.
type Table struct {
	Caption  string
	Cols     []ui.Column
	Rows     []Row
	Empty    string // sentence when there is nothing
	EmptyURL string // where to go then, and its words
	EmptyGo  string
	Next     string // address of the older ones
	First    string // address of the newest, when this is not the first page
}

// Pair is a name and what belongs to it.
type Pair struct {
	Key   string
	Value string
	Sub   string
	URL   string
	Block Block
}

// Tile is a figure of the start page that leads somewhere.
type Tile struct {
	Label, Value, Note, URL string
	Tone                    ui.Tone
}

// Field kinds of a Form.
const (
	Text    = ""
	Area    = "area"
	Select  = "select"
	Box     = "box"     // one check box
	Boxes   = "boxes"   // several of one name
	Radios  = "radios"  // one of several
	File    = "file"    //
	Note    = "note"    // a sentence between the fields: Label
	Heading = "heading" // a heading between the fields: Label
)

// Field is one field of a Form.
type Field struct {
	ui.Input
	Kind    string
	Options []ui.Option
	Checked bool
	Half    bool // two beside each other where there is room
	Accept  string
	Many    bool
	Focus   bool
}

// Form is a form with its fields. Name is unique on the page.
type Form struct {
	Action string
	Submit string
	Danger bool // the button is the red, quiet one
	Quiet  bool // the button is not the page's main one
	Hidden []Pair
	Fields []Field
	Form   ui.Form // typed values and errors
	Upload bool
	Method string // "post" if empty
	Inline bool   // fields and button in one row
	Also   Block  // beside the button
}

func filterMethod(f Form) string {
	if f.Method == "" {
		return "get"
	}
	return f.Method
}

// Sight is the line above a person's details: hidden, with the reasons they can be
// shown for, or shown.
type Sight struct {
	Text    string
	Open    bool
	Hidden  []Pair
	Reasons []Pair // key and the words of its button
	Other   Block  // the form with every reason
}

// Button is a form of one button.
type Button struct {
	Action, Text string
	Title        string // for readers, when Text says too little out of its row
	Danger       bool
	Link         bool // looks like a link
	Main         bool // the pine one
	Hidden       []Pair
}

func (f Form) method() string {
	if f.Method == "" {
		return "post"
	}
	return f.Method
}

// field is the input as the form fills it. What does not say what it is about is
// about the shop: browsers must not offer the member's own name or address there.
func (f Form) field(x Field) ui.Input {
	i := f.Form.Field(x.Input)
	if i.Autocomplete == "" && x.Kind != Select {
		i.Autocomplete = "off"
	}
	return i
}

func (f Form) checked(x Field) bool {
	if f.Form.Values == nil {
		return x.Checked
	}
	return f.Form.Values[x.Name] != ""
}

func (f Form) hasHalf() bool {
	for _, x := range f.Fields {
		if x.Half {
			return true
		}
	}
	return false
}

func href(l lang.Lang, path string) templ.SafeURL {
	if len(path) > 0 && path[0] == '/' {
		return templ.SafeURL(lang.Path(l, path))
	}
	return templ.URL(path)
}

func nums(cols []ui.Column, i int, c Cell) bool { return c.Num || i < len(cols) && cols[i].Num }

func label(cols []ui.Column, i int) string {
	if i < len(cols) {
		return cols[i].Text
	}
	return ""
}

func lineClass(t ui.Tone) string {
	if t == ui.Plain {
		return ""
	}
	return "is-" + string(t)
}

func buttonClass(b Button) string {
	switch {
	case b.Link && b.Danger:
		return "link link--quiet link--stop"
	case b.Link:
		return "link link--quiet"
	case b.Danger:
		return "btn btn--small btn--danger"
	case b.Main:
		return "btn btn--small"
	}
	return "btn btn--small btn--quiet"
}

func submitClass(f Form) string {
	switch {
	case f.Danger:
		return "btn btn--danger"
	case f.Quiet:
		return "btn btn--quiet"
	}
	return "btn"
}
