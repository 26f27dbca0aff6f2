package attack

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// pagesToAsk are pages that anybody may open, those with errors too. {x} is where
// an order, purchase or case would be named.
var pagesToAsk = []string{"/", "/search", "/categories/kok", "/cart", "/checkout", "/orders/find", "/support", "/withdraw", "/trust", "/status", "/login", "/account", "/admin/login", "/admin/recover",
	"/pages/villkor", "/pages/villkor/pdf", "/orders/kvx", "/purchases/kvx", "/purchases/kvx/return", "/cases/kvx", "/withdraw/received/kvx", "/admin/invite/kvx", "/products/kvx", "/categories/kvx", "/pages/kvx", "/nothing"}

// What stands in an address or a header comes back as text or not at all.
var _ = attack("AC-138", func(t *testing.T, c *apptest.Client) {
	names := []string{"q", "sort", "cursor", "filter.farg", "in_stock", "next", "order", "purchase", "product", "topic", "lang", "page", "utm_source", "print", "callback", "show", "before"}
	for i, word := range canaries {
		v := c.Other()
		query := url.Values{}
		for _, n := range names {
			query.Set(n, word)
		}
		query.Set("filter."+word, word)
		headers := []string{"User-Agent", word, "Referer", "https://kvx.invalid/" + word, "Accept-Language", word, "X-Forwarded-Host", "kvx.invalid", "X-Forwarded-Proto", word, "X-Original-URL", "/" + word, "Cookie", "kvx=" + url.QueryEscape(word)}
		for _, p := range pagesToAsk {
			for _, prefix := range []string{"", "/en"} {
				a := v.Do("GET", prefix+p+"?"+query.Encode(), nil, headers...)
				if a.Status >= 500 {
					t.Errorf("GET %s: %d", prefix+p, a.Status)
				}
				if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
					inert(t, "GET "+prefix+p, a.HTML())
				}
				if l := a.Location(); l != "" {
					staysHere(t, c, prefix+p, l)
				}
			}
		}
		// Errors do not repeat the path that they are about.
		path := "/" + url.PathEscape(strings.NewReplacer("/", "", `"`, "").Replace(word)) + "-kvx"
		for _, p := range []string{path, "/products" + path, "/en" + path, "/static" + path, "/media" + path, "/admin" + path} {
			if a := v.Do("GET", p, nil); a.Status != 404 && a.Status != 303 || strings.Contains(string(a.Body), mark) {
				t.Errorf("GET %s: %d repeats the path: %v", p, a.Status, strings.Contains(string(a.Body), mark))
			}
		}
		for _, p := range []string{"/products?" + url.Values{"q": {word}, "filter." + word: {word}, "cursor": {word}, "sort": {word}, "limit": {word}}.Encode(), "/products?" + url.QueryEscape(word) + "=1", "/products" + path, path, "/carts" + path,
			"/pickup-points?" + url.Values{"option": {word}, "postal_code": {word}}.Encode(), "/delivery-options?" + url.Values{"cart": {word}, "postal_code": {word}}.Encode(), "/purchases" + path, "/orders" + path} {
			a := v.Do("GET", apptest.API+p, nil, headers...)
			if a.Status < 400 || a.Status >= 500 || a.Header.Get("Content-Type") != "application/problem+json" || !json.Valid(a.Body) || strings.ContainsAny(string(a.Body), "<>") {
				t.Errorf("GET %s: %d %s %.200s", p, a.Status, a.Header.Get("Content-Type"), a.Body)
			}
		}
		a := v.Do("GET", "/search/suggest?q="+url.QueryEscape(word), nil)
		if a.Status != 200 || a.Header.Get("Content-Type") != "application/json" || strings.ContainsAny(string(a.Body), "<>") {
			t.Errorf("suggestions: %d %.200s", a.Status, a.Body)
		}
		// Control: the words that were searched for are there to read.
		if a := page(v, "/search?q="+url.QueryEscape(word)); a.Status != 200 || !shown(a.HTML(), word) || apptest.Attr(a.Find(`input[type=search]`)[0], "value") == "" {
			t.Errorf("search %d: what was typed is not shown", i)
		}
	}
})

// staysHere fails when a browser that is sent to the address would leave the shop.
// Browsers take backslashes for slashes and leave out tabs and line breaks.
func staysHere(t testing.TB, c *apptest.Client, what, location string) {
	t.Helper()
	seen := strings.NewReplacer("\\", "/", "\t", "", "\n", "", "\r", "").Replace(strings.TrimSpace(location))
	base, err := url.Parse(c.Shop.Shop)
	if err != nil {
		t.Fatal(err)
	}
	u, err := base.Parse(seen)
	if err != nil || u.Scheme != "https" || u.Host != base.Host || strings.HasPrefix(u.Path, "//") || seen != location {
		t.Errorf("%s leads to %q", what, location)
	}
}

