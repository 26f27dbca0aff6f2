package pricing_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
)

var (
	rooms   = []db.Migrations{audit.Migrations, catalog.Migrations, pricing.Migrations}
	editor  = auth.StaffBy(7, "", []auth.Right{auth.CatalogWrite})
	machine = auth.System("demo")
	ctx     = context.Background()
)

func do(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := db.Do(ctx, d, fn); err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, d *db.DB, code string, fn func(tx *db.Tx) error) {
	t.Helper()
	err := db.Do(ctx, d, fn)
	e := fault.As(err)
	if e == nil || e.Code != code && (len(e.Fields) == 0 || e.Fields[0].Code != code) {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func read[T any](t *testing.T, d *db.DB, fn func(q *db.Reader) (T, error)) T {
	t.Helper()
	v, err := db.Read(ctx, d, fn)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// goods makes a product that shows, with n variants.
func goods(t *testing.T, d *db.DB, title string, n int, edit func(*catalog.NewProduct)) catalog.Created {
	t.Helper()
	p := catalog.NewProduct{
		Core:  catalog.Core{Maker: catalog.Party{Name: "Förstukvist Handel AB", Postal: "Exempelgatan 1, 411 00 Göteborg", Electronic: "hej@forstukvist.example"}, NoWarnings: true},
		Texts: catalog.Texts{catalog.SV: {Title: title, Description: "Text."}}, Publish: true}
	for i := range n {
		p.Variants = append(p.Variants, catalog.NewVariant{Choices: []catalog.Choice{{Name: catalog.Localized{SV: "Storlek"}, Value: catalog.Localized{SV: fmt.Sprint(i)}}}})
	}
	if edit != nil {
		edit(&p)
	}
	c, _, err := db.Write(ctx, d, func(tx *db.Tx) (catalog.Created, error) { return catalog.CreateProduct(tx, machine, p) })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func history(t *testing.T, d *db.DB, v db.ID) []pricing.Span {
	return read(t, d, func(q *db.Reader) ([]pricing.Span, error) { return pricing.History(q, v, "SEK") })
}

// contiguous fails unless rows follow one another without overlap or gap.
func contiguous(t *testing.T, h []pricing.Span) {
	t.Helper()
	for i, s := range h {
		last := i == len(h)-1
		if s.To.IsZero() != last || !last && !s.To.Equal(h[i+1].From) || !s.To.IsZero() && !s.To.After(s.From) {
			t.Fatalf("history broken at %d: %+v", i, h)
		}
	}
}

func TestPriceHistoryOnlyGrows(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := goods(t, d, "Mugg", 1, nil).Variants[0]
		set := func(by auth.By, ore int64, from time.Time) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { return pricing.SetPrice(tx, by, v, money.SEK(ore), from) }
		}
		day := func(n int) time.Time { return time.Now().UTC().Truncate(time.Hour).AddDate(0, 0, n) }
		do(t, d, set(machine, 10000, day(-100)))
		do(t, d, set(machine, 9000, day(-50)))
		fails(t, d, "in_the_past", set(machine, 1, day(-70))) // not even the program rewrites
		fails(t, d, "in_the_past", set(editor, 1, day(-1)))
		fails(t, d, "out_of_range", set(editor, -1, time.Time{}))
		fails(t, d, "denied", set(auth.Guest(""), 1, time.Time{}))
		fails(t, d, "unknown", func(tx *db.Tx) error { return pricing.SetPrice(tx, editor, 4711, money.SEK(1), time.Time{}) })
		fails(t, d, "out_of_range", func(tx *db.Tx) error { return pricing.SetPrice(tx, editor, v, money.New(1, "EUR"), time.Time{}) })
		do(t, d, set(editor, 12000, day(30))) // a plan
		do(t, d, set(editor, 9500, time.Time{}))
		do(t, d, set(editor, 9500, time.Time{})) // again: nothing
		h := history(t, d, v)
		contiguous(t, h)
		if len(h) != 4 || h[2].Price != money.SEK(9500) || !h[2].To.Equal(day(30)) || h[3].Price != money.SEK(12000) {
			t.Fatalf("%+v", h)
		}
		do(t, d, set(editor, 12500, day(30))) // the plan changes
		if h = history(t, d, v); len(h) != 4 || h[3].Price != money.SEK(12500) {
			t.Fatalf("%+v", h)
		}
		do(t, d, func(tx *db.Tx) error { return pricing.CancelPlan(tx, editor, v, "SEK", day(30)) })
		fails(t, d, "in_the_past", func(tx *db.Tx) error { return pricing.CancelPlan(tx, editor, v, "SEK", h[2].From) })
		fails(t, d, "not_found", func(tx *db.Tx) error { return pricing.CancelPlan(tx, editor, v, "SEK", day(30)) })
		h = history(t, d, v)
		contiguous(t, h)
		if len(h) != 3 || h[0].Price != money.SEK(10000) || !h[0].From.Equal(day(-100)) {
			t.Fatalf("%+v", h)
		}
		at := read(t, d, func(q *db.Reader) (map[db.ID]pricing.Span, error) {
			return pricing.At(q, "SEK", []db.ID{v, 99}, day(-60))
		})
		if len(at) != 1 || at[v].Price != money.SEK(10000) {
			t.Errorf("%+v", at)
		}
		// Half-open: at the very instant the new price holds.
		at = read(t, d, func(q *db.Reader) (map[db.ID]pricing.Span, error) { return pricing.At(q, "SEK", []db.ID{v}, day(-50)) })
		if at[v].Price != money.SEK(9000) {
			t.Errorf("%+v", at)
		}
	})
}

func TestPricesSetAtOnceStayWhole(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		c := goods(t, d, "Mugg", 4, nil)
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				err := db.Do(ctx, d, func(tx *db.Tx) error {
					var sets []pricing.Set
					for k := range c.Variants { // in turning order: no deadlock may come of it
						sets = append(sets, pricing.Set{Variant: c.Variants[(k+i)%4], Price: money.SEK(int64(1000 + i))})
					}
					return pricing.SetPrices(tx, editor, sets)
				})
				// On PostgreSQL an earlier instant may come second; it is refused, not mixed in.
				if err != nil && !fault.Is(err, "invalid") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, v := range c.Variants {
			contiguous(t, history(t, d, v))
		}
	})
}

