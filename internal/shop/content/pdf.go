package content

import (
	"fmt"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"kassavalv/internal/lang"
	"kassavalv/internal/pdf"
)

var markdown = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough))

// PDF is a page as a paper: what is attached to an order's confirmation, and what
// "Save as PDF" gives. Addresses of links stand in brackets after their words, complete
// with base (the shop's public address, without a slash at the end). Lines of the
// withdrawal form that end in a colon become lines to write on.
func PDF(p PageText, c CompanyFacts, base string) pdf.Doc {
	l := p.Lang.Or()
	d := pdf.Doc{Title: p.Title, Lang: string(l), Date: p.ValidFrom, Author: c.Shop, Footer: c.Name + ", " + c.OrgNumber, PageOf: lang.T(l, "content.doc.page")}
	d.Blocks = append(d.Blocks, pdf.Heading{Level: 1, Text: p.Title},
		pdf.Small{Text: lang.T(l, "content.doc.version", "version", p.VersionString(), "date", lang.DateYear(l, p.ValidFrom))})
	src := []byte(p.Body)
	w := paper{src: src, base: base, form: p.Handle == WithdrawalForm}
	w.blocks(markdown.Parser().Parse(text.NewReader(src)), "")
	d.Blocks = append(d.Blocks, w.out...)
	return d
}

type paper struct {
	src  []byte
	base string
	form bool
	out  []pdf.Block
}

func (w *paper) add(b pdf.Block) { w.out = append(w.out, b) }

func (w *paper) blocks(n ast.Node, indent string) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Heading:
			w.add(pdf.Heading{Level: 2, Text: w.inline(c)})
		case *ast.Paragraph, *ast.TextBlock:
			s := w.inline(c)
			if label, ok := strings.CutSuffix(s, ":"); ok && w.form && len(label) < 100 && !strings.ContainsAny(label, "@\n") {
				w.add(pdf.Fill{Label: label})
			} else {
				w.add(pdf.Paragraph{Text: indent + s})
			}
		case *ast.List:
			w.list(c, indent)
		case *ast.Blockquote:
			w.blocks(c, indent)
		case *ast.ThematicBreak:
			w.add(pdf.Rule{})
		case *extast.Table:
			w.table(c)
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			var b strings.Builder
			for i := range c.Lines().Len() {
				seg := c.Lines().At(i)
				b.Write(seg.Value(w.src))
			}
			w.add(pdf.Paragraph{Text: strings.TrimRight(b.String(), "\n")})
		}
	}
}

func (w *paper) list(l *ast.List, indent string) {
	i := l.Start
	for item := l.FirstChild(); item != nil; item = item.NextSibling() {
		mark := "•  "
		if l.IsOrdered() {
			mark = fmt.Sprintf("%d.  ", i)
			i++
		}
		for c := item.FirstChild(); c != nil; c = c.NextSibling() {
			if sub, ok := c.(*ast.List); ok {
				w.list(sub, indent+"    ")
				continue
			}
			w.add(pdf.Paragraph{Text: indent + mark + w.inline(c)})
			mark = "   "
		}
	}
}

func (w *paper) table(t *extast.Table) {
	var out pdf.Table
	for row := t.FirstChild(); row != nil; row = row.NextSibling() {
		var cells []string
		for c := row.FirstChild(); c != nil; c = c.NextSibling() {
			cells = append(cells, w.inline(c))
		}
		if _, ok := row.(*extast.TableHeader); ok {
			for _, s := range cells {
				out.Columns = append(out.Columns, pdf.Column{Title: s})
			}
			continue
		}
		out.Rows = append(out.Rows, cells[:min(len(cells), len(out.Columns))])
	}
	w.add(out)
}

// inline is the text of a node without its marks.
func (w *paper) inline(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(unescape(c.Segment.Value(w.src)))
			if c.HardLineBreak() {
				b.WriteByte('\n')
			} else if c.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.Link:
			words, to := w.inline(c), string(c.Destination)
			b.WriteString(words)
			if strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") {
				to = w.base + to
			}
			to = strings.TrimPrefix(strings.TrimPrefix(to, "mailto:"), "tel:")
			if short := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(to, "https://"), "http://"), "www."); short != words && to != words {
				b.WriteString(" (" + to + ")")
			}
		case *ast.AutoLink:
			b.Write(c.URL(w.src))
		case *ast.RawHTML, *ast.Image: // the faces do not show these either
		default:
			b.WriteString(w.inline(c))
		}
	}
	return b.String()
}

// unescape takes the backslash of Markdown off punctuation.
func unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", s[i+1]) >= 0 {
			i++
		}
		out = append(out, s[i])
	}
	return out
}
