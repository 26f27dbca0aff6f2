package attack

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// Fifty buyers, one piece, twenty times.
var _ = attack("AC-052", func(t *testing.T, c *apptest.Client) {
	const buyers, rounds = 50, 20
	v := c.Scarce(1)
	type buyer struct {
		*apptest.Client
		k apptest.Cart
	}
	ready := func(b *buyer) { b.k = b.ReadyCart(v, 1) }
	bs := make([]*buyer, buyers)
	for i := range bs {
		bs[i] = &buyer{Client: c.Other()}
		ready(bs[i])
	}
	var tokens []string
	for r := range rounds {
		c.SetStock(v.ID, int64(r+1)) // what is sold is still on the shelf
		answers := make([]apptest.Answer, buyers)
		together(buyers, func(i int) { answers[i] = bs[i].Post(bs[i].k, apptest.Wish{}) })
		won := -1
		for i, a := range answers {
			switch {
			case a.Status == 202 && won < 0:
				won = i
			case a.Status == 202:
				t.Fatalf("round %d: two buyers got the last piece", r)
			case a.Status != 409 || a.Code() != "out_of_stock":
				t.Errorf("round %d: %v", r, a)
			}
		}
		if won < 0 {
			t.Fatalf("round %d: nobody got the last piece", r)
		}
		var p apptest.Purchase
		c.Want(answers[won], 202, &p)
		p = c.Until(p.Token, 30*time.Second, func(p apptest.Purchase) bool { return p.Next != nil })
		c.Pay(p, apptest.Twice)
		if p = c.Final(p.Token); p.State != "paid" {
			t.Fatalf("round %d: the one who got it: %+v", r, p)
		}
		tokens = append(tokens, p.Token)
		wantStock(c, v, int64(r+1), 0, int64(r+1))
		if r < rounds-1 {
			ready(bs[won])
		}
	}
	for _, token := range tokens {
		settled(c, token)
	}
	if n := c.Count(`SELECT count(*) FROM stock_hold WHERE variant_id=$1`, mustID(t, v.ID)); n != rounds {
		t.Errorf("%d holds of %d pieces", n, rounds)
	}
})

// The button is pressed ten times.
var _ = attack("AC-055", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	sold := int64(0)
	for _, w := range []struct {
		what string
		wish func(i int) apptest.Wish
	}{
		{"without key", func(int) apptest.Wish { return apptest.Wish{} }},
		{"one key", func(int) apptest.Wish { return apptest.Wish{Key: "dubbelklick"} }},
		{"a key each", func(i int) apptest.Wish { return apptest.Wish{Key: fmt.Sprintf("klick-%d", i)} }},
	} {
		k := c.ReadyCart(v, 1)
		answers := make([]apptest.Answer, 10)
		together(10, func(i int) { answers[i] = c.Post(k, w.wish(i)) })
		tokens := map[string]bool{}
		for _, a := range answers {
			if a.Status == 409 {
				continue
			}
			var p apptest.Purchase
			c.Want(a, 202, &p)
			tokens[p.Token] = true
		}
		if len(tokens) != 1 {
			t.Fatalf("%s: %d purchases of one cart", w.what, len(tokens))
		}
		for token := range tokens {
			p := c.Until(token, 30*time.Second, func(p apptest.Purchase) bool { return p.Next != nil })
			c.Payment(token) // one
			// The bank's button is pressed more than once too.
			together(5, func(int) { c.TryPay(p.Next.URL, apptest.Good) })
			q := c.Final(token)
			if q.State != "paid" {
				t.Fatalf("%s: %+v", w.what, q)
			}
			sold++
			settled(c, token)
			// Who presses once more gets that order.
			var again apptest.Purchase
			c.Want(c.Post(k, w.wish(0)), 202, &again)
			if again.Token != token || again.Order == nil || again.Order.Number != q.Order.Number {
				t.Errorf("%s: afterwards %+v", w.what, again)
			}
		}
		wantStock(c, v, 100, 0, sold)
	}
	// The page without scripts: the same form, ten times.
	page := c.Other()
	mail := apptest.NewMail()
	action, form := page.CheckoutForm(pageCart(page, v, 1), apptest.Buyer(mail))
	answers := make([]apptest.Answer, 10)
	together(10, func(i int) { answers[i] = page.Form(action, form) })
	to := map[string]bool{}
	for _, a := range answers {
		if a.Status == 303 {
			to[a.Location()] = true
		} else if a.Status != 409 {
			t.Errorf("page: %d %s", a.Status, a.Words())
		}
	}
	if len(to) != 1 {
		t.Fatalf("page: %d purchases: %v", len(to), to)
	}
	for at := range to {
		token := at[strings.LastIndexByte(at, '/')+1:]
		p := c.Until(token, 30*time.Second, func(p apptest.Purchase) bool { return p.Next != nil })
		c.Pay(p, apptest.Good)
		c.Final(token)
		settled(c, token)
		c.OneMail(mail)
		if a := page.Form(action, form); a.Status != 303 || !strings.HasSuffix(a.Location(), token) {
			t.Errorf("page, afterwards: %d %s", a.Status, a.Location())
		}
	}
	wantStock(c, v, 100, 0, sold+1)
	if n := len(c.Mails(mail)); n != 1 {
		t.Errorf("%d mails", n)
	}
})

