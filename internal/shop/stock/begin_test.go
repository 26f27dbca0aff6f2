package stock_test

import (
	"context"
	"fmt"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/stock"
)

// Begin leaves what Put and Add leave, one by one.
func TestBeginAgainstOneByOne(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		by := auth.System("test")
		var many []stock.Start
		for i := range 120 {
			many = append(many, stock.Start{Variant: db.ID(1000 + i), Tracked: i%3 > 0, Backorder: i%5 == 0, OnHand: int64(i % 4)})
		}
		if err := do(t, d, func(tx *db.Tx) error { return stock.Begin(tx, by, many) }); err != nil {
			t.Fatal(err)
		}
		if err := do(t, d, func(tx *db.Tx) error {
			for _, s := range many {
				if err := stock.Put(tx, by, s.Variant+1000, s.Tracked, s.Backorder); err != nil {
					return err
				}
				if s.OnHand > 0 {
					if err := stock.Add(tx, by, s.Variant+1000, s.OnHand, "count", 0); err != nil {
						return err
					}
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		rows := func(shift int) []string {
			t.Helper()
			out, err := db.Read(context.Background(), d, func(q *db.Reader) ([]string, error) {
				return db.All(q, func(r *db.Rows) (string, error) {
					var v, tracked, back, hand, held, allocated, moved, n int64
					var actor string
					err := r.Scan(&v, &tracked, &back, &hand, &held, &allocated, &moved, &n, &actor)
					return fmt.Sprint(v-int64(shift), tracked, back, hand, held, allocated, moved, n, actor), err
				}, `SELECT l.variant_id, l.tracked, l.backorder, l.on_hand, l.held, l.allocated, COALESCE(sum(m.on_hand),0), count(m.id), COALESCE(min(m.actor),'') FROM stock_level l LEFT JOIN stock_movement m ON m.variant_id=l.variant_id AND m.kind='count'
					WHERE l.variant_id >= $1 AND l.variant_id < $2 GROUP BY l.variant_id, l.tracked, l.backorder, l.on_hand, l.held, l.allocated ORDER BY l.variant_id`, 1000+shift, 2000+shift)
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		a, b := rows(0), rows(1000)
		if len(a) != 120 || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%v\n%v", a, b)
		}
		err := do(t, d, func(tx *db.Tx) error { return stock.Begin(tx, by, many[7:8]) })
		if !fault.Is(err, "stock_promised") {
			t.Errorf("a second first level: %v", err)
		}
		if err := do(t, d, func(tx *db.Tx) error { return stock.Begin(tx, auth.By{}, many[:1]) }); err == nil {
			t.Error("anybody begins a level")
		}
	})
}
