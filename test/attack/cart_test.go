package attack

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// Price, name, tax class in the request.
var _ = attack("AC-030", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	k := c.NewCart()
	at := apptest.API + "/carts/" + k.ID + "/lines"
	extras := []string{`"price":1`, `"unit_price":{"amount":1,"currency":"SEK"}`, `"name":"Gratis"`, `"title":"Gratis"`, `"weight":0`, `"is_digital":true`, `"tax_class":"zero"`, `"vat_rate":"0"`,
		`"discount":99`, `"total":1`, `"Quantity":5`, `"quantity":1`, `"variant_id":"1"`, `"price_list":"b2b"`, `"id":"1"`}
	for _, x := range extras {
		body := fmt.Sprintf(`{"variant_id":%q,"quantity":1,%s}`, v.ID, x)
		if a := c.Do("POST", at, apptest.Raw(body)); a.Status != 400 && a.Status != 422 {
			t.Errorf("add with %s: %v", x, a)
		}
	}
	if got := c.GetCart(k.ID); len(got.Lines) != 0 {
		t.Errorf("a line came about: %+v", got.Lines)
	}
	// In query, headers and cookies they are ignored.
	a := c.Do("POST", at+"?price=1&unit_price=1&discount=100", map[string]any{"variant_id": v.ID, "quantity": 2}, "X-Price", "1", "Cookie", "price=1; unit_price=1; discount=100", "X-Original-Price", "1")
	if a.Status/100 == 4 {
		c.Want(c.Do("POST", at, map[string]any{"variant_id": v.ID, "quantity": 2}), 201, &k)
	} else {
		c.Want(a, 201, &k)
	}
	if len(k.Lines) != 1 || k.Lines[0].UnitPrice != v.Price || k.Lines[0].Total.Amount != 2*v.Price.Amount || k.Totals.Goods.Amount != 2*v.Price.Amount {
		t.Fatalf("catalogue price %+v, line %+v", v.Price, k.Lines)
	}
	line := at + "/" + k.Lines[0].ID
	for _, x := range extras[:10] {
		if a := c.Do("PATCH", line, apptest.Raw(`{"quantity":2,`+x+`}`)); a.Status != 400 && a.Status != 422 {
			t.Errorf("change with %s: %v", x, a)
		}
	}
	for _, x := range []string{`"total":1`, `"totals":{"total":{"amount":1,"currency":"SEK"}}`, `"discounts":["X"]`, `"price":1`} {
		if a := c.Do("POST", apptest.API+"/carts", apptest.Raw(`{`+x+`}`)); a.Status != 400 {
			t.Errorf("new cart with %s: %v", x, a)
		}
	}
	page := c.Other()
	for _, name := range []string{"price", "unit_price", "name", "discount", "tax_class", "is_digital"} {
		if a := page.Form("/cart/lines", url.Values{"variant_id": {v.ID}, "quantity": {"1"}, name: {"1"}}); a.Status/100 != 4 {
			t.Errorf("page with %s: %d", name, a.Status)
		}
	}
	if a := page.Form("/cart/lines?price=1", url.Values{"variant_id": {v.ID}, "quantity": {"1"}}); a.Status != 303 && a.Status/100 != 4 {
		t.Errorf("page with a query: %d", a.Status)
	}
	p, o := c.PaidCart(c.Complete(k.ID, apptest.Buyer(apptest.NewMail())))
	if b := c.Payment(p.Token); b.Captured != o.Totals.ToPay.Amount || o.Totals.Goods.Amount != 2*v.Price.Amount {
		t.Errorf("bank %d, order %+v", b.Captured, o.Totals)
	}
	settled(c, p.Token)
})

