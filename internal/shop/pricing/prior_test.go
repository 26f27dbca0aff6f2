package pricing

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/money"
)

func day(n int) time.Time { return Day(2026, 1, 1).AddDate(0, 0, n) }

func price(from, to int, ore int64) Span {
	s := Span{Price: money.SEK(ore), From: day(from)}
	if to >= 0 {
		s.To = day(to)
	}
	return s
}

func pct(from int, off int64) Step { return Step{From: day(from), Kind: "percent", Value: off * 100} }

func until(n int) time.Time { return day(n) }

// TestPriorKnown are the cases of the law and of the courts, by hand.
func TestPriorKnown(t *testing.T) {
	steady := []Span{price(0, -1, 10000)}
	type ans struct {
		price, prior int64 // prior 0: none to state
		reduced      bool
	}
	cases := []struct {
		name string
		h    history
		at   int
		want ans
	}{
		{"no campaign", history{prices: steady}, 100, ans{10000, 0, false}},
		{"plain reduction", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 100, ans{8000, 10000, true}},
		// PIL-03: raised before the sale; the low of the 30 days counts.
		{"raised before", history{prices: []Span{price(0, 80, 8000), price(80, -1, 10000)}, sales: []sale{{id: 1, steps: []Step{pct(90, 30)}}}}, 95, ans{7000, 8000, true}},
		{"raised before, no real reduction", history{prices: []Span{price(0, 80, 8000), price(80, -1, 10000)}, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 95, ans{8000, 0, false}},
		{"the low is 31 days old", history{prices: []Span{price(0, 59, 8000), price(59, -1, 10000)}, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 95, ans{8000, 10000, true}},
		{"the low ended within the 30 days", history{prices: []Span{price(0, 61, 8000), price(61, -1, 10000)}, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 95, ans{8000, 0, false}},
		// The anchor is the beginning of the reduction, not today.
		{"long campaign", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 200, ans{8000, 10000, true}},
		// PIL-04: 100 → 90 → 80 shows 100.
		{"gradual", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 10), pct(95, 20)}}}}, 100, ans{8000, 10000, true}},
		{"gradual, three steps over 40 days", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 10), pct(110, 20), pct(130, 30)}}}}, 140, ans{7000, 10000, true}},
		{"a step after more than 30 days is a new reduction", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 10), pct(125, 20)}}}}, 130, ans{8000, 9000, true}},
		{"a rise within the campaign", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 30), pct(95, 20)}}}}, 100, ans{8000, 0, false}},
		// Two campaigns in a row are two reductions.
		{"next campaign, lower", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 10)}, to: until(95)}, {id: 2, steps: []Step{pct(95, 20)}}}}, 100, ans{8000, 9000, true}},
		{"next campaign, same price", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}, to: until(95)}, {id: 2, steps: []Step{pct(95, 20)}}}}, 100, ans{8000, 0, false}},
		{"pause of a day, same campaign price", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}, to: until(95)}, {id: 2, steps: []Step{pct(96, 20)}}}}, 100, ans{8000, 0, false}},
		{"pause of 31 days", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}, to: until(95)}, {id: 2, steps: []Step{pct(126, 20)}}}}, 130, ans{8000, 10000, true}},
		{"interrupted by a deeper one", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}, {id: 2, steps: []Step{pct(95, 40)}, to: until(97)}}}, 100, ans{8000, 0, false}},
		// PIL-05.
		{"perishable", history{prices: steady, perishable: true, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 100, ans{8000, 0, true}},
		{"no price before", history{prices: []Span{price(90, -1, 10000)}, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 100, ans{8000, 0, false}},
		{"priced for five days", history{prices: []Span{price(85, -1, 10000)}, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 100, ans{8000, 10000, true}},
		{"regular price lowered within", history{prices: []Span{price(0, 95, 10000), price(95, -1, 9000)}, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 100, ans{7200, 10000, true}},
		{"regular price raised within", history{prices: []Span{price(0, 95, 10000), price(95, -1, 11000)}, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}}}}, 100, ans{8800, 0, false}},
		{"only while in the category", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}, when: []stay{{day(98), time.Time{}}}}}}, 100, ans{8000, 10000, true}},
		{"left the category", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 20)}, when: []stay{{day(0), day(99)}}}}}, 100, ans{10000, 0, false}},
		{"a fixed price above the regular one", history{prices: steady, sales: []sale{{id: 1, steps: []Step{{From: day(90), Kind: "fixed", Value: 12000, Currency: "SEK"}}}}}, 100, ans{10000, 0, false}},
		{"more off than it costs", history{prices: steady, sales: []sale{{id: 1, steps: []Step{{From: day(90), Kind: "amount", Value: 12000, Currency: "SEK"}}}}}, 100, ans{0, 10000, true}},
		{"another currency", history{prices: steady, sales: []sale{{id: 1, steps: []Step{{From: day(90), Kind: "amount", Value: 1, Currency: "EUR"}}}}}, 100, ans{10000, 0, false}},
		{"the best of equals", history{prices: steady, sales: []sale{{id: 1, steps: []Step{pct(90, 10)}}, {id: 2, steps: []Step{pct(90, 25)}}}}, 100, ans{7500, 10000, true}},
		{"priority decides", history{prices: steady, sales: []sale{{id: 1, priority: 1, steps: []Step{pct(90, 10)}}, {id: 2, steps: []Step{pct(90, 25)}}}}, 100, ans{9000, 10000, true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := c.h.priceAt(day(c.at).Add(time.Hour))
			got := ans{p.Price.Amount, 0, p.Reduced}
			if p.Prior != nil {
				got.prior = p.Prior.Amount
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if p.Reduced && p.Prior != nil && p.PercentOff() != (p.Prior.Amount-p.Price.Amount)*100/p.Prior.Amount {
				t.Error(p.PercentOff()) // PIL-06
			}
		})
	}
}

