package catalog

import (
	"errors"
	"fmt"
	"slices"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// NewVariant is a variant to be. Choices name the options and values by their
// Swedish words; options and values that are not there are made. All variants
// of a product must choose from the same options, and no two the same values.
type NewVariant struct {
	Status      VariantStatus // "" is active
	Choices     []Choice
	SKU, GTIN   string
	WeightG     int64
	SizeMM      [3]int64
	Content     int64
	Tracked     bool
	Backorder   bool
	MadeToOrder bool
	LeadDays    int64 // 0: UsualLead
	BGoods      Localized
}

// UsualLead is how many working days pass before goods that are not on the shelf
// can leave, where nobody has said otherwise; MaxLead the most that can be said, so
// that with the way there the thirty days of the law hold (konsumentköplagen 2 kap.
// 2 §).
const (
	UsualLead = 10
	MaxLead   = 15
)

func (v *NewVariant) check(f *fault.Fields, at string) {
	if v.Status == "" {
		v.Status = Active
	}
	if v.Status != Active && v.Status != Hidden && v.Status != Removed {
		f.Add(at+"/status", "unknown")
	}
	text(f, at+"/sku", &v.SKU, maxSKU)
	v.GTIN = clean(v.GTIN)
	if v.GTIN != "" && !ValidGTIN(v.GTIN) {
		f.Add(at+"/gtin", "bad_gtin")
	}
	if v.WeightG < 0 || v.WeightG > 10_000_000 {
		f.Add(at+"/weight_g", "out_of_range")
	}
	for _, mm := range v.SizeMM {
		if mm < 0 || mm > 100_000 {
			f.Add(at+"/size_mm", "out_of_range")
		}
	}
	if v.Content < 0 || v.Content > maxContent {
		f.Add(at+"/content", "out_of_range")
	}
	if v.LeadDays == 0 {
		v.LeadDays = UsualLead
	}
	if v.LeadDays < 1 || v.LeadDays > MaxLead {
		f.Add(at+"/lead_days", "out_of_range", "min", 1, "max", MaxLead)
	}
	localized(f, at+"/b_goods", &v.BGoods, maxLong)
	if v.BGoods.SV == "" && v.BGoods.EN != "" {
		f.Add(at+"/b_goods/sv", "required")
	}
	for i := range v.Choices {
		c, p := &v.Choices[i], fmt.Sprintf("%s/choices/%d", at, i)
		localized(f, p+"/name", &c.Name, 100)
		localized(f, p+"/value", &c.Value, 100)
		if c.Name.SV == "" || c.Value.SV == "" {
			f.Add(p, "required")
		}
		for _, before := range v.Choices[:i] {
			if before.Name.SV == c.Name.SV {
				f.Add(p, "twice")
			}
		}
	}
	if len(v.Choices) > 5 {
		f.Add(at+"/choices", "too_many")
	}
}

const variantInsertCols = `id, product, status, position, option_key, sku, gtin, weight_g, length_mm, width_mm, height_mm, content, tracked, backorder, made_to_order, lead_days, b_goods_sv, b_goods_en, created_at`

func (v *NewVariant) row(tx *db.Tx, id, product db.ID, position int, key string) []any {
	return []any{id, product, plain(v.Status), position, key, v.SKU, v.GTIN, v.WeightG, v.SizeMM[0], v.SizeMM[1], v.SizeMM[2], v.Content,
		v.Tracked, v.Backorder, v.MadeToOrder, v.LeadDays, v.BGoods.SV, v.BGoods.EN, tx.Now()}
}

// PutVariant adds a variant (id 0) or replaces what variant id is, and returns
// its id. Setting the status removed frees its SKU and GTIN; a removed variant
// cannot come back. Errors: those of change; fault.Invalid with "taken" for an
// SKU, GTIN or combination that is in use.
func PutVariant(tx *db.Tx, by auth.By, product db.ID, version int64, id db.ID, v NewVariant) (db.ID, Outcome, error) {
	out, err := change(tx, by, product, version, "product.variant", func() error {
		var f fault.Fields
		v.check(&f, "")
		if err := f.Err(); err != nil {
			return err
		}
		p, err := AnyByID(tx, product)
		if err != nil {
			return err
		}
		others := slices.DeleteFunc(slices.Clone(p.Variants), func(o Variant) bool { return o.ID == id || o.Status == Removed })
		key, err := placeVariant(tx, p, others, v)
		if err != nil {
			return err
		}
		if err := unused(tx, id, v.SKU, v.GTIN); err != nil {
			return err
		}
		if id == 0 {
			if len(p.Variants) >= maxList {
				return fault.Invalid(fault.Field{Pointer: "/variants", Code: "too_many"})
			}
			id = tx.NewID()
			return taken(insertRows(tx, "catalog_variant", variantInsertCols, [][]any{v.row(tx, id, product, len(p.Variants), key)}), "/sku")
		}
		err = tx.ExecOne(`UPDATE catalog_variant SET status=$3, option_key=$4, sku=$5, gtin=$6, weight_g=$7, length_mm=$8, width_mm=$9, height_mm=$10, content=$11, tracked=$12,
 backorder=$13, made_to_order=$14, b_goods_sv=$15, b_goods_en=$16, lead_days=$17 WHERE id=$1 AND product=$2 AND status <> 'removed'`,
			id, product, plain(v.Status), key, v.SKU, v.GTIN, v.WeightG, v.SizeMM[0], v.SizeMM[1], v.SizeMM[2], v.Content, v.Tracked, v.Backorder, v.MadeToOrder, v.BGoods.SV, v.BGoods.EN, v.LeadDays)
		if errors.Is(err, db.ErrConflict) {
			return fault.NotFound()
		}
		return taken(err, "/sku")
	})
	return id, out, err
}

// unused refuses an SKU or GTIN that another living variant has.
func unused(q db.Q, id db.ID, sku, gtin string) error {
	for _, c := range []struct{ at, col, val string }{{"/sku", "sku", sku}, {"/gtin", "gtin", gtin}} {
		if c.val == "" {
			continue
		}
		var n int64
		if err := q.QueryRow(`SELECT count(*) FROM catalog_variant WHERE `+c.col+` = $1 AND `+c.col+` <> '' AND status <> 'removed' AND id <> $2`, c.val, id).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fault.Invalid(fault.Field{Pointer: c.at, Code: "taken"})
		}
	}
	return nil
}