// Negative pieces, alone and beside honest ones.
var _ = attack("AC-031", func(t *testing.T, c *apptest.Client) {
	v, w := c.Variant(), c.Variant()
	k := c.Cart(2, v)
	goods := k.Totals.Goods
	lines := apptest.API + "/carts/" + k.ID + "/lines"
	line := lines + "/" + k.Lines[0].ID
	for _, n := range []int64{-1, -5, 0, -2, -(1 << 62), 1000, 1 << 40} {
		for _, variant := range []string{v.ID, w.ID} {
			if a := c.Do("POST", lines, map[string]any{"variant_id": variant, "quantity": n}); a.Status != 422 {
				t.Errorf("add %d: %v", n, a)
			}
		}
		if a := c.Do("PATCH", line, map[string]any{"quantity": n}); a.Status != 422 {
			t.Errorf("change to %d: %v", n, a)
		}
	}
	for _, raw := range []string{`[{"variant_id":"` + v.ID + `","quantity":-1}]`, `{"lines":[{"variant_id":"` + v.ID + `","quantity":-5}]}`, `{"items":[]}`} {
		if a := c.Do("POST", lines, apptest.Raw(raw)); a.Status/100 != 4 {
			t.Errorf("batch %s: %v", raw, a)
		}
	}
	// Up to the limit in steps cannot overflow it either.
	c.Want(c.Do("PATCH", line, map[string]any{"quantity": 999}), 200, nil)
	if a := c.Do("POST", lines, map[string]any{"variant_id": v.ID, "quantity": 999}); a.Status != 422 {
		t.Errorf("999 and 999 more: %v", a)
	}
	c.Want(c.Do("PATCH", line, map[string]any{"quantity": 2}), 200, &k)
	if k.Totals.Goods != goods || len(k.Lines) != 1 {
		t.Errorf("the cart became %+v", k.Totals)
	}
	page := c.Other()
	pageCart(page, v, 1)
	for _, n := range []string{"-1", "-5", "0", "1000", "99999999"} {
		if a := page.Form("/cart/lines", url.Values{"variant_id": {w.ID}, "quantity": {n}}); a.Status != 422 {
			t.Errorf("page adds %s: %d", n, a.Status)
		}
	}
	got := page.Do("GET", "/cart", nil)
	var id string
	for _, f := range got.Find(`form[action*="/cart/lines/"]`) {
		action := apptest.Attr(f, "action")
		if rest := action[strings.LastIndex(action, "/cart/lines/")+len("/cart/lines/"):]; !strings.Contains(rest, "/") {
			id = rest
		}
	}
	for _, n := range []string{"-1", "-99"} {
		if a := page.Form("/cart/lines/"+id, url.Values{"quantity": {n}}); a.Status != 422 {
			t.Errorf("page changes line %s to %s: %d", id, n, a.Status)
		}
	}
	p, o := c.PaidCart(c.Complete(k.ID, apptest.Buyer(apptest.NewMail())))
	if o.Totals.Goods != goods {
		t.Errorf("%+v", o.Totals)
	}
	settled(c, p.Token)
	wantStock(c, v, 100, 0, 2)
	wantStock(c, w, 100, 0, 0)
})

// Numbers written in every odd way.
var _ = attack("AC-033", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	k := c.Cart(1, v)
	lines := apptest.API + "/carts/" + k.ID + "/lines"
	line := lines + "/" + k.Lines[0].ID
	for _, raw := range []string{`"1e3"`, `1e3`, `1E0`, `"0x10"`, `0x10`, `1.5`, `1.0`, `"1.5"`, `"١"`, `"２"`, `" 1"`, `"1 "`, `"+1"`, `+1`, `"1"`, `true`, `[1]`, `{"$gt":0}`, `null`, `"1;2"`, `1e400`, `-0`, `01`, `NaN`, `Infinity`,
		`9223372036854775808`, `1e-1`, `""`, `{}`, `"NaN"`} {
		for _, x := range []struct{ method, path, body string }{{"POST", lines, fmt.Sprintf(`{"variant_id":%q,"quantity":%s}`, v.ID, raw)}, {"PATCH", line, fmt.Sprintf(`{"quantity":%s}`, raw)}} {
			a := c.Do(x.method, x.path, apptest.Raw(x.body))
			if a.Status/100 != 4 && !(raw == "null" && x.method == "POST" && a.Status == 201) {
				t.Errorf("%s %s: %v", x.method, raw, a)
			}
		}
	}
	for _, raw := range []string{`1`, `"0"`, `"-1"`, `"` + v.ID + ` "`, `"+` + v.ID + `"`, `"0` + v.ID + `"`, `"1e9"`, `null`, `["` + v.ID + `"]`, `""`} {
		if a := c.Do("POST", lines, apptest.Raw(`{"variant_id":`+raw+`,"quantity":1}`)); a.Status/100 != 4 {
			t.Errorf("variant %s: %v", raw, a)
		}
	}
	page := c.Other()
	for _, n := range []string{"1e3", "0x10", "1.5", "1,5", "١", "２", " 1", "1 ", "+1", "1;2", "", "NaN", "1e400", "1\x00", "true", "--1"} {
		if a := page.Form("/cart/lines", url.Values{"variant_id": {v.ID}, "quantity": {n}}); a.Status/100 != 4 {
			t.Errorf("page %q: %d", n, a.Status)
		}
	}
	if a := page.Form("/cart/lines", url.Values{"variant_id": {v.ID}, "quantity": {"1", "2"}}); a.Status/100 != 4 {
		t.Errorf("page, twice: %d", a.Status)
	}
	// What is stored is what is shown.
	for n := int64(1); n <= 3; n++ {
		c.Want(c.Do("PATCH", line, map[string]any{"quantity": n}), 200, &k)
		stored := c.Count(`SELECT quantity FROM cart_line WHERE id=$1`, mustID(t, k.Lines[0].ID))
		if k.Lines[0].Quantity != n || stored != int(n) || k.Totals.Goods.Amount != n*v.Price.Amount {
			t.Errorf("%d pieces: shown %+v, stored %d", n, k.Lines[0], stored)
		}
	}
})

