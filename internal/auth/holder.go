package auth

import (
	"errors"
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Openings meets hold.Holder for why staff opened a person's details, in their own words.
type Openings struct{ Vault *secret.Vault }

// Room is the room's name.
func (Openings) Room() string { return "auth" }

// Find finds nobody.
func (Openings) Find(db.Q, *hold.Scope) error { return nil }

// Export gives the words.
func (h Openings) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	type row struct {
		id, person db.ID
		note       []byte
		at         time.Time
	}
	in, args := hold.In(s.Persons, 1)
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.person, &x.note, &x.at); return },
		`SELECT id, person_id, note, opened_at FROM auth_opening WHERE note IS NOT NULL AND person_id IN `+in+` ORDER BY id LIMIT 1000`, args...)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, x := range rows {
		b, err := h.Vault.Open(q, x.person, fieldOpeningNote, x.id, x.note)
		if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := hold.Record{Category: "readings", Table: "auth_opening", ID: x.id, At: x.at}
		r.Add("note", datamap.Text, string(b))
		out = append(out, r)
	}
	return out, nil
}

// Open lists nothing.
func (Openings) Open(db.Q, hold.Scope) ([]hold.Matter, error) { return nil, nil }

// Erase has nothing to take: the words went with the key.
func (Openings) Erase(*db.Tx, hold.Scope) error { return nil }
