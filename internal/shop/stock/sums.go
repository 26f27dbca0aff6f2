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
		var hand, allocated, moved, promised int64
		err := r.Scan(&id, &hand, &allocated, &moved, &promised)
		return fmt.Sprintf("variant %s has %d on hand and %d promised, its movements add up to %d and %d", id, hand, allocated, moved, promised), err
	}, `SELECT variant_id, on_hand, allocated, moved, promised FROM (
			SELECT l.variant_id, l.on_hand, l.allocated,
				COALESCE((SELECT sum(m.on_hand) FROM stock_movement m WHERE m.variant_id=l.variant_id), 0) AS moved,
				COALESCE((SELECT sum(m.allocated) FROM stock_movement m WHERE m.variant_id=l.variant_id), 0) AS promised
			FROM stock_level l) x WHERE on_hand <> moved OR allocated <> promised ORDER BY variant_id LIMIT 20`)
	return wrong, sound - len(wrong), err
}
