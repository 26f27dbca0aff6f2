package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// tool runs a program of poppler over the document, a reader that is not ours.
func tool(t testing.TB, name string, data []byte, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is not installed: install the package poppler-utils", name)
	}
	path := filepath.Join(t.TempDir(), "doc.pdf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, a := range args {
		if a == "FILE" {
			args[i] = path
		}
	}
	var stderr bytes.Buffer
	c := exec.Command(name, args...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v %s", name, err, stderr.String())
	}
	return string(out)
}

func text(t testing.TB, data []byte) string {
	return tool(t, "pdftotext", data, "-layout", "FILE", "-")
}

func must(t testing.TB, d Doc) []byte {
	t.Helper()
	b, err := Render(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func receipt() Doc {
	return Doc{
		Title: "Kvitto 1001", Lang: "sv", Author: "Ängens Verkstad AB", Date: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC),
		Footer: "Ängens Verkstad AB · 556000-0000", PageOf: "Sida {n} av {m}",
		Blocks: []Block{
			Heading{1, "Kvitto"},
			Pairs{{"Ordernummer", "KV-4711"}, {"Datum", "20 november 2026"}},
			Sides{"Leveransadress", "Åsa Öberg\nStorgatan 1\n123 45 Orsa", "Faktureringsadress", "Samma"},
			Table{Columns: []Column{{Title: "Vara", Width: 5}, {Title: "Antal", Width: 1, Right: true}, {Title: "Pris", Width: 2, Right: true}},
				Rows: [][]string{{"Älgmugg, blå", "2", "1\u00a0299,50\u00a0kr"}, {"Öronlappsfåtölj", "1", "8\u00a0999\u00a0kr"}}},
			Totals{{"Varav moms 25 %", "2\u00a0319,60\u00a0kr", false}, {"Att betala", "11\u00a0598\u00a0kr", true}},
			Rule{}, Small{"Tack för ditt köp."}, Fill{"Namn och underskrift"}, Space(10),
			Code128{"KV-4711"}, QR{"https://example.test/orders/abc"},
			Paragraph{Text: "Ångerrätt i 14 dagar.", Bold: true},
		},
	}
}

func TestReceipt(t *testing.T) {
	data := must(t, receipt())
	s := text(t, data)
	for _, want := range []string{"Kvitto", "KV-4711", "Åsa Öberg", "Älgmugg, blå", "Öronlappsfåtölj", "Att betala", "Sida 1 av 1", "Ångerrätt i 14 dagar.", "556000-0000", "Namn och underskrift"} {
		if !strings.Contains(s, want) {
			t.Errorf("%q is missing in\n%s", want, s)
		}
	}
	if plain := strings.ReplaceAll(s, "\u00a0", " "); !strings.Contains(plain, "11 598 kr") || !strings.Contains(plain, "1 299,50 kr") {
		t.Error(s)
	}
	fonts := strings.Split(strings.TrimSpace(tool(t, "pdffonts", data, "FILE")), "\n")[2:]
	if len(fonts) != 2 {
		t.Fatal(fonts)
	}
	for _, f := range fonts {
		if c := strings.Fields(f); c[len(c)-5] != "yes" || c[len(c)-3] != "yes" { // embedded, with Unicode
			t.Error(f)
		}
	}
	info := tool(t, "pdfinfo", data, "FILE")
	for _, want := range []string{"Kvitto 1001", "Ängens Verkstad AB", "A4", "JavaScript:      no", "Form:            none", "Encrypted:       no"} {
		if !strings.Contains(info, want) {
			t.Errorf("%q is missing in\n%s", want, info)
		}
	}
	if !bytes.Contains(data, []byte("/Lang <FEFF00730076>")) {
		t.Error("no language")
	}
}

func TestSameDocSameBytes(t *testing.T) {
	a := must(t, receipt())
	for range 5 {
		if !bytes.Equal(a, must(t, receipt())) {
			t.Fatal("other bytes")
		}
	}
	other := receipt()
	other.Title = "Kvitto 1002"
	if bytes.Equal(a, must(t, other)) {
		t.Fatal("another title, the same bytes")
	}
}

func TestPages(t *testing.T) {
	var rows [][]string
	for i := range 200 {
		rows = append(rows, []string{fmt.Sprintf("rad%03d och lite mer text som bryts över flera rader i sin smala spalt", i), "1", "10 kr"})
	}
	d := Doc{PageOf: "Sida {n} av {m}", Blocks: []Block{Table{Columns: []Column{{Title: "Vara", Width: 2}, {Title: "Antal", Width: 1, Right: true}, {Title: "Pris", Width: 1, Right: true}}, Rows: rows}}}
	pages := strings.Split(strings.TrimSuffix(text(t, must(t, d)), "\f"), "\f")
	if len(pages) < 5 {
		t.Fatal(len(pages))
	}
	for i, p := range pages {
		if !strings.Contains(p, fmt.Sprintf("Sida %d av %d", i+1, len(pages))) || !strings.Contains(p, "Antal") {
			t.Errorf("page %d has no foot or no head:\n%s", i+1, p)
		}
	}
	all := strings.Join(pages, "")
	for i := range rows {
		if strings.Count(all, fmt.Sprintf("rad%03d", i)) != 1 {
			t.Fatal("row", i)
		}
	}
	// One row longer than a page, a paragraph of many pages, a heading at the end.
	long := strings.Repeat("ord ", 6000)
	d.Blocks = []Block{Table{Columns: []Column{{Title: "a"}, {Title: "b"}}, Rows: [][]string{{long, "x"}}}, Paragraph{Text: long}, Heading{2, "Slut"}}
	if s := text(t, must(t, d)); strings.Count(s, "ord") != 12000 || !strings.Contains(s, "Slut") {
		t.Fatal(strings.Count(s, "ord"))
	}
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		b    Block
		want error
	}{
		"text":         {Paragraph{Text: strings.Repeat("a", MaxText+1)}, ErrTooLong},
		"pages":        {Paragraph{Text: strings.Repeat("\n", MaxPages*80)}, ErrTooLong},
		"no columns":   {Table{}, ErrTooLong},
		"wide row":     {Table{Columns: []Column{{}}, Rows: [][]string{{"a", "b"}}}, ErrTooLong},
		"barcode":      {Code128{"åäö"}, ErrBarcode},
		"empty code":   {Code128{""}, ErrBarcode},
		"long code":    {Code128{strings.Repeat("1", 49)}, ErrBarcode},
		"empty square": {QR{""}, ErrBarcode},
		"long square":  {QR{strings.Repeat("a", 801)}, ErrBarcode},
	} {
		if _, err := Render(Doc{Blocks: []Block{c.b}}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Render(Doc{Blocks: []Block{QR{strings.Repeat("å", 400)}, Code128{strings.Repeat("~", 48)}, Code128{" !\"#$%&'()*+,-./0123456789"}}}); err != nil {
		t.Error(err)
	}
}

func TestWhatFontsLack(t *testing.T) {
	for in, want := range map[string]string{
		"日本":                  "□□",
		"a😀b":                 "a□b",
		"A\u030a":             "Å",
		"x\u202etxt.exe":      "xtxt.exe",
		"a\u200bb\ufeff":      "ab",
		"a\x00b\tc":           "ab c",
		"a\xffb":              "a□b",
		"rad\r\nrad\u2028r\r": "rad\nrad\nr\n",
		"Łódź Ωμέγα Привет":   "Łódź Ωμέγα Привет",
		"€ § – ” … ½ ‰":       "€ § – ” … ½ ‰",
	} {
		if got := regular.clean(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
		if got := bold.clean(in); got != want {
			t.Errorf("bold %q: %q", in, got)
		}
	}
	s := text(t, must(t, Doc{Blocks: []Block{Paragraph{Text: "(a) Tj ET <</JS (x)>> endstream 日"}, Heading{1, "Łódź ‰"}}}))
	if !strings.Contains(s, "(a) Tj ET <</JS (x)>> endstream □") || !strings.Contains(s, "Łódź ‰") {
		t.Error(s)
	}
}

func TestWrap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringOf(rapid.SampledFrom([]rune("aåWil \n\u00a0é中\u0301"))).Draw(t, "text")
		width := rapid.Float64Range(0.5, 80).Draw(t, "width")
		clean := regular.clean(in)
		lines := regular.wrap(clean, 10, width)
		for _, l := range lines {
			if w := regular.width(l, 10); w > width && len([]rune(l)) > 2 {
				t.Fatalf("%q is %f wide, not %f", l, w, width)
			}
		}
		strip := strings.NewReplacer(" ", "", "\n", "")
		if strip.Replace(strings.Join(lines, "")) != strip.Replace(clean) {
			t.Fatalf("%q became %q", clean, lines)
		}
	})
}

