package catalog

import (
	"slices"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Member is a stay of a product in a category or under a tag, half-open; a zero
// To is still so, a zero From since always.
type Member struct {
	Product  db.ID
	Category db.ID // 0 for a tag
	Tag      string
	From, To time.Time
}

const memberCols = `id, product, ref, tag, position, valid_from`

// Members returns the stays of the products that touch the time from since on,
// the ones that lasted before included as far as they reach into it.
func Members(q db.Q, products []db.ID, since time.Time) ([]Member, error) {
	var out []Member
	seen := map[db.ID]bool{}
	err := in(q, products, `SELECT id, product, ref, tag, valid_from, valid_to FROM catalog_member WHERE product IN (?)`, func(r *db.Rows) error {
		var id db.ID
		var m Member
		var from int64
		if err := r.Scan(&id, &m.Product, &m.Category, &m.Tag, &from, &m.To); err != nil {
			return err
		}
		if from != 0 {
			m.From = time.UnixMicro(from).UTC()
		}
		if !seen[id] && (m.To.IsZero() || m.To.After(since)) {
			seen[id] = true
			out = append(out, m)
		}
		return nil
	})
	return out, err
}

// TagForm is the stored form of a tag: lower case, single spaces.
func TagForm(s string) string { return strings.Join(strings.Fields(strings.ToLower(clean(s))), " ") }

func cleanTags(f *fault.Fields, at string, tags []string) []string {
	var out []string
	for _, t := range tags {
		t = TagForm(t)
		if !readable(t) || len(t) > 100 {
			f.Add(at, "too_long", "max", 100)
		} else if t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	if len(out) > maxList {
		f.Add(at, "too_many")
	}
	return out
}

// SetCategories puts the product into these categories, the first being the
// main one, and takes it out of all others.
func SetCategories(tx *db.Tx, by auth.By, product db.ID, version int64, ids []db.ID) (Outcome, error) {
	return change(tx, by, product, version, "product.categories", func() error {
		ids = distinct(ids)
		if err := knownCategories(tx, ids, "/categories"); err != nil {
			return err
		}
		want := make([]Member, len(ids))
		for i, id := range ids {
			want[i] = Member{Category: id}
		}
		return setMembers(tx, product, false, want)
	})
}

// SetTags gives the product these tags and no others.
func SetTags(tx *db.Tx, by auth.By, product db.ID, version int64, tags []string) (Outcome, error) {
	return change(tx, by, product, version, "product.tags", func() error {
		var f fault.Fields
		tags = cleanTags(&f, "/tags", tags)
		if err := f.Err(); err != nil {
			return err
		}
		want := make([]Member, len(tags))
		for i, t := range tags {
			want[i] = Member{Tag: t}
		}
		return setMembers(tx, product, true, want)
	})
}

func distinct(ids []db.ID) []db.ID {
	var out []db.ID
	for _, id := range ids {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func knownCategories(q db.Q, ids []db.ID, at string) error {
	found := map[db.ID]bool{}
	err := in(q, ids, `SELECT id FROM catalog_category WHERE id IN (?)`, func(r *db.Rows) error {
		var id db.ID
		err := r.Scan(&id)
		found[id] = true
		return err
	})
	if err != nil {
		return err
	}
	if len(ids) > 50 {
		return fault.Invalid(fault.Field{Pointer: at, Code: "too_many"})
	}
	for _, id := range ids {
		if !found[id] {
			return fault.Invalid(fault.Field{Pointer: at, Code: "unknown"})
		}
	}
	return nil
}

// setMembers closes the stays that are over and opens the new ones, at the
// legal clock, which is the one campaigns go by.
func setMembers(tx *db.Tx, product db.ID, tags bool, want []Member) error {
	type row struct {
		id   db.ID
		from int64
	}
	type key struct {
		ref db.ID
		tag string
	}
	rest := `ref <> 0`
	if tags {
		rest = `ref = 0`
	}
	have := map[key]row{}
	rows, err := tx.Query(`SELECT id, ref, tag, valid_from FROM catalog_member WHERE product = $1 AND valid_to IS NULL AND `+rest, product)
	if err != nil {
		return err
	}
	for rows.Next() {
		var k key
		var r row
		if err := rows.Scan(&r.id, &k.ref, &k.tag, &r.from); err != nil {
			return err
		}
		have[k] = r
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return err
	}
	now := tx.LegalNow()
	var fresh [][]any
	for i, w := range want {
		k := key{w.Category, w.Tag}
		if r, ok := have[k]; ok {
			delete(have, k)
			if _, err := tx.Exec(`UPDATE catalog_member SET position = $2 WHERE id = $1 AND position <> $2`, r.id, i); err != nil {
				return err
			}
			continue
		}
		fresh = append(fresh, []any{tx.NewID(), product, k.ref, k.tag, i, now})
	}
	for _, r := range have {
		// A stay of no length never was.
		if now.UnixMicro() <= r.from {
			_, err = tx.Exec(`DELETE FROM catalog_member WHERE id = $1`, r.id)
		} else {
			_, err = tx.Exec(`UPDATE catalog_member SET valid_to = $2 WHERE id = $1`, r.id, now)
		}
		if err != nil {
			return err
		}
	}
	return insertRows(tx, "catalog_member", memberCols, fresh)
}

// InCategories returns up to n ids above after, by id, of products that are now
// in one of the categories (up to 200), in whatever state: for campaigns'
// previews, feeds and cache keys.
func InCategories(q db.Q, categories []db.ID, after db.ID, n int) ([]db.ID, error) {
	if len(categories) == 0 || len(categories) > 200 {
		return nil, nil
	}
	args := append([]any{after, max(1, min(n, 10_000))}, db.Args(categories)...)
	return db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
		`SELECT DISTINCT product FROM catalog_member WHERE product > $1 AND valid_to IS NULL AND tag = '' AND ref IN (`+db.Placeholders(3, len(categories))+`) ORDER BY product LIMIT $2`, args...)
}

// ChosenTag marks the goods that staff choose for the first page.
const ChosenTag = "utvalt"

// WithTag is InCategories for a tag.
func WithTag(q db.Q, tag string, after db.ID, n int) ([]db.ID, error) {
	return db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
		`SELECT product FROM catalog_member WHERE ref = 0 AND tag = $3 AND tag <> '' AND product > $1 AND valid_to IS NULL ORDER BY product LIMIT $2`, after, max(1, min(n, 10_000)), TagForm(tag))
}
