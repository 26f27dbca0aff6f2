package mail

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
)

// Row is a letter in a list; nothing personal is in it.
type Row struct {
	ID       db.ID
	Kind     string
	RefKind  string
	Ref      db.ID
	Person   db.ID
	State    string // queued, sent, failed, dead, dropped
	Attempts int
	LastCode string // "250", "rcpt_550", "connect", "render", …
	Relay    string
	Queued   time.Time
	Sent     time.Time
	HasCopy  bool
}

const rowColumns = `id, kind, ref_kind, ref_id, person_id, state, attempts, last_code, relay, queued_at, sent_at, CASE WHEN sealed IS NULL THEN 0 ELSE 1 END`

func scanRow(r *db.Rows) (x Row, err error) {
	err = r.Scan(&x.ID, &x.Kind, &x.RefKind, &x.Ref, &x.Person, &x.State, &x.Attempts, &x.LastCode, &x.Relay, &x.Queued, &x.Sent, &x.HasCopy)
	return
}

// stuck is when a waiting letter becomes someone's business.
const stuck = 15 * time.Minute

// Troubled lists letters that somebody should look at, newest first, below the
// given id (0: from the newest), at most limit (1 to 100): failed, dead, and
// those that wait longer than a quarter of an hour.
func Troubled(q db.Q, below db.ID, limit int) ([]Row, error) {
	if below <= 0 {
		below = 1<<63 - 1
	}
	return db.All(q, scanRow, `SELECT `+rowColumns+` FROM mail_message
		WHERE state IN ('queued','failed','dead') AND held_at IS NULL AND (state <> 'queued' OR queued_at < $1) AND id < $2 ORDER BY id DESC LIMIT $3`,
		q.Now().Add(-stuck), below, min(max(limit, 1), 100))
}

// About lists the letters about one row, oldest first, at most 100.
func About(q db.Q, refKind string, ref db.ID) ([]Row, error) {
	if refKind == "" || ref <= 0 {
		return nil, nil
	}
	return db.All(q, scanRow, `SELECT `+rowColumns+` FROM mail_message WHERE ref_kind=$1 AND ref_id=$2 ORDER BY id LIMIT 100`, refKind, ref)
}

// OfPerson lists the letters sealed for a person, oldest first, at most 1,000.
func OfPerson(q db.Q, person db.ID) ([]Row, error) {
	if person <= 0 {
		return nil, nil
	}
	return db.All(q, scanRow, `SELECT `+rowColumns+` FROM mail_message WHERE person_id=$1 ORDER BY id LIMIT 1000`, person)
}

// Retry queues a failed or dead letter again. A dead one, which may have
// arrived, leaves with the same bytes; a failed one was refused and is rendered
// anew, so that a corrected address counts. db.ErrConflict when it is neither.
// may is the caller's permission check and runs first.
func Retry(tx *db.Tx, id db.ID, may func() error) error {
	if err := may(); err != nil {
		return err
	}
	if err := tx.ExecOne(`UPDATE mail_message SET sealed=CASE WHEN state='failed' THEN NULL ELSE sealed END, state='queued', queued_at=$2 WHERE id=$1 AND state IN ('failed','dead')`, id, tx.Now()); err != nil {
		return err
	}
	_, err := job.Enqueue(tx, job.Spec{Kind: JobKind, Ref: id, Max: MaxTries})
	return err
}

// Drop gives a failed or dead letter up; db.ErrConflict when it is neither.
func Drop(tx *db.Tx, id db.ID, may func() error) error {
	if err := may(); err != nil {
		return err
	}
	return tx.ExecOne(`UPDATE mail_message SET state='dropped', sealed=NULL WHERE id=$1 AND state IN ('failed','dead')`, id)
}

// Copy is a letter as it was sent.
type Copy struct {
	Row
	From, To    string
	Subject     string
	Date        time.Time
	MessageID   string
	Text, HTML  string // HTML is ours, but show it only in a sandbox
	Attachments []string
	Raw         []byte
}

// Copy opens the copy of a letter. db.ErrNotFound when there is no letter or no
// copy; secret.ErrErased when the person is gone. Who may read it is the
// caller's to judge and to note.
func (m *Mailer) Copy(q db.Q, id db.ID) (Copy, error) {
	rows, err := db.All(q, scanRow, `SELECT `+rowColumns+` FROM mail_message WHERE id=$1`, id)
	if err != nil {
		return Copy{}, err
	}
	if len(rows) == 0 || !rows[0].HasCopy {
		return Copy{}, db.ErrNotFound
	}
	l, err := m.load(q, id)
	if err != nil {
		return Copy{}, err
	}
	c := Copy{Row: rows[0], From: l.copy.From, To: l.copy.To, Raw: l.copy.Raw}
	return c, c.parse()
}

func (c *Copy) parse() error {
	m, err := netmail.ReadMessage(bytes.NewReader(c.Raw))
	if err != nil {
		return err
	}
	if c.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return err
	}
	if c.Date, err = m.Header.Date(); err != nil {
		return err
	}
	c.MessageID = strings.Trim(m.Header.Get("Message-ID"), "<>")
	return c.part(m.Header.Get, m.Body, 0)
}

func (c *Copy) part(head func(string) string, body io.Reader, depth int) error {
	kind, params, err := mime.ParseMediaType(head("Content-Type"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		if depth > 2 {
			return errors.New("mail: parts too deep")
		}
		for r := multipart.NewReader(body, params["boundary"]); ; {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if name := p.FileName(); name != "" {
				c.Attachments = append(c.Attachments, name)
				continue
			}
			if err := c.part(p.Header.Get, p, depth+1); err != nil {
				return err
			}
		}
	}
	b, err := io.ReadAll(io.LimitReader(quotedprintable.NewReader(body), MaxBytes))
	s := strings.ReplaceAll(string(b), "\r\n", "\n")
	if kind == "text/html" {
		c.HTML = s
	} else {
		c.Text = s
	}
	return err
}

// Sweep deletes rows that nobody needs any more: letters to staff, and letters
// that were dropped, queued longer than keep ago. Letters to customers stay as
// long as the customer's key: they are what he was told.
func Sweep(ctx context.Context, d *db.DB, keep time.Duration) (int64, error) {
	var total int64
	for {
		n, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (int64, error) {
			return tx.Exec(`DELETE FROM mail_message WHERE id IN (SELECT id FROM mail_message
				WHERE queued_at < $1 AND (state='dropped' OR state='sent' AND person_id=0) ORDER BY id LIMIT 1000)`, tx.Now().Add(-keep))
		})
		total += n
		if err != nil || n < 1000 {
			return total, err
		}
	}
}