// Whatever sum a buyer could name.
var _ = attack("AC-034", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	k := c.ReadyCart(v, 1)
	total := k.Totals.Total
	// The shop has no tip, donation or gift of a chosen value; nobody can bring one.
	for _, name := range []string{"tip", "donation", "fee", "gift_value", "shipping", "delivery_price", "handling", "rounding"} {
		for _, val := range []string{`-5000`, `0.001`, `1000000000000`, `{"amount":-5000,"currency":"SEK"}`} {
			body := fmt.Sprintf(`{"payment_method":"card","accept_terms":true,"expected_total":{"amount":%d,"currency":"SEK"},%q:%s}`, total.Amount, name, val)
			if a := c.Do("POST", apptest.API+"/carts/"+k.ID+"/purchases", apptest.Raw(body)); a.Status != 400 {
				t.Errorf("%s %s: %v", name, val, a)
			}
		}
		if a := c.Do("PUT", apptest.API+"/carts/"+k.ID+"/delivery", apptest.Raw(fmt.Sprintf(`{"option_id":"1",%q:-5000}`, name))); a.Status != 400 {
			t.Errorf("delivery with %s: %v", name, a)
		}
		if a := c.Do("PUT", apptest.API+"/carts/"+k.ID+"/"+name, apptest.Raw(`{"amount":-5000}`)); a.Status != 404 && a.Status != 405 {
			t.Errorf("/%s: %v", name, a)
		}
	}
	for _, n := range []int64{-5000, -1, 1_000_000_000_000, 1 << 62} {
		w := apptest.SEK(n)
		if a := c.Post(k, apptest.Wish{Total: &w}); a.Status != 409 && a.Status != 422 && a.Status != 400 {
			t.Errorf("expected %d: %v", n, a)
		}
	}
	if got := c.GetCart(k.ID); got.Totals.Total != total || got.Totals.Total.Amount < got.Totals.Goods.Amount-got.Totals.Discount.Amount {
		t.Errorf("%+v", got.Totals)
	}
	p, _ := c.PaidCart(k)
	settled(c, p.Token)
})

