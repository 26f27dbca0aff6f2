package catalog

import (
	"encoding/json"
	"fmt"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
)

const productCols = `id, version, handle, kind, status, publish_from, publish_to, complete, owed, brand, vat_class, withdrawal, regimes, demands, bulky, return_cost, unit, content,
 maker_name, maker_postal, maker_electronic, maker_outside_eu, eu_name, eu_postal, eu_electronic, no_warnings, energy_class, origin, min_age, created_at, updated_at`

type scanner interface{ Scan(dest ...any) error }

func scanProduct(r scanner) (*Product, error) {
	p := &Product{Texts: Texts{}}
	var regimes, demands string
	var cost int64
	err := r.Scan(&p.ID, &p.Version, &p.Handle, &p.Kind, &p.Status, &p.PublishFrom, &p.PublishTo, &p.Complete, &p.Owed, &p.Brand, &p.VATClass, &p.Withdrawal,
		&regimes, &demands, &p.Bulky, &cost, &p.Unit, &p.Content, &p.Maker.Name, &p.Maker.Postal, &p.Maker.Electronic, &p.MakerOutsideEU,
		&p.EUResponsible.Name, &p.EUResponsible.Postal, &p.EUResponsible.Electronic, &p.NoWarnings, &p.EnergyClass, &p.Origin, &p.MinAge, &p.CreatedAt, &p.UpdatedAt)
	p.Regimes, p.Demands = unpackRegimes(regimes), unpackRegimes(demands)
	if cost > 0 {
		p.ReturnCost = money.SEK(cost)
	}
	return p, err
}

