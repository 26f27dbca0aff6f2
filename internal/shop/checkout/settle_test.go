package checkout_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

var clerk = auth.StaffBy(7, "192.0.2.0/24", auth.Roles["orders"])

// onInvoice is an order that is to be paid by invoice: goods of 200 kr and 39 kr freight.
func onInvoice(t *testing.T, w *shoptest.World) order.Order {
	t.Helper()
	v := w.Product(20000, 5)
	p, err := w.Desk.Begin(context.Background(), checkout.Request{Cart: w.Cart(stock.Line{Variant: v, Quantity: 1}), Method: "invoice", Accept: true, Peer: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	p = w.Until(p.ID, true, terminal)
	return orderOf(t, w, p.ID)
}

func settle(w *shoptest.World, by auth.By, in checkout.Settlement) error {
	return db.Do(context.Background(), w.DB, func(tx *db.Tx) error { return checkout.Settle(tx, by, in) })
}

// ledger is what the entries of an order's money sum to, and how many there are.
func ledger(t *testing.T, w *shoptest.World, o order.Order) (sum int64, n int) {
	t.Helper()
	es, err := db.Read(context.Background(), w.DB, func(q *db.Reader) ([]payment.Entry, error) {
		i, err := payment.OfPurchase(q, o.Purchase)
		if err != nil {
			return nil, err
		}
		if _, err := checkout.SettledAt(q, o); err != nil {
			return nil, err
		}
		return payment.Captures(q, i.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range es {
		sum += e.Amount.Amount
	}
	return sum, len(es)
}

func TestSettle(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		o := onInvoice(t, w)
		today := time.Now()
		in := checkout.Settlement{Order: o.ID, Amount: money.SEK(10000), On: today, Key: "k1"}
		for name, c := range map[string]struct {
			by   auth.By
			in   checkout.Settlement
			code string
		}{
			"no right":         {auth.StaffBy(8, "", auth.Roles["support"]), in, "denied"},
			"a guest":          {auth.Guest(""), in, "denied"},
			"a narrow token":   {auth.TokenBy(9, "", []auth.Right{auth.OrdersRead, auth.RefundsWrite}), in, "denied"},
			"nothing":          {clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(0), On: today}, "invalid"},
			"less":             {clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(-1), On: today}, "invalid"},
			"too much":         {clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(23901), On: today}, "invalid"},
			"another currency": {clerk, checkout.Settlement{Order: o.ID, Amount: money.New(100, "EUR"), On: today}, "invalid"},
			"no day":           {clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(100)}, "invalid"},
			"tomorrow":         {clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(100), On: today.AddDate(0, 0, 1)}, "invalid"},
			"before the order": {clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(100), On: today.AddDate(0, 0, -1)}, "invalid"},
			"no order":         {clerk, checkout.Settlement{Order: 4711, Amount: money.SEK(100), On: today}, "not_found"},
			"bad key":          {clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(100), On: today, Key: "å"}, "invalid"},
		} {
			if err := settle(w, c.by, c.in); !fault.Is(err, c.code) {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		if sum, n := ledger(t, w, o); sum != 0 || n != 0 {
			t.Fatalf("refused, and yet %d entries of %d", n, sum)
		}

		// A part, twice with one key, then the rest.
		for range 2 {
			if err := settle(w, clerk, in); err != nil {
				t.Fatal(err)
			}
		}
		in.Amount = money.SEK(9999)
		if err := settle(w, clerk, in); !fault.Is(err, "idempotency_mismatch") {
			t.Errorf("the same key for another sum: %v", err)
		}
		got := orderOf(t, w, o.Purchase)
		if got.Paid.Amount != 10000 || got.IsPaid() {
			t.Errorf("paid %v after a part", got.Paid)
		}
		if err := settle(w, clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(13901), On: today, Key: "k2"}); !fault.Is(err, "invalid") {
			t.Errorf("more than is left: %v", err)
		}
		if err := settle(w, clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(13900), On: today, Key: "k3"}); err != nil {
			t.Fatal(err)
		}
		if got = orderOf(t, w, o.Purchase); !got.IsPaid() || got.Paid != got.ToPay {
			t.Errorf("paid %v of %v", got.Paid, got.ToPay)
		}
		if sum, n := ledger(t, w, o); sum != 23900 || n != 2 {
			t.Errorf("%d entries of %d", n, sum)
		}
		if err := settle(w, clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(1), On: today}); !fault.Is(err, "already_paid") {
			t.Errorf("paid already: %v", err)
		}
		_, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (bool, error) {
			p, err := checkout.ByID(q, o.Purchase)
			if err != nil {
				return false, err
			}
			if p.State != checkout.Placed || p.Money != checkout.Taken {
				t.Errorf("the purchase is %s, money %s", p.State, p.Money)
			}
			// Whatever it says, it no longer asks for the money, and claims nothing of a purchase by card.
			if m := checkout.Message(lang.SV, p, "faktura"); !strings.Contains(m, "vi har fått pengar") || strings.Contains(m, "betal") {
				t.Errorf("the buyer reads %q", m)
			}
			ev, err := order.Timeline(q, o.ID, false)
			if err != nil {
				return false, err
			}
			kinds := ""
			for _, e := range ev {
				kinds += e.Kind + " "
			}
			if kinds != "placed paid_part paid " {
				t.Errorf("timeline: %s", kinds)
			}
			es, err := audit.List(q, audit.Filter{Action: "order.settle"}, 0, 10)
			if err == nil && (len(es) != 2 || es[0].ActorID != 7 || es[0].EntityID != o.ID) {
				t.Errorf("audit: %+v", es)
			}
			return true, err
		})
		if err != nil {
			t.Fatal(err)
		}

		// A card has no invoice.
		v := w.Product(11900, 5)
		p := mustBuy(t, w, w.Cart(stock.Line{Variant: v, Quantity: 1}), "card")
		w.PayAtBank(p.NextURL, "4242424242424242")
		p = w.Until(p.ID, true, terminal)
		if err := settle(w, clerk, checkout.Settlement{Order: p.Order, Amount: money.SEK(1), On: today}); !fault.Is(err, "not_invoice") {
			t.Errorf("a card: %v", err)
		}
		w.CheckBooks()
	})
}

