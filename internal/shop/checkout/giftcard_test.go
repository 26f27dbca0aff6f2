package checkout_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// A card that is bought comes into being with the order, one a piece, and is handed over
// by that: nothing is left to send.
func TestGiftCardsAreIssuedWhenPaid(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		g := w.GiftProduct(50000)
		token := w.Cart(stock.Line{Variant: g, Quantity: 2})
		w.Deliver(token, w.Mailed())
		p := mustBuy(t, w, token, "")
		w.PayAtBank(p.NextURL, "4000000000005126") // the notification comes twice
		p = w.Until(p.ID, true, terminal)
		o := w.OrderOf(p.ID)
		cards := w.GiftCards(o.ID)
		if p.State != checkout.Paid || o.Total.Amount != 100000 || len(cards) != 2 || cards[0].Issued.Amount != 50000 || !o.IsShipped() || o.ShippedAt.IsZero() || o.Draft.VAT[0].Amount != 0 {
			t.Fatalf("%+v %+v %+v", p, o, cards)
		}
		for range 2 { // what the job of a later payment would do
			if err := w.Desk.IssueGiftCards(context.Background(), o.ID); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(w.GiftCards(o.ID)); n != 2 {
			t.Errorf("%d cards", n)
		}
		w.CheckBooks()
	})
}

// On invoice nothing is issued before it is paid.
func TestGiftCardOnInvoice(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		g, v := w.GiftProduct(20000), w.Product(10000, 5)
		p, err := w.Desk.Begin(context.Background(), checkout.Request{Cart: w.Cart(stock.Line{Variant: g, Quantity: 1}, stock.Line{Variant: v, Quantity: 1}), Method: "invoice", Accept: true, Lang: lang.SV, Peer: "192.0.2.1"})
		if err != nil || p.State != checkout.Placed {
			t.Fatal(p, err)
		}
		o := w.OrderOf(p.ID)
		settle := func(ore int64) {
			t.Helper()
			w.Do(func(tx *db.Tx) error {
				return checkout.Settle(tx, shoptest.By, checkout.Settlement{Order: o.ID, Amount: money.SEK(ore), On: tx.LegalNow()})
			})
			if err := w.Desk.IssueGiftCards(context.Background(), o.ID); err != nil {
				t.Fatal(err)
			}
		}
		// No parcel has a gift card, and sending the goods does not send it.
		w.Do(func(tx *db.Tx) error {
			got, err := fulfilment.Ship(tx, shoptest.By, fulfilment.Shipment{Order: o.ID})
			if err == nil && (len(got.Lines) != 1 || got.Lines[0].Line != o.Lines[1].ID) {
				t.Errorf("%+v", got.Lines)
			}
			return err
		})
		settle(20000)
		if n := len(w.GiftCards(o.ID)); n != 0 {
			t.Errorf("%d cards for a part", n)
		}
		settle(o.ToPay.Amount - 20000)
		if n := len(w.GiftCards(o.ID)); n != 1 {
			t.Errorf("%d cards for the whole", n)
		}
		if o = w.OrderOf(p.ID); o.Lines[0].Open() != 0 || o.Lines[1].Open() != 0 || o.ShippedAt.IsZero() {
			t.Errorf("%+v", o.Lines)
		}
	})
}

// A card pays its part and the bank the rest; what was held is used once.
func TestGiftCardBesideTheBank(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(30000, 5)
		a, _ := w.GiftCard(8000)
		b, _ := w.GiftCard(5000)
		token := w.Cart(stock.Line{Variant: v, Quantity: 1})
		w.PayWith(token, a)
		w.PayWith(token, b)
		p := mustBuy(t, w, token, "")
		if p.Total.Amount != 33900-13000 || w.Gift(a.ID).Held.Amount != 8000 {
			t.Fatalf("%+v %+v", p, w.Gift(a.ID))
		}
		w.PayAtBank(p.NextURL, "4000000000005126")
		p = w.Until(p.ID, true, terminal)
		o := w.OrderOf(p.ID)
		if p.State != checkout.Paid || o.Paid.Amount != 20900 || o.GiftPaid.Amount != 13000 || o.PaidInAll().Amount != o.Total.Amount || !o.IsPaid() {
			t.Fatalf("%+v %+v", p, o)
		}
		for _, id := range []db.ID{a.ID, b.ID} {
			if c := w.Gift(id); c.Balance.Amount != 0 || c.Held.Amount != 0 {
				t.Errorf("%+v", c)
			}
		}
		w.CheckBooks()
	})
}

