package attack

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// stranger replaces the last digit, so that an id of the same shape is nobody's.
func stranger(id string) string {
	last := id[len(id)-1]
	return id[:len(id)-1] + string('0'+(last-'0'+5)%10)
}

// equal compares two answers byte for byte, the given pairs of words being equal.
func equal(a, b apptest.Answer, words ...string) string {
	x, y := string(a.Body), string(b.Body)
	for i := 0; i+1 < len(words); i += 2 {
		x, y = strings.ReplaceAll(x, words[i], "·"), strings.ReplaceAll(y, words[i+1], "·")
	}
	// What a form draws anew each time.
	fresh := regexp.MustCompile(`name="key" value="[^"]*"`)
	x, y = fresh.ReplaceAllString(x, ""), fresh.ReplaceAllString(y, "")
	switch {
	case a.Status != b.Status:
		return fmt.Sprintf("status %d and %d", a.Status, b.Status)
	case x != y:
		for i := range min(len(x), len(y)) {
			if x[i] != y[i] {
				return fmt.Sprintf("bodies differ: %.80q and %.80q", x[max(0, i-20):], y[max(0, i-20):])
			}
		}
		return fmt.Sprintf("bodies of %d and %d bytes", len(x), len(y))
	}
	for _, name := range slices.Sorted(headers(a, b)) {
		if name == "Date" || name == "Content-Length" {
			continue
		}
		if p, q := strings.Join(a.Header[name], "|"), strings.Join(b.Header[name], "|"); p != q {
			return fmt.Sprintf("header %s: %q and %q", name, p, q)
		}
	}
	return ""
}

func headers(as ...apptest.Answer) func(func(string) bool) {
	return func(yield func(string) bool) {
		seen := map[string]bool{}
		for _, a := range as {
			for name := range a.Header {
				if !seen[name] && !yield(name) {
					return
				}
				seen[name] = true
			}
		}
	}
}

var _ = attack("AC-077", func(t *testing.T, c *apptest.Client) {
	a, g := settle(c), c.Other()
	c.Wait("a letter names the order in its subject", 30*time.Second, func() bool {
		return slices.ContainsFunc(c.Mails(a.who.Email), func(m apptest.Mail) bool { return strings.Contains(m.Subject, a.number) })
	})
	for _, path := range []string{"/orders/", "/en/orders/", apptest.API + "/orders/", "/purchases/", apptest.API + "/purchases/", "/withdraw/received/", "/cases/"} {
		for _, id := range []string{a.number, a.orderID, a.boughtI} {
			got, unknown := g.Do("GET", path+id, nil), g.Do("GET", path+stranger(id), nil)
			if d := equal(got, unknown, id, stranger(id)); d != "" || got.Status != 404 || len(a.seen(got)) > 0 {
				t.Errorf("%s by number: %d, %s, %v", path, got.Status, d, a.seen(got))
			}
		}
	}
	other := stranger(a.number)
	wrong := g.Form("/orders/find", url.Values{"number": {a.number}, "email": {"granne@example.se"}})
	unknown := g.Form("/orders/find", url.Values{"number": {other}, "email": {"granne@example.se"}})
	if d := equal(wrong, unknown, a.number, other); d != "" || wrong.Status != 422 || len(a.seen(wrong)) > 0 {
		t.Errorf("the number with another's mail: %d, %s", wrong.Status, d)
	}
	// The twin: who has both finds it.
	right := g.Follow(g.Form("/orders/find", url.Values{"number": {a.number}, "email": {a.who.Email}}))
	if right.Status != 200 || !strings.Contains(right.Words(), a.number) {
		t.Errorf("the buyer does not find the order: %d", right.Status)
	}
})

