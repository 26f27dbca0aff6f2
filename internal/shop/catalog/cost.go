package catalog

import (
	"fmt"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
)

// maxCost is that of prices: a hundred million kronor.
const maxCost = 10_000_000_000

// Cost is what a variant costs to buy, without VAT. Nil: nobody has said.
type Cost struct {
	Variant db.ID
	Cost    *money.Money
}

// Costs reads what variants cost to buy; those of whom nobody has said are left out. It
// is the only way to a purchase price: fault.Denied without costs.read.
func Costs(q db.Q, by auth.By, variants []db.ID) (map[db.ID]money.Money, error) {
	if err := by.Need(auth.CostsRead); err != nil {
		return nil, err
	}
	out := make(map[db.ID]money.Money, len(variants))
	err := in(q, variants, `SELECT variant, amount, currency FROM catalog_cost WHERE variant IN (?)`, func(r *db.Rows) error {
		var id db.ID
		var m money.Money
		err := r.Scan(&id, &m.Amount, &m.Currency)
		out[id] = m
		return err
	})
	return out, err
}

// SetCosts says what up to 500 variants cost to buy, and returns how many were changed by
// it. Nobody changes what he may not see: it needs costs.read beside catalog.write. The acts name no sum,
// because who reads the log may not see costs, and the product is not bumped: nothing that is shown of it is another.
// Errors: fault.Denied; fault.Invalid with pointers "/0/cost" and "/0/variant".
func SetCosts(tx *db.Tx, by auth.By, list []Cost) (changed int, err error) {
	if err := by.Need(auth.CatalogWrite); err != nil {
		return 0, err
	}
	if err := by.Need(auth.CostsRead); err != nil {
		return 0, err
	}
	var f fault.Fields
	if len(list) > 500 {
		f.Add("", "too_many")
	}
	var ids []db.ID
	for i, c := range list {
		if m := c.Cost; m != nil && (m.Amount < 0 || m.Amount > maxCost || len(m.Currency) != 3) {
			f.Add(fmt.Sprintf("/%d/cost", i), "out_of_range")
		}
		ids = append(ids, c.Variant)
	}
	if err := f.Err(); err != nil {
		return 0, err
	}
	living := map[db.ID]bool{}
	if err := in(tx, ids, `SELECT id FROM catalog_variant WHERE status <> 'removed' AND id IN (?)`, func(r *db.Rows) error {
		var id db.ID
		err := r.Scan(&id)
		living[id] = true
		return err
	}); err != nil {
		return 0, err
	}
	for i, c := range list {
		if !living[c.Variant] {
			f.Add(fmt.Sprintf("/%d/variant", i), "unknown")
		}
	}
	if err := f.Err(); err != nil {
		return 0, err
	}
	for _, c := range list {
		var n int64
		if c.Cost == nil {
			n, err = tx.Exec(`DELETE FROM catalog_cost WHERE variant=$1`, c.Variant)
		} else {
			n, err = tx.Exec(`INSERT INTO catalog_cost (variant, currency, amount, changed_at) VALUES ($1,$2,$3,$4)
 ON CONFLICT (variant) DO UPDATE SET currency=excluded.currency, amount=excluded.amount, changed_at=excluded.changed_at WHERE catalog_cost.currency <> excluded.currency OR catalog_cost.amount <> excluded.amount`,
				c.Variant, c.Cost.Currency, c.Cost.Amount, tx.Now())
		}
		if err != nil {
			return 0, err
		}
		changed += int(n)
	}
	if changed == 0 {
		return 0, nil
	}
	return changed, record(tx, by, "cost.set", "variant", list[0].Variant, fmt.Sprintf("%d costs", changed))
}
