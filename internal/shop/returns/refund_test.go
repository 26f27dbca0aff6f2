package returns_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
)

// AC-025: over-refund in steps.
func TestOverRefundInSteps(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		total := o.Paid.Amount
		w.must(w.refund(o, total-1, "a"))
		w.must(w.refund(o, total-1, "a")) // the same key: the same refund
		if err := w.refund(o, total-2, "a"); !fault.Is(err, "idempotency_mismatch") {
			t.Error(err)
		}
		for _, n := range []int64{2, total} {
			if err := w.refund(o, n, ""); !fault.Is(err, "over_refund") {
				t.Errorf("%d: %v", n, err)
			}
		}
		w.run()
		for _, n := range []int64{2, total} {
			if err := w.refund(o, n, ""); !fault.Is(err, "over_refund") {
				t.Errorf("%d: %v", n, err)
			}
		}
		w.must(w.refund(o, 1, ""))
		w.run()
		if o = w.check(o); o.Refunded.Amount != total || w.card.refunded != total {
			t.Errorf("%v, the bank paid %d", o.Refunded, w.card.refunded)
		}
	})
}

func TestTwoStaffAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 12 {
			wg.Go(func() {
				err := w.refund(o, 6000, "")
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !fault.Is(err, "over_refund") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// Two workers carry it out at once.
		for range 2 {
			wg.Go(func() {
				if _, err := w.desk.RunOnce(ctx, 50); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if o = w.check(o); won != 2 || o.Refunded.Amount != 12000 || w.card.refunded != 12000 {
			t.Errorf("%d won, %v refunded, bank %d", won, o.Refunded, w.card.refunded)
		}
	})
}

// AC-060: restock is counted once, whatever happens at once.
func TestRestockOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("card", good{variant: 1, n: 2, unit: 10000, rate: 2500})
		w.ship(o)
		r, err := w.withdraw(o, "")
		w.must(err)
		w.must(w.do(func(tx *db.Tx) error {
			_, err := returns.Receive(tx, staff, r.ID, []returns.Arrival{{Line: o.Lines[0].ID, Quantity: 2, Condition: "new"}})
			return err
		}))
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				err := w.do(func(tx *db.Tx) (err error) {
					switch i % 4 {
					case 0:
						_, err = returns.Cancel(tx, staff, o.ID, nil, "")
					case 1:
						_, err = returns.Refund(tx, staff, returns.RefundIn{Order: o.ID, Amount: money.SEK(1000), Reason: "x"})
					case 2:
						_, err = returns.CancelByBuyer(tx, guest, o.ID)
					default:
						_, err = returns.Accept(tx, staff, w.v, r.ID, returns.Verdict{})
					}
					return err
				})
				if err != nil && fault.As(err) == nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if l := w.level(1); l.OnHand != 100 || l.Allocated != 0 {
			t.Errorf("%+v", l)
		}
		if n := w.count(`SELECT count(*) FROM stock_movement WHERE kind='return'`); n != 1 {
			t.Errorf("%d movements", n)
		}
		es := read(w, func(q *db.Reader) ([]audit.Entry, error) {
			return audit.List(q, audit.Filter{Action: "return.restock"}, 0, 10)
		})
		if len(es) != 1 {
			t.Errorf("%d restocks in the audit log", len(es))
		}
	})
}

func TestUnpaidInvoice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("invoice", good{variant: 1, n: 2, unit: 10000, rate: 2500}, good{variant: 2, n: 1, unit: 5000, rate: 600})
		// One piece is cancelled before shipping: the amount to pay falls.
		w.must(w.do(func(tx *db.Tx) error {
			_, err := returns.Cancel(tx, staff, o.ID, []fulfilment.ShipLine{{Line: o.Lines[0].ID, Quantity: 1}}, "slut")
			return err
		}))
		if got := w.check(o); got.ToPay.Amount != o.ToPay.Amount-10000 || got.Refunded.Amount != 0 {
			t.Errorf("to pay %v", got.ToPay)
		}
		if w.run() != 0 {
			t.Error("money moves for an unpaid invoice")
		}
		// The buyer pays what is left, then withdraws from all of it.
		left := w.get(o.ID).ToPay
		w.must(w.do(func(tx *db.Tx) error {
			if err := order.Touch(tx, o.ID); err != nil {
				return err
			}
			i, err := payment.OfPurchase(tx, o.Purchase)
			if err != nil {
				return err
			}
			if _, err := payment.Capture(tx, i, left, "bank-1"); err != nil {
				return err
			}
			return order.Paid(tx, o.ID, left)
		}))
		r, err := w.withdraw(o, "")
		w.must(err)
		w.run()
		if got := w.check(o); got.State != order.Cancelled || got.Refunded != left || w.invoice.refunded != left.Amount {
			t.Errorf("%s %v, %v", got.State, got.Refunded, r.State)
		}
		// Unpaid and withdrawn whole: nothing is left to pay, and the return is at its end.
		o = w.order("invoice", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		r, err = w.withdraw(o, "")
		w.must(err)
		if got := w.check(o); got.ToPay.Amount != 0 || !got.IsPaid() || r.State != returns.Refunded {
			t.Errorf("to pay %v, return %s", got.ToPay, r.State)
		}
	})
}