func TestPricesTellTheProduct(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		c := goods(t, d, "Mugg", 2, nil)
		last := read(t, d, func(q *db.Reader) ([]catalog.Change, error) { return catalog.ChangedSince(q, time.Time{}, 0, 10) })[0]
		do(t, d, func(tx *db.Tx) error { return pricing.SetPrice(tx, editor, c.Variants[1], money.SEK(100), time.Time{}) })
		next := read(t, d, func(q *db.Reader) ([]catalog.Change, error) { return catalog.ChangedSince(q, last.At, last.ID, 10) })
		if len(next) != 1 || next[0].ID != c.ID {
			t.Fatal(next)
		}
	})
}

func TestVATRatesAreDated(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		table := read(t, d, func(q *db.Reader) (pricing.RateTable, error) { return pricing.Rates(q, "SE") })
		day := pricing.Day
		for _, c := range []struct {
			class string
			at    time.Time
			bp    int64
		}{ // VAT-01 to VAT-04
			{"food", day(2026, 3, 31).Add(24*time.Hour - time.Microsecond), 1200},
			{"food", day(2026, 4, 1), 600},
			{"food", day(2027, 12, 31).Add(24*time.Hour - time.Microsecond), 600},
			{"food", day(2028, 1, 1), 1200},
			{"standard", day(2026, 11, 22), 2500}, {"book", day(2028, 6, 1), 600}, {"served_food", day(2026, 11, 22), 1200}, {"voucher", day(2026, 11, 22), 0},
		} {
			if bp, err := table.At(c.class, c.at); err != nil || bp != c.bp {
				t.Errorf("%s at %s: %d %v, want %d", c.class, c.at, bp, err, c.bp)
			}
		}
		for _, class := range catalog.VATClasses {
			if _, err := table.At(class, day(2026, 11, 22)); err != nil {
				t.Error("a class of the catalogue has no rate:", err)
			}
		}
		if _, err := table.At("", day(2026, 11, 22)); !errors.Is(err, pricing.ErrNoRate) {
			t.Error(err)
		}
		abroad := read(t, d, func(q *db.Reader) (pricing.RateTable, error) { return pricing.Rates(q, "NO") })
		if _, err := abroad.At("standard", day(2026, 11, 22)); !errors.Is(err, pricing.ErrNoRate) {
			t.Error("a country without rates must fail aloud:", err)
		}
		settings := auth.StaffBy(1, "", []auth.Right{auth.SettingsWrite})
		set := func(by auth.By, country, class string, bp int64, from time.Time) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { return pricing.SetRate(tx, by, country, class, bp, from) }
		}
		fails(t, d, "denied", set(editor, "SE", "book", 1200, day(2090, 1, 1)))
		fails(t, d, "in_the_past", set(settings, "SE", "book", 1200, day(2020, 1, 1)))
		fails(t, d, "out_of_range", set(settings, "SE", "standard", 0, day(2090, 1, 1)))
		fails(t, d, "unknown", set(settings, "SE", "spirits", 2500, day(2090, 1, 1)))
		told := 0
		d.OnChange(func(cs []db.Change) {
			for _, c := range cs {
				if c.Entity == pricing.EntityVAT {
					told++
				}
			}
		})
		do(t, d, set(settings, "SE", "book", 1200, day(2090, 1, 1)))
		if told != 1 {
			t.Errorf("who remembers rates heard of %d changes", told)
		}
		table = read(t, d, func(q *db.Reader) (pricing.RateTable, error) { return pricing.Rates(q, "SE") })
		for at, want := range map[time.Time]int64{day(2089, 12, 31): 600, day(2090, 1, 1): 1200} {
			if bp, err := table.At("book", at); err != nil || bp != want {
				t.Error(at, bp, err)
			}
		}
		fails(t, d, "before_planned", set(settings, "SE", "book", 600, day(2080, 1, 1)))
	})
}

