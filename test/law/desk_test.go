package law

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

var _ = row("DAL-01", func(t *testing.T, w *world) {
	says(t, "the checkout", apptest.Words(w.desk.HTML()), "Förstukvist Handel AB", "559999-0016", "031-390 06 00", "Förstukvistgränd 3", "kundtjanst@forstukvist.example")
	says(t, "the mail", w.mail.Text, "Förstukvist Handel AB", "559999-0016", "031-390 06 00", "Förstukvistgränd 3", "kundtjanst@forstukvist.example")
})

var _ = row("DAL-03", func(t *testing.T, w *world) {
	o := w.paid
	var goods int64
	for _, l := range o.Lines {
		goods += l.Total.Amount
	}
	if want := goods + o.Totals.Delivery.Amount - o.Totals.Discount.Amount; o.Totals.Total.Amount != want || o.Payment.Paid.Amount != want {
		t.Errorf("lines %d, delivery %d: total %d, paid %d", goods, o.Totals.Delivery.Amount, o.Totals.Total.Amount, o.Payment.Paid.Amount)
	}
	says(t, "the review", apptest.Words(w.desk.Find("[data-part=review]")[0]), kr(o.Totals.Total))
	says(t, "the mail", w.mail.Text, kr(o.Totals.Total))
	bank := w.Payments("")
	if !slices.ContainsFunc(bank, func(p apptest.Payment) bool { return p.Captured == o.Totals.Total.Amount }) {
		t.Error("the bank took another amount")
	}
})

var _ = row("DAL-05", func(t *testing.T, w *world) {
	review := plain(apptest.Words(w.desk.Find("[data-part=review] .totals")[0]))
	says(t, "the review", review, "Leverans", kr(w.paid.Totals.Delivery), kr(w.paid.Totals.Total))
	for _, m := range regexp.MustCompile(`(?i)(avgift|tillägg|expedition)[a-zåäö]*`).FindAllString(review, -1) {
		t.Errorf("a cost called %q", m)
	}
})

var _ = row("DAL-06", func(t *testing.T, w *world) {
	page := mainOf(w.desk)
	says(t, "the checkout", page, "Du kan betala med kort och faktura", "Vi skickar till Sverige")
	if strings.Index(page, "Du kan betala med") > strings.Index(page, "E-post") {
		t.Error("told after the first field")
	}
	says(t, "the foot", apptest.Words(w.pages["/"].Find("footer")[0]), "Betala med", "Vi skickar till")
})

var _ = row("DAL-18", func(t *testing.T, w *world) {
	for _, a := range w.desk.Find("main button") {
		if apptest.Words(a) != "Köp nu" {
			continue
		}
		for n := a.Parent; n != nil; n = n.Parent {
			if n.Data == "section" || n.Data == "form" {
				says(t, "the section of the button", apptest.Words(n), "Lykta Fyr", "Att betala", kr(w.paid.Totals.Total), "Leverans", "ångerrätt")
				if n.Data != "section" {
					t.Error("the button stands in no section")
				}
				return
			}
		}
	}
	t.Error("no order button")
})

var _ = row("DAL-20", func(t *testing.T, w *world) {
	allowed := map[string]bool{"köp nu": true, "betala nu": true, "bekräfta köp": true, "beställning förenad med betalningsskyldighet": true}
	buttons := w.desk.Find(`main form[action$="/checkout"] button:not([formaction])`)
	if len(buttons) != 1 || !allowed[strings.ToLower(apptest.Words(buttons[0]))] {
		t.Errorf("the order buttons say %q", wordsOf(buttons))
	}
	en := w.Other()
	action, form := en.FormOf(w.good("lykta-fyr").page, `form[action*="/cart"]`)
	en.Want(en.Form(action, form), 303, nil)
	page := en.Do("GET", "/en/checkout", nil)
	buttons = page.Find(`main form[action$="/checkout"] button:not([formaction])`)
	if len(buttons) != 1 || apptest.Words(buttons[0]) != "Buy now" {
		t.Errorf("in English they say %q", wordsOf(buttons))
	}
})

var _ = row("DAL-24", func(t *testing.T, w *world) {
	for _, a := range []apptest.Answer{w.desk, w.cart, w.good("lykta-fyr").page} {
		for _, n := range a.Find("main input[type=checkbox]") {
			for _, at := range n.Attr {
				if at.Key == "checked" {
					t.Errorf("%s is ticked beforehand", apptest.Attr(n, "name"))
				}
			}
		}
	}
})

