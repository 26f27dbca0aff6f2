package search_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/shop/stock"
)

// Stock is followed by itself. After any changes, an index that has followed shows
// what one shows that reads everything anew.
func TestStockAgainstFreshReading(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		r := rand.New(rand.NewPCG(1, 2))
		var products, variants []db.ID
		s.do(func(tx *db.Tx) error {
			products, variants = nil, nil
			var ns []catalog.NewProduct
			for i := range 12 {
				n := catalog.NewProduct{Texts: catalog.Texts{lang.SV: {Lang: lang.SV, Title: fmt.Sprint("Vara ", i), Description: "Text."}}, Publish: true, Owed: true}
				for k := range 3 {
					n.Variants = append(n.Variants, catalog.NewVariant{SKU: fmt.Sprintf("V-%d-%d", i, k), Tracked: true, Choices: []catalog.Choice{{Name: catalog.Localized{SV: "Färg"}, Value: catalog.Localized{SV: fmt.Sprint("Färg ", k)}}}})
				}
				ns = append(ns, n)
			}
			made, err := catalog.InsertMany(tx, by, ns)
			if err != nil {
				return err
			}
			for _, m := range made {
				products, variants = append(products, m.ID), append(variants, m.Variants...)
				for _, v := range m.Variants {
					if err := stock.Put(tx, by, v, true, false); err != nil {
						return err
					}
					if err := pricing.SetPrice(tx, by, v, money.SEK(100), tx.LegalNow().Add(-time.Hour)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		for range 20 {
			for range 1 + r.IntN(6) {
				v := variants[r.IntN(len(variants))]
				switch n := r.IntN(10); {
				case n == 0: // some products change as a whole beside it
					s.do(func(tx *db.Tx) error {
						return pricing.SetPrice(tx, by, v, money.SEK(int64(100+r.IntN(50))), time.Time{})
					})
				case n == 1:
					s.do(func(tx *db.Tx) error { return stock.Put(tx, by, v, r.IntN(2) == 0, r.IntN(2) == 0) })
				default:
					s.do(func(tx *db.Tx) error {
						_, err := stock.SetOnHand(tx, by, v, []int64{0, 0, 1, 5, 6, 40}[r.IntN(6)])
						return err
					})
				}
			}
			s.settled()
			fresh := open(t, d)
			for i, want := range fresh.x.Cards(products) {
				if got := s.x.Cards(products)[i]; got.Stock != want.Stock || got.Product != want.Product {
					t.Fatalf("%s is %s, anew it is %s", got.TitleSV, got.Stock, want.Stock)
				}
			}
			q := search.Query{InStock: true}
			if got, want := s.list(q), fresh.list(q); got.InStock != want.InStock || !slices.Equal(names(got), names(want)) {
				t.Fatalf("in stock %v, anew %v", names(got), names(want))
			}
		}
	})
}

// A sale that leaves the class of stock as it was says nothing new: what is kept of
// lists stays. One that changes it is told.
func TestSalesLetListsBe(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	s := open(t, d)
	_, v := s.add("Mugg", 100, 50, true)
	s.settled()
	var told atomic.Int64
	s.x.OnRead(func() { told.Add(1) })
	set := func(n int64) {
		t.Helper()
		s.do(func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, by, v, n); return err })
		s.settled()
	}
	for n := int64(49); n > search.FewLeft; n -= 11 {
		set(n)
	}
	if n := told.Load(); n != 0 {
		t.Errorf("told %d times of what nobody sees", n)
	}
	heard := make(chan bool, 10)
	s.x.OnRead(func() { heard <- true })
	set(search.FewLeft)
	select {
	case <-heard:
	case <-time.After(15 * time.Second):
		t.Error("nobody was told that few are left")
	}
}
