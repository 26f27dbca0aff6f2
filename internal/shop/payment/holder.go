package payment

import (
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for what the bank tells of payments to the shop's account.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "payment" }

func (Holder) lines(q db.Q, s hold.Scope) ([]BankLine, error) {
	in, args := hold.In(s.Orders, 1)
	return listLines(q, `SELECT `+lineCols+` FROM payment_bankline WHERE order_id IN `+in+` ORDER BY id LIMIT 1000`, args...)
}

// Find adds the persons of lines that are about the orders.
func (h Holder) Find(q db.Q, s *hold.Scope) error {
	ls, err := h.lines(q, *s)
	for _, l := range ls {
		s.Person(l.Person)
	}
	return err
}

// Export gives what the bank told.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	ls, err := h.lines(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, l := range ls {
		d, ok, err := l.Details(q, h.Vault, auth.OwnWork())
		if errors.Is(err, secret.ErrErased) || err == nil && !ok {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := hold.Record{Category: "bank", Table: "payment_bankline", ID: l.ID, At: l.On}
		r.Add("details", datamap.Name, d.Payer)
		r.Add("details", datamap.Bank, append([]string{d.From}, d.Refs...)...)
		r.Add("details", datamap.Text, d.Text...)
		out = append(out, r)
	}
	return out, nil
}

// Open lists payments that somebody must decide about, and money on its way back.
func (h Holder) Open(q db.Q, s hold.Scope) ([]hold.Matter, error) {
	ls, err := h.lines(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Matter
	for _, l := range ls {
		if l.State == "open" || l.State == "payback" {
			out = append(out, hold.Matter{Kind: "payment"})
			break
		}
	}
	in, args := hold.In(s.Purchases, 1)
	var n int
	if err := q.QueryRow(`SELECT count(*) FROM payment_refund WHERE state='asked' AND intent_id IN (SELECT id FROM payment_intent WHERE purchase_id IN `+in+`)`, args...).Scan(&n); err != nil {
		return nil, err
	}
	if n > 0 {
		out = append(out, hold.Matter{Kind: "refund"})
	}
	return out, nil
}

// Erase takes what the bank told.
func (Holder) Erase(tx *db.Tx, s hold.Scope) error {
	in, args := hold.In(s.Orders, 1)
	_, err := tx.Exec(`UPDATE payment_bankline SET details=NULL, person_id=NULL, version=version+1 WHERE order_id IN `+in+` AND details IS NOT NULL`, args...)
	return err
}

// MethodsOf lists the ways in which the purchases were paid, or tried to be.
func MethodsOf(q db.Q, purchases []db.ID) ([]string, error) {
	in, args := hold.In(purchases, 1)
	return db.All(q, func(r *db.Rows) (s string, err error) { err = r.Scan(&s); return }, `SELECT DISTINCT method FROM payment_intent WHERE purchase_id IN `+in+` ORDER BY method`, args...)
}

// SweepLines forgets what the bank told of at most n payments that were booked before t. What is
// still open is let be: somebody's money waits in it.
func SweepLines(tx *db.Tx, v *secret.Vault, before time.Time, n int) (int, error) {
	ls, err := listLines(tx, `SELECT `+lineCols+` FROM payment_bankline WHERE details IS NOT NULL AND booked_on < $1 AND state NOT IN ('open','payback') ORDER BY booked_on, id LIMIT $2`, before, n)
	if err != nil {
		return 0, err
	}
	for _, l := range ls {
		if err := v.Erase(tx, l.Person); err != nil {
			return 0, err
		}
		if _, err := tx.Exec(`UPDATE payment_bankline SET details=NULL, person_id=NULL, version=version+1 WHERE id=$1`, l.ID); err != nil {
			return 0, err
		}
	}
	return len(ls), nil
}
