package returns_test

import (
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
)

func TestStates(t *testing.T) {
	reached := map[returns.State]bool{returns.Registered: true}
	for range returns.Transitions {
		for from, tos := range returns.Transitions {
			for _, to := range tos {
				if _, ok := returns.Transitions[to]; !ok {
					t.Errorf("%s is no state", to)
				}
				if reached[from] {
					reached[to] = true
				}
			}
		}
	}
	if len(reached) != len(returns.Transitions) {
		t.Errorf("reached only %v", reached)
	}
	if !strings.Contains(returns.Diagram(), "registered -> received") {
		t.Error(returns.Diagram())
	}
}

func TestWithdrawBeforeShipping(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("card", good{variant: 1, n: 2, unit: 24900, rate: 2500}, good{variant: 2, n: 1, unit: 9900, rate: 600})
		r, err := w.withdraw(o, "form-1")
		w.must(err)
		if r.State != returns.Accepted || !r.Whole || r.ToSend() != 0 || len(r.Disputed) != 0 || time.Since(r.Stated) > time.Minute {
			t.Fatalf("%+v", r)
		}
		again, err := w.withdraw(o, "form-1")
		w.must(err)
		third, err := w.withdraw(o, "")
		w.must(err)
		if again.ID != r.ID || third.ID != r.ID || w.jobs(returns.JobWithdrawal) != 1 {
			t.Errorf("a second click is another statement: %v %v, %d mails", again.ID, third.ID, w.jobs(returns.JobWithdrawal))
		}
		if w.get(o.ID).State != order.Cancelled || w.level(1).Allocated != 0 || w.level(1).OnHand != 100 {
			t.Error("not cancelled")
		}
		if w.run() != 1 || w.card.refunded != o.ToPay.Amount {
			t.Errorf("refunded %d of %v", w.card.refunded, o.ToPay)
		}
		if o = w.check(o); o.Refunded != o.Paid {
			t.Error(o.Refunded)
		}
		r = read(w, func(q *db.Reader) (returns.Return, error) { return returns.ByID(q, r.ID) })
		if r.State != returns.Refunded || w.jobs(returns.JobRefunded) != 1 || w.jobs(returns.JobMoneyReturned) != 1 {
			t.Error(r.State)
		}
		st := read(w, func(q *db.Reader) (returns.Statement, error) { return returns.StatementOf(q, w.v, r, auth.OwnWork()) })
		if st.Mail != "a@example.se" || st.Text != "Jag ångrar mig." {
			t.Errorf("%+v", st)
		}
	})
}

