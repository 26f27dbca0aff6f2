package catalog

import (
	"fmt"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Outcome of a change to a product.
type Outcome struct {
	ID       db.ID
	Version  int64
	Problems []fault.Field // what is still missing before it can show
}

// CreateProduct makes a product. Without a handle it gets one from its Swedish
// title. See NewProduct for what it takes and InsertMany for its errors.
func CreateProduct(tx *db.Tx, by auth.By, n NewProduct) (Created, error) {
	out, err := InsertMany(tx, by, []NewProduct{n})
	if err != nil {
		if e := fault.As(err); e != nil { // "/0/handle" is "/handle" for one
			for i := range e.Fields {
				e.Fields[i].Pointer = e.Fields[i].Pointer[2:]
			}
		}
		return Created{}, err
	}
	return out[0], nil
}

// change is the frame of every use case on a product: right, version, what fn
// does, judgement, feed. version 0 takes any (importers, jobs). Errors:
// fault.Denied, fault.NotFound, fault.Conflict("version_changed").
func change(tx *db.Tx, by auth.By, id db.ID, version int64, action string, fn func() error) (Outcome, error) {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return Outcome{}, err
	}
	v, err := touch(tx, id, version)
	if err != nil {
		return Outcome{}, err
	}
	if err := fn(); err != nil {
		return Outcome{}, err
	}
	missing, err := recheck(tx, id)
	if err != nil {
		return Outcome{}, err
	}
	if err := record(tx, by, action, EntityProduct, id, fmt.Sprint("version ", v)); err != nil {
		return Outcome{}, err
	}
	return Outcome{id, v, missing}, tx.Changed(EntityProduct, id)
}

// touch bumps the product's version, which also makes it ours until the commit.
func touch(tx *db.Tx, id db.ID, version int64) (int64, error) {
	text := `UPDATE catalog_product SET version = version + 1, updated_at = $2 WHERE id = $1 RETURNING version`
	args := []any{id, tx.Now()}
	if version != 0 {
		text = `UPDATE catalog_product SET version = version + 1, updated_at = $2 WHERE id = $1 AND version = $3 RETURNING version`
		args = append(args, version)
	}
	got, err := db.All(tx, func(r *db.Rows) (v int64, err error) { err = r.Scan(&v); return }, text, args...)
	if err != nil {
		return 0, err
	}
	if len(got) == 1 {
		return got[0], nil
	}
	var n int64
	if err := tx.QueryRow(`SELECT count(*) FROM catalog_product WHERE id = $1`, id).Scan(&n); err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, fault.NotFound()
	}
	return 0, fault.Conflict("version_changed")
}

// UpdateProduct replaces the core facts. A new handle leaves a redirect behind.
// Errors: those of change, and fault.Invalid.
func UpdateProduct(tx *db.Tx, by auth.By, id db.ID, version int64, c Core) (Outcome, error) {
	return change(tx, by, id, version, "product.update", func() error {
		var f fault.Fields
		c.check(&f, "")
		if c.Handle == "" {
			f.Add("/handle", "required")
		}
		if err := f.Err(); err != nil {
			return err
		}
		var old string
		if err := tx.QueryRow(`SELECT handle FROM catalog_product WHERE id = $1`, id).Scan(&old); err != nil {
			return err
		}
		if old != c.Handle {
			if err := free(tx, EntityProduct, c.Handle); err != nil {
				return err
			}
			if err := moveHandle(tx, EntityProduct, id, old, c.Handle); err != nil {
				return err
			}
		}
		args := append([]any{id}, c.args()...)
		err := tx.ExecOne(`UPDATE catalog_product SET handle=$2, kind=$3, brand=$4, vat_class=$5, withdrawal=$6, regimes=$7, bulky=$8, return_cost=$9, unit=$10, content=$11,
 maker_name=$12, maker_postal=$13, maker_electronic=$14, maker_outside_eu=$15, eu_name=$16, eu_postal=$17, eu_electronic=$18, no_warnings=$19, energy_class=$20, origin=$21, min_age=$22 WHERE id=$1`, args...)
		return taken(err, "/handle")
	})
}

// coreCols are the columns args fills, in its order.
const coreCols = `handle, kind, brand, vat_class, withdrawal, regimes, bulky, return_cost, unit, content, maker_name, maker_postal, maker_electronic, maker_outside_eu,
 eu_name, eu_postal, eu_electronic, no_warnings, energy_class, origin, min_age`

func (c *Core) args() []any {
	return []any{c.Handle, plain(c.Kind), c.Brand, c.VATClass, plain(c.Withdrawal), packRegimes(c.Regimes), c.Bulky, c.ReturnCost.Amount, c.Unit, c.Content,
		c.Maker.Name, c.Maker.Postal, c.Maker.Electronic, c.MakerOutsideEU, c.EUResponsible.Name, c.EUResponsible.Postal, c.EUResponsible.Electronic,
		c.NoWarnings, c.EnergyClass, c.Origin, c.MinAge}
}

