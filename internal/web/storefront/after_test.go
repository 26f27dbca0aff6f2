package storefront_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shoptest"
)

// sold buys n mugs by invoice through the pages and returns the order.
func (s *shop) sold(t *testing.T, v *visitor, handle string, n int) order.Order {
	t.Helper()
	p := v.get("/products/" + handle)
	action, f := p.form(t, `form[method=post][action*="/cart"]`)
	f.Set("quantity", fmt.Sprint(n))
	v.follow(v.post(action, f))
	action, f = buyerForm(t, v.get("/checkout"))
	f.Set("payment_method", "invoice")
	page := v.follow(v.post(action, f))
	to := attr(page.first(t, `.moment__do a`), "href")
	o, err := db.Read(context.Background(), s.DB, func(q *db.Reader) (order.Order, error) {
		return order.ByToken(q, s.Vault, strings.TrimPrefix(to, "/orders/"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOrderPages(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		v := s.visitor()
		o := s.sold(t, v, "mugg", 2)
		path := "/orders/" + o.Token(s.Vault)
		p := v.get(path)
		for _, w := range []string{"Order " + o.NumberString(), "Mugg", "Åsa Prov", "112 21 Stockholm", "Paketbox", "Ordern är lagd", "498 kr"} {
			if !strings.Contains(p.words(), w) {
				t.Errorf("the order's page lacks %q", w)
			}
		}
		if p.Header.Get("Cache-Control") != "no-store" || attr(p.first(t, `meta[name=robots]`), "content") != "noindex" {
			t.Error("the page can be kept or found")
		}
		paper := v.get(attr(p.first(t, `a[href*="/documents/"]`), "href"))
		if !strings.Contains(paper.words(), "Faktura 1") || !strings.Contains(paper.words(), "OCR") || !strings.Contains(paper.words(), "SE559999001601") {
			t.Errorf("document: %s", paper.words())
		}
		file := v.get(attr(paper.first(t, `a[href$="/pdf"]`), "href"))
		if file.Header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(file.text, "%PDF-") || !strings.Contains(file.Header.Get("Content-Disposition"), "attachment") {
			t.Errorf("%d %v", file.StatusCode, file.Header)
		}
		// What has come for the invoice is told where it stands.
		settle := func(n int64) string {
			s.Do(func(tx *db.Tx) error {
				return checkout.Settle(tx, shoptest.By, checkout.Settlement{Order: o.ID, Amount: money.SEK(n), On: time.Now()})
			})
			return strings.ReplaceAll(v.get(attr(p.first(t, `a[href*="/documents/"]`), "href")).words(), "\u00a0", " ")
		}
		if got := settle(10000); !strings.Contains(got, "Betalt hittills: 100 kr. Kvar att betala: 437 kr.") || !strings.Contains(got, o.OCR) {
			t.Errorf("an invoice paid in part: %s", got)
		}
		if got := settle(43700); !strings.Contains(got, "Fakturan är betald ") || strings.Contains(got, "bankgiro") {
			t.Errorf("a paid invoice: %s", got)
		}
		if got := v.get(path).words(); !strings.Contains(got, "Betalningen är klar") {
			t.Errorf("the order's page: %s", got)
		}
		// Another order's document is not there.
		w := s.visitor()
		o2 := s.sold(t, w, "mugg", 1)
		if x := v.get("/orders/" + o2.Token(s.Vault) + strings.TrimPrefix(attr(p.first(t, `a[href*="/documents/"]`), "href"), path)); x.StatusCode != 404 {
			t.Errorf("another order's document: %d", x.StatusCode)
		}
		// Cancel what has not left, once.
		c := v.follow(v.post(path+"/cancel", url.Values{}))
		if !strings.Contains(c.words(), "Ordern är avbeställd") || len(c.all(`form[action$="/cancel"]`)) != 0 {
			t.Errorf("%s", c.words())
		}
		if again := v.post(path+"/cancel", url.Values{}); again.StatusCode != http.StatusConflict {
			t.Errorf("cancelled twice: %d", again.StatusCode)
		}
	})
}

func TestFindOrder(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		v := s.visitor()
		o := s.sold(t, v, "mugg", 1)
		p := v.post("/orders/find", url.Values{"number": {" " + o.NumberString() + " "}, "email": {"KOPARE@example.se"}})
		if p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != "/orders/"+o.Token(s.Vault) {
			t.Fatalf("%d %s", p.StatusCode, p.words())
		}
		if p := v.post("/en/orders/find", url.Values{"number": {o.NumberString()}, "email": {"kopare@example.se"}}); p.Header.Get("Location") != "/en/orders/"+o.Token(s.Vault) {
			t.Error(p.Header.Get("Location"))
		}
		// Whatever does not fit, the answer is one and the same.
		var said string
		for _, x := range [][2]string{{o.NumberString(), "annan@example.se"}, {"99999999", "kopare@example.se"}, {"abc", "kopare@example.se"}, {o.NumberString(), "inte en adress"}} {
			p := v.post("/orders/find", url.Values{"number": {x[0]}, "email": {x[1]}})
			now := words(p.first(t, ".summary"))
			if p.StatusCode != http.StatusUnprocessableEntity || said != "" && now != said {
				t.Errorf("%v: %d %q, before %q", x, p.StatusCode, now, said)
			}
			said = now
			if _, f := p.form(t, `main form[method=post]`); f.Get("number") != x[0] || f.Get("email") != x[1] {
				t.Errorf("typed values are gone: %v", f)
			}
		}
	})
}

func TestWithdrawal(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		v := s.visitor()
		o := s.sold(t, v, "mugg", 3)
		s.Do(func(tx *db.Tx) error {
			_, err := fulfilment.Ship(tx, shoptest.By, fulfilment.Shipment{Order: o.ID, Lines: []fulfilment.ShipLine{{Line: o.Lines[0].ID, Quantity: 3}}})
			return err
		})
		// From the order's page: the lines can be chosen.
		link := v.get(attr(v.get("/orders/"+o.Token(s.Vault)).first(t, `main a[href*="/withdraw"]`), "href"))
		action, f := link.form(t, `main form[method=post]`)
		if f.Get("name") != "Åsa Prov" || f.Get("number") != o.NumberString() {
			t.Fatalf("not filled in: %v", f)
		}
		line := o.Lines[0].ID.String()
		f.Set("line", line)
		f.Set("quantity."+line, "2")
		f.Set("email", "annan@example.se") // where the acknowledgement goes is the buyer's choice
		f.Set("message", "Två gick sönder <b>")
		check := v.post(action, f)
		if !strings.Contains(check.words(), "2 st Mugg") || words(check.first(t, "main form button")) != "Bekräfta frånträde" {
			t.Fatalf("%d %s", check.StatusCode, check.words())
		}
		confirm, g := check.form(t, `main form[method=post]`)
		back := v.post("/withdraw/back", g)
		if _, b := back.form(t, `main form[method=post]`); b.Get("message") != "Två gick sönder <b>" || b.Get("line") != line {
			t.Errorf("back: %v", b)
		}
		sent := v.post(confirm, g)
		done := v.follow(sent)
		for _, w := range []string{"2 st Mugg", o.NumberString(), "a…@example.se", "Två gick sönder <b>", "Spara det här beviset"} {
			if !strings.Contains(done.words(), w) {
				t.Errorf("the acknowledgement lacks %q: %s", w, words(done.first(t, "main")))
			}
		}
		// The same button again is the same statement.
		v.follow(v.post(confirm, g))
		rs, err := db.Read(t.Context(), s.DB, func(q *db.Reader) ([]returns.Return, error) { return returns.OfOrder(q, o.ID) })
		if err != nil || len(rs) != 1 || rs[0].Pieces() != 2 {
			t.Fatalf("%v %+v", err, rs)
		}
		// As a guest, by number and address: everything that is left.
		_, f = v.get("/withdraw").form(t, `main form[method=post]`)
		f.Set("name", "Åsa")
		f.Set("number", o.NumberString())
		f.Set("email", "kopare@example.se")
		confirm, g = v.post("/withdraw", f).form(t, `main form[method=post]`)
		if done := v.follow(v.post(confirm, g)); !strings.Contains(done.words(), "1 st Mugg") {
			t.Error(done.words())
		}
		// An order nobody finds is received all the same, and looks no different.
		f.Set("number", "99999999")
		page := v.post("/withdraw", f)
		confirm, g = page.form(t, `main form[method=post]`)
		done = v.follow(v.post(confirm, g))
		if !strings.Contains(done.words(), "99999999") || !strings.Contains(done.words(), "Vi har tagit emot ditt frånträde") {
			t.Error(done.words())
		}
		n, err := db.Read(t.Context(), s.DB, func(q *db.Reader) (int, error) {
			cs, err := support.List(q, staffBy, support.Filter{}, 0, 10)
			return len(cs), err
		})
		if err != nil || n != 1 {
			t.Errorf("%d cases for staff, %v", n, err)
		}
		// What cannot be used is told at the field.
		bad := v.post("/withdraw", url.Values{"name": {""}, "number": {"1"}, "email": {"x"}})
		if bad.StatusCode != http.StatusUnprocessableEntity || len(bad.all(".summary a")) != 3 {
			t.Errorf("%d", bad.StatusCode)
		}
		for _, tok := range []string{"x", strings.Repeat("A", 64)} {
			if p := v.get("/withdraw/received/" + tok); p.StatusCode != 404 {
				t.Errorf("%d", p.StatusCode)
			}
		}
	})
}

