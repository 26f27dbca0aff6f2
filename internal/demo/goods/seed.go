package goods

import (
	"context"
	"slices"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/file"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// Seed makes the demo shop's goods, categories, prices, campaigns, codes, stock,
// pictures and, where there are none, ways of delivery. It does nothing when the
// shop has a product. by must be a system principal: prices have a past. All but
// the pictures is one transaction, and pictures without a row are collected, so
// a seeding cut short can be done again.
func Seed(ctx context.Context, d *db.DB, by auth.By, files *file.Files) error {
	empty, err := db.Read(ctx, d, func(q *db.Reader) (bool, error) { return isEmpty(q) })
	if err != nil || !empty {
		return err
	}
	var names []string
	for _, g := range all(d.LegalNow()) {
		for _, p := range g.pictures {
			names = append(names, p.name)
		}
	}
	pics, err := store(ctx, files, names)
	if err != nil {
		return err
	}
	_, _, err = db.WriteBulk(ctx, d, func(tx *db.Tx) (bool, error) {
		empty, err := isEmpty(tx)
		if err != nil || !empty {
			return false, err
		}
		return true, (&seeding{tx: tx, by: by, pics: pics}).run()
	})
	return err
}

func isEmpty(q db.Q) (bool, error) {
	list, err := catalog.ListStaff(q, catalog.Filter{}, 0, 1)
	return len(list) == 0, err
}

// seeding is the one transaction.
type seeding struct {
	tx   *db.Tx
	by   auth.By
	pics map[string]file.Picture

	shelf    map[string]db.ID   // category by handle
	product  map[string]db.ID   // product by handle
	variants map[string][]db.ID // by handle of the product
}

func (s *seeding) run() error {
	gs := ordered(all(s.tx.LegalNow()))
	for _, step := range []func([]good) error{s.shelves, s.goods, s.prices, s.stock, s.sales, s.codes, s.delivery} {
		if err := step(gs); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeding) shelves([]good) error {
	for _, a := range attributes {
		if _, err := catalog.PutAttribute(s.tx, s.by, a); err != nil {
			return err
		}
	}
	s.shelf = map[string]db.ID{}
	for i, h := range shelves {
		id, err := catalog.PutCategory(s.tx, s.by, catalog.Category{Handle: h.handle, Parent: s.shelf[h.parent], Position: int64(i + 1), Texts: h.texts()})
		if err != nil {
			return err
		}
		s.shelf[h.handle] = id
	}
	return nil
}

func (s *seeding) goods(gs []good) error {
	var ns []catalog.NewProduct
	for _, g := range gs {
		n, err := s.product1(g)
		if err != nil {
			return err
		}
		ns = append(ns, n)
	}
	made, err := catalog.InsertMany(s.tx, s.by, ns)
	if err != nil {
		return err
	}
	s.product, s.variants = map[string]db.ID{}, map[string][]db.ID{}
	for i, m := range made {
		s.product[gs[i].handle], s.variants[gs[i].handle] = m.ID, m.Variants
	}
	return nil
}

// product1 is a good as the catalogue takes it.
func (s *seeding) product1(g good) (catalog.NewProduct, error) {
	n := catalog.NewProduct{Core: g.core, Texts: g.texts(), Tags: g.tags, Values: g.values, Publish: true}
	n.Handle = g.handle
	for _, h := range g.categories {
		n.Categories = append(n.Categories, s.shelf[h])
	}
	for _, v := range g.variants {
		x := catalog.NewVariant{SKU: v.sku, WeightG: v.weight, SizeMM: v.size, Content: v.content,
			Tracked: v.mode != untracked, Backorder: v.mode == backorder, MadeToOrder: v.custom, BGoods: v.flaw}
		for i, c := range v.choices {
			x.Choices = append(x.Choices, catalog.Choice{Name: g.options[i], Value: c})
		}
		n.Variants = append(n.Variants, x)
	}
	for _, p := range g.pictures {
		f := s.pics[p.name]
		if err := file.Link(s.tx, f.Hash); err != nil {
			return n, err
		}
		n.Media = append(n.Media, catalog.Media{Kind: p.kind, File: string(f.Hash), Width: int64(f.Width), Height: int64(f.Height), Alt: p.alt})
		of := 0
		if len(p.of) > 0 {
			of = p.of[0]
		}
		n.MediaOf = append(n.MediaOf, of)
	}
	return n, nil
}

func (g good) texts() catalog.Texts {
	return catalog.Texts{catalog.SV: g.sv.text1(), catalog.EN: g.en.text1()}
}

func (w words) text1() catalog.Text {
	return catalog.Text{Title: w.title, Description: w.text, Materials: w.materials, Ingredients: w.ingredients, Allergens: w.allergens, Warnings: w.warnings}
}

// prices writes each history from the day the shop opened.
func (s *seeding) prices(gs []good) error {
	now := s.tx.LegalNow()
	var sets []pricing.Set
	var costs []catalog.Cost
	for _, g := range gs {
		past := histories[g.handle]
		for i, v := range g.variants {
			id := s.variants[g.handle][i]
			since := openedDays
			for _, e := range past {
				sets = append(sets, pricing.Set{Variant: id, Price: money.SEK(e.price), From: midnight(now, -e.days)})
				since = presentSince
			}
			sets = append(sets, pricing.Set{Variant: id, Price: money.SEK(v.price), From: midnight(now, -since)})
			if cost := money.SEK(v.price * 36 / 100); cost.Amount > 0 { // of a price with VAT: a margin as small shops have it
				costs = append(costs, catalog.Cost{Variant: id, Cost: &cost})
			}
		}
	}
	for chunk := range slices.Chunk(sets, 400) {
		if err := pricing.SetPrices(s.tx, s.by, chunk); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(costs, 400) {
		if _, err := catalog.SetCosts(s.tx, s.by, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeding) stock(gs []good) error {
	for _, g := range gs {
		for i, v := range g.variants {
			id := s.variants[g.handle][i]
			if err := stock.Put(s.tx, s.by, id, v.mode != untracked, v.mode == backorder); err != nil {
				return err
			}
			if v.stock == 0 {
				continue
			}
			if _, err := stock.SetOnHand(s.tx, s.by, id, v.stock); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *seeding) sales([]good) error {
	now := s.tx.LegalNow()
	for _, x := range sales {
		c := pricing.Campaign{Name: x.name, To: midnight(now, x.ends)}
		for _, st := range x.steps {
			c.Steps = append(c.Steps, pricing.Step{From: midnight(now, -st[0]), Kind: "percent", Value: int64(st[1]) * 100})
		}
		for _, h := range x.goods {
			c.Targets = append(c.Targets, pricing.Target{Kind: "product", Ref: s.product[h]})
		}
		if _, err := pricing.PutCampaign(s.tx, s.by, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeding) codes([]good) error {
	for _, c := range codes {
		c.From = midnight(s.tx.LegalNow(), -30)
		c.Products = []db.ID{s.product["presentkort"]} // money is not sold at a discount
		if _, err := pricing.PutCode(s.tx, s.by, c); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeding) delivery([]good) error {
	have, err := delivery.Methods(s.tx)
	if err != nil || len(have) > 0 {
		return err
	}
	for i, m := range methods {
		m.Currency, m.CutoffMinute, m.Active, m.Position = pricing.Currency, cutoff, true, i+1
		if _, err := delivery.Put(s.tx, s.by, m); err != nil {
			return err
		}
	}
	return nil
}
