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

// Turn reports whether a refund or a capture is asked for again at this offer. DueRefunds
// and DueTakes offer one every 15 s; after some minutes only every fourth, later every
// sixteenth offer is taken.
func Turn(attempts int64) bool {
	switch {
	case attempts <= 8:
		return true
	case attempts <= 40:
		return attempts%4 == 0
	}
	return attempts%16 == 0
}
