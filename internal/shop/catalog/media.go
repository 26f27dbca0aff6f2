package catalog

import (
	"fmt"
	"slices"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

const mediaCols = `id, product, variant, kind, file, position, width, height, alt_sv, alt_en`

func (m *Media) check(f *fault.Fields, at string) {
	if m.Kind == "" {
		m.Kind = Picture
	}
	if !slices.Contains([]MediaKind{Picture, EnergyLabel, ProductSheet, Manual}, m.Kind) {
		f.Add(at+"/kind", "unknown")
	}
	if !validHash(m.File) {
		f.Add(at+"/file", "bad_file")
	}
	if m.Width < 0 || m.Height < 0 || m.Width > 100_000 || m.Height > 100_000 {
		f.Add(at+"/width", "out_of_range")
	}
	localized(f, at+"/alt", &m.Alt, maxShort)
}

func validHash(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

func (m *Media) row(id, product db.ID, position int) []any {
	return []any{id, product, nullID(m.Variant), plain(m.Kind), m.File, position, m.Width, m.Height, m.Alt.SV, m.Alt.EN}
}

// SetMedia replaces the pictures and documents, in the order given. A variant
// that a picture names must be of this product.
func SetMedia(tx *db.Tx, by auth.By, product db.ID, version int64, media []Media) (Outcome, error) {
	return change(tx, by, product, version, "product.media", func() error {
		var f fault.Fields
		if len(media) > maxList {
			f.Add("/media", "too_many")
		}
		mine := map[db.ID]bool{0: true}
		err := in(tx, []db.ID{product}, `SELECT id FROM catalog_variant WHERE product IN (?) AND status <> 'removed'`, func(r *db.Rows) error {
			var id db.ID
			err := r.Scan(&id)
			mine[id] = true
			return err
		})
		if err != nil {
			return err
		}
		for i := range media {
			at := fmt.Sprintf("/media/%d", i)
			media[i].check(&f, at)
			if !mine[media[i].Variant] {
				f.Add(at+"/variant", "unknown")
			}
		}
		if err := f.Err(); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM catalog_media WHERE product = $1`, product); err != nil {
			return err
		}
		rows := make([][]any, len(media))
		for i := range media {
			rows[i] = media[i].row(tx.NewID(), product, i)
		}
		return insertRows(tx, "catalog_media", mediaCols, rows)
	})
}

// FileUsed reports whether a product shows the file to visitors at
// q.LegalNow(): pictures of what may not be seen are not served either.
func FileUsed(q db.Q, file string) (bool, error) {
	if !validHash(file) {
		return false, nil
	}
	ids, err := db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }, `SELECT DISTINCT product FROM catalog_media WHERE file = $1 LIMIT 256`, file)
	if err != nil {
		return false, err
	}
	used := false
	err = in(q, ids, `SELECT `+productCols+` FROM catalog_product WHERE id IN (?)`, func(r *db.Rows) error {
		p, err := scanProduct(r)
		used = used || err == nil && p.Visible(q.LegalNow())
		return err
	})
	return used, err
}
