package intake

import (
	"slices"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// update brings a product that is in the shop to what the file says, and
// writes only what differs.
func (c *chunk) update(it *item, p *catalog.Product, shelves []db.ID) error {
	changed := false
	note := func(did bool, err error) error {
		changed = changed || did
		return err
	}
	if err := note(c.words(it, p)); err != nil {
		return err
	}
	if err := note(c.core(it, p)); err != nil {
		return err
	}
	if err := note(c.members(it, p, shelves)); err != nil {
		return err
	}
	var all []db.ID
	for _, v := range p.Variants {
		if v.Status != catalog.Removed {
			all = append(all, v.ID)
		}
	}
	var err error
	if c.levels, err = stock.Levels(c.tx, all); err != nil {
		return err
	}
	if c.now, err = pricing.At(c.tx, pricing.Currency, all, c.tx.LegalNow()); err != nil {
		return err
	}
	if c.paid, err = catalog.Costs(c.tx, c.by, all); err != nil {
		return err
	}
	ids := make([]db.ID, len(it.variants))
	claimed := map[db.ID]bool{}
	for i := range it.variants {
		v := &it.variants[i]
		old := match(it, v, p, claimed)
		id, did, err := c.variant(it, v, p, old)
		if err != nil {
			return err
		}
		if id == 0 {
			continue // reported
		}
		claimed[id], ids[i] = true, id
		changed = changed || did
		switch {
		case old == nil:
			c.out.variants.Created++
		case did:
			c.out.variants.Changed++
		default:
			c.out.variants.Unchanged++
		}
	}
	if err := note(c.status(it, p)); err != nil {
		return err
	}
	if changed {
		c.out.products.Changed++
	} else {
		c.out.products.Unchanged++
	}
	if err := c.remember(it, p.ID); err != nil {
		return err
	}
	return c.note(it, p.ID, ids)
}

func (c *chunk) words(it *item, p *catalog.Product) (bool, error) {
	old := p.Texts[catalog.SV]
	want := old
	want.Lang = catalog.SV
	for _, f := range []struct {
		to   *string
		from string
	}{{&want.Title, it.title}, {&want.Description, it.body}, {&want.SEOTitle, it.seoTitle}, {&want.SEODescription, it.seoText}} {
		if t, _ := catalog.CleanText(f.from); t != "" {
			*f.to = t
		}
	}
	if want.Title == old.Title && want.Description == old.Description && want.SEOTitle == old.SEOTitle && want.SEODescription == old.SEODescription {
		return false, nil
	}
	_, err := catalog.SetTexts(c.tx, c.by, p.ID, 0, catalog.Texts{catalog.SV: want})
	return true, err
}

func (c *chunk) core(it *item, p *catalog.Product) (bool, error) {
	want := p.Core
	if t, _ := catalog.CleanText(it.brand); t != "" {
		want.Brand = t
	}
	if it.kind != "" && it.kind != want.Kind && (it.kind != catalog.Goods || want.Kind != catalog.Service) {
		want.Kind = it.kind
		if it.kind == catalog.GiftCard || p.Kind == catalog.GiftCard {
			want.VATClass = "" // the catalogue's rule for its kind
		}
	}
	if want.Brand == p.Brand && want.Kind == p.Kind {
		return false, nil
	}
	_, err := catalog.UpdateProduct(c.tx, c.by, p.ID, 0, want)
	return true, err
}

func (c *chunk) members(it *item, p *catalog.Product, shelves []db.ID) (changed bool, err error) {
	if len(it.tags) > 0 && !slices.Equal(it.tags, p.Tags) {
		if changed = !sameSet(it.tags, p.Tags); changed {
			if _, err = catalog.SetTags(c.tx, c.by, p.ID, 0, it.tags); err != nil {
				return
			}
		}
	}
	if len(shelves) > 0 && !sameSet(shelves, p.Categories) {
		changed = true
		_, err = catalog.SetCategories(c.tx, c.by, p.ID, 0, shelves)
	}
	return
}

func sameSet[T comparable](a, b []T) bool {
	m := map[T]bool{}
	for _, x := range a {
		m[x] = true
	}
	for _, x := range b {
		if !m[x] {
			return false
		}
	}
	return len(m) == len(b)
}

// match finds the variant of p that v is: by SKU, else GTIN, else option values.
func match(it *item, v *variant, p *catalog.Product, claimed map[db.ID]bool) *catalog.Variant {
	find := func(ok func(*catalog.Variant) bool) *catalog.Variant {
		for i := range p.Variants {
			o := &p.Variants[i]
			if o.Status != catalog.Removed && !claimed[o.ID] && ok(o) {
				return o
			}
		}
		return nil
	}
	if v.sku != "" {
		if o := find(func(o *catalog.Variant) bool { return o.SKU == v.sku }); o != nil {
			return o
		}
	}
	if v.gtin != "" {
		if o := find(func(o *catalog.Variant) bool { return o.GTIN == v.gtin }); o != nil {
			return o
		}
	}
	where := places(it, p)
	return find(func(o *catalog.Variant) bool {
		if len(o.Choices) != len(v.values) || where == nil {
			return false
		}
		for i, t := range v.values {
			if o.Choices[where[i]].Value.SV != t {
				return false
			}
		}
		return true
	})
}

// places maps the file's options to the product's: by name, else, where the
// shop has renamed them, by their order. nil when they are not as many.
func places(it *item, p *catalog.Product) []int {
	if len(it.options) != len(p.Options) {
		return nil
	}
	out := make([]int, len(it.options))
	used := map[int]bool{}
	for i, name := range it.options {
		k := slices.IndexFunc(p.Options, func(o catalog.Option) bool { return strings.EqualFold(o.Name.SV, name) })
		if k < 0 {
			k = i
		}
		if used[k] {
			for j := range out {
				out[j] = j
			}
			return out
		}
		out[i], used[k] = k, true
	}
	return out
}

// variant writes one variant; id 0 when it was reported instead.
func (c *chunk) variant(it *item, v *variant, p *catalog.Product, old *catalog.Variant) (id db.ID, changed bool, err error) {
	if old == nil {
		return c.newVariant(it, v, p)
	}
	want := catalog.NewVariant{Status: old.Status, Choices: old.Choices, SKU: old.SKU, GTIN: old.GTIN, WeightG: old.WeightG, SizeMM: old.SizeMM, Content: old.Content,
		Tracked: old.Tracked, Backorder: old.Backorder, MadeToOrder: old.MadeToOrder, LeadDays: old.LeadDays, BGoods: old.BGoods}
	if v.sku != "" {
		want.SKU = v.sku
	}
	if v.gtin != "" {
		want.GTIN = v.gtin
	}
	if v.grams > 0 {
		want.WeightG = v.grams
	}
	for i, mm := range v.size {
		if mm > 0 {
			want.SizeMM[i] = mm
		}
	}
	if v.tracked != unsaid {
		want.Tracked = v.tracked == yes
	}
	if v.backorder != unsaid {
		want.Backorder = v.backorder == yes
	}
	level, ok := c.levels[old.ID]
	if !ok {
		if err := stock.Put(c.tx, c.by, old.ID, old.Tracked, old.Backorder); err != nil {
			return 0, false, err
		}
		level = stock.Level{Variant: old.ID, Tracked: old.Tracked, Backorder: old.Backorder}
	}
	onHand := level.OnHand
	if v.counted && want.Tracked {
		onHand = v.qty
	}
	if want.Tracked && !want.Backorder && onHand < level.Held+level.Allocated {
		c.problem(v.line, cQty, "stock_promised", "promised", level.Held+level.Allocated)
		want.Tracked, want.Backorder, onHand = level.Tracked, level.Backorder, level.OnHand
	}
	if want.SKU != old.SKU || want.GTIN != old.GTIN || want.WeightG != old.WeightG || want.SizeMM != old.SizeMM || want.Tracked != old.Tracked || want.Backorder != old.Backorder {
		if _, _, err := catalog.PutVariant(c.tx, c.by, p.ID, 0, old.ID, want); err != nil {
			return 0, false, err
		}
		changed = true
	}
	if onHand != level.OnHand {
		// While it is not counted any figure stands, so the figure comes first.
		if _, err := stock.SetOnHand(c.tx, c.by, old.ID, onHand); err != nil {
			return 0, false, err
		}
		changed = true
	}
	if want.Tracked != level.Tracked || want.Backorder != level.Backorder {
		if err := stock.Put(c.tx, c.by, old.ID, want.Tracked, want.Backorder); err != nil {
			return 0, false, err
		}
		changed = true
	}
	if v.priced {
		if s, ok := c.now[old.ID]; !ok || s.Price.Amount != v.price {
			c.prices = append(c.prices, pricing.Set{Variant: old.ID, Price: money.New(v.price, pricing.Currency)})
			changed = true
		}
	}
	if now, ok := c.paid[old.ID]; v.cost != nil && (!ok || now != *v.cost) {
		c.bought(old.ID, *v)
		changed = true
	}
	return old.ID, changed, nil
}

// newVariant adds a variant to a product that is there.
func (c *chunk) newVariant(it *item, v *variant, p *catalog.Product) (db.ID, bool, error) {
	where := places(it, p)
	living := slices.ContainsFunc(p.Variants, func(o catalog.Variant) bool { return o.Status != catalog.Removed })
	switch {
	case !v.priced:
		c.problem(v.line, cPrice, "price_required")
		return 0, false, nil
	case where == nil && living:
		c.problem(v.line, "", "other_options")
		return 0, false, nil
	}
	choices := it.choices(*v)
	if where != nil {
		choices = make([]catalog.Choice, len(p.Options))
		for i, k := range where {
			choices[k] = catalog.Choice{Name: p.Options[k].Name, Value: catalog.Localized{SV: v.values[i]}}
		}
	}
	for _, o := range p.Variants {
		same := o.Status != catalog.Removed && len(o.Choices) == len(choices)
		for i := range choices {
			same = same && o.Choices[i].Value.SV == choices[i].Value.SV
		}
		if same { // another row of the file has taken it by its SKU
			c.problem(v.line, "", "variant_taken")
			return 0, false, nil
		}
	}
	id, _, err := catalog.PutVariant(c.tx, c.by, p.ID, 0, 0, catalog.NewVariant{Choices: choices, SKU: v.sku, GTIN: v.gtin, WeightG: v.grams, SizeMM: v.size,
		Tracked: v.isTracked(), Backorder: v.backorder == yes})
	if err != nil {
		return 0, false, err
	}
	if err := stock.Put(c.tx, c.by, id, v.isTracked(), v.backorder == yes); err != nil {
		return 0, false, err
	}
	if v.isTracked() && v.qty > 0 {
		if err := stock.Add(c.tx, c.by, id, v.qty, "import", 0); err != nil {
			return 0, false, err
		}
	}
	c.prices = append(c.prices, pricing.Set{Variant: id, Price: money.New(v.price, pricing.Currency)})
	c.bought(id, *v)
	return id, true, nil
}

// status publishes, hides or archives as the file says. A product that is out
// of sight and lacks facts stays so: mercy is for what comes in for the first time.
func (c *chunk) status(it *item, p *catalog.Product) (bool, error) {
	if it.status == "" || it.status == p.Status {
		return false, nil
	}
	switch it.status {
	case catalog.Published:
		now, err := catalog.AnyByID(c.tx, p.ID)
		if err != nil {
			return false, err
		}
		if missing := catalog.Problems(now); len(missing) > 0 {
			c.problem(it.line, cPublished, "publish_missing", "n", len(missing))
			return false, nil
		}
		_, err = catalog.Publish(c.tx, c.by, p.ID, 0, p.PublishFrom, p.PublishTo)
		return true, err
	case catalog.Archived:
		_, err := catalog.Archive(c.tx, c.by, p.ID, 0)
		return true, err
	}
	_, err := catalog.Unpublish(c.tx, c.by, p.ID, 0)
	return true, err
}
