package waitlist

import (
	"errors"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for wishes.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "waitlist" }

func (h Holder) of(q db.Q, s hold.Scope) ([]Entry, error) {
	if s.Mail == "" {
		return nil, nil
	}
	ix, err := h.Vault.Index(fieldMail, s.Mail)
	if err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (Entry, error) { return scan(r) }, `SELECT `+cols+` FROM waitlist_entry WHERE mail_index=$1 ORDER BY id LIMIT 1000`, ix)
}

// Find adds the persons of the wishes from the mail address.
func (h Holder) Find(q db.Q, s *hold.Scope) error {
	es, err := h.of(q, *s)
	for _, e := range es {
		s.Person(e.Person)
	}
	return err
}

// Export gives the addresses of the wishes.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	es, err := h.of(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, e := range es {
		m, err := MailOf(q, h.Vault, e, auth.OwnWork())
		if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := hold.Record{Category: "waitlist", Table: "waitlist_entry", ID: e.ID, At: e.Created}
		r.Add("sealed", datamap.Email, m)
		out = append(out, r)
	}
	return out, nil
}

// Open lists nothing: a wish can be forgotten at any time.
func (Holder) Open(db.Q, hold.Scope) ([]hold.Matter, error) { return nil, nil }

// Losses tells that nobody will be written to.
func (h Holder) Losses(q db.Q, s hold.Scope) ([]hold.Loss, error) {
	es, err := h.of(q, s)
	if len(es) == 0 {
		return nil, err
	}
	return []hold.Loss{{Kind: "waitlist"}}, err
}

// Erase forgets the wishes.
func (h Holder) Erase(tx *db.Tx, s hold.Scope) error {
	es, err := h.of(tx, s)
	if err != nil {
		return err
	}
	for _, e := range es {
		if err := Forget(tx, h.Vault, e.ID); err != nil {
			return err
		}
	}
	return nil
}
