package privacy

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// Kinds of requests.
const (
	Access     = "access"   // art. 15
	Export     = "export"   // art. 15.3 and 20
	Correct    = "correct"  // art. 16
	Restrict   = "restrict" // art. 18
	Unrestrict = "unrestrict"
	Object     = "object" // art. 21
	Unobject   = "unobject"
	Withdraw   = "withdraw" // art. 7.3
	Erase      = "erase"    // art. 17
)

// Kinds lists all kinds.
var Kinds = []string{Access, Export, Correct, Restrict, Unrestrict, Object, Unobject, Withdraw, Erase}

// State of a request.
type State string

// The states.
const (
	Asked     State = "asked"
	Waiting   State = "waiting" // an erasure that something must be finished before
	Done      State = "done"
	Refused   State = "refused"
	Cancelled State = "cancelled"
)

// Transitions is the whole state machine.
var Transitions = map[State][]State{
	Asked:   {Waiting, Done, Refused, Cancelled},
	Waiting: {Done, Refused, Cancelled},
	Done:    {}, Refused: {}, Cancelled: {},
}

// Jobs.
const (
	// JobReceived tells the person that the request has come; Ref is the request.
	JobReceived = "notice.privacy_received"
	// JobExtended tells the person that the answer takes longer; Ref is the request.
	JobExtended = "notice.privacy_extended"
	// JobAnswered tells the person that the answer is on his page; Ref is the request.
	JobAnswered = "notice.privacy_answered"
	// JobErased is the last letter to somebody who is erased; Ref is the request.
	JobErased = "notice.privacy_erased"
)

// Request is one use of a right.
type Request struct {
	ID           db.ID
	Kind         string
	State        State
	Lang         lang.Lang
	TokenVersion int64
	Person       db.ID // the request's own
	AskedBy      string
	Staff        db.ID // who took it down; 0 for the person himself
	Asked, Due   time.Time
	Extended     time.Time
	Answered     time.Time
	AnsweredBy   string
	BooksUntil   time.Time // of an erasure: until when the books keep their part; zero: nothing is kept
	Forgotten    time.Time
	Version      int64

	contact, answer []byte
}

// Contact is who asked and what he wrote.
type Contact struct {
	Mail string
	Text string `json:",omitempty"`
	Why  string `json:",omitempty"` // told when the time was extended
}

const tokenKind = "privacy"

// Token is the key to the request's page.
func (r Request) Token(v *secret.Vault) string { return v.Token(tokenKind, r.ID, r.TokenVersion) }

// Open reports whether an answer is owed.
func (r Request) Open() bool { return r.State == Asked || r.State == Waiting }

// Urgent reports whether the request's day is near, or past.
func (r Request) Urgent(now time.Time) bool { return r.Open() && r.Due.Sub(now) < red }

// GoneBy is when an erased person is gone from every copy.
func (r Request) GoneBy() time.Time { return r.Answered.Add(GoneFromCopies) }

const cols = `id, kind, state, lang, token_version, person_id, asked_by, staff_id, asked_at, due_at, extended_at, answered_at, answered_by, books_until, forgotten_at, version, contact, answer`

func scan(r interface{ Scan(...any) error }) (x Request, err error) {
	err = r.Scan(&x.ID, &x.Kind, (*string)(&x.State), (*string)(&x.Lang), &x.TokenVersion, &x.Person, &x.AskedBy, &x.Staff, &x.Asked, &x.Due, &x.Extended, &x.Answered, &x.AnsweredBy, &x.BooksUntil, &x.Forgotten, &x.Version, &x.contact, &x.answer)
	return
}

// ByID reads a request for the program's own work. db.ErrNotFound.
func ByID(q db.Q, id db.ID) (Request, error) {
	return scan(q.QueryRow(`SELECT `+cols+` FROM privacy_request WHERE id=$1`, id))
}

// ByToken reads a request for who holds its link; a 404 fault for any other text.
func ByToken(q db.Q, v *secret.Vault, token string) (Request, error) {
	h := secret.TokenHash(token)
	if len(h) == 0 {
		return Request{}, fault.NotFound()
	}
	r, err := scan(q.QueryRow(`SELECT `+cols+` FROM privacy_request WHERE token_hash=$1`, h))
	if errors.Is(err, db.ErrNotFound) || err == nil && !secret.Equal([]byte(r.Token(v)), []byte(token)) {
		return Request{}, fault.NotFound()
	}
	return r, err
}

// ContactOf opens who asked. secret.ErrErased when the request is forgotten.
func ContactOf(q db.Q, v *secret.Vault, r Request) (Contact, error) {
	if len(r.contact) == 0 {
		return Contact{}, secret.ErrErased
	}
	return secret.OpenJSON[Contact](v, q, r.Person, fieldContact, r.ID, r.contact)
}

// AnswerOf opens what was answered; empty when nothing was written.
func AnswerOf(q db.Q, v *secret.Vault, r Request) (string, error) {
	if len(r.answer) == 0 {
		return "", nil
	}
	b, err := v.Open(q, r.Person, fieldAnswer, r.ID, r.answer)
	return string(b), err
}

