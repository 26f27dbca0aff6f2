package cart_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
)

var (
	rooms = []db.Migrations{audit.Migrations, catalog.Migrations, pricing.Migrations, delivery.Migrations}
	by    = auth.System("test")
)

type goods struct {
	t        *testing.T
	d        *db.DB
	s        *cart.Shelf
	products []db.ID
	variants []db.ID
}

func stocked(t *testing.T, d *db.DB) *goods {
	t.Helper()
	g := &goods{t: t, d: d, s: &cart.Shelf{Country: "SE"}}
	d.OnChange(g.s.Changed)
	g.do(func(tx *db.Tx) error {
		g.products, g.variants = nil, nil
		var ns []catalog.NewProduct
		for i := range 6 {
			ns = append(ns, catalog.NewProduct{Texts: catalog.Texts{lang.SV: {Lang: lang.SV, Title: fmt.Sprint("Vara ", i), Description: "Text."}}, Variants: []catalog.NewVariant{{SKU: fmt.Sprint("W-", i)}}, Publish: true, Owed: true})
		}
		made, err := catalog.InsertMany(tx, by, ns)
		if err != nil {
			return err
		}
		for _, m := range made {
			g.products, g.variants = append(g.products, m.ID), append(g.variants, m.Variants...)
			if err := pricing.SetPrice(tx, by, m.Variants[0], money.SEK(10000), tx.LegalNow().Add(-time.Hour)); err != nil {
				return err
			}
		}
		return nil
	})
	return g
}

func (g *goods) do(fn func(tx *db.Tx) error) {
	g.t.Helper()
	if err := db.Do(context.Background(), g.d, fn); err != nil {
		g.t.Fatal(err)
	}
}

func wares(t *testing.T, s *cart.Shelf, q db.Q, ids []db.ID) map[db.ID]cart.Ware {
	t.Helper()
	out, err := s.Wares(q, "SEK", ids)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (g *goods) now(s *cart.Shelf) map[db.ID]cart.Ware {
	g.t.Helper()
	out, err := db.Read(context.Background(), g.d, func(q *db.Reader) (map[db.ID]cart.Ware, error) { return wares(g.t, s, q, g.products), nil })
	if err != nil {
		g.t.Fatal(err)
	}
	return out
}

// What is remembered is what a shelf without memory reads, after any change, at once.
func TestWaresAgainstNoMemory(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		g := stocked(t, d)
		r := rand.New(rand.NewPCG(3, 4))
		for i := range 40 {
			g.now(g.s) // something is remembered
			k := r.IntN(len(g.variants))
			switch r.IntN(3) {
			case 0:
				g.do(func(tx *db.Tx) error {
					return pricing.SetPrice(tx, by, g.variants[k], money.SEK(int64(100+i)), time.Time{})
				})
			case 1:
				g.do(func(tx *db.Tx) error {
					_, err := catalog.SetTexts(tx, by, g.products[k], 0, catalog.Texts{lang.SV: {Lang: lang.SV, Title: fmt.Sprint("Vara ", i), Description: "Text."}})
					return err
				})
			case 2:
				g.do(func(tx *db.Tx) error {
					now := tx.LegalNow()
					_, err := pricing.PutCampaign(tx, by, pricing.Campaign{Name: catalog.Localized{SV: "Rea", EN: "Sale"}, From: now, Steps: []pricing.Step{{From: now, Kind: "percent", Value: int64(500 + 10*i)}}, Targets: []pricing.Target{{Kind: "product", Ref: g.products[k]}}, Priority: int64(i)})
					return err
				})
			}
			if got, want := g.now(g.s), g.now(&cart.Shelf{Country: "SE"}); !reflect.DeepEqual(got, want) {
				t.Fatalf("after change %d: %+v, without memory %+v", i, got, want)
			}
		}
	})
}

// A reader that began before a change must not leave what it saw to those who come
// after.
func TestWaresOfAnOldSnapshot(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		g := stocked(t, d)
		if _, err := db.Read(t.Context(), d, func(q *db.Reader) (int, error) {
			var n int
			if err := q.QueryRow(`SELECT count(*) FROM catalog_product`).Scan(&n); err != nil { // the snapshot stands
				return 0, err
			}
			g.do(func(tx *db.Tx) error {
				return pricing.SetPrice(tx, by, g.variants[0], money.SEK(7700), time.Time{})
			})
			if p := wares(t, g.s, q, g.products)[g.products[0]].Prices[g.variants[0]]; p.Price != money.SEK(10000) {
				t.Errorf("the snapshot is not one: %v", p.Price)
			}
			return n, nil
		}); err != nil {
			t.Fatal(err)
		}
		if p := g.now(g.s)[g.products[0]].Prices[g.variants[0]]; p.Price != money.SEK(7700) {
			t.Errorf("an old price came back: %v", p.Price)
		}
	})
}