// PIL-06: what is claimed is measured from the prior price.
func TestPercentOffIsNeverFlattering(t *testing.T) {
	low := money.SEK(8000)
	p := Price{Price: money.SEK(7000), Regular: money.SEK(10000), Reduced: true, Prior: &low}
	if p.PercentOff() != 12 {
		t.Error(p.PercentOff())
	}
	if (Price{Price: money.SEK(7000), Regular: money.SEK(10000)}).PercentOff() != 0 {
		t.Error("claimed without a reduction")
	}
}

// The slow twin walks day by day over a year and keeps a diary of what was asked.

type entry struct {
	price int64 // -1: nothing for sale
	sale  int   // -1: none
}

func diary(h *history, days int) []entry {
	out := make([]entry, days)
	for d := range out {
		now := day(d)
		e := entry{-1, -1}
		var regular int64 = -1
		for _, s := range h.prices {
			if !now.Before(s.From) && (s.To.IsZero() || now.Before(s.To)) {
				regular = s.Price.Amount
			}
		}
		e.price = regular
		prio := int64(-1 << 60)
		for k, s := range h.sales {
			if regular < 0 || (!s.to.IsZero() && !now.Before(s.to)) {
				continue
			}
			inside := len(s.when) == 0
			for _, w := range s.when {
				inside = inside || !now.Before(w.from) && (w.to.IsZero() || now.Before(w.to))
			}
			off := int64(-1)
			for _, st := range s.steps {
				if !now.Before(st.From) {
					off = st.Value
				}
			}
			if !inside || off < 0 {
				continue
			}
			p := (regular*(10000-off)*2 + 10000) / 20000
			if p >= regular {
				continue
			}
			if e.sale < 0 || s.priority > prio || s.priority == prio && p < e.price {
				e.price, e.sale, prio = p, k, s.priority
			}
		}
		out[d] = e
	}
	return out
}

func slowPrior(days []entry, at int) int64 {
	if days[at].sale < 0 {
		return -1
	}
	// The first day of the stretch of today's price under today's campaign.
	first := func(d int) int {
		for d > 0 && days[d-1] == days[d] {
			d--
		}
		return d
	}
	begin := first(at)
	for begin > 0 && days[begin-1].sale == days[begin].sale && days[begin-1].price > days[begin].price && first(begin-1) >= begin-30 {
		begin = first(begin - 1)
	}
	low := int64(-1)
	for d := max(0, begin-30); d < begin; d++ {
		if p := days[d].price; p >= 0 && (low < 0 || p < low) {
			low = p
		}
	}
	return low
}

func TestPriorAgainstDiary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const year = 160
		var h history
		d := rapid.IntRange(0, 40).Draw(t, "begin")
		for d < year {
			end := d + rapid.IntRange(1, 90).Draw(t, "length")
			h.prices = append(h.prices, price(d, end, rapid.SampledFrom([]int64{100, 200, 800, 1000, 1001}).Draw(t, "price")))
			d = end + rapid.SampledFrom([]int{0, 0, 0, 3}).Draw(t, "gap")
		}
		for range rapid.IntRange(0, 4).Draw(t, "campaigns") {
			s := sale{id: 1, priority: rapid.Int64Range(0, 1).Draw(t, "priority")}

			from := rapid.IntRange(0, year).Draw(t, "from")
			for range rapid.IntRange(1, 3).Draw(t, "steps") {
				s.steps = append(s.steps, pct(from, rapid.Int64Range(1, 60).Draw(t, "off")))
				from += rapid.IntRange(1, 45).Draw(t, "apart")
			}
			if rapid.Bool().Draw(t, "ends") {
				s.to = day(from)
			}
			if rapid.IntRange(0, 2).Draw(t, "kept") == 0 {
				a := rapid.IntRange(0, year).Draw(t, "in")
				s.when = []stay{{day(a), day(a + rapid.IntRange(1, 60).Draw(t, "stay"))}}
			}

			h.sales = append(h.sales, s)
		}
		days := diary(&h, year)
		for at := range year {
			now := day(at).Add(time.Duration(rapid.IntRange(0, 22).Draw(t, "hour")) * time.Hour)
			g, ok := h.at(now)
			if ok != (days[at].price >= 0) || ok && g.price.Amount != days[at].price {
				t.Fatalf("day %d: %v, diary %+v", at, g, days[at])
			}
			low, ok := h.prior(now)
			want := slowPrior(days, at)
			if ok != (want >= 0) || ok && low.Amount != want {
				t.Fatalf("day %d: prior %v %v, diary %d", at, low, ok, want)
			}
		}
	})
}

func TestDaysAreStockholms(t *testing.T) {
	// 30 days back over the change to summer time is midnight still.
	if got := lookBack(Day(2026, 4, 10)); !got.Equal(Day(2026, 3, 11)) {
		t.Error(got)
	}
	if Day(2026, 4, 1).UTC().Hour() != 22 || Day(2028, 1, 1).UTC().Hour() != 23 {
		t.Error("zone")
	}
}
