package catalog

import (
	"fmt"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// NewProduct is a whole product to be. Media name a variant by its place in
// Variants plus one in MediaOf (0 or short: the whole product).
type NewProduct struct {
	Core
	Texts      Texts
	Variants   []NewVariant
	Media      []Media
	MediaOf    []int
	Categories []db.ID
	Tags       []string
	Values     []NewValue
	// Publish asks for it to show between the dates. With facts missing it
	// stays a draft, unless Owed.
	Publish                bool
	PublishFrom, PublishTo time.Time
	// Owed lets goods that come from another shop's export show although facts
	// are missing (a title and a variant they must have). The back office lists
	// the debt. Nothing but an import sets it.
	Owed bool
}

// Created is a product that was made.
type Created struct {
	ID       db.ID
	Handle   string
	Variants []db.ID       // in the order given
	Problems []fault.Field // what is missing
	Shows    bool          // published and complete, or owed
}

// Check cleans n and reports what is wrong with it by itself, without the
// database: importers call it first, so that one bad product does not stop a
// chunk. fault.Invalid.
func (n *NewProduct) Check() error {
	var f fault.Fields
	n.check(&f, "")
	return f.Err()
}

func (n *NewProduct) check(f *fault.Fields, at string) {
	if n.Texts == nil {
		n.Texts = Texts{}
	}
	n.Core.check(f, at)
	n.Texts.check(f, at)
	if len(n.Variants) > maxList {
		f.Add(at+"/variants", "too_many")
	}
	if len(n.Media) > maxList {
		f.Add(at+"/media", "too_many")
	}
	skus, gtins, keys := map[string]bool{"": true}, map[string]bool{"": true}, map[string]bool{}
	for i := range n.Variants {
		v, p := &n.Variants[i], fmt.Sprintf("%s/variants/%d", at, i)
		v.check(f, p)
		if v.SKU != "" && skus[v.SKU] {
			f.Add(p+"/sku", "taken")
		}
		if v.GTIN != "" && gtins[v.GTIN] {
			f.Add(p+"/gtin", "taken")
		}
		if !sameOptions(n.Variants[0].Choices, v.Choices) {
			f.Add(p+"/choices", "other_options")
		}
		key := ""
		for _, c := range sortedChoices(v.Choices) {
			key += c.Name.SV + "\x00" + c.Value.SV + "\x00"
		}
		if keys[key] {
			f.Add(p+"/choices", "taken")
		}
		skus[v.SKU], gtins[v.GTIN], keys[key] = true, true, true
	}
	for i := range n.Media {
		n.Media[i].check(f, fmt.Sprintf("%s/media/%d", at, i))
		if i < len(n.MediaOf) && (n.MediaOf[i] < 0 || n.MediaOf[i] > len(n.Variants)) {
			f.Add(fmt.Sprintf("%s/media/%d/variant", at, i), "unknown")
		}
	}
	n.Categories = distinct(n.Categories)
	n.Tags = cleanTags(f, at+"/tags", n.Tags)
	if !n.PublishFrom.IsZero() && !n.PublishTo.IsZero() && !n.PublishTo.After(n.PublishFrom) {
		f.Add(at+"/publish_to", "before_from")
	}
}

func sortedChoices(cs []Choice) []Choice {
	out := slices.Clone(cs)
	slices.SortFunc(out, func(a, b Choice) int {
		if a.Name.SV < b.Name.SV {
			return -1
		}
		return 1
	})
	return out
}

func sameOptions(a, b []Choice) bool {
	if len(a) != len(b) {
		return false
	}
	x, y := sortedChoices(a), sortedChoices(b)
	for i := range x {
		if x[i].Name.SV != y[i].Name.SV {
			return false
		}
	}
	return true
}

// InsertMany makes products with few statements: the way of imports and of the
// demo, up to 50 a call through WriteBulk. It makes all or none. Errors:
// fault.Denied; fault.Invalid with pointers "/0/handle", "/3/variants/1/sku".
func InsertMany(tx *db.Tx, by auth.By, ns []NewProduct) ([]Created, error) {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return nil, err
	}
	// The closure may run twice: what the caller gave is not changed.
	ns = slices.Clone(ns)
	var f fault.Fields
	if len(ns) > 200 {
		f.Add("", "too_many")
	}
	for i := range ns {
		n := &ns[i]
		t := Texts{}
		for l, x := range n.Texts {
			t[l] = x
		}
		n.Texts, n.Variants, n.Media = t, slices.Clone(n.Variants), slices.Clone(n.Media)
		for k := range n.Variants {
			n.Variants[k].Choices = slices.Clone(n.Variants[k].Choices)
		}
		n.check(&f, fmt.Sprintf("/%d", i))
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	if err := nameAll(tx, ns); err != nil {
		return nil, err
	}
	b := batch{tx: tx}
	var err error
	if b.attrs, err = Attributes(tx); err != nil {
		return nil, err
	}
	if b.tree, err = Categories(tx); err != nil {
		return nil, err
	}
	out := make([]Created, len(ns))
	for i := range ns {
		out[i] = b.add(&f, fmt.Sprintf("/%d", i), &ns[i])
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	if err := b.write(); err != nil {
		return nil, taken(err, "/handle")
	}
	if len(out) > 0 { // one entry a chunk: ids rise, so first and last name them all
		if err := record(tx, by, "product.create", EntityProduct, out[0].ID, fmt.Sprintf("%d products to %s", len(out), out[len(out)-1].ID)); err != nil {
			return nil, err
		}
	}
	for _, c := range out {
		if err := tx.Changed(EntityProduct, c.ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// nameAll gives handles to those without, and reports handles, SKUs and GTINs
// that are in use.
func nameAll(tx *db.Tx, ns []NewProduct) error {
	var f fault.Fields
	mine := map[string]bool{}
	codes := map[string]string{}
	for i := range ns {
		n := &ns[i]
		at := fmt.Sprintf("/%d", i)
		if n.Handle == "" {
			h, err := freeHandle(tx, MakeHandle(n.Texts[SV].Title), mine)
			if err != nil {
				return err
			}
			n.Handle = h
		} else if err := free(tx, EntityProduct, n.Handle); err != nil {
			if fault.As(err) == nil {
				return err
			}
			f.Add(at+"/handle", "taken")
		}
		if mine[n.Handle] {
			f.Add(at+"/handle", "taken")
		}
		mine[n.Handle] = true
		for k, v := range n.Variants {
			p := fmt.Sprintf("%s/variants/%d", at, k)
			for _, c := range []struct{ at, code string }{{p + "/sku", v.SKU}, {p + "/gtin", v.GTIN}} {
				if c.code == "" {
					continue
				}
				key := c.at[len(p):] + c.code
				if codes[key] != "" {
					f.Add(c.at, "taken")
				}
				codes[key] = c.at
			}
			if err := unused(tx, 0, v.SKU, v.GTIN); err != nil {
				e := fault.As(err)
				if e == nil {
					return err
				}
				f.Add(p+e.Fields[0].Pointer, "taken")
			}
		}
	}
	return f.Err()
}

// batch collects rows by table.
type batch struct {
	tx    *db.Tx
	attrs []Attribute
	tree  *Tree

	products, texts, opts, optValues, variants, media, members, values [][]any
	handles                                                            []string
}

func (b *batch) add(f *fault.Fields, at string, n *NewProduct) Created {
	tx := b.tx
	p := &Product{ID: tx.NewID(), Core: n.Core, Texts: n.Texts}
	c := Created{ID: p.ID, Handle: n.Handle}
	b.handles = append(b.handles, n.Handle)
	for _, t := range n.Texts {
		b.texts = append(b.texts, t.row(p.ID))
	}
	for i, v := range n.Variants {
		key := b.place(p, v)
		id := tx.NewID()
		c.Variants = append(c.Variants, id)
		b.variants = append(b.variants, v.row(tx, id, p.ID, i, key))
		p.Variants = append(p.Variants, Variant{ID: id, Status: v.Status, Content: v.Content})
	}
	for i, m := range n.Media {
		if i < len(n.MediaOf) && n.MediaOf[i] > 0 {
			m.Variant = c.Variants[n.MediaOf[i]-1]
		}
		b.media = append(b.media, m.row(tx.NewID(), p.ID, i))
		p.Media = append(p.Media, m)
	}
	for i, id := range n.Categories {
		if b.tree.Get(id) == nil {
			f.Add(at+"/categories", "unknown")
		}
		// 0: as long as there has been such a product.
		b.members = append(b.members, []any{tx.NewID(), p.ID, id, "", i, 0})
	}
	for i, t := range n.Tags {
		b.members = append(b.members, []any{tx.NewID(), p.ID, 0, t, i, 0})
	}
	b.values = append(b.values, valueRows(f, at+"/values", b.attrs, p.ID, n.Values)...)

	p.Demands = unpackRegimes(packRegimes(append(slices.Clone(n.Regimes), b.tree.regimes(n.Categories)...)))
	c.Problems = Problems(p)
	complete := len(c.Problems) == 0
	owed := n.Publish && n.Owed && !complete && len(essential(c.Problems)) == 0
	status := Draft
	if n.Publish && (complete || owed) {
		status, c.Shows = Published, true
	}
	core := n.Core.args()
	row := append([]any{p.ID, 1, plain(status), n.PublishFrom, n.PublishTo, complete, owed, packRegimes(p.Demands), tx.Now(), tx.Now()}, core...)
	b.products = append(b.products, row)
	return c
}

// place is placeVariant for a product that is being made.
func (b *batch) place(p *Product, v NewVariant) string {
	if len(p.Variants) == 0 {
		for i, c := range v.Choices {
			o := Option{ID: b.tx.NewID(), Name: c.Name}
			p.Options = append(p.Options, o)
			b.opts = append(b.opts, []any{o.ID, p.ID, i, c.Name.SV, c.Name.EN})
		}
	}
	key := make([]db.ID, len(p.Options))
	for i := range p.Options {
		o := &p.Options[i]
		want := v.Choices[slices.IndexFunc(v.Choices, func(c Choice) bool { return c.Name.SV == o.Name.SV })].Value
		at := slices.IndexFunc(o.Values, func(w OptionValue) bool { return w.Label.SV == want.SV })
		if at < 0 {
			at = len(o.Values)
			w := OptionValue{b.tx.NewID(), want}
			o.Values = append(o.Values, w)
			b.optValues = append(b.optValues, []any{w.ID, o.ID, at, want.SV, want.EN})
		}
		key[i] = o.Values[at].ID
	}
	return optionKey(key)
}

func (b *batch) write() error {
	for _, h := range b.handles {
		if _, err := b.tx.Exec(`DELETE FROM catalog_redirect WHERE kind = 'product' AND handle = $1`, h); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		table, cols string
		rows        [][]any
	}{
		{"catalog_product", `id, version, status, publish_from, publish_to, complete, owed, demands, created_at, updated_at, ` + coreCols, b.products},
		{"catalog_text", textCols, b.texts},
		{"catalog_option", optionCols, b.opts},
		{"catalog_option_value", optionValueCols, b.optValues},
		{"catalog_variant", variantInsertCols, b.variants},
		{"catalog_media", mediaCols, b.media},
		{"catalog_member", memberCols, b.members},
		{"catalog_value", valueCols, b.values},
	} {
		if err := insertRows(b.tx, t.table, t.cols, t.rows); err != nil {
			return err
		}
	}
	return nil
}
