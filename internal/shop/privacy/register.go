package privacy

import (
	"encoding/json"
	"io"
	"strings"

	"kassavalv/internal/datamap"
	"kassavalv/internal/lang"
	"kassavalv/internal/spreadsheet"
)

// Words are a category in sentences.
type Words struct {
	Key, Name, Why, What, Basis, Kept, From, To, Who string
	Place                                            string // tables and columns
	Guard                                            string // how it is kept
}

// Describe puts a category of the map into words, with the span that the operator has set.
func (d *Desk) Describe(l lang.Lang, c datamap.Category) Words {
	if d != nil {
		for _, k := range d.Kept {
			if k.Rule == c.Keep.Rule {
				c.Keep = k
			}
		}
	}
	list := func(prefix string, keys []string) string {
		var out []string
		for _, k := range keys {
			out = append(out, lang.T(l, prefix+k))
		}
		return lang.List(l, out)
	}
	var what, from, to, place []string
	for _, x := range datamap.ClassesOf(c.Key) {
		what = append(what, string(x))
	}
	from = append(from, string(c.From))
	for _, x := range c.Also {
		from = append(from, string(x))
	}
	for _, x := range c.To {
		to = append(to, string(x))
	}
	sealed, open := false, false
	for _, h := range datamap.Holdings(c.Key) {
		place = append(place, h.Table+"."+h.Name)
		sealed = sealed || h.Kind == datamap.SealedKind || h.Kind == datamap.BooksKind
		open = open || h.Kind == datamap.OpenKind
	}
	guard := "data.guard.open"
	if sealed && open {
		guard = "data.guard.both"
	} else if sealed {
		guard = "data.guard.sealed"
	}
	return Words{Key: c.Key, Name: lang.T(l, "data."+c.Key+".name"), Why: lang.T(l, "data."+c.Key+".why"), What: list("data.class.", what), Basis: lang.T(l, "data.basis."+string(c.Basis)),
		Kept: lang.T(l, "data.kept."+c.Keep.Rule, "span", Span(l, c.Keep)), From: list("data.from.", from), To: list("data.to.", to), Who: lang.T(l, "data.who."+string(c.Who)),
		Place: strings.Join(place, ", "), Guard: lang.T(l, guard)}
}

// Span is a span of time in words: "3 år och 2 månader", "30 dagar".
func Span(l lang.Lang, k datamap.Keep) string {
	if k.Days > 0 && k.Days%365 == 0 {
		return lang.N(l, "data.span.years", k.Days/365)
	}
	if k.Days > 0 {
		return lang.N(l, "data.span.days", k.Days)
	}
	y, m := k.Months/12, k.Months%12
	switch {
	case y > 0 && m > 0:
		return lang.T(l, "data.span.and", "a", lang.N(l, "data.span.years", y), "b", lang.N(l, "data.span.months", m))
	case y > 0:
		return lang.N(l, "data.span.years", y)
	}
	return lang.N(l, "data.span.months", m)
}

// Register is the register of processing (art. 30.1): every category in words. who narrows it; empty: all.
func (d *Desk) Register(l lang.Lang, who datamap.Subject) (out []Words) {
	for _, c := range datamap.Categories() {
		if who == "" || c.Who == who {
			out = append(out, d.Describe(l, c))
		}
	}
	return out
}

var registerColumns = []string{"key", "who", "name", "why", "what", "basis", "kept", "from", "to", "guard", "place"}

func (w Words) row() []string {
	return []string{w.Key, w.Who, w.Name, w.Why, w.What, w.Basis, w.Kept, w.From, w.To, w.Guard, w.Place}
}

// WriteCSV writes the register as a file for a spreadsheet, with a first row of names.
func (d *Desk) WriteCSV(w io.Writer, l lang.Lang) error {
	s := spreadsheet.New(w)
	var head []string
	for _, k := range registerColumns {
		head = append(head, lang.T(l, "data.column."+k))
	}
	s.Row(head...)
	for _, x := range d.Register(l, "") {
		s.Row(x.row()...)
	}
	return s.Flush()
}

// WriteJSON writes the register with the names of registerColumns.
func (d *Desk) WriteJSON(w io.Writer, l lang.Lang, controller map[string]string) error {
	rows := []map[string]string{}
	for _, x := range d.Register(l, "") {
		m := map[string]string{}
		for i, v := range x.row() {
			m[registerColumns[i]] = v
		}
		rows = append(rows, m)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"controller": controller, "processing": rows})
}
