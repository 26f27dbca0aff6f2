package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
)

// JobMailCaller mails a code to who says that he is calling; Ref is the auth_caller row.
const JobMailCaller = "auth.mail_caller"

// Bounds of a caller's code.
const (
	callerLife   = 10 * time.Minute // what a call takes
	callerTries  = 3                // of a million codes: 3 in 1,000,000 that a guess is right
	callerHourly = 3                // codes to one address in an hour, whoever asks for them
	callerHolds  = 30 * time.Minute // how long a caller counts as verified
	callerKept   = 90 * 24 * time.Hour
)

var fieldCaller = secret.Register("auth.caller", "to count the codes that were sent to an address")

// Verified says that somebody on the phone has read out the code that was mailed to the
// address on file: the value that changing where something goes asks for. Its fields are closed, and the zero value
// is nobody; personnummer and the like never stand in for it.
type Verified struct {
	person db.ID
	entity string
	id     db.ID
	until  time.Time
}

// Until is when it ends; the zero time when nobody is verified.
func (c Verified) Until() time.Time { return c.until }

// Need returns a 409 fault "caller_unverified" unless the caller is verified for this
// person, through this entity.
func (c Verified) Need(person db.ID, entity string, id db.ID) error {
	if person > 0 && c.person == person && c.entity == entity && c.id == id && !c.until.IsZero() {
		return nil
	}
	return fault.Conflict("caller_unverified")
}

// Caller is what a page says about the code that was sent last.
type Caller struct {
	Sent, Expires time.Time // zero: none was
	Left          int       // tries; 0: the code is used up
	Open          bool      // a code can be read out
}

// Call names who is said to call, through what, and the canonical address on file.
type Call struct {
	Person   db.ID
	Entity   string
	EntityID db.ID
	Mail     string
}

// SendCallerCode has six digits mailed to the address on file. It needs customers.read and a
// person of the staff. An older code of the entity ends. An address gets at most three in an hour,
// whoever asks: 429 with the time to wait.
func (a *Auth) SendCallerCode(tx *db.Tx, by By, c Call) (time.Duration, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return 0, fault.Denied()
	}
	if err := by.Need(CustomersRead); err != nil {
		return 0, err
	}
	if c.Person <= 0 || c.EntityID <= 0 || !slices.Contains(Entities, c.Entity) {
		return 0, errors.New("auth: a call of nobody")
	}
	ix, err := a.v.Index(fieldCaller, c.Mail)
	if err != nil {
		return 0, err
	}
	// All that send a code stand in one line: it is counted and then written, on both engines.
	if err := bump(tx); err != nil {
		return 0, err
	}
	now := tx.Now()
	sent, err := db.All(tx, func(r *db.Rows) (at time.Time, err error) { err = r.Scan(&at); return },
		`SELECT sent_at FROM auth_caller WHERE mail_index=$1 AND sent_at > $2 ORDER BY sent_at`, ix, now.Add(-time.Hour))
	if err != nil {
		return 0, err
	}
	if len(sent) >= callerHourly {
		return max(sent[len(sent)-callerHourly].Add(time.Hour).Sub(now), time.Second), by.Refuse(tx, "caller.send", c.Entity, c.EntityID, "too_many")
	}
	if _, err := tx.Exec(`UPDATE auth_caller SET ended_at=$3 WHERE entity=$1 AND entity_id=$2 AND ended_at IS NULL AND verified_at IS NULL`, c.Entity, c.EntityID, now); err != nil {
		return 0, err
	}
	id := tx.NewID()
	if _, err := tx.Exec(`INSERT INTO auth_caller (id, person_id, entity, entity_id, staff_id, session_id, mail_index, tries, sent_at, expires_at) VALUES ($1,$2,$3,$4,$5,$6,$7,0,$8,$9)`,
		id, c.Person, c.Entity, c.EntityID, by.ID, by.Session, ix, now, now.Add(callerLife)); err != nil {
		return 0, err
	}
	if _, err := job.Enqueue(tx, job.Spec{Kind: JobMailCaller, Ref: id}); err != nil {
		return 0, err
	}
	return 0, by.Record(tx, "caller.send", c.Entity, c.EntityID, "", "")
}