// An idempotency key is used again: with another wish, by another buyer, at once.
var _ = attack("AC-057", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	k := c.ReadyCart(v, 1)
	key := newWord("nyckel-")
	p := c.Buy(k, apptest.Wish{Key: key})
	for range 3 {
		var q apptest.Purchase
		c.Want(c.Post(k, apptest.Wish{Key: key}), 202, &q)
		if q.Token != p.Token {
			t.Errorf("same key and body: another purchase")
		}
	}
	for what, w := range map[string]apptest.Wish{"method": {Key: key, Method: "invoice"}, "return": {Key: key, Return: c.Shop.Shop + "/x"}} {
		if a := c.Post(k, w); a.Status != 422 || a.Code() != "idempotency_mismatch" {
			t.Errorf("another %s: %v", what, a)
		}
	}
	other := apptest.SEK(k.Totals.Total.Amount + 1)
	if a := c.Post(k, apptest.Wish{Key: key, Total: &other}); a.Status != 422 || a.Code() != "idempotency_mismatch" {
		t.Errorf("another sum: %v", a)
	}
	// B has the same key and never sees A's purchase.
	b := c.Other()
	mailB := apptest.NewMail()
	kb := b.Complete(b.Cart(1, v).ID, apptest.Buyer(mailB))
	q := b.Buy(kb, apptest.Wish{Key: key})
	if q.Token == p.Token || strings.Contains(fmt.Sprintf("%+v", q), p.Token) {
		t.Fatal("the key is shared between buyers")
	}
	answers := make([]apptest.Answer, 30)
	fresh := c.ReadyCart(v, 1)
	together(30, func(i int) { answers[i] = c.Post(fresh, apptest.Wish{Key: key}) })
	tokens := map[string]bool{}
	for _, a := range answers {
		var x apptest.Purchase
		if a.Status == 409 {
			continue
		}
		c.Want(a, 202, &x)
		tokens[x.Token] = true
	}
	if len(tokens) != 1 || tokens[p.Token] || tokens[q.Token] {
		t.Errorf("thirty at once: %d purchases", len(tokens))
	}
	for what, bad := range map[string]string{"10 kB": strings.Repeat("k", 10<<10), "129": strings.Repeat("k", 129), "not ASCII": "nyckel-å", "tab": "a\tb", "empty": ""} {
		a, err := c.Try("POST", apptest.API+"/carts/"+k.ID+"/purchases", map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": k.Totals.Total}, "Idempotency-Key", bad)
		if err == nil && (a.Status != 422 && a.Status != 400 && a.Status != 431) {
			t.Errorf("key of %s: %v", what, a)
		}
	}
	if a := c.Post(c.ReadyCart(v, 1), apptest.Wish{Key: strings.Repeat("k", 128)}); a.Status != 202 {
		t.Errorf("a key of 128: %v", a)
	}
	for buyer, x := range map[*apptest.Client]apptest.Purchase{c: p, b: q} {
		buyer.Pay(x, apptest.Good)
		if y := buyer.Final(x.Token); y.State != "paid" {
			t.Errorf("%+v", y)
		}
		settled(c, x.Token)
	}
	var after apptest.Purchase
	c.Want(c.Post(k, apptest.Wish{Key: key}), 202, &after)
	if after.Token != p.Token || after.State != "paid" {
		t.Errorf("the key after the order: %+v", after)
	}
	if m := c.OneMail(mailB); strings.Contains(m.Text, p.Token) {
		t.Error("B's mail holds A's link")
	}
})

