package mail

import (
	_ "embed"
	"errors"
	"html/template"
	"net/url"
	"strings"
	"unicode/utf8"

	"kassavalv/internal/lang"
)

// Letter is the layout of all our mail: one column, our own style, no picture,
// nothing fetched from anywhere. Text and HTML say the same.
type Letter struct {
	Lang    lang.Lang
	Shop    string // above everything
	Title   string
	Preview string // what a list of mail shows after the subject; empty: none
	Parts   []Part
	Foot    []string // company facts, why this letter came
}

// Part is a part of a letter; exactly one of its fields is set.
type Part struct {
	Heading string
	Text    string // paragraphs are separated by empty lines
	Quote   string // words of others
	Button  *Button
	Pairs   []Pair
	Table   *Table
	Rule    bool
}

// Button is the only link in a letter.
type Button struct{ Label, URL string }

// Pair is a name and its value.
type Pair struct{ Key, Value string }

// Table is a list of goods and amounts; the last column is set to the right.
type Table struct {
	Head   []string
	Rows   [][]string
	Totals []Pair // the last one is strong
}

// ErrLink is a Button whose address is not http, https or mailto.
var ErrLink = errors.New("mail: this address must not be linked")

//go:embed letter.html
var letterHTML string

var letterTemplate = template.Must(template.New("letter").Funcs(template.FuncMap{
	"paragraphs": paragraphs,
	"lines":      func(s string) []string { return strings.Split(s, "\n") },
	"columns":    func(n int) int { return n - 1 },
}).Parse(letterHTML))

func paragraphs(s string) []string {
	var out []string
	for p := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n\n") {
		if p = strings.Trim(p, "\n"); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func (l Letter) check() error {
	for _, p := range l.Parts {
		if p.Button == nil {
			continue
		}
		u, err := url.Parse(p.Button.URL)
		if err != nil || !(u.Scheme == "https" || u.Scheme == "http") && u.Scheme != "mailto" || u.Scheme != "mailto" && u.Host == "" || u.User != nil ||
			CheckHeader(p.Button.URL, 2000) != nil || strings.ContainsAny(p.Button.URL, " <>\"") {
			return ErrLink
		}
	}
	return nil
}

// Body returns both parts of the letter.
func (l Letter) Body() (text, html string, err error) {
	if err := l.check(); err != nil {
		return "", "", err
	}
	l.Lang = l.Lang.Or()
	var b strings.Builder
	if err := letterTemplate.Execute(&b, l); err != nil {
		return "", "", err
	}
	return l.text(), b.String(), nil
}

// text is the plain part.
func (l Letter) text() string {
	var b strings.Builder
	say := func(s string) {
		if s != "" {
			b.WriteString(strings.ReplaceAll(s, "\r\n", "\n") + "\n\n")
		}
	}
	say(l.Shop)
	if l.Title != "" {
		say(l.Title + "\n" + strings.Repeat("=", min(utf8.RuneCountInString(l.Title), 70)))
	}
	for _, p := range l.Parts {
		if p.Heading != "" {
			say(p.Heading + "\n" + strings.Repeat("-", min(utf8.RuneCountInString(p.Heading), 70)))
		}
		say(strings.Join(paragraphs(p.Text), "\n\n"))
		if p.Quote != "" {
			say("> " + strings.ReplaceAll(strings.ReplaceAll(p.Quote, "\r\n", "\n"), "\n", "\n> "))
		}
		if p.Button != nil {
			say(p.Button.Label + ":\n" + p.Button.URL)
		}
		say(pairsText(p.Pairs))
		if p.Table != nil {
			var rows []string
			for _, r := range p.Table.Rows {
				rows = append(rows, strings.Join(r, "  |  "))
			}
			head := strings.Join(p.Table.Head, "  |  ")
			if head != "" {
				rows = append([]string{head}, rows...)
			}
			say(strings.Join(rows, "\n"))
			say(pairsText(p.Table.Totals))
		}
		if p.Rule {
			say(strings.Repeat("-", 40))
		}
	}
	if len(l.Foot) > 0 {
		// "-- " alone on a line marks a signature, which readers fold away.
		b.WriteString("-- \n" + strings.Join(l.Foot, "\n") + "\n")
	}
	return b.String()
}

func pairsText(ps []Pair) string {
	var out []string
	for _, p := range ps {
		v := strings.ReplaceAll(p.Value, "\n", "\n  ")
		out = append(out, p.Key+": "+v)
	}
	return strings.Join(out, "\n")
}
