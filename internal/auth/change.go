package auth

import (
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// What is a change of a member's way in, of which a letter tells him.
type What string

// The changes.
const (
	PasswordChanged What = "password"        // by himself, with the old one
	Recovered       What = "recovered"       // a new password by the link of a recovery
	PasskeyAdded    What = "passkey_added"   //
	PasskeyRemoved  What = "passkey_removed" //
	RoleChanged     What = "role"            // by another
)

// changeLife is how long a change is kept for its letter: longer than the days a
// letter is tried.
const changeLife = 30 * 24 * time.Hour

// changed notes a change and enqueues its letter. A row of its own, not the
// member's: two changes make two letters, and a job that runs twice makes one.
func changed(tx *db.Tx, staff db.ID, what What) error {
	id := tx.NewID()
	if _, err := tx.Exec(`INSERT INTO auth_change (id, staff_id, what, made_at) VALUES ($1,$2,$3,$4)`, id, staff, string(what), tx.Now()); err != nil {
		return err
	}
	_, err := job.Enqueue(tx, job.Spec{Kind: JobMailChanged, Ref: id})
	return err
}

// ChangeMail is what the worker of JobMailChanged needs.
type ChangeMail struct {
	Staff    db.ID
	What     What
	To       Profile
	Role     string // as it is now
	RoleName string // of an own role
	Lang     lang.Lang
	At       time.Time
}

// ChangeMail reads a change for its letter. ok is false when the change or the
// member is gone: then no letter is due.
func (a *Auth) ChangeMail(q db.Q, change db.ID) (m ChangeMail, ok bool, err error) {
	err = q.QueryRow(`SELECT staff_id, what, made_at FROM auth_change WHERE id=$1`, change).Scan(&m.Staff, (*string)(&m.What), &m.At)
	if errors.Is(err, db.ErrNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	s, err := staffByID(q, m.Staff)
	if errors.Is(err, db.ErrNotFound) || err == nil && s.state == "closed" {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	m.Role, m.RoleName, m.Lang = s.role, s.roleName, s.lang.Or()
	m.To, err = a.open(q, s)
	if errors.Is(err, secret.ErrErased) {
		return m, false, nil
	}
	return m, err == nil, err
}
