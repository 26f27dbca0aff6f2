package goods

import (
	"context"
	"fmt"
	"math/rand/v2"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

const (
	fillChunk = 50
	fillSeed  = 559999
)

// Fill makes n made-up goods beside those that Seed made: for measuring, and for
// seeing a large shop. They are plain goods that can be bought. The same n gives
// the same goods; a fill that was cut short continues, one that is done does
// nothing. progress may be nil; it is called after each chunk. Pictures are those
// of the seeded goods.
func Fill(ctx context.Context, d *db.DB, n int, progress func(done, of int)) error {
	if n <= 0 {
		return nil
	}
	f := &filling{by: auth.System("demo")}
	if _, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (struct{}, error) { return struct{}{}, f.prepare(tx) }); err != nil {
		return err
	}
	from, err := filled(ctx, d, n)
	if err != nil {
		return err
	}
	begun := from
	for from < n {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(n, from+fillChunk)
		if _, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (struct{}, error) { return struct{}{}, f.chunk(tx, from, to) }); err != nil {
			return fmt.Errorf("goods: fill from %d: %w", from, err)
		}
		from = to
		if progress != nil {
			progress(from, n)
		}
	}
	if from-begun < 1000 {
		return nil
	}
	return db.Grown(ctx, d)
}

func fillSKU(i, variant int) string { return fmt.Sprintf("FX-%07d-%d", i, variant+1) }

// filled is how many are there: chunks are written in order, each whole, so a
// search by halves finds the first that is missing.
func filled(ctx context.Context, d *db.DB, n int) (int, error) {
	return db.Read(ctx, d, func(q *db.Reader) (int, error) {
		lo, hi := 0, n
		for lo < hi {
			mid := (lo + hi) / 2
			_, err := catalog.VariantBySKU(q, fillSKU(mid, 0))
			switch {
			case err == nil:
				lo = mid + 1
			case fault.Is(err, "not_found"):
				hi = mid
			default:
				return 0, err
			}
		}
		return lo, nil
	})
}

// filling is what chunks share. Read-only once prepared.
type filling struct {
	by    auth.By
	shelf map[string]db.ID
	pics  map[string]catalog.Media
}

// prepare makes the shelves and attributes that are missing and looks up the pictures.
func (f *filling) prepare(tx *db.Tx) error {
	f.shelf, f.pics = map[string]db.ID{}, map[string]catalog.Media{}
	have, err := catalog.Attributes(tx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, a := range have {
		known[a.Key] = true
	}
	for _, a := range attributes {
		if !known[a.Key] {
			if _, err := catalog.PutAttribute(tx, f.by, a); err != nil {
				return err
			}
		}
	}
	tree, err := catalog.Categories(tx)
	if err != nil {
		return err
	}
	for _, c := range tree.All {
		f.shelf[c.Handle] = c.ID
	}
	put := func(h shelf, position int) error {
		if f.shelf[h.handle] != 0 {
			return nil
		}
		id, err := catalog.PutCategory(tx, f.by, catalog.Category{Handle: h.handle, Parent: f.shelf[h.parent], Position: int64(position), Texts: h.texts()})
		f.shelf[h.handle] = id
		return err
	}
	for i, h := range shelves {
		if err := put(h, i+1); err != nil {
			return err
		}
	}
	for i, k := range kinds {
		if err := put(shelf{k.handle(), k.shelf, [2]string{k.plural, k.about}, [2]string{k.pluralEN, ""}}, 100+i); err != nil {
			return err
		}
		if _, ok := f.pics[k.picture]; ok {
			continue
		}
		p, err := catalog.AnyByHandle(tx, k.picture)
		if fault.Is(err, "not_found") {
			continue // a shop without the seeded goods has no pictures
		}
		if err != nil {
			return err
		}
		if ps := p.Pictures(); len(ps) > 0 {
			f.pics[k.picture] = catalog.Media{File: ps[0].File, Width: ps[0].Width, Height: ps[0].Height}
		}
	}
	return nil
}

func (f *filling) chunk(tx *db.Tx, from, to int) error {
	var ns []catalog.NewProduct
	var made []invented
	for i := from; i < to; i++ {
		x := invent(i)
		made = append(made, x)
		ns = append(ns, f.product(i, x))
	}
	out, err := catalog.InsertMany(tx, f.by, ns)
	if err != nil {
		return err
	}
	since := midnight(tx.LegalNow(), -openedDays)
	var sets []pricing.Set
	var levels []stock.Start
	for i, c := range out {
		for k, v := range made[i].variants {
			sets = append(sets, pricing.Set{Variant: c.Variants[k], Price: money.SEK(v.price), From: since})
			levels = append(levels, stock.Start{Variant: c.Variants[k], Tracked: true, OnHand: v.stock})
		}
	}
	if err := stock.Begin(tx, f.by, levels); err != nil {
		return err
	}
	return pricing.SetPrices(tx, f.by, sets)
}

func (f *filling) product(i int, x invented) catalog.NewProduct {
	n := catalog.NewProduct{
		Core: catalog.Core{Handle: fmt.Sprintf("%s-%d", catalog.MakeHandle(x.sv), i+1), Brand: x.brand.Name, Maker: x.brand.party(), NoWarnings: true},
		Texts: catalog.Texts{
			catalog.SV: {Title: x.sv, Description: x.textSV, Materials: x.materialSV},
			catalog.EN: {Title: x.en, Description: x.textEN, Materials: x.materialEN},
		},
		Categories: []db.ID{f.shelf[x.kind.handle()]},
		Values:     x.values,
		Publish:    true,
	}
	if m, ok := f.pics[x.kind.picture]; ok {
		m.Alt = loc{SV: x.kind.one + ", tecknad", EN: x.kind.oneEN + ", drawn"}
		n.Media = []catalog.Media{m}
	}
	for k, v := range x.variants {
		nv := catalog.NewVariant{SKU: fillSKU(i, k), WeightG: v.weight, Tracked: true}
		for _, c := range v.choices {
			nv.Choices = append(nv.Choices, catalog.Choice{Name: optColour, Value: c})
		}
		n.Variants = append(n.Variants, nv)
	}
	return n
}

// draws are the random numbers of the i-th good, the same on every machine.
func draws(i int) *rand.Rand { return rand.New(rand.NewPCG(fillSeed, uint64(i))) }
