package stock

import (
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/proof"
)

// Hold claims the pieces of a purchase, all or none. The fault out_of_stock has
// a *Short as its cause.
func Hold(tx *db.Tx, purchase db.ID, lines []Line) error {
	if proof.Broken("hold") {
		return nil
	}
	lines, err := merge(lines)
	if err != nil {
		return err
	}
	short := &Short{Left: map[db.ID]int64{}}
	for _, l := range lines {
		n, err := tx.Exec(`UPDATE stock_level SET held=held+$2, changed_at=$3
			WHERE variant_id=$1 AND (tracked=0 OR backorder=1 OR on_hand-held-allocated >= $2)`, l.Variant, l.Quantity, tx.Now())
		if err != nil {
			return err
		}
		if n == 0 {
			var left int64
			if lv, err := One(tx, l.Variant); err == nil {
				left = max(0, lv.Available())
			}
			short.Left[l.Variant] = left
			continue
		}
		if _, err := tx.Exec(`INSERT INTO stock_hold (purchase_id, variant_id, quantity, state, left_over, created_at, changed_at) VALUES ($1,$2,$3,'held',$3,$4,$4)`,
			purchase, l.Variant, l.Quantity, tx.Now()); err != nil {
			return err
		}
		if err := tx.Changed("stock", l.Variant); err != nil {
			return err
		}
	}
	if len(short.Left) > 0 {
		f := fault.Conflict("out_of_stock")
		f.Cause = short
		return f // the caller's closure fails, so what was claimed goes back
	}
	return nil
}

func holds(tx *db.Tx, purchase db.ID, from, to string) ([]Line, error) {
	// RETURNING tells which rows this call, and no other, moved on.
	return db.All(tx, func(r *db.Rows) (l Line, err error) {
		err = r.Scan(&l.Variant, &l.Quantity)
		return
	}, `UPDATE stock_hold SET state=$3, changed_at=$4 WHERE purchase_id=$1 AND state=$2 RETURNING variant_id, quantity`, purchase, from, to, tx.Now())
}

// Regain claims again, all or none, what Release let go for the purchase: its money came
// after the end. The fault is Hold's; the caller's closure must fail with it.
func Regain(tx *db.Tx, purchase db.ID) error {
	lines, err := holds(tx, purchase, "released", "held")
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return fault.Conflict("out_of_stock")
	}
	lines, _ = merge(lines)
	for _, l := range lines {
		n, err := tx.Exec(`UPDATE stock_level SET held=held+$2, changed_at=$3
			WHERE variant_id=$1 AND (tracked=0 OR backorder=1 OR on_hand-held-allocated >= $2)`, l.Variant, l.Quantity, tx.Now())
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Conflict("out_of_stock")
		}
		if err := tx.Changed("stock", l.Variant); err != nil {
			return err
		}
	}
	return nil
}

// Allocate turns the purchase's holds into a promise to its order. It reports
// false when there was nothing held (released before, or allocated already).
func Allocate(tx *db.Tx, purchase db.ID) (bool, error) {
	lines, err := holds(tx, purchase, "held", "allocated")
	if err != nil || len(lines) == 0 {
		return false, err
	}
	lines, _ = merge(lines)
	for _, l := range lines {
		if err := tx.ExecOne(`UPDATE stock_level SET held=held-$2, allocated=allocated+$2, changed_at=$3 WHERE variant_id=$1 AND held >= $2`,
			l.Variant, l.Quantity, tx.Now()); err != nil {
			return false, err
		}
		if err := move(tx, l.Variant, "allocate", 0, l.Quantity, purchase, auth.System("checkout")); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Release lets the purchase's holds go. Releasing twice is harmless.
func Release(tx *db.Tx, purchase db.ID) error {
	if proof.Broken("release") {
		return nil
	}
	lines, err := holds(tx, purchase, "held", "released")
	if err != nil || len(lines) == 0 {
		return err
	}
	lines, _ = merge(lines)
	for _, l := range lines {
		if err := tx.ExecOne(`UPDATE stock_level SET held=held-$2, changed_at=$3 WHERE variant_id=$1 AND held >= $2`, l.Variant, l.Quantity, tx.Now()); err != nil {
			return err
		}
		if err := tx.Changed("stock", l.Variant); err != nil {
			return err
		}
	}
	return nil
}

// Ship takes n allocated pieces out of the house. 409 when the purchase has
// fewer pieces allocated.
func Ship(tx *db.Tx, by auth.By, purchase, variant db.ID, n int64) error {
	return leave(tx, by, purchase, variant, n, "ship", -n)
}

// Unallocate gives n promised pieces back to the shelf: a cancelled line.
func Unallocate(tx *db.Tx, by auth.By, purchase, variant db.ID, n int64) error {
	return leave(tx, by, purchase, variant, n, "cancel", 0)
}

func leave(tx *db.Tx, by auth.By, purchase, variant db.ID, n int64, kind string, onHand int64) error {
	if n <= 0 {
		return fault.Conflict("nothing_allocated")
	}
	got, err := tx.Exec(`UPDATE stock_hold SET left_over=left_over-$3, state=CASE WHEN left_over=$3 THEN 'done' ELSE state END, changed_at=$4
		WHERE purchase_id=$1 AND variant_id=$2 AND state='allocated' AND left_over >= $3`, purchase, variant, n, tx.Now())
	if err != nil {
		return err
	}
	if got != 1 {
		return fault.Conflict("nothing_allocated")
	}
	// Untracked goods, and back-orders shipped before they were booked in, may
	// have fewer on hand than leave; the figure stops at zero.
	if err := tx.ExecOne(`UPDATE stock_level SET allocated=allocated-$2,
		on_hand=CASE WHEN on_hand+$3 >= 0 THEN on_hand+$3 ELSE 0 END, changed_at=$4 WHERE variant_id=$1 AND allocated >= $2`,
		variant, n, onHand, tx.Now()); err != nil {
		return err
	}
	return move(tx, variant, kind, onHand, -n, purchase, by)
}
