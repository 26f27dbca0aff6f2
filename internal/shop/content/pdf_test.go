package content

import (
	"fmt"
	"strings"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/lang"
	"kassavalv/internal/pdf"
)

func TestPagesAsPaper(t *testing.T) {
	d := dbtest.SQLite(t, rooms)
	seed(t, d)
	for _, p := range firstPages {
		for _, l := range lang.All {
			page := read(t, d, func(q *db.Reader) (PageText, error) { return PageNow(q, p.handle, l) })
			doc := PDF(page, Example(), "https://shop.example")
			if b, err := pdf.Render(doc); err != nil || len(b) < 2000 {
				t.Errorf("%s %s: %d bytes, %v", p.handle, l, len(b), err)
			}
			s := fmt.Sprintf("%+v", doc.Blocks)
			for _, bad := range []string{`\_`, `\*`, "**", "](", "mailto:", "| ---"} {
				if strings.Contains(s, bad) {
					t.Errorf("%s %s shows %q", p.handle, l, bad)
				}
			}
		}
	}
	form := PDF(read(t, d, func(q *db.Reader) (PageText, error) { return PageNow(q, WithdrawalForm, lang.SV) }), Example(), "https://shop.example")
	fills := 0
	for _, b := range form.Blocks {
		if _, ok := b.(pdf.Fill); ok {
			fills++
		}
	}
	if fills != 7 {
		t.Errorf("%d lines to write on, want 7: %+v", fills, form.Blocks)
	}
	terms := fmt.Sprintf("%+v", PDF(read(t, d, func(q *db.Reader) (PageText, error) { return PageNow(q, Terms, lang.SV) }), Example(), "https://shop.example").Blocks)
	for _, want := range []string{"Ångra avtalet här (https://shop.example/withdraw)", "kundtjanst@forstukvist.example\nTelefon", "1.  Du lägger"} {
		if !strings.Contains(terms, want) {
			t.Errorf("the terms lack %q", want)
		}
	}
}

func FuzzPDF(f *testing.F) {
	f.Add("# a\n\n- b\n\n| x |\n| --- |\n| y |\n\n> [c](/d) **e**")
	f.Fuzz(func(t *testing.T, s string) {
		doc := PDF(PageText{Handle: Terms, Title: "T", Body: s[:min(len(s), 4000)]}, Example(), "https://shop.example")
		if _, err := pdf.Render(doc); err != nil && err != pdf.ErrTooLong {
			t.Error(err)
		}
	})
}
