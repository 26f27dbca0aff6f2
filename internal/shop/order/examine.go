package order

import (
	"fmt"

	"kassavalv/internal/db"
)

// Count is how many orders stand, the newest of them, and how many of an id not above up.
func Count(q db.Q, up db.ID) (all int64, newest db.ID, below int64, err error) {
	err = q.QueryRow(`SELECT count(*), COALESCE(max(id), 0), COALESCE(SUM(CASE WHEN id <= $1 THEN 1 ELSE 0 END), 0) FROM order_order`, up).Scan(&all, &newest, &below)
	return
}

// Examine finds a series of documents that has a gap, which the law does not allow
// (receipts, invoices, credit notes). It reads everything: for a copy that was restored, not
// for a shop that sells.
func Examine(q db.Q) (wrong []string, err error) {
	return db.All(q, func(r *db.Rows) (string, error) {
		var kind string
		var n, top, next int64
		err := r.Scan(&kind, &n, &top, &next)
		return fmt.Sprintf("the series %s has %d documents, the last number is %d and the next would be %d", kind, n, top, next), err
	}, `SELECT s.name, count(d.id), COALESCE(max(d.number), 0), s.next FROM order_series s LEFT JOIN order_document d ON d.kind=s.name
		WHERE s.name IN ('receipt','invoice','credit_note') GROUP BY s.name, s.next
		HAVING count(d.id) <> s.next-1 OR COALESCE(max(d.number), 0) <> s.next-1 ORDER BY s.name`)
}
