package returns_test

import (
	"testing"

	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
)

// Whatever happens to an order in whatever order: no more goes back than came in,
// ledger, order and credit notes agree, stock adds up, and an order that is undone
// piece by piece is refunded to the öre.
func TestAnyInterleaving(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			var d *db.DB
			if engine == "sqlite" {
				d = dbtest.SQLite(t, rooms)
			} else {
				d = dbtest.Postgres(t, rooms)
			}
			w := newWorld(t, d)
			variant := db.ID(10)
			runs := 0
			rapid.Check(t, func(rt *rapid.T) {
				if runs++; engine == "postgres" && runs > 30 { // each step is a commit over the network; SQLite has the hundreds
					return
				}
				variant += 2
				w.t = rt
				interleave(rt, w, variant)
			})
		})
	}
}

func interleave(rt *rapid.T, w *world, variant db.ID) {
	method := rapid.SampledFrom([]string{"card", "card", "invoice"}).Draw(rt, "method")
	lines := []good{}
	for i := range rapid.IntRange(1, 2).Draw(rt, "lines") {
		n, unit := rapid.Int64Range(1, 4).Draw(rt, "n"), rapid.Int64Range(1, 9999).Draw(rt, "unit")
		lines = append(lines, good{variant: variant + db.ID(i), n: n, unit: unit, rate: rapid.SampledFrom([]int64{2500, 1200, 600}).Draw(rt, "rate"),
			discount: rapid.Int64Range(0, n*unit).Draw(rt, "discount"), withdrawal: rapid.SampledFrom([]string{"yes", "yes", "custom_made"}).Draw(rt, "withdrawal")})
	}
	before := w.card.refunded + w.invoice.refunded
	o := w.order(method, lines...)
	some := func(l order.Line) []fulfilment.ShipLine {
		return []fulfilment.ShipLine{{Line: l.ID, Quantity: rapid.Int64Range(1, l.Quantity).Draw(rt, "some")}}
	}
	try := func(what string, fn func(tx *db.Tx) error) {
		if err := w.do(fn); err != nil && fault.As(err) == nil {
			rt.Fatalf("%s: %v", what, err)
		}
	}
	pick := func() order.Line { return rapid.SampledFrom(o.Lines).Draw(rt, "line") }
	open := func() []returns.Return {
		return read(w, func(q *db.Reader) ([]returns.Return, error) { return returns.OfOrder(q, o.ID) })
	}
	steps := rapid.IntRange(1, 12).Draw(rt, "steps")
	generic := false
	for range steps {
		switch op := rapid.SampledFrom([]string{"ship", "ship some", "cancel", "withdraw", "withdraw all", "receive", "accept", "refund return", "refund", "pay", "run"}).Draw(rt, "op"); op {
		case "ship":
			try(op, func(tx *db.Tx) error {
				_, err := fulfilment.Ship(tx, staff, fulfilment.Shipment{Order: o.ID})
				return err
			})
		case "ship some":
			ls := some(pick())
			try(op, func(tx *db.Tx) error {
				_, err := fulfilment.Ship(tx, staff, fulfilment.Shipment{Order: o.ID, Lines: ls})
				return err
			})
		case "cancel":
			ls := some(pick())
			try(op, func(tx *db.Tx) error { _, err := returns.Cancel(tx, staff, o.ID, ls, "x"); return err })
		case "withdraw", "withdraw all":
			var ls []fulfilment.ShipLine
			if op == "withdraw" {
				ls = some(pick())
			}
			try(op, func(tx *db.Tx) error {
				_, err := returns.Withdraw(tx, guest, w.v, returns.Withdrawal{Order: o.ID, Name: "N", Mail: "a@example.se", Lines: ls})
				return err
			})
		case "receive":
			for _, r := range open() {
				l := r.Lines[0]
				try(op, func(tx *db.Tx) error {
					_, err := returns.Receive(tx, staff, r.ID, []returns.Arrival{{Line: l.Line, Quantity: 1, Condition: "new"}})
					return err
				})
			}
		case "accept":
			for _, r := range open() {
				try(op, func(tx *db.Tx) error { _, err := returns.Accept(tx, staff, w.v, r.ID, returns.Verdict{}); return err })
			}
		case "refund return":
			for _, r := range open() {
				try(op, func(tx *db.Tx) error { _, err := w.desk.RefundReturn(tx, staff, r.ID, money.Money{}, ""); return err })
			}
		case "refund":
			generic = true
			n := rapid.Int64Range(1, 3000).Draw(rt, "amount")
			try(op, func(tx *db.Tx) error {
				_, err := returns.Refund(tx, staff, returns.RefundIn{Order: o.ID, Amount: money.SEK(n), Reason: "x"})
				return err
			})
		case "pay":
			w.payInvoice(o)
		case "run":
			w.run()
		}
	}
	// To the end: all is withdrawn, accepted, refunded.
	try("rest", func(tx *db.Tx) error {
		_, err := returns.Withdraw(tx, guest, w.v, returns.Withdrawal{Order: o.ID, Name: "N", Mail: "a@example.se"})
		return err
	})
	for _, r := range open() {
		try("accept", func(tx *db.Tx) error { _, err := returns.Accept(tx, staff, w.v, r.ID, returns.Verdict{}); return err })
		try("refund", func(tx *db.Tx) error { _, err := w.desk.RefundReturn(tx, staff, r.ID, money.Money{}, ""); return err })
	}
	w.run()
	got := w.check(o)
	if got.Refunded.Amount != got.Paid.Amount || got.ToPay.Amount != got.Paid.Amount {
		rt.Fatalf("all is undone (amounts by hand: %v): paid %v, to pay %v, refunded %v", generic, got.Paid, got.ToPay, got.Refunded)
	}
	if bank := w.card.refunded + w.invoice.refunded - before; bank != got.Refunded.Amount {
		rt.Fatalf("the bank paid %d, the order says %v", bank, got.Refunded)
	}
	for _, r := range open() {
		if r.State != returns.Refunded {
			rt.Fatalf("return stays %s: %+v", r.State, r.Lines)
		}
	}
	for i, g := range lines {
		l, lv := got.Lines[i], w.level(g.variant)
		restocked := int64(0)
		for _, r := range open() {
			for _, x := range r.Lines {
				if x.Line == l.ID {
					restocked += x.Restocked
				}
			}
		}
		if lv.Allocated != l.Open() || lv.OnHand != 100-l.Shipped+restocked || l.Returned > l.Shipped {
			rt.Fatalf("stock %+v, line shipped %d, returned %d, restocked %d", lv, l.Shipped, l.Returned, restocked)
		}
	}
}

func (w *world) payInvoice(o order.Order) {
	w.t.Helper()
	w.must(w.do(func(tx *db.Tx) error { return payInvoice(tx, o.ID) }))
}
