package stock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/stock"
)

var ms = []db.Migrations{audit.Migrations, stock.Migrations}
var sys = auth.System("test")

func do(t testing.TB, d *db.DB, fn func(tx *db.Tx) error) error {
	t.Helper()
	return db.Do(context.Background(), d, fn)
}

func put(t testing.TB, d *db.DB, variant db.ID, n int64, tracked, back bool) {
	t.Helper()
	if err := do(t, d, func(tx *db.Tx) error {
		if err := stock.Put(tx, sys, variant, tracked, back); err != nil {
			return err
		}
		if _, err := stock.SetOnHand(tx, sys, variant, n); err != nil {
			return err
		}
		return stock.Put(tx, sys, variant, tracked, back) // a count began tracking
	}); err != nil {
		t.Fatal(err)
	}
}

func level(t testing.TB, d *db.DB, v db.ID) stock.Level {
	t.Helper()
	l, err := db.Read(context.Background(), d, func(q *db.Reader) (stock.Level, error) { return stock.One(q, v) })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLastPieceManyBuyers(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		for round := range 5 {
			v := db.ID(100 + round)
			put(t, d, v, 3, true, false)
			var wg sync.WaitGroup
			var mu sync.Mutex
			won := 0
			for i := range 40 {
				wg.Go(func() {
					err := do(t, d, func(tx *db.Tx) error {
						return stock.Hold(tx, db.ID(1000*(round+1)+i), []stock.Line{{Variant: v, Quantity: 1}})
					})
					if err == nil {
						mu.Lock()
						won++
						mu.Unlock()
					} else if !fault.Is(err, "out_of_stock") {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			l := level(t, d, v)
			if won != 3 || l.Held != 3 || l.Available() != 0 {
				t.Fatalf("won %d, level %+v", won, l)
			}
		}
	})
}

func TestHoldIsAllOrNone(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		put(t, d, 1, 5, true, false)
		put(t, d, 2, 1, true, false)
		err := do(t, d, func(tx *db.Tx) error {
			return stock.Hold(tx, 9, []stock.Line{{1, 2}, {2, 1}, {2, 1}, {3, 1}})
		})
		var s *stock.Short
		if !errors.As(err, &s) || s.Left[2] != 1 || len(s.Left) != 2 {
			t.Fatalf("%v %+v", err, s)
		}
		if l := level(t, d, 1); l.Held != 0 {
			t.Fatalf("a failed hold left %+v", l)
		}
	})
}

func TestCountBelowPromisedIsRefused(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		put(t, d, 1, 5, true, false)
		do(t, d, func(tx *db.Tx) error { return stock.Hold(tx, 9, []stock.Line{{1, 4}}) })
		err := do(t, d, func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, sys, 1, 3); return err })
		if !fault.Is(err, "stock_promised") {
			t.Fatal(err)
		}
		if err := do(t, d, func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, auth.Guest(""), 1, 30); return err }); !fault.Is(err, "denied") {
			t.Fatal("a guest counted the stock:", err)
		}
	})
}

// Who counts goods that nobody counted wants the figure to hold: the piece after
// the last is refused, and a count below what is promised too.
func TestCountBeginsTracking(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		put(t, d, 1, 0, false, false)
		hold := func(purchase db.ID, n int64) error {
			return do(t, d, func(tx *db.Tx) error { return stock.Hold(tx, purchase, []stock.Line{{1, n}}) })
		}
		count := func(n int64) error {
			return do(t, d, func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, sys, 1, n); return err })
		}
		if err := hold(7, 2); err != nil {
			t.Fatal(err)
		}
		if err := count(1); !fault.Is(err, "stock_promised") {
			t.Fatalf("one piece counted where two are promised: %v", err)
		}
		if err := count(3); err != nil || !level(t, d, 1).Tracked {
			t.Fatalf("%v %+v", err, level(t, d, 1))
		}
		if err := hold(8, 1); err != nil {
			t.Fatal(err)
		}
		if err := hold(9, 1); !fault.Is(err, "out_of_stock") {
			t.Fatalf("a fourth piece of three: %v", err)
		}
	})
}

// model is the slow, obviously right twin.
type model struct{ onHand, held, alloc int64 }

func TestAgainstModel(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		next := db.ID(0)
		rapid.Check(t, func(rt *rapid.T) {
			next += 1000
			base := next
			m := model{onHand: rapid.Int64Range(0, 12).Draw(rt, "start")}
			put(t, d, base, m.onHand, true, false)
			type hold struct {
				n, left int64
				state   string
			}
			hs := map[db.ID]*hold{}
			n := db.ID(0)
			pick := func() db.ID {
				if n == 0 {
					return base
				}
				return base + db.ID(rapid.IntRange(1, int(n)).Draw(rt, "which"))
			}
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				switch rapid.IntRange(0, 4).Draw(rt, "op") {
				case 0:
					n++
					q := rapid.Int64Range(1, 4).Draw(rt, "q")
					err := do(t, d, func(tx *db.Tx) error { return stock.Hold(tx, base+n, []stock.Line{{base, q}}) })
					can := m.onHand-m.held-m.alloc >= q
					if (err == nil) != can {
						rt.Fatalf("hold %d: %v, model %+v", q, err, m)
					}
					if can {
						m.held += q
						hs[base+n] = &hold{q, q, "held"}
					}
				case 1:
					p := pick()
					did := false
					do(t, d, func(tx *db.Tx) (err error) { did, err = stock.Allocate(tx, p); return })
					h := hs[p]
					want := h != nil && h.state == "held"
					if did != want {
						rt.Fatalf("allocate said %v", did)
					}
					if want {
						h.state = "allocated"
						m.held -= h.n
						m.alloc += h.n
					}
				case 2:
					p := pick()
					if err := do(t, d, func(tx *db.Tx) error { return stock.Release(tx, p) }); err != nil {
						rt.Fatal(err)
					}
					if h := hs[p]; h != nil && h.state == "held" {
						h.state = "released"
						m.held -= h.n
					}
				case 3, 4:
					p, q := pick(), rapid.Int64Range(1, 4).Draw(rt, "q")
					ship := rapid.Bool().Draw(rt, "ship")
					err := do(t, d, func(tx *db.Tx) error {
						if ship {
							return stock.Ship(tx, sys, p, base, q)
						}
						return stock.Unallocate(tx, sys, p, base, q)
					})
					h := hs[p]
					can := h != nil && h.state == "allocated" && h.left >= q
					if (err == nil) != can {
						rt.Fatalf("leave %d of %+v: %v", q, h, err)
					}
					if can {
						h.left -= q
						if h.left == 0 {
							h.state = "done"
						}
						m.alloc -= q
						if ship {
							m.onHand -= q
						}
					}
				}
				l := level(t, d, base)
				if l.OnHand != m.onHand || l.Held != m.held || l.Allocated != m.alloc {
					rt.Fatalf("shop %+v, model %+v", l, m)
				}
			}
		})
	})
}

func TestBadLines(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	for _, l := range []stock.Line{{0, 1}, {1, 0}, {1, -1}, {-1, 1}} {
		if do(t, d, func(tx *db.Tx) error { return stock.Hold(tx, 1, []stock.Line{l}) }) == nil {
			t.Error(fmt.Sprint(l), "was held")
		}
	}
}