var _ = row("EHL-04", func(t *testing.T, w *world) {
	c := w.Other()
	action, form := c.FormOf(w.good("lykta-fyr").page, `form[action*="/cart"]`)
	c.Want(c.Form(action, form), 303, nil)
	action, form = c.CheckoutForm(c.Do("GET", "/checkout", nil), apptest.Buyer(apptest.NewMail()))
	form.Set("address/postal_code", "12")
	a := c.Form(action, form)
	if a.Status != 422 {
		t.Fatalf("a slip was taken: %d", a.Status)
	}
	_, kept := c.FormOf(a, `form[method=post][action$="/checkout"]`)
	for _, f := range []string{"email", "name", "address/line1", "address/city", "phone", "address/postal_code"} {
		if kept.Get(f) != form.Get(f) {
			t.Errorf("%s: typed %q, kept %q", f, form.Get(f), kept.Get(f))
		}
	}
	says(t, "the field", mainOf(a), "Skriv postnumret med fem siffror")
	if len(w.desk.Find(`main a[href="/cart"]`)) == 0 {
		t.Error("no way from the checkout to the quantities")
	}
})

var _ = row("EHL-05", func(t *testing.T, w *world) {
	if steps := w.desk.Find("main ol li"); len(steps) < 3 {
		t.Errorf("%d steps are told", len(steps))
	}
	says(t, "terms", mainOf(w.pages["/pages/villkor"]), "svenska", "engelska")
	if len(w.pages["/"].Find(`a[hreflang=en], a[lang=en]`)) == 0 {
		t.Error("no way to English")
	}
})

var _ = row("BTL-01", func(t *testing.T, w *world) {
	first := w.desk.Find(`main input[name=payment_method]`)
	if len(first) < 2 || apptest.Attr(first[0], "value") != "card" {
		t.Error("a way on credit stands first")
	}
})

var _ = row("BTL-02", func(t *testing.T, w *world) {
	check := func(where string, a apptest.Answer) {
		_, v := w.FormOf(a, `form[method=post][action$="/checkout"]`)
		if v.Get("payment_method") == "invoice" {
			t.Errorf("%s: credit is chosen beforehand", where)
		}
	}
	check("at first", w.desk)
	c := w.Other()
	action, form := c.FormOf(w.good("lykta-fyr").page, `form[action*="/cart"]`)
	c.Want(c.Form(action, form), 303, nil)
	action, form = c.CheckoutForm(c.Do("GET", "/checkout", nil), apptest.Buyer(apptest.NewMail()))
	form.Set("address/postal_code", "12")
	check("after a slip", c.Form(action, form))
})

var _ = row("BTL-03", func(t *testing.T, w *world) {
	v := w.Variant()
	var sums []apptest.Money
	for _, method := range []string{"card", "invoice"} {
		k := w.ReadyCart(v, 1)
		p := w.Buy(k, apptest.Wish{Method: method})
		if method == "card" {
			w.Pay(p, apptest.Good)
		}
		p = w.Final(p.Token)
		sums = append(sums, w.Order(p.Order.Token).Totals.Total)
	}
	if sums[0] != sums[1] {
		t.Errorf("by card %v, by invoice %v", sums[0], sums[1])
	}
	says(t, "the checkout", mainOf(w.desk), "Ingen avgift tas ut för något sätt att betala")
})

var _ = row("VAT-05", func(t *testing.T, w *world) {
	// Food at 6 % beside a lantern at 25 %: delivery is shared in proportion.
	c := w.Other()
	k := c.NewCart()
	for _, h := range []string{"rarorda-lingon", "lykta-fyr"} {
		c.Want(c.Do("POST", apptest.API+"/carts/"+k.ID+"/lines", map[string]any{"variant_id": w.good(h).Variants[0].ID, "quantity": 1}), 201, &k)
	}
	k = c.Complete(k.ID, apptest.Buyer(apptest.NewMail()))
	food, lantern, freight := int64(6900), int64(39500), k.Totals.Delivery.Amount
	// The slow twin: delivery by gross value with the largest remainder, VAT once per
	// rate on the sum, half up.
	toFood := freight * food / (food + lantern)
	if 2*(freight*food%(food+lantern)) > food+lantern {
		toFood++
	}
	want := map[string]int64{"6": vat(food+toFood, 6), "25": vat(lantern+freight-toFood, 25)}
	if len(k.Totals.VAT) != 2 {
		t.Fatalf("%+v", k.Totals.VAT)
	}
	for _, v := range k.Totals.VAT {
		if v.Amount.Amount != want[v.Rate] {
			t.Errorf("%s %%: %d, want %d", v.Rate, v.Amount.Amount, want[v.Rate])
		}
	}
})

