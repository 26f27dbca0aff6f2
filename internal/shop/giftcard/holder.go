package giftcard

import (
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for gift cards that were issued to a mail address.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "giftcard" }

func (h Holder) of(q db.Q, s hold.Scope) ([]Card, error) {
	if s.Mail == "" {
		return nil, nil
	}
	ix, err := h.Vault.Index(fieldMailIndex, s.Mail)
	if err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (Card, error) { return scan(r) }, `SELECT `+cols+` FROM giftcard_card WHERE mail_index=$1 ORDER BY id LIMIT 1000`, ix)
}

// Find adds the persons of the cards that were issued to the mail address.
func (h Holder) Find(q db.Q, s *hold.Scope) error {
	cs, err := h.of(q, *s)
	for _, c := range cs {
		s.Person(c.Person)
	}
	return err
}

// Export gives the addresses the cards were sent to.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	cs, err := h.of(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, c := range cs {
		m, err := MailOf(q, h.Vault, c, auth.OwnWork())
		if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := hold.Record{Category: "giftcard", Table: "giftcard_card", ID: c.ID, About: c.Last4, At: c.Created, Until: c.Expires}
		r.Add("mail", datamap.Email, m)
		out = append(out, r)
	}
	return out, nil
}

// Open lists nothing: a card's code is a bearer's, and lives on.
func (Holder) Open(db.Q, hold.Scope) ([]hold.Matter, error) { return nil, nil }

// Losses tells that codes cannot be sent again.
func (h Holder) Losses(q db.Q, s hold.Scope) ([]hold.Loss, error) {
	cs, err := h.of(q, s)
	for _, id := range s.Orders {
		bought, err := OfOrder(q, id)
		if err != nil {
			return nil, err
		}
		cs = append(cs, bought...)
	}
	var out []hold.Loss
	for _, c := range cs {
		if c.Usable(q.LegalNow()) {
			out = append(out, hold.Loss{Kind: "giftcard", About: c.Last4, Until: c.Expires})
		}
	}
	return out, err
}

// Erase takes the addresses: the cards are good for who has their codes.
func (h Holder) Erase(tx *db.Tx, s hold.Scope) error {
	cs, err := h.of(tx, s)
	if err != nil {
		return err
	}
	for _, c := range cs {
		if err := forget(tx, h.Vault, c.ID, c.Person); err != nil {
			return err
		}
	}
	return nil
}

func forget(tx *db.Tx, v *secret.Vault, id, person db.ID) error {
	if _, err := tx.Exec(`UPDATE giftcard_card SET mail=NULL, mail_index=NULL WHERE id=$1`, id); err != nil {
		return err
	}
	return v.Erase(tx, person)
}

// SweepMail forgets, of at most n cards whose time had ended before t, to whom they were sent.
// Cards from before addresses had an index get one. It returns how many rows it touched.
func SweepMail(tx *db.Tx, v *secret.Vault, before time.Time, n int) (int, error) {
	old, err := db.All(tx, func(r *db.Rows) (Card, error) { return scan(r) }, `SELECT `+cols+` FROM giftcard_card WHERE mail IS NOT NULL AND expires_at < $1 ORDER BY expires_at, id LIMIT $2`, before, n)
	if err != nil {
		return 0, err
	}
	for _, c := range old {
		if err := forget(tx, v, c.ID, c.Person); err != nil {
			return 0, err
		}
	}
	bare, err := db.All(tx, func(r *db.Rows) (Card, error) { return scan(r) }, `SELECT `+cols+` FROM giftcard_card WHERE mail IS NOT NULL AND mail_index IS NULL ORDER BY id LIMIT $1`, n)
	if err != nil {
		return 0, err
	}
	for _, c := range bare {
		m, err := MailOf(tx, v, c, auth.OwnWork())
		if err != nil {
			return 0, err
		}
		ix, err := v.Index(fieldMailIndex, m)
		if err != nil {
			return 0, err
		}
		if _, err := tx.Exec(`UPDATE giftcard_card SET mail_index=$2 WHERE id=$1`, c.ID, ix); err != nil {
			return 0, err
		}
	}
	return len(old) + len(bare), nil
}
