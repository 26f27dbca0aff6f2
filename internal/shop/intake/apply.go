package intake

import (
	"errors"
	"strconv"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// outcome of one chunk. It is a value of the transaction, which may run twice.
type outcome struct {
	products, variants Count
	notIn              int
	problems, notes    []Problem
	shelves            []string
	pictures           []waiting
}

// rolledBack carries the outcome of a dry run out of its transaction.
type rolledBack struct{ outcome }

func (*rolledBack) Error() string { return "intake: dry run" }

// write brings a chunk in, in one transaction; a dry run undoes it.
func (r *run) write(items []*item) (outcome, error) {
	out, _, err := db.WriteBulk(r.ctx, r.d, func(tx *db.Tx) (outcome, error) {
		c := &chunk{run: r, tx: tx, by: r.by}
		if err := c.bring(items); err != nil {
			return outcome{}, err
		}
		if r.o.DryRun {
			return outcome{}, &rolledBack{c.out}
		}
		return c.out, nil
	})
	var dry *rolledBack
	if errors.As(err, &dry) {
		return dry.outcome, nil
	}
	return out, err
}

// chunk is one transaction's work. It changes nothing of run but by its outcome.
type chunk struct {
	run *run
	tx  *db.Tx
	by  auth.By
	out outcome
	// shelves of this chunk
	tree *catalog.Tree
	// new prices
	prices []pricing.Set
	// what variants cost to buy, where that is news
	costs []catalog.Cost
	// of the product that is being updated
	levels map[db.ID]stock.Level
	now    map[db.ID]pricing.Span
	paid   map[db.ID]money.Money
}

func (c *chunk) problem(line int, of col, code string, kv ...any) {
	c.out.problems = append(c.out.problems, c.entry(line, of, code, kv))
}

func (c *chunk) remark(line int, of col, code string, kv ...any) {
	c.out.notes = append(c.out.notes, c.entry(line, of, code, kv))
}

func (c *chunk) entry(line int, of col, code string, kv []any) Problem {
	args := map[string]any{}
	for i := 0; i+1 < len(kv); i += 2 {
		args[kv[i].(string)] = kv[i+1]
	}
	return Problem{Line: line, Column: c.run.sheet.name(of), Code: code, Args: args}
}

func (c *chunk) bring(items []*item) error {
	var fresh []*item
	var news []catalog.NewProduct
	for _, it := range items {
		copied := *it // the closure may run twice
		copied.variants = append([]variant(nil), it.variants...)
		it = &copied
		p, err := c.resolve(it)
		if err != nil {
			return err
		}
		if len(it.variants) == 0 {
			c.out.notIn++
			continue
		}
		shelves, err := c.shelves(it.shelves)
		if err != nil {
			return err
		}
		if p != nil {
			if err := c.update(it, p, shelves); err != nil {
				return err
			}
			continue
		}
		if !c.complete(it) {
			c.out.notIn++
			continue
		}
		fresh = append(fresh, it)
		news = append(news, it.product(shelves))
	}
	if err := c.create(fresh, news); err != nil {
		return err
	}
	for start := 0; start < len(c.prices); start += 500 {
		if err := pricing.SetPrices(c.tx, c.by, c.prices[start:min(start+500, len(c.prices))]); err != nil {
			return err
		}
	}
	for start := 0; start < len(c.costs); start += 500 {
		if _, err := catalog.SetCosts(c.tx, c.by, c.costs[start:min(start+500, len(c.costs))]); err != nil {
			return err
		}
	}
	return nil
}

// complete reports what a new product cannot be without.
func (c *chunk) complete(it *item) bool {
	if it.title == "" {
		c.problem(it.line, cTitle, "title_required")
		return false
	}
	kept := it.variants[:0]
	for _, v := range it.variants {
		if v.priced {
			kept = append(kept, v)
			continue
		}
		c.problem(v.line, cPrice, "price_required")
	}
	it.variants = kept
	return len(kept) > 0
}

func (c *chunk) create(items []*item, news []catalog.NewProduct) error {
	if len(news) == 0 {
		return nil
	}
	made, err := catalog.InsertMany(c.tx, c.by, news)
	if err != nil {
		return err
	}
	for i, m := range made {
		it := items[i]
		if it.status == catalog.Archived {
			if _, err := catalog.Archive(c.tx, c.by, m.ID, 0); err != nil {
				return err
			}
		}
		for k, v := range it.variants {
			c.prices = append(c.prices, pricing.Set{Variant: m.Variants[k], Price: money.New(v.price, pricing.Currency)})
			c.bought(m.Variants[k], v)
			if err := stock.Put(c.tx, c.by, m.Variants[k], v.isTracked(), v.backorder == yes); err != nil {
				return err
			}
			if v.isTracked() && v.qty > 0 {
				if err := stock.Add(c.tx, c.by, m.Variants[k], v.qty, "import", 0); err != nil {
					return err
				}
			}
		}
		c.out.products.Created++
		c.out.variants.Created += len(it.variants)
		if err := c.remember(it, m.ID); err != nil {
			return err
		}
		if err := c.note(it, m.ID, m.Variants); err != nil {
			return err
		}
	}
	return nil
}

// bought notes what a variant costs to buy, where the file says so.
func (c *chunk) bought(id db.ID, v variant) {
	if v.cost != nil {
		c.costs = append(c.costs, catalog.Cost{Variant: id, Cost: v.cost})
	}
}

// remember keeps what the product was called where it came from.
func (c *chunk) remember(it *item, product db.ID) error {
	for _, s := range it.sources {
		if _, err := c.tx.Exec(`INSERT INTO intake_source (name, product) VALUES ($1,$2) ON CONFLICT (name) DO UPDATE SET product = excluded.product WHERE intake_source.product <> excluded.product`, s, product); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds the product that an item is, or nil for a new one. Variants
// whose codes belong to another product are reported and dropped.
func (c *chunk) resolve(it *item) (*catalog.Product, error) {
	p, err := c.known(it)
	if err != nil {
		return nil, err
	}
	kept := it.variants[:0]
	for _, v := range it.variants {
		var owner db.ID
		if !names(p, v) {
			if owner, err = c.owner(v); err != nil {
				return nil, err
			}
		}
		if owner != 0 && (p == nil || owner != p.ID) {
			if p == nil {
				// The handle is new, but this very variant is in the shop: the same
				// product under another handle.
				if p, err = catalog.AnyByID(c.tx, owner); err != nil {
					return nil, err
				}
				c.remark(it.line, cHandle, "known_as", "handle", p.Handle)
			} else {
				other, err := catalog.AnyByID(c.tx, owner)
				if err != nil {
					return nil, err
				}
				c.problem(v.line, cSKU, "sku_elsewhere", "value", short(v.sku+v.gtin), "handle", other.Handle)
				continue
			}
		}
		kept = append(kept, v)
	}
	it.variants = kept
	return p, nil
}

// names tells that p itself has the variant's SKU, or its GTIN where it has no
// SKU: codes are unique, so no other product need be asked.
func names(p *catalog.Product, v variant) bool {
	if p == nil {
		return false
	}
	for _, o := range p.Variants {
		if o.Status != catalog.Removed && (v.sku != "" && o.SKU == v.sku || v.sku == "" && v.gtin != "" && o.GTIN == v.gtin) {
			return true
		}
	}
	return false
}

// owner is the product with the variant's SKU, else its GTIN; 0 for none.
func (c *chunk) owner(v variant) (db.ID, error) {
	for _, look := range []struct {
		code string
		by   func(db.Q, string) (db.ID, error)
	}{{v.sku, catalog.VariantBySKU}, {v.gtin, catalog.VariantByGTIN}} {
		if look.code == "" {
			continue
		}
		id, err := look.by(c.tx, look.code)
		if fault.Is(err, "not_found") {
			continue
		}
		if err != nil {
			return 0, err
		}
		facts, err := catalog.PriceFactsOf(c.tx, []db.ID{id})
		return facts[id].Product, err
	}
	return 0, nil
}

// known finds the product by what names it in the file.
func (c *chunk) known(it *item) (*catalog.Product, error) {
	if c.run.sheet.format == WooCommerce {
		// By its variants first: names are no keys.
		for _, v := range it.variants {
			owner, err := c.owner(v)
			if err != nil {
				return nil, err
			}
			if owner != 0 {
				return catalog.AnyByID(c.tx, owner)
			}
		}
		for _, s := range it.sources {
			var id db.ID
			err := c.tx.QueryRow(`SELECT product FROM intake_source WHERE name = $1`, s).Scan(&id)
			if errors.Is(err, db.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			p, err := catalog.AnyByID(c.tx, id)
			if err == nil && !strangers(it, p) {
				return p, nil
			}
			if err != nil && !fault.Is(err, "not_found") {
				return nil, err
			}
		}
	}
	p, err := catalog.AnyByHandle(c.tx, it.handle)
	if fault.Is(err, "not_found") {
		var now string
		_, now, err = catalog.ByHandle(c.tx, it.handle)
		switch {
		case fault.Is(err, "not_found"):
			return nil, nil
		case err != nil:
			return nil, err
		}
		p, err = catalog.AnyByHandle(c.tx, now)
	}
	if err != nil {
		return nil, err
	}
	if c.run.sheet.format == WooCommerce && strangers(it, p) {
		it.handle = c.run.otherHandle(it)
		p, err = catalog.AnyByHandle(c.tx, it.handle)
		if fault.Is(err, "not_found") {
			return nil, nil
		}
	}
	return p, err
}

// otherHandle is for a product whose name another one has already.
func (r *run) otherHandle(it *item) string {
	tail := strconv.Itoa(it.line)
	if len(it.sources) > 0 {
		tail = it.sources[len(it.sources)-1]
	}
	h := it.handle
	if len(h) > 60 {
		h = h[:60]
	}
	return catalog.MakeHandle(h + " " + tail)
}

// strangers tells that both have SKUs and share none: they are two products
// with one name.
func strangers(it *item, p *catalog.Product) bool {
	mine := map[string]bool{}
	for _, v := range it.variants {
		if v.sku != "" {
			mine[v.sku] = true
		}
	}
	theirs := 0
	for _, v := range p.Variants {
		if v.Status == catalog.Removed || v.SKU == "" {
			continue
		}
		if theirs++; mine[v.SKU] {
			return false
		}
	}
	return theirs > 0 && len(mine) > 0
}