func TestReturnAfterShipping(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		// 3 pieces for 100 kr in all, with 1 öre that does not divide.
		o := w.order("card", good{variant: 1, n: 3, unit: 3500, discount: 499, rate: 2500}, good{variant: 2, n: 1, unit: 20000, rate: 600})
		w.ship(o)
		w.desk.Standard = func(db.Q, order.Order) (money.Money, bool) { return money.SEK(2900), true }
		line := o.Lines[0].ID
		r, err := w.withdraw(o, "", fulfilment.ShipLine{Line: line, Quantity: 2})
		w.must(err)
		if r.State != returns.Registered || r.Whole || r.ToSend() != 2 || w.get(o.ID).State != order.Placed {
			t.Fatalf("%+v", r)
		}
		refundReturn := func(id db.ID, deduct money.Money, why string) error {
			return w.do(func(tx *db.Tx) error { _, err := w.desk.RefundReturn(tx, staff, id, deduct, why); return err })
		}
		if err := refundReturn(r.ID, money.Money{}, ""); !fault.Is(err, "wrong_state") {
			t.Error("refunded before it was accepted", err)
		}
		receive := func(n int64) error {
			return w.do(func(tx *db.Tx) error {
				_, err := returns.Receive(tx, staff, r.ID, []returns.Arrival{{Line: line, Quantity: n, Condition: "new"}})
				return err
			})
		}
		w.must(receive(1))
		w.must(receive(1))
		if err := receive(1); !fault.Is(err, "line_quantity") {
			t.Error("more came than was to come", err)
		}
		if w.level(1).OnHand != 97 {
			t.Error("receiving moved stock")
		}
		r, err = write(w, func(tx *db.Tx) (returns.Return, error) {
			return returns.Accept(tx, staff, w.v, r.ID, returns.Verdict{})
		})
		w.must(err)
		if r.State != returns.Accepted || w.level(1).OnHand != 99 || w.get(o.ID).Lines[0].Returned != 2 {
			t.Errorf("%+v, on hand %d", r, w.level(1).OnHand)
		}
		p := read(w, func(q *db.Reader) (returns.Proposal, error) { return w.desk.Propose(q, staff, r.ID) })
		// 10001 öre for 3 pieces: two are 6667; delivery stays with what is kept.
		if p.Goods.Amount != 6667 || p.Delivery.Amount != 0 || p.Total.Amount != 6667 || p.Refund != p.Total {
			t.Errorf("%+v", p)
		}
		if err := refundReturn(r.ID, money.SEK(1000), ""); !fault.Is(err, "invalid") {
			t.Error("a deduction without a reason", err)
		}
		w.must(refundReturn(r.ID, money.Money{}, ""))
		if err := refundReturn(r.ID, money.Money{}, ""); !fault.Is(err, "nothing_to_refund") {
			t.Error("refunded twice", err)
		}
		w.run()
		if err := refundReturn(r.ID, money.Money{}, ""); !fault.Is(err, "wrong_state") {
			t.Error(err)
		}
		if o = w.check(o); o.Refunded.Amount != 6667 || o.State != order.Placed {
			t.Error(o.Refunded)
		}
		// The rest: now the order is undone as a whole, and standard delivery goes back.
		r2, err := w.withdraw(o, "")
		w.must(err)
		if r2.ID == r.ID || !r2.Whole || r2.ToSend() != 2 {
			t.Fatalf("%+v", r2)
		}
		w.must(w.do(func(tx *db.Tx) error { _, err := returns.Accept(tx, staff, w.v, r2.ID, returns.Verdict{}); return err }))
		w.must(refundReturn(r2.ID, money.Money{}, ""))
		w.run()
		if o = w.check(o); o.Refunded.Amount != 10001+20000+2900 {
			t.Errorf("refunded %v: goods and standard delivery were 32901", o.Refunded)
		}
	})
}

