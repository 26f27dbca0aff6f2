package intake

import (
	"bytes"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"pgregory.net/rapid"
)

func TestMarkdown(t *testing.T) {
	for _, c := range []struct {
		in     string
		breaks bool
		want   string
	}{
		{"<p>En <b>fin</b> mugg</p>", false, "En **fin** mugg"},
		{"<p>Ett</p><p>Två<br>rader</p>", false, "Ett\n\nTvå\\\nrader"},
		{"En rad.\nEn till.\n\nEtt stycke.", false, "En rad.\\\nEn till.\n\nEtt stycke."},
		{"<b>Ett</b>\nrad", false, "**Ett** rad"},
		{"<b>Ett</b>\nrad", true, "**Ett**\\\nrad"},
		{"<ul><li>A</li><li>B<ul><li>C</li></ul></li></ul><p>D</p>", false, "- A\n- B\n   - C\n\nD"},
		{"<ol><li>A</li><li>B</li></ol>", false, "1. A\n2. B"},
		{"<h1>Titel</h1><h3>Under</h3>text", false, "## Titel\n\n### Under\n\ntext"},
		{"<blockquote><p>Citat</p></blockquote>efter", false, "> Citat\n\nefter"},
		{`<a href="https://x.example/a(b)">här</a>`, false, "[här](https://x.example/a%28b%29)"},
		{`<a href="javascript:alert(1)">här</a>, <a href="/pages/x">där</a>`, false, "här, där"},
		{"a<script>alert(1)</script>b<style>p{}</style>c<iframe src=x>d</iframe>e", false, "abce"},
		{"5 * 3 &lt;b&gt; [x](y) `z` a_b _c_ &amp;lt;", false, "5 \\* 3 \\<b> \\[x\\](y) \\`z\\` a_b \\_c\\_ \\&lt;"},
		{"# inte rubrik", false, "\\# inte rubrik"},
		{"1. inte lista", false, "1\\. inte lista"},
		{"<table><tr><td>Höjd</td><td>10 cm</td></tr><tr><td>Vikt</td><td>1 kg</td></tr></table>", false, "Höjd – 10 cm\n\nVikt – 1 kg"},
		{"<p>  många \u00a0 mellanrum  </p>", false, "många mellanrum"},
		{"<b></b>x<i> </i>y", false, "x y"},
		{"<img src=x onerror=alert(1)>bild", false, "bild"},
		{"<svg><p>x</svg>kvar", false, "kvar"},
		{"oavslutad <b", false, "oavslutad"},
		{"", false, ""},
	} {
		if got := toMarkdown(c.in, c.breaks); got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

var reading = goldmark.New(goldmark.WithRendererOptions(html.WithUnsafe()))

// harmless fails when a Markdown reader that allows raw HTML would find some.
func harmless(t testing.TB, md string) {
	t.Helper()
	src := []byte(md)
	ast.Walk(reading.Parser().Parse(text.NewReader(src)), func(n ast.Node, in bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.RawHTML, *ast.HTMLBlock:
			t.Fatalf("raw HTML in %q", md)
		case *ast.Image:
			t.Fatalf("a picture in %q", md)
		case *ast.Link:
			if d := string(n.Destination); in && !strings.HasPrefix(d, "http://") && !strings.HasPrefix(d, "https://") && !strings.HasPrefix(d, "mailto:") && !strings.HasPrefix(d, "tel:") {
				t.Fatalf("a link to %q in %q", d, md)
			}
		}
		return ast.WalkContinue, nil
	})
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"<p>x</p>", "a\n\n    b", "<b><i>x</b></i>", "<a href='http://x'>![y](z)</a>", "&lt;script&gt;", "<li><li><ol><li>1.", "``` x", "<a href=\"http://a\">]( javascript:x)</a>", "***", "<pre>\n <x>\n</pre>",
		"<blockquote><blockquote>\\", "!<a href=http://x>y</a>", "\\<p>", "<br>-<br>=", "<ht<i>tp://x>"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, breaks bool) {
		if len(s) > 20_000 {
			return
		}
		harmless(t, toMarkdown(s, breaks))
	})
}

// Words of a text without tags come through a Markdown reader as they were.
func TestTextStaysText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune("ab1å.*_`[]()#>-+=~|\\&!:;")), 1, 6, -1), 1, 6).Draw(t, "words"), " ")
		var b bytes.Buffer
		if err := reading.Convert([]byte(toMarkdown(s, false)), &b); err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSpace(b.String())
		got = strings.TrimSuffix(strings.TrimPrefix(got, "<p>"), "</p>")
		got = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&amp;", "&").Replace(got)
		if strings.Contains(s, "&") { // it may be an entity, which is meant as one
			return
		}
		if got != s {
			t.Fatalf("%q became %q by way of %q", s, got, toMarkdown(s, false))
		}
	})
}