var elsewhere = []string{"//kvx.invalid", "//kvx.invalid/", `/\kvx.invalid`, `\\kvx.invalid`, "/\t/kvx.invalid", "/\n/kvx.invalid", "/%09/kvx.invalid", "/%5ckvx.invalid", "/%2f%2fkvx.invalid", "https:kvx.invalid", "https:/kvx.invalid",
	"https://kvx.invalid", "http://kvx.invalid/admin", "@kvx.invalid", "//kvx.invalid/..", "/..//kvx.invalid", "/admin/..//kvx.invalid", "///kvx.invalid", "/./\\kvx.invalid", "javascript:kvx()", "data:text/html,kvx", "/admin//kvx.invalid", "/admin/orders/../../\\kvx.invalid", ".kvx.invalid", "/admin@kvx.invalid/..//x", "%2f/kvx.invalid", "/admin?x=\r\nLocation: //kvx.invalid", "//localhost@kvx.invalid"}

// Where the shop leads people is never where an address told it to.
var _ = attack("AC-166", func(t *testing.T, c *apptest.Client) {
	owner := c.Staff(c, "owner")
	// Control: an own path is followed.
	for _, at := range []string{"/admin/login?next=", "/en/admin/login?next="} {
		if a := owner.Do("GET", at+url.QueryEscape("/admin/orders?show=pack"), nil); a.Status != 303 || !strings.HasSuffix(a.Location(), "/admin/orders?show=pack") {
			t.Fatalf("the way on is lost: %d %s", a.Status, a.Location())
		}
	}
	for _, to := range elsewhere {
		q := url.QueryEscape(to)
		for _, at := range []string{"/admin/login?next=", "/en/admin/login?next="} {
			a := owner.Do("GET", at+q, nil)
			if a.Status != 303 && (a.Status < 400 || a.Status >= 500) {
				t.Errorf("next=%q: %d", to, a.Status)
			}
			if a.Status == 303 {
				staysHere(t, c, "next="+to, a.Location())
				if !strings.HasPrefix(strings.TrimPrefix(a.Location(), "/en"), "/admin") {
					t.Errorf("next=%q leads out of the back office to %q", to, a.Location())
				}
			}
		}
		for _, at := range []string{"/admin/login?next=", "/admin/confirm?next="} {
			v := c.Other()
			if strings.Contains(at, "confirm") {
				v = owner
			}
			a := v.Do("GET", at+q, nil)
			inert(t, at+to, a.HTML())
			for _, n := range a.Find(`input[name="next"]`) {
				staysHere(t, c, "the form's next="+to, apptest.Attr(n, "value"))
			}
		}
		for _, at := range []string{"/purchases/kvx/return?next=", "/login?next=", "/login?return_to=", "/account?continue=", "/cart?return=", "/?redirect_uri=", "/search?url=", "/admin?next=", "/.well-known/change-password?next="} {
			if l := c.Do("GET", at+q, nil).Location(); l != "" {
				staysHere(t, c, at+to, l)
				if strings.Contains(l, mark+".invalid") && !strings.HasPrefix(l, "/admin/login?next=") && !strings.HasPrefix(l, "/") {
					t.Errorf("%s%s leads to %q", at, to, l)
				}
			}
		}
	}
	// A signed-out member of staff comes back to where he was going, and nowhere else.
	if a := c.Other().Do("GET", "/admin/orders?show=pack", nil); a.Status != 303 || !strings.HasPrefix(a.Location(), "/admin/login") {
		t.Errorf("not signed in: %d %s", a.Status, a.Location())
	}
	// Where a purchase leads back to is the shop's own or configured.
	v := c.Scarce(10)
	for _, to := range elsewhere {
		k := c.ReadyCart(v, 1)
		a := c.Post(k, apptest.Wish{Return: to})
		if a.Status != 422 && a.Status != 400 {
			t.Errorf("return_url %q: %d %.200s", to, a.Status, a.Body)
		}
	}
	p := c.Buy(c.ReadyCart(v, 1), apptest.Wish{Return: c.Shop.Shop + "/trust"})
	c.Pay(p, apptest.Good)
	c.Final(p.Token)
	if a := c.Do("GET", "/purchases/"+p.Token+"/return", nil); a.Status != 303 || a.Location() != c.Shop.Shop+"/trust?purchase="+p.Token && a.Location() != "/trust?purchase="+p.Token {
		t.Errorf("the shop's own return_url: %d %s", a.Status, a.Location())
	}
	// Paths that are tidied by redirect are how it begins elsewhere: here none is.
	for _, target := range []string{"//kvx.invalid", "//kvx.invalid/", "//kvx.invalid/..", "//kvx.invalid/%2e%2e", "/kvx/", "/admin/", "/cart/", "/SEARCH", "/en/", "/EN", `/\kvx.invalid`, "/%5ckvx.invalid", "/%2f%2fkvx.invalid", "/static//kvx.invalid/..", "/./", "/../", "/en//kvx.invalid", "/;//kvx.invalid"} {
		for _, h := range []string{"", "X-Forwarded-Host: kvx.invalid", "Forwarded: host=kvx.invalid", "X-Original-URL: //kvx.invalid"} {
			a := rawGet(t, c.Shop, c.Shop.Shop, target, h)
			if a.Status != 404 && a.Status != 400 || a.Location() != "" {
				t.Errorf("GET %s %s: %d %s", target, h, a.Status, a.Location())
			}
			if a = rawGet(t, c.Shop, c.HTTP, target, h); a.Status != 404 && a.Status != 400 && a.Status != 308 {
				t.Errorf("plain GET %s: %d", target, a.Status)
			} else if a.Status == 308 {
				staysHere(t, c, "plain "+target, a.Location())
			}
		}
	}
	for _, host := range []string{"kvx.invalid", "kvx.invalid:443", "localhost@kvx.invalid", "localhost.kvx.invalid"} {
		for _, at := range []string{c.Shop.Shop, c.HTTP} {
			a := wire(t, c.Shop, at, "GET /trust HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
			if a.Status != 421 && a.Status != 400 || a.Location() != "" {
				t.Errorf("Host %s at %s: %d %s", host, at, a.Status, a.Location())
			}
		}
	}
	if a := rawGet(t, c.Shop, c.HTTP, "/trust?a=1"); a.Status != 308 || a.Location() != c.Shop.Shop+"/trust?a=1" {
		t.Errorf("plain HTTP: %d %s", a.Status, a.Location())
	}
})

// No value makes a header line of its own.
var _ = attack("AC-152", func(t *testing.T, c *apptest.Client) {
	owner := c.Staff(c, "owner")
	breaks := []string{"\r\nSet-Cookie: kvx=1", "\nSet-Cookie: kvx=1", "\rSet-Cookie: kvx=1", "%0d%0aSet-Cookie:kvx=1", "%250d%250aSet-Cookie:kvx=1", "\u560d\u560aSet-Cookie:kvx=1", "%e5%98%8d%e5%98%8aSet-Cookie:kvx=1", "\u2028Set-Cookie: kvx=1", "\x00\r\nSet-Cookie: kvx=1", "\r\n\r\n<script>kvx()</script>"}
	whole := func(what string, a apptest.Answer) {
		t.Helper()
		if a.Status >= 500 {
			t.Errorf("%s: %d", what, a.Status)
		}
		for name, vs := range a.Header {
			for _, v := range vs {
				if strings.ContainsAny(v, "\r\n") || strings.Contains(strings.ToLower(name), mark) || name == "Set-Cookie" && strings.Contains(v, mark) {
					t.Errorf("%s: %s: %q", what, name, v)
				}
			}
		}
		if strings.HasPrefix(string(a.Body), "<script>kvx") {
			t.Errorf("%s: a body of the attacker's", what)
		}
	}
	for _, b := range breaks {
		q := url.QueryEscape("/admin/orders" + b)
		whole("next", owner.Do("GET", "/admin/login?next="+q, nil))
		raw := strings.NewReplacer("\r", "%0d", "\n", "%0a", "\x00", "%00", " ", "%20", "<", "%3c", ">", "%3e", "\u2028", "%e2%80%a8", "\u560d", "%e5%98%8d", "\u560a", "%e5%98%8a").Replace(b)
		for _, target := range []string{"/trust" + raw, "/trust?a=" + raw, "/en" + raw, "/products/x" + raw, "/pages/villkor" + raw + "/pdf", "/?lang=" + raw, "/search?sort=" + raw + "&q=" + raw, "/static/" + raw, "/admin/orders/1001" + raw + "/slip.pdf"} {
			whole(target, rawGet(t, c.Shop, c.Shop.Shop, target))
			whole("plain "+target, rawGet(t, c.Shop, c.HTTP, target))
		}
		// Line breaks in a header of the request itself: refused by the parser, or
		// taken for a header of the request, never for one of the answer.
		for _, h := range []string{"Accept-Language: sv" + b, "Cookie: __Host-cart=x" + b, "Origin: " + c.Shop.Shop + b, "If-None-Match: x" + b, "Idempotency-Key: x" + b} {
			whole(h, rawGet(t, c.Shop, c.Shop.Shop, apptest.API+"/products?limit=1", h))
		}
		// What staff call a picture or a parcel stands in no header.
		whole("code", c.Form("/cart/discounts", url.Values{"code": {"kvx" + b}}))
		whole("find", c.Form("/orders/find", url.Values{"number": {"kvx" + b}, "email": {"kvx" + b}}))
	}
	// Control: a download has a name and one of each header.
	a := rawGet(t, c.Shop, c.Shop.Shop, "/pages/villkor/pdf")
	if a.Status != 200 || len(a.Header["Content-Disposition"]) != 1 || len(a.Header["Content-Type"]) != 1 || a.Header.Get("Content-Type") != "application/pdf" {
		t.Errorf("the terms as PDF: %d %v", a.Status, a.Header)
	}
})
