package returns_test

import (
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// A purchase by card at the sandbox bank is withdrawn from while the bank loses
// answers: its own books and the shop's agree in the end.
func TestWithTheBank(t *testing.T) {
	ms := append(append([]db.Migrations{}, shoptest.Migrations...), content.Migrations, fulfilment.Migrations, returns.Migrations)
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		s := shoptest.New(t, d)
		v := s.Product(24900, 5)
		p, err := s.Buy(s.Cart(stock.Line{Variant: v, Quantity: 2}), "")
		if err != nil {
			t.Fatal(err)
		}
		s.PayAtBank(p.NextURL, "4242424242424242")
		p = s.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Paid })
		w := &world{t: t, d: d, v: s.Vault, desk: &returns.Desk{DB: d, Providers: s.Desk.Providers}}
		o := read(w, func(q *db.Reader) (order.Order, error) { return order.OfPurchase(q, p.ID) })
		s.Control("faults", `{"drop_rate":0.5}`)
		if _, err := w.withdraw(o, "f"); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(30 * time.Second); w.get(o.ID).Refunded != o.Paid; w.run() {
			if time.Now().After(deadline) {
				t.Fatal("the refund does not go through")
			}
		}
		s.Control("faults", `{"drop_rate":0}`)
		s.CheckBooks()
		if err := s.Desk.MoneyReturned(ctx, p.ID); err != nil {
			t.Fatal(err)
		}
		if got := s.Until(p.ID, false, func(p checkout.Purchase) bool { return p.Money == checkout.Returned }); got.State != checkout.Paid || w.level(v).OnHand != 5 || w.level(v).Available() != 5 {
			t.Errorf("%s, stock %+v", got.State, w.level(v))
		}
		w.check(o)
	})
}