// Straight to the end.
var _ = attack("AC-058", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	post := func(cart, body string) apptest.Answer {
		return c.Do("POST", apptest.API+"/carts/"+cart+"/purchases", apptest.Raw(body))
	}
	pointers := func(a apptest.Answer) string {
		var p struct {
			Errors []struct {
				Pointer string `json:"pointer"`
			} `json:"errors"`
		}
		a.JSON(&p)
		var out []string
		for _, e := range p.Errors {
			out = append(out, e.Pointer)
		}
		return strings.Join(out, " ")
	}
	body := func(k apptest.Cart, more string) string {
		return fmt.Sprintf(`{"payment_method":"card","accept_terms":true,"expected_total":{"amount":%d,"currency":"SEK"}%s}`, k.Totals.Total.Amount, more)
	}
	empty := c.NewCart()
	if a := post(empty.ID, body(empty, "")); a.Status != 422 || !strings.Contains(pointers(a), "/lines") {
		t.Errorf("an empty cart: %v", a)
	}
	bare := c.Cart(1, v)
	if a := post(bare.ID, body(bare, "")); a.Status != 422 || !strings.Contains(pointers(a), "/customer") || !strings.Contains(pointers(a), "/delivery") {
		t.Errorf("goods alone: %v", a)
	}
	c.Want(c.Do("PUT", apptest.API+"/carts/"+bare.ID+"/customer", apptest.Buyer(apptest.NewMail())), 200, &bare)
	if a := post(bare.ID, body(bare, "")); a.Status != 422 || pointers(a) != "/delivery" {
		t.Errorf("without delivery: %v", a)
	}
	k := c.ReadyCart(v, 1)
	total := fmt.Sprintf(`"expected_total":{"amount":%d,"currency":"SEK"}`, k.Totals.Total.Amount)
	for what, x := range map[string]string{
		"no terms":       `{"payment_method":"card","accept_terms":false,` + total + `}`,
		"terms left out": `{"payment_method":"card",` + total + `}`,
		"terms as text":  `{"payment_method":"card","accept_terms":"true",` + total + `}`,
		"no method":      `{"accept_terms":true,` + total + `}`,
		"no sum":         `{"payment_method":"card","accept_terms":true}`,
		"nothing":        `{}`, "state": body(k, `,"state":"paid"`), "complete": body(k, `,"state":"complete"`), "order": body(k, `,"order":{"number":"1"}`), "status": body(k, `,"status":"placed"`), "paid_at": body(k, `,"paid_at":"2026-01-01"`),
	} {
		if a := post(k.ID, x); a.Status != 422 && a.Status != 400 {
			t.Errorf("%s: %v", what, a)
		}
	}
	if n := c.Count(`SELECT count(*) FROM stock_hold WHERE variant_id=$1`, mustID(t, v.ID)); n != 0 {
		t.Errorf("%d purchases came about", n)
	}
	p := c.Buy(k, apptest.Wish{})
	before := c.Count(`SELECT count(*) FROM checkout_step WHERE purchase_id=$1`, mustID(t, purchaseRow(c, p.Token)))
	for _, method := range []string{"PATCH", "PUT", "POST", "DELETE"} {
		for _, path := range []string{"/purchases/" + p.Token, "/purchases/" + p.Token + "/complete", "/purchases/" + p.Token + "/state", "/carts/" + k.ID, "/carts/" + k.ID + "/complete", "/orders/" + p.Token} {
			if a := c.Do(method, apptest.API+path, apptest.Raw(`{"state":"paid"}`)); a.Status != 404 && a.Status != 405 {
				t.Errorf("%s %s: %v", method, path[:12], a)
			}
			if a := c.Do(method, apptest.AdminAPI+path, apptest.Raw(`{"state":"paid"}`), "Authorization", "Bearer "+c.AdminToken); a.Status != 404 && a.Status != 405 {
				t.Errorf("Admin API, %s %s: %v", method, path[:12], a)
			}
		}
	}
	for _, q := range []string{"?state=paid", "?status=complete", "?payment=" + c.Payment(p.Token).ID, "?redirect_status=succeeded"} {
		if a := c.Do("GET", "/purchases/"+p.Token+"/return"+q, nil); a.Status >= 500 {
			t.Errorf("%s: %d", q, a.Status)
		}
		c.Do("GET", "/purchases/"+p.Token+q, nil)
	}
	if q := c.Purchase(p.Token); q.Terminal() || q.Order != nil {
		t.Errorf("without paying: %+v", q)
	}
	// The page by hand, without its fields.
	page := c.Other()
	at := pageCart(page, v, 1)
	for _, drop := range []string{"email", "name", "address/line1", "address/postal_code", "delivery/option_id", "payment_method"} {
		if a := pageBuy(page, at, apptest.Buyer(apptest.NewMail()), func(f url.Values) { f.Del(drop) }); a.Status != 422 && a.Status != 409 {
			t.Errorf("page without %s: %d %s", drop, a.Status, a.Location())
		}
	}
	if a := pageBuy(page, at, apptest.Buyer(apptest.NewMail()), func(f url.Values) { f.Set("state", "paid") }); a.Status/100 != 4 {
		t.Errorf("page with a state: %d", a.Status)
	}
	c.Pay(p, apptest.Good)
	if q := c.Final(p.Token); q.State != "paid" {
		t.Errorf("in order: %+v", q)
	}
	if n := c.Count(`SELECT count(*) FROM checkout_step WHERE purchase_id=$1`, mustID(t, purchaseRow(c, p.Token))); n <= before {
		t.Error("the way to paid left no step")
	}
	settled(c, p.Token)
	wantStock(c, v, 100, 0, 1)
})

