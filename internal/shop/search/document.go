package search

import (
	"context"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// batch reads products with prices and stock in one snapshot and makes
// documents of those that show.
func (x *Index) batch(ctx context.Context, tree *catalog.Tree, read func(db.Q) ([]*catalog.Product, error)) (docs []*Doc, err error) {
	_, err = db.Read(ctx, x.d, func(q *db.Reader) (struct{}, error) {
		docs = nil
		ps, err := read(q)
		if err != nil {
			return struct{}{}, err
		}
		var variants []db.ID
		for _, p := range ps {
			for _, v := range p.Variants {
				variants = append(variants, v.ID)
			}
		}
		at := q.LegalNow()
		prices, err := pricing.Selling(q, x.currency, variants, at)
		if err != nil {
			return struct{}{}, err
		}
		levels, err := stock.Levels(q, variants)
		if err != nil {
			return struct{}{}, err
		}
		next, err := pricing.NextBoundaryOfAll(q, x.country, at)
		if err != nil {
			return struct{}{}, err
		}
		x.mu.Lock()
		if !next.IsZero() && (x.due.IsZero() || next.Before(x.due)) {
			x.due = next
		}
		for _, p := range ps {
			delete(x.later, p.ID)
			if p.Status == catalog.Published && p.PublishFrom.After(at) {
				// It has no document that could fall due.
				x.later[p.ID] = p.PublishFrom
				if x.due.IsZero() || p.PublishFrom.Before(x.due) {
					x.due = p.PublishFrom
				}
			}
		}
		x.mu.Unlock()
		for _, p := range ps {
			if d := doc(p, tree, prices, levels, at); d != nil {
				d.Until = next
				docs = append(docs, d)
			}
		}
		return struct{}{}, nil
	})
	return
}

// doc turns a product into what the index takes; nil when it does not show.
func doc(p *catalog.Product, tree *catalog.Tree, prices map[db.ID]pricing.Price, levels map[db.ID]stock.Level, at time.Time) *Doc {
	if !p.Visible(at) {
		return nil
	}
	sv, en := p.Texts[lang.SV], p.Texts[lang.EN]
	d := &Doc{Card: Card{Product: p.ID, Handle: p.Handle, TitleSV: sv.Title, TitleEN: en.Title, Brand: p.Brand}, Created: p.CreatedAt}
	if pics := p.Pictures(); len(pics) > 0 {
		d.Picture, d.AltSV, d.AltEN = pics[0].File, pics[0].Alt.SV, pics[0].Alt.EN
	}
	chosen, sound := false, p.Sound(func(v db.ID) bool { _, ok := prices[v]; return ok })
	for _, v := range p.Variants {
		price, ok := prices[v.ID]
		if !ok || v.Status != catalog.Active {
			continue
		}
		d.Variants = append(d.Variants, v.ID)
		if sound && v.BGoods.SV != "" {
			// "From" a price means the goods as they should be.
		} else if d.From = d.From || (chosen && price.Price.Amount != d.Price.Amount); !chosen || price.Price.Amount < d.Price.Amount {
			chosen = true
			d.Price, d.Prior, d.Percent = price.Price, price.Prior, price.PercentOff()
			d.UnitPrice, d.Unit = nil, ""
			content := v.Content
			if content == 0 {
				content = p.Content
			}
			if p.Unit != "" {
				if u, ok := pricing.UnitPrice(price.Price, content); ok {
					d.UnitPrice, d.Unit = &u, p.Unit
				}
			}
		}
		if v.SKU != "" {
			d.Texts = append(d.Texts, Field{v.SKU, 20, true})
		}
		if v.GTIN != "" {
			d.Texts = append(d.Texts, Field{v.GTIN, 20, true})
		}
		for _, c := range v.Choices {
			d.Texts = append(d.Texts, Field{c.Value.SV, 4, false}, Field{c.Value.EN, 2, false})
		}
	}
	if len(d.Variants) == 0 {
		return nil
	}
	d.Card.Variants, d.Stock = len(d.Variants), classOf(d.Variants, levels)
	if len(d.Variants) == 1 {
		d.Sole = d.Variants[0]
	}
	d.Texts = append(d.Texts, Field{sv.Title, 12, false}, Field{en.Title, 6, false}, Field{p.Brand, 6, false}, Field{sv.Description, 1, false}, Field{en.Description, 1, false}, Field{sv.Materials, 2, false})
	for _, t := range p.Tags {
		d.Texts = append(d.Texts, Field{t, 4, false})
	}
	seen := map[db.ID]bool{}
	for _, id := range p.Categories {
		if tree == nil {
			break
		}
		for _, c := range tree.Path(id) {
			if !seen[c.ID] {
				seen[c.ID] = true
				d.Categories = append(d.Categories, c.ID)
				d.Texts = append(d.Texts, Field{c.Texts[lang.SV].Title, 5, false}, Field{c.Texts[lang.EN].Title, 3, false})
			}
		}
	}
	for _, v := range p.Values {
		if v.Filter {
			d.Facets = append(d.Facets, Facet{Key: v.Key, Value: v.Value, NameSV: v.Name.SV, NameEN: v.Name.EN, LabelSV: v.Label.SV, LabelEN: v.Label.EN})
		}
		d.Texts = append(d.Texts, Field{v.Label.SV, 2, false})
	}
	if p.Brand != "" {
		d.Facets = append(d.Facets, Facet{Key: "brand", Value: p.Brand, NameSV: "Märke", NameEN: "Brand", LabelSV: p.Brand, LabelEN: p.Brand})
	}
	return d
}
