package search_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/shop/stock"
)

var ms = []db.Migrations{audit.Migrations, catalog.Migrations, pricing.Migrations, stock.Migrations}

var by = auth.System("test")

// shelf is a small shop with a running index.
type shelf struct {
	t testing.TB
	d *db.DB
	x *search.Index
}

func open(t testing.TB, d *db.DB) *shelf {
	t.Helper()
	x := search.New(d, "SEK", "SE", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); x.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-x.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("the index is not ready")
	}
	return &shelf{t, d, x}
}

func (s *shelf) do(fn func(tx *db.Tx) error) {
	s.t.Helper()
	if err := db.Do(context.Background(), s.d, fn); err != nil {
		s.t.Fatal(err)
	}
}

// add makes a product with one variant.
func (s *shelf) add(title string, ore, n int64, publish bool, categories ...db.ID) (product, variant db.ID) {
	s.t.Helper()
	s.do(func(tx *db.Tx) error {
		made, err := catalog.InsertMany(tx, by, []catalog.NewProduct{{Core: catalog.Core{Brand: "Verkstan"}, Texts: catalog.Texts{lang.SV: {Lang: lang.SV, Title: title, Description: "Text."}},
			Variants: []catalog.NewVariant{{SKU: fmt.Sprintf("S-%d", ore), Tracked: true}}, Publish: publish, Owed: true, Categories: categories}})
		if err != nil {
			return err
		}
		product, variant = made[0].ID, made[0].Variants[0]
		if err := pricing.SetPrice(tx, by, variant, money.SEK(ore), tx.LegalNow().Add(-time.Hour)); err != nil {
			return err
		}
		if err := stock.Put(tx, by, variant, true, false); err != nil {
			return err
		}
		return stock.Add(tx, by, variant, n, "count", 0)
	})
	return
}

// settled waits until what was written can be found.
func (s *shelf) settled() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.x.Settle(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) list(q search.Query) search.Result {
	s.t.Helper()
	r, err := s.x.List(q)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func names(r search.Result) (out []string) {
	for _, c := range r.Cards {
		out = append(out, c.TitleSV)
	}
	slices.Sort(out)
	return
}

func TestFollows(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		var garden db.ID
		s.do(func(tx *db.Tx) (err error) {
			garden, err = catalog.PutCategory(tx, by, catalog.Category{Texts: catalog.Texts{lang.SV: {Lang: lang.SV, Title: "Trädgård"}}})
			return
		})
		mugg, mv := s.add("Mugg Drej", 12900, 10, true)
		spade, sv := s.add("Spade", 29900, 3, true, garden)
		draft, _ := s.add("Utkast", 100, 1, false)
		s.settled()
		if got := names(s.list(search.Query{})); !slices.Equal(got, []string{"Mugg Drej", "Spade"}) {
			t.Fatal(got)
		}
		if s.x.Size() != 2 {
			t.Error(s.x.Size())
		}
		if got := names(s.list(search.Query{Category: garden})); !slices.Equal(got, []string{"Spade"}) {
			t.Error(got)
		}
		if got := names(s.list(search.Query{Text: "trädgården"})); !slices.Equal(got, []string{"Spade"}) {
			t.Error("by the words of its category:", got)
		}
		if r := s.list(search.Query{Text: "s-12900"}); len(r.Cards) != 1 || r.Cards[0].Sole != mv || r.Cards[0].Stock != search.StockIn {
			t.Errorf("%+v", r)
		}
		if c := s.x.Cards([]db.ID{spade, draft, mugg, 77}); len(c) != 2 || c[0].Product != spade || c[0].Stock != search.StockFew {
			t.Errorf("%+v", c)
		}
		if c := s.x.Suggest("mug", 5); len(c) != 1 || c[0].Product != mugg {
			t.Errorf("%+v", c)
		}

		// Stock.
		s.do(func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, by, sv, 0); return err })
		s.settled()
		if r := s.list(search.Query{InStock: true}); len(r.Cards) != 1 || r.InStock != 1 {
			t.Errorf("%+v", r)
		}
		if r := s.list(search.Query{}); len(r.Cards) != 2 || r.InStock != 1 {
			t.Errorf("what is sold out still shows: %+v", r)
		}
		// A hold by a buyer counts at once.
		s.do(func(tx *db.Tx) error { return stock.Hold(tx, 5, []stock.Line{{Variant: mv, Quantity: 6}}) })
		s.settled()
		if c := s.x.Cards([]db.ID{mugg}); c[0].Stock != search.StockFew {
			t.Errorf("%+v", c[0])
		}
		// Price.
		s.do(func(tx *db.Tx) error { return pricing.SetPrice(tx, by, mv, money.SEK(9900), time.Time{}) })
		s.settled()
		if c := s.x.Cards([]db.ID{mugg}); c[0].Price != money.SEK(9900) || c[0].Prior != nil {
			t.Errorf("%+v", c[0])
		}
		// Publication, words.
		s.do(func(tx *db.Tx) error { _, err := catalog.Archive(tx, by, spade, 0); return err })
		s.do(func(tx *db.Tx) error {
			_, err := catalog.SetTexts(tx, by, mugg, 0, catalog.Texts{lang.SV: {Lang: lang.SV, Title: "Kanna", Description: "Text."}})
			return err
		})
		s.settled()
		if got := names(s.list(search.Query{})); !slices.Equal(got, []string{"Kanna"}) {
			t.Error(got)
		}
		if r := s.list(search.Query{Text: "drej"}); r.Total != 0 {
			t.Errorf("found by a word it no longer has: %+v", names(r))
		}
		if r := s.list(search.Query{Text: "spade"}); r.Total != 0 {
			t.Error("an archived product is found")
		}
	})
}

