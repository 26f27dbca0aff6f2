package giftcard

import (
	"errors"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
)

// Filter of List; the zero value lists everything.
type Filter struct {
	State string // Active or Cancelled
	Last4 string // of the code, as typed
}

// List pages cards for staff, newest first: those with a key below before (0: from the
// newest), at most n.
func List(q db.Q, by auth.By, f Filter, before db.ID, n int) ([]Card, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	where, args := `id < $1`, []any{before, max(1, min(n, 101))}
	if f.Last4 != "" {
		last := strings.ToUpper(strings.TrimSpace(f.Last4))
		where, args = where+` AND last4 = $3`, append(args, last)
	}
	if f.State != "" {
		args = append(args, f.State)
		where += ` AND state = ` + db.Placeholders(len(args), 1)
	}
	return db.All(q, func(r *db.Rows) (Card, error) { return scan(r) }, `SELECT `+cols+` FROM giftcard_card WHERE `+where+` ORDER BY id DESC LIMIT $2`, args...)
}

// One reads a card with its life for staff; a 404 fault when there is none.
func One(q db.Q, by auth.By, id db.ID) (Card, []Entry, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return Card{}, nil, err
	}
	c, err := ByID(q, id)
	if errors.Is(err, db.ErrNotFound) {
		return Card{}, nil, fault.NotFound()
	}
	if err != nil {
		return Card{}, nil, err
	}
	es, err := entries(q, id)
	return c, es, err
}

// Owed is what the shop owes its cards' owners: a debt in the books (account 2421,
// "Ej inlösta presentkort", of BAS), and what of the cards has run out without being used, which
// is income once it has. It needs figures.read: it is a sum over the whole shop.
func Owed(q db.Q, by auth.By, currency string) (owed, lapsed int64, err error) {
	if err = by.Need(auth.FiguresRead); err != nil {
		return
	}
	if err = q.QueryRow(`SELECT COALESCE(CAST(sum(balance) AS BIGINT),0) FROM giftcard_card WHERE currency=$1 AND balance > 0 AND expires_at > $2`, currency, q.LegalNow()).Scan(&owed); err != nil {
		return
	}
	err = q.QueryRow(`SELECT COALESCE(CAST(sum(balance) AS BIGINT),0) FROM giftcard_card WHERE currency=$1 AND balance > 0 AND expires_at <= $2`, currency, q.LegalNow()).Scan(&lapsed)
	return
}

// touch is the first step of what staff do with a card: the right, then the row, so that
// two of them take turns. 404; 409 changed_meanwhile for a page that was read before
// another change of staff's.
func touch(tx *db.Tx, by auth.By, id db.ID) (Card, error) {
	if err := by.Need(auth.RefundsWrite); err != nil {
		return Card{}, err
	}
	n, err := tx.Exec(`UPDATE giftcard_card SET version=version+1, changed_at=$2 WHERE id=$1`, id, tx.Now())
	if err != nil {
		return Card{}, err
	}
	if n != 1 {
		return Card{}, fault.NotFound()
	}
	return ByID(tx, id)
}

// Cancel ends a card: what is left of it is gone, besides what purchases under way hold.
// Faults: 403, 404, 409 wrong_state, 422 at reason.
func Cancel(tx *db.Tx, by auth.By, id db.ID, reason string) (Card, error) {
	c, err := touch(tx, by, id)
	if err != nil {
		return c, err
	}
	var f fault.Fields
	reason = shortFact(&f, reason)
	if err := f.Err(); err != nil {
		return c, err
	}
	n, err := tx.Exec(`UPDATE giftcard_card SET state='cancelled', balance=held WHERE id=$1 AND state='active'`, id)
	if err != nil {
		return c, err
	}
	if n != 1 {
		return c, fault.Conflict("wrong_state")
	}
	if _, err := (Entry{Card: id, Kind: "cancel", Amount: -c.Left().Amount, Ref: "staff", Note: reason}).write(tx, by); err != nil {
		return c, err
	}
	if err := by.Record(tx, "gift_card.cancel", "gift_card", id, c.Left().String(), reason); err != nil {
		return c, err
	}
	return ByID(tx, id)
}

// Extend moves the end of a card's validity, to a later day only. Faults: 403, 404, 409
// wrong_state, 422 at expires_on or reason.
func Extend(tx *db.Tx, by auth.By, id db.ID, to time.Time, reason string) (Card, error) {
	c, err := touch(tx, by, id)
	if err != nil {
		return c, err
	}
	var f fault.Fields
	reason = shortFact(&f, reason)
	if !to.After(c.Expires) || !to.After(tx.LegalNow()) || to.After(until(tx.LegalNow())) {
		f.Add("/expires_on", "bad_date")
	}
	if err := f.Err(); err != nil {
		return c, err
	}
	if c.State != Active {
		return c, fault.Conflict("wrong_state")
	}
	if err := tx.ExecOne(`UPDATE giftcard_card SET expires_at=$2 WHERE id=$1`, id, to); err != nil {
		return c, err
	}
	day := func(t time.Time) string { return t.In(lang.Zone).Format(time.DateOnly) }
	if _, err := (Entry{Card: id, Kind: "extend", Ref: "until " + day(to), Note: reason}).write(tx, by); err != nil {
		return c, err
	}
	return c, by.Record(tx, "gift_card.extend", "gift_card", id, day(c.Expires), day(to)+": "+reason)
}
