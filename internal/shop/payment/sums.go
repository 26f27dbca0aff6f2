package payment

import (
	"fmt"

	"kassavalv/internal/db"
)

// WrongSums reads the whole ledger and tells which intents do not add up: what an intent says
// was captured and refunded is the sum of its entries. It is for a shop that was restored; on
// one that sells it would read too much.
func WrongSums(q db.Q) (wrong []string, sound int, err error) {
	if err := q.QueryRow(`SELECT count(*) FROM payment_intent`).Scan(&sound); err != nil {
		return nil, 0, err
	}
	wrong, err = db.All(q, func(r *db.Rows) (string, error) {
		var id db.ID
		var captured, refunded, in, out int64
		err := r.Scan(&id, &captured, &refunded, &in, &out)
		return fmt.Sprintf("payment %s says %d captured and %d refunded, its entries %d and %d", id, captured, refunded, in, out), err
	}, `SELECT id, captured, refunded, got, gone FROM (
			SELECT i.id, i.captured, i.refunded,
				COALESCE((SELECT sum(e.amount) FROM payment_entry e WHERE e.intent_id=i.id AND e.kind='capture'), 0) AS got,
				COALESCE((SELECT sum(e.amount) FROM payment_entry e WHERE e.intent_id=i.id AND e.kind='refund'), 0) AS gone
			FROM payment_intent i) x WHERE captured <> got OR refunded <> gone ORDER BY id LIMIT 20`)
	return wrong, sound - len(wrong), err
}
