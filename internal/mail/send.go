package mail

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/proof"
	"kassavalv/internal/secret"
)

// letter is a row of the outbox, its copy opened.
type letter struct {
	id, ref, person db.ID
	kind            string
	lang            lang.Lang
	messageID       string // left part
	state           string
	until           time.Time
	held            bool
	copy            *sealedCopy // nil: not rendered yet
}

// sealedCopy is what is sealed: the envelope and the bytes.
type sealedCopy struct {
	From string `json:"from"`
	To   string `json:"to"`
	Raw  []byte `json:"raw"`
}

func (m *Mailer) load(q db.Q, id db.ID) (*letter, error) {
	l := letter{id: id}
	var sealed []byte
	err := q.QueryRow(`SELECT kind, ref_id, person_id, lang, message_id, state, until_at, CASE WHEN held_at IS NULL THEN 0 ELSE 1 END, sealed FROM mail_message WHERE id=$1`, id).
		Scan(&l.kind, &l.ref, &l.person, (*string)(&l.lang), &l.messageID, &l.state, &l.until, &l.held, &sealed)
	if err != nil || len(sealed) == 0 {
		return &l, err
	}
	l.copy, err = m.open(q, l.person, id, sealed)
	return &l, err
}

func (m *Mailer) open(q db.Q, person, id db.ID, sealed []byte) (*sealedCopy, error) {
	var plain []byte
	var err error
	if person > 0 {
		plain, err = m.o.Vault.Open(q, person, fieldSealed, id, sealed)
	} else {
		plain, err = m.o.Vault.OpenShop(fieldSealed, id, sealed)
	}
	if err != nil {
		return nil, err
	}
	var c sealedCopy
	return &c, json.Unmarshal(plain, &c)
}

func (m *Mailer) seal(q db.Q, person, id db.ID, c sealedCopy) ([]byte, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if person > 0 {
		return m.o.Vault.Seal(q, person, fieldSealed, id, plain)
	}
	return m.o.Vault.SealShop(fieldSealed, id, plain)
}

// Send is the worker: render, seal and store, deliver, record. It may be
// stopped between any two of these and called again.
func (m *Mailer) Send(ctx context.Context, j job.Job) error {
	l, err := db.Read(ctx, m.o.DB, func(q *db.Reader) (*letter, error) { return m.load(q, j.Ref) })
	switch {
	case errors.Is(err, db.ErrNotFound):
		return nil // erased together with what it was about
	case errors.Is(err, secret.ErrErased), errors.Is(err, secret.ErrNoPerson):
		return m.end(ctx, j.Ref, "dropped", "erased", "", 0)
	case err != nil:
		return err
	case l.state != "queued", l.held: // who lets it go queues it anew
		return nil
	case l.until.IsZero() && m.hold != nil && m.hold():
		return m.holdOne(ctx, l.id)
	case !l.until.IsZero() && time.Now().After(l.until):
		return m.end(ctx, l.id, "dropped", "too_late", "", 0)
	}
	if l.copy == nil {
		if l.copy, err = m.render(ctx, l); l.copy == nil {
			return m.renderFailed(ctx, l, j, err)
		}
	}
	proof.At("mail", "kept")
	if m.await != nil {
		m.await(ctx)
	}
	relay, err := m.deliver(ctx, Envelope{From: l.copy.From, To: l.copy.To, Raw: l.copy.Raw})
	if err == nil {
		proof.At("mail", "sent")
		err = m.end(ctx, l.id, "sent", "250", relay, 1)
		proof.At("mail", "marked")
		return err
	}
	var e *SendError
	if !errors.As(err, &e) {
		e = &SendError{Stage: "error", cause: err}
	}
	if ctx.Err() != nil {
		return ctx.Err() // stopped from outside: no try of the relay's
	}
	switch {
	case e.Final:
		return m.end(ctx, l.id, "failed", e.code(), relay, 1)
	case j.Attempt >= j.Max:
		return m.end(ctx, l.id, "dead", e.code(), relay, 1)
	}
	if err := m.note(ctx, l.id, e.code(), relay); err != nil {
		return err
	}
	return job.Fail(e.code(), nil)
}