func selling(t *testing.T, d *db.DB, at time.Time, vs ...db.ID) map[db.ID]pricing.Price {
	t.Helper()
	return read(t, d, func(q *db.Reader) (map[db.ID]pricing.Price, error) { return pricing.Selling(q, "SEK", vs, at) })
}

func TestCampaignsSell(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		now := time.Now().UTC().Truncate(time.Hour)
		day := func(n int) time.Time { return now.AddDate(0, 0, n) }
		var top, sub db.ID
		do(t, d, func(tx *db.Tx) (err error) {
			if top, err = catalog.PutCategory(tx, machine, catalog.Category{Texts: catalog.Texts{catalog.SV: {Title: "Kök"}}}); err == nil {
				sub, err = catalog.PutCategory(tx, machine, catalog.Category{Parent: top, Texts: catalog.Texts{catalog.SV: {Title: "Bestick"}}})
			}
			return
		})
		knife := goods(t, d, "Smörkniv", 2, func(p *catalog.NewProduct) { p.Categories = []db.ID{sub}; p.Tags = []string{"Trä"} })
		jam := goods(t, d, "Lingon", 1, func(p *catalog.NewProduct) {
			p.Withdrawal = catalog.Perishable
			p.Tags = []string{"trä"}
		})
		other := goods(t, d, "Mugg", 1, nil)
		none := goods(t, d, "Utan pris", 1, nil)
		all := append(append(append(append([]db.ID{}, knife.Variants...), jam.Variants...), other.Variants...), none.Variants...)
		for _, v := range all[:4] {
			do(t, d, func(tx *db.Tx) error { return pricing.SetPrice(tx, machine, v, money.SEK(10000), day(-100)) })
		}
		put := func(by auth.By, c pricing.Campaign) db.ID {
			t.Helper()
			id, _, err := db.Write(ctx, d, func(tx *db.Tx) (db.ID, error) { return pricing.PutCampaign(tx, by, c) })
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		name := catalog.Localized{SV: "Höstrea", EN: "Autumn sale"}
		kitchen := put(machine, pricing.Campaign{Name: name, Steps: []pricing.Step{{From: day(-10), Kind: "percent", Value: 1000}, {From: day(-5), Kind: "percent", Value: 2000}},
			To: day(10), Targets: []pricing.Target{{Kind: "category", Ref: top}}})
		got := selling(t, d, now, all...)
		if len(got) != 4 {
			t.Fatalf("a variant without price sells: %+v", got)
		}
		p := got[knife.Variants[0]]
		if p.Price != money.SEK(8000) || !p.Reduced || p.Prior == nil || *p.Prior != money.SEK(10000) || p.Campaign != kitchen || p.Name != name || !p.Until.Equal(day(10)) || p.PercentOff() != 20 {
			t.Fatalf("%+v", p)
		}
		if p = got[other.Variants[0]]; p.Price != money.SEK(10000) || p.Reduced || p.Campaign != 0 {
			t.Fatalf("%+v", p)
		}
		if p = selling(t, d, day(-7), all...)[knife.Variants[1]]; p.Price != money.SEK(9000) || *p.Prior != money.SEK(10000) {
			t.Fatalf("%+v", p)
		}
		// A product that leaves the category leaves the campaign, and the days it was there are remembered.
		do(t, d, func(tx *db.Tx) error { _, err := catalog.SetCategories(tx, editor, knife.ID, 0, nil); return err })
		if p = selling(t, d, now.Add(48*time.Hour), knife.Variants...)[knife.Variants[0]]; p.Price != money.SEK(10000) || p.Reduced {
			t.Fatalf("%+v", p)
		}
		woods := put(editor, pricing.Campaign{Name: name, Steps: []pricing.Step{{From: day(3), Kind: "fixed", Value: 7900, Currency: "SEK"}}, Targets: []pricing.Target{{Kind: "tag", Tag: " TRÄ "}}})
		p = selling(t, d, day(4), knife.Variants...)[knife.Variants[0]]
		if p.Price != money.SEK(7900) || p.Prior == nil || *p.Prior != money.SEK(8000) {
			t.Fatalf("the campaign price of the category must count as the low: %+v", p)
		}
		if p = selling(t, d, day(4), jam.Variants...)[jam.Variants[0]]; p.Price != money.SEK(7900) || !p.Reduced || p.Prior != nil {
			t.Fatalf("perishable: %+v", p)
		}
		// What has begun is not rewritten.
		edit := func(c pricing.Campaign) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { _, err := pricing.PutCampaign(tx, editor, c); return err }
		}
		future := pricing.Campaign{Name: name, Steps: []pricing.Step{{From: day(5), Kind: "percent", Value: 500}}, Targets: []pricing.Target{{Kind: "all"}}}
		old := future
		old.ID, old.Version = kitchen, 1
		fails(t, d, "campaign_begun", edit(old))
		fails(t, d, "campaign_begun", func(tx *db.Tx) error { return pricing.DeleteCampaign(tx, editor, kitchen, 1) })
		past := future
		past.Steps = []pricing.Step{{From: day(-1), Kind: "percent", Value: 500}}
		fails(t, d, "in_the_past", edit(past))
		fails(t, d, "denied", func(tx *db.Tx) error { _, err := pricing.PutCampaign(tx, auth.Guest(""), future); return err })
		plan := future
		plan.ID, plan.Version = woods, 9
		fails(t, d, "version_changed", edit(plan))
		plan.Version = 1
		do(t, d, edit(plan))
		for code, c := range map[string]pricing.Campaign{
			"out_of_range": {Name: name, Steps: []pricing.Step{{From: day(5), Kind: "percent", Value: 10000}}, Targets: []pricing.Target{{Kind: "all"}}},
			"out_of_order": {Name: name, Steps: []pricing.Step{{From: day(5), Kind: "percent", Value: 100}, {From: day(5), Kind: "percent", Value: 200}}, Targets: []pricing.Target{{Kind: "all"}}},
			"required":     {Name: name, Steps: []pricing.Step{{From: day(5), Kind: "percent", Value: 100}}},
			"unknown":      {Name: name, Steps: []pricing.Step{{From: day(5), Kind: "percent", Value: 100}}, Targets: []pricing.Target{{Kind: "category", Ref: 5}}},
		} {
			fails(t, d, code, edit(c))
		}
		// It can be lowered once more, and ended.
		do(t, d, func(tx *db.Tx) error {
			return pricing.AddStep(tx, editor, kitchen, 1, pricing.Step{From: day(1), Kind: "percent", Value: 3000})
		})
		fails(t, d, "version_changed", func(tx *db.Tx) error { return pricing.EndCampaign(tx, editor, kitchen, 1, time.Time{}) })
		do(t, d, func(tx *db.Tx) error { return pricing.EndCampaign(tx, editor, kitchen, 2, day(2)) })
		fails(t, d, "in_the_past", func(tx *db.Tx) error { return pricing.EndCampaign(tx, editor, kitchen, 3, day(-2)) })
		c := read(t, d, func(q *db.Reader) (pricing.Campaign, error) { return pricing.CampaignByID(q, kitchen) })
		if len(c.Steps) != 3 || !c.To.Equal(day(2)) || len(c.Targets) != 1 || c.Targets[0].Ref != top {
			t.Fatalf("%+v", c)
		}
	})
}