func vat(gross, rate int64) int64 { return (2*gross*rate + 100 + rate) / (2 * (100 + rate)) }

var _ = row("GDP-01", func(t *testing.T, w *world) {
	allowed := map[string]bool{"email": true, "phone": true, "name": true, "address/line1": true, "address/postal_code": true, "address/city": true, "address/country": true}
	for _, n := range w.desk.Find(`main [aria-required=true], main [required]`) {
		if !allowed[apptest.Attr(n, "name")] {
			t.Errorf("%s is demanded", apptest.Attr(n, "name"))
		}
	}
	for name, a := range w.everyPage() {
		if strings.Contains(strings.ToLower(string(a.Body)), "personnummer") && name != "/pages/integritet" {
			t.Errorf("%s speaks of personnummer", name)
		}
	}
})

var _ = row("GDP-05", func(t *testing.T, w *world) {
	box := w.desk.Find("main input[name=newsletter]")
	if len(box) != 1 || apptest.Attr(box[0], "type") != "checkbox" {
		t.Fatal("no box of its own for news")
	}
	for _, at := range box[0].Attr {
		if at.Key == "checked" || at.Key == "required" {
			t.Errorf("the box for news is %s", at.Key)
		}
	}
	says(t, "the box", mainOf(w.desk), "Jag kan avsluta när jag vill")
})

var _ = row("LEK-01", func(t *testing.T, w *world) {
	c := w.Other()
	for p := range w.pages {
		a := c.Do("GET", p, nil)
		for _, k := range a.Header.Values("Set-Cookie") {
			t.Errorf("%s sets %s for who only looks", p, k)
		}
		for _, n := range a.Find("script[src], link[href], img[src], iframe[src], source[srcset], form[action]") {
			for _, at := range []string{"src", "href", "srcset", "action"} {
				v := apptest.Attr(n, at)
				if rel := apptest.Attr(n, "rel"); rel == "canonical" || rel == "alternate" {
					continue
				}
				if strings.HasPrefix(v, "http") && !strings.HasPrefix(v, w.Shop.Shop) || strings.HasPrefix(v, "//") {
					t.Errorf("%s asks for %s", p, v)
				}
			}
		}
		if len(a.Find("script:not([src]):not([type='application/ld+json'])")) > 0 {
			t.Errorf("%s has code in the page", p)
		}
	}
})

var _ = row("LEK-04", func(t *testing.T, w *world) {
	page := mainOf(w.pages["/pages/kakor"])
	c := w.Other()
	seen := map[string]bool{}
	note := func(a apptest.Answer) {
		for _, k := range a.Header.Values("Set-Cookie") {
			name, _, _ := strings.Cut(k, "=")
			seen[name] = true
		}
	}
	action, form := c.FormOf(w.good("lykta-fyr").page, `form[action*="/cart"]`)
	note(c.Form(action, form))
	for _, p := range []string{"/cart", "/checkout", "/en/cart", "/support", "/withdraw"} {
		note(c.Do("GET", p, nil))
	}
	note(c.Form("/cart/codes", map[string][]string{"code": {"FINNSEJ"}}))
	if len(seen) == 0 {
		t.Fatal("no cookie seen, not even the cart's")
	}
	for name := range seen {
		if !strings.Contains(page, name) {
			t.Errorf("the list of cookies does not have %s", name)
		}
	}
})

var _ = row("LEK-05", func(t *testing.T, w *world) {
	for name, a := range w.pages {
		if len(a.Find("dialog[open], .cookie, .consent, [class*=cookie], [id*=cookie]")) > 0 {
			t.Errorf("%s has a banner", name)
		}
	}
})

var _ = row("PCI-01", func(t *testing.T, w *world) {
	for name, a := range w.everyPage() {
		for _, n := range a.Find("input, iframe") {
			at := strings.ToLower(apptest.Attr(n, "name") + " " + apptest.Attr(n, "autocomplete"))
			if n.Data == "iframe" || strings.Contains(at, "card_number") || strings.Contains(at, "cc-") || strings.Contains(at, "cvc") {
				t.Errorf("%s has %s %s", name, n.Data, at)
			}
		}
		if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: policy %q", name, csp)
		}
	}
})
