package catalog

import (
	"errors"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
)

// ByHandle returns the product that shows under handle at q.LegalNow(). When
// the handle is an old one, the product is nil and redirect is the handle it
// has now. fault.NotFound for everything else: unknown, draft, incomplete,
// outside its dates — all the same to a visitor.
func ByHandle(q db.Q, handle string) (p *Product, redirect string, err error) {
	if !ValidHandle(handle) {
		return nil, "", fault.NotFound()
	}
	p, err = scanProduct(q.QueryRow(`SELECT `+productCols+` FROM catalog_product WHERE handle = $1`, handle))
	if errors.Is(err, db.ErrNotFound) {
		p, err = scanProduct(q.QueryRow(`SELECT `+productCols+` FROM catalog_product WHERE id = (SELECT target FROM catalog_redirect WHERE kind = 'product' AND handle = $1)`, handle))
		if errors.Is(err, db.ErrNotFound) || err == nil && !p.Visible(q.LegalNow()) {
			return nil, "", fault.NotFound()
		}
		if err != nil {
			return nil, "", err
		}
		return nil, p.Handle, nil
	}
	if err != nil {
		return nil, "", err
	}
	if !p.Visible(q.LegalNow()) {
		return nil, "", fault.NotFound()
	}
	if err := fill(q, []*Product{p}, false); err != nil {
		return nil, "", err
	}
	p.dropUnsold()
	return p, "", nil
}

// dropUnsold removes hidden variants, and choices that lead to none, for
// readers who are visitors.
func (p *Product) dropUnsold() {
	kept := p.Variants[:0]
	for _, v := range p.Variants {
		if v.Status == Active {
			kept = append(kept, v)
		}
	}
	p.Variants = kept
	used := map[db.ID]bool{}
	for _, v := range kept {
		for _, id := range v.values {
			used[id] = true
		}
	}
	for i := range p.Options {
		o := &p.Options[i]
		o.Values = slices.DeleteFunc(o.Values, func(v OptionValue) bool { return !used[v.ID] })
	}
}

// AnyByID returns a product in any state, removed variants included: for staff
// and for the program itself, never for a visitor. fault.NotFound.
func AnyByID(q db.Q, id db.ID) (*Product, error) {
	return any1(q, `SELECT `+productCols+` FROM catalog_product WHERE id = $1`, id)
}

// AnyByHandle is AnyByID by the present handle.
func AnyByHandle(q db.Q, handle string) (*Product, error) {
	return any1(q, `SELECT `+productCols+` FROM catalog_product WHERE handle = $1`, handle)
}

func any1(q db.Q, text string, arg any) (*Product, error) {
	p, err := scanProduct(q.QueryRow(text, arg))
	if errors.Is(err, db.ErrNotFound) {
		return nil, fault.NotFound()
	}
	if err != nil {
		return nil, err
	}
	return p, fill(q, []*Product{p}, true)
}

