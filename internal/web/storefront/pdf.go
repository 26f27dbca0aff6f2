package storefront

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/pdf"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/notice"
	"kassavalv/internal/web"
	"kassavalv/internal/web/richtext"
)

// writePDF answers with a document to keep.
func (s *Store) writePDF(w http.ResponseWriter, r *web.Request, d pdf.Doc, name string) error {
	if err := r.Context().Err(); err != nil {
		return err
	}
	b, err := pdf.Render(d)
	if err != nil {
		return err
	}
	web.Attach(w, name)
	return web.Bytes(w, r, http.StatusOK, "application/pdf", b)
}

// documentPDF is "/orders/{token}/documents/{document}/pdf".
func (s *Store) documentPDF(w http.ResponseWriter, r *web.Request) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (paper, error) { return s.paperOf(q, r) })
	if err != nil {
		return err
	}
	d := notice.ReceiptDoc(p.order, p.doc, p.contact, p.company, r.Lang)
	return s.writePDF(w, r, d, notice.FileName(p.order, p.doc, r.Lang))
}

// contentPDF is "/pages/{handle}/pdf": the terms and the other legal texts, to keep.
func (s *Store) contentPDF(w http.ResponseWriter, r *web.Request) error {
	type result struct {
		text    content.PageText
		company content.CompanyFacts
	}
	x, err := read(s, context.WithoutCancel(r.Context()), func(q *db.Reader) (x result, err error) {
		if x.text, err = content.PageNow(q, r.PathValue("handle"), r.Lang); err != nil {
			return
		}
		if x.company, err = content.Company(q); errors.Is(err, db.ErrNotFound) {
			err = nil
		}
		return
	})
	if err != nil {
		return err
	}
	if x.text.Kind != content.Legal || x.text.Handle != r.PathValue("handle") {
		return fault.NotFound()
	}
	l := x.text.Lang
	d := pdf.Doc{Title: x.text.Title, Lang: string(l), Date: x.text.ValidFrom, Author: x.company.Shop, Footer: x.company.Name + ", " + x.company.OrgNumber, PageOf: lang.T(l, "fulfilment.slip.page")}
	d.Blocks = append(d.Blocks, pdf.Heading{Level: 1, Text: x.text.Title}, pdf.Small{Text: lang.T(l, "content.updated", "date", lang.DateYear(l, x.text.ValidFrom)) + " " + lang.T(l, "content.version", "version", x.text.VersionString())})
	d.Blocks = append(d.Blocks, blocks(x.text.Body)...)
	if x.text.Handle == content.Privacy {
		d.Blocks = append(d.Blocks, pdf.Heading{Level: 2, Text: lang.T(l, "page.register")}, pdf.Paragraph{Text: lang.T(l, "page.register.lead")})
		for _, p := range s.register(l) {
			var facts pdf.Pairs
			for _, f := range p.Facts {
				facts = append(facts, pdf.Pair{Key: f.Name, Value: f.Text})
			}
			d.Blocks = append(d.Blocks, pdf.Heading{Level: 2, Text: p.Name}, facts)
		}
	}
	return s.writePDF(w, r, d, x.text.Handle+"-"+x.text.VersionString()+".pdf")
}

// blocks turns the plain Markdown of our texts into blocks of a document:
// headings, paragraphs, lists and tables. Marks inside a line are dropped.
func blocks(markdown string) []pdf.Block {
	var out []pdf.Block
	var para []string
	flush := func() {
		if len(para) > 0 {
			out = append(out, pdf.Paragraph{Text: strings.Join(para, "\n")})
			para = nil
		}
	}
	lines := strings.Split(markdown, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		switch {
		case line == "":
			flush()
		case strings.HasPrefix(line, "#"):
			flush()
			out = append(out, pdf.Heading{Level: 2, Text: plain(strings.TrimLeft(line, "# "))})
		case strings.HasPrefix(line, "|"):
			flush()
			var rows [][]string
			for ; i < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[i]), "|"); i++ {
				if cells := cellsOf(lines[i]); cells != nil {
					rows = append(rows, cells)
				}
			}
			i--
			out = append(out, tableOf(rows))
		case strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "* "):
			flush()
			out = append(out, pdf.Paragraph{Text: "– " + plain(line[2:])})
		default:
			hard := strings.HasSuffix(line, "\\")
			text := plain(strings.TrimSuffix(line, "\\"))
			if n := len(para); n > 0 && !strings.HasSuffix(para[n-1], "\n") {
				para[n-1] += " " + text
			} else {
				if n > 0 {
					para[n-1] = strings.TrimSuffix(para[n-1], "\n")
				}
				para = append(para, text)
			}
			if hard {
				para[len(para)-1] += "\n"
			}
		}
	}
	flush()
	return out
}

// plain is a line without its marks.
func plain(s string) string {
	// A number at the beginning is no list to Plain, which would take it away.
	if n := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }); n > 0 && strings.HasPrefix(s[n:], ". ") {
		return s[:n+2] + richtext.Plain(s[n+2:], 10_000)
	}
	return richtext.Plain(s, 10_000)
}

// cellsOf are the cells of a table's line; nil for the line below the head.
func cellsOf(line string) []string {
	var out []string
	rule := true
	for c := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
		c = strings.TrimSpace(c)
		rule = rule && strings.Trim(c, "-: ") == ""
		out = append(out, plain(c))
	}
	if rule {
		return nil
	}
	return out
}

func tableOf(rows [][]string) pdf.Block {
	if len(rows) == 0 {
		return pdf.Space(0)
	}
	t := pdf.Table{}
	for _, c := range rows[0] {
		t.Columns = append(t.Columns, pdf.Column{Title: c})
	}
	for _, r := range rows[1:] {
		t.Rows = append(t.Rows, r[:min(len(r), len(t.Columns))])
	}
	return t
}
