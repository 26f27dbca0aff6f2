package payment_test

import (
	"context"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// slip is what the twin writes down of every piece of money: no sums, no claims, only
// slips of paper, counted anew each time.
type slip struct {
	kind   string // capture, asked, done, refused
	ref    string
	amount int64
}

type twin []slip

func (w twin) sum(kinds ...string) (n int64) {
	for _, s := range w {
		for _, k := range kinds {
			if s.kind == k {
				n += s.amount
			}
		}
	}
	return
}

func (w twin) has(kind, ref string) bool {
	for _, s := range w {
		if s.kind == kind && s.ref == ref {
			return true
		}
	}
	return false
}

// Whatever comes in, is asked back, done, refused and told again, in any order: the ledger
// says what slips of paper would, and never lets more go back than came in.
func TestMoneyAgainstSlipsOfPaper(t *testing.T) {
	dbtest.Each(t, []db.Migrations{payment.Migrations}, func(t *testing.T, d *db.DB) {
		purchase, runs := db.ID(100), 0
		rapid.Check(t, func(rt *rapid.T) {
			if runs++; d.Engine() == db.Postgres && runs > 30 { // each step is a commit over the network; SQLite has the hundreds
				return
			}
			purchase++
			ledger(rt, d, purchase)
		})
	})
}

func ledger(rt *rapid.T, d *db.DB, purchase db.ID) {
	ctx := context.Background()
	sek := func(n int64) money.Money { return money.New(n, "SEK") }
	do := func(fn func(tx *db.Tx) error) error { return db.Do(ctx, d, fn) }
	of := func() payment.Intent {
		i, err := db.Read(ctx, d, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, purchase) })
		if err != nil {
			rt.Fatal(err)
		}
		return i
	}
	total := rapid.Int64Range(1, 100_000).Draw(rt, "total")
	if err := do(func(tx *db.Tx) error {
		_, err := payment.NewIntent(tx, purchase, "card", fmt.Sprintf("köp-%d", purchase), sek(total))
		return err
	}); err != nil {
		rt.Fatal(err)
	}
	var paper twin
	rows := func() []payment.RefundRow {
		id := of().ID
		out, err := db.Read(ctx, d, func(q *db.Reader) ([]payment.RefundRow, error) { return payment.RefundsOf(q, id) })
		if err != nil {
			rt.Fatal(err)
		}
		return out
	}
	i := of()
	for range rapid.IntRange(1, 25).Draw(rt, "steps") {
		switch rapid.SampledFrom([]string{"capture", "ask", "ask", "end", "end"}).Draw(rt, "step") {
		case "capture":
			ref, n := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "ref"), rapid.Int64Range(1, total).Draw(rt, "captured")
			var fresh bool
			if err := do(func(tx *db.Tx) (err error) { fresh, err = payment.Capture(tx, i, sek(n), ref); return }); err != nil {
				rt.Fatal(err)
			}
			if fresh == paper.has("capture", ref) {
				rt.Fatalf("capture %s: entered %v", ref, fresh)
			}
			if fresh {
				paper = append(paper, slip{"capture", ref, n})
			}
		case "ask":
			n := rapid.Int64Range(1, total+10).Draw(rt, "asked")
			var id db.ID
			err := do(func(tx *db.Tx) (err error) { id, err = payment.AskRefund(tx, i, sek(n), "prov"); return })
			fits := n <= paper.sum("capture")-paper.sum("asked", "done")
			if fits != (err == nil) || err != nil && !fault.Is(err, "over_refund") {
				rt.Fatalf("refund of %d, of %d captured and %d given: %v", n, paper.sum("capture"), paper.sum("asked", "done"), err)
			}
			if err == nil {
				paper = append(paper, slip{"asked", id.String(), n})
			}
		case "end":
			all := rows()
			if len(all) == 0 {
				continue
			}
			x := all[rapid.IntRange(0, len(all)-1).Draw(rt, "which")]
			state := rapid.SampledFrom([]string{"done", "refused", ""}).Draw(rt, "end")
			var first bool
			if err := do(func(tx *db.Tx) (err error) {
				first, err = payment.FinishRefund(tx, x, payment.RefundStatus{Done: state == "done", Refused: state == "refused"})
				return
			}); err != nil {
				rt.Fatal(err)
			}
			if want := state != "" && paper.has("asked", x.ID.String()); first != want {
				rt.Fatalf("refund %s ends %q: took effect %v", x.ID, state, first)
			}
			for n, s := range paper {
				if first && s.kind == "asked" && s.ref == x.ID.String() {
					paper[n].kind = state
				}
			}
		}
		i = of()
		if i.Captured.Amount != paper.sum("capture") || i.Refunding.Amount != paper.sum("asked") || i.Refunded.Amount != paper.sum("done") {
			rt.Fatalf("captured %d, refunding %d, refunded %d; the slips say %+v", i.Captured.Amount, i.Refunding.Amount, i.Refunded.Amount, paper)
		}
		if i.Refunding.Amount+i.Refunded.Amount > i.Captured.Amount {
			rt.Fatalf("more goes back than came in: %+v", i)
		}
	}
}