// A way of delivery that is not offered for this cart.
var _ = attack("AC-036", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	k := c.ReadyCart(v, 1)
	total := k.Totals
	offered := map[string]bool{}
	for _, o := range c.Options(k.ID) {
		offered[o.ID] = true
	}
	var bad []string
	for _, r := range c.Query(`SELECT id FROM delivery_method`) {
		if !offered[r[0]] {
			bad = append(bad, r[0])
		}
	}
	if len(bad) == 0 {
		t.Fatal("every way of delivery is offered: nothing is tested")
	}
	put := func(body any) apptest.Answer { return c.Do("PUT", apptest.API+"/carts/"+k.ID+"/delivery", body) }
	for _, id := range append(bad, "1", "0", "-1", "", "free", "9223372036854775807", k.ID, v.ID) {
		if a := put(map[string]any{"option_id": id}); a.Status != 422 {
			t.Errorf("option %q: %v", id, a)
		}
	}
	locker := option(c, k.ID, "locker")
	store := option(c, k.ID, "store")
	if a := put(map[string]any{"option_id": store.ID, "pickup_point_id": "SE-112-1"}); a.Status != 422 {
		t.Errorf("a point for a delivery without points: %v", a)
	}
	for _, extra := range []string{`"price":0`, `"zone":"SE"`, `"quote_id":"1"`, `"free":true`} {
		if a := put(apptest.Raw(fmt.Sprintf(`{"option_id":%q,%s}`, locker.ID, extra))); a.Status != 400 {
			t.Errorf("%s: %v", extra, a)
		}
	}
	got := c.GetCart(k.ID)
	if got.Totals.Total != total.Total || got.Totals.Delivery != total.Delivery {
		t.Errorf("the sum changed: %+v", got.Totals)
	}
	page := c.Other()
	at := pageCart(page, v, 1)
	for _, id := range append(bad, "free", "0", "") {
		if a := pageBuy(page, at, apptest.Buyer(apptest.NewMail()), func(f url.Values) { f.Set("delivery/option_id", id) }); a.Status/100 != 4 {
			t.Errorf("page, option %q: %d %s", id, a.Status, a.Location())
		}
	}
	// What was chosen for a light cart does not carry a heavy one to the end.
	c.Want(put(map[string]any{"option_id": store.ID}), 200, &got)
	if got.Totals.Delivery.Amount != 0 {
		t.Errorf("collecting costs %d", got.Totals.Delivery.Amount)
	}
	c.Want(put(map[string]any{"option_id": locker.ID}), 200, &got)
	p, o := c.PaidCart(got)
	if o.Totals.Delivery != got.Totals.Delivery {
		t.Errorf("%+v", o.Totals)
	}
	settled(c, p.Token)
})

// One code written in many ways, at once, and codes that do not go together.
var _ = attack("AC-037", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	code := newWord("STAPEL")
	moneyCode(c, code, "percent", "10", url.Values{"combinable": {"yes"}})
	k := c.Cart(3, v)
	goods := k.Totals.Goods.Amount
	once := (goods*1000 + 5000) / 10_000
	wide := strings.Map(func(r rune) rune { return r + 0xFEE0 }, code)
	spellings := []string{code, code, strings.ToLower(code), " " + code + " ", code[:3] + " " + code[3:], wide, strings.ToLower(wide), code[:4] + "\u200b" + code[4:], "\ufeff" + code, code[:2] + "\u00ad" + code[2:], code + "\u2060"}
	put := func(b *apptest.Client, cart, code string) apptest.Answer {
		return b.Do("PUT", apptest.API+"/carts/"+cart+"/discounts/"+url.PathEscape(code), nil)
	}
	for _, s := range spellings {
		if a := put(c, k.ID, s); a.Status != 200 && a.Status/100 != 4 {
			t.Errorf("%q: %v", s, a)
		}
	}
	if got := c.GetCart(k.ID); got.Totals.Discount.Amount != once || len(got.Discounts) != 1 {
		t.Errorf("discount %d, once is %d, codes %v", got.Totals.Discount.Amount, once, got.Discounts)
	}
	fresh := c.Cart(3, v)
	together(12, func(i int) {
		if a := put(c, fresh.ID, spellings[i%len(spellings)]); a.Status >= 500 {
			t.Errorf("%v", a)
		}
	})
	if got := c.GetCart(fresh.ID); got.Totals.Discount.Amount != once || len(got.Discounts) != 1 {
		t.Errorf("at once: discount %d, codes %v", got.Totals.Discount.Amount, got.Discounts)
	}
	// As an array, and over the page as well.
	if a := c.Do("PUT", apptest.API+"/carts/"+fresh.ID+"/discounts/"+code, apptest.Raw(`["`+code+`","`+code+`"]`)); a.Status >= 500 {
		t.Errorf("%v", a)
	}
	page := c.Other()
	pageCart(page, v, 3)
	for _, s := range spellings {
		if a := page.Form("/cart/discounts", url.Values{"code": {s}}); a.Status >= 500 {
			t.Errorf("%d", a.Status)
		}
	}
	if a := page.Form("/cart/discounts", url.Values{"code": {code, code}}); a.Status/100 != 4 {
		t.Errorf("page, twice in one form: %d", a.Status)
	}
	mail := apptest.NewMail()
	a := pageBuy(page, page.Do("GET", "/checkout", nil), apptest.Buyer(mail), func(f url.Values) { f.Set("code", strings.ToLower(code)) })
	if a.Status != 303 {
		t.Fatalf("page with the code once more: %d %s", a.Status, a.Words())
	}
	token := a.Location()[strings.LastIndexByte(a.Location(), '/')+1:]
	pp := c.Until(token, 20*time.Second, func(p apptest.Purchase) bool { return p.Next != nil })
	c.Pay(pp, apptest.Good)
	pp = c.Final(token)
	if o := c.Order(pp.Order.Token); o.Totals.Discount.Amount != once {
		t.Errorf("the order's discount is %d, once is %d", o.Totals.Discount.Amount, once)
	}
	settled(c, token)

	// Two that stand alone: whatever the order, the better one counts, alone.
	big, small := newWord("STOR"), newWord("LITEN")
	moneyCode(c, big, "percent", "30", nil)
	moneyCode(c, small, "amount", "5", nil)
	best := (goods*3000 + 5000) / 10_000
	for _, order := range [][]string{{big, small}, {small, big}, {code, big, small}, {small, code, big}, {big, code, small, big}} {
		k := c.Cart(3, v)
		for _, s := range order {
			put(c, k.ID, s)
		}
		got := c.GetCart(k.ID)
		if got.Totals.Discount.Amount != best || got.Totals.Total.Amount < 0 {
			t.Errorf("%v: discount %d, want %d", order, got.Totals.Discount.Amount, best)
		}
	}
	// And the code that may be combined, with another such: one after the other.
	more := newWord("MERA")
	moneyCode(c, more, "percent", "20", url.Values{"combinable": {"yes"}})
	var sums []int64
	for _, order := range [][]string{{code, more}, {more, code}} {
		k := c.Cart(3, v)
		for _, s := range order {
			c.Want(put(c, k.ID, s), 200, &k)
		}
		sums = append(sums, k.Totals.Discount.Amount)
	}
	if sums[0] != sums[1] || sums[0] <= once || sums[0] > goods {
		t.Errorf("in this order %d, in that %d", sums[0], sums[1])
	}
})

