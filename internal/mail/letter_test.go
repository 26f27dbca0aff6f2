package mail

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"kassavalv/internal/lang"
)

func order(user string) Letter {
	return Letter{Lang: lang.SV, Shop: "Ängens Verkstad", Title: "Tack!", Preview: "Order KV-1", Foot: []string{"Ängens Verkstad AB", "556000-0000"}, Parts: []Part{
		{Heading: "Din order", Text: "Hej " + user + "\n\nVi packar nu."},
		{Quote: user},
		{Pairs: []Pair{{"Levereras till", "Storgatan 1\n" + user}}},
		{Table: &Table{Head: []string{"Vara", "Antal", "Pris"}, Rows: [][]string{{user, "1", "129 kr"}}, Totals: []Pair{{"Frakt", "49 kr"}, {"Att betala", "178 kr"}}}},
		{Button: &Button{"Visa ordern", "https://shop.test/orders/abc"}}, {Rule: true},
	}}
}

// elements counts the tags of a document and collects its links.
func elements(t *testing.T, s string) (map[string]int, []string) {
	t.Helper()
	n, err := html.Parse(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	count, links := map[string]int{}, []string{}
	for x := range n.Descendants() {
		if x.Type == html.ElementNode {
			count[x.Data]++
			for _, a := range x.Attr {
				if a.Key == "href" || a.Key == "src" {
					links = append(links, a.Val)
				}
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
					t.Error("attribute", a.Key)
				}
			}
		}
	}
	return count, links
}

func TestLetterEscapes(t *testing.T) {
	user := `<a href="https://evil.test">Återställ lösenordet</a><img src=x onerror=y><script>z</script>"'</style></title>--> https://evil.test/x`
	text, doc, err := order(user).Body()
	if err != nil {
		t.Fatal(err)
	}
	count, links := elements(t, doc)
	if len(links) != 1 || links[0] != "https://shop.test/orders/abc" || count["img"]+count["script"]+count["link"] != 0 || count["a"] != 1 || count["title"] != 1 || count["style"] != 1 {
		t.Fatal(links, count)
	}
	if strings.Count(text, user) != 4 {
		t.Fatal(text)
	}
	for _, want := range []string{"Tack!", "Din order", "Vi packar nu.", "Levereras till: Storgatan 1", "Visa ordern:\nhttps://shop.test/orders/abc", "Att betala: 178 kr", "556000-0000"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in the text part:\n%s", want, text)
		}
	}
	for _, want := range []string{`lang="sv"`, "prefers-color-scheme: dark", "Att betala", "178 kr", "Vi packar nu."} {
		if !strings.Contains(doc, want) {
			t.Errorf("%q is missing in the document", want)
		}
	}
	if strings.Contains(doc, "ZgotmplZ") || strings.Contains(doc, "url(") || strings.Contains(doc, "http-equiv") {
		t.Error(doc)
	}
	again, doc2, _ := order(user).Body()
	if again != text || doc2 != doc {
		t.Error("not the same twice")
	}
}

func TestLetterRefusesLinks(t *testing.T) {
	for _, u := range []string{"javascript:alert(1)", "data:text/html,x", "//evil.test", "/relative", "", "https://", "https://u:p@shop.test/", "https://a b/", "https://a/\r\nx", "ftp://x/"} {
		l := Letter{Parts: []Part{{Button: &Button{"x", u}}}}
		if _, _, err := l.Body(); !errors.Is(err, ErrLink) {
			t.Errorf("%q: %v", u, err)
		}
	}
	if _, _, err := (Letter{Parts: []Part{{Button: &Button{"x", "mailto:a@example.test"}}}}).Body(); err != nil {
		t.Error(err)
	}
}