// Cancelled, taken back and expired, in every order and at once: each piece goes back
// to the shelf once.
var _ = attack("AC-060", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	staff := c.Shop.Staff(c, "owner")
	count := func(codes []int, ok int) (n int) {
		for _, s := range codes {
			if s == ok {
				n++
			} else if s >= 500 || s < 300 {
				t.Errorf("status %d", s)
			}
		}
		return
	}
	// One: staff over the API and over the page, and the buyer, all cancel at once.
	p, o := c.Paid(v, 3)
	codes := make([]int, 9)
	together(9, func(i int) {
		switch i % 3 {
		case 0:
			codes[i] = c.Admin("POST", "/orders/"+o.Number+"/cancel", map[string]any{"reason": "prov"}).Status
			if codes[i] == 200 {
				codes[i] = 303
			}
		case 1:
			codes[i] = staff.Form("/admin/orders/"+o.Number+"/cancel", url.Values{"cancel_reason": {"prov"}}).Status
		default:
			codes[i] = c.Form("/orders/"+p.Order.Token+"/cancel", url.Values{}).Status
		}
	})
	// The buyer's page may lead back to the order whether or not it was his click; the
	// books tell how often it happened.
	if count(codes, 303) < 1 {
		t.Errorf("nobody could cancel: %v", codes)
	}
	if n := c.Count(`SELECT count(*) FROM audit_entry WHERE action='order.cancel' AND outcome='done' AND entity_id=(SELECT order_id FROM checkout_purchase WHERE id=$1)`, mustID(t, purchaseRow(c, p.Token))); n != 1 {
		t.Errorf("%d cancellations in the audit log", n)
	}
	wantStock(c, v, 100, 0, 0)
	returned(c, p.Token, o.Number, o.Payment.Paid.Amount)
	settled(c, p.Token)

	// Two: two of three leave the house, one is cancelled, the two come back.
	p, o = c.Paid(v, 3)
	line := o.Lines[0].ID
	c.Want(c.Admin("POST", "/orders/"+o.Number+"/shipments", map[string]any{"lines": []map[string]any{{"line_id": line, "quantity": 2}}}), 201, nil)
	wantStock(c, v, 98, 0, 1)
	together(6, func(i int) {
		codes[i] = c.Admin("POST", "/orders/"+o.Number+"/cancel", map[string]any{"reason": "prov"}).Status
	})
	if n := count(codes[:6], 200); n != 1 {
		t.Errorf("%d cancelled the last piece", n)
	}
	wantStock(c, v, 98, 0, 0)
	back := takeBack(c, p.Order.Token, o)
	at := "/admin/returns/" + back
	page := staff.Do("GET", at, nil)
	action, form := staff.FormOf(page, `form[action$="/receive"]`)
	form.Set("condition."+line, "new")
	together(5, func(i int) { codes[i] = staff.Form(action, form).Status })
	if n := count(codes[:5], 303); n != 1 {
		t.Errorf("received %d times", n)
	}
	wantStock(c, v, 98, 0, 0) // in the house, not yet on the shelf
	page = staff.Do("GET", at, nil)
	action, form = staff.FormOf(page, `form[action$="/accept"]`)
	form.Set("restock."+line, "2")
	over := url.Values{}
	for k, x := range form {
		over[k] = x
	}
	over.Set("restock."+line, "3")
	if a := staff.Form(action, over); a.Status != 422 && a.Status != 409 {
		t.Errorf("more to the shelf than came back: %d", a.Status)
	}
	together(5, func(i int) { codes[i] = staff.Form(action, form).Status })
	if n := count(codes[:5], 303); n != 1 {
		t.Errorf("accepted %d times", n)
	}
	wantStock(c, v, 100, 0, 0)
	page = staff.Do("GET", at, nil)
	action, form = staff.FormOf(page, `form[action$="/refund"]`)
	if form.Has("totp") {
		form.Set("totp", staff.Code(staff.Member("owner")))
	}
	first := staff.Form(action, form)
	if first.Status != 303 {
		t.Errorf("the refund of the return: %d %s", first.Status, first.Words())
	}
	form.Del("totp")
	together(4, func(i int) { codes[i] = staff.Form(action, form).Status })
	if n := count(codes[:4], 303); n != 0 {
		t.Errorf("refunded %d times more", n)
	}
	// Two refunds are on their way, each on its own: for the piece that was cancelled
	// and for those that came back.
	returned(c, p.Token, o.Number, o.Payment.Paid.Amount)
	settled(c, p.Token)
	for _, path := range []string{"/orders/" + o.Number + "/cancel"} {
		if a := c.Admin("POST", path, map[string]any{"reason": "prov"}); a.Status != 409 {
			t.Errorf("cancel at the end: %v", a)
		}
	}
	wantStock(c, v, 100, 0, 0)
	if n := c.Count(`SELECT COALESCE(sum(on_hand),0) FROM stock_movement WHERE variant_id=$1 AND kind NOT IN ('ship','allocate','cancel','count') AND on_hand > 0 AND ref_id <> 0`, mustID(t, v.ID)); n != 2 {
		t.Errorf("%d pieces were put back on the shelf, 2 came back", n)
	}

	// Three: a refused payment lets its pieces go once, however often the bank says so.
	k := c.ReadyCart(v, 4)
	q := c.Buy(k, apptest.Wish{})
	wantStock(c, v, 100, 4, 0)
	b := c.Payment(q.Token)
	together(6, func(i int) {
		if i == 0 {
			c.TryPay(q.Next.URL, apptest.NoFunds)
			return
		}
		c.Notify(b.ID, map[string]any{"times": 3})
	})
	if q = c.Final(q.Token); q.State != "refused" {
		t.Errorf("%+v", q)
	}
	c.Notify(b.ID, map[string]any{"times": 5, "override": map[string]any{"state": "expired"}})
	c.Notify(b.ID, map[string]any{"times": 5, "override": map[string]any{"state": "cancelled"}})
	wantStock(c, v, 100, 0, 0)
	settled(c, q.Token)
	// And the shelf still sells.
	p, _ = c.Paid(v, 1)
	settled(c, p.Token)
	wantStock(c, v, 100, 0, 1)
})

// takeBack has the buyer withdraw from an order by its page, and returns the number
// of the return.
func takeBack(c *apptest.Client, token string, o apptest.Order) string {
	c.T.Helper()
	page := c.Do("GET", "/withdraw?order="+token, nil)
	action, form := c.FormOf(page, `main form[method=post]`)
	for _, l := range page.Find(`main input[name="line"]`) {
		form.Add("line", apptest.Attr(l, "value"))
	}
	a := c.Form(action, form)
	c.Want(a, 200, nil)
	action, form = c.FormOf(a, `form[action$="/withdraw/confirm"]`)
	if a = c.Form(action, form); a.Status != 303 {
		c.T.Fatalf("the withdrawal: %d %s", a.Status, a.Words())
	}
	r := c.Query(`SELECT r.id FROM returns_return r JOIN order_line l ON l.order_id=r.order_id WHERE l.id=$1`, mustNumber(c, o.Lines[0].ID))
	if len(r) != 1 {
		c.T.Fatalf("%d returns", len(r))
	}
	return r[0][0]
}

func mustNumber(c *apptest.Client, s string) (n int64) {
	c.T.Helper()
	if _, err := fmt.Sscan(s, &n); err != nil {
		c.T.Fatal(err)
	}
	return
}
