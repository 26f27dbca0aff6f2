package stock

import (
	"fmt"

	"kassavalv/internal/db"
)

// WrongSums reads all levels and tells which do not add up: what is on hand and promised is the
// sum of the movements. It is for a shop that was restored.
func WrongSums(q db.Q) (wrong []string, sound int, err error) {
	if err := q.QueryRow(`SELECT count(*) FROM stock_level`).Scan(&sound); err != nil {
		return nil, 0, err
	}
	wrong, err = db.All(q, func(r *db.Rows) (string, error) {
		var id db.ID
		var hand, held, allocated, moved, holds, promised int64
		err := r.Scan(&id, &hand, &held, &allocated, &moved, &holds, &promised)
		return fmt.Sprintf("variant %s has %d on hand, %d held and %d promised, its movements and holds add up to %d, %d and %d", id, hand, held, allocated, moved, holds, promised), err
	}, `SELECT variant_id, on_hand, held, allocated, moved, holds, promised FROM (
			SELECT l.variant_id, l.on_hand, l.held, l.allocated,
				COALESCE((SELECT sum(h.quantity) FROM stock_hold h WHERE h.variant_id=l.variant_id AND h.state='held'), 0) AS holds,
				COALESCE((SELECT sum(m.on_hand) FROM stock_movement m WHERE m.variant_id=l.variant_id), 0) AS moved,
				COALESCE((SELECT sum(m.allocated) FROM stock_movement m WHERE m.variant_id=l.variant_id), 0) AS promised
			FROM stock_level l) x WHERE on_hand <> moved OR held <> holds OR allocated <> promised ORDER BY variant_id LIMIT 20`)
	return wrong, sound - len(wrong), err
}
