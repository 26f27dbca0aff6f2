package returns

import (
	"errors"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for returns.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "returns" }

func (Holder) of(q db.Q, s hold.Scope) ([]Return, error) {
	in, args := hold.In(s.Orders, 1)
	return many(q, `SELECT `+cols+` FROM returns_return WHERE order_id IN `+in+` ORDER BY id LIMIT 1000`, args...)
}

// Find adds the persons of the orders' returns.
func (h Holder) Find(q db.Q, s *hold.Scope) error {
	rs, err := h.of(q, *s)
	for _, r := range rs {
		s.Person(r.Person)
	}
	return err
}

// Export gives what was said, and answered.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	rs, err := h.of(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, r := range rs {
		st, err := StatementOf(q, h.Vault, r, auth.OwnWork())
		if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		x := hold.Record{Category: "returns", Table: "returns_return", ID: r.ID, At: r.Stated}
		x.Add("statement", datamap.Name, st.Name)
		x.Add("statement", datamap.Email, st.Mail)
		x.Add("statement", datamap.Text, st.Text)
		a, err := AnswerOf(q, h.Vault, r)
		if err != nil {
			return nil, err
		}
		x.Add("answer", datamap.Text, a)
		out = append(out, x)
	}
	return out, nil
}

// Open lists the returns that are not at an end, and money that is on its way back.
func (h Holder) Open(q db.Q, s hold.Scope) ([]hold.Matter, error) {
	rs, err := h.of(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Matter
	for _, r := range rs {
		if r.State != Refunded && r.State != Cancelled && r.State != Rejected { // a no has been said, and why
			out = append(out, hold.Matter{Kind: "return"})
		}
	}
	in, args := hold.In(s.Orders, 1)
	var n int
	if err := q.QueryRow(`SELECT count(*) FROM returns_credit WHERE order_id IN `+in+` AND state='asked'`, args...).Scan(&n); err != nil {
		return nil, err
	}
	if n > 0 {
		out = append(out, hold.Matter{Kind: "refund"})
	}
	return out, nil
}

// Erase has nothing to take: what was said went with the key.
func (Holder) Erase(*db.Tx, hold.Scope) error { return nil }