// in runs text, whose "IN (?)" is replaced, over ids in chunks whose sizes are
// powers of four, so that few statements are prepared. A chunk is filled up
// with its last id.
func in(q db.Q, ids []db.ID, text string, row func(*db.Rows) error) error {
	for len(ids) > 0 {
		n := 256
		for n/4 >= len(ids) {
			n /= 4
		}
		args := make([]any, n)
		k := min(n, len(ids))
		for i := range args {
			args[i] = ids[min(i, k-1)]
		}
		ids = ids[k:]
		rows, err := q.Query(strings.Replace(text, "IN (?)", "IN ("+db.Placeholders(1, n)+")", 1), args...)
		if err != nil {
			return err
		}
		for rows.Next() {
			if err := row(rows); err != nil {
				rows.Close()
				return err
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// fill loads what hangs on the products: six queries however many they are
// (up to 256).
func fill(q db.Q, ps []*Product, removedToo bool) error {
	if len(ps) == 0 {
		return nil
	}
	by := make(map[db.ID]*Product, len(ps))
	ids := make([]db.ID, len(ps))
	for i, p := range ps {
		by[p.ID], ids[i] = p, p.ID
	}
	if err := fillTexts(q, ids, func(owner db.ID, t Text) { by[owner].Texts[t.Lang] = t }); err != nil {
		return err
	}
	if err := fillVariants(q, by, ids, removedToo); err != nil {
		return err
	}
	err := in(q, ids, `SELECT id, product, variant, kind, file, width, height, alt_sv, alt_en FROM catalog_media WHERE product IN (?) ORDER BY product, position, id`, func(r *db.Rows) error {
		var m Media
		var product db.ID
		var variant *int64
		if err := r.Scan(&m.ID, &product, &variant, &m.Kind, &m.File, &m.Width, &m.Height, &m.Alt.SV, &m.Alt.EN); err != nil {
			return err
		}
		if variant != nil {
			m.Variant = db.ID(*variant)
		}
		by[product].Media = append(by[product].Media, m)
		return nil
	})
	if err != nil {
		return err
	}
	err = in(q, ids, `SELECT product, ref, tag FROM catalog_member WHERE product IN (?) AND valid_to IS NULL ORDER BY product, position, tag`, func(r *db.Rows) error {
		var product, ref db.ID
		var tag string
		if err := r.Scan(&product, &ref, &tag); err != nil {
			return err
		}
		if p := by[product]; ref != 0 {
			p.Categories = append(p.Categories, ref)
		} else {
			p.Tags = append(p.Tags, tag)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return in(q, ids, `SELECT v.product, a.id, a.key, a.type, v.value, v.number, v.label_sv, v.label_en, a.name_sv, a.name_en, a.unit, a.filterable
 FROM catalog_value v JOIN catalog_attribute a ON a.id = v.attribute WHERE v.product IN (?) ORDER BY v.product, a.position, a.id, v.position, v.value`, func(r *db.Rows) error {
		var v Value
		var product db.ID
		var num *int64
		if err := r.Scan(&product, &v.Attribute, &v.Key, &v.Type, &v.Value, &num, &v.Label.SV, &v.Label.EN, &v.Name.SV, &v.Name.EN, &v.Unit, &v.Filter); err != nil {
			return err
		}
		if num != nil {
			v.Number = *num
		}
		by[product].Values = append(by[product].Values, v)
		return nil
	})
}

func fillTexts(q db.Q, owners []db.ID, put func(db.ID, Text)) error {
	return in(q, owners, `SELECT owner, lang, title, description, seo_title, seo_description, materials, ingredients, allergens, warnings FROM catalog_text WHERE owner IN (?)`, func(r *db.Rows) error {
		var owner db.ID
		var t Text
		var warnings string
		if err := r.Scan(&owner, &t.Lang, &t.Title, &t.Description, &t.SEOTitle, &t.SEODescription, &t.Materials, &t.Ingredients, &t.Allergens, &warnings); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(warnings), &t.Warnings); err != nil {
			return fmt.Errorf("catalog: warnings of %s: %w", owner, err)
		}
		put(owner, t)
		return nil
	})
}

const variantCols = `id, product, status, position, option_key, sku, gtin, weight_g, length_mm, width_mm, height_mm, content, tracked, backorder, made_to_order, lead_days, b_goods_sv, b_goods_en, created_at`

func scanVariant(r scanner) (v Variant, key string, err error) {
	err = r.Scan(&v.ID, &v.Product, &v.Status, &v.Position, &key, &v.SKU, &v.GTIN, &v.WeightG, &v.SizeMM[0], &v.SizeMM[1], &v.SizeMM[2], &v.Content,
		&v.Tracked, &v.Backorder, &v.MadeToOrder, &v.LeadDays, &v.BGoods.SV, &v.BGoods.EN, &v.CreatedAt)
	return
}

func fillVariants(q db.Q, by map[db.ID]*Product, ids []db.ID, removedToo bool) error {
	keys := map[db.ID]string{}
	optioned := map[db.ID]bool{}
	err := in(q, ids, `SELECT `+variantCols+` FROM catalog_variant WHERE product IN (?) ORDER BY product, position, id`, func(r *db.Rows) error {
		v, key, err := scanVariant(r)
		if err != nil || (v.Status == Removed && !removedToo) {
			return err
		}
		keys[v.ID] = key
		by[v.Product].Variants = append(by[v.Product].Variants, v)
		return nil
	})
	if err != nil {
		return err
	}
	opts, err := options(q, ids, func(product db.ID, o []Option) { by[product].Options = o; optioned[product] = true })
	if err != nil {
		return err
	}
	for _, p := range by {
		for i := range p.Variants {
			v := &p.Variants[i]
			v.values, v.Choices = opts.choices(keys[v.ID])
		}
	}
	return nil
}

type optionIndex map[db.ID]Choice // by value id

func (x optionIndex) choices(key string) ([]db.ID, []Choice) {
	if key == "" {
		return nil, nil
	}
	var ids []db.ID
	var out []Choice
	for _, f := range strings.Split(key, ",") {
		id, err := db.ParseID(f)
		if err != nil {
			continue // keys are made by optionKey only
		}
		ids = append(ids, id)
		out = append(out, x[id])
	}
	return ids, out
}

// options reads the options of products and an index of all their values.
func options(q db.Q, ids []db.ID, put func(db.ID, []Option)) (optionIndex, error) {
	idx := optionIndex{}
	of := map[db.ID][]Option{}
	err := in(q, ids, `SELECT o.product, o.id, o.name_sv, o.name_en, w.id, w.value_sv, w.value_en FROM catalog_option o JOIN catalog_option_value w ON w.option_id = o.id
 WHERE o.product IN (?) ORDER BY o.product, o.position, o.id, w.position, w.id`, func(r *db.Rows) error {
		var product db.ID
		var o Option
		var v OptionValue
		if err := r.Scan(&product, &o.ID, &o.Name.SV, &o.Name.EN, &v.ID, &v.Label.SV, &v.Label.EN); err != nil {
			return err
		}
		idx[v.ID] = Choice{o.Name, v.Label}
		list := of[product]
		if n := len(list); n == 0 || list[n-1].ID != o.ID {
			list = append(list, o)
		}
		last := &list[len(list)-1]
		last.Values = append(last.Values, v)
		of[product] = list
		return nil
	})
	for product, o := range of {
		put(product, o)
	}
	return idx, err
}

// optionKey is the canonical form of a choice of values.
func optionKey(values []db.ID) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = v.String()
	}
	return strings.Join(parts, ",")
}

// insertRows writes many rows with few statements: chunks of 64, 8 and 1 rows.
func insertRows(tx *db.Tx, table, cols string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	width := len(rows[0])
	for len(rows) > 0 {
		n := 1
		for _, size := range []int{64, 8} {
			if len(rows) >= size {
				n = size
				break
			}
		}
		var b strings.Builder
		b.WriteString("INSERT INTO " + table + " (" + cols + ") VALUES ")
		args := make([]any, 0, n*width)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("(" + db.Placeholders(i*width+1, width) + ")")
			args = append(args, rows[i]...)
		}
		rows = rows[n:]
		if _, err := tx.Exec(b.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

// plain turns typed strings into the string the driver takes.
func plain[T ~string](s T) string { return string(s) }

func nullID(id db.ID) any {
	if id == 0 {
		return nil
	}
	return id
}

func warningsJSON(ws []string) string {
	if len(ws) == 0 {
		return "[]"
	}
	b, _ := json.Marshal(ws) // strings cannot fail
	return string(b)
}