func TestDisputedIsReceived(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("card", good{variant: 1, n: 1, unit: 59900, rate: 2500, withdrawal: "custom_made"}, good{variant: 2, n: 1, unit: 10000, rate: 2500})
		r, err := w.withdraw(o, "")
		w.must(err)
		if len(r.Disputed) != 1 || r.Disputed[0] != returns.Exempt || r.State != returns.Registered {
			t.Fatalf("%+v", r)
		}
		// The other piece is cancelled at once; the one made to order stays until staff decide.
		if got := w.get(o.ID); got.State != order.Placed || got.Lines[0].Open() != 1 || got.Lines[1].Cancelled != 1 {
			t.Errorf("%+v", got.Lines)
		}
		if w.run() != 1 || w.card.refunded != 10000 {
			t.Errorf("refunded %d", w.card.refunded)
		}
		r, err = write(w, func(tx *db.Tx) (returns.Return, error) {
			return returns.Accept(tx, staff, w.v, r.ID, returns.Verdict{})
		})
		w.must(err)
		w.must(w.do(func(tx *db.Tx) error { _, err := w.desk.RefundReturn(tx, staff, r.ID, money.Money{}, ""); return err }))
		w.run()
		if got := w.check(o); got.State != order.Cancelled || got.Refunded != got.Paid || w.level(1).OnHand != 100 || w.level(1).Allocated != 0 {
			t.Errorf("%s %v %+v", got.State, got.Refunded, w.level(1))
		}
		// Late: received all the same.
		o = w.order("card", good{variant: 3, n: 1, unit: 10000, rate: 2500})
		w.ship(o)
		w.must(w.do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE order_order SET received_at=$2, shipped_at=$2 WHERE id=$1`, o.ID, tx.Now().AddDate(0, 0, -30))
			return err
		}))
		r, err = w.withdraw(w.get(o.ID), "")
		w.must(err)
		if len(r.Disputed) != 1 || r.Disputed[0] != returns.Late {
			t.Errorf("%+v", r.Disputed)
		}
		if err := w.do(func(tx *db.Tx) error { _, err := returns.Reject(tx, staff, w.v, r.ID, " "); return err }); !fault.Is(err, "invalid") {
			t.Error("rejected without a reason", err)
		}
		w.must(w.do(func(tx *db.Tx) error { _, err := returns.Reject(tx, staff, w.v, r.ID, "Fristen var ute."); return err }))
		if w.jobs(returns.JobAnswered) != 1 {
			t.Error("nobody tells the buyer")
		}
		// A rejected claim may be made again, and thought over.
		w.must(w.do(func(tx *db.Tx) error { _, err := returns.Accept(tx, staff, w.v, r.ID, returns.Verdict{}); return err }))
		if err := w.do(func(tx *db.Tx) error { _, err := returns.Reject(tx, staff, w.v, r.ID, "Nej."); return err }); !fault.Is(err, "wrong_state") {
			t.Error(err)
		}
	})
}

func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		other := w.order("card", good{variant: 1, n: 1, unit: 10000, rate: 2500})
		bad := func(in returns.Withdrawal, code string) {
			t.Helper()
			if err := w.do(func(tx *db.Tx) error { _, err := returns.Withdraw(tx, guest, w.v, in); return err }); !fault.Is(err, code) {
				t.Errorf("%+v: %v", in, err)
			}
		}
		ok := returns.Withdrawal{Order: o.ID, Name: "Åsa", Mail: "a@example.se"}
		for _, x := range []struct {
			change func(in *returns.Withdrawal)
			code   string
		}{
			{func(in *returns.Withdrawal) { in.Order = 0 }, "not_found"},
			{func(in *returns.Withdrawal) { in.Order = 42 }, "not_found"},
			{func(in *returns.Withdrawal) { in.Name = " " }, "invalid"},
			{func(in *returns.Withdrawal) { in.Mail = "a@b@c" }, "invalid"},
			{func(in *returns.Withdrawal) { in.Statement = strings.Repeat("å", 2001) }, "invalid"},
			{func(in *returns.Withdrawal) { in.Statement = "a\x00" }, "invalid"},
			{func(in *returns.Withdrawal) { in.Lines = []fulfilment.ShipLine{{Line: other.Lines[0].ID, Quantity: 1}} }, "invalid"},
			{func(in *returns.Withdrawal) { in.Lines = []fulfilment.ShipLine{{Line: o.Lines[0].ID, Quantity: -1}} }, "invalid"},
		} {
			in := ok
			x.change(&in)
			bad(in, x.code)
		}
		if w.count(`SELECT count(*) FROM returns_return`) != 0 {
			t.Error("a refusal left a row")
		}
		find := func(number, mail string) error {
			_, err := db.Read(ctx, w.d, func(q *db.Reader) (returns.Found, error) { return returns.Find(q, w.v, number, mail) })
			return err
		}
		w.must(find(o.NumberString(), "A@Example.se"))
		for _, x := range [][2]string{{o.NumberString(), "b@example.se"}, {o.NumberString(), ""}, {"", "a@example.se"}, {"12345678", "a@example.se"}, {"x", "y"}} {
			if err := find(x[0], x[1]); !fault.Is(err, "not_found") {
				t.Errorf("%v: %v", x, err)
			}
		}
		if err := w.do(func(tx *db.Tx) error {
			_, err := returns.Refund(tx, auth.StaffBy(1, "", []auth.Right{auth.OrdersWrite}), returns.RefundIn{Order: o.ID, Amount: money.SEK(1), Reason: "x"})
			return err
		}); !fault.Is(err, "denied") {
			t.Error(err)
		}
		for _, in := range []returns.RefundIn{{Order: o.ID, Amount: money.SEK(0), Reason: "x"}, {Order: o.ID, Amount: money.SEK(-5), Reason: "x"}, {Order: o.ID, Amount: money.New(5, "EUR"), Reason: "x"},
			{Order: o.ID, Amount: money.SEK(5)}, {Order: o.ID, Amount: money.SEK(5), Reason: "a\nb\x01"}} {
			if err := w.do(func(tx *db.Tx) error { _, err := returns.Refund(tx, staff, in); return err }); !fault.Is(err, "invalid") {
				t.Errorf("%+v: %v", in, err)
			}
		}
	})
}
