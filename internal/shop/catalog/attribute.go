package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// AttributeType of an attribute.
type AttributeType string

// Types: a choice is a word of a list that grows, a number is kept in
// thousandths, text is shown but never filtered.
const (
	Choose AttributeType = "choice"
	Number AttributeType = "number"
	Yes    AttributeType = "bool"
	Words  AttributeType = "text"
)

// Attribute is a property that goods of many kinds share: colour, material,
// height. Filterable ones become facets.
type Attribute struct {
	ID         db.ID
	Version    int64
	Key        string // a–z, 0–9, _; "filter.KEY" of the Store API
	Type       AttributeType
	Unit       string
	Filterable bool
	Position   int64
	Name       Localized
}

// Attributes returns them all, by position.
func Attributes(q db.Q) ([]Attribute, error) {
	return db.All(q, func(r *db.Rows) (a Attribute, err error) {
		err = r.Scan(&a.ID, &a.Version, &a.Key, &a.Type, &a.Unit, &a.Filterable, &a.Position, &a.Name.SV, &a.Name.EN)
		return
	}, `SELECT id, version, key, type, unit, filterable, position, name_sv, name_en FROM catalog_attribute ORDER BY position, id`)
}

// ValidKey reports whether an attribute can have this key: a lower-case letter, then
// letters, digits and underscores, at most 40.
func ValidKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '_')) {
			return false
		}
	}
	return s != "" && len(s) <= 40
}

// PutAttribute adds an attribute (ID 0) or changes all but the key and type of
// one.
func PutAttribute(tx *db.Tx, by auth.By, a Attribute) (db.ID, error) {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return 0, err
	}
	var f fault.Fields
	localized(&f, "/name", &a.Name, 100)
	text(&f, "/unit", &a.Unit, 20)
	if a.Name.SV == "" {
		f.Add("/name/sv", "required")
	}
	if !ValidKey(a.Key) {
		f.Add("/key", "bad_key")
	}
	if !slices.Contains([]AttributeType{Choose, Number, Yes, Words}, a.Type) {
		f.Add("/type", "unknown")
	}
	if a.Type == Words && a.Filterable {
		f.Add("/filterable", "text_cannot_filter")
	}
	if err := f.Err(); err != nil {
		return 0, err
	}
	if a.ID == 0 {
		a.ID = tx.NewID()
		var n int64
		if err := tx.QueryRow(`SELECT count(*) FROM catalog_attribute WHERE key = $1`, a.Key).Scan(&n); err != nil {
			return 0, err
		}
		if n > 0 {
			return 0, fault.Invalid(fault.Field{Pointer: "/key", Code: "taken"})
		}
		err := insertRows(tx, "catalog_attribute", `id, version, key, type, unit, filterable, position, name_sv, name_en`,
			[][]any{{a.ID, 1, a.Key, plain(a.Type), a.Unit, a.Filterable, a.Position, a.Name.SV, a.Name.EN}})
		if err != nil {
			return 0, taken(err, "/key")
		}
	} else {
		n, err := tx.Exec(`UPDATE catalog_attribute SET version = version + 1, unit = $4, filterable = $5, position = $6, name_sv = $7, name_en = $8 WHERE id = $1 AND key = $2 AND type = $3`,
			a.ID, a.Key, plain(a.Type), a.Unit, a.Filterable, a.Position, a.Name.SV, a.Name.EN)
		if err != nil {
			return 0, err
		}
		if n != 1 {
			return 0, fault.NotFound()
		}
	}
	if err := record(tx, by, "attribute.put", EntityAttribute, a.ID, ""); err != nil {
		return 0, err
	}
	return a.ID, tx.Changed(EntityAttribute, a.ID)
}

// NewValue is a value to be: for a choice the label says it, for a number a
// decimal ("12.5" or "12,5", three decimals at most), for a bool "true" or "false".
type NewValue struct {
	Key   string
	Label Localized
}

// SetValues replaces the attribute values of a product.
func SetValues(tx *db.Tx, by auth.By, product db.ID, version int64, vs []NewValue) (Outcome, error) {
	return change(tx, by, product, version, "product.values", func() error {
		attrs, err := Attributes(tx)
		if err != nil {
			return err
		}
		var f fault.Fields
		rows := valueRows(&f, "/values", attrs, product, vs)
		if err := f.Err(); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM catalog_value WHERE product = $1`, product); err != nil {
			return err
		}
		return insertRows(tx, "catalog_value", valueCols, rows)
	})
}

const valueCols = `product, attribute, value, number, position, label_sv, label_en`

func valueRows(f *fault.Fields, at string, attrs []Attribute, product db.ID, vs []NewValue) [][]any {
	var rows [][]any
	seen := map[string]bool{}
	if len(vs) > maxList {
		f.Add(at, "too_many")
	}
	for i, v := range vs {
		p := fmt.Sprintf("%s/%d", at, i)
		k := slices.IndexFunc(attrs, func(a Attribute) bool { return a.Key == v.Key })
		if k < 0 {
			f.Add(p+"/key", "unknown")
			continue
		}
		localized(f, p+"/label", &v.Label, maxShort)
		value, number := "", any(nil)
		switch a := attrs[k]; a.Type {
		case Number:
			n, ok := parseThousandths(v.Label.SV)
			if !ok {
				f.Add(p+"/label", "bad_number")
				continue
			}
			value, number = strconv.FormatInt(n, 10), n
		case Yes:
			if value = v.Label.SV; value != "true" && value != "false" {
				f.Add(p+"/label", "unknown")
				continue
			}
		case Choose:
			value = MakeHandle(v.Label.SV)
		default:
			value = fmt.Sprint("t", i)
		}
		if value == "" {
			f.Add(p+"/label", "required")
			continue
		}
		if id := attrs[k].ID.String() + "/" + value; !seen[id] {
			seen[id] = true
			rows = append(rows, []any{product, attrs[k].ID, value, number, i, v.Label.SV, v.Label.EN})
		}
	}
	return rows
}

// parseThousandths reads a decimal with up to three decimals, comma or point.
func parseThousandths(s string) (int64, bool) {
	s = strings.Replace(s, ",", ".", 1)
	neg := strings.HasPrefix(s, "-")
	whole, frac, dot := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if whole == "" || len(whole) > 12 || dot && frac == "" || len(frac) > 3 {
		return 0, false
	}
	digits := whole + (frac + "000")[:3]
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if neg {
		n = -n
	}
	return n, err == nil
}
