package storefront_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/fulfilment/local"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shoptest"
)

func TestCart(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		_, variant := s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 2})
		s.Do(func(tx *db.Tx) error {
			_, err := pricing.PutCode(tx, shoptest.By, pricing.Code{Code: "HÖST10", Kind: "percent", Value: 1000, Label: catalog.Localized{SV: "Höst"}})
			return err
		})
		v := s.visitor()
		// Nothing of this makes a cart.
		for _, f := range []url.Values{{"variant_id": {"1"}}, {"variant_id": {"x"}, "quantity": {"1"}}, {"variant_id": {variant.String()}, "quantity": {"0"}}, {"variant_id": {variant.String()}, "quantity": {"1000"}}, {"variant_id": {variant.String()}, "quantity": {"1.5"}}, {}} {
			p := v.post("/cart/lines", f)
			if p.StatusCode != http.StatusUnprocessableEntity || len(p.Header.Values("Set-Cookie")) != 0 {
				t.Errorf("%v: %d %v", f, p.StatusCode, p.Header)
			}
		}
		if p := v.post("/cart/lines", url.Values{"variant_id": {variant.String()}, "price": {"1"}}); p.StatusCode != http.StatusBadRequest {
			t.Errorf("an unknown field: %d", p.StatusCode)
		}
		sent := v.post("/cart/lines", url.Values{"variant_id": {variant.String()}})
		for _, c := range sent.Cookies() {
			if !strings.HasPrefix(c.Name, "__Host-") || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
				t.Errorf("%+v", c)
			}
		}
		c := v.follow(sent)
		action, f := c.form(t, `form[action^="/cart/lines/"]`)
		f.Set("quantity", "5")
		c = v.follow(v.post(action, f))
		if !strings.Contains(c.words(), "Bara 2 kvar i lager") || words(c.first(t, ".count")) != "5" {
			t.Errorf("%s", c.words())
		}
		// Another visitor's line is not his.
		w := s.visitor()
		w.addOne("", "mugg")
		if p := w.post(action, f); p.StatusCode != http.StatusNotFound {
			t.Errorf("another's line: %d", p.StatusCode)
		}
		bad := v.post("/cart/discounts", url.Values{"code": {"FINNSEJ"}})
		if bad.StatusCode != http.StatusUnprocessableEntity || len(bad.all("#f-code[aria-invalid]")) != 1 || attr(bad.first(t, "#f-code"), "value") != "FINNSEJ" {
			t.Errorf("%d %s", bad.StatusCode, bad.words())
		}
		c = v.follow(v.post("/cart/discounts", url.Values{"code": {" höst10 "}}))
		if !strings.Contains(c.words(), "(HÖST10)") || !strings.Contains(c.words(), "124,50") {
			t.Errorf("%s", c.words())
		}
		action, f = c.form(t, `form[action="/cart/discounts/remove"]`)
		if c = v.follow(v.post(action, f)); strings.Contains(c.words(), "HÖST10") {
			t.Error("the code is still there")
		}
		action, f = c.form(t, `form[action$="/remove"][action^="/cart/lines"]`)
		if c = v.follow(v.post(action, f)); len(c.all("li.line")) != 0 || len(c.all(".count")) != 0 {
			t.Error("the line is still there")
		}
		if k := v.get("/checkout"); len(k.all("main form")) != 0 || !strings.Contains(k.words(), "Varukorgen är tom") {
			t.Error(k.words())
		}
		c = v.addOne("", "mugg")
		action, f = c.form(t, `form[action^="/cart/lines/"]`)
		f.Set("quantity", "0")
		if c = v.follow(v.post(action, f)); len(c.all("li.line")) != 0 {
			t.Error("none is not away with it")
		}
		// A cookie that is none of ours is no cart, and no error.
		if p := s.visitor().get("/cart", "Cookie", "__Host-cart="+strings.Repeat("A", 32)); p.StatusCode != 200 {
			t.Errorf("%d", p.StatusCode)
		}
	})
}

