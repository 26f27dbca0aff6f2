package apptest

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
)

func cookies(name, value string) []*http.Cookie {
	return []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}}
}

// Form sends a form as a page of the shop would.
func (c *Client) Form(path string, v url.Values, headers ...string) Answer {
	c.T.Helper()
	h := []string{"Content-Type", "application/x-www-form-urlencoded"}
	if len(headers) == 0 {
		h = append(h, "Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop)
	}
	return c.Do("POST", path, Raw(v.Encode()), append(h, headers...)...)
}

// Follow reads where an answer leads.
func (c *Client) Follow(a Answer) Answer {
	c.T.Helper()
	if a.Status != 303 && a.Status != 301 && a.Status != 308 {
		c.T.Fatalf("no redirect: %d %s", a.Status, a.Words())
	}
	return c.Do("GET", a.Location(), nil)
}

// HTML is the parsed body.
func (a Answer) HTML() *html.Node {
	n, err := html.Parse(strings.NewReader(string(a.Body)))
	if err != nil {
		return &html.Node{Type: html.DocumentNode}
	}
	return n
}

// Find lists the elements of a page.
func (a Answer) Find(selector string) []*html.Node {
	return cascadia.QueryAll(a.HTML(), cascadia.MustCompile(selector))
}

// Attr is an element's attribute.
func Attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// Words are what a reader sees of a page.
func (a Answer) Words() string {
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		return tail(string(a.Body), 2000)
	}
	return Words(a.HTML())
}

// Words are the text below an element.
func Words(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
		if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style") {
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// FormOf is what a browser would send of the first form that the selector finds,
// as it stands.
func (c *Client) FormOf(a Answer, selector string) (action string, v url.Values) {
	c.T.Helper()
	fs := a.Find(selector)
	if len(fs) == 0 {
		c.T.Fatalf("no %s on the page (%d): %s", selector, a.Status, tail(a.Words(), 600))
	}
	return Attr(fs[0], "action"), Values(fs[0])
}

// Values are what a browser would send of a form as it stands.
func Values(f *html.Node) url.Values {
	v := url.Values{}
	for _, e := range cascadia.QueryAll(f, cascadia.MustCompile("input, select, textarea")) {
		name := Attr(e, "name")
		if name == "" || has(e, "disabled") {
			continue
		}
		switch {
		case e.Data == "select":
			for i, o := range cascadia.QueryAll(e, cascadia.MustCompile("option")) {
				if has(o, "selected") || i == 0 {
					v.Set(name, Attr(o, "value"))
				}
			}
		case e.Data == "textarea":
			if e.FirstChild != nil {
				v.Set(name, strings.TrimPrefix(e.FirstChild.Data, "\n"))
			} else {
				v.Set(name, "")
			}
		case Attr(e, "type") == "radio" || Attr(e, "type") == "checkbox":
			if has(e, "checked") {
				v.Add(name, Attr(e, "value"))
			}
		default:
			v.Set(name, Attr(e, "value"))
		}
	}
	return v
}

// CheckoutForm fills the checkout's form as a person would, by the fields'
// autocomplete; the visitor's cart must hold goods.
func (c *Client) CheckoutForm(page Answer, who Customer) (string, url.Values) {
	c.T.Helper()
	action, v := c.FormOf(page, `form[method=post][action$="/checkout"]`)
	for auto, val := range map[string]string{"email": who.Email, "name": who.Name, "address-line1": who.Address.Line1, "postal-code": who.Address.PostalCode,
		"address-level2": who.Address.City, "tel": who.Phone, "country": who.Address.Country} {
		for _, e := range page.Find(`main [autocomplete="` + auto + `"]`) {
			v.Set(Attr(e, "name"), val)
		}
	}
	for _, e := range page.Find("main form [required]") {
		v.Set(Attr(e, "name"), Attr(e, "value"))
	}
	return action, v
}