// Cards that pay all of it need no bank, whatever way to pay was named; the rescuer ends
// what a crash left behind.
func TestGiftCardPaysAll(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(10000, 9)
		c, _ := w.GiftCard(100000)
		buy := func(d *checkout.Desk, method string) (checkout.Purchase, error) {
			token := w.Cart(stock.Line{Variant: v, Quantity: 1})
			w.PayWith(token, c)
			return d.Begin(context.Background(), checkout.Request{Cart: token, Method: method, Accept: true, Lang: lang.SV, Peer: "192.0.2.1"})
		}
		for _, m := range []string{giftcard.Method, "card", "invoice"} {
			if p, err := buy(w.Desk, m); err != nil || p.State != checkout.Paid || p.Money != checkout.NotMoved {
				t.Errorf("%s: %+v %v", m, p, err)
			}
		}
		// Dies between the first transaction and the second.
		d := w.NewDesk()
		dying := make(chan checkout.Purchase, 1)
		d.Step = func(name string) {
			if name == "before record" {
				<-dying // never: as if the process had stopped here
			}
		}
		d.Times.Answer = time.Millisecond
		p, err := buy(d, giftcard.Method)
		if err != nil || p.State != checkout.Received {
			t.Fatalf("%+v %v", p, err)
		}
		if left := w.Gift(c.ID); left.Held.Amount != 13900 {
			t.Errorf("%+v", left)
		}
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE checkout_purchase SET check_at=$1 WHERE is_open=1`, tx.Now())
			return err
		})
		if p = w.Until(p.ID, true, terminal); p.State != checkout.Paid {
			t.Errorf("%+v", p)
		}
		close(dying)
		d.Wait()
		if left := w.Gift(c.ID); left.Balance.Amount != 100000-4*13900 || left.Held.Amount != 0 {
			t.Errorf("%+v", left)
		}
		if n := len(w.Books()); n != 0 {
			t.Errorf("the bank was asked %d times for nothing", n)
		}
	})
}

// What a purchase held comes back when it ends without an order: refused, given up, out of
// time.
func TestGiftCardComesBack(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(30000, 9)
		c, _ := w.GiftCard(10000)
		begin := func() checkout.Purchase {
			token := w.Cart(stock.Line{Variant: v, Quantity: 1})
			w.PayWith(token, c)
			p := mustBuy(t, w, token, "")
			if got := w.Gift(c.ID); got.Held.Amount != 10000 {
				t.Fatalf("%+v", got)
			}
			return p
		}
		back := func(why string) {
			t.Helper()
			if got := w.Gift(c.ID); got.Held.Amount != 0 || got.Balance.Amount != 10000 {
				t.Errorf("%s: %+v", why, got)
			}
		}
		p := begin()
		w.PayAtBank(p.NextURL, "4000000000000002")
		w.Until(p.ID, true, terminal)
		back("refused")
		p = begin()
		if p, err := w.Desk.Cancel(context.Background(), p.ID); err != nil || p.State != checkout.Refused {
			t.Fatal(p, err)
		}
		back("given up")
		p = begin()
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE checkout_purchase SET hold_until=$1, check_at=$1 WHERE is_open=1`, tx.Now().Add(-time.Second))
			return err
		})
		if p = w.Until(p.ID, true, terminal); p.State != checkout.Expired {
			t.Fatalf("%+v", p)
		}
		back("out of time")
		w.CheckBooks()
	})
}

