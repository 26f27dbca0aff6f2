package attack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// guest is a buyer whose every field holds a canary, cut to what the field takes.
func guest(mail, word string) map[string]any {
	at := map[string]string{"care_of": word, "line1": word, "line2": word, "postal_code": "112 21", "city": cutTo(word, 60), "country": "SE", "door_code": cutTo("<b onclick="+mark+"1>", 20)}
	return map[string]any{"email": mail, "phone": "070-174 06 05", "name": word, "company": word, "org_number": "556016-0680", "reference": cutTo(word, 60), "address": at, "billing_address": at}
}

// invoiced buys against invoice as such a buyer: an order without the bank.
func invoiced(c *apptest.Client, v apptest.Variant, who any) apptest.Purchase {
	c.T.Helper()
	k := c.Cart(1, v)
	c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", who), 200, nil)
	opts := c.Options(k.ID)
	if len(opts) == 0 {
		c.T.Fatal("no way to deliver")
	}
	choice := map[string]any{"option_id": opts[0].ID}
	if opts[0].Points != nil {
		var points struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
		}
		c.Want(c.Do("GET", *opts[0].Points, nil), 200, &points)
		choice["pickup_point_id"] = points.Items[0].ID
	}
	c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/delivery", choice), 200, &k)
	p := c.Buy(k, apptest.Wish{Method: "invoice"})
	if p = c.Final(p.Token); p.State != "placed" || p.Order == nil {
		c.T.Fatalf("no order against invoice: %s %s", p.State, p.Message)
	}
	return p
}

