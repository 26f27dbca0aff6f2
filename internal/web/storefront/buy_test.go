package storefront_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shoptest"
)

// addOne presses the button of a product page.
func (v *visitor) addOne(prefix, handle string) page {
	v.s.t.Helper()
	p := v.get(prefix + "/products/" + handle)
	action, f := p.form(v.s.t, `form[method=post][action*="/cart"]`)
	return v.follow(v.post(action, f))
}

var claims = regexp.MustCompile(`(?i)(\S+\s+)?\bbetal(t|d|at)\b`)

// quiet fails for a page that says that something is paid.
func quiet(t *testing.T, p page) {
	t.Helper()
	for _, m := range claims.FindAllStringSubmatch(p.words(), -1) {
		if w := strings.ToLower(strings.TrimSpace(m[1])); w != "inte" && w != "ej" {
			t.Errorf("a page of a purchase that is not paid says %q", m[0])
		}
	}
}

func TestBuyWithoutScripts(t *testing.T) {
	for _, lg := range []struct{ prefix, order, title string }{{"", "Köp nu", "Betalt"}, {"/en", "Buy now", "Paid"}} {
		t.Run("lang"+strings.TrimPrefix(lg.prefix, "/"), func(t *testing.T) {
			each(t, func(t *testing.T, s *shop) {
				s.put(goods{handle: "mugg-drej", title: "Mugg Drej", en: "Mug Drej", ore: 24900, stock: 5})
				v := s.visitor()
				home := v.get(lg.prefix + or(lg.prefix, "/"))
				if lg.prefix != "" {
					home = v.get(lg.prefix)
				}
				if home.StatusCode != 200 || len(home.all(`a[href="`+lg.prefix+`/products/mugg-drej"]`)) == 0 {
					t.Fatalf("home: %d without a link to the goods", home.StatusCode)
				}
				c := v.addOne(lg.prefix, "mugg-drej")
				name := "Mugg Drej"
				if lg.prefix != "" {
					name = "Mug Drej"
				}
				if !strings.Contains(c.words(), name) || len(c.all("[data-said] .notice")) != 1 || words(c.first(t, ".count")) != "1" {
					t.Fatalf("cart: %s", c.words())
				}
				k := v.get(attr(c.first(t, `main a[href$="/checkout"]`), "href"))
				action, f := buyerForm(t, k)
				if action != lg.prefix+"/checkout" || f.Get("payment_method") != "card" || f.Get("delivery/option_id") == "" {
					t.Fatalf("checkout: %s %v", action, f)
				}
				buttons := k.all("main form button")
				if words(buttons[len(buttons)-1]) != lg.order {
					t.Errorf("the last button says %q", words(buttons[len(buttons)-1]))
				}
				sent := v.post(action, f)
				if sent.StatusCode != http.StatusSeeOther || !strings.HasPrefix(sent.Header.Get("Location"), lg.prefix+"/purchases/") {
					t.Fatalf("%d %s: %s", sent.StatusCode, sent.Header.Get("Location"), sent.words())
				}
				at := v.follow(sent)
				if at.StatusCode != 200 || at.Header.Get("Cache-Control") != "no-store" {
					t.Fatalf("purchase page: %d %v", at.StatusCode, at.Header)
				}
				quiet(t, at)
				bank := attr(at.first(t, ".moment__do a"), "href")
				if !strings.HasPrefix(bank, s.Bank.URL()) || at.Header.Get("Refresh") != "1; url="+bank || attr(at.first(t, "[data-purchase]"), "data-go") != bank {
					t.Fatalf("no way to the bank: %s, refresh %q", bank, at.Header.Get("Refresh"))
				}
				// A second press of the button meets the same purchase.
				if again := v.post(action, f); again.Header.Get("Location") != sent.Header.Get("Location") {
					t.Errorf("a second press went to %s", again.Header.Get("Location"))
				}
				s.PayAtBank(bank, "4242424242424242")
				back := v.get(sent.Header.Get("Location") + "/return")
				if back.StatusCode != http.StatusSeeOther || back.Header.Get("Location") != sent.Header.Get("Location") {
					t.Fatalf("return: %d %s", back.StatusCode, back.Header.Get("Location"))
				}
				paid := v.follow(back)
				number := regexp.MustCompile(`\b\d{8,12}\b`).FindString(words(paid.first(t, "main dl.facts")))
				if lg.prefix == "" && !claims.MatchString(paid.words()) || number == "" || paid.Header.Get("Refresh") != "" || !strings.HasPrefix(words(paid.first(t, "title")), words(paid.first(t, "h1"))) {
					t.Fatalf("paid page: %s", paid.words())
				}
				if !strings.Contains(paid.words(), "k…@example.se") || strings.Contains(paid.words(), "kopare@example.se") {
					t.Error("the address is not masked")
				}
				// The cart is empty again, and its old form leads to the purchase, not to a second one.
				if c := v.get(lg.prefix + "/cart"); len(c.all(".count")) != 0 || len(c.all("ul.lines")) != 0 {
					t.Error("the cart still has goods")
				}
				if n := len(s.Books()); n != 1 {
					t.Errorf("%d payments at the bank", n)
				}
				s.CheckBooks()
			})
		})
	}
}