var staffBy = auth.StaffBy(1, "", []auth.Right{auth.CasesRead, auth.CasesWrite})

func TestSupport(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		v := s.visitor()
		p := v.get("/support?product=mugg")
		if !strings.Contains(p.words(), "Det gäller Mugg") {
			t.Error(p.words())
		}
		action, f := p.form(t, `main form[method=post]`)
		f.Set("message", "")
		f.Set("name", "Åsa")
		f.Set("email", "kopare@")
		bad := v.post(action, f)
		if bad.StatusCode != http.StatusUnprocessableEntity || len(bad.all(".summary a")) != 2 {
			t.Fatalf("%d %s", bad.StatusCode, bad.words())
		}
		_, f = bad.form(t, `main form[method=post]`)
		if f.Get("name") != "Åsa" || f.Get("about_product") != "mugg" {
			t.Errorf("%v", f)
		}
		f.Set("email", "kopare@example.se")
		f.Set("message", "Hur stor är den?\n<script>alert(1)</script>")
		sent := v.post(action, f)
		if again := v.post(action, f); again.Header.Get("Location") != sent.Header.Get("Location") {
			t.Error("a second click is a second case")
		}
		c := v.follow(sent)
		if !strings.Contains(c.words(), "<script>alert(1)</script>") || !strings.Contains(c.words(), "Väntar på svar") {
			t.Fatalf("%d %s", c.StatusCode, c.words())
		}
		path := sent.Header.Get("Location")
		// Nothing to judge before there is an answer.
		if p := v.post(path+"/solved", url.Values{}); p.StatusCode != http.StatusConflict {
			t.Errorf("%d", p.StatusCode)
		}
		s.Do(func(tx *db.Tx) error {
			x, err := support.ByToken(tx, s.Vault, strings.TrimPrefix(path, "/cases/"))
			if err != nil {
				return err
			}
			_, err = support.Answer(tx, staffBy, s.Vault, x.ID, support.Answering{Body: "Tre deciliter."})
			return err
		})
		if c = v.get(path); !strings.Contains(c.words(), "Tre deciliter.") || len(c.all(`form[action$="/solved"]`)) != 1 {
			t.Fatal(c.words())
		}
		if c = v.follow(v.post(path+"/solved", url.Values{})); !strings.Contains(c.words(), "Avslutad") {
			t.Error(c.words())
		}
		if c = v.follow(v.post(path+"/reply", url.Values{"message": {"En sak till"}})); !strings.Contains(c.words(), "En sak till") || !strings.Contains(c.words(), "Väntar på svar") {
			t.Error(c.words())
		}
		if c = v.post(path+"/reply", url.Values{"message": {" "}}); c.StatusCode != http.StatusUnprocessableEntity || len(c.all(".summary")) != 1 {
			t.Errorf("%d", c.StatusCode)
		}
	})
}

