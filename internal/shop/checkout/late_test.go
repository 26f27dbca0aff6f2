package checkout_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// teller is a provider that says what the test wants it to say.
type teller struct {
	mu   sync.Mutex
	says map[string]payment.Status
}

func (*teller) Method() string { return "card" }
func (*teller) Credit() bool   { return false }
func (p *teller) Begin(_ context.Context, s payment.Start) (payment.Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := payment.Status{Ref: "t-" + s.Reference, Reference: s.Reference, State: payment.Open, Amount: s.Amount, Captured: money.SEK(0), Refunded: money.SEK(0)}
	if p.says == nil {
		p.says = map[string]payment.Status{}
	}
	p.says[s.Reference] = st
	return st, nil
}
func (p *teller) Look(_ context.Context, h payment.Handle) (payment.Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.says[h.Reference], nil
}
func (p *teller) Cancel(ctx context.Context, h payment.Handle) (payment.Status, error) {
	p.say(func(s *payment.Status) {
		if s.State == payment.Open {
			s.State = payment.Expired
		}
	})
	return p.Look(ctx, h)
}
func (*teller) Refund(context.Context, payment.Refund) (payment.RefundStatus, error) {
	return payment.RefundStatus{Done: true}, nil
}
func (*teller) Verify(payment.Notice) (payment.Hint, error) {
	return payment.Hint{}, payment.ErrBadSignature
}

// say changes what is said of every payment.
func (p *teller) say(fn func(s *payment.Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, s := range p.says {
		fn(&s)
		p.says[k] = s
	}
}

func pay(s *payment.Status) { s.State, s.Captured = payment.Captured, s.Amount }

func intentOf(t *testing.T, w *shoptest.World, id db.ID) payment.Intent {
	t.Helper()
	i, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, id) })
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// Money that comes after the end: by the merchant's rule an order when everything is
// there still, and otherwise it goes back; never both, and never two orders of a cart.
func TestLateMoney(t *testing.T) {
	ctx := context.Background()
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		for _, c := range []struct {
			name    string
			rule    bool
			between func(d *checkout.Desk, tok string, v db.ID) // what happens between the end and the money
			order   bool
		}{
			{"it goes back", false, nil, false},
			{"it becomes an order", true, nil, true},
			{"the goods are gone", true, func(_ *checkout.Desk, _ string, v db.ID) {
				w.Do(func(tx *db.Tx) error { return stock.Hold(tx, tx.NewID(), []stock.Line{{Variant: v, Quantity: 1}}) })
			}, false},
			{"the buyer tries again", true, func(d *checkout.Desk, tok string, v db.ID) {
				w.Do(func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, shoptest.By, v, 5); return err }) // there is enough for both
				d.Times.Hold = time.Hour
				if p, err := d.Begin(ctx, checkout.Request{Cart: tok, Method: "card", Accept: true, Lang: lang.SV}); err != nil || p.State != checkout.Awaiting {
					t.Fatal(p.State, err)
				}
			}, false},
			{"the cart went another way", true, func(_ *checkout.Desk, tok string, _ db.ID) {
				w.Do(func(tx *db.Tx) error {
					k, err := cart.ByToken(tx, w.Vault, tok)
					if err != nil {
						return err
					}
					return cart.Became(tx, k.ID, tx.NewID())
				})
			}, false},
		} {
			says, d := &teller{}, w.NewDesk()
			d.Providers, d.Live = []payment.Provider{says}, false
			d.Late = func(db.Q) (bool, error) { return c.rule, nil }
			d.Times.Hold = time.Millisecond
			v := w.Product(11900, 1)
			tok := w.Cart(stock.Line{Variant: v, Quantity: 1})
			p, err := d.Begin(ctx, checkout.Request{Cart: tok, Method: "card", Accept: true, Lang: lang.SV})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond) // the hold runs out
			if p, err = d.Look(ctx, p.ID, "test"); err != nil || p.State != checkout.Expired {
				t.Fatal(c.name, p.State, err)
			}
			if c.between != nil {
				c.between(d, tok, v)
			}
			says.say(pay)
			for range 3 { // told any number of times, it has its effect once
				if p, err = d.Look(ctx, p.ID, "late"); err != nil {
					t.Fatal(c.name, err)
				}
			}
			i := intentOf(t, w, p.ID)
			if p.State != checkout.Expired || p.Money != checkout.Taken || (p.Order > 0) != c.order || i.Captured != p.Total {
				t.Fatalf("%s: %s %s order %d, captured %s", c.name, p.State, p.Money, p.Order, i.Captured)
			}
			if back := i.Refunding.Amount; c.order && back != 0 || !c.order && back != p.Total.Amount {
				t.Fatalf("%s: %d on the way back", c.name, back)
			}
			if c.order {
				o := orderOf(t, w, p.ID)
				if o.Paid != p.Total || o.Number == 0 {
					t.Fatalf("%s: %+v", c.name, o)
				}
				if m := checkout.Message(lang.SV, p, "kort"); m == checkout.Message(lang.SV, checkout.Purchase{State: checkout.Expired}, "kort") {
					t.Error("the buyer is told that nothing came of it:", m)
				}
			}
		}
	})
}

// The provider keeps saying that it took another sum: at the promised time all of it is
// on its way back and the purchase is over; before that nothing is believed.
func TestAnotherSumThanAsked(t *testing.T) {
	ctx := context.Background()
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		says, d := &teller{}, w.NewDesk()
		d.Providers, d.Live = []payment.Provider{says}, false
		v := w.Product(11900, 1)
		p, err := d.Begin(ctx, checkout.Request{Cart: w.Cart(stock.Line{Variant: v, Quantity: 1}), Method: "card", Accept: true, Lang: lang.SV})
		if err != nil {
			t.Fatal(err)
		}
		says.say(func(s *payment.Status) { s.State, s.Captured = payment.Captured, money.SEK(s.Amount.Amount+100) })
		if p, err = d.Look(ctx, p.ID, "test"); err != nil || p.State != checkout.Unknown || p.Alarm != checkout.AlarmMismatch {
			t.Fatal(p.State, p.Alarm, err)
		}
		if i := intentOf(t, w, p.ID); i.Captured.Amount != 0 {
			t.Fatal("entered before the time")
		}
		past := func() {
			w.Do(func(tx *db.Tx) error {
				return tx.ExecOne(`UPDATE checkout_purchase SET answer_by=$2 WHERE id=$1`, p.ID, tx.Now().Add(-time.Second))
			})
		}
		past()
		says.say(func(s *payment.Status) { s.Captured.Currency = "EUR" })
		if p, err = d.Look(ctx, p.ID, "test"); err != nil || p.State != checkout.Unknown {
			t.Fatal("foreign money was entered:", p.State, err)
		}
		says.say(func(s *payment.Status) { s.Captured = money.SEK(s.Amount.Amount + 100) })
		for range 2 {
			if p, err = d.Look(ctx, p.ID, "test"); err != nil {
				t.Fatal(err)
			}
		}
		i := intentOf(t, w, p.ID)
		if p.State != checkout.Refused || p.Order != 0 || i.Captured.Amount != p.Total.Amount+100 || i.Refunding != i.Captured {
			t.Fatalf("%s, captured %s, on the way back %s", p.State, i.Captured, i.Refunding)
		}
		w.Do(func(tx *db.Tx) error { return stock.Hold(tx, tx.NewID(), []stock.Line{{Variant: v, Quantity: 1}}) }) // the piece is free again
	})
}
