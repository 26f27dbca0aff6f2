package stock

import (
	"slices"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Start is the first level of a variant that has none.
type Start struct {
	Variant            db.ID
	Tracked, Backorder bool
	OnHand             int64 // 0: nothing was counted
}

// Begin makes first levels with few statements: Put and, where pieces are on hand, Add
// of a count, for variants made in the same transaction. The change of their products
// speaks for them in the feed. 409 stock_promised when one has a level already.
func Begin(tx *db.Tx, by auth.By, list []Start) error {
	if err := by.Need(auth.StockWrite); err != nil {
		return err
	}
	var levels, moves [][]any
	now := tx.Now()
	for _, s := range list {
		if s.Variant <= 0 || s.OnHand < 0 || s.OnHand > MaxOnHand {
			var f fault.Fields
			f.Add("/on_hand", "whole_number", "max", MaxOnHand)
			return f.Err()
		}
		levels = append(levels, []any{s.Variant, s.Tracked, s.Backorder, s.OnHand, 0, 0, now})
		if s.OnHand > 0 {
			moves = append(moves, []any{tx.NewID(), s.Variant, "count", s.OnHand, 0, 0, actor(by), now})
		}
	}
	err := insert(tx, `INSERT INTO stock_level (variant_id, tracked, backorder, on_hand, held, allocated, changed_at) VALUES `, levels)
	if db.IsUnique(err) {
		return fault.Conflict("stock_promised")
	}
	if err != nil {
		return err
	}
	return insert(tx, `INSERT INTO stock_movement (id, variant_id, kind, on_hand, allocated, ref_id, actor, at) VALUES `, moves)
}

// insert writes rows, 50 a statement, so that there are few statements to prepare.
func insert(tx *db.Tx, head string, rows [][]any) error {
	for part := range slices.Chunk(rows, 50) {
		var b strings.Builder
		b.WriteString(head)
		var args []any
		for i, r := range part {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("(" + db.Placeholders(len(args)+1, len(r)) + ")")
			args = append(args, r...)
		}
		if _, err := tx.Exec(b.String(), args...); err != nil {
			return err
		}
	}
	return nil
}
