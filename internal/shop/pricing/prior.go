package pricing

import (
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
)

// history is all that decides a variant's effective price over a stretch of
// time. It is pure: no database, so a slow twin can check it.
type history struct {
	prices     []Span // ordered, not overlapping
	sales      []sale
	perishable bool
}

// sale is a campaign as it bears on one variant.
type sale struct {
	id       db.ID
	name     catalog.Localized
	priority int64
	steps    []Step
	to       time.Time // zero: open
	when     []stay    // nil: always
}

type stay struct{ from, to time.Time }

func (s stay) holds(t time.Time) bool {
	return !t.Before(s.from) && (s.to.IsZero() || t.Before(s.to))
}

// step is the step in force at t.
func (s *sale) step(t time.Time) (Step, bool) {
	if !s.to.IsZero() && !t.Before(s.to) {
		return Step{}, false
	}
	if s.when != nil && !slices.ContainsFunc(s.when, func(w stay) bool { return w.holds(t) }) {
		return Step{}, false
	}
	for i := len(s.steps) - 1; i >= 0; i-- {
		if !t.Before(s.steps[i].From) {
			return s.steps[i], true
		}
	}
	return Step{}, false
}

// segment is a stretch of one effective price, half-open.
type segment struct {
	from, to       time.Time // to zero: open
	regular, price money.Money
	sale           *sale // nil: none
}

// at is the effective price at an instant; ok is false without a regular price.
func (h *history) at(t time.Time) (g segment, ok bool) {
	i := slices.IndexFunc(h.prices, func(s Span) bool { return stay{s.From, s.To}.holds(t) })
	if i < 0 {
		return segment{}, false
	}
	g.regular = h.prices[i].Price
	g.price = g.regular
	for k := range h.sales {
		s := &h.sales[k]
		st, on := s.step(t)
		if !on {
			continue
		}
		p := st.reduce(g.regular)
		if p.Amount >= g.regular.Amount {
			continue
		}
		if g.sale == nil || s.priority > g.sale.priority || s.priority == g.sale.priority && p.Amount < g.price.Amount {
			g.price, g.sale = p, s
		}
	}
	return g, true
}

// bounds are the instants at which the effective price may change, ordered.
func (h *history) bounds() []time.Time {
	var out []time.Time
	add := func(t time.Time) {
		if !t.IsZero() {
			out = append(out, t)
		}
	}
	for _, s := range h.prices {
		add(s.From)
		add(s.To)
	}
	for _, s := range h.sales {
		for _, st := range s.steps {
			add(st.From)
		}
		add(s.to)
		for _, w := range s.when {
			add(w.from)
			add(w.to)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// segments are the stretches up to and including the one at t, oldest first;
// neighbours of one price under one campaign are one stretch. Stretches
// without a price leave gaps.
func (h *history) segments(t time.Time) []segment {
	bs := h.bounds()
	var out []segment
	for i, from := range bs {
		if from.After(t) {
			break
		}
		g, ok := h.at(from)
		if !ok {
			continue
		}
		g.from = from
		if i+1 < len(bs) {
			g.to = bs[i+1]
		}
		if n := len(out); n > 0 && out[n-1].to.Equal(from) && out[n-1].sale == g.sale && out[n-1].price == g.price {
			out[n-1].to, out[n-1].regular = g.to, g.regular
			continue
		}
		out = append(out, g)
	}
	return out
}

// lookBack is the law's 30 days, counted in calendar days of the shop's zone.
func lookBack(t time.Time) time.Time { return t.In(Zone).AddDate(0, 0, -30) }

// prior is the price to state beside the reduction in force at t: the lowest
// effective price of the 30 days before the reduction began
// (prisinformationslagen 7 a § second paragraph). Where the price was lowered
// gradually in that time, by steps of one campaign and never raised between,
// the reduction began with the first step. ok is false where no price was
// asked in those days.
//
// Where a reading of the law is open, the stricter one is taken: two campaigns
// in a row are two reductions, a rise within a campaign begins a new one, and a
// step more than 30 days after the last is a reduction of its own.
func (h *history) prior(t time.Time) (low money.Money, ok bool) {
	segs := h.segments(t)
	i := len(segs) - 1
	if i < 0 || segs[i].sale == nil || !(stay{segs[i].from, segs[i].to}).holds(t) {
		return money.Money{}, false
	}
	for i > 0 {
		p, c := segs[i-1], segs[i]
		if p.sale != c.sale || !p.to.Equal(c.from) || p.price.Amount < c.price.Amount || p.from.Before(lookBack(c.from)) {
			break
		}
		i--
	}
	anchor := segs[i].from
	since := lookBack(anchor)
	for _, g := range segs[:i] {
		if g.to.After(since) && (!ok || g.price.Amount < low.Amount) {
			low, ok = g.price, true
		}
	}
	return low, ok
}
