package delivery

import (
	"context"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
)

func day(s string) time.Time { t, _ := time.ParseInLocation("2006-01-02 15:04", s, Zone); return t }

func TestWorkdays(t *testing.T) {
	for _, c := range []struct {
		d    string
		want bool
	}{
		{"2026-11-23 10:00", true}, {"2026-11-22 10:00", false}, {"2026-12-24 09:00", false}, {"2026-04-03 09:00", false},
		{"2026-04-06 09:00", false}, {"2026-05-14 09:00", false}, {"2026-06-19 09:00", false}, {"2027-06-25 09:00", false}, {"2027-06-18 09:00", true},
		{"2027-03-26 00:00", false}, {"2027-01-06 23:59", false}, {"2026-12-30 12:00", true},
	} {
		if got := Workday(day(c.d)); got != c.want {
			t.Errorf("%s: %v", c.d, got)
		}
	}
}

func TestShipsAndPromise(t *testing.T) {
	for _, c := range []struct{ now, ships string }{
		{"2026-11-23 13:59", "2026-11-23"}, {"2026-11-23 14:00", "2026-11-24"}, {"2026-11-21 09:00", "2026-11-23"},
		{"2026-12-23 15:00", "2026-12-28"}, {"2026-12-31 10:00", "2027-01-04"},
		{"2026-03-29 01:30", "2026-03-30"}, // the night clocks go forward
	} {
		d, cut := Ships(day(c.now).UTC(), 14*60)
		if d.Format("2006-01-02") != c.ships || cut.In(Zone).Format("15:04") != "14:00" || !cut.After(day(c.now)) {
			t.Errorf("%s ships %s before %s", c.now, d.Format("2006-01-02"), cut)
		}
	}
	m := Method{ID: 1, Kind: Locker, Active: true, Currency: "SEK", MinDays: 1, MaxDays: 2, FarDays: 1, CutoffMinute: 840, Tiers: []Tier{{10000, 3900}}}
	g := Goods{WeightG: 500, Value: money.SEK(10000), Shipped: true}
	near := Offer([]Method{m}, g, "112 21", day("2026-11-20 10:00"))[0]
	far := Offer([]Method{m}, g, "98132", day("2026-11-20 10:00"))[0]
	if near.Earliest.Format("01-02") != "11-23" || near.Latest.Format("01-02") != "11-24" || far.Latest.Format("01-02") != "11-25" {
		t.Errorf("near %v %v far %v", near.Earliest, near.Latest, far.Latest)
	}
}

// Goods that are not on the shelf are promised from the day they can leave, which is
// counted in working days past the holidays.
func TestLeadMovesThePromise(t *testing.T) {
	m := Method{ID: 1, Kind: Locker, Active: true, Currency: "SEK", MinDays: 1, MaxDays: 2, CutoffMinute: 840, Tiers: []Tier{{10000, 3900}}}
	g := Goods{WeightG: 500, Value: money.SEK(10000), Shipped: true, Lead: 10}
	for now, want := range map[string][3]string{
		"2026-11-20 10:00": {"12-04", "12-07", "12-08"}, // Friday before the cut-off, two weeks on
		"2026-12-18 15:00": {"01-11", "01-12", "01-13"}, // over Christmas, New Year and Epiphany
	} {
		o := Offer([]Method{m}, g, "112 21", day(now))[0]
		if got := [3]string{o.ShipsOn.Format("01-02"), o.Earliest.Format("01-02"), o.Latest.Format("01-02")}; got != want {
			t.Errorf("%s: %v, want %v", now, got, want)
		}
	}
}

func TestPriceByWeightValueSize(t *testing.T) {
	m := Method{Kind: Pickup, Active: true, Currency: "SEK", MaxWeightG: 20000, MaxSideMM: 1000, FreeFrom: 59900, Tiers: []Tier{{20000, 6900}, {3000, 4900}}}
	for _, c := range []struct {
		g    Goods
		want int64
		ok   bool
	}{
		{Goods{WeightG: 3000, SideMM: 100, Value: money.SEK(100), Bulky: false, Shipped: true}, 4900, true},
		{Goods{WeightG: 3001, SideMM: 100, Value: money.SEK(100), Bulky: false, Shipped: true}, 6900, true},
		{Goods{WeightG: 20001, SideMM: 100, Value: money.SEK(100), Bulky: false, Shipped: true}, 0, false},
		{Goods{WeightG: 10, SideMM: 1001, Value: money.SEK(100), Bulky: false, Shipped: true}, 0, false},
		{Goods{WeightG: 10, SideMM: 1, Value: money.SEK(59900), Bulky: false, Shipped: true}, 0, true},
		{Goods{WeightG: 10, SideMM: 1, Value: money.SEK(59899), Bulky: false, Shipped: true}, 4900, true},
		{Goods{WeightG: 10, SideMM: 1, Value: money.SEK(100), Bulky: true, Shipped: true}, 0, false},
		{Goods{WeightG: 0, SideMM: 0, Value: money.SEK(100), Bulky: false, Shipped: false}, 0, false},
		{Goods{WeightG: 10, SideMM: 1, Value: money.New(100, "EUR"), Bulky: false, Shipped: true}, 0, false},
		{Goods{WeightG: -1, SideMM: 1, Value: money.SEK(100), Shipped: true}, 0, false},
	} {
		p, ok := m.Price(c.g)
		if ok != c.ok || p.Amount != c.want {
			t.Errorf("%+v: %v %v", c.g, p, ok)
		}
	}
}

func TestValidPostal(t *testing.T) {
	for s, want := range map[string]bool{"11221": true, "112 21": true, "01234": false, "1122": false, "1 1221": true, "11２21": false, "": false, "112211": false, "11 2 21": false} {
		if ValidPostal(s) != want {
			t.Errorf("%q", s)
		}
	}
}

func TestRowsBothEngines(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		m := Method{Code: "box", Kind: Locker, NameSV: "Paketbox", NameEN: "Parcel box", Carrier: "lokal", Currency: "SEK", MaxDays: 2, CutoffMinute: 840, Active: true, Tiers: []Tier{{10000, 3900}}}
		err := db.Do(ctx, d, func(tx *db.Tx) (err error) { m.ID, err = Put(tx, auth.System("t"), m); return })
		if err != nil {
			t.Fatal(err)
		}
		m.Version, m.Tiers = 1, []Tier{{5000, 2900}, {10000, 3900}}
		put := func() error {
			return db.Do(ctx, d, func(tx *db.Tx) error { _, err := Put(tx, auth.System("t"), m); return err })
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if err := put(); !fault.Is(err, "changed_meanwhile") {
			t.Fatal("stale version:", err)
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := Put(tx, auth.Guest(""), m); return err }); !fault.Is(err, "denied") {
			t.Fatal(err)
		}
		ms, err := db.Read(ctx, d, func(q *db.Reader) ([]Method, error) { return Methods(q) })
		if err != nil || len(ms) != 1 || len(ms[0].Tiers) != 2 || !ms[0].Active {
			t.Fatal(ms, err)
		}
	})
}