func TestCodeInTheCheckout(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		s.Do(func(tx *db.Tx) error {
			_, err := pricing.PutCode(tx, shoptest.By, pricing.Code{Code: "HÖST10", Kind: "percent", Value: 1000, Label: catalog.Localized{SV: "Höst"}})
			return err
		})
		v, action, f := s.ready(t)
		f.Set("code", "NEJ")
		f.Set("step", "code")
		p := v.post("/checkout/update", f)
		if p.StatusCode != http.StatusUnprocessableEntity || len(p.all("#f-code[aria-invalid]")) != 1 {
			t.Errorf("%d %s", p.StatusCode, p.words())
		}
		// A code that was typed but not used counts when the button is pressed, and
		// the lower sum is shown first.
		f.Set("code", "höst10")
		f.Del("step")
		p = v.post(action, f)
		if p.StatusCode != http.StatusConflict || !strings.Contains(p.words(), "Ny summa: 263,10 kr") {
			t.Fatalf("%d %s", p.StatusCode, p.words())
		}
		_, f = p.form(t, "main form[method=post]")
		if p = v.post(action, f); p.StatusCode != http.StatusSeeOther {
			t.Errorf("%d %s", p.StatusCode, p.words())
		}
	})
}

func TestConsentForImperfectGoods(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9, variant: func(v *catalog.NewVariant) {
			v.BGoods = catalog.Localized{SV: "Repa i glasyren", EN: "Scratch in the glaze"}
		}})
		v, action, f := s.ready(t)
		k := v.get("/checkout")
		box := k.first(t, "main form [required]")
		if has(box, "checked") || !strings.Contains(k.words(), "Repa i glasyren") {
			t.Error(k.words())
		}
		f.Del(attr(box, "name"))
		p := v.post(action, f)
		if p.StatusCode != http.StatusUnprocessableEntity || len(p.all(`.summary a[href^="#f-consent"]`)) != 1 {
			t.Fatalf("%d %s", p.StatusCode, p.words())
		}
		f.Set(attr(box, "name"), "yes")
		f.Set("payment_method", "invoice")
		page := v.follow(v.post(action, f))
		// What was agreed to stands with the order, in the words that were read.
		said := strings.TrimSpace(words(k.first(t, `label[for="`+attr(box, "id")+`"]`)))
		if got := v.get(attr(page.first(t, `.moment__do a`), "href")).words(); !strings.Contains(got, "Det här godkände du") || !strings.Contains(got, "köper den i det skicket: Repa i glasyren") || !strings.Contains(said, "Repa i glasyren") {
			t.Errorf("box %q, order %s", said, got)
		}
	})
}

