package returns_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// gifts is a small real shop with a desk for refunds: what gift cards pay and buy is
// made by the checkout itself.
type gifts struct {
	*shoptest.World
	desk *returns.Desk
}

func eachGift(t *testing.T, fn func(t *testing.T, w *gifts)) {
	rooms := append([]db.Migrations{fulfilment.Migrations, returns.Migrations}, shoptest.Migrations...)
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		w := shoptest.New(t, d)
		fn(t, &gifts{w, &returns.Desk{DB: d, Providers: w.Desk.Providers}})
	})
}

// buy pays a cart with gift cards and the bank's card.
func (w *gifts) buy(cards []giftcard.Card, lines ...stock.Line) order.Order {
	w.T.Helper()
	token := w.Cart(lines...)
	for _, c := range cards {
		w.PayWith(token, c)
	}
	return w.pay(token)
}

func (w *gifts) pay(token string) order.Order {
	w.T.Helper()
	p, err := w.Buy(token, "")
	if err != nil {
		w.T.Fatal(err)
	}
	if p.NextURL != "" {
		w.PayAtBank(p.NextURL, "4242424242424242")
		p = w.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State.Terminal() })
	}
	if p.State != checkout.Paid {
		w.T.Fatalf("%+v", p)
	}
	return w.OrderOf(p.ID)
}

func (w *gifts) refund(o order.Order, ore int64, key string) error {
	return db.Do(ctx, w.DB, func(tx *db.Tx) error {
		_, err := returns.Refund(tx, staff, returns.RefundIn{Order: o.ID, Amount: money.SEK(ore), Reason: "prov", Key: key})
		return err
	})
}

