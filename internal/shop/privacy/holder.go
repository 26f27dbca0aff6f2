package privacy

import (
	"errors"

	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for the requests themselves.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "privacy" }

// Find finds nobody: the requests' own persons are let go by the desk, the last of them after the
// last letter.
func (Holder) Find(db.Q, *hold.Scope) error { return nil }

// Export gives the requests, and what was answered.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	if s.Mail == "" {
		return nil, nil
	}
	ix, err := h.Vault.Index(fieldMail, s.Mail)
	if err != nil {
		return nil, err
	}
	rs, err := db.All(q, func(r *db.Rows) (Request, error) { return scan(r) }, `SELECT `+cols+` FROM privacy_request WHERE mail_index=$1 ORDER BY id LIMIT 1000`, ix)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, r := range rs {
		c, err := ContactOf(q, h.Vault, r)
		if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		x := hold.Record{Category: "privacy", Table: "privacy_request", ID: r.ID, About: r.Kind, At: r.Asked}
		x.Add("contact", datamap.Email, c.Mail)
		x.Add("contact", datamap.Text, c.Text, c.Why)
		a, err := AnswerOf(q, h.Vault, r)
		if err != nil {
			return nil, err
		}
		x.Add("answer", datamap.Text, a)
		out = append(out, x)
	}
	return out, nil
}

// Open lists nothing: a request is no matter that must be finished before another.
func (Holder) Open(db.Q, hold.Scope) ([]hold.Matter, error) { return nil, nil }

// Erase has nothing to take: the desk itself lets go of requests.
func (Holder) Erase(*db.Tx, hold.Scope) error { return nil }