// Mine lists the requests of a mail address, newest first, at most 100.
func (d *Desk) Mine(q db.Q, who Subject) ([]Request, error) {
	if err := who.check(); err != nil {
		return nil, err
	}
	ix, err := d.Vault.Index(fieldMail, who.Mail)
	if err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (Request, error) { return scan(r) }, `SELECT `+cols+` FROM privacy_request WHERE mail_index=$1 ORDER BY id DESC LIMIT 100`, ix)
}

// newRequest is a request to be.
type newRequest struct {
	kind, mail, text string
	lang             lang.Lang
	by               auth.By
	staff            bool
}

// words tidies what somebody wrote. 422 at pointer.
func words(f *fault.Fields, pointer, s string, required bool) string {
	s = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n"))
	switch {
	case s == "" && required:
		f.Add(pointer, "required")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
	}):
		f.Add(pointer, "bad_characters")
	case utf8.RuneCountInString(s) > 5000:
		f.Add(pointer, "too_long")
	}
	return s
}

// open writes the request's row and whom it is about.
func (d *Desk) open(tx *db.Tx, in newRequest, s hold.Scope) (Request, error) {
	if !slices.Contains(Kinds, in.kind) {
		return Request{}, fault.Invalid(fault.Field{Pointer: "/kind", Code: "bad_value"})
	}
	var f fault.Fields
	text := words(&f, "/text", in.text, false)
	if err := f.Err(); err != nil {
		return Request{}, err
	}
	ix, err := d.Vault.Index(fieldMail, in.mail)
	if err != nil {
		return Request{}, fault.Invalid(fault.Field{Pointer: "/email", Code: "bad_email"})
	}
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM privacy_request WHERE mail_index=$1 AND id > $2`, ix, db.IDAt(tx.Now().Add(-24*time.Hour))).Scan(&n); err != nil {
		return Request{}, err
	}
	if n >= requestsADay {
		return Request{}, fault.TooMany(time.Hour)
	}
	p, err := d.Vault.NewPerson(tx)
	if err != nil {
		return Request{}, err
	}
	now := tx.LegalNow()
	r := Request{ID: tx.NewID(), Kind: in.kind, State: Asked, Lang: in.lang.Or(), TokenVersion: 1, Person: p.ID, AskedBy: "self", Asked: now, Due: Due(now, 1), Version: 1}
	if in.staff {
		r.AskedBy, r.Staff = "staff", in.by.ID
	}
	if r.contact, err = secret.SealJSON(d.Vault, tx, p.ID, fieldContact, r.ID, Contact{Mail: in.mail, Text: text}); err != nil {
		return r, err
	}
	if _, err := tx.Exec(`INSERT INTO privacy_request (id, kind, state, lang, token_version, token_hash, person_id, contact, mail_index, asked_by, staff_id, asked_at, due_at, answered_by, changed_at, version)
		VALUES ($1,$2,'asked',$3,1,$4,$5,$6,$7,$8,$9,$10,$11,'',$12,1)`,
		r.ID, r.Kind, string(r.Lang), secret.TokenHash(r.Token(d.Vault)), r.Person, r.contact, ix, r.AskedBy, r.Staff, r.Asked, r.Due, tx.Now()); err != nil {
		return r, err
	}
	for _, p := range s.Persons {
		if _, err := tx.Exec(`INSERT INTO privacy_subject (request_id, person_id) VALUES ($1,$2)`, r.ID, p); err != nil {
			return r, err
		}
	}
	return r, in.by.Record(tx, "privacy.ask", "privacy_request", r.ID, "", r.Kind)
}

// advance moves a request; whoever answers is named. answer may be empty.
func (d *Desk) advance(tx *db.Tx, by auth.By, r *Request, to State, answer string) error {
	if !slices.Contains(Transitions[r.State], to) {
		return fault.Conflict("wrong_state")
	}
	var sealed, at any
	if answer != "" {
		b, err := d.Vault.Seal(tx, r.Person, fieldAnswer, r.ID, []byte(answer))
		if err != nil {
			return err
		}
		sealed, r.answer = b, b
	}
	who := ""
	if len(Transitions[to]) == 0 {
		at, who, r.Answered = tx.LegalNow(), actor(by), tx.LegalNow()
	}
	n, err := tx.Exec(`UPDATE privacy_request SET state=$3, answer=$4, answered_at=$5, answered_by=$6, changed_at=$7, version=version+1 WHERE id=$1 AND state=$2`, r.ID, string(r.State), string(to), sealed, at, who, tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("wrong_state")
	}
	from := r.State
	r.State, r.AnsweredBy = to, who
	return by.Record(tx, "privacy."+string(to), "privacy_request", r.ID, string(from), r.Kind)
}

func actor(by auth.By) string {
	switch by.Kind {
	case auth.StaffKind:
		return "staff:" + by.ID.String()
	case auth.SystemKind:
		return "system"
	}
	return "self"
}

// at once opens a request that is done in the same moment.
func (d *Desk) atOnce(tx *db.Tx, who Subject, kind, text string, s hold.Scope) (Request, error) {
	r, err := d.open(tx, newRequest{kind: kind, mail: who.Mail, text: text, lang: who.Lang, by: who.By}, s)
	if err != nil {
		return r, err
	}
	return r, d.advance(tx, who.By, &r, Done, "")
}

func ask(tx *db.Tx, kind string, ref db.ID) error {
	_, err := job.Enqueue(tx, job.Spec{Kind: kind, Ref: ref})
	return err
}