func or(a, b string) string {
	if a != "" {
		return ""
	}
	return b
}

// ready is a visitor whose cart holds one mug, and his checkout form.
func (s *shop) ready(t *testing.T) (*visitor, string, url.Values) {
	t.Helper()
	v := s.visitor()
	v.addOne("", "mugg")
	action, f := buyerForm(t, v.get("/checkout"))
	return v, action, f
}

func TestCheckoutKeepsWhatWasTyped(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		v, action, f := s.ready(t)
		f.Set("email", "ingen adress")
		f.Set("address/postal_code", "12")
		f.Set("address/city", "")
		f.Set("company", `Bolaget & "Co"`)
		f.Del("delivery/option_id")
		f.Set("payment_method", "gold")
		p := v.post(action, f)
		if p.StatusCode != http.StatusUnprocessableEntity {
			t.Fatalf("status %d", p.StatusCode)
		}
		_, kept := p.form(t, "main form[method=post]")
		for _, name := range []string{"email", "phone", "name", "company", "address/line1", "address/postal_code", "address/city"} {
			if kept.Get(name) != f.Get(name) {
				t.Errorf("%s: %q, want %q", name, kept.Get(name), f.Get(name))
			}
		}
		var links []string
		for _, a := range p.all(".summary a") {
			links = append(links, attr(a, "href"))
			if len(p.all(attr(a, "href"))) != 1 {
				t.Errorf("the summary leads to %s, which is not there", attr(a, "href"))
			}
		}
		want := "#f-email #f-address-postal_code #f-address-city #f-delivery-option_id #f-payment_method"
		if strings.Join(links, " ") != want {
			t.Errorf("summary %v, want %s", links, want)
		}
		if n := len(s.Books()); n != 0 {
			t.Errorf("%d payments", n)
		}
		// Nothing of it was kept in the cart.
		if _, g := v.get("/checkout").form(t, "main form[method=post]"); g.Get("name") != "" {
			t.Error("a form with errors was kept")
		}
	})
}

func TestTamperedTotal(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 50})
		for _, set := range [][2]string{{"expected_total", "1"}, {"expected_total", "-5"}, {"expected_total", "x"}, {"expected_currency", "NOK"}, {"expected_total", "99999999999999999999"}, {"expected_total", ""}} {
			v, action, f := s.ready(t)
			f.Set(set[0], set[1])
			p := v.post(action, f)
			if p.StatusCode != http.StatusConflict || !strings.Contains(p.words(), "Det här har ändrats: summan. Ny summa: 288 kr") {
				t.Fatalf("%v: %d %s", set, p.StatusCode, p.words())
			}
			_, again := p.form(t, "main form[method=post]")
			if again.Get("expected_total") != "28800" || again.Get("name") != "Åsa Prov" {
				t.Errorf("%v: the page does not offer the true sum: %v", set, again)
			}
			if sent := v.post(action, again); sent.StatusCode != http.StatusSeeOther {
				t.Errorf("the second try: %d", sent.StatusCode)
			}
		}
	})
}

