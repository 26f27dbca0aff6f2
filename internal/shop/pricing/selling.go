package pricing

import (
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
)

// Price is what a variant costs at an instant.
type Price struct {
	Price   money.Money // what the buyer pays for one, VAT included
	Regular money.Money // without campaigns; not a prior price, not to be shown as one
	// Reduced says that the price may be announced as reduced; then Prior is the
	// lowest price of the 30 days before, to be shown with it, except for
	// perishables, which need none (nil). A campaign price that is not below
	// Prior is charged, but is no reduction.
	Reduced  bool
	Prior    *money.Money
	Campaign db.ID // 0: none
	Name     catalog.Localized
	Until    time.Time // when the campaign ends; zero: not said
}

// PercentOff is the reduction in whole percent, rounded down, measured from the
// prior price (never from the regular one); 0 where there is none to claim.
func (p Price) PercentOff() int64 {
	if !p.Reduced || p.Prior == nil || p.Prior.Amount <= 0 {
		return 0
	}
	return (p.Prior.Amount - p.Price.Amount) * 100 / p.Prior.Amount
}

// Selling returns what the variants cost at an instant of the legal clock. A
// variant without a price is not in the map, and cannot be sold. Without a
// campaign in force it is two queries; with one, some more.
func Selling(q db.Q, currency string, variants []db.ID, at time.Time) (map[db.ID]Price, error) {
	out := make(map[db.ID]Price, len(variants))
	if len(variants) == 0 {
		return out, nil
	}
	now, err := At(q, currency, variants, at)
	if err != nil {
		return nil, err
	}
	for id, s := range now {
		out[id] = Price{Price: s.Price, Regular: s.Price}
	}
	on, err := campaigns(q, ` WHERE valid_from <= $1 AND (valid_to IS NULL OR valid_to > $1)`, at)
	if err != nil || len(on) == 0 {
		return out, err
	}
	facts, stays, err := bearing(q, variants, time.Time{})
	if err != nil {
		return nil, err
	}
	// Histories only of those that a campaign bears on now.
	var hit []db.ID
	first := at
	for _, id := range variants {
		if _, ok := now[id]; !ok {
			continue
		}
		h := history{prices: []Span{now[id]}, sales: salesOf(on, id, facts[id].Product, stays)}
		if g, ok := h.at(at); ok && g.sale != nil {
			hit = append(hit, id)
			if g.sale.steps[0].From.Before(first) {
				first = g.sale.steps[0].From
			}
		}
	}
	if len(hit) == 0 {
		return out, nil
	}
	since := lookBack(first)
	past, err := campaigns(q, ` WHERE valid_from <= $1 AND (valid_to IS NULL OR valid_to > $2)`, at, since)
	if err != nil {
		return nil, err
	}
	prices, err := spansSince(q, hit, since)
	if err != nil {
		return nil, err
	}
	for _, id := range hit {
		h := history{prices: prices[priceKey{id, currency}], sales: salesOf(past, id, facts[id].Product, stays), perishable: facts[id].Perishable}
		out[id] = h.priceAt(at)
	}
	return out, nil
}

// priceAt is the Price at t; the history must have a regular price then.
func (h *history) priceAt(t time.Time) Price {
	g, ok := h.at(t)
	if !ok {
		return Price{}
	}
	p := Price{Price: g.price, Regular: g.regular}
	if g.sale == nil {
		return p
	}
	p.Campaign, p.Name, p.Until = g.sale.id, g.sale.name, g.sale.to
	if h.perishable {
		p.Reduced = true
		return p
	}
	if low, ok := h.prior(t); ok && g.price.Amount < low.Amount {
		p.Reduced, p.Prior = true, &low
	}
	return p
}

