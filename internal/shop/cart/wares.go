package cart

import (
	"maps"
	"sync"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
)

// Terms are what holds for the whole shop: VAT rates, ways of delivery, the tree of
// shelves. Shared: read only.
type Terms struct {
	Rates   pricing.RateTable
	Methods []delivery.Method
	Tree    *catalog.Tree
}

// Ware is a product with the prices of its variants. Shared: read only. It is a
// product in any state; who shows it asks Visible first.
type Ware struct {
	Product *catalog.Product
	Prices  map[db.ID]pricing.Price
}

// memory is what lists and product pages need again and again. It follows the rules
// of the Shelf: let go of what the feed names, and of all at the next instant at
// which the clock changes something.
type memory struct {
	mu    sync.RWMutex
	gen   uint64    // rises with each change
	last  time.Time // of the last change
	until time.Time
	terms *Terms
	wares map[db.ID]Ware
}

// maxWares bounds the memory: some 40 MB at the most.
const maxWares = 5000

// changed lets go of one product, or of all.
func (m *memory) changed(c db.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gen++
	m.last = time.Now()
	if c.Entity == catalog.EntityProduct {
		delete(m.wares, c.ID)
		return
	}
	m.terms, m.wares = nil, nil
}

// Terms reads what holds for the whole shop, from memory where it is known.
func (s *Shelf) Terms(q db.Q) (Terms, error) {
	m := &s.memory
	at := q.LegalNow()
	m.mu.RLock()
	gen, known := m.gen, m.terms
	live := m.until.After(at)
	m.mu.RUnlock()
	if live && known != nil {
		return *known, nil
	}
	var t Terms
	var err error
	if t.Rates, err = pricing.Rates(q, s.Country); err != nil {
		return t, err
	}
	if t.Methods, err = delivery.Methods(q); err != nil {
		return t, err
	}
	if t.Tree, err = catalog.Categories(q); err != nil {
		return t, err
	}
	return t, s.remember(q, gen, func() { m.terms = &t })
}

// Wares reads products (at most 256) with what they cost now, from memory where
// they are known. Unknown ids are left out.
func (s *Shelf) Wares(q db.Q, currency string, ids []db.ID) (map[db.ID]Ware, error) {
	m := &s.memory
	at := q.LegalNow()
	out := make(map[db.ID]Ware, len(ids))
	var missing []db.ID
	m.mu.RLock()
	gen := m.gen
	live := m.until.After(at)
	for _, id := range ids {
		if w, ok := m.wares[id]; ok && live {
			out[id] = w
		} else {
			missing = append(missing, id)
		}
	}
	m.mu.RUnlock()
	if len(missing) == 0 {
		return out, nil
	}
	ps, err := catalog.ByIDs(q, missing)
	if err != nil {
		return nil, err
	}
	var variants []db.ID
	for _, p := range ps {
		for _, v := range p.Variants {
			variants = append(variants, v.ID)
		}
	}
	prices, err := pricing.Selling(q, currency, variants, at)
	if err != nil {
		return nil, err
	}
	fresh := make(map[db.ID]Ware, len(ps))
	for _, p := range ps {
		w := Ware{p, make(map[db.ID]pricing.Price, len(p.Variants))}
		for _, v := range p.Variants {
			if price, ok := prices[v.ID]; ok {
				w.Prices[v.ID] = price
			}
		}
		fresh[p.ID] = w
	}
	maps.Copy(out, fresh)
	return out, s.remember(q, gen, func() {
		if m.wares == nil {
			m.wares = map[db.ID]Ware{}
		}
		for id, w := range fresh {
			for old := range m.wares {
				if len(m.wares) < maxWares {
					break
				}
				delete(m.wares, old) // whichever
			}
			m.wares[id] = w
		}
	})
}

// remember keeps what was read, unless something changed since or the snapshot may
// be older than the last change.
func (s *Shelf) remember(q db.Q, gen uint64, keep func()) error {
	m := &s.memory
	at := q.LegalNow()
	m.mu.RLock()
	live := m.until.After(at)
	m.mu.RUnlock()
	until := time.Time{}
	if !live {
		next, err := pricing.NextBoundaryOfAll(q, s.Country, at)
		if err != nil {
			return err
		}
		if until = at.Add(time.Minute); !next.IsZero() && next.Before(until) {
			until = next
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gen != gen || !q.Now().After(m.last) {
		return nil
	}
	if !m.until.After(at) {
		if until.IsZero() {
			return nil // it ran out this moment
		}
		m.terms, m.wares, m.until = nil, nil, until
	}
	keep()
	return nil
}