func TestDeliveryByPostalCode(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		var pickup db.ID
		s.Do(func(tx *db.Tx) (err error) {
			pickup, err = delivery.Put(tx, shoptest.By, delivery.Method{Code: "ombud", Kind: delivery.Pickup, NameSV: "Ombud", NameEN: "Service point", Carrier: "local", Currency: "SEK", MaxDays: 3, CutoffMinute: 840,
				PhoneRequired: true, Active: true, Position: 2, Tiers: []delivery.Tier{{UpToG: 20000, Amount: 4900}}})
			return
		})
		s.store.Carriers = fulfilment.Carriers{"local": fulfilment.NewGuard(local.New(), fulfilment.Options{})}
		v, action, f := s.ready(t)
		f.Set("delivery/option_id", pickup.String())
		p := v.post("/checkout/update", f)
		points := p.all(`select[name="delivery/pickup_point_id"] option`)
		if p.StatusCode != 200 || len(points) < 2 || !strings.Contains(p.words(), "298 kr") {
			t.Fatalf("%d, %d points: %s", p.StatusCode, len(points), p.words())
		}
		_, f = p.form(t, "main form[method=post]")
		if f.Get("name") != "Åsa Prov" || f.Get("delivery/option_id") != pickup.String() {
			t.Errorf("%v", f)
		}
		f.Set("phone", "")
		bad := v.post(action, f)
		if bad.StatusCode != http.StatusUnprocessableEntity || len(bad.all("#f-phone[aria-invalid]")) != 1 {
			t.Errorf("%d %s", bad.StatusCode, bad.words())
		}
		f.Set("phone", "0701740605")
		f.Set("delivery/pickup_point_id", "ej/en/punkt")
		if bad = v.post(action, f); bad.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%d", bad.StatusCode)
		}
		// A point of another part of the country, as the carrier names them there.
		f.Set("delivery/pickup_point_id", "L98137-1")
		if bad = v.post(action, f); bad.StatusCode != http.StatusUnprocessableEntity || len(bad.all(`.summary a[href="#f-delivery-pickup_point_id"]`)) != 1 {
			t.Errorf("another town's point: %d %s", bad.StatusCode, bad.words())
		}
		// With another way chosen, the point of the old one is nobody's trouble.
		f.Set("delivery/option_id", s.Method.String())
		if p = v.post("/checkout/update", f); p.StatusCode != 200 {
			t.Errorf("%d", p.StatusCode)
		}
		f.Set("delivery/option_id", pickup.String())
		f.Set("delivery/pickup_point_id", attr(points[1], "value"))
		if p = v.post(action, f); p.StatusCode != http.StatusSeeOther {
			t.Errorf("%d %s", p.StatusCode, p.words())
		}
		// A method that is not offered is none.
		w, action, f := s.ready(t)
		f.Set("delivery/option_id", "12345")
		if bad = w.post(action, f); bad.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%d", bad.StatusCode)
		}
	})
}

func TestLivePage(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		v, action, f := s.ready(t)
		sent := v.post(action, f)
		at := v.follow(sent)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		req := v.request("GET", attr(at.first(t, "[data-events]"), "data-events"), nil, nil).WithContext(ctx)
		res, err := v.c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%v", res.Header)
		}
		lines := bufio.NewScanner(res.Body)
		var got []string
		for lines.Scan() {
			if !strings.HasPrefix(lines.Text(), "data:") {
				continue
			}
			got = append(got, lines.Text())
			if len(got) == 1 {
				s.PayAtBank(attr(at.first(t, ".moment__do a"), "href"), "4242424242424242")
			}
		}
		if len(got) < 2 || got[0] != `data: {"state":"awaiting_customer"}` || got[len(got)-1] != `data: {"state":"paid"}` {
			t.Errorf("%v (%v)", got, lines.Err())
		}
		// The end is told at once to who comes later.
		if p := v.get(attr(at.first(t, "[data-events]"), "data-events")); p.text != "data: {\"state\":\"paid\"}\n\n" {
			t.Errorf("%q", p.text)
		}
	})
}

// Who asks for more than there is does not learn how much there is, beyond what
// every buyer is told.
func TestStockIsNotSoundedOut(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		for title, want := range map[string]struct {
			stock int64
			says  string
			hides string
		}{"Mugg": {3, "Bara 3 kvar i lager", "17"}, "Kruka": {17, "Så många finns inte i lager", "17"}} {
			_, variant := s.put(goods{handle: strings.ToLower(title), title: title, ore: 24900, stock: want.stock})
			v := s.visitor()
			c := v.follow(v.post("/cart/lines", url.Values{"variant_id": {variant.String()}}))
			action, f := c.form(t, `form[action^="/cart/lines/"]`)
			f.Set("quantity", "90")
			c = v.follow(v.post(action, f))
			if text := words(c.first(t, ".lines, main")); !strings.Contains(text, want.says) || strings.Contains(text, want.hides) {
				t.Errorf("%s: %s", title, text)
			}
		}
	})
}