// ByIDs returns products in any state in the order of ids, unknown ids left
// out; hidden variants are in, removed ones are not. Readers who show them ask
// Visible first. At most 256 at a time.
func ByIDs(q db.Q, ids []db.ID) ([]*Product, error) {
	by := map[db.ID]*Product{}
	var list []*Product
	err := in(q, ids, `SELECT `+productCols+` FROM catalog_product WHERE id IN (?)`, func(r *db.Rows) error {
		p, err := scanProduct(r)
		if err == nil && by[p.ID] == nil {
			by[p.ID] = p
			list = append(list, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := fill(q, list, false); err != nil {
		return nil, err
	}
	out := make([]*Product, 0, len(list))
	for _, id := range ids {
		if p := by[id]; p != nil {
			out = append(out, p)
			delete(by, id)
		}
	}
	return out, nil
}

// Descriptions returns the long texts of products, as they stand; without one in a
// language, that is empty. Unknown ids are left out.
func Descriptions(q db.Q, ids []db.ID) (map[db.ID]Localized, error) {
	out := make(map[db.ID]Localized, len(ids))
	err := in(q, ids, `SELECT owner, lang, description FROM catalog_text WHERE owner IN (?)`, func(r *db.Rows) error {
		var id db.ID
		var l lang.Lang
		var text string
		if err := r.Scan(&id, &l, &text); err != nil {
			return err
		}
		t := out[id]
		if l == EN {
			t.EN = text
		} else {
			t.SV = text
		}
		out[id] = t
		return nil
	})
	return out, err
}

// List returns up to n products in any state with an id above after, by id,
// filled: for indexers, feeds and exports, which ask Visible themselves. Begin
// with 0; fewer than n means the end. n is at most 256.
func List(q db.Q, after db.ID, n int) ([]*Product, error) {
	ps, err := db.All(q, func(r *db.Rows) (*Product, error) { return scanProduct(r) },
		`SELECT `+productCols+` FROM catalog_product WHERE id > $1 ORDER BY id LIMIT $2`, after, clamp(n))
	if err != nil {
		return nil, err
	}
	return ps, fill(q, ps, false)
}

// IDs returns the ids of all products in any state, in order: for an indexer
// that then reads them in parts.
func IDs(q db.Q) ([]db.ID, error) {
	return db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }, `SELECT id FROM catalog_product ORDER BY id`)
}

func clamp(n int) int { return max(1, min(n, 256)) }

// Filter chooses for ListStaff; zero fields choose everything.
type Filter struct {
	Status     Status
	Incomplete bool   // only those with facts missing
	Find       string // exact SKU or GTIN (not of what was removed) or handle, or a prefix of a handle
}

// ListStaff returns up to n products newest first with an id below before (0
// begins), filled, for the back office.
func ListStaff(q db.Q, f Filter, before db.ID, n int) ([]*Product, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	where := `id < $1`
	args := []any{before, clamp(n)}
	if f.Status != "" {
		args = append(args, plain(f.Status))
		where += ` AND status = $3`
	}
	if f.Incomplete {
		where += ` AND complete = 0`
	}
	if f.Find != "" {
		k := db.Placeholders(len(args)+1, 1)
		up := db.Placeholders(len(args)+2, 1)
		// A range, not LIKE, so that the index of handles serves it.
		where += ` AND id IN (SELECT product FROM catalog_variant WHERE sku = ` + k + ` AND sku <> '' AND status <> 'removed'
			UNION SELECT product FROM catalog_variant WHERE gtin = ` + k + ` AND gtin <> '' AND status <> 'removed'
			UNION SELECT id FROM catalog_product WHERE handle >= ` + k + ` AND handle < ` + up + `)`
		args = append(args, f.Find, f.Find+"\U0010FFFF")
	}
	ps, err := db.All(q, func(r *db.Rows) (*Product, error) { return scanProduct(r) },
		`SELECT `+productCols+` FROM catalog_product WHERE `+where+` ORDER BY id DESC LIMIT $2`, args...)
	if err != nil {
		return nil, err
	}
	return ps, fill(q, ps, false)
}

// Change is a product that changed.
type Change struct {
	ID db.ID
	At time.Time
}

// ChangedSince returns up to n products changed after (at, id), in that order:
// give back the last one's At and ID to go on. An indexer reads the newest 30 s
// again, because commits do not come in the order of their instants.
func ChangedSince(q db.Q, at time.Time, after db.ID, n int) ([]Change, error) {
	us := int64(0)
	if !at.IsZero() {
		us = at.UnixMicro()
	}
	return db.All(q, func(r *db.Rows) (c Change, err error) {
		err = r.Scan(&c.ID, &c.At)
		return
	}, `SELECT id, updated_at FROM catalog_product WHERE (updated_at, id) > ($1, $2) ORDER BY updated_at, id LIMIT $3`, us, after, max(1, min(n, 10_000)))
}

// NextPublication returns the first instant after the given one at which some
// product (or this one, when id is not 0) begins or ends to show by its dates;
// the zero time when there is none. It may be a draft's date, and so too early:
// asking for the status as well would lead SQLite to read every published
// product instead of the few dates.
func NextPublication(q db.Q, id db.ID, after time.Time) (time.Time, error) {
	one, args := ``, []any{after}
	if id != 0 {
		one, args = ` AND id = $2`, append(args, id)
	}
	var next time.Time
	for _, col := range []string{"publish_from", "publish_to"} {
		var t time.Time
		if err := q.QueryRow(`SELECT min(`+col+`) FROM catalog_product WHERE `+col+` > $1`+one, args...).Scan(&t); err != nil {
			return time.Time{}, err
		}
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next, nil
}