// render makes the bytes and stores them sealed. It returns the stored copy,
// which is another's where two ran at once; nil and an error when there is none.
func (m *Mailer) render(ctx context.Context, l *letter) (*sealedCopy, error) {
	k, ok := m.kinds[l.kind]
	if !ok {
		return nil, errors.New("mail: no renderer of kind " + l.kind)
	}
	msg, err := k.render(ctx, m.o.DB, l.ref, l.lang)
	if err != nil {
		return nil, err
	}
	if msg.From == (Address{}) {
		msg.From = m.o.From
	}
	if msg.ReplyTo == "" {
		msg.ReplyTo = m.o.ReplyTo
	}
	msg.Lang = l.lang
	msg.MessageID = proof.Spoil("letter", l.messageID) + "@" + m.o.Domain
	msg.Date = time.Now()
	raw, err := msg.Bytes()
	if err != nil {
		return nil, err
	}
	from, _ := Recipient(msg.From.Email)
	to, _ := Recipient(msg.To)
	if proof.Broken("letter") {
		return &sealedCopy{from, to, raw}, nil
	}
	got, _, err := db.Write(ctx, m.o.DB, func(tx *db.Tx) (*letter, error) {
		sealed, err := m.seal(tx, l.person, l.id, sealedCopy{from, to, raw})
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(`UPDATE mail_message SET sealed=$2 WHERE id=$1 AND sealed IS NULL AND state='queued'`, l.id, sealed); err != nil {
			return nil, err
		}
		// The relay learns the person's address: on record before it is so, once and not for each letter.
		if l.person > 0 {
			if _, err := audit.RecordHandover(tx, l.person, "mail", []string{"email"}, "person", l.person); err != nil {
				return nil, err
			}
		}
		return m.load(tx, l.id)
	})
	if err != nil {
		return nil, err
	}
	if got.copy == nil || got.state != "queued" {
		return nil, ErrDrop
	}
	return got.copy, nil
}

// renderFailed sorts why there is no letter.
func (m *Mailer) renderFailed(ctx context.Context, l *letter, j job.Job, err error) error {
	switch {
	case errors.Is(err, ErrDrop):
		return m.end(ctx, l.id, "dropped", "not_wanted", "", 0)
	case errors.Is(err, secret.ErrErased), errors.Is(err, secret.ErrNoPerson):
		return m.end(ctx, l.id, "dropped", "erased", "", 0)
	case errors.Is(err, ErrHeader), errors.Is(err, ErrAddress), errors.Is(err, ErrBody):
		return m.end(ctx, l.id, "failed", "content", "", 0)
	case ctx.Err() != nil:
		return ctx.Err()
	case j.Attempt >= j.Max:
		return m.end(ctx, l.id, "dead", "render", "", 0)
	}
	if err := m.note(ctx, l.id, "render", ""); err != nil {
		return err
	}
	return job.Fail("render", err)
}

// deliver tries the relays in order and returns the name of the last one tried.
func (m *Mailer) deliver(ctx context.Context, e Envelope) (string, error) {
	var name string
	var last error
	for _, s := range m.o.Relays {
		name = s.Name()
		if last = s.Send(ctx, e); last == nil {
			return name, nil
		}
		var se *SendError
		// Another relay cannot mend a final refusal, and must not get a letter
		// that may be on its way.
		if errors.As(last, &se) && (se.Final || se.Unsure) || ctx.Err() != nil {
			break
		}
	}
	return name, last
}

// end records the last state of a letter. A letter that has one already keeps
// it: the first answer stands.
func (m *Mailer) end(ctx context.Context, id db.ID, state, code, relay string, tried int) error {
	// The relay's yes must be kept even when the job is being stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return db.Do(ctx, m.o.DB, func(tx *db.Tx) error {
		var sent time.Time
		if state == "sent" {
			sent = tx.Now()
		}
		var kind string
		err := tx.QueryRow(`UPDATE mail_message SET state=$2, last_code=$3, relay=$4, sent_at=$5, attempts=attempts+$6, held_at=NULL
			WHERE id=$1 AND state='queued' RETURNING kind`, id, state, code, relay, sent, tried).Scan(&kind)
		if errors.Is(err, db.ErrNotFound) {
			return nil
		}
		if err == nil && (state == "dropped" || state == "sent" && m.kinds[kind].o.Forget) {
			_, err = tx.Exec(`UPDATE mail_message SET sealed=NULL WHERE id=$1`, id)
		}
		return err
	})
}

func (m *Mailer) note(ctx context.Context, id db.ID, code, relay string) error {
	return db.Do(ctx, m.o.DB, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE mail_message SET attempts=attempts+1, last_code=$2, relay=$3 WHERE id=$1 AND state='queued'`, id, code, relay)
		return err
	})
}
