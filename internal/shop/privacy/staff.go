package privacy

import (
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// List pages requests for staff, newest first: those below before (0: from the newest).
func List(q db.Q, by auth.By, before db.ID, n int) ([]Request, error) {
	if err := by.Need(auth.PrivacyWrite); err != nil {
		return nil, err
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	return db.All(q, func(r *db.Rows) (Request, error) { return scan(r) }, `SELECT `+cols+` FROM privacy_request WHERE id < $1 ORDER BY id DESC LIMIT $2`, before, max(1, min(n, 100)))
}

// OpenRequests lists those that are owed an answer, the most urgent first, at most n.
func OpenRequests(q db.Q, by auth.By, n int) ([]Request, error) {
	if err := by.Need(auth.PrivacyWrite); err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (Request, error) { return scan(r) }, `SELECT `+cols+` FROM privacy_request WHERE answered_at IS NULL ORDER BY due_at, id LIMIT $1`, max(1, min(n, 100)))
}

// Count tells how many requests are owed an answer, and how many of them are urgent.
func Count(q db.Q) (open, urgent int64, err error) {
	err = q.QueryRow(`SELECT count(*), COALESCE(CAST(sum(CASE WHEN due_at < $1 THEN 1 ELSE 0 END) AS BIGINT),0) FROM privacy_request WHERE answered_at IS NULL`, q.LegalNow().Add(red)).Scan(&open, &urgent)
	return
}

// ToTellCount counts the recipients that are to be told.
func ToTellCount(q db.Q) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM privacy_notice WHERE state='to_tell'`).Scan(&n)
	return
}

// One reads a request for staff; a 404 fault when there is none.
func One(q db.Q, by auth.By, id db.ID) (Request, error) {
	if err := by.Need(auth.PrivacyWrite); err != nil {
		return Request{}, err
	}
	r, err := ByID(q, id)
	if errors.Is(err, db.ErrNotFound) {
		err = fault.NotFound()
	}
	return r, err
}

// touch is the first step of what staff do with a request.
func touch(tx *db.Tx, by auth.By, id db.ID) (Request, error) {
	if err := by.Need(auth.PrivacyWrite); err != nil {
		return Request{}, err
	}
	n, err := tx.Exec(`UPDATE privacy_request SET version=version+1, changed_at=$2 WHERE id=$1 AND answered_at IS NULL`, id, tx.Now())
	if err != nil {
		return Request{}, err
	}
	r, err := One(tx, by, id)
	if err == nil && n != 1 {
		err = fault.Conflict("wrong_state")
	}
	return r, err
}

// OnBehalf is a request that staff take down for a customer who wrote or called.
type OnBehalf struct {
	Kind, Mail, Text string
	Lang             lang.Lang
	Asked            time.Time // when he asked; zero: now
}

// TakeDown opens a request for a customer. He is written to at the address, where he carries it out
// himself with what proves that it is his; staff have not proven that for him. 422 with fields.
func (d *Desk) TakeDown(tx *db.Tx, by auth.By, in OnBehalf) (Request, error) {
	if err := by.Need(auth.PrivacyWrite); err != nil {
		return Request{}, err
	}
	mail, err := secret.CanonicalEmail(in.Mail)
	if err != nil {
		return Request{}, fault.Invalid(fault.Field{Pointer: "/email", Code: "bad_email"})
	}
	if in.Asked.After(tx.LegalNow()) || !in.Asked.IsZero() && in.Asked.Before(tx.LegalNow().AddDate(0, -3, 0)) {
		return Request{}, fault.Invalid(fault.Field{Pointer: "/asked_on", Code: "bad_date"})
	}
	s, err := d.Scope(tx, mail)
	if err != nil {
		return Request{}, err
	}
	r, err := d.open(tx, newRequest{kind: in.Kind, mail: mail, text: in.Text, lang: in.Lang, by: by, staff: true}, s)
	if err != nil {
		return r, err
	}
	if !in.Asked.IsZero() { // the clock runs from when he asked, not from when it was written down
		r.Asked, r.Due = in.Asked, Due(in.Asked, 1)
		if _, err := tx.Exec(`UPDATE privacy_request SET asked_at=$2, due_at=$3 WHERE id=$1`, r.ID, r.Asked, r.Due); err != nil {
			return r, err
		}
	}
	return r, ask(tx, JobReceived, r.ID)
}

// Extend gives a request two months more, with the reason that the person is told (art. 12.3). Once.
func (d *Desk) Extend(tx *db.Tx, by auth.By, id db.ID, why string) (Request, error) {
	r, err := touch(tx, by, id)
	if err != nil {
		return r, err
	}
	var f fault.Fields
	why = words(&f, "/reason", why, true)
	if err := f.Err(); err != nil {
		return r, err
	}
	if !r.Extended.IsZero() {
		return r, fault.Conflict("extended_already")
	}
	if tx.LegalNow().After(r.Due) {
		return r, fault.Conflict("too_late") // the person is to be told within the month
	}
	c, err := ContactOf(tx, d.Vault, r)
	if err != nil {
		return r, err
	}
	c.Why = why
	sealed, err := secret.SealJSON(d.Vault, tx, r.Person, fieldContact, r.ID, c)
	if err != nil {
		return r, err
	}
	r.Due, r.Extended = Due(r.Asked, 3), tx.LegalNow()
	if _, err := tx.Exec(`UPDATE privacy_request SET contact=$2, due_at=$3, extended_at=$4 WHERE id=$1`, id, sealed, r.Due, r.Extended); err != nil {
		return r, err
	}
	if err := by.Record(tx, "privacy.extend", "privacy_request", id, "", lang.ISO(r.Due)); err != nil {
		return r, err
	}
	return r, ask(tx, JobExtended, id)
}

// Answer ends a request in words: done, or refused with the reason, which the person must be given
// together with where he can complain (art. 12.4). The words are on his page; the letter says that they are there.
func (d *Desk) Answer(tx *db.Tx, by auth.By, id db.ID, text string, refuse bool) (Request, error) {
	r, err := touch(tx, by, id)
	if err != nil {
		return r, err
	}
	var f fault.Fields
	text = words(&f, "/answer", text, true)
	if err := f.Err(); err != nil {
		return r, err
	}
	to := Done
	if refuse {
		to = Refused
	} else if r.Kind == Erase {
		return r, fault.Conflict("not_erased") // words erase nobody
	}
	if err := d.advance(tx, by, &r, to, text); err != nil {
		return r, err
	}
	return r, ask(tx, JobAnswered, id)
}

// Carry does what a request asks for a customer whom staff know by other means than his mail: a
// restriction, an objection, a consent taken back, an erasure. how says how he was known, and is kept with the
// answer; of an erasure no words are kept. An erasure asks for fresh authentication.
func (d *Desk) Carry(tx *db.Tx, by auth.By, id db.ID, how string) (Request, error) {
	r, err := touch(tx, by, id)
	if err != nil {
		return r, err
	}
	var f fault.Fields
	how = words(&f, "/how", how, true)
	if err := f.Err(); err != nil {
		return r, err
	}
	c, err := ContactOf(tx, d.Vault, r)
	if err != nil {
		return r, err
	}
	s, err := d.Scope(tx, c.Mail)
	if err != nil {
		return r, err
	}
	switch r.Kind {
	case Erase:
		if err := by.NeedFresh(tx.Now()); err != nil {
			return r, err
		}
		return r, d.carry(tx, by, &r, s)
	case Restrict, Unrestrict, Object, Unobject:
		if err := d.limit(tx, r.ID, r.Kind, s); err != nil {
			return r, err
		}
	case Withdraw:
		if err := withdraw(tx, s); err != nil {
			return r, err
		}
	default:
		return r, fault.Conflict("by_the_person") // what is given out is given to who proves himself
	}
	if err := d.advance(tx, by, &r, Done, how); err != nil {
		return r, err
	}
	return r, ask(tx, JobAnswered, id)
}

// Matching tells staff what must be finished before an erasure, in kinds and numbers.
func (d *Desk) Matching(q db.Q, by auth.By, r Request) (s hold.Scope, ms []hold.Matter, err error) {
	if err = by.Need(auth.PrivacyWrite); err != nil || !r.Open() {
		return
	}
	c, err := ContactOf(q, d.Vault, r)
	if err != nil {
		return
	}
	if s, err = d.Scope(q, c.Mail); err != nil {
		return
	}
	ms, err = d.Matters(q, s)
	return
}
