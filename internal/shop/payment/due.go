package payment

import "kassavalv/internal/db"

// RefundsDue reports whether DueRefunds would find something: a read, so that a
// worker with nothing to do writes nothing.
func RefundsDue(q db.Q) (bool, error) {
	var n int
	err := q.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM payment_refund WHERE state='asked' AND next_at <= $1 LIMIT 1) x`, q.Now()).Scan(&n)
	return n > 0, err
}

// RefundByID reads one refund. db.ErrNotFound.
func RefundByID(q db.Q, id db.ID) (RefundRow, error) {
	return scanRefund(q.QueryRow(`SELECT `+refundCols+` FROM payment_refund WHERE id=$1`, id))
}