// placeVariant finds or makes the options and values v chooses, and refuses a
// choice from other options than the rest, or one that another variant has.
func placeVariant(tx *db.Tx, p *Product, others []Variant, v NewVariant) (string, error) {
	bad := func(code string) error { return fault.Invalid(fault.Field{Pointer: "/choices", Code: code}) }
	if len(others) == 0 && len(p.Options) == 0 {
		for i, c := range v.Choices {
			o := Option{ID: tx.NewID(), Name: c.Name}
			if err := insertRows(tx, "catalog_option", optionCols, [][]any{{o.ID, p.ID, i, c.Name.SV, c.Name.EN}}); err != nil {
				return "", err
			}
			p.Options = append(p.Options, o)
		}
	}
	if len(v.Choices) != len(p.Options) {
		return "", bad("other_options")
	}
	key := make([]db.ID, len(p.Options))
	for i := range p.Options {
		o := &p.Options[i]
		k := slices.IndexFunc(v.Choices, func(c Choice) bool { return c.Name.SV == o.Name.SV })
		if k < 0 {
			return "", bad("other_options")
		}
		want := v.Choices[k].Value
		at := slices.IndexFunc(o.Values, func(w OptionValue) bool { return w.Label.SV == want.SV })
		if at < 0 {
			w := OptionValue{tx.NewID(), want}
			if err := insertRows(tx, "catalog_option_value", optionValueCols, [][]any{{w.ID, o.ID, len(o.Values), want.SV, want.EN}}); err != nil {
				return "", err
			}
			o.Values = append(o.Values, w)
			at = len(o.Values) - 1
		}
		key[i] = o.Values[at].ID
	}
	for _, o := range others {
		if slices.Equal(o.values, key) {
			return "", bad("taken")
		}
	}
	return optionKey(key), nil
}