func TestNextBoundary(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		now := time.Now().UTC().Truncate(time.Hour)
		day := func(n int) time.Time { return now.AddDate(0, 0, n) }
		c := goods(t, d, "Mugg", 1, func(p *catalog.NewProduct) { p.PublishTo = day(40) })
		next := func(after time.Time) time.Time {
			return read(t, d, func(q *db.Reader) (time.Time, error) { return pricing.NextBoundary(q, c.ID, "SE", after) })
		}
		every := func(after time.Time) time.Time {
			return read(t, d, func(q *db.Reader) (time.Time, error) { return pricing.NextBoundaryOfAll(q, "SE", after) })
		}
		if got := next(day(50)); !got.IsZero() {
			t.Error(got)
		}
		do(t, d, func(tx *db.Tx) error { return pricing.SetPrice(tx, machine, c.Variants[0], money.SEK(100), day(-9)) })
		do(t, d, func(tx *db.Tx) error { return pricing.SetPrice(tx, editor, c.Variants[0], money.SEK(200), day(30)) })
		do(t, d, func(tx *db.Tx) error {
			_, err := pricing.PutCampaign(tx, editor, pricing.Campaign{Name: catalog.Localized{SV: "Rea"}, Steps: []pricing.Step{{From: day(10), Kind: "percent", Value: 100}, {From: day(12), Kind: "percent", Value: 200}},
				To: day(20), Targets: []pricing.Target{{Kind: "all"}}})
			return err
		})
		for _, want := range []time.Time{day(10), day(12), day(20), day(30), day(40)} {
			for what, got := range map[string]time.Time{"product": next(want.Add(-time.Hour)), "all": every(want.Add(-time.Hour))} {
				if !got.Equal(want) {
					t.Errorf("%s: %v, want %v", what, got, want)
				}
			}
			if !next(want).After(want) && !next(want).IsZero() {
				t.Error("boundary not after", want)
			}
		}
		jam := goods(t, d, "Lingon", 1, func(p *catalog.NewProduct) {
			p.VATClass = catalog.VATFood
			p.Texts[catalog.SV] = catalog.Text{Title: "Lingon", Description: "Bär.", Ingredients: "lingon, socker", Allergens: "-"}
		})
		got := read(t, d, func(q *db.Reader) (time.Time, error) {
			return pricing.NextBoundary(q, jam.ID, "SE", pricing.Day(2027, 12, 1))
		})
		if !got.Equal(pricing.Day(2028, 1, 1)) {
			t.Error("VAT boundary missed:", got)
		}
	})
}