// Nothing may stand outside the page's margins.
func TestInsideMargins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		str := rapid.StringN(0, 60, 400)
		var blocks []Block
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			switch rapid.IntRange(0, 7).Draw(t, "kind") {
			case 0:
				blocks = append(blocks, Heading{rapid.IntRange(1, 2).Draw(t, "level"), str.Draw(t, "s")})
			case 1:
				blocks = append(blocks, Paragraph{Text: str.Draw(t, "s")})
			case 2:
				blocks = append(blocks, Pairs{{str.Draw(t, "k"), str.Draw(t, "v")}})
			case 3:
				blocks = append(blocks, Table{Columns: []Column{{Title: str.Draw(t, "c"), Width: 3}, {Title: str.Draw(t, "c"), Width: 1, Right: true}}, Rows: [][]string{{str.Draw(t, "s"), str.Draw(t, "s")}, {}}})
			case 4:
				blocks = append(blocks, Totals{{str.Draw(t, "k"), str.Draw(t, "v"), true}})
			case 5:
				blocks = append(blocks, Sides{str.Draw(t, "a"), str.Draw(t, "b"), str.Draw(t, "c"), str.Draw(t, "d")})
			case 6:
				blocks = append(blocks, Space(rapid.Float64Range(-10, 900).Draw(t, "space")), Rule{})
			case 7:
				blocks = append(blocks, QR{str.Draw(t, "q") + "x"}, Fill{"f"})
			}
		}
		l := &layout{}
		l.newPage()
		for _, b := range blocks {
			if err := b.lay(l); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range l.pages {
			for _, o := range p {
				right := o.x + o.w
				if o.text != "" {
					right = o.x + o.face.width(o.text, o.size)
				}
				if o.x < marginX-0.01 || right > pageW-marginX+0.01 || o.y < marginTop-0.01 || o.y+o.h > bottom+10 {
					t.Fatalf("%+v is outside", o)
				}
			}
		}
	})
}

func FuzzRender(f *testing.F) {
	for _, s := range []string{"hej", "日本\u202e", strings.Repeat("W", 3000), "(\\)<>%\x00", "\r\n\n", "e\u0301\u0301\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 5000 {
			return
		}
		d := Doc{Title: s, Author: s, Lang: s, Footer: s, PageOf: s, Blocks: []Block{Heading{1, s}, Paragraph{Text: s}, Pairs{{s, s}},
			Table{Columns: []Column{{Title: s}, {Title: s, Right: true}}, Rows: [][]string{{s, s}}}, Totals{{s, s, true}}, Small{s}}}
		a, err := Render(d)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := Render(d); err != nil || !bytes.Equal(a, b) {
			t.Fatal("not the same bytes", err)
		}
	})
}