// What is sold out offers to tell when it is back, and the address can be taken back.
func TestTellMeWhenItIsBack(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 0})
		s.put(goods{handle: "fat", title: "Fat", ore: 9900, stock: 5})
		v := s.visitor()
		p := v.get("/products/mugg")
		to := attr(p.first(t, `a[href*="/notify"]`), "href")
		if !strings.Contains(p.words(), "Vill du veta när den är tillbaka?") {
			t.Error("the page does not ask")
		}
		form := v.get(to)
		action, f := form.form(t, "main form[method=post]")
		f.Set("email", "x")
		if bad := v.post(action, f); bad.StatusCode != http.StatusUnprocessableEntity || len(bad.all("#f-email[aria-invalid]")) != 1 {
			t.Errorf("a bad address: %d", bad.StatusCode)
		}
		f.Set("email", "vill@example.se")
		f2 := url.Values{"email": f["email"], "variant": {"4711"}}
		if bad := v.post(action, f2); bad.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("another's variant: %d", bad.StatusCode)
		}
		page := v.follow(v.post(action, f))
		if !strings.Contains(page.words(), "Vi säger till") || !strings.Contains(page.words(), "Mugg") || strings.Contains(page.words(), "vill@example.se") {
			t.Errorf("kept: %s", page.words())
		}
		if again := v.follow(v.post(action, f)); words(again.first(t, "main")) != words(page.first(t, "main")) {
			t.Error("the answer tells that the address waited already")
		}
		stop, none := v.follow(v.post(action, f)).form(t, `main form[action$="/stop"]`)
		gone := v.follow(v.post(stop, none))
		if !strings.Contains(gone.words(), "Adressen är glömd") || len(gone.all(`form[action$="/stop"]`)) != 0 {
			t.Errorf("stopped: %s", gone.words())
		}
		if x := v.get("/waiting/" + strings.Repeat("A", 43)); x.StatusCode != 404 {
			t.Errorf("an unknown link: %d", x.StatusCode)
		}
		// What can be had needs no list.
		if x := v.get("/products/fat/notify"); x.StatusCode != http.StatusSeeOther || x.Header.Get("Location") != "/products/fat" {
			t.Errorf("in stock: %d", x.StatusCode)
		}
		if x := v.get("/products/none/notify"); x.StatusCode != 404 {
			t.Errorf("unknown goods: %d", x.StatusCode)
		}
	})
}
