package account

import (
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// What is a change of which a letter tells.
type What string

// The changes.
const (
	Opened          What = "opened"
	PasswordChanged What = "password"
	PasswordRemoved What = "password_removed"
	PasskeyAdded    What = "passkey_added"
	PasskeyRemoved  What = "passkey_removed"
	AppAdded        What = "app_added"
	AppRemoved      What = "app_removed"
	RecoveryMade    What = "recovery"
	RecoveryUsed    What = "recovery_used"
	Moved           What = "moved" // the address; this letter goes to the new one
	Closed          What = "closed"
)

// changed notes a change and enqueues its letter, to the address as it is now.
func (a *Accounts) changed(tx *db.Tx, r row, what What) error {
	p, err := a.open(tx, r)
	if err != nil {
		return err
	}
	return a.tell(tx, r.id, r.person, p.Email, r.lang, what)
}

// tell notes a change with the address that is told: a row of its own, so that two changes make two
// letters and a job that runs twice makes one.
func (a *Accounts) tell(tx *db.Tx, account, person db.ID, email string, l lang.Lang, what What) error {
	id := tx.NewID()
	sealed, err := a.v.Seal(tx, person, fieldEmail, id, []byte(email))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO account_change (id, account_id, person_id, email, what, lang, made_at) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
		id, account, person, sealed, string(what), string(l.Or()), tx.Now()); err != nil {
		return err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobChanged, Ref: id})
	return err
}

// ChangeMail is what the letter of JobChanged needs.
type ChangeMail struct {
	To     string
	What   What
	Person db.ID
	Lang   lang.Lang
	At     time.Time
}

// ChangeMail reads a change for its letter. ok is false when it, or the person, is gone.
func (a *Accounts) ChangeMail(q db.Q, id db.ID) (m ChangeMail, ok bool, err error) {
	var sealed []byte
	err = q.QueryRow(`SELECT person_id, email, what, lang, made_at FROM account_change WHERE id=$1`, id).Scan(&m.Person, &sealed, (*string)(&m.What), (*string)(&m.Lang), &m.At)
	if errors.Is(err, db.ErrNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	to, err := a.v.Open(q, m.Person, fieldEmail, id, sealed)
	if errors.Is(err, secret.ErrErased) {
		return m, false, nil
	}
	m.To = string(to)
	return m, err == nil, err
}