func putCode(t *testing.T, d *db.DB, c pricing.Code) db.ID {
	t.Helper()
	id, _, err := db.Write(ctx, d, func(tx *db.Tx) (db.ID, error) { return pricing.PutCode(tx, editor, c) })
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTheLastUseOfACodeGoesOnce(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		id := putCode(t, d, pricing.Code{Code: "Höst-10", Kind: "percent", Value: 1000, Limit: 5})
		used := func() int64 {
			return read(t, d, func(q *db.Reader) (pricing.Code, error) { return pricing.CodeByID(q, id) }).Used
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var won []db.ID
		for i := range 40 {
			wg.Go(func() {
				purchase := db.ID(1000 + i)
				err := db.Do(ctx, d, func(tx *db.Tx) error { return pricing.Claim(tx, []string{" höst-10 ", "HÖST-10"}, purchase) })
				if err == nil {
					mu.Lock()
					won = append(won, purchase)
					mu.Unlock()
				} else if !fault.Is(err, "code_gone") {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 5 || used() != 5 {
			t.Fatalf("%d uses of 5, counted %d", len(won), used())
		}
		// Again for the same purchase: nothing.
		do(t, d, func(tx *db.Tx) error { return pricing.Claim(tx, []string{"höst-10"}, won[0]) })
		if used() != 5 {
			t.Error(used())
		}
		do(t, d, func(tx *db.Tx) error { return pricing.Release(tx, won[0]) })
		do(t, d, func(tx *db.Tx) error { return pricing.Release(tx, won[0]) })
		do(t, d, func(tx *db.Tx) error { return pricing.Release(tx, 0) })
		if used() != 4 {
			t.Error(used())
		}
		do(t, d, func(tx *db.Tx) error { return pricing.Claim(tx, []string{"HÖST-10"}, 9999) })
		fails(t, d, "code_gone", func(tx *db.Tx) error { return pricing.Claim(tx, []string{"HÖST-10"}, 9998) })
		fails(t, d, "code_gone", func(tx *db.Tx) error { return pricing.Claim(tx, []string{"FINNSEJ"}, 9998) })
		fails(t, d, "code_gone", func(tx *db.Tx) error { return pricing.Claim(tx, []string{""}, 9998) })
		if err := db.Do(ctx, d, func(tx *db.Tx) error { return pricing.Claim(tx, []string{"HÖST-10"}, 0) }); err == nil {
			t.Error("claimed for nobody")
		}
	})
}

func TestCodesAreKeptAndGuarded(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		var shelf db.ID
		do(t, d, func(tx *db.Tx) (err error) {
			shelf, err = catalog.PutCategory(tx, machine, catalog.Category{Texts: catalog.Texts{catalog.SV: {Title: "Böcker"}}})
			if err == nil {
				shelf, err = catalog.PutCategory(tx, machine, catalog.Category{Parent: shelf, Texts: catalog.Texts{catalog.SV: {Title: "Barnböcker"}}})
			}
			return
		})
		tree := read(t, d, func(q *db.Reader) (*catalog.Tree, error) { return catalog.Categories(q) })
		book := goods(t, d, "Räven", 1, func(p *catalog.NewProduct) { p.Categories = []db.ID{shelf} })
		mug := goods(t, d, "Mugg", 1, nil)
		pan := goods(t, d, "Panna", 1, nil)
		put := func(c pricing.Code) func(tx *db.Tx) error {
			return func(tx *db.Tx) error { _, err := pricing.PutCode(tx, editor, c); return err }
		}
		id := putCode(t, d, pricing.Code{Code: "vår20", Kind: "amount", Value: 2000, Currency: "SEK", MinGoods: 10000, Categories: []db.ID{tree.All[0].ID}, Products: []db.ID{mug.ID, mug.ID}, Limit: 2})
		fails(t, d, "taken", put(pricing.Code{Code: "VÅR 20", Kind: "percent", Value: 100}))
		fails(t, d, "unreadable", put(pricing.Code{Code: "ABC", Label: catalog.Localized{SV: "a\x00"}, Kind: "percent", Value: 100}))
		fails(t, d, "bad_code", put(pricing.Code{Code: "a", Kind: "percent", Value: 100}))
		fails(t, d, "out_of_range", put(pricing.Code{Code: "ABC", Kind: "percent", Value: 10001}))
		fails(t, d, "unknown", put(pricing.Code{Code: "ABC", Kind: "amount", Value: 100}))
		fails(t, d, "denied", func(tx *db.Tx) error { _, err := pricing.PutCode(tx, auth.By{}, pricing.Code{}); return err })
		rules := read(t, d, func(q *db.Reader) ([]pricing.CodeRule, error) {
			return pricing.CodesFor(q, []string{"Vår20", "v\u200bår20", "annan", "<script>"}, []db.ID{book.Variants[0], mug.Variants[0], pan.Variants[0]})
		})
		if len(rules) != 3 {
			t.Fatalf("%+v", rules)
		}
		for _, r := range rules {
			if r.Code != "VÅR20" {
				if r.Problem != "unknown" {
					t.Errorf("%+v", r)
				}
				continue
			}
			if !r.Excluded[book.Variants[0]] || !r.Excluded[mug.Variants[0]] || r.Excluded[pan.Variants[0]] || r.MinGoods != 10000 {
				t.Errorf("%+v", r)
			}
		}
		do(t, d, func(tx *db.Tx) error { return pricing.Claim(tx, []string{"VÅR20"}, 1) })
		do(t, d, func(tx *db.Tx) error { return pricing.Claim(tx, []string{"VÅR20"}, 2) })
		c := read(t, d, func(q *db.Reader) (pricing.Code, error) { return pricing.CodeByID(q, id) })
		c.Limit = 1
		fails(t, d, "below_used", put(c))
		c.Limit, c.Version = 3, 7
		fails(t, d, "version_changed", put(c))
		c.Version = 1
		do(t, d, put(c))
		// AC-042: disabled between apply and pay.
		do(t, d, func(tx *db.Tx) error { return pricing.DisableCode(tx, editor, id) })
		fails(t, d, "code_gone", func(tx *db.Tx) error { return pricing.Claim(tx, []string{"VÅR20"}, 3) })
		rules = read(t, d, func(q *db.Reader) ([]pricing.CodeRule, error) { return pricing.CodesFor(q, []string{"VÅR20"}, nil) })
		if rules[0].Problem != "disabled" {
			t.Errorf("%+v", rules)
		}
		// And out of its time.
		old := putCode(t, d, pricing.Code{Code: "GAMMAL", Kind: "percent", Value: 100, From: time.Now().Add(-2 * time.Hour), To: time.Now().Add(-time.Hour)})
		fails(t, d, "code_gone", func(tx *db.Tx) error { return pricing.Claim(tx, []string{"GAMMAL"}, 3) })
		if list := read(t, d, func(q *db.Reader) ([]pricing.Code, error) { return pricing.ListCodes(q, 0, 1) }); len(list) != 1 || list[0].ID != old {
			t.Error(list)
		}
	})
}
