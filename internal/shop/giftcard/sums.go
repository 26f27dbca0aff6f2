package giftcard

import (
	"fmt"

	"kassavalv/internal/db"
)

// WrongSums reads all cards and tells which do not add up: a balance is the sum of what
// happened to the card. It is for a shop that was restored.
func WrongSums(q db.Q) (wrong []string, sound int, err error) {
	if err := q.QueryRow(`SELECT count(*) FROM giftcard_card`).Scan(&sound); err != nil {
		return nil, 0, err
	}
	wrong, err = db.All(q, func(r *db.Rows) (string, error) {
		var id db.ID
		var balance, held, sum, kept int64
		err := r.Scan(&id, &balance, &held, &sum, &kept)
		return fmt.Sprintf("gift card %s has %d and %d held, its entries add up to %d and %d", id, balance, held, sum, kept), err
	}, `SELECT id, balance, held, got, kept FROM (
			SELECT c.id, c.balance, c.held,
				COALESCE((SELECT sum(e.amount) FROM giftcard_entry e WHERE e.card_id=c.id), 0) AS got,
				COALESCE((SELECT sum(e.held) FROM giftcard_entry e WHERE e.card_id=c.id), 0) AS kept
			FROM giftcard_card c) x WHERE balance <> got OR held <> kept ORDER BY id LIMIT 20`)
	return wrong, sound - len(wrong), err
}