// asks opens a case and returns its page.
func asks(c *apptest.Client, name, mail, order, message string, headers ...string) string {
	c.T.Helper()
	v := url.Values{"topic": {"order"}, "message": {message}, "order": {order}, "name": {name}, "email": {mail}}
	a := c.Form("/support", v, append([]string{"Sec-Fetch-Site", "same-origin", "Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
	if a.Status != 303 {
		c.T.Fatalf("no case: %d %s", a.Status, a.Words())
	}
	return a.Location()
}

// routes are the patterns of the pages that are read with GET, by a prefix.
func routesOf(c *apptest.Client, prefix string) (out []string) {
	c.T.Helper()
	said, code := apptest.Command(c.T, nil, "routes", "--json")
	var rows []struct{ Listener, Method, Path, Who string }
	if err := json.Unmarshal([]byte(said), &rows); err != nil || code != 0 {
		c.T.Fatalf("routes: %d %v", code, err)
	}
	for _, r := range rows {
		if r.Listener == "shop" && r.Method == "GET" && strings.HasPrefix(r.Path, prefix) {
			out = append(out, r.Path)
		}
	}
	return out
}

// patience is how long something of the background may take on a slow machine.
const patience = 60 * time.Second

var variable = regexp.MustCompile(`\{[a-z]+(\.\.\.)?\}|\{\$\}`)

// matcher finds paths that a pattern answers.
func matcher(pattern string) *regexp.Regexp {
	out, last := "^", 0
	for _, m := range variable.FindAllStringIndex(pattern, -1) {
		out += regexp.QuoteMeta(pattern[last:m[0]]) + `[^/?#]+`
		last = m[1]
	}
	return regexp.MustCompile(out + regexp.QuoteMeta(pattern[last:]) + "$")
}

// links are the addresses on a page that stay in the shop.
func links(a apptest.Answer) (out []string) {
	for _, n := range a.Find("a[href]") {
		if h := apptest.Attr(n, "href"); strings.HasPrefix(h, "/") && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// What guests write is read by staff, by themselves, in mails and on paper. On none
// of these is it ever more than text, and nowhere is it lost.
var _ = attack("AC-134", func(t *testing.T, c *apptest.Client) {
	v := c.Scarce(100)
	c.BuyGift(c.GiftCards()[0], 1) // so that there is one to look at
	type sale struct{ word, mail, number, token, said, name string }
	var sales []sale
	for i, word := range canaries {
		s := sale{word: word, mail: fmt.Sprintf("%s'onfocus='%d.%s", mark, i, apptest.NewMail())}
		b := c.Other()
		if i%4 == 0 {
			s.number, s.token = buysByForm(b, v, s.mail, word)
		} else {
			p := invoiced(b, v, guest(s.mail, word))
			s.number, s.token = p.Order.Number, p.Order.Token
		}
		sales = append(sales, s)
	}
	for i := range sales {
		s := &sales[i]
		b := c.Other()
		refused(b, s.word)
		at := asks(b, s.word, s.mail, s.number, "Hej!\n"+s.word, "User-Agent", s.word, "Referer", c.Shop.Shop+"/"+url.PathEscape(s.word))
		if a := page(b, at); a.Status != 200 || !shown(a.HTML(), s.word) {
			t.Errorf("the case does not show %q", s.word)
		}
		withdraws(b, s.number, s.mail, s.word)
	}

	// What the buyer sees of the order, and what comes by mail.
	for _, s := range sales {
		a := page(c, "/orders/"+s.token)
		if a.Status != 200 || !strings.Contains(a.Words(), s.number) {
			t.Errorf("no order page: %v", a.Status)
		}
		papers := 0
		for _, l := range links(a) {
			if !strings.Contains(l, "/documents/") {
				continue
			}
			papers++
			if strings.HasSuffix(l, "/pdf") {
				d := c.Do("GET", l, nil)
				c.Want(d, 200, nil)
				if text := pdfText(t, d.Body); !strings.Contains(squash(text), squash(s.word)) {
					t.Errorf("the document of %q does not show it: %.400s", s.word, text)
				}
				continue
			}
			d := page(c, l)
			if d.Status != 200 || !shown(d.HTML(), s.word) {
				t.Errorf("%s does not show %q", l, s.word)
			}
			if pdf := c.Do("GET", l+"/pdf", nil); pdf.Status != 200 || !strings.Contains(squash(pdfText(t, pdf.Body)), squash(s.word)) {
				t.Errorf("%s/pdf (%d) does not show %q", l, pdf.Status, s.word)
			}
		}
		if papers == 0 {
			t.Errorf("order %s has no document", s.number)
		}
		var ms []apptest.Mail
		c.Wait("the mails of an order, a case and a withdrawal", patience, func() bool { ms = c.Mails(s.mail); return len(ms) >= 3 })
		if len(ms) == 0 {
			continue
		}
		text := ""
		for _, m := range ms {
			inert(t, "mail "+m.Subject, apptest.Answer{Body: []byte(m.HTML)}.HTML())
			text += m.Text
		}
		if !strings.Contains(squash(text), squash(s.word)) {
			t.Errorf("no mail shows %q as text", s.word)
		}
	}

	// Every page of the back office, with the pages of these sales among them.
	owner := c.Staff(c, "owner")
	draft := banked(t, c, owner, v)
	for _, w := range canaries[:2] { // what staff tell of is read by others of them
		c.Want(owner.Form("/admin/incidents", url.Values{"at": {"/admin/orders"}, "text": {"Det här kom: " + w}}), 303, nil)
	}
	for i, w := range canaries[:2] { // and so is what customers asked for in writing
		c.Want(owner.Form("/admin/privacy/new", url.Values{"kind": {[]string{"access", "object"}[i]}, "asked_on": {time.Now().Format(time.DateOnly)}, "email": {sales[0].mail}, "lang": {"sv"}, "text": {w}}), 303, nil)
	}
	seen, next := map[string]bool{}, []string{}
	patterns := routesOf(c, "/admin")
	// What only a letter leads to, and what is off in this shop.
	elsewhere := []string{"/admin/invite/{token}", "/admin/stop/{token}", "/admin/login/sso"}
	for _, p := range patterns {
		if !strings.Contains(p, "{") {
			next = append(next, p)
		}
	}
	next = append(next, draft, "/admin/cases?show=all", "/admin/orders?show=unpaid", "/admin/audit?action="+url.QueryEscape(canaries[1]), "/admin/products?find="+url.QueryEscape(canaries[1]), "/en/admin/cases?show=all")
	for _, s := range sales {
		next = append(next, "/admin/orders/"+s.number, "/admin/orders/"+s.number+"/slip.pdf", "/admin/packing/"+s.number)
	}
	opened, full := map[string]int{}, map[string]int{}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		path, _, _ := strings.Cut(at, "?")
		pattern := ""
		for _, p := range patterns {
			if matcher(p).MatchString(strings.TrimPrefix(path, "/en")) {
				pattern = p
				break
			}
		}
		a := owner.Do("GET", at, nil)
		switch {
		case a.Status == 303 || strings.HasPrefix(pattern, "/admin/assets"):
			opened[pattern]++
			continue
		case a.Status != 200:
			if !slices.Contains(elsewhere, pattern) {
				t.Errorf("GET %s: %d", at, a.Status)
			}
			continue
		}
		opened[pattern]++
		if strings.HasPrefix(a.Header.Get("Content-Type"), "application/pdf") {
			pdfText(t, a.Body)
			continue
		}
		doc := a.HTML()
		inert(t, "GET "+at, doc)
		// Who it is is hidden until it is opened; then the whole of it must be inert too.
		if len(a.Find(`form[action$="/admin/personal/open"]`)) > 0 {
			a = owner.Opened(at, "packing")
			doc = a.HTML()
			inert(t, "GET "+at+", opened", doc)
		}
		for _, s := range sales {
			if shown(doc, s.word) {
				full[pattern+" "+s.word]++
			}
		}
		for _, l := range links(a) {
			if seen[l] || slices.Contains(next, l) {
				continue
			}
			p, _, _ := strings.Cut(l, "?")
			if slices.Contains(patterns, p) {
				continue // a page of its own, which a pattern beside it would take for one of its things
			}
			for _, pat := range patterns {
				if !strings.Contains(pat, "{") || !matcher(pat).MatchString(p) {
					continue
				}
				// A few of each kind; of cases and returns all that there are, because
				// one cannot see from outside which are ours.
				most := 3
				if pat == "/admin/cases/{id}" || pat == "/admin/returns/{id}" {
					most = 200
				}
				if queued := count(next, matcher(pat)); queued+opened[pat] < most {
					next = append(next, l)
				}
				break
			}
			// Pages of the two lists that go on.
			if strings.HasPrefix(l, "/admin/cases?") || strings.HasPrefix(l, "/admin/returns?") {
				next = append(next, l)
			}
		}
	}
	for _, p := range patterns {
		if opened[p] == 0 && !slices.Contains(elsewhere, p) && !strings.HasPrefix(p, "/admin/assets") {
			t.Errorf("no page of %s was opened", p)
		}
	}
	for _, s := range sales {
		for _, p := range []string{"/admin/orders/{number}", "/admin/cases/{id}", "/admin/returns/{id}"} {
			if full[p+" "+s.word] == 0 {
				t.Errorf("no page of %s shows %q", p, s.word)
			}
		}
		slip := owner.Do("GET", "/admin/orders/"+s.number+"/slip.pdf", nil)
		owner.Want(slip, 200, nil)
		if text := pdfText(t, slip.Body); !strings.Contains(squash(text), squash(s.word)) {
			t.Errorf("the packing slip does not show %q: %.300s", s.word, text)
		}
	}
})

// squash leaves out all space: lines are broken where they are too long.
func squash(s string) string { return strings.Join(strings.Fields(s), "") }

func count(list []string, m *regexp.Regexp) (n int) {
	for _, s := range list {
		p, _, _ := strings.Cut(s, "?")
		if m.MatchString(p) {
			n++
		}
	}
	return n
}

// buysByForm buys against invoice over the pages. The first try has a wrong mail
// address, so that the form comes back with what was typed.
func buysByForm(c *apptest.Client, v apptest.Variant, mail, word string) (number, token string) {
	c.T.Helper()
	if a := c.Form("/cart/lines", url.Values{"variant_id": {v.ID}, "quantity": {"1"}}); a.Status != 303 {
		c.T.Fatalf("nothing in the cart: %d", a.Status)
	}
	if a := c.Form("/cart/discounts", url.Values{"code": {cutTo(word, 40)}}); a.Status == 303 || a.Status >= 500 {
		c.T.Errorf("a code that is none: %d", a.Status)
	} else {
		inert(c.T, "POST /cart/discounts", a.HTML())
	}
	who := guest(mail, word)
	form := page(c, "/checkout")
	action, f := c.CheckoutForm(form, apptest.Buyer(mail))
	for k, x := range who {
		if s, ok := x.(string); ok {
			f.Set(k, s)
		}
	}
	for k, x := range who["address"].(map[string]string) {
		f.Set("address/"+k, x)
	}
	f.Set("payment_method", "invoice")
	wrong := url.Values{}
	for k, x := range f {
		wrong[k] = x
	}
	wrong.Set("email", word)
	wrong.Set("phone", word)
	wrong.Set("code", word)
	a := c.Form(action, wrong)
	if a.Status != 422 || !shown(a.HTML(), word) {
		c.T.Errorf("a wrong form: %d", a.Status)
	}
	inert(c.T, "POST /checkout", a.HTML())
	// The sum is that of the delivery that the form chose.
	_, again := c.FormOf(page(c, "/checkout"), `form[method=post][action$="/checkout"]`)
	f.Set("expected_total", again.Get("expected_total"))
	a = c.Form(action, f)
	if a.Status == 422 && a.Find(`[name="expected_total"]`) != nil {
		_, again = c.FormOf(a, `form[method=post][action$="/checkout"]`)
		f.Set("expected_total", again.Get("expected_total"))
		a = c.Form(action, f)
	}
	if a.Status != 303 {
		c.T.Fatalf("the form bought nothing: %d %s", a.Status, a.Words())
	}
	page(c, a.Location())
	p := c.Final(strings.TrimPrefix(a.Location(), "/purchases/"))
	if p.State != "placed" {
		c.T.Fatalf("purchase %s: %s", p.State, p.Message)
	}
	return p.Order.Number, p.Order.Token
}

// refused sends a canary to everything that will not take it and looks at what
// comes back.
func refused(c *apptest.Client, word string) {
	c.T.Helper()
	form := func(path string, v url.Values) {
		a := c.Form(path, v)
		if a.Status >= 500 || a.Status == 303 {
			c.T.Errorf("POST %s: %d", path, a.Status)
		}
		inert(c.T, "POST "+path, a.HTML())
	}
	form("/orders/find", url.Values{"number": {word}, "email": {word}})
	form("/support", url.Values{"topic": {word}, "message": {word}, "name": {word}, "email": {word}, "order": {word}, "about_product": {word}, "about_order": {word}})
	form("/withdraw", url.Values{"name": {word}, "number": {word}, "email": {word}, "message": {word}, "order_link": {word}})
	form("/withdraw/confirm", url.Values{"name": {word}, "number": {word}, "email": {word}, "message": {word}})
	form("/admin/login", url.Values{"email": {word}, "password": {word}, "totp": {word}, "next": {word}})
	if a := page(c, "/search?q="+url.QueryEscape(word), "User-Agent", word, "Referer", "https://kvx.invalid/"+url.PathEscape(word)); a.Status != 200 || !shown(a.HTML(), word) {
		c.T.Errorf("the search does not show %q", word)
	}
	k := c.NewCart()
	for _, a := range []apptest.Answer{
		c.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/"+url.PathEscape(word), nil),
		c.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", map[string]any{"email": word, "phone": word, "name": word, "address": map[string]string{"postal_code": word, "country": word}}),
		c.Do("POST", apptest.API+"/carts/"+k.ID+"/lines", map[string]any{"variant_id": word, "quantity": 1}),
		c.Do("POST", apptest.API+"/carts", map[string]any{word: word}),
	} {
		if a.Status < 400 || a.Status >= 500 || a.Header.Get("Content-Type") != "application/problem+json" || strings.ContainsAny(string(a.Body), "<>") {
			c.T.Errorf("a problem document: %d %.300s", a.Status, a.Body)
		}
	}
}

// withdraws takes an order back with a canary in every word of it.
func withdraws(c *apptest.Client, number, mail, word string) {
	c.T.Helper()
	v := url.Values{"name": {word}, "number": {number}, "email": {mail}, "message": {word}}
	a := c.Form("/withdraw", v)
	if a.Status != 200 || !shown(a.HTML(), word) {
		c.T.Fatalf("the first step: %d %s", a.Status, a.Words())
	}
	inert(c.T, "POST /withdraw", a.HTML())
	_, keep := c.FormOf(a, `form[action$="/withdraw/confirm"]`)
	b := c.Form("/withdraw/back", keep)
	if b.Status != 200 || !shown(b.HTML(), word) {
		c.T.Errorf("back: %d", b.Status)
	}
	inert(c.T, "POST /withdraw/back", b.HTML())
	a = c.Form("/withdraw/confirm", keep)
	if a.Status != 303 {
		c.T.Fatalf("the second step: %d %s", a.Status, a.Words())
	}
	if a = page(c, a.Location()); a.Status != 200 || !shown(a.HTML(), word) {
		c.T.Errorf("the acknowledgement does not show %q", word)
	}
}