// A discount greater than the goods.
var _ = attack("AC-039", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	code := newWord("FET")
	moneyCode(c, code, "amount", "90000", nil)
	k := c.Cart(1, v)
	c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/"+code, nil), 200, &k)
	if k.Totals.Discount != k.Totals.Goods || k.Totals.Total.Amount != 0 {
		t.Fatalf("%+v", k.Totals)
	}
	// With a delivery that costs, the delivery is what is to pay.
	mail := apptest.NewMail()
	k = c.Complete(k.ID, apptest.Buyer(mail))
	locker := option(c, k.ID, "locker")
	if k.Totals.Total != k.Totals.Delivery || k.Totals.Delivery != locker.Price || locker.Price.Amount <= 0 {
		t.Errorf("%+v, the locker costs %+v", k.Totals, locker.Price)
	}
	vat := int64(0)
	for _, r := range k.Totals.VAT {
		vat += r.Amount.Amount
	}
	if vat < 0 || vat > k.Totals.Total.Amount {
		t.Errorf("VAT %d of %d", vat, k.Totals.Total.Amount)
	}
	p, o := c.PaidCart(k)
	if o.Payment.Paid != locker.Price {
		t.Errorf("%+v", o.Payment)
	}
	settled(c, p.Token)

	// Collected in the shop nothing is left to pay: it is an order, once, without a bank.
	free, mail := c.Cart(2, v), apptest.NewMail()
	c.Want(c.Do("PUT", apptest.API+"/carts/"+free.ID+"/discounts/"+code, nil), 200, nil)
	c.Want(c.Do("PUT", apptest.API+"/carts/"+free.ID+"/customer", apptest.Buyer(mail)), 200, nil)
	c.Want(c.Do("PUT", apptest.API+"/carts/"+free.ID+"/delivery", map[string]any{"option_id": option(c, free.ID, "store").ID}), 200, &free)
	if free.Totals.Total.Amount != 0 || free.Totals.ToPay.Amount != 0 {
		t.Fatalf("%+v", free.Totals)
	}
	answers := make([]apptest.Answer, 10)
	together(10, func(i int) { answers[i] = c.Post(free, apptest.Wish{}) })
	tokens := map[string]bool{}
	for _, a := range answers {
		if a.Status == 409 {
			continue
		}
		var q apptest.Purchase
		c.Want(a, 202, &q)
		tokens[q.Token] = true
	}
	if len(tokens) != 1 {
		t.Fatalf("%d purchases of one cart", len(tokens))
	}
	for token := range tokens {
		q := c.Until(token, 20*time.Second, apptest.Purchase.Terminal)
		if q.State != "paid" || q.Order == nil || q.MoneyMoved != "no" || q.Next != nil {
			t.Fatalf("nothing to pay, and the purchase is %+v", q)
		}
		if n := len(c.Payments(token)); n != 0 {
			t.Errorf("the bank was asked for nothing, %d times", n)
		}
		o := c.Order(q.Order.Token)
		if o.Totals.Total.Amount != 0 || o.Payment.Paid.Amount != 0 {
			t.Errorf("%+v %+v", o.Totals, o.Payment)
		}
		c.OneMail(mail)
		// Nothing comes out of it again: no refund, and a cancelled order pays nothing.
		if a := refundOver(c, o.Number, 1, ""); a.Status != 409 {
			t.Errorf("a refund of an order that cost nothing: %v", a)
		}
		c.Want(c.Admin("POST", "/orders/"+o.Number+"/cancel", map[string]any{"reason": "prov"}), 200, nil)
		if x := c.AdminOrder(o.Number); x.State != "cancelled" || x.Payment.Refunded.Amount != 0 {
			t.Errorf("%+v", x)
		}
		settled(c, token)
	}
	wantStock(c, v, 100, 0, 1)

	// With a gift card beside the code: never more than is to pay, and the rest stays.
	giftAndCode(t, c, v, code)
})

