package richtext

import (
	"bytes"
	"context"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"kassavalv/internal/fault"
)

func TestWhatComesOut(t *testing.T) {
	for in, want := range map[string]string{
		"# A\n\n## B":                 "<h2>A</h2>\n<h3>B</h3>\n",
		"## A\n\n#### B\n\n## C":      "<h2>A</h2>\n<h3>B</h3>\n<h2>C</h2>\n",
		"**a** _b_ ~~c~~":             "<p><strong>a</strong> <em>b</em> <del>c</del></p>\n",
		"- a\n- b":                    "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n",
		"3. a":                        "<ol start=\"3\">\n<li>a</li>\n</ol>\n",
		"[x](/pages/villkor)":         `<p><a href="/pages/villkor">x</a></p>` + "\n",
		"[x](https://a.example/?b=c)": `<p><a href="https://a.example/?b=c" rel="nofollow noreferrer">x</a></p>` + "\n",
		"[x](mailto:a@b.example)":     `<p><a href="mailto:a@b.example">x</a></p>` + "\n",
		"a < b & c":                   "<p>a &lt; b &amp; c</p>\n",
		"åäö {{.X}} ${7+7} {{7*7}}":   "<p>åäö {{.X}} ${7+7} {{7*7}}</p>\n",
		"":                            "",
		" \n\t":                       "",
	} {
		if got := HTML(in, 2); got != want {
			t.Errorf("%q:\n%q\n%q", in, got, want)
		}
	}
	if got := HTML("# A\n\n## B\n\n### C\n\n#### D", 4); got != "<h4>A</h4>\n<h5>B</h5>\n<h6>C</h6>\n<h6>D</h6>\n" {
		t.Error(got)
	}
	var b bytes.Buffer
	if err := Show("*a*", 2).Render(context.Background(), &b); err != nil || b.String() != "<p><em>a</em></p>\n" {
		t.Error(b.String(), err)
	}
}

var attacks = []string{
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<iframe src=//evil></iframe>", "<a href=javascript:alert(1)>x</a>",
	"[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](java&#115;cript:alert(1))", "[x](&#x6A;avascript:alert(1))", "[x](data:text/html;base64,PHNjcmlwdD4=)",
	"[x](vbscript:x)", "[x](//evil.example)", "[x](/\\evil.example)", "[x](\\\\evil)", "[x](https:evil)", "[x](\tjavascript:alert(1))", "![x](https://evil.example/x.png)",
	"![x](javascript:alert(1))", "<javascript:alert(1)>", "<https://a.example/\"onmouseover=alert(1)>", "[x](https://a.example \"t\\\" onmouseover=alert(1)\")",
	"[x]: javascript:alert(1)\n\n[x]", "<p style=\"background:url(//evil)\">x</p>", "<style>*{}</style>", "<form action=//evil><input name=x></form>", "<base href=//evil>",
	"<meta http-equiv=refresh content=0>", "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
	"```<script>\n<script>alert(1)</script>\n```", "`<script>alert(1)</script>`", "<details open ontoggle=alert(1)>", "<!--><img src=x onerror=alert(1)>-->", "<a href=\"/ok\" onclick=x target=_blank class=x id=x>x</a>",
	"# <script>x</script>", "- <img src=x onerror=x>", "|a|\n|-|\n|<script>x</script>|", "<x onclick=alert(1) style=x>y", "&lt;script&gt;alert(1)&lt;/script&gt;",
	"[a](https://bank.example@evil.example/)", "[a](http://)", "[a](https:///x)", "[a](<javascript:alert(1)>)", "[a](javascript&colon;alert(1))", "[a](java\nscript:alert(1))", "[a](tel:+46;phone-context=javascript)", "\u202ejavascript:alert(1)",
}

func TestAttacksComeOutAsText(t *testing.T) {
	for _, a := range attacks {
		harmless(t, a)
	}
}

var allowed = map[string]bool{"p": true, "br": true, "hr": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "ul": true, "ol": true,
	"li": true, "em": true, "strong": true, "del": true, "blockquote": true, "code": true, "pre": true, "table": true, "thead": true, "tbody": true,
	"tr": true, "th": true, "td": true, "a": true, "html": true, "head": true, "body": true}

// harmless parses what comes out as a browser does and looks at every node.
func harmless(t *testing.T, source string) {
	t.Helper()
	out := HTML(source, 2)
	if !utf8.ValidString(out) {
		t.Fatalf("%q gives bytes that are no text", source)
	}
	doc, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.CommentNode {
			t.Fatalf("%q gives a comment: %s", source, out)
		}
		if n.Type != html.ElementNode {
			continue
		}
		if !allowed[n.Data] || n.Namespace != "" {
			t.Fatalf("%q gives <%s>: %s", source, n.Data, out)
		}
		for _, a := range n.Attr {
			switch {
			case n.Data == "ol" && a.Key == "start", n.Data == "a" && a.Key == "rel":
			case n.Data == "a" && a.Key == "href":
				u, err := url.Parse(a.Val)
				if err != nil || strings.ContainsAny(a.Val, "\\\n\t ") || u.Scheme == "" && u.Host != "" || strings.HasPrefix(a.Val, "//") {
					t.Fatalf("%q links to %q", source, a.Val)
				}
				switch u.Scheme {
				case "", "http", "https", "mailto", "tel":
				default:
					t.Fatalf("%q links to %q", source, a.Val)
				}
				if (u.Scheme == "http" || u.Scheme == "https") && (u.Host == "" || u.User != nil) {
					t.Fatalf("%q links to %q", source, a.Val)
				}
			default:
				t.Fatalf("%q gives %s=%q", source, a.Key, a.Val)
			}
		}
	}
}

func FuzzHTML(f *testing.F) {
	for _, a := range attacks {
		f.Add(a)
	}
	f.Fuzz(harmless)
}

func TestClean(t *testing.T) {
	if got, err := Clean("  a\r\nb\x00\u0085c\r ", "/x"); err != nil || got != "a\nbc" {
		t.Errorf("%q %v", got, err)
	}
	for in, code := range map[string]string{strings.Repeat("a", MaxSource+1): "too_long", "\xff": "bad_text", strings.Repeat(">", 5000) + "a": "too_deep",
		strings.Repeat("- ", 500) + "a": "too_deep", strings.Repeat("[", 5000): "too_deep", strings.Repeat("*a_", 5000): "too_deep", strings.Repeat(" ", 500) + "- a": ""} {
		_, err := Clean(in, "/x")
		f := fault.As(err)
		if code == "" {
			if err != nil {
				t.Errorf("%.10q: %v", in, err)
			}
			continue
		}
		if f == nil || f.Fields[0].Code != code || f.Fields[0].Pointer != "/x" {
			t.Errorf("%.10q: %v", in, err)
		}
		// Old rows that break today's rules are shown as text.
		if out := HTML(in, 2); !strings.HasPrefix(out, "<p>") {
			t.Errorf("%.20q", out)
		}
	}
	// What Clean passed stays as it is.
	for _, a := range attacks {
		once, err := Clean(a, "")
		if err != nil {
			continue
		}
		if twice, err := Clean(once, ""); err != nil || twice != once {
			t.Errorf("%q becomes %q", once, twice)
		}
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{"# A\n\nb **c** [d](/x) & <e>": "A b c d &", "a < b": "a < b"} {
		if got := Plain(in, 100); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	if got := Plain("ett två tre fyra", 10); got != "ett två…" {
		t.Errorf("%q", got)
	}
}
