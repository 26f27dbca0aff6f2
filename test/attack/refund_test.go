package attack

import (
	"fmt"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// refundOver asks for a refund over the Admin API.
func refundOver(c *apptest.Client, number string, ore int64, key string) apptest.Answer {
	c.T.Helper()
	h := []string{"Authorization", "Bearer " + c.AdminToken}
	if key != "" {
		h = append(h, "Idempotency-Key", key)
	}
	return c.Do("POST", apptest.AdminAPI+"/orders/"+number+"/refunds", map[string]any{"amount": apptest.SEK(ore), "reason": "prov"}, h...)
}

// kronor is an amount as staff type it.
func kronor(ore int64) string { return fmt.Sprintf("%d,%02d", ore/100, ore%100) }

// returned waits until the bank has given back so much, and the shop says the same.
func returned(c *apptest.Client, token, number string, ore int64) {
	c.T.Helper()
	c.Wait("the money is back", 30*time.Second, func() bool {
		return c.Payment(token).Refunded == ore && c.AdminOrder(number).Payment.Refunded.Amount == ore
	})
}

// More is refunded than was paid, in steps.
var _ = attack("AC-025", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	p, o := c.Paid(v, 3)
	total := o.Payment.Paid.Amount
	for _, bad := range []int64{0, -1, -total, total + 1, 2 * total, 1 << 53} {
		if a := refundOver(c, o.Number, bad, ""); a.Status != 409 && a.Status != 422 && a.Status != 400 {
			t.Errorf("refund of %d: %v", bad, a)
		}
	}
	if a := c.Do("POST", apptest.AdminAPI+"/orders/"+o.Number+"/refunds", map[string]any{"amount": apptest.Money{Amount: 100, Currency: "EUR"}, "reason": "prov"}, "Authorization", "Bearer "+c.AdminToken); a.Status/100 != 4 {
		t.Errorf("another currency: %v", a)
	}
	c.Want(refundOver(c, o.Number, total-1, ""), 202, nil)
	for _, x := range []int64{2, total} {
		if a := refundOver(c, o.Number, x, ""); a.Status != 409 || a.Code() != "over_refund" {
			t.Errorf("refund of %d with 1 left: %v", x, a)
		}
	}
	staff := c.Shop.Staff(c, "owner")
	page := staff.Do("GET", "/admin/orders/"+o.Number, nil)
	if action, form := staff.FormOf(page, `form[action$="/refund"]`); true {
		form.Set("amount", kronor(2))
		form.Set("reason", "prov")
		if form.Has("totp") {
			form.Set("totp", staff.Code(staff.Member("owner")))
		}
		if a := staff.Form(action, form); a.Status/100 != 4 {
			t.Errorf("the page's refund of 2 with 1 left: %d", a.Status)
		}
	}
	c.Want(refundOver(c, o.Number, 1, ""), 202, nil)
	returned(c, p.Token, o.Number, total)
	if a := refundOver(c, o.Number, 1, ""); a.Status != 409 {
		t.Errorf("after all went back: %v", a)
	}
	c.Wait("the purchase tells", 10*time.Second, func() bool { return c.Purchase(p.Token).MoneyMoved == "returned" })
	settled(c, p.Token)

	// Twenty at once, each for more than half: one is taken.
	p2, o2 := c.Paid(v, 2)
	half := o2.Payment.Paid.Amount/2 + 1
	codes := make([]int, 20)
	together(20, func(i int) { codes[i] = refundOver(c, o2.Number, half, "").Status })
	took := 0
	for _, s := range codes {
		switch s {
		case 202:
			took++
		case 409:
		default:
			t.Errorf("status %d", s)
		}
	}
	if took != 1 {
		t.Errorf("%d refunds of more than half were taken", took)
	}
	// The same key ten times at once is one refund; with another amount it is refused.
	rest := o2.Payment.Paid.Amount - half
	key := "prov-" + o2.Number
	together(10, func(i int) { codes[i] = refundOver(c, o2.Number, rest/2, key).Status })
	for i, s := range codes[:10] {
		if s != 202 {
			t.Errorf("try %d with the same key: %d", i, s)
		}
	}
	if a := refundOver(c, o2.Number, rest/2+1, key); a.Status != 422 || a.Code() != "idempotency_mismatch" {
		t.Errorf("the key with another amount: %v", a)
	}
	returned(c, p2.Token, o2.Number, half+rest/2)
	settled(c, p2.Token)
})

// A refund cannot become another way of paying out: it follows the way the money
// came, and an invoice that nobody has paid is lowered, never paid out.
var _ = attack("AC-029", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	giftsAreNotPaidOut(t, c, v)
	k := c.ReadyCart(v, 1)
	for _, m := range []string{"gift_card", "store_credit"} {
		if a := c.Post(k, apptest.Wish{Method: m}); a.Status != 422 {
			t.Errorf("pay with %s: %v", m, a)
		}
	}
	q := c.Buy(k, apptest.Wish{Method: "invoice"})
	if q = c.Final(q.Token); q.State != "placed" {
		t.Fatalf("%+v", q)
	}
	inv := q.Order.Number
	for _, amount := range []int64{1, k.Totals.Total.Amount} {
		if a := refundOver(c, inv, amount, ""); a.Status != 409 {
			t.Errorf("money out of an invoice that nobody has paid: %v", a)
		}
	}
	c.Want(c.Admin("POST", "/orders/"+inv+"/cancel", map[string]any{"reason": "prov"}), 200, nil)
	if o := c.AdminOrder(inv); o.State != "cancelled" || o.Payment.Refunded.Amount != 0 || o.Payment.Paid.Amount != 0 {
		t.Errorf("%+v", o)
	}
	if n := c.Count(`SELECT count(*) FROM payment_refund r JOIN payment_intent i ON i.id=r.intent_id WHERE i.reference=$1`, q.Token); n != 0 {
		t.Errorf("%d payouts for an invoice that nobody has paid", n)
	}
	for _, extra := range []string{`"method":"bank_transfer"`, `"to":"SE4550000000058398257466"`, `"tender":"cash"`, `"gift_card":false`} {
		p, o := c.Paid(v, 1)
		body := fmt.Sprintf(`{"amount":{"amount":100,"currency":"SEK"},"reason":"prov",%s}`, extra)
		if a := c.Do("POST", apptest.AdminAPI+"/orders/"+o.Number+"/refunds", apptest.Raw(body), "Authorization", "Bearer "+c.AdminToken); a.Status != 400 {
			t.Errorf("%s: %v", extra, a)
		}
		c.Want(refundOver(c, o.Number, 100, ""), 202, nil)
		returned(c, p.Token, o.Number, 100)
		settled(c, p.Token)
	}
})