// The code ends between the cart and the till.
var _ = attack("AC-042", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	code := newWord("SLUT")
	at := moneyCode(c, code, "percent", "25", nil)
	staff := c.Shop.Staff(c, "catalogue")
	with := func() apptest.Cart {
		k := c.Cart(2, v)
		c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/"+code, nil), 200, nil)
		k = c.Complete(k.ID, apptest.Buyer(apptest.NewMail()))
		if k.Totals.Discount.Amount == 0 {
			t.Fatal("the code does not hold")
		}
		return k
	}
	seen, atBank := with(), with()
	// One buyer is at the bank already: what was shown is what is taken.
	p := c.Buy(atBank, apptest.Wish{})
	page := c.Other()
	pageCart(page, v, 2)
	if a := page.Form("/cart/discounts", url.Values{"code": {code}}); a.Status != 303 {
		t.Fatalf("%d", a.Status)
	}
	till := page.Do("GET", "/checkout", nil)
	if a := staff.Form(at+"/end", url.Values{}); a.Status != 303 {
		t.Fatalf("staff could not end the code: %d", a.Status)
	}
	// Another has seen the lower sum, and is told before anything is charged.
	a := c.Post(seen, apptest.Wish{})
	if a.Status != 409 || a.Code() != "total_changed" {
		t.Fatalf("the sum that was seen, after the end: %v", a)
	}
	var told struct {
		Total apptest.Money `json:"total"`
		Cart  apptest.Cart  `json:"cart"`
	}
	if err := a.JSON(&told); err != nil || told.Total.Amount <= seen.Totals.Total.Amount || told.Total != told.Cart.Totals.Total || told.Cart.Totals.Discount.Amount != 0 {
		t.Errorf("the answer tells no new sum: %v", a)
	}
	if a := pageBuy(page, till, apptest.Buyer(apptest.NewMail()), nil); a.Status != 409 {
		t.Errorf("the page's till, after the end: %d %s", a.Status, a.Location())
	}
	q := c.Buy(seen, apptest.Wish{Total: &told.Total})
	if b := c.Payment(q.Token); b.Amount != told.Total.Amount {
		t.Errorf("the bank was asked for %d, shown was %d", b.Amount, told.Total.Amount)
	}
	c.Pay(q, apptest.Good)
	c.Final(q.Token)
	settled(c, q.Token)
	c.Pay(p, apptest.Good)
	if p = c.Final(p.Token); p.State != "paid" {
		t.Fatalf("%+v", p)
	}
	if o := c.Order(p.Order.Token); o.Totals.Total != atBank.Totals.Total || o.Payment.Paid != atBank.Totals.ToPay {
		t.Errorf("shown %+v, ordered %+v, paid %+v", atBank.Totals.Total, o.Totals.Total, o.Payment.Paid)
	}
	settled(c, p.Token)
})

