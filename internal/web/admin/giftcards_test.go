package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/stock"
)

// A card is issued by hand once, with a proof, extended and ended with a reason, and each
// is in its life and in the audit log; the code is on no page.
func TestGiftCardsByHand(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("orders")
		o.stale("orders")
		form := func(code string) []string {
			return []string{"amount", "250,50", "years", "3", "email", "vinnare@example.se", "lang", "sv", "reason", "vinst i tävling", "key", "en-och-samma", "totp", code}
		}
		if a := b.post("/admin/gift-cards/new", form("")...); a.status != http.StatusUnprocessableEntity {
			t.Fatalf("without a proof: %d", a.status)
		}
		if n := o.count(`SELECT count(*) FROM giftcard_card`); n != 0 {
			t.Fatalf("%d cards without a proof", n)
		}
		m := o.member("orders")
		a := b.post("/admin/gift-cards/new", form(o.code(m))...)
		if a.status != http.StatusSeeOther {
			t.Fatalf("%d %s", a.status, a.text())
		}
		at := a.location()
		if again := b.post("/admin/gift-cards/new", form("")...); again.location() != at || o.count(`SELECT count(*) FROM giftcard_card`) != 1 {
			t.Errorf("a second click: %d %s", again.status, again.location())
		}
		for _, bad := range [][]string{{"amount", "0"}, {"amount", "-5"}, {"amount", "10001"}, {"amount", "x"}, {"email", "ingen"}, {"reason", ""}, {"years", "0"}, {"years", "31"}} {
			f := form("")
			for i := 0; i < len(f); i += 2 {
				if f[i] == bad[0] {
					f[i+1] = bad[1]
				}
				if f[i] == "key" {
					f[i+1] = "en annan"
				}
			}
			if a := b.post("/admin/gift-cards/new", f...); a.status != http.StatusUnprocessableEntity {
				t.Errorf("%v: %d %s", bad, a.status, a.location())
			}
		}
		c := look(o, func(q *db.Reader) (giftcard.Card, error) {
			cs, err := giftcard.List(q, auth.System("test"), giftcard.Filter{}, 0, 2)
			return cs[0], err
		})
		code := c.Code(o.Vault)
		// What the shop owes in all is for who may see its sums.
		if a := b.page("/admin/gift-cards"); strings.Contains(a.text(), "Ej inlösta") || !strings.Contains(a.text(), "250,50") {
			t.Error("orders sees what the shop owes, or not the card")
		}
		if a := o.as("owner").page("/admin/gift-cards"); !strings.Contains(a.text(), "Ej inlösta") {
			t.Error("the owner does not see what the shop owes")
		}
		b.done(at+"/extend", "expires_on", time.Now().AddDate(9, 0, 0).Format(time.DateOnly), "reason", "längre")
		if a := b.post(at+"/extend", "expires_on", "2027-01-01", "reason", "kortare"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a shorter time: %d", a.status)
		}
		page := b.page(at)
		list := b.page("/admin/gift-cards?last4=" + strings.ToLower(c.Last4))
		for _, x := range []answer{page, list} {
			if strings.Contains(x.body, code) || strings.Contains(x.body, "vinnare@") || !strings.Contains(x.text(), c.Last4) || !strings.Contains(x.text(), "250,50") {
				t.Errorf("%s", x.text())
			}
		}
		b.done(at+"/cancel", "reason", "fel mottagare")
		if a := b.post(at+"/cancel", "reason", "igen"); a.status != http.StatusConflict {
			t.Errorf("ended twice: %d", a.status)
		}
		if page = b.page(at); !strings.Contains(page.text(), "Avslutat") || strings.Contains(page.body, at+"/cancel") {
			t.Errorf("%s", page.text())
		}
		for _, action := range []string{"gift_card.issue", "gift_card.extend", "gift_card.cancel"} {
			if n := o.count(`SELECT count(*) FROM audit_entry WHERE action=$1 AND actor_kind='staff' AND outcome='done' AND entity_id > 0`, action); n != 1 {
				t.Errorf("%d rows of %s", n, action)
			}
		}
		if a := o.as("support").page(at); strings.Contains(a.body, at+"/extend") {
			t.Error("support may extend")
		}
	})
}

// What cards paid and what of it went back stands on the order, and the button gives it
// back in the way it came.
func TestOrderPaidByGiftCard(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		v := o.Product(10000, 5)
		c, code := o.GiftCard(50000)
		token := o.Cart(stock.Line{Variant: v, Quantity: 1})
		o.PayWith(token, c)
		p, err := o.Buy(token, "")
		if err != nil {
			t.Fatal(err)
		}
		order := o.order(p)
		b := o.as("owner")
		path := "/admin/orders/" + order.NumberString()
		a := b.page(path)
		if strings.Contains(a.body, code) || !strings.Contains(a.text(), c.Last4) || !strings.Contains(a.body, giftcardPath(c)) {
			t.Errorf("%s", a.text())
		}
		b.done(path+"/refund", "amount", "139", "reason", "prov", "key", "k")
		if a = b.page(path); !strings.Contains(a.text(), "Tillbaka till presentkort") || o.Gift(c.ID).Balance.Amount != 50000 {
			t.Errorf("%s", a.text())
		}
	})
}

func (o *office) count(text string, args ...any) int {
	o.t.Helper()
	return look(o, func(q *db.Reader) (n int, err error) { err = q.QueryRow(text, args...).Scan(&n); return })
}

func giftcardPath(c giftcard.Card) string { return "/admin/gift-cards/" + c.ID.String() }
