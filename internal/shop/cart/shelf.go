package cart

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
)

// Shelf looks up what a cart's view is computed from, and remembers goods,
// prices, VAT rates and delivery methods between changes: SQLite's readers
// lose their pages at every commit, and each cart would read the same rows anew.
//
// What is remembered goes when the change feed names it, and all of it at the
// next instant at which a price, campaign, rate or publication changes by the
// clock. On one node that makes it exact; a second node may be 250 ms behind,
// so a purchase never uses it (see Fresh). Stock is never remembered.
type Shelf struct {
	Country string // whose VAT applies

	mu      sync.RWMutex
	gen     uint64    // rises with each change: what was read before it is not kept
	last    time.Time // of the last change: nor what an older snapshot reads after it
	until   time.Time
	goods   map[db.ID]item
	rates   *pricing.RateTable
	methods []delivery.Method

	memory memory // of lists and product pages
}

type item struct {
	info  catalog.VariantInfo
	price pricing.Price
	has   bool // there is a price
	facts catalog.Localized
}

// maxShelf bounds the memory: about 100 MB at the most.
const maxShelf = 50_000

// Changed lets go of what changed; register it with the database's feed.
func (s *Shelf) Changed(cs []db.Change) {
	for _, c := range cs {
		switch c.Entity {
		case catalog.EntityProduct, catalog.EntityCategory, catalog.EntityAttribute, pricing.EntityCampaign, pricing.EntityVAT, "delivery":
			s.memory.changed(c)
			s.mu.Lock()
			s.gen++
			s.last = time.Now()
			s.drop()
			s.mu.Unlock()
		}
	}
}

func (s *Shelf) drop() {
	s.goods, s.rates, s.methods, s.until = nil, nil, nil, time.Time{}
}

// found is what the view needs.
type found struct {
	goods   map[db.ID]item
	rates   pricing.RateTable
	methods []delivery.Method
}

// look reads goods, rates and methods, from memory where fresh is false.
func (s *Shelf) look(q db.Q, currency string, ids []db.ID, fresh bool) (found, error) {
	at := q.LegalNow()
	f := found{goods: make(map[db.ID]item, len(ids))}
	var missing []db.ID
	s.mu.RLock()
	gen := s.gen
	live := !fresh && s.until.After(at)
	if live && s.rates != nil {
		f.rates, f.methods = *s.rates, s.methods
	} else {
		live = false
	}
	for _, id := range ids {
		if it, ok := s.goods[id]; ok && live {
			f.goods[id] = it
		} else {
			missing = append(missing, id)
		}
	}
	s.mu.RUnlock()
	if live && len(missing) == 0 {
		return f, nil
	}
	if !live {
		var err error
		if f.rates, err = pricing.Rates(q, s.Country); err != nil {
			return f, err
		}
		if f.methods, err = delivery.Methods(q); err != nil {
			return f, err
		}
	}
	infos, err := catalog.VariantForSale(q, missing)
	if err != nil {
		return f, err
	}
	prices, err := pricing.Selling(q, currency, missing, at)
	if err != nil {
		return f, err
	}
	facts, err := s.facts(q, infos)
	if err != nil {
		return f, err
	}
	for _, id := range missing {
		p, ok := prices[id]
		if i, known := infos[id]; known {
			f.goods[id] = item{i, p, ok, facts[i.Product]}
		}
	}
	if fresh {
		return f, nil
	}
	// Also from within a writing transaction: carts change no goods. Should a
	// neighbour's change in the same group commit be undone, what was read of it
	// goes within the minute, and no purchase has used it.
	until := at.Add(time.Minute)
	if next, err := pricing.NextBoundaryOfAll(q, s.Country, at); err != nil {
		return f, err
	} else if !next.IsZero() && next.Before(until) {
		until = next
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen != gen || !q.Now().After(s.last) {
		return f, nil
	}
	if !live || len(s.goods) > maxShelf {
		s.drop()
		s.until = until
	}
	if s.goods == nil {
		s.goods = map[db.ID]item{}
	}
	s.rates, s.methods = &f.rates, f.methods
	for _, id := range missing {
		if it, ok := f.goods[id]; ok {
			s.goods[id] = it
		}
	}
	return f, nil
}

// ForSale reports whether a variant is sold at all right now.
func (s *Shelf) ForSale(q db.Q, currency string, variant db.ID) (bool, error) {
	f, err := s.look(q, currency, []db.ID{variant}, false)
	if err != nil {
		return false, err
	}
	it, ok := f.goods[variant]
	return ok && it.has && it.info.Sellable, nil
}

// facts are the main characteristics of the products, one sentence each, which
// the buyer sees beside the button and in the confirmation (distansavtalslagen
// 2 kap. 2 § 2).
func (s *Shelf) facts(q db.Q, infos map[db.ID]catalog.VariantInfo) (map[db.ID]catalog.Localized, error) {
	out := map[db.ID]catalog.Localized{}
	var ids []db.ID
	for _, i := range infos {
		if _, ok := out[i.Product]; !ok {
			out[i.Product] = catalog.Localized{}
			ids = append(ids, i.Product)
		}
	}
	texts, err := catalog.Descriptions(q, ids)
	if err != nil {
		return nil, err
	}
	for id, t := range texts {
		out[id] = catalog.Localized{SV: firstSentence(t.SV), EN: firstSentence(t.EN)}
	}
	return out, nil
}

// maxFacts is the longest sentence kept, in bytes.
const maxFacts = 240

// firstSentence takes the words up to the first full stop that ends a sentence,
// without the marks of Markdown.
func firstSentence(s string) string {
	s = strings.NewReplacer("*", "", "_", "", "#", "", "`", "", "\n", " ").Replace(strings.TrimSpace(s))
	if i := strings.Index(s, ". "); i >= 0 {
		s = s[:i+1]
	}
	if len(s) > maxFacts {
		cut := maxFacts
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = strings.TrimSpace(s[:cut]) + "…"
	}
	return strings.Join(strings.Fields(s), " ")
}