// Two who record the same money at the same moment record it once.
func TestSettleTogether(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		o := onInvoice(t, w)
		var wg sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			wg.Add(1)
			go func() {
				defer wg.Done()
				errs[i] = settle(w, clerk, checkout.Settlement{Order: o.ID, Amount: money.SEK(23900), On: time.Now()})
			}()
		}
		wg.Wait()
		ok := 0
		for _, err := range errs {
			switch {
			case err == nil:
				ok++
			case !fault.Is(err, "already_paid"):
				t.Error(err)
			}
		}
		if sum, n := ledger(t, w, o); ok != 1 || n != 1 || sum != 23900 {
			t.Errorf("%d went through, %d entries of %d", ok, n, sum)
		}
	})
}

func TestBills(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		first, second := onInvoice(t, w), onInvoice(t, w)
		w.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE order_order SET due_at=$2 WHERE id=$1`, second.ID, tx.LegalNow().AddDate(0, 0, -1))
			return err
		})
		bills := func() string {
			out, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (string, error) {
				os, err := order.Bills(q, clerk, 10)
				s := ""
				for _, o := range os {
					s += o.NumberString() + " "
				}
				return s, err
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if got := bills(); got != second.NumberString()+" "+first.NumberString()+" " {
			t.Errorf("due first: %s", got)
		}
		if err := settle(w, clerk, checkout.Settlement{Order: second.ID, Amount: second.ToPay, On: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if got := bills(); got != first.NumberString()+" " {
			t.Errorf("after payment: %s", got)
		}
		_, err := db.Read(context.Background(), w.DB, func(q *db.Reader) ([]order.Order, error) {
			return order.Bills(q, auth.StaffBy(1, "", auth.Roles["catalogue"]), 10)
		})
		if !fault.Is(err, "denied") {
			t.Errorf("without the right: %v", err)
		}
	})
}