var _ = attack("AC-078", func(t *testing.T, c *apptest.Client) {
	a, b := settle(c), settle(c)
	before := a.rows()
	// What a neighbour may know or guess: numbers and keys, no token.
	known := []string{a.number, a.orderID, a.boughtI, a.cartID, a.caseID, a.returnID, a.lineID, a.line, a.document}
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE"}
	tried, wrong := 0, 0
	for _, l := range table(t) {
		if !strings.Contains(l.Path, "{") || strings.HasSuffix(l.Path, "{$}") || strings.HasPrefix(l.Path, "/en/") || strings.HasSuffix(l.Path, "{file}") || strings.Contains(l.Path, "{handle}") {
			continue
		}
		v := c.Other() // an address of its own: no budget is spent by another route
		for _, id := range known {
			vars := map[string]string{"token": id, "id": id, "number": id, "line": a.line, "document": a.document, "variant": id, "parcel": "1", "code": "sommar"}
			odd := map[string]string{}
			for k, v := range vars {
				odd[k] = v
			}
			for _, k := range []string{"token", "id", "number", "variant"} {
				odd[k] = stranger(id)
			}
			for _, m := range methods {
				if m != l.Method && (m == "GET" || id != a.number) {
					continue // 405 of the other methods once
				}
				send := func(path string) apptest.Answer {
					if l.machine() || m == "GET" {
						return v.Do(m, path, apiBody(v, l.Path))
					}
					body := ""
					if strings.HasSuffix(l.Path, "/cart/lines/{line}") {
						body = "quantity=9"
					}
					return v.Do(m, path, apptest.Raw(body), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Origin", b.Shop.Shop)
				}
				got, none := send(apptest.Fill(l.Path, vars)), send(apptest.Fill(l.Path, odd))
				tried++
				gone := got.Status == 404 || got.Status == 401 || got.Status == 403 || got.Status == 405 || got.Status == 303 && (strings.HasPrefix(got.Location(), "/admin/login") || got.Location() == "/login") // the doors, which know nothing of what was asked for
				if d := equal(got, none, append(pairs(vars, odd), url.QueryEscape(apptest.Fill(l.Path, vars)), url.QueryEscape(apptest.Fill(l.Path, odd)))...); d != "" && got.Status != 303 || !gone || len(a.seen(got)) > 0 {
					if wrong++; wrong < 20 {
						t.Errorf("%s %s with a neighbour's %s: %d %s %v", m, l.Path, id, got.Status, d, a.seen(got))
					}
				}
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d tries", tried)
	}
	// His own link with a neighbour's key behind it.
	for _, x := range []struct{ method, path string }{
		{"GET", "/orders/" + b.order + "/documents/" + a.document},
		{"GET", "/orders/" + b.order + "/documents/" + a.document + "/pdf"},
		{"PATCH", apptest.API + "/carts/" + b.cart + "/lines/" + a.line},
		{"DELETE", apptest.API + "/carts/" + b.cart + "/lines/" + a.line},
	} {
		var body any
		if x.method == "PATCH" {
			body = map[string]int{"quantity": 7}
		}
		got := b.Do(x.method, x.path, body)
		none := b.Do(x.method, x.path[:strings.LastIndex(x.path, map[bool]string{true: a.document, false: a.line}[strings.Contains(x.path, a.document)])]+"7"+map[bool]string{true: "/pdf"}[strings.HasSuffix(x.path, "/pdf")], body)
		if d := equal(got, none); got.Status != 404 || d != "" || len(a.seen(got)) > 0 {
			t.Errorf("%s own link, neighbour's key: %d %s", x.method, got.Status, d)
		}
	}
	// The withdrawal of an order with another's lines.
	page := b.Form("/withdraw", url.Values{"name": {"B"}, "number": {b.number}, "email": {b.who.Email}, "order_link": {b.order}, "line": {a.lineID}, "quantity." + a.lineID: {"1"}})
	if strings.Contains(string(page.Body), a.lineID) || len(a.seen(page)) > 0 {
		t.Error("a withdrawal took a neighbour's line")
	}
	if after := a.rows(); after != before {
		t.Errorf("the neighbour's rows changed:\n%s\n%s", before, after)
	}
	// The twin: each of them opens his own.
	for _, p := range []*person{a, b} {
		for path, word := range map[string]string{"/orders/" + p.order: p.number, "/orders/" + p.order + "/documents/" + p.document: p.number, "/cases/" + p.talk: p.marks[2],
			apptest.API + "/carts/" + p.cart: p.marks[0], "/withdraw/received/" + p.back: p.number, "/purchases/" + p.purchase: p.number} {
			if got := p.Do("GET", path, nil); got.Status != 200 || !strings.Contains(string(got.Body), word) {
				t.Errorf("own %.20s: %d, no %s", path, got.Status, word)
			}
		}
	}
})

// apiBody is what the operation of the Store API at a pattern takes; nil where it
// takes nothing.
func apiBody(c *apptest.Client, pattern string) any {
	switch strings.TrimPrefix(pattern, apptest.API+"/carts/{id}") {
	case "/customer":
		return apptest.Buyer("b@example.se")
	case "/delivery":
		return map[string]string{"option_id": "1"}
	case "/lines":
		return map[string]any{"variant_id": stall(c).ID, "quantity": 3}
	case "/lines/{line}":
		return map[string]int{"quantity": 9}
	case "/purchases":
		return map[string]any{"payment_method": "invoice", "accept_terms": true, "expected_total": apptest.SEK(1)}
	}
	return nil
}

func pairs(a, b map[string]string) (out []string) {
	for k, v := range a {
		if v != b[k] {
			out = append(out, v, b[k])
		}
	}
	return
}

var _ = attack("AC-082", func(t *testing.T, c *apptest.Client) {
	a, b := settle(c), c.Other()
	before := a.rows()
	id, _ := strconv.ParseInt(a.cartID, 10, 64)
	near := a.cart[:len(a.cart)-1] + "_"
	if near == a.cart { // one in 64 ends so
		near = a.cart[:len(a.cart)-1] + "-"
	}
	guesses := []string{near, a.cart[:len(a.cart)-2], a.cart + "A", strings.ToUpper(a.cart), strings.ToLower(a.cart), "", "0", "null", "undefined", hexOf(a.cart)}
	for n := id - 50; n <= id+50; n++ {
		s := strconv.FormatInt(n, 10)
		guesses = append(guesses, s, base64.RawURLEncoding.EncodeToString([]byte(s)), strconv.FormatInt(n, 36))
	}
	unknown := b.Do("GET", apptest.API+"/carts/"+strings.Repeat("A", len(a.cart)), nil)
	b.Want(unknown, 404, nil)
	for _, g := range guesses {
		if g == a.cart {
			continue
		}
		path := apptest.API + "/carts/" + url.PathEscape(g)
		if got := b.Do("GET", path, nil); got.Status != 404 && got.Status != 405 || len(a.seen(got)) > 0 {
			t.Errorf("cart %q: %d", g, got.Status)
		}
	}
	for _, g := range []string{a.cartID, guesses[0]} {
		path := apptest.API + "/carts/" + g
		for _, x := range []struct{ m, p string }{{"PUT", "/customer"}, {"POST", "/lines"}, {"PUT", "/discounts/sommar"}, {"PATCH", "/lines/" + a.line}, {"DELETE", "/lines/" + a.line},
			{"PUT", "/delivery"}, {"GET", "/delivery-options"}, {"GET", "/payment-methods"}, {"POST", "/purchases"}} {
			var body any
			if x.m != "DELETE" {
				body = apiBody(c, apptest.API+"/carts/{id}"+strings.Replace(x.p, a.line, "{line}", 1))
			}
			if got := b.Do(x.m, path+x.p, body); got.Status != 404 || len(a.seen(got)) > 0 {
				t.Errorf("%s %s of a guessed cart: %d %s", x.m, x.p, got.Status, got.Body)
			}
		}
		// As a cookie, and merged into a cart of one's own.
		thief := c.Other()
		thief.SetCookie("__Host-cart", g)
		for _, p := range []string{"/cart", "/checkout"} {
			if got := thief.Do("GET", p, nil); got.Status != 200 || len(a.seen(got)) > 0 {
				t.Errorf("%s with a guessed cookie: %d %v", p, got.Status, a.seen(got))
			}
		}
		got := thief.Form("/cart/lines", url.Values{"variant_id": {stall(c).ID}, "quantity": {"1"}})
		if got.Status != 303 || thief.Cookie("__Host-cart") == g || thief.Cookie("__Host-cart") == a.cart {
			t.Errorf("a guessed cookie was adopted: %d", got.Status)
		}
	}
	if after := a.rows(); after != before {
		t.Errorf("the neighbour's rows changed:\n%s\n%s", before, after)
	}
	// Ids cannot be reckoned: long, without a shared beginning, not made of the key.
	tokens := []string{a.cart}
	for range 20 {
		tokens = append(tokens, b.NewCart().ID)
	}
	for i, x := range tokens {
		if len(x) < 22 {
			t.Errorf("a cart's id has %d characters", len(x))
		}
		if plain, err := base64.RawURLEncoding.DecodeString(x); err == nil && strings.Contains(string(plain), a.cartID) {
			t.Error("a cart's id holds its key")
		}
		for _, y := range tokens[:i] {
			if x[:4] == y[:4] {
				t.Errorf("two carts begin alike: %s %s", x[:4], y[:4])
			}
		}
	}
	// The twin: who holds the secret has the cart, on pages too.
	a.SetCookie("__Host-cart", a.cart)
	if got := a.Do("GET", "/checkout", nil); got.Status != 200 || len(a.seen(got)) == 0 {
		t.Errorf("the owner of the cart does not see it: %d", got.Status)
	}
})

func hexOf(s string) string {
	b, _ := base64.RawURLEncoding.DecodeString(s)
	return fmt.Sprintf("%x", b)
}

var _ = attack("AC-085", func(t *testing.T, c *apptest.Client) {
	a, b := settle(c), settle(c)
	shop := c.Shop.Shop
	_, reader := c.Hire(c, "reader")
	_, orders := c.Hire(c, "orders")
	own := "/orders/" + a.order + "/documents/" + a.document
	for _, path := range []string{
		"/orders/" + a.number + "/documents/" + a.document + "/pdf",
		"/orders/" + a.orderID + "/documents/" + a.document + "/pdf?secure_key=" + b.order,
		"/orders/" + b.order + "/documents/" + a.document + "/pdf?lang=en&number=" + a.number,
		"/en/orders/" + b.order + "/documents/" + a.document + "/pdf",
		"/orders/" + stranger(a.orderID) + "/documents/" + a.document,
		"/orders/" + a.order[:len(a.order)-1] + "/documents/" + a.document + "/pdf",
		"/orders/" + a.order + "/documents/" + b.document + "/pdf",
		"/orders/" + a.order + "/documents/0/pdf", "/orders/" + a.order + "/documents/-1",
		"/orders/" + a.order + "/documents/" + a.document + "/pdf/..", "/documents/" + a.document, "/documents/" + a.document + "/pdf",
		"/media/" + a.document, "/media/" + a.number + ".pdf", "/orders/" + a.number + "/slip.pdf", "/orders/" + a.number + "/label.pdf",
	} {
		if got := b.Do("GET", path, nil); got.Status != 404 || len(a.seen(got)) > 0 || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q %v", path, got.Status, got.Header.Get("Cache-Control"), a.seen(got))
		}
	}
	slip := "/admin/orders/" + a.number + "/slip.pdf"
	if got := b.Do("GET", slip, nil); got.Status != 303 {
		t.Errorf("a guest at the packing slip: %d", got.Status)
	}
	if got := reader.Do("GET", slip, nil); got.Status != 403 || len(a.seen(got)) > 0 {
		t.Errorf("a reader at the packing slip: %d", got.Status)
	}
	// The twins. Who it goes to is opened first, with a reason.
	orders.Opened("/admin/orders/"+a.number, "packing")
	for who, path := range map[*apptest.Client]string{a.Client: own + "/pdf", orders: slip} {
		got := who.Do("GET", path, nil)
		if got.Status != 200 || !strings.HasPrefix(string(got.Body), "%PDF-") || got.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s: %d %q", path, got.Status, got.Header.Get("Cache-Control"))
		}
	}
	// A link in a mail is the token and nothing that can be counted.
	links := 0
	for _, m := range c.Mails(a.who.Email) {
		for _, u := range regexp.MustCompile(regexp.QuoteMeta(shop)+`[^\s"<>]*`).FindAllString(m.Text+m.HTML, -1) {
			if strings.Contains(u, "/orders/") && !strings.HasSuffix(u, "/orders/find") {
				links++
				if !strings.Contains(u, a.order) {
					t.Errorf("a mail leads to %s", u)
				}
			}
		}
	}
	if links == 0 {
		t.Error("no mail leads to the order")
	}
})

var _ = attack("AC-087", func(t *testing.T, c *apptest.Client) {
	a, g := settle(c), c.Other()
	open := map[string]bool{apptest.API + "/products": true, apptest.API + "/categories": true, apptest.API + "/openapi.json": true}
	paths := map[string]bool{}
	for _, l := range table(t) {
		if strings.HasPrefix(l.Path, "/en/") {
			continue
		}
		for p := l.Path; strings.Contains(p, "/"); p = p[:strings.LastIndex(p, "/")] {
			if !strings.Contains(p, "{") && (strings.HasPrefix(p, "/api") || l.staff()) {
				paths[p] = true
			}
		}
	}
	for _, base := range []string{"/api/store/v1", "/api/admin/v1", "/api", "/api/v1", "/admin/api", ""} {
		for _, name := range []string{"orders", "purchases", "carts", "customers", "persons", "users", "cases", "returns", "refunds", "tokens", "sessions", "staff", "mails", "jobs", "audit", "newsletter", "subscribers", "documents", "receipts", "invoices"} {
			paths[base+"/"+name] = true
		}
	}
	if len(paths) < 100 {
		t.Errorf("only %d collections", len(paths))
	}
	for p := range paths {
		for _, q := range []string{p, p + ".json", p + "/", p + "?limit=100", strings.ToUpper(p), strings.Replace(p, "/v1", "/v2", 1), strings.Replace(p, "/v1", "/v9", 1), strings.Replace(p, "/v1", "", 1), p + ".csv"} {
			if open[q] || open[strings.TrimSuffix(q, "?limit=100")] || q == "/" || q == "" || q[0] != '/' {
				continue
			}
			got := g.Do("GET", q, nil, "Accept", "application/json")
			ok := got.Status == 404 || got.Status == 401 || got.Status == 405 || got.Status == 303 && (strings.HasPrefix(got.Location(), "/admin/login") || got.Location() == "/login") // the doors, which know nothing of what was asked for
			if strings.HasPrefix(p, "/api/store/v1/") && (got.Status == 422 || got.Status == 400) {
				ok = true // needs a postal code; no list of anybody's
			}
			if q == "/admin/assets" || !strings.HasPrefix(p, "/api") && got.Status == 200 {
				ok = true // a page of the shop itself, such as /cases' door; judged by its words
			}
			if !ok || len(a.seen(got)) > 0 || strings.Contains(string(got.Body), a.number) {
				t.Errorf("GET %s: %d %v", q, got.Status, a.seen(got))
			}
		}
	}
	// The twins: goods are for everybody, orders for staff.
	c.Want(g.Do("GET", apptest.API+"/products?limit=1", nil), 200, nil)
	if got := c.Admin("GET", "/orders?limit=100", nil); got.Status != 200 || !strings.Contains(string(got.Body), a.number) {
		t.Errorf("staff do not see the order: %d", got.Status)
	}
})

var _ = attack("AC-090", func(t *testing.T, c *apptest.Client) {
	// Those who sign in are driven in customer_test.go. Whoever writes another's address buys as a person of his own.
	a, b := settle(c), c.Other()
	k := b.Cart(1, stall(c))
	who := apptest.Buyer(a.who.Email)
	b.SetCookie("__Host-cart", k.ID)
	k = b.Complete(k.ID, who)
	for _, path := range []string{"/cart", "/checkout", "/account", "/login", apptest.API + "/carts/" + k.ID} {
		got := b.Do("GET", path, nil)
		for _, m := range a.marks[:3] {
			if got.Status != 200 && !(path == "/account" && got.Status == 303) || strings.Contains(string(got.Body), m) {
				t.Errorf("%s with a's address: %d", path, got.Status)
			}
		}
	}
	p, o := b.PaidCart(k)
	for _, path := range []string{"/orders/" + p.Order.Token, apptest.API + "/orders/" + p.Order.Token, "/purchases/" + p.Token, "/support?order=" + p.Order.Token, "/withdraw?order=" + p.Order.Token} {
		got := b.Do("GET", path, nil)
		for _, m := range append([]string{a.number}, a.marks[:3]...) {
			if got.Status != 200 || strings.Contains(string(got.Body), m) {
				t.Errorf("%.20s shows a: %d", path, got.Status)
			}
		}
	}
	if got := b.Query(`SELECT count(*) FROM order_order WHERE person_id=(SELECT person_id FROM order_order WHERE number=$1)`, o.Number); got[0][0] != "1" {
		t.Errorf("one person has %s orders by an address that nobody has proven", got[0][0])
	}
	// The twin: b's order is found with its number and that address, and is b's.
	got := b.Follow(b.Form("/orders/find", url.Values{"number": {o.Number}, "email": {a.who.Email}}))
	if got.Status != 200 || !strings.Contains(got.Words(), who.Name) || strings.Contains(got.Words(), a.number) {
		t.Errorf("b's own order: %d", got.Status)
	}
})

var _ = attack("AC-093", func(t *testing.T, c *apptest.Client) {
	v := c.Scarce(48713)
	a := settle(c)
	member, support := c.Hire(c, "support")
	note := aWord()
	if got := support.Form("/admin/cases/"+a.caseID, url.Values{"message": {"Intern " + note}, "as": {"note"}}); got.Status != 303 {
		t.Fatalf("the note was not taken: %d %s", got.Status, got.Words())
	}
	secrets := []string{"48713", note, member.Email}
	for _, m := range c.Members {
		// The address of customer service is the shop's own, and public.
		if secrets = append(secrets, m.Password, m.TOTP); m.Role != "support" {
			secrets = append(secrets, m.Email)
		}
	}
	keys := regexp.MustCompile(`"(on_hand|held|allocated|cost|cost_price|purchase_price|margin|supplier|revenue|sold|person_id|staff_id|internal[a-z_]*|token_hash|provider_[a-z]+|alarm)"\s*:`)
	g := c.Other()
	seen, queue := map[string]bool{}, []string{"/", "/en", "/cart", "/search?q=a", "/trust", "/status", "/support", "/account", "/robots.txt", "/sitemap.xml", "/feeds/google.xml", "/.well-known/security.txt",
		apptest.API + "/openapi.json", apptest.API + "/products?limit=100", apptest.API + "/categories", "/products/" + v.Product, apptest.API + "/products/" + v.Product,
		"/orders/" + a.order, apptest.API + "/orders/" + a.order, "/cases/" + a.talk, "/purchases/" + a.purchase, apptest.API + "/purchases/" + a.purchase}
	for len(queue) > 0 && len(seen) < 150 {
		p := queue[0]
		queue = queue[1:]
		if seen[p] {
			continue
		}
		seen[p] = true
		got := g.Do("GET", p, nil)
		if got.Status != 200 && got.Status != 303 && got.Status != 301 {
			continue
		}
		for _, s := range secrets {
			if strings.Contains(string(got.Body), s) {
				t.Errorf("%.40s tells %q", p, s)
			}
		}
		if k := keys.FindString(string(got.Body)); k != "" && !strings.HasSuffix(p, "openapi.json") {
			t.Errorf("%.40s has the field %s", p, k)
		}
		for _, m := range regexp.MustCompile(`(?:href="|<loc>`+regexp.QuoteMeta(c.Shop.Shop)+`)(/[^"<#]*)`).FindAllStringSubmatch(string(got.Body), -1) {
			to := strings.ReplaceAll(m[1], "&amp;", "&")
			if !strings.HasPrefix(to, "/static/") && !strings.HasPrefix(to, "/media/") && !strings.HasPrefix(to, "/admin") {
				queue = append(queue, to)
			}
		}
	}
	if len(seen) < 60 {
		t.Errorf("only %d addresses were found", len(seen))
	}
	// The twins: staff see the figure, and the note where it belongs.
	if l := c.Stock(v.ID); l.OnHand != 48713 {
		t.Errorf("stock %+v", l)
	}
	if got := support.Do("GET", "/admin/cases/"+a.caseID, nil); !strings.Contains(got.Words(), note) {
		t.Error("staff do not see their note")
	}
})
