package account

import (
	"strconv"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	held "kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
)

// Holder meets the contract of package datamap/hold for accounts and sign-ins.
type Holder struct{ Accounts *Accounts }

// Room is the room's name.
func (Holder) Room() string { return "account" }

// Find adds the persons of the proven address.
func (h Holder) Find(q db.Q, s *held.Scope) error {
	if s.Mail == "" {
		return nil
	}
	ps, err := h.Accounts.Persons(q, s.Mail)
	for _, p := range ps {
		s.Person(p)
	}
	return err
}

// Export gives the account, its sign-ins and its passkeys.
func (h Holder) Export(q db.Q, s held.Scope) ([]held.Record, error) {
	if s.Mail == "" {
		return nil, nil
	}
	k, err := h.Accounts.Holding(q, auth.System("privacy"), s.Mail)
	if err != nil {
		return nil, err
	}
	var out []held.Record
	if a := k.Account; a != nil {
		r := held.Record{Category: "account", Table: "account_account", ID: a.ID, At: a.Created}
		r.Add("profile", datamap.Name, a.Profile.Name)
		r.Add("profile", datamap.Email, a.Profile.Email)
		if a.App {
			r.Add("totp", datamap.Factor, "app", strconv.FormatInt(a.Recovery, 10))
		}
		out = append(out, r)
		for _, p := range a.Passkeys {
			r := held.Record{Category: "account", Table: "account_passkey", ID: p.ID, At: p.Created}
			r.Add("name", datamap.Factor, p.Name)
			out = append(out, r)
		}
	}
	for _, x := range k.Sessions {
		r := held.Record{Category: "entry", Table: "account_session", ID: x.ID, At: x.Created, Until: x.Expires}
		r.Add("email", datamap.Email, s.Mail)
		r.Add("peer", datamap.Network, x.Peer)
		r.Add("agent", datamap.Network, x.Agent)
		out = append(out, r)
	}
	return out, nil
}

// Open lists nothing: an account promises nothing.
func (Holder) Open(db.Q, held.Scope) ([]held.Matter, error) { return nil, nil }

// Erase closes the account and ends every session and code of the address.
func (h Holder) Erase(tx *db.Tx, s held.Scope) error {
	if s.Mail == "" {
		return nil
	}
	_, err := h.Accounts.Erase(tx, auth.System("privacy"), s.Mail)
	return err
}