// Stock that changes while its product is being read for the first time is not lost.
func TestStockDuringReading(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	s := open(t, d)
	var wg sync.WaitGroup
	want := map[db.ID]string{}
	for i := range 60 {
		p, v := s.add(fmt.Sprintf("Mugg %d", i), int64(100+i), 10, true)
		want[p] = search.StockOut
		wg.Go(func() {
			s.do(func(tx *db.Tx) error { _, err := stock.SetOnHand(tx, by, v, 0); return err })
		})
	}
	wg.Wait()
	s.settled()
	for p, w := range want {
		if c := s.x.Cards([]db.ID{p}); len(c) != 1 || c[0].Stock != w {
			t.Errorf("%+v", c)
		}
	}
}

// BenchmarkReadAll is the start of a shop with 10,000 products.
func BenchmarkReadAll(b *testing.B) {
	d := dbtest.SQLite(b, ms)
	s := &shelf{t: b, d: d}
	for i := range 200 {
		s.do(func(tx *db.Tx) error {
			var ns []catalog.NewProduct
			for k := range 50 {
				ns = append(ns, catalog.NewProduct{Core: catalog.Core{Brand: "Verkstan"}, Texts: catalog.Texts{lang.SV: {Lang: lang.SV, Title: fmt.Sprintf("Mugg nummer %d", i*50+k), Description: "En beskrivning av en mugg med några ord till."}},
					Variants: []catalog.NewVariant{{SKU: fmt.Sprintf("S-%d", i*50+k)}}, Publish: true, Owed: true})
			}
			made, err := catalog.InsertMany(tx, by, ns)
			if err != nil {
				return err
			}
			var ps []pricing.Set
			for _, m := range made {
				ps = append(ps, pricing.Set{Variant: m.Variants[0], Price: money.SEK(100)})
				if err := stock.Put(tx, by, m.Variants[0], false, false); err != nil {
					return err
				}
			}
			return pricing.SetPrices(tx, by, ps)
		})
	}
	for b.Loop() {
		x := search.New(d, "SEK", "SE", slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); x.Run(ctx) }()
		<-x.Ready()
		cancel()
		<-done
		if x.Size() != 10_000 {
			b.Fatal(x.Size())
		}
	}
}

