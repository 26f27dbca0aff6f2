package catalog_test

import (
	"strings"
	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
)

func TestCosts(t *testing.T) {
	buyer := auth.StaffBy(8, "", []auth.Right{auth.CatalogWrite, auth.CostsRead})
	looker := auth.StaffBy(9, "", []auth.Right{auth.CostsRead})
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		m := create(t, d, whole("Mugg"))
		a, b := m.Variants[0], m.Variants[1]
		cost := func(n int64) *money.Money { x := money.SEK(n); return &x }
		set := func(by auth.By, list ...catalog.Cost) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { _, err := catalog.SetCosts(tx, by, list); return err }
		}
		// Who changes goods and may not see costs changes none; who sees them alone neither.
		fails(t, d, "denied", "", set(editor, catalog.Cost{Variant: a, Cost: cost(1)}))
		fails(t, d, "denied", "", set(looker, catalog.Cost{Variant: a, Cost: cost(1)}))
		fails(t, d, "out_of_range", "/1/cost", set(buyer, catalog.Cost{Variant: a, Cost: cost(1)}, catalog.Cost{Variant: b, Cost: cost(-1)}))
		fails(t, d, "out_of_range", "/0/cost", set(buyer, catalog.Cost{Variant: a, Cost: cost(10_000_000_001)}))
		fails(t, d, "unknown", "/0/variant", set(buyer, catalog.Cost{Variant: 4, Cost: cost(1)}))
		costs := func(by auth.By) map[db.ID]money.Money {
			return read(t, d, func(q *db.Reader) (map[db.ID]money.Money, error) { return catalog.Costs(q, by, []db.ID{a, b}) })
		}
		if got := costs(buyer); len(got) != 0 {
			t.Fatalf("a refused cost stands: %v", got)
		}
		before := read(t, d, func(q *db.Reader) (*catalog.Product, error) { return catalog.AnyByID(q, m.ID) })
		for _, x := range []struct {
			list []catalog.Cost
			n    int
		}{
			{[]catalog.Cost{{Variant: a, Cost: cost(739143)}, {Variant: b, Cost: cost(0)}}, 2},
			{[]catalog.Cost{{Variant: a, Cost: cost(739143)}, {Variant: b, Cost: cost(0)}}, 0}, // nothing new
			{[]catalog.Cost{{Variant: a, Cost: cost(739144)}, {Variant: b}}, 2},
			{[]catalog.Cost{{Variant: b}}, 0},
		} {
			if n := write(t, d, func(tx *db.Tx) (int, error) { return catalog.SetCosts(tx, buyer, x.list) }); n != x.n {
				t.Errorf("%v changed %d, want %d", x.list, n, x.n)
			}
		}
		if got := costs(looker); len(got) != 1 || got[a] != money.SEK(739144) {
			t.Errorf("%v", got)
		}
		if _, err := db.Read(t.Context(), d, func(q *db.Reader) (int, error) { _, err := catalog.Costs(q, editor, []db.ID{a}); return 0, err }); !fault.Is(err, "denied") {
			t.Errorf("without the right: %v", err)
		}
		after := read(t, d, func(q *db.Reader) (*catalog.Product, error) { return catalog.AnyByID(q, m.ID) })
		if after.Version != before.Version {
			t.Error("a cost is news to those who read the product")
		}
		// The acts say that, and never what.
		acts := read(t, d, func(q *db.Reader) ([]string, error) {
			return db.All(q, func(r *db.Rows) (s string, err error) {
				var old string
				err = r.Scan(&old, &s)
				return old + s, err
			}, `SELECT old_value, new_value FROM audit_entry WHERE action='cost.set'`)
		})
		if len(acts) != 2 || strings.Contains(strings.Join(acts, " "), "7391") {
			t.Errorf("%q", acts)
		}
	})
}
