package attack

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"kassavalv/internal/apptest"
)

// mark stands in every canary, so that whatever it became can be found.
const mark = "kvx"

// canaries are words that a page which forgets to escape takes for markup, each for
// another place: text, attribute, raw text, comment, address, script.
var canaries = []string{
	`<script src=//kvx.invalid/1></script>`,
	`"><img src=x onerror=kvx(2)>`,
	`' autofocus onfocus=kvx(3) x='`,
	`</title></textarea><svg onload=kvx(4)>`,
	`<a href="javascript:kvx(5)">kvx5</a>`,
	`<iframe srcdoc="<script>kvx(6)</script>">`,
	`--><kvx-7><!--`,
	`</script><script>kvx(8)</script>`,
	`<form action=//kvx.invalid/9><button>`,
	`<style>@import'//kvx.invalid/10'</style>`,
	`&lt;script&gt;kvx(11)&lt;/script&gt; &#60;kvx-11&#62;`,
	`<base href=//kvx.invalid/><meta http-equiv=refresh content=0;url=//kvx.invalid/12>`,
}

// cutTo is a canary that fits into a short field.
func cutTo(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.TrimSpace(s)
}

// attributes that hold words for people; nothing interprets them.
var wordAttributes = []string{"value", "title", "alt", "aria-label", "placeholder", "content", "label"}

// attributes that hold an address.
var addressAttributes = []string{"href", "action", "src", "formaction", "srcset", "poster", "data", "xlink:href", "cite", "background", "manifest", "ping"}

// inert fails where a canary became markup. what says which page it was.
func inert(t testing.TB, what string, doc *html.Node) {
	t.Helper()
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		switch n.Type {
		case html.CommentNode:
			if strings.Contains(n.Data, mark) {
				t.Errorf("%s: a canary in a comment: %.200q", what, n.Data)
			}
		case html.ElementNode:
			if strings.Contains(n.Data, mark) || slices.Contains([]string{"iframe", "object", "embed", "base", "frame", "applet"}, n.Data) {
				t.Errorf("%s: an element <%s>", what, n.Data)
			}
			for _, a := range n.Attr {
				inertAttribute(t, what, n, a)
			}
			if n.Data == "script" || n.Data == "style" {
				text := ""
				for c := n.FirstChild; c != nil; c = c.NextSibling {
					text += c.Data
				}
				data := apptest.Attr(n, "type") == "application/ld+json"
				if strings.Contains(text, mark) && !(data && json.Valid([]byte(text)) && !strings.Contains(text, "<")) {
					t.Errorf("%s: a canary in <%s>: %.200q", what, n.Data, text)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
}

func inertAttribute(t testing.TB, what string, n *html.Node, a html.Attribute) {
	t.Helper()
	key, low := a.Key, strings.ToLower(strings.TrimSpace(a.Val))
	if a.Namespace != "" {
		key = a.Namespace + ":" + a.Key
	}
	switch {
	case strings.HasPrefix(key, "on"), key == "srcdoc", strings.Contains(key, mark):
		t.Errorf("%s: <%s %s=%.200q>", what, n.Data, key, a.Val)
	case slices.Contains(addressAttributes, key):
		for _, bad := range []string{"javascript:", "vbscript:", "data:text", "data:application"} {
			if strings.HasPrefix(low, bad) {
				t.Errorf("%s: <%s %s=%.200q>", what, n.Data, key, a.Val)
			}
		}
		if !strings.Contains(a.Val, mark) {
			return
		}
		u, err := url.Parse(a.Val)
		if err != nil || strings.Contains(u.Host, mark) || strings.HasPrefix(a.Val, "//") || strings.ContainsAny(a.Val, "\\ <>\"") ||
			u.Scheme != "" && u.Scheme != "https" && u.Scheme != "mailto" {
			t.Errorf("%s: an address <%s %s=%.200q>", what, n.Data, key, a.Val)
		}
	case strings.Contains(a.Val, mark) && !slices.Contains(wordAttributes, key):
		t.Errorf("%s: <%s %s=%.200q>", what, n.Data, key, a.Val)
	case strings.Contains(a.Val, mark) && n.Data == "meta" && apptest.Attr(n, "http-equiv") != "":
		t.Errorf("%s: <meta http-equiv content=%.200q>", what, a.Val)
	}
}

// shown reports whether a reader of the page finds the words as they were typed,
// in the text or in a field.
func shown(doc *html.Node, words string) bool {
	words = strings.Join(strings.Fields(words), " ")
	if strings.Contains(apptest.Words(doc), words) {
		return true
	}
	found := false
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		for _, a := range n.Attr {
			found = found || slices.Contains(wordAttributes, a.Key) && strings.Contains(strings.Join(strings.Fields(a.Val), " "), words)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	return found
}

// page opens a page, which must be HTML, and holds that nothing in it came alive.
func page(c *apptest.Client, path string, headers ...string) apptest.Answer {
	c.T.Helper()
	a := c.Do("GET", path, nil, headers...)
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		c.T.Errorf("%.120s: %d %s is no page", path, a.Status, a.Header.Get("Content-Type"))
	}
	inert(c.T, "GET "+path, a.HTML())
	return a
}

// pdfText is what poppler reads in a PDF, as one line of words; the document must
// hold nothing that acts.
func pdfText(t testing.TB, data []byte) string {
	t.Helper()
	if !strings.HasPrefix(string(data), "%PDF-") {
		t.Fatalf("no PDF: %.60q", data)
	}
	for _, bad := range []string{"/JavaScript", "/Launch", "/SubmitForm", "/OpenAction", "kvx.invalid)"} {
		if strings.Contains(string(data), bad) {
			t.Errorf("the PDF holds %s", bad)
		}
	}
	file := filepath.Join(t.TempDir(), "doc.pdf")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("pdftotext", "-raw", file, "-").Output()
	if err != nil {
		t.Fatalf("pdftotext (package poppler-utils): %v", err)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}