// What changes by the clock alone is found in time: a campaign begins and ends, a
// product appears.
func TestFollowsTheClock(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		s := open(t, d)
		mugg, _ := s.add("Mugg", 10000, 10, true)
		from := time.Now().Add(1200 * time.Millisecond)
		to := from.Add(1200 * time.Millisecond)
		s.do(func(tx *db.Tx) error {
			_, err := pricing.PutCampaign(tx, by, pricing.Campaign{Name: catalog.Localized{SV: "Rea"}, From: from, To: to, Steps: []pricing.Step{{From: from, Kind: "percent", Value: 2000}}, Targets: []pricing.Target{{Kind: "all"}}})
			return err
		})
		s.settled()
		if c := s.x.Cards([]db.ID{mugg}); c[0].Price != money.SEK(10000) {
			t.Errorf("before it begins: %+v", c[0])
		}
		late := func(what string, from time.Time, ok func() bool) {
			t.Helper()
			for deadline := time.Now().Add(15 * time.Second); !ok(); {
				if time.Now().After(deadline) {
					t.Fatal(what)
				}
				time.Sleep(5 * time.Millisecond) // polling: the clock moves it
			}
			t.Logf("%s: %s after its instant", what, time.Since(from).Round(time.Millisecond))
		}
		late("campaign begins", from, func() bool { return s.x.Cards([]db.ID{mugg})[0].Price == money.SEK(8000) })
		if c := s.x.Cards([]db.ID{mugg})[0]; c.Prior == nil || *c.Prior != money.SEK(10000) || c.Percent != 20 {
			t.Errorf("%+v", c)
		}
		if r := s.list(search.Query{Reduced: true}); r.Total != 1 {
			t.Errorf("%+v", r)
		}
		late("campaign ends", to, func() bool { return s.x.Cards([]db.ID{mugg})[0].Price == money.SEK(10000) })
		opens := time.Now().Add(700 * time.Millisecond)
		s.do(func(tx *db.Tx) error {
			made, err := catalog.InsertMany(tx, by, []catalog.NewProduct{{Texts: catalog.Texts{lang.SV: {Lang: lang.SV, Title: "Nyhet", Description: "Text."}}, Variants: []catalog.NewVariant{{SKU: "N"}}, Publish: true, Owed: true, PublishFrom: opens}})
			if err != nil {
				return err
			}
			if err := stock.Put(tx, by, made[0].Variants[0], false, false); err != nil {
				return err
			}
			return pricing.SetPrice(tx, by, made[0].Variants[0], money.SEK(100), time.Time{})
		})
		s.settled()
		if s.x.Size() != 1 {
			t.Error("shown before its day")
		}
		late("a product appears", opens, func() bool { return s.x.Size() == 2 })
	})
}

// A second index, as of another node, is told of changes by the database.
func TestSecondNode(t *testing.T) {
	url := dbtest.PostgresURL(t)
	a, b := dbtest.OpenOptions(t, db.Options{URL: url, Readers: 4}, ms), dbtest.OpenOptions(t, db.Options{URL: url, Readers: 4}, ms)
	s, other := open(t, a), open(t, b)
	s.add("Mugg", 10000, 10, true)
	for deadline := time.Now().Add(15 * time.Second); other.x.Size() != 1; {
		if time.Now().After(deadline) {
			t.Fatal("the other node does not hear")
		}
		time.Sleep(10 * time.Millisecond) // polling: another process' change
	}
}

// Readers while goods change, for the race detector, and for what they see: a
// list is of one state.
func TestReadersAndWriters(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	s := open(t, d)
	var products []db.ID
	for i := range 20 {
		p, _ := s.add(fmt.Sprintf("Mugg nummer %d", i), int64(100+i), 10, true)
		products = append(products, p)
	}
	s.settled()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				r, err := s.x.List(search.Query{Text: "muggar", Limit: 100, Sort: search.SortPrice})
				if err != nil || r.Total != 20 || len(r.Cards) != 20 {
					t.Errorf("%d of %d: %v", len(r.Cards), r.Total, err)
					return
				}
				s.x.Suggest("mug", 5)
				s.x.Cards(products)
			}
		})
	}
	for i := range 40 {
		s.do(func(tx *db.Tx) error {
			_, err := catalog.SetTexts(tx, by, products[i%20], 0, catalog.Texts{lang.SV: {Lang: lang.SV, Title: fmt.Sprintf("Mugg nummer %d av %d", i, i), Description: "Text."}})
			return err
		})
		s.settled()
	}
	cancel()
	wg.Wait()
}

func TestSettleEndsWithItsContext(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	x := search.New(d, "SEK", "SE", slog.New(slog.DiscardHandler)) // nobody runs it
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := x.Settle(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestOnRead(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	s := open(t, d)
	read := make(chan int, 100)
	s.x.OnRead(func() { read <- s.x.Size() })
	s.add("Mugg", 100, 1, true)
	for deadline := time.After(15 * time.Second); ; {
		select {
		case n := <-read:
			if n == 1 {
				return
			}
		case <-deadline:
			t.Fatal("nobody was told")
		}
	}
}