// bearing reads what ties the variants to campaigns.
func bearing(q db.Q, variants []db.ID, since time.Time) (map[db.ID]catalog.PriceFacts, map[db.ID][]catalog.Member, error) {
	facts, err := catalog.PriceFactsOf(q, variants)
	if err != nil {
		return nil, nil, err
	}
	seen := map[db.ID]bool{}
	var products []db.ID
	for _, f := range facts {
		if !seen[f.Product] {
			seen[f.Product] = true
			products = append(products, f.Product)
		}
	}
	ms, err := catalog.Members(q, products, since)
	if err != nil {
		return nil, nil, err
	}
	stays := map[db.ID][]catalog.Member{}
	for _, m := range ms {
		stays[m.Product] = append(stays[m.Product], m)
	}
	return facts, stays, nil
}

// salesOf are the campaigns that bear on a variant at some time.
func salesOf(cs []Campaign, variant, product db.ID, members map[db.ID][]catalog.Member) []sale {
	var out []sale
	for i := range cs {
		c := &cs[i]
		always, when := false, []stay(nil)
		for _, t := range c.Targets {
			switch t.Kind {
			case "all":
				always = true
			case "product":
				always = always || t.Ref == product
			case "variant":
				always = always || t.Ref == variant
			case "tag":
				for _, m := range members[product] {
					if m.Category == 0 && m.Tag == t.Tag {
						when = append(when, stay{m.From, m.To})
					}
				}
			}
		}
		for _, shelf := range c.shelves {
			for _, m := range members[product] {
				if m.Category == shelf && shelf != 0 {
					when = append(when, stay{m.From, m.To})
				}
			}
		}
		if !always && when == nil {
			continue
		}
		if always {
			when = nil
		}
		out = append(out, sale{c.ID, c.Name, c.Priority, c.Steps, c.To, when})
	}
	return out
}

// NextBoundary is the first instant after the given one at which what a page
// says about the product may change by the clock alone: a price, a campaign, a
// VAT rate, its publication. Zero: none is known. It may be too early, never
// too late: every campaign's boundaries count.
func NextBoundary(q db.Q, product db.ID, country string, after time.Time) (time.Time, error) {
	variants, class, err := catalog.VariantsOf(q, product)
	if err != nil {
		return time.Time{}, err
	}
	var next time.Time
	err = in(q, variants, `SELECT min(CASE WHEN valid_from > $1 THEN valid_from ELSE valid_to END) FROM pricing_price WHERE (valid_from > $1 OR valid_to > $1) AND variant IN (?)`, []any{after.UnixMicro()}, func(r *db.Rows) error {
		var t time.Time
		err := r.Scan(&t)
		next = earlier(next, t)
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	return rest(q, product, country, class, after, next)
}

// NextBoundaryOfAll is NextBoundary for pages that show many products.
func NextBoundaryOfAll(q db.Q, country string, after time.Time) (time.Time, error) {
	var next time.Time
	// A row's end is another's beginning, or the end of a plan that nothing
	// follows, which SetPrices does not make.
	if err := q.QueryRow(`SELECT min(valid_from) FROM pricing_price WHERE valid_from > $1`, after.UnixMicro()).Scan(&next); err != nil {
		return time.Time{}, err
	}
	return rest(q, 0, country, "", after, next)
}

func rest(q db.Q, product db.ID, country, class string, after, next time.Time) (time.Time, error) {
	for _, text := range []string{
		`SELECT min(valid_from) FROM pricing_campaign WHERE valid_from > $1`,
		`SELECT min(valid_to) FROM pricing_campaign WHERE valid_to > $1`,
		`SELECT min(s.valid_from) FROM pricing_step s JOIN pricing_campaign c ON c.id = s.campaign WHERE s.valid_from > $1 AND (c.valid_to IS NULL OR c.valid_to > $1)`,
	} {
		var t time.Time
		if err := q.QueryRow(text, after.UnixMicro()).Scan(&t); err != nil {
			return time.Time{}, err
		}
		next = earlier(next, t)
	}
	rates, err := Rates(q, country)
	if err != nil {
		return time.Time{}, err
	}
	next = earlier(next, rates.next(class, after))
	pub, err := catalog.NextPublication(q, product, after)
	return earlier(next, pub), err
}