func TestRefusedKeepsTheCart(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		// Names that could be read as news about the money.
		s.put(goods{handle: "mugg", title: "Mugg Betald", ore: 24900, stock: 5})
		s.Do(func(tx *db.Tx) error {
			_, err := catalog.PutCategory(tx, shoptest.By, catalog.Category{Handle: "betalt", Texts: catalog.Texts{catalog.SV: {Title: "Redan betalt"}}})
			return err
		})
		for card, say := range map[string]string{"4000000000000002": "Din bank godkände inte köpet", "4000000000009995": "pengarna på kontot inte räckte"} {
			v, action, f := s.ready(t)
			sent := v.post(action, f)
			at := v.follow(sent)
			quiet(t, at)
			s.PayAtBank(attr(at.first(t, ".moment__do a"), "href"), card)
			p := v.follow(v.get(sent.Header.Get("Location") + "/return"))
			if !strings.Contains(p.words(), say) || len(p.all(`main a[href="/checkout?payment_method=card"]`)) != 1 || len(p.all(`main a[href="/checkout?payment_method=invoice"]`)) != 1 || p.Header.Get("Refresh") != "" {
				t.Fatalf("%s: %s", card, p.words())
			}
			quiet(t, p)
			if c := v.get("/cart"); len(c.all("li.line")) != 1 {
				t.Error("the cart is gone")
			}
			// Pay again, this time for real.
			if f := v.get("/checkout?payment_method=invoice"); len(f.all(`[name=payment_method][value=invoice][checked]`)) != 1 {
				t.Error("the way that was chosen beside is not chosen")
			}
			action, f = buyerForm(t, v.get("/checkout"))
			if f.Get("payment_method") != "card" {
				t.Error("credit is chosen beforehand")
			}
			second := v.post(action, f)
			if second.Header.Get("Location") == sent.Header.Get("Location") {
				t.Fatal("the refused purchase again")
			}
		}
	})
}

func TestInvoice(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 50})
		v, action, f := s.ready(t)
		f.Set("payment_method", "invoice")
		p := v.follow(v.post(action, f))
		if attr(p.first(t, "[data-purchase]"), "data-purchase") != "placed" {
			t.Fatal(p.words())
		}
		quiet(t, p)
	})
}

func TestSoldOutMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 1})
		first, action, f := s.ready(t)
		second, _, g := s.ready(t)
		if p := first.post(action, f); p.StatusCode != http.StatusSeeOther {
			t.Fatal(p.StatusCode)
		}
		p := second.post(action, g)
		if p.StatusCode != http.StatusConflict || !strings.Contains(p.words(), "vad som finns i lager") {
			t.Fatalf("%d %s", p.StatusCode, p.words())
		}
		if c := second.get("/cart"); !strings.Contains(c.words(), "Slut i lager") {
			t.Error(c.words())
		}
	})
}

func TestCancelPurchase(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		v, action, f := s.ready(t)
		at := v.post(action, f).Header.Get("Location")
		action, f = v.get(at).form(t, `.moment__do form`)
		if action != at+"/cancel" {
			t.Fatal(action)
		}
		p := v.follow(v.post(action, f))
		if !strings.Contains(p.words(), "Du avbröt betalningen") {
			t.Error(p.words())
		}
		quiet(t, p)
	})
}

func TestReturnAddress(t *testing.T) {
	one(t, func(s *shop) {
		_, variant := s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		_ = variant
		token := s.Cart(stockLine(variant, 1))
		p, err := s.Desk.Begin(t.Context(), checkout.Request{Cart: token, Method: "card", Accept: true, ReturnURL: s.srv.URL + "/tack?a=b", Lang: "sv", Peer: "x"})
		if err != nil {
			t.Fatal(err)
		}
		tok := p.Token(s.Vault)
		back := s.visitor().get("/purchases/" + tok + "/return?payment=1")
		if back.StatusCode != http.StatusSeeOther || back.Header.Get("Location") != s.srv.URL+"/tack?a=b&purchase="+tok {
			t.Errorf("%d %s", back.StatusCode, back.Header.Get("Location"))
		}
	})
}
