package ui

import (
	"strconv"

	"kassavalv/internal/lang"
	"kassavalv/internal/web/static"

	"github.com/a-h/templ"
)

// Link is a place to go, as text.
type Link struct {
	Text, URL string
	Current   bool // aria-current="page"
}

// Image is a picture in up to three widths. Alt is what it shows, in words; an
// empty Alt marks it as decoration. Width and Height (pixels of URL) keep its
// place while it loads.
type Image struct {
	URL, SrcSet, Alt string
	Width, Height    int
}

// Tone is what a badge, bar or notice means; always said in words too.
type Tone string

// Tones.
const (
	Plain Tone = ""
	OK    Tone = "ok"
	Wait  Tone = "wait"
	Stop  Tone = "stop"
)

func (t Tone) icon() string {
	switch t {
	case OK:
		return "check"
	case Wait:
		return "clock"
	case Stop:
		return "warning"
	}
	return "info"
}

func toneClass(base string, t Tone) string {
	if t == Plain {
		return base
	}
	return base + " " + base + "--" + string(t)
}

// Pager is where one is in a list of pages. Pages of 0 or 1 render nothing.
type Pager struct {
	Items      []PagerItem
	Prev, Next string // URLs, empty at the ends
}

// PagerItem is a page number; a zero N is a gap.
type PagerItem struct {
	N       int
	URL     string
	Current bool
}

// NewPager lists the first and last page and those around current (1-based).
func NewPager(current, pages int, url func(page int) string) Pager {
	var p Pager
	if pages < 2 {
		return p
	}
	last := 0
	for n := 1; n <= pages; n++ {
		if n != 1 && n != pages && (n < current-1 || n > current+1) {
			continue
		}
		if n > last+1 {
			p.Items = append(p.Items, PagerItem{})
		}
		p.Items = append(p.Items, PagerItem{N: n, URL: url(n), Current: n == current})
		last = n
	}
	if current > 1 {
		p.Prev = url(current - 1)
	}
	if current < pages {
		p.Next = url(current + 1)
	}
	return p
}

// Column is the head of a table column.
type Column struct {
	Text    string
	Num     bool   // right-aligned figures
	SortURL string // empty: not sortable
	Sorted  string // "ascending", "descending" or ""
}

// Entry is a line of a timeline: what happened and when.
type Entry struct {
	At   string // as a person reads it
	ISO  string // for <time datetime>
	Text string
	More string
	Now  bool // the present step
}

// LangAttr marks text that is in another language than its page; empty when it is not.
func LangAttr(page, text lang.Lang) templ.Attributes {
	if text == "" || text == page.Or() {
		return nil
	}
	return templ.Attributes{"lang": string(text)}
}

func orText(s string) string {
	if s == "" {
		return "text"
	}
	return s
}

func orYes(s string) string {
	if s == "" {
		return "yes"
	}
	return s
}

func icon(name string) string { return static.URL("icons.svg") + "#" + name }

func itoa(n int) string { return strconv.Itoa(n) }

// Rich is formatted text that the one reviewed function (web/richtext) made safe.
type Rich = templ.Component
