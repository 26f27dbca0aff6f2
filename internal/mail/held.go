package mail

import (
	"context"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
)

// HoldAll holds every letter that waits: after a restore nobody knows which of them were
// sent after the position that came back. It returns how many.
func HoldAll(tx *db.Tx) (int64, error) {
	return tx.Exec(`UPDATE mail_message SET held_at=$1 WHERE state='queued' AND held_at IS NULL`, tx.Now())
}

// HoldWhile has letters held for as long as on reports true, but for those that are of use
// for a while only, such as codes to sign in with. Call it before the runner starts.
func (m *Mailer) HoldWhile(on func() bool) { m.hold = on }

// Await has fn called before a letter leaves, each time it is tried: what it tells of is
// then as safe as the shop promises, or the time for that is over. Call it before the runner
// starts.
func (m *Mailer) Await(fn func(ctx context.Context)) { m.await = fn }

func (m *Mailer) holdOne(ctx context.Context, id db.ID) error {
	return db.Do(ctx, m.o.DB, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE mail_message SET held_at=$2 WHERE id=$1 AND state='queued' AND held_at IS NULL`, id, tx.Now())
		return err
	})
}

// HeldRow is a held letter in a list.
type HeldRow struct {
	Row
	Since time.Time
}

// Held lists the letters that are held, oldest first, at most n (1 to 500).
func Held(q db.Q, n int) ([]HeldRow, error) {
	return db.All(q, func(r *db.Rows) (x HeldRow, err error) {
		err = r.Scan(&x.ID, &x.Kind, &x.RefKind, &x.Ref, &x.Person, &x.State, &x.Attempts, &x.LastCode, &x.Relay, &x.Queued, &x.Sent, &x.HasCopy, &x.Since)
		return
	}, `SELECT `+rowColumns+`, held_at FROM mail_message WHERE held_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2`, 0, min(max(n, 1), 500))
}

// SendHeld sends a held letter; db.ErrConflict when it is not held any more. may is the
// caller's permission check and runs first.
func SendHeld(tx *db.Tx, id db.ID, may func() error) error {
	if err := may(); err != nil {
		return err
	}
	if err := tx.ExecOne(`UPDATE mail_message SET held_at=NULL, queued_at=$2 WHERE id=$1 AND held_at IS NOT NULL AND state='queued'`, id, tx.Now()); err != nil {
		return err
	}
	_, err := job.Enqueue(tx, job.Spec{Kind: JobKind, Ref: id, Max: MaxTries})
	return err
}

// DropHeld gives a held letter up; db.ErrConflict when it is not held any more.
func DropHeld(tx *db.Tx, id db.ID, may func() error) error {
	if err := may(); err != nil {
		return err
	}
	return tx.ExecOne(`UPDATE mail_message SET state='dropped', last_code='held', sealed=NULL, held_at=NULL WHERE id=$1 AND held_at IS NOT NULL AND state='queued'`, id)
}