// The last krona of a card, fifty buyers at once: one has it, the others are told that
// their sum is another.
func TestLastKronaFiftyBuyers(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(10000, 100)
		c, _ := w.GiftCard(13900)
		tokens := make([]string, 50)
		for i := range tokens {
			tokens[i] = w.Cart(stock.Line{Variant: v, Quantity: 1})
			w.PayWith(tokens[i], c)
		}
		won := make(chan checkout.Purchase, len(tokens))
		var wg sync.WaitGroup
		for i, tok := range tokens {
			r := checkout.Request{Cart: tok, Method: []string{"card", giftcard.Method}[i%2], Accept: true, Lang: lang.SV, Peer: "192.0.2.1", Expected: money.SEK(13900)}
			if i%3 == 0 {
				r.ExpectedToPay = money.SEK(0)
			}
			wg.Go(func() {
				p, err := w.Desk.Begin(context.Background(), r)
				if err == nil {
					won <- p
				} else if !fault.Is(err, "total_changed") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		close(won)
		n := 0
		for p := range won {
			n++
			if p = w.Until(p.ID, true, terminal); p.State != checkout.Paid {
				t.Errorf("%+v", p)
			}
		}
		got := w.Gift(c.ID)
		if n != 1 || got.Balance.Amount != 0 || got.Held.Amount != 0 {
			t.Errorf("%d won, card %+v", n, got)
		}
		w.CheckBooks()
	})
}

// Gift cards are not paid by gift cards, and no code lowers them.
func TestGiftCardBuysNoGiftCard(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		g, v := w.GiftProduct(20000), w.Product(10000, 5)
		c, _ := w.GiftCard(100000)
		token := w.Cart(stock.Line{Variant: g, Quantity: 1}, stock.Line{Variant: v, Quantity: 1})
		w.PayWith(token, c)
		if _, err := w.Desk.Begin(context.Background(), checkout.Request{Cart: token, Method: giftcard.Method, Accept: true, Lang: lang.SV}); !fault.Is(err, "total_changed") {
			t.Error(err)
		}
		p := mustBuy(t, w, token, "")
		if p.Total.Amount != 20000 || p.Draft.GiftCard.Amount != 13900 || p.Draft.Lines[0].Kind != order.KindGiftCard && p.Draft.Lines[1].Kind != order.KindGiftCard {
			t.Errorf("%+v", p)
		}
	})
}

// Money that comes after the end finds its gift card as it was, and becomes an order; or
// finds it spent, and goes back: the card pays once.
func TestLateMoneyBesideAGiftCard(t *testing.T) {
	ctx := context.Background()
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		for _, spent := range []bool{false, true} {
			says, d := &teller{}, w.NewDesk()
			d.Providers = []payment.Provider{says}
			d.Late = func(db.Q) (bool, error) { return true, nil }
			d.Times.Hold = time.Millisecond
			v := w.Product(30000, 9)
			c, _ := w.GiftCard(10000)
			tok := w.Cart(stock.Line{Variant: v, Quantity: 1})
			w.PayWith(tok, c)
			p, err := d.Begin(ctx, checkout.Request{Cart: tok, Method: "card", Accept: true, Lang: lang.SV})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond) // the hold runs out
			if p, err = d.Look(ctx, p.ID, "test"); err != nil || p.State != checkout.Expired || w.Gift(c.ID).Held.Amount != 0 {
				t.Fatal(p.State, err)
			}
			if spent {
				w.Do(func(tx *db.Tx) error {
					return giftcard.Hold(tx, tx.NewID(), []giftcard.Part{{Card: c.ID, Amount: money.SEK(1)}})
				})
			}
			says.say(pay)
			for range 3 {
				if p, err = d.Look(ctx, p.ID, "late"); err != nil {
					t.Fatal(err)
				}
			}
			i, got := intentOf(t, w, p.ID), w.Gift(c.ID)
			if spent && (p.Order != 0 || i.Refunding != i.Captured || got.Balance.Amount != 10000 || got.Held.Amount != 1) {
				t.Errorf("spent: order %d, %s on the way back, card %+v", p.Order, i.Refunding, got)
			}
			if !spent {
				if o := w.OrderOf(p.ID); p.Order == 0 || o.GiftPaid.Amount != 10000 || i.Refunding.Amount != 0 || got.Balance.Amount != 0 || got.Held.Amount != 0 {
					t.Errorf("there still: %+v, card %+v", o, got)
				}
			}
		}
	})
}