// taken turns a violated unique key into what a person can mend.
func taken(err error, pointer string) error {
	if db.IsUnique(err) {
		return fault.Invalid(fault.Field{Pointer: pointer, Code: "taken"})
	}
	return err
}

// free refuses a handle that another row has. The unique key decides races.
func free(q db.Q, kind, handle string) error {
	table := "catalog_product"
	if kind == EntityCategory {
		table = "catalog_category"
	}
	var n int64
	if err := q.QueryRow(`SELECT count(*) FROM `+table+` WHERE handle = $1`, handle).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return fault.Invalid(fault.Field{Pointer: "/handle", Code: "taken"})
	}
	return nil
}

// moveHandle leaves the old handle as a redirect and takes the new one from
// whatever redirect had it.
func moveHandle(tx *db.Tx, kind string, id db.ID, old, handle string) error {
	if _, err := tx.Exec(`DELETE FROM catalog_redirect WHERE kind = $1 AND handle = $2`, kind, handle); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO catalog_redirect (kind, handle, target, created_at) VALUES ($1,$2,$3,$4) ON CONFLICT (kind, handle) DO UPDATE SET target = excluded.target, created_at = excluded.created_at`,
		kind, old, id, tx.Now())
	return err
}

// SetTexts replaces the texts; a language that is not given keeps its own.
func SetTexts(tx *db.Tx, by auth.By, id db.ID, version int64, texts Texts) (Outcome, error) {
	return change(tx, by, id, version, "product.texts", func() error {
		old := Texts{}
		if err := fillTexts(tx, []db.ID{id}, func(_ db.ID, t Text) { old[t.Lang] = t }); err != nil {
			return err
		}
		return putTexts(tx, id, old, texts)
	})
}

func putTexts(tx *db.Tx, owner db.ID, old, texts Texts) error {
	whole := Texts{}
	for l, t := range old {
		whole[l] = t
	}
	for l, t := range texts {
		whole[l] = t
	}
	var f fault.Fields
	whole.check(&f, "")
	if err := f.Err(); err != nil {
		return err
	}
	for l := range texts {
		if _, err := tx.Exec(`DELETE FROM catalog_text WHERE owner = $1 AND lang = $2`, owner, plain(l)); err != nil {
			return err
		}
		if err := insertRows(tx, "catalog_text", textCols, [][]any{whole[l].row(owner)}); err != nil {
			return err
		}
	}
	return nil
}

const textCols = `owner, lang, title, description, seo_title, seo_description, materials, ingredients, allergens, warnings`

func (t Text) row(owner db.ID) []any {
	return []any{owner, plain(t.Lang), t.Title, t.Description, t.SEOTitle, t.SEODescription, t.Materials, t.Ingredients, t.Allergens, warningsJSON(t.Warnings)}
}

// Publish lets the product show from one legal instant to another (zero: open).
// fault.Invalid lists what is missing, if anything is.
func Publish(tx *db.Tx, by auth.By, id db.ID, version int64, from, to time.Time) (Outcome, error) {
	return change(tx, by, id, version, "product.publish", func() error {
		var f fault.Fields
		checkDates(&f, from, to)
		if err := f.Err(); err != nil {
			return err
		}
		missing, err := recheck(tx, id)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return fault.Invalid(missing...)
		}
		return tx.ExecOne(`UPDATE catalog_product SET status = 'published', publish_from = $2, publish_to = $3 WHERE id = $1`, id, from, to)
	})
}

// Unpublish makes it a draft again; a debt of facts must then be paid before it
// can show.
func Unpublish(tx *db.Tx, by auth.By, id db.ID, version int64) (Outcome, error) {
	return setStatus(tx, by, id, version, Draft)
}

// Archive puts it away for good: it does not show, and stays for orders and
// statistics.
func Archive(tx *db.Tx, by auth.By, id db.ID, version int64) (Outcome, error) {
	return setStatus(tx, by, id, version, Archived)
}

func setStatus(tx *db.Tx, by auth.By, id db.ID, version int64, s Status) (Outcome, error) {
	return change(tx, by, id, version, "product."+plain(s), func() error {
		return tx.ExecOne(`UPDATE catalog_product SET status = $2, owed = 0 WHERE id = $1`, id, plain(s))
	})
}

// freeHandle returns base, or base-2, base-3 …, whichever no product has.
func freeHandle(q db.Q, base string, mine map[string]bool) (string, error) {
	if base == "" {
		base = "vara"
	}
	if len(base) > maxHandle-6 {
		base = base[:maxHandle-6]
	}
	for i := 1; i < 10_000; i++ {
		h := base
		if i > 1 {
			h = fmt.Sprintf("%s-%d", base, i)
		}
		if mine[h] {
			continue
		}
		if err := free(q, EntityProduct, h); err == nil {
			return h, nil
		} else if fault.As(err) == nil {
			return "", err
		}
	}
	return "", fault.Invalid(fault.Field{Pointer: "/handle", Code: "taken"})
}