// CheckCallerCode takes what the caller reads out. A try is counted before it is compared, by one
// conditional update; a wrong one is a result and not an error, so that the count stays. Only the
// member who sent the code checks it. 409 "caller_code_gone" when no code is open.
func (a *Auth) CheckCallerCode(tx *db.Tx, by By, entity string, id db.ID, code string) (ok bool, left int, err error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return false, 0, fault.Denied()
	}
	if err := by.Need(CustomersRead); err != nil {
		return false, 0, err
	}
	var row db.ID
	var tries int
	err = tx.QueryRow(`UPDATE auth_caller SET tries=tries+1 WHERE entity=$1 AND entity_id=$2 AND staff_id=$3 AND session_id=$4 AND ended_at IS NULL AND verified_at IS NULL AND tries < $5 AND expires_at > $6 RETURNING id, tries`,
		entity, id, by.ID, by.Session, callerTries, tx.Now()).Scan(&row, &tries)
	if errors.Is(err, db.ErrNotFound) {
		return false, 0, fault.Conflict("caller_code_gone")
	}
	if err != nil {
		return false, 0, err
	}
	if !secret.Equal([]byte(digits(code)), []byte(a.callerCode(row))) {
		return false, callerTries - tries, by.Refuse(tx, "caller.verify", entity, id, "code")
	}
	if err := tx.ExecOne(`UPDATE auth_caller SET verified_at=$2, until_at=$3 WHERE id=$1 AND verified_at IS NULL`, row, tx.Now(), tx.Now().Add(callerHolds)); err != nil {
		return false, 0, err
	}
	return true, 0, by.Record(tx, "caller.verify", entity, id, "", "")
}

// digits drops what people put between the digits they read.
func digits(s string) string {
	var b []byte
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			b = append(b, c)
		case c != ' ' && c != '-':
			return ""
		}
	}
	return string(b)
}

// callerCode is the code of a row: worked out from the vault's key, stored nowhere, so
// that neither the database nor a copy of it tells it.
func (a *Auth) callerCode(id db.ID) string {
	h := sha256.Sum256([]byte(a.v.Token("auth.caller", id, 1)))
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(h[:8])%1_000_000)
}

// Verified is whether the caller has been verified to this member, in this session,
// through this entity; empty when not, or when its time is out.
func (b By) Verified(q db.Q, entity string, id db.ID) (Verified, error) {
	if b.Kind != StaffKind || b.ID <= 0 {
		return Verified{}, nil
	}
	c := Verified{entity: entity, id: id}
	err := q.QueryRow(`SELECT person_id, until_at FROM auth_caller WHERE entity=$1 AND entity_id=$2 AND staff_id=$3 AND session_id=$4 AND until_at > $5 ORDER BY id DESC LIMIT 1`,
		entity, id, b.ID, b.Session, q.Now()).Scan(&c.person, &c.until)
	if errors.Is(err, db.ErrNotFound) {
		return Verified{}, nil
	}
	return c, err
}

// CallerOf is the code that the member sent last through an entity.
func (b By) CallerOf(q db.Q, entity string, id db.ID) (c Caller, err error) {
	var tries int
	var ended, verified time.Time
	err = q.QueryRow(`SELECT sent_at, expires_at, tries, ended_at, verified_at FROM auth_caller WHERE entity=$1 AND entity_id=$2 AND staff_id=$3 AND session_id=$4 ORDER BY id DESC LIMIT 1`,
		entity, id, b.ID, b.Session).Scan(&c.Sent, &c.Expires, &tries, &ended, &verified)
	if errors.Is(err, db.ErrNotFound) {
		return Caller{}, nil
	}
	c.Left = max(callerTries-tries, 0)
	c.Open = ended.IsZero() && verified.IsZero() && c.Left > 0 && c.Expires.After(q.Now())
	return c, err
}

// CallerMail is what the letter with the code is made of.
type CallerMail struct {
	Person   db.ID
	Entity   string
	EntityID db.ID
	Code     secret.Secret
	Expires  time.Time
}

// CallerMail reads a code for its letter; ok is false when it has ended.
func (a *Auth) CallerMail(q db.Q, id db.ID) (m CallerMail, ok bool, err error) {
	err = q.QueryRow(`SELECT person_id, entity, entity_id, expires_at FROM auth_caller WHERE id=$1 AND ended_at IS NULL AND verified_at IS NULL AND expires_at > $2`, id, q.Now()).Scan(&m.Person, &m.Entity, &m.EntityID, &m.Expires)
	if errors.Is(err, db.ErrNotFound) {
		return m, false, nil
	}
	m.Code = secret.Hide(a.callerCode(id))
	return m, err == nil, err
}
