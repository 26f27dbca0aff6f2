package mail

import (
	"errors"

	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for letters.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "mail" }

// Find finds nobody: letters are found by their persons.
func (Holder) Find(db.Q, *hold.Scope) error { return nil }

// Export gives the letters that were sent.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	m := Mailer{o: Options{Vault: h.Vault}}
	var out []hold.Record
	for _, p := range s.Persons {
		rows, err := OfPerson(q, p)
		if err != nil {
			return nil, err
		}
		for _, x := range rows {
			if !x.HasCopy || len(out) >= hold.Limit {
				continue
			}
			c, err := m.Copy(q, x.ID)
			if errors.Is(err, secret.ErrErased) || errors.Is(err, db.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			at := x.Sent
			if at.IsZero() {
				at = x.Queued
			}
			r := hold.Record{Category: "letters", Table: "mail_message", ID: x.ID, About: c.Subject, At: at}
			r.Add("sealed", datamap.Email, c.To)
			r.Add("sealed", datamap.Letter, c.Text)
			out = append(out, r)
		}
	}
	return out, nil
}

// Open lists nothing: a letter that waits is dropped.
func (Holder) Open(db.Q, hold.Scope) ([]hold.Matter, error) { return nil, nil }

// Erase drops the letters that wait, and the copies of those that are sent.
func (Holder) Erase(tx *db.Tx, s hold.Scope) error {
	in, args := hold.In(s.Persons, 1)
	_, err := tx.Exec(`UPDATE mail_message SET state=CASE WHEN state='queued' THEN 'dropped' ELSE state END, last_code=CASE WHEN state='queued' THEN 'erased' ELSE last_code END, sealed=NULL WHERE person_id IN `+in, args...)
	return err
}

// Left reports whether a letter of a kind to a person was sent, or given up.
func (Holder) Left(q db.Q, person db.ID, kind string) (bool, error) {
	rows, err := OfPerson(q, person)
	for _, x := range rows {
		if x.Kind == kind && x.State != "queued" {
			return true, nil
		}
	}
	return false, err
}
