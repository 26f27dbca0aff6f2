package checkout

import (
	"errors"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
)

// Holder meets hold.Holder for purchases.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "checkout" }

func (Holder) purchases(q db.Q, s hold.Scope) ([]Purchase, error) {
	in, args := hold.In(s.Persons, 1)
	return db.All(q, func(r *db.Rows) (Purchase, error) { return scan(r) }, `SELECT `+cols+` FROM checkout_purchase WHERE person_id IN `+in+` ORDER BY id LIMIT 1000`, args...)
}

// Find adds the purchases of the persons.
func (h Holder) Find(q db.Q, s *hold.Scope) error {
	ps, err := h.purchases(q, *s)
	for _, p := range ps {
		s.Purchase(p.ID)
		s.Order(p.Order)
	}
	return err
}

// Export gives what was to be bought, and by whom.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	ps, err := h.purchases(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, p := range ps {
		c, err := ContactOf(q, h.Vault, p, auth.OwnWork())
		if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := hold.Record{Category: "order", Table: "checkout_purchase", ID: p.ID, At: p.Created}
		order.Tell(&r, c, p.Draft)
		out = append(out, r)
	}
	return out, nil
}

// Open lists the purchases that are still under way, and the money that is.
func (h Holder) Open(q db.Q, s hold.Scope) ([]hold.Matter, error) {
	ps, err := h.purchases(q, s)
	var out []hold.Matter
	for _, p := range ps {
		switch {
		case !p.State.Terminal():
			out = append(out, hold.Matter{Kind: "purchase"})
		case p.Alarm != "" || p.Money == Unsure || p.Order == 0 && (p.Money == Taken || p.Money == Reserved):
			out = append(out, hold.Matter{Kind: "money"})
		}
	}
	return out, err
}

// Erase has nothing to take: the sealed contact went with the key.
func (Holder) Erase(*db.Tx, hold.Scope) error { return nil }