// Many small sums beside one great one.
var _ = attack("AC-044", func(t *testing.T, c *apptest.Client) {
	v := c.Scarce(2000)
	code := newWord("TREDJE")
	moneyCode(c, code, "percent", "33,33", nil)
	half := func(n, of int64) int64 { return (2*n + of) / (2 * of) } // half up
	sum := func(k apptest.Cart) {
		vat := int64(0)
		for _, x := range k.Totals.VAT {
			rate, err := strconv.ParseInt(x.Rate, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if len(k.Totals.VAT) == 1 && x.Amount.Amount != half(k.Totals.Total.Amount*rate, 100+rate) {
				t.Errorf("VAT %d of %d at %d %%", x.Amount.Amount, k.Totals.Total.Amount, rate)
			}
			vat += x.Amount.Amount
		}
		lines := int64(0)
		for _, l := range k.Lines {
			lines += l.Total.Amount
		}
		if k.Totals.Goods.Amount != lines || k.Totals.Total.Amount != k.Totals.Goods.Amount+k.Totals.Delivery.Amount-k.Totals.Discount.Amount || vat > k.Totals.Total.Amount {
			t.Errorf("the parts are not the whole: %+v", k.Totals)
		}
	}
	const n = 60
	singles, each := int64(0), int64(0)
	for range n {
		k := c.Cart(1, v)
		c.Want(c.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/"+code, nil), 200, &k)
		sum(k)
		each = k.Totals.Discount.Amount
		singles += each
		if want := half(v.Price.Amount*3333, 10_000); each != want {
			t.Fatalf("discount %d of %d, half up is %d", each, v.Price.Amount, want)
		}
	}
	one := c.Cart(n, v)
	c.Want(c.Do("PUT", apptest.API+"/carts/"+one.ID+"/discounts/"+code, nil), 200, &one)
	sum(one)
	if want := half(n*v.Price.Amount*3333, 10_000); one.Totals.Discount.Amount != want {
		t.Errorf("discount %d of %d pieces, half up is %d", one.Totals.Discount.Amount, n, want)
	}
	// Splitting up earns at most half an öre an order.
	if d := singles - one.Totals.Discount.Amount; 2*d > n || -2*d > n {
		t.Errorf("%d orders of one earn %d öre over one order of %d", n, d, n)
	}
	// A refund in three parts is the whole, its VAT too, and no öre more.
	p, o := c.PaidCart(c.Complete(one.ID, apptest.Buyer(apptest.NewMail())))
	total := o.Payment.Paid.Amount
	third := total / 3
	for i, part := range []int64{third, third, total - 2*third} {
		c.Want(refundOver(c, o.Number, part, fmt.Sprintf("del-%s-%d", o.Number, i)), 202, nil)
	}
	if a := refundOver(c, o.Number, 1, ""); a.Status != 409 {
		t.Errorf("an öre more: %v", a)
	}
	returned(c, p.Token, o.Number, total)
	var docs [][]string
	c.Wait("three credit notes", 20*time.Second, func() bool {
		docs = c.Query(`SELECT kind, amount, vat FROM order_document WHERE order_id=(SELECT order_id FROM checkout_purchase WHERE id=$1)`, mustID(t, purchaseRow(c, p.Token)))
		return len(docs) == 4
	})
	got, vat := map[string]int64{}, map[string]int64{}
	for _, d := range docs {
		kind := "credit"
		if d[0] == "receipt" {
			kind = d[0]
		}
		got[kind] += mustID(t, d[1])
		for _, x := range vatOf(t, d[2]) {
			vat[kind] += x
		}
	}
	if abs(got["credit"]) != got["receipt"] || abs(vat["credit"]) != vat["receipt"] || vat["receipt"] == 0 {
		t.Errorf("sums %v, VAT %v", got, vat)
	}
	settled(c, p.Token)
})

func abs(n int64) int64 { return max(n, -n) }

// Goods that are not for sale leave no trace.
var _ = attack("AC-046", func(t *testing.T, c *apptest.Client) {
	rows := c.Query(`SELECT p.id, p.handle, x.title FROM catalog_product p JOIN catalog_text x ON x.owner=p.id WHERE p.status='draft' AND x.lang='sv'`)
	if len(rows) == 0 {
		t.Fatal("the demo has no draft")
	}
	id, handle, title := rows[0][0], rows[0][1], rows[0][2]
	vs := c.Query(`SELECT id FROM catalog_variant WHERE product=$1`, mustID(t, id))
	if len(vs) == 0 {
		t.Fatal("the draft has no variant")
	}
	seen := c.Variant() // the twin: what is published is found in all these places
	for _, prefix := range []string{"", "/en"} {
		for _, h := range []string{handle, strings.ToUpper(handle), id} {
			a, unknown := c.Do("GET", prefix+"/products/"+h, nil), c.Do("GET", prefix+"/products/finns-inte-"+h, nil)
			if a.Status != 404 || normal(a, h) != normal(unknown, "finns-inte-"+h) {
				t.Errorf("%s%s: %d, not as an unknown one (%d)", prefix, h, a.Status, unknown.Status)
			}
		}
	}
	if a := c.Do("GET", apptest.API+"/products/"+handle, nil); a.Status != 404 || normal(a, handle) != normal(c.Do("GET", apptest.API+"/products/finns-inte", nil), "finns-inte") {
		t.Errorf("API: %v", a)
	}
	k := c.NewCart()
	add := func(variant string) apptest.Answer {
		return c.Do("POST", apptest.API+"/carts/"+k.ID+"/lines", map[string]any{"variant_id": variant, "quantity": 1})
	}
	unknown := add("4611686018427387904")
	for _, v := range vs {
		if a := add(v[0]); a.Status != 422 || normal(a, v[0]) != normal(unknown, "4611686018427387904") {
			t.Errorf("a draft in the cart: %v, an unknown one: %v", a, unknown)
		}
		page := c.Other()
		if a := page.Form("/cart/lines", url.Values{"variant_id": {v[0]}, "quantity": {"1"}}); a.Status != 422 {
			t.Errorf("page: %d", a.Status)
		}
	}
	if a := add(seen.ID); a.Status != 201 {
		t.Errorf("what is published: %v", a)
	}
	word := strings.Fields(title)[0]
	places := []string{"/", "/search?q=" + url.QueryEscape(title), "/search?q=" + url.QueryEscape(word), "/search/suggest?q=" + url.QueryEscape(title), "/feeds/google.xml", "/sitemap.xml", "/cart",
		apptest.API + "/products?q=" + url.QueryEscape(title), apptest.API + "/products?limit=100", apptest.API + "/categories"}
	for _, m := range c.Do("GET", "/sitemap.xml", nil).Find("loc") {
		if u := apptest.Words(m); strings.Contains(u, "/sitemaps/") {
			places = append(places, u)
		}
	}
	for _, r := range c.Query(`SELECT handle FROM catalog_category`) {
		places = append(places, "/categories/"+r[0], apptest.API+"/products?limit=100&category="+r[0])
	}
	found := false
	for _, at := range places {
		a := c.Do("GET", at, nil)
		if strings.Contains(at, url.QueryEscape(title)) || strings.Contains(at, "q="+url.QueryEscape(word)) {
			a.Body = []byte(strings.ReplaceAll(string(a.Body), "finns", ""))
			// The question itself is repeated; the handle is what must not be there.
			if strings.Contains(string(a.Body), "/products/"+handle) || strings.Contains(string(a.Body), `"handle":"`+handle+`"`) {
				t.Errorf("%s leads to the draft", at)
			}
			continue
		}
		for _, trace := range []string{handle, title} {
			if strings.Contains(string(a.Body), trace) {
				t.Errorf("%s tells of the draft (%s)", at, trace)
			}
		}
		found = found || strings.Contains(string(a.Body), seen.Product)
	}
	if !found {
		t.Error("what is published is found nowhere: nothing is tested")
	}
	staff := c.Shop.Staff(c, "catalogue")
	if a := staff.Do("GET", "/admin/products/"+id, nil); a.Status != 200 || !strings.Contains(a.Words(), title) {
		t.Errorf("staff: %d", a.Status)
	}
})