// run carries refunds out until none is left.
func (w *gifts) run() {
	w.T.Helper()
	w.Do(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE payment_refund SET next_at=$1 WHERE state='asked'`, tx.Now().Add(-time.Second))
		return err
	})
	if _, err := w.desk.RunOnce(ctx, 50); err != nil {
		w.T.Fatal(err)
	}
}

// at is what the bank holds of an order.
func (w *gifts) at(o order.Order) (n int64) {
	w.T.Helper()
	ref, err := db.Read(ctx, w.DB, func(q *db.Reader) (string, error) {
		i, err := payment.OfPurchase(q, o.Purchase)
		return i.Reference, err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	for _, p := range w.Books() {
		if p.Reference == ref {
			n += p.Captured - p.Refunded
		}
	}
	return
}

// AC-029: what a gift card paid never becomes money.
func TestGiftCardIsNotPaidOut(t *testing.T) {
	eachGift(t, func(t *testing.T, w *gifts) {
		v := w.Product(6100, 9)
		c, _ := w.GiftCard(8000)
		o := w.buy([]giftcard.Card{c}, stock.Line{Variant: v, Quantity: 1}) // 61 + 39 kr: 80 by the card, 20 by the bank
		if w.at(o) != 2000 {
			t.Fatalf("the bank holds %d", w.at(o))
		}
		if err := w.refund(o, 10001, ""); !fault.Is(err, "over_refund") {
			t.Error(err)
		}
		for range 2 {
			if err := w.refund(o, 10000, "key"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.refund(o, 2000, "key"); !fault.Is(err, "idempotency_mismatch") {
			t.Error(err)
		}
		w.run()
		if o = w.OrderOf(o.Purchase); w.at(o) != 0 || o.Refunded.Amount != 2000 || o.GiftRefunded.Amount != 8000 || w.Gift(c.ID).Balance.Amount != 8000 {
			t.Errorf("%+v %+v", o, w.Gift(c.ID))
		}
		if err := w.refund(o, 1, ""); !fault.Is(err, "over_refund") {
			t.Error(err)
		}
		w.notes(o, 10000)
	})
}

// notes checks that the credit notes of an order sum to what has gone back, with their VAT.
func (w *gifts) notes(o order.Order, want int64) {
	w.T.Helper()
	docs, err := db.Read(ctx, w.DB, func(q *db.Reader) ([]order.Document, error) { return order.Documents(q, o.ID) })
	if err != nil {
		w.T.Fatal(err)
	}
	var sum, gross, vat, sold int64
	for _, d := range docs {
		if d.Kind != "credit_note" {
			continue
		}
		sum -= d.Amount.Amount
		for _, x := range d.VAT {
			gross, vat = gross+x.Gross, vat+x.Amount
		}
	}
	for _, x := range o.Draft.VAT {
		sold += x.Amount
	}
	if sum != want || gross != want || want == o.Total.Amount && vat != sold {
		w.T.Errorf("credit notes of %d, gross %d, VAT %d of %d; want %d", sum, gross, vat, sold, want)
	}
}

// A card that ended since is not woken: its money goes to a new one.
func TestRefundAfterTheCardEnded(t *testing.T) {
	eachGift(t, func(t *testing.T, w *gifts) {
		v := w.Product(6100, 9)
		c, _ := w.GiftCard(8000)
		o := w.buy([]giftcard.Card{c}, stock.Line{Variant: v, Quantity: 1})
		w.Do(func(tx *db.Tx) error { _, err := giftcard.Cancel(tx, staff, c.ID, "borttappat"); return err })
		if err := w.refund(o, 10000, ""); err != nil {
			t.Fatal(err)
		}
		w.run()
		var entry db.ID
		w.Do(func(tx *db.Tx) error {
			if err := tx.QueryRow(`SELECT id FROM giftcard_entry WHERE card_id=$1 AND kind='refund'`, c.ID).Scan(&entry); err != nil {
				return err
			}
			return giftcard.Move(tx, w.Vault, entry, 10)
		})
		list, err := db.Read(ctx, w.DB, func(q *db.Reader) ([]giftcard.Card, error) { return giftcard.List(q, staff, giftcard.Filter{}, 0, 10) })
		if err != nil || len(list) != 2 || list[0].Order != o.ID || list[0].Left().Amount != 8000 || w.Gift(c.ID).Balance.Amount != 0 || w.at(o) != 0 {
			t.Errorf("%+v %v", list, err)
		}
	})
}

// A return gives each means its own back, line by line, to the öre.
func TestReturnOfGoodsPaidBothWays(t *testing.T) {
	eachGift(t, func(t *testing.T, w *gifts) {
		v := w.Product(10000, 9)
		c, _ := w.GiftCard(15000)
		o := w.buy([]giftcard.Card{c}, stock.Line{Variant: v, Quantity: 2}) // 239: 150 and 89
		w.Do(func(tx *db.Tx) error {
			_, err := returns.Withdraw(tx, guest, w.Vault, returns.Withdrawal{Order: o.ID, Name: "Åsa Prov", Mail: "kopare@example.se", Lines: []fulfilment.ShipLine{{Line: o.Lines[0].ID, Quantity: 1}}, Lang: lang.SV})
			return err
		})
		w.run()
		if o = w.OrderOf(o.Purchase); o.Refunded.Amount != 8900 || o.GiftRefunded.Amount != 1100 || w.Gift(c.ID).Balance.Amount != 1100 {
			t.Errorf("%+v", o)
		}
		w.notes(o, 10000)
		w.Do(func(tx *db.Tx) error {
			_, err := returns.Withdraw(tx, guest, w.Vault, returns.Withdrawal{Order: o.ID, Name: "Åsa Prov", Mail: "kopare@example.se", Lang: lang.SV})
			return err
		})
		w.run()
		if o = w.OrderOf(o.Purchase); o.GiftRefunded.Amount != 15000 || w.Gift(c.ID).Balance.Amount != 15000 || w.at(o) != 0 {
			t.Errorf("%+v", o)
		}
		w.notes(o, 23900)
		for _, r := range w.returns(o) {
			if r.State != returns.Refunded {
				t.Errorf("%+v", r)
			}
		}
	})
}

func (w *gifts) returns(o order.Order) []returns.Return {
	w.T.Helper()
	rs, err := db.Read(ctx, w.DB, func(q *db.Reader) ([]returns.Return, error) { return returns.OfOrder(q, o.ID) })
	if err != nil {
		w.T.Fatal(err)
	}
	return rs
}

func (w *gifts) withdraw(o order.Order, lines ...fulfilment.ShipLine) (returns.Return, error) {
	return write(&world{d: w.DB}, func(tx *db.Tx) (returns.Return, error) {
		return returns.Withdraw(tx, guest, w.Vault, returns.Withdrawal{Order: o.ID, Name: "Åsa Prov", Mail: "kopare@example.se", Lines: lines, Lang: lang.SV})
	})
}

// Gift cards that are given up are closed and their price goes back at once; one that has
// been used is received as a statement, and its price stays until staff see to it.
func TestWithdrawFromGiftCards(t *testing.T) {
	eachGift(t, func(t *testing.T, w *gifts) {
		g, v := w.GiftProduct(20000), w.Product(10000, 9)
		token := w.Cart(stock.Line{Variant: g, Quantity: 3})
		w.Deliver(token, w.Mailed())
		o := w.pay(token)
		cards := w.GiftCards(o.ID)
		w.buy(cards[:1], stock.Line{Variant: v, Quantity: 1})
		r, err := w.withdraw(o)
		if err != nil || len(r.Disputed) != 1 || r.Disputed[0] != returns.Used || r.State != returns.Registered || r.Pieces() != 3 || r.ToSend() != 1 {
			t.Fatalf("%+v %v", r, err)
		}
		w.run()
		o = w.OrderOf(o.Purchase)
		if w.at(o) != 20000 || o.Refunded.Amount != 40000 {
			t.Errorf("the bank holds %d, %+v", w.at(o), o)
		}
		for i, c := range w.GiftCards(o.ID) {
			if (c.State == giftcard.Cancelled) != (i > 0) || i > 0 && c.Balance.Amount != 0 {
				t.Errorf("card %d: %+v", i, c)
			}
		}
		// Staff cannot wave it through either, nor give back more than is left on the card.
		if err := db.Do(ctx, w.DB, func(tx *db.Tx) error {
			_, err := returns.Accept(tx, staff, w.Vault, r.ID, returns.Verdict{})
			return err
		}); !fault.Is(err, returns.Used) {
			t.Error(err)
		}
		if err := w.refund(o, 20000, ""); !fault.Is(err, returns.Used) {
			t.Error(err)
		}
		if err := w.refund(o, 20000-13900, ""); err != nil { // what is left of it
			t.Error(err)
		}
		if err := w.refund(o, 1, ""); !fault.Is(err, returns.Used) {
			t.Error(err)
		}
		w.run()
		if c := w.Gift(cards[0].ID); c.Balance.Amount != 0 || c.State != giftcard.Cancelled || w.at(o) != 13900 {
			t.Errorf("%+v, the bank holds %d", c, w.at(o))
		}
		// A second withdrawal finds nothing new.
		if again, err := w.withdraw(o); err != nil || again.ID != r.ID {
			t.Errorf("%+v %v", again, err)
		}
	})
}

// Goods bought beside a gift card go back without it.
func TestGoodsBesideAGiftCard(t *testing.T) {
	eachGift(t, func(t *testing.T, w *gifts) {
		g, v := w.GiftProduct(20000), w.Product(10000, 9)
		o := w.buy(nil, stock.Line{Variant: g, Quantity: 1}, stock.Line{Variant: v, Quantity: 1})
		line := o.Lines[0]
		if line.Kind == order.KindGiftCard {
			line = o.Lines[1]
		}
		if _, err := w.withdraw(o, fulfilment.ShipLine{Line: line.ID, Quantity: 1}); err != nil {
			t.Fatal(err)
		}
		w.run()
		c := w.GiftCards(o.ID)[0]
		if o = w.OrderOf(o.Purchase); o.Refunded.Amount != 10000 || c.State != giftcard.Active || c.Balance.Amount != 20000 {
			t.Errorf("%+v %+v", o, c)
		}
		if err := w.refund(o, 3900+20000, ""); err != nil { // the delivery, and the whole of the card
			t.Error(err)
		}
		if c = w.Gift(c.ID); c.State != giftcard.Cancelled {
			t.Errorf("%+v", c)
		}
	})
}

// Refund and use of one bought card at once: its worth is spent or goes back, never both.
func TestRefundAgainstUse(t *testing.T) {
	eachGift(t, func(t *testing.T, w *gifts) {
		g, v := w.GiftProduct(13900), w.Product(10000, 50)
		mailed := w.Mailed()
		for range 4 {
			token := w.Cart(stock.Line{Variant: g, Quantity: 1})
			w.Deliver(token, mailed)
			o := w.pay(token)
			c := w.GiftCards(o.ID)[0]
			cart := w.Cart(stock.Line{Variant: v, Quantity: 1})
			w.PayWith(cart, c)
			var used, back error
			var wg sync.WaitGroup
			wg.Go(func() {
				_, used = w.Desk.Begin(context.Background(), checkout.Request{Cart: cart, Method: giftcard.Method, Accept: true, Lang: lang.SV, Peer: "192.0.2.1"})
			})
			wg.Go(func() { back = w.refund(o, 13900, "") })
			wg.Wait()
			if (used == nil) == (back == nil) || used != nil && !fault.Is(used, "total_changed") || back != nil && !fault.Is(back, returns.Used) {
				t.Errorf("used: %v, refunded: %v", used, back)
			}
			w.run()
			if held := w.at(o); (back == nil) != (held == 0) {
				t.Errorf("refunded: %v, the bank holds %d", back, held)
			}
		}
	})
}

// Whatever is refunded in whatever order: money by the bank at most what it took, cards
// at most what they paid, and together never more than the order.
func TestRefundsOverTwoMeans(t *testing.T) {
	eachGift(t, func(t *testing.T, w *gifts) {
		v := w.Product(10000, 1_000_000)
		rapid.Check(t, func(t *rapid.T) {
			worth := rapid.Int64Range(1, 13899).Draw(t, "card")
			c, _ := w.GiftCard(worth)
			o := w.buy([]giftcard.Card{c}, stock.Line{Variant: v, Quantity: 1})
			left := o.Total.Amount
			for range rapid.IntRange(1, 5).Draw(t, "refunds") {
				n := rapid.Int64Range(1, 9000).Draw(t, "amount")
				err := w.refund(o, n, "")
				if (err == nil) != (n <= left) || err != nil && !fault.Is(err, "over_refund") {
					t.Fatalf("%d of %d: %v", n, left, err)
				}
				if err == nil {
					left -= n
				}
			}
			i, err := db.Read(ctx, w.DB, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, o.Purchase) })
			if err != nil {
				t.Fatal(err)
			}
			o = w.OrderOf(o.Purchase)
			back := o.Total.Amount - left
			cash := min(back, o.Total.Amount-worth)
			if i.Refunding.Amount+i.Refunded.Amount != cash || o.GiftRefunded.Amount != back-cash || w.Gift(c.ID).Balance.Amount != back-cash {
				t.Fatalf("%d back: bank %v, cards %v, card %v", back, i, o.GiftRefunded, w.Gift(c.ID))
			}
		})
	})
}
