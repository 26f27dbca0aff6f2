package support

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math/big"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/order"
)

// Jobs.
const (
	// JobReceived tells the customer that the question has come; Ref is the case.
	JobReceived = "notice.case_received"
	// JobAnswered tells the customer that there is an answer; Ref is the message.
	JobAnswered = "notice.case_answered"
	// JobClock looks whether an answer is late; Ref is the case.
	JobClock = "support.clock"
)

// Limits.
const (
	MaxSubject  = 150
	MaxBody     = 5000
	MaxMessages = 200 // in a case
	maxPerMail  = 20  // cases of one address in a day
)

// NewCase is a question to be.
type NewCase struct {
	Name, Mail, Subject, Body string
	OrderNumber               string // as written; may be empty or wrong
	Order                     db.ID  // known by the order's own link; 0 otherwise
	Kind                      string
	Withdrawal                bool // a withdrawal whose order was not found: acknowledged as such
	Lang                      lang.Lang
	Key                       string // of the form, so that a second click is the same case; empty: none
}

// Open opens a case. Faults: 422 with fields, 429 for too many of one address.
func Open(tx *db.Tx, by auth.By, v *secret.Vault, in NewCase) (Case, error) {
	if err := in.check(); err != nil {
		return Case{}, err
	}
	var key any
	if in.Key != "" {
		h := sha256.Sum256([]byte("case\x00" + in.Key))
		key = h[:]
		if c, err := scan(tx.QueryRow(`SELECT `+cols+` FROM support_case WHERE client_key=$1`, key)); err == nil {
			// A key is not a right: only the same sender gets the same case.
			if k, err := contactOf(tx, v, c); err == nil && k.Mail == in.Mail && k.Subject == in.Subject {
				return c, nil
			}
			key = nil
		} else if !errors.Is(err, db.ErrNotFound) {
			return Case{}, err
		}
	}
	ix, err := v.Index(fieldMail, in.Mail)
	if err != nil {
		return Case{}, err
	}
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM support_case WHERE mail_index=$1 AND opened_at > $2`, ix, tx.Now().Add(-24*time.Hour)).Scan(&n); err != nil {
		return Case{}, err
	}
	if n >= maxPerMail {
		return Case{}, fault.TooMany(time.Hour)
	}
	about := in.Order
	if about == 0 && in.OrderNumber != "" {
		if o, err := order.Find(tx, v, in.OrderNumber, in.Mail); err == nil {
			about = o.ID
		} else if !errors.Is(err, db.ErrNotFound) {
			return Case{}, err
		}
	}
	p, err := v.NewPerson(tx)
	if err != nil {
		return Case{}, err
	}
	due, err := promise(tx)
	if err != nil {
		return Case{}, err
	}
	c := Case{ID: tx.NewID(), Person: p.ID, Order: about, TokenVersion: 1, Kind: in.Kind, State: Asked, Lang: in.Lang, Opened: tx.Now(), Due: due, Version: 1}
	if c.contact, err = secret.SealJSON(v, tx, p.ID, fieldContact, c.ID, Contact{Name: in.Name, Mail: in.Mail, Subject: in.Subject, OrderNumber: in.OrderNumber, Withdrawal: in.Withdrawal}); err != nil {
		return Case{}, err
	}
	var ord any
	if about > 0 {
		ord = about
	}
	for c.Number == 0 {
		// A number tells nothing of how many ask. It opens nothing either.
		draw, err := rand.Int(rand.Reader, big.NewInt(90_000_000))
		if err != nil {
			return Case{}, err
		}
		got, err := tx.Exec(`INSERT INTO support_case (id, number, token_version, token_hash, client_key, person_id, order_id, kind, state, lang, contact, mail_index, opened_at, due_at, late, messages, changed_at, version)
			VALUES ($1,$2,1,$3,$4,$5,$6,$7,'open',$8,$9,$10,$11,$12,0,0,$11,1) ON CONFLICT (number) DO NOTHING`,
			c.ID, draw.Int64()+10_000_000, secret.TokenHash(c.Token(v)), key, c.Person, ord, c.Kind, string(c.Lang), c.contact, ix, c.Opened, c.Due)
		if err != nil {
			return Case{}, err
		}
		if got == 1 {
			c.Number = draw.Int64() + 10_000_000
		}
	}
	if _, err := c.say(tx, v, "buyer", 0, false, in.Body); err != nil {
		return Case{}, err
	}
	if err := event(tx, by, c.ID, string(Asked)); err != nil {
		return Case{}, err
	}
	if err := record(tx, by, "case.open", c.ID, c.Kind); err != nil {
		return Case{}, err
	}
	if err := c.clock(tx); err != nil {
		return Case{}, err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobReceived, Ref: c.ID})
	return c, err
}

func (in *NewCase) check() error {
	var f fault.Fields
	in.Name = text(&f, "/name", in.Name, 100, false)
	in.Subject = text(&f, "/subject", in.Subject, MaxSubject, false)
	in.Body = text(&f, "/message", in.Body, MaxBody, true)
	if m, err := secret.CanonicalEmail(in.Mail); err != nil {
		f.Add("/email", "bad_email")
	} else {
		in.Mail = m
	}
	if in.OrderNumber != "" {
		in.OrderNumber = text(&f, "/order", in.OrderNumber, 30, false)
	}
	if !slices.Contains(Kinds, in.Kind) {
		f.Add("/kind", "bad_value")
	}
	if len(in.Key) > 128 {
		f.Add("/idempotency_key", "bad_idempotency_key")
	}
	in.Lang = in.Lang.Or()
	return f.Err()
}

// promise is when an answer is due to what is asked now: hours of the calendar, not
// of the office.
func promise(tx *db.Tx) (time.Time, error) {
	h, err := content.AnswerHours.Get(tx)
	return tx.Now().Add(time.Duration(h) * time.Hour), err
}

// clock has the case looked at shortly before and at the promised time.
func (c Case) clock(tx *db.Tx) error {
	for _, at := range []time.Time{c.Due.Add(-warning), c.Due} {
		if _, err := job.Enqueue(tx, job.Spec{Kind: JobClock, Ref: c.ID, RunAt: at}); err != nil {
			return err
		}
	}
	return nil
}

// say adds a message.
func (c *Case) say(tx *db.Tx, v *secret.Vault, author string, staff db.ID, rejection bool, body string) (db.ID, error) {
	n, err := tx.Exec(`UPDATE support_case SET messages=messages+1, changed_at=$2, version=version+1 WHERE id=$1 AND messages < $3`, c.ID, tx.Now(), MaxMessages)
	if err != nil {
		return 0, err
	}
	if n != 1 {
		return 0, &fault.Error{Kind: fault.Clash, Code: "case_full", Key: "support.full"}
	}
	c.Messages++
	id := tx.NewID()
	sealed, err := v.Seal(tx, c.Person, fieldMessage, id, []byte(body))
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(`INSERT INTO support_message (id, case_id, author, staff_id, rejection, body, at) VALUES ($1,$2,$3,$4,$5,$6,$7)`, id, c.ID, author, staff, rejection, sealed, tx.Now())
	return id, err
}
