package account

import (
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// Open makes an account of a proven address. The present session becomes the account's, with a new secret. 409
// "account_there" when another session of the address was first: sign in anew.
func (a *Accounts) Open(tx *db.Tx, v Visitor, name string) (db.ID, secret.Secret, error) {
	if !v.SignedIn() {
		return 0, secret.Secret{}, fault.SignIn()
	}
	if v.Account != 0 {
		return 0, secret.Secret{}, fault.Conflict("account_there")
	}
	if err := v.By().NeedFresh(tx.Now()); err != nil {
		return 0, secret.Secret{}, err
	}
	id := tx.NewID()
	// The session's person becomes the account's: what is sealed for the address stays under one key.
	profile, err := secret.SealJSON(a.v, tx, v.Person, fieldProfile, id, Profile{v.Email, line(name, maxName)})
	if err != nil {
		return 0, secret.Secret{}, err
	}
	n, err := tx.Exec(`INSERT INTO account_account (id, person_id, email_index, profile, state, password, password_long, totp_step, lang, version, created_at)
		VALUES ($1,$2,$3,$4,'active','',0,0,$5,1,$6) ON CONFLICT (email_index) WHERE email_index IS NOT NULL DO NOTHING`, id, v.Person, v.index, profile, string(v.Lang.Or()), tx.Now())
	if err != nil {
		return 0, secret.Secret{}, err
	}
	if n == 0 {
		return 0, secret.Secret{}, fault.Conflict("account_there")
	}
	if n, err = tx.Exec(`UPDATE account_session SET account_id=$2, email=NULL, email_index=NULL WHERE id=$1 AND account_id=0`, v.Session, id); err != nil {
		return 0, secret.Secret{}, err
	}
	if n != 1 { // signed out in the meantime
		return 0, secret.Secret{}, fault.SignIn()
	}
	key, err := rekey(tx, v)
	if err != nil {
		return 0, key, err
	}
	r, err := byID(tx, id)
	if err != nil {
		return 0, key, err
	}
	if err := a.changed(tx, r, Opened); err != nil {
		return 0, key, err
	}
	v.Account = id
	return id, key, v.By().Record(tx, "account.open", Entity, id, "", "")
}

// Rename writes another name, or none.
func (a *Accounts) Rename(tx *db.Tx, v Visitor, name string) error {
	if !v.SignedIn() {
		return fault.SignIn()
	}
	if v.Account == 0 {
		return fault.Denied()
	}
	r, err := hold(tx, v.Account)
	if err != nil {
		return err
	}
	return a.rename(tx, v.By(), r, name)
}

func (a *Accounts) rename(tx *db.Tx, by auth.By, r row, name string) error {
	p, err := a.open(tx, r)
	if err != nil {
		return err
	}
	p.Name = line(name, maxName)
	sealed, err := secret.SealJSON(a.v, tx, r.person, fieldProfile, r.id, p)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE account_account SET profile=$2 WHERE id=$1`, r.id, sealed); err != nil {
		return err
	}
	return by.Record(tx, "account.rename", Entity, r.id, "", "")
}

// Ways is how the account signs in.
type Ways struct {
	Password bool
	App      bool
	AppSince time.Time
	Recovery int64 // codes left
	Passkeys []factor.Passkey
}

// Ways reads how the visitor's account signs in; the zero Ways for a proven address alone.
func (a *Accounts) Ways(q db.Q, v Visitor) (w Ways, err error) {
	if v.Account <= 0 {
		return w, nil
	}
	r, err := byID(q, v.Account)
	if err != nil {
		return w, err
	}
	return a.waysOf(q, r)
}

func (a *Accounts) waysOf(q db.Q, r row) (w Ways, err error) {
	w.Password, w.App, w.AppSince = r.password != "", len(r.totp) > 0, r.totpAt
	if err := q.QueryRow(`SELECT count(*) FROM account_recovery WHERE account_id=$1`, r.id).Scan(&w.Recovery); err != nil {
		return w, err
	}
	w.Passkeys, err = a.keys.List(q, r.id)
	return w, err
}

// Attempt is one sign-in, or one that was refused.
type Attempt struct {
	At   time.Time
	OK   bool
	How  string // "code", "password", "passkey"; of a refusal its reason: "password", "code", "factor", "locked", …
	Peer string
}

// Attempts lists the newest sign-ins of the account, refused ones too, from the audit log.
func (a *Accounts) Attempts(q db.Q, v Visitor, n int) ([]Attempt, error) {
	if v.Account <= 0 {
		return nil, nil
	}
	return attemptsOf(q, v.Account, n)
}

func attemptsOf(q db.Q, account db.ID, n int) ([]Attempt, error) {
	es, err := audit.List(q, audit.Filter{Entity: Entity, EntityID: account, Action: "account.sign_in"}, 0, n)
	var out []Attempt
	for _, e := range es {
		out = append(out, Attempt{At: e.At, OK: e.Outcome == audit.Done, How: e.New, Peer: e.Peer})
	}
	return out, err
}
