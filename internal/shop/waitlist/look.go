package waitlist

import (
	"context"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
)

// Steps of a look: how much at a time.
const (
	lookVariants = 1000
	tellAtOnce   = 50 // of one variant; those who asked first are told first, and the rest while there is some left
	sweepAtOnce  = 100
)

// Register gives the runner the look: each minute whoever waits for what can be had
// again is told, and what is too old is forgotten. It looks instead of being told by the stock,
// because goods come back in more ways than a delivery: a purchase that ended, a product
// shown again, a promise to order more.
func Register(r *job.Runner, d *db.DB, v *secret.Vault) {
	r.Every("waitlist.look", time.Minute, job.Opts{}, func(ctx context.Context, _ job.Job) error { return Look(ctx, d, v) })
}

// Look does one round.
func Look(ctx context.Context, d *db.DB, v *secret.Vault) error {
	back, err := db.Read(ctx, d, func(q *db.Reader) ([]db.ID, error) { return Back(q) })
	if err != nil {
		return err
	}
	for _, variant := range back {
		if _, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (int, error) { return Tell(tx, variant, tellAtOnce) }); err != nil {
			return err
		}
	}
	for {
		n, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (int, error) { return Sweep(tx, v, sweepAtOnce) })
		if err != nil || n < sweepAtOnce {
			return err
		}
	}
}

// Back lists the variants that somebody waits for and that can be had now.
func Back(q db.Q) ([]db.ID, error) {
	ids, err := db.All(q, scanID, `SELECT DISTINCT variant_id FROM waitlist_entry WHERE state='waiting' ORDER BY variant_id LIMIT $1`, lookVariants)
	if err != nil {
		return nil, err
	}
	var out []db.ID
	for len(ids) > 0 {
		n := min(len(ids), 200)
		had, err := buyable(q, ids[:n])
		if err != nil {
			return nil, err
		}
		for _, id := range ids[:n] {
			if had[id] {
				out = append(out, id)
			}
		}
		ids = ids[n:]
	}
	return out, nil
}

func scanID(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }

// Tell asks for the letters of at most n who wait for a variant, the first first,
// and returns how many.
func Tell(tx *db.Tx, variant db.ID, n int) (int, error) {
	ids, err := db.All(tx, scanID, `UPDATE waitlist_entry SET state='told', told_at=$2
		WHERE id IN (SELECT id FROM waitlist_entry WHERE variant_id=$1 AND state='waiting' ORDER BY id LIMIT $3) AND state='waiting' RETURNING id`, variant, tx.Now(), n)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if _, err := job.Enqueue(tx, job.Spec{Kind: JobBack, Ref: id}); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// Told lists those whose letter was asked for and whose address is still there.
func Told(q db.Q, after db.ID, n int) ([]db.ID, error) {
	return db.All(q, scanID, `SELECT id FROM waitlist_entry WHERE state='told' AND id > $1 ORDER BY id LIMIT $2`, after, n)
}

// Sweep forgets at most n wishes that are too old, and drops what was forgotten
// long ago; it returns how many rows it touched.
func Sweep(tx *db.Tx, v *secret.Vault, n int) (int, error) {
	old, err := db.All(tx, scanID, `SELECT id FROM waitlist_entry WHERE state='waiting' AND created_at < $1 OR state='told' AND told_at < $2 ORDER BY id LIMIT $3`,
		tx.Now().Add(-keep), tx.Now().Add(-keepTold), n)
	if err != nil {
		return 0, err
	}
	for _, id := range old {
		if err := Forget(tx, v, id); err != nil {
			return 0, err
		}
	}
	gone, err := tx.Exec(`DELETE FROM waitlist_entry WHERE id IN (SELECT id FROM waitlist_entry WHERE state='forgotten' AND forgotten_at < $1 ORDER BY id LIMIT $2)`, tx.Now().Add(-keepLink), n)
	return max(len(old), int(gone)), err
}