const (
	optionCols      = `id, product, position, name_sv, name_en`
	optionValueCols = `id, option_id, position, value_sv, value_en`
)

// AddOption gives a product one more thing to choose; every variant that is
// there gets the first value.
func AddOption(tx *db.Tx, by auth.By, product db.ID, version int64, name, first Localized) (Outcome, error) {
	return change(tx, by, product, version, "product.option", func() error {
		var f fault.Fields
		localized(&f, "/name", &name, 100)
		localized(&f, "/value", &first, 100)
		if name.SV == "" || first.SV == "" {
			f.Add("/name/sv", "required")
		}
		if err := f.Err(); err != nil {
			return err
		}
		p, err := AnyByID(tx, product)
		if err != nil {
			return err
		}
		if len(p.Options) >= 5 {
			return fault.Invalid(fault.Field{Pointer: "/options", Code: "too_many"})
		}
		o, w := tx.NewID(), tx.NewID()
		if err := insertRows(tx, "catalog_option", optionCols, [][]any{{o, product, len(p.Options), name.SV, name.EN}}); err != nil {
			return taken(err, "/name/sv")
		}
		if err := insertRows(tx, "catalog_option_value", optionValueCols, [][]any{{w, o, 0, first.SV, first.EN}}); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE catalog_variant SET option_key = CASE WHEN option_key = '' THEN $2 ELSE option_key || ',' || $2 END WHERE product = $1`, product, w.String())
		return err
	})
}

// PutOption renames an option and its values and orders the values as given;
// values that are not named keep their words and come last.
func PutOption(tx *db.Tx, by auth.By, product db.ID, version int64, o Option) (Outcome, error) {
	return change(tx, by, product, version, "product.option", func() error {
		var f fault.Fields
		localized(&f, "/name", &o.Name, 100)
		if o.Name.SV == "" {
			f.Add("/name/sv", "required")
		}
		for i := range o.Values {
			at := fmt.Sprintf("/values/%d", i)
			localized(&f, at, &o.Values[i].Label, 100)
			if o.Values[i].Label.SV == "" {
				f.Add(at+"/sv", "required")
			}
		}
		if err := f.Err(); err != nil {
			return err
		}
		err := tx.ExecOne(`UPDATE catalog_option SET name_sv = $3, name_en = $4 WHERE id = $1 AND product = $2`, o.ID, product, o.Name.SV, o.Name.EN)
		if errors.Is(err, db.ErrConflict) {
			return fault.NotFound()
		}
		if err != nil {
			return taken(err, "/name/sv")
		}
		if _, err := tx.Exec(`UPDATE catalog_option_value SET position = position + 1000 WHERE option_id = $1 AND position < 1000`, o.ID); err != nil {
			return err
		}
		for i, w := range o.Values {
			err := tx.ExecOne(`UPDATE catalog_option_value SET position = $3, value_sv = $4, value_en = $5 WHERE id = $1 AND option_id = $2`, w.ID, o.ID, i, w.Label.SV, w.Label.EN)
			if errors.Is(err, db.ErrConflict) {
				return fault.NotFound()
			}
			if err != nil {
				return taken(err, fmt.Sprintf("/values/%d/sv", i))
			}
		}
		return nil
	})
}

// OrderVariants puts the variants in this order; those not named come last.
func OrderVariants(tx *db.Tx, by auth.By, product db.ID, version int64, ids []db.ID) (Outcome, error) {
	return change(tx, by, product, version, "product.variant", func() error {
		if len(ids) > maxList {
			return fault.Invalid(fault.Field{Pointer: "/variants", Code: "too_many"})
		}
		if _, err := tx.Exec(`UPDATE catalog_variant SET position = position + 1000 WHERE product = $1 AND position < 1000`, product); err != nil {
			return err
		}
		for i, id := range ids {
			err := tx.ExecOne(`UPDATE catalog_variant SET position = $3 WHERE id = $1 AND product = $2`, id, product, i)
			if errors.Is(err, db.ErrConflict) {
				return fault.NotFound()
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