// The worker dies, or the line breaks, at every step: one refund, one record.
func TestWorkerIsKillSafe(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		for i, at := range []string{"claimed", "asked", "recorded"} {
			w.must(w.refund(o, 1000, ""))
			w.desk.Step = func(name string) {
				if name == at {
					panic("killed " + name)
				}
			}
			killed(w)
			w.desk.Step = nil
			w.run()
			w.run()
			if got := w.check(o); got.Refunded.Amount != int64(1000*(i+1)) || w.card.refunded != int64(1000*(i+1)) {
				t.Errorf("killed when %s: refunded %v, the bank paid %d", at, got.Refunded, w.card.refunded)
			}
		}
		w.card.lose = 2
		w.must(w.refund(o, 1000, ""))
		w.run()
		w.run()
		if got := w.check(o); got.Refunded.Amount != 3000 {
			t.Error("counted without an answer")
		}
		w.run()
		if got := w.check(o); got.Refunded.Amount != 4000 || w.card.refunded != 4000 || w.jobs(returns.JobRefunded) != 4 {
			t.Errorf("%v, bank %d, %d mails", got.Refunded, w.card.refunded, w.jobs(returns.JobRefunded))
		}
	})
}

// killed runs the worker in a goroutine that dies at the step.
func killed(w *world) {
	w.t.Helper()
	rows, err := write(w, func(tx *db.Tx) ([]payment.RefundRow, error) {
		if _, err := tx.Exec(`UPDATE payment_refund SET next_at=$1 WHERE state='asked'`, tx.Now().Add(-time.Second)); err != nil {
			return nil, err
		}
		return payment.DueRefunds(tx, 10)
	})
	w.must(err)
	for _, x := range rows {
		func() {
			defer func() { recover() }()
			w.desk.Carry(ctx, x)
		}()
	}
}

func TestRefusedRefund(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		w.ship(o)
		r, err := w.withdraw(o, "")
		w.must(err)
		w.must(w.do(func(tx *db.Tx) error { _, err := returns.Accept(tx, staff, w.v, r.ID, returns.Verdict{}); return err }))
		again := func() error {
			return w.do(func(tx *db.Tx) error { _, err := w.desk.RefundReturn(tx, staff, r.ID, money.Money{}, ""); return err })
		}
		w.must(again())
		w.card.refuse = true
		w.run()
		as := read(w, func(q *db.Reader) ([]returns.Alarm, error) { return returns.Alarms(q, staff, 10) })
		if len(as) != 1 || as[0].Code != returns.AlarmRefused || w.intent(o).Refunding.Amount != 0 || w.jobs(returns.JobRefunded) != 0 {
			t.Fatalf("%+v", as)
		}
		w.card.refuse = false
		w.must(again())
		w.run()
		if got := w.check(o); got.Refunded != got.Paid {
			t.Error(got.Refunded)
		}
		w.must(w.do(func(tx *db.Tx) error { return returns.ClearAlarm(tx, staff, as[0].Refund) }))
		if err := w.do(func(tx *db.Tx) error { return returns.ClearAlarm(tx, staff, as[0].Refund) }); !fault.Is(err, "not_found") {
			t.Error(err)
		}
		// A method that is gone raises an alarm and moves nothing.
		o = w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		w.must(w.refund(o, 100, ""))
		w.desk.Providers = nil
		w.run()
		as = read(w, func(q *db.Reader) ([]returns.Alarm, error) { return returns.Alarms(q, staff, 10) })
		if len(as) != 1 || as[0].Code != returns.AlarmNoProvider {
			t.Errorf("%+v", as)
		}
	})
}

// Money of a purchase that came to nothing goes back, though there is no order.
func TestLateMoneyWithoutOrder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.must(w.do(func(tx *db.Tx) error {
			i, err := payment.NewIntent(tx, 77, "card", "late", money.SEK(5000))
			if err != nil {
				return err
			}
			if _, err := payment.Capture(tx, i, money.SEK(5000), "capture"); err != nil {
				return err
			}
			_, err = payment.AskRefund(tx, i, money.SEK(5000), "late_money")
			return err
		}))
		w.run()
		if w.card.refunded != 5000 || w.jobs(returns.JobMoneyReturned) != 1 || w.jobs(returns.JobRefunded) != 1 {
			t.Error(w.card.refunded)
		}
	})
}

func TestCancelByBuyer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		buyer := func(o order.Order) error {
			return w.do(func(tx *db.Tx) error { _, err := returns.CancelByBuyer(tx, guest, o.ID); return err })
		}
		o := w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		w.must(w.do(func(tx *db.Tx) error { return content.Change(tx, staff, content.CancelOnline.Key(), "false") }))
		if err := buyer(o); !fault.Is(err, "not_cancellable") {
			t.Error("cancelled although it is off", err)
		}
		w.must(w.do(func(tx *db.Tx) error { return content.Change(tx, staff, content.CancelOnline.Key(), "true") }))
		w.must(buyer(o))
		w.run()
		if got := w.check(o); got.State != order.Cancelled || got.Refunded != got.Paid {
			t.Error(got.Refunded)
		}
		if err := buyer(o); !fault.Is(err, "not_cancellable") {
			t.Error(err)
		}
		o = w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		w.ship(o)
		if err := buyer(o); !fault.Is(err, "not_cancellable") {
			t.Error(err)
		}
		if err := w.do(func(tx *db.Tx) error { _, err := returns.CancelByBuyer(tx, guest, 0); return err }); !fault.Is(err, "not_found") {
			t.Error(err)
		}
	})
}

func TestRunRefundsStops(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		w.must(w.refund(o, 1000, ""))
		c, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { w.desk.RunRefunds(c); close(done) }()
		for deadline := time.Now().Add(20 * time.Second); w.get(o.ID).Refunded.Amount != 1000; {
			if time.Now().After(deadline) {
				t.Fatal("not carried out")
			}
		}
		cancel()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("does not stop")
		}
	})
}
