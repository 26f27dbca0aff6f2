package search

import (
	"context"
	"slices"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/stock"
)

// classOf is the stock class of a product: the best of its variants'.
func classOf(variants []db.ID, levels map[db.ID]stock.Level) string {
	class := StockOut
	for _, v := range variants {
		lv, ok := levels[v]
		if !ok || !lv.Sellable(1) {
			continue
		}
		if !lv.Tracked || lv.Backorder || lv.Available() > FewLeft {
			return StockIn
		}
		class = StockFew
	}
	return class
}

// readStock follows changes of stock alone: a sale must not cost a reading of the
// whole product. It reports whether some product's class is another now.
func (x *Index) readStock(ctx context.Context, changed map[db.ID]bool) (moved bool, err error) {
	of := x.e.siblings(changed)
	products := make([]db.ID, 0, len(of))
	for p := range of {
		products = append(products, p)
	}
	for part := range slices.Chunk(products, 200) {
		var variants []db.ID
		for _, p := range part {
			variants = append(variants, of[p]...)
		}
		levels, err := db.Read(ctx, x.d, func(q *db.Reader) (map[db.ID]stock.Level, error) { return stock.Levels(q, variants) })
		if err != nil {
			return moved, err
		}
		for _, p := range part {
			moved = x.e.restock(p, classOf(of[p], levels)) || moved
		}
	}
	return moved, nil
}

// siblings are the variants on sale of the products that the given variants
// belong to, by product.
func (e *engine) siblings(variants map[db.ID]bool) map[db.ID][]db.ID {
	e.mu.RLock()
	defer e.mu.RUnlock()
	out := map[db.ID][]db.ID{}
	for v := range variants {
		if p := e.owner[v]; p != 0 {
			out[p] = e.docs[e.slots[p]].Variants
		}
	}
	return out
}

// restock gives a product its class and reports whether it is another one.
func (e *engine) restock(product db.ID, class string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.slots[product]
	if !ok || e.docs[s].Stock == class {
		return false
	}
	d := *e.docs[s] // whoever holds the old card goes on reading it
	d.Stock = class
	e.docs[s] = &d
	if class == StockOut {
		e.inStock.clear(s)
	} else {
		e.inStock.set(s)
	}
	return true
}
