package job

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/db"
)

// errNothing undoes a claim that found no job, which spares the commit.
var errNothing = errors.New("job: nothing due")

// claim takes up to n due jobs of a kind for owner until now+lease. The guard
// stands in the UPDATE itself: of two claimants one gets the row. The key is
// given up, so that a change made from now on makes a job of its own.
func claim(ctx context.Context, d *db.DB, kind string, n int, owner db.ID, lease time.Duration) ([]Job, error) {
	got, _, err := db.Write(ctx, d, func(tx *db.Tx) ([]Job, error) {
		now := tx.Now()
		js, err := db.All(tx, func(r *db.Rows) (j Job, err error) {
			err = r.Scan(&j.ID, &j.Kind, &j.Ref, &j.Attempt, &j.Max, &j.LastError, &j.Created)
			return
		}, `UPDATE job_job SET lease_by=$4, lease_until=$5, run_at=$5, attempts=attempts+1, key=NULL
			WHERE id IN (SELECT id FROM job_job WHERE kind=$1 AND state='queued' AND run_at <= $2 ORDER BY run_at LIMIT $3)
			  AND state='queued' AND run_at <= $2
			RETURNING id, kind, ref_id, attempts, max_attempts, last_error, created_at`,
			kind, now, n, owner, now.Add(lease))
		if err == nil && len(js) == 0 {
			err = errNothing
		}
		return js, err
	})
	if errors.Is(err, errNothing) {
		return nil, nil
	}
	return got, err
}

// mine guards every later write of a claimed job: the same owner, the same try.
const mine = ` WHERE id=$1 AND lease_by=$2 AND attempts=$3 AND state='queued'`

// renew prolongs a lease; false when it is lost.
func renew(ctx context.Context, d *db.DB, j Job, owner db.ID, lease time.Duration) (bool, error) {
	n, _, err := db.Write(ctx, d, func(tx *db.Tx) (int64, error) {
		return tx.Exec(`UPDATE job_job SET lease_until=$4, run_at=$4`+mine, j.ID, owner, j.Attempt, tx.Now().Add(lease))
	})
	return n == 1, err
}

// outcome of one try.
type outcome int

const (
	done outcome = iota
	again
	failed
	dead
	lost
)

// finish records how a try ended.
func finish(ctx context.Context, d *db.DB, j Job, owner db.ID, err error, wait time.Duration) (outcome, error) {
	var c *Coded
	errors.As(err, &c)
	o, _, werr := db.Write(ctx, d, func(tx *db.Tx) (o outcome, err2 error) {
		now := tx.Now()
		var n int64
		switch {
		case err == nil:
			o = done
			n, err2 = tx.Exec(`UPDATE job_job SET state='done', ended_at=$4, lease_by=NULL, lease_until=NULL`+mine, j.ID, owner, j.Attempt, now)
		case c != nil && c.after > 0:
			o = again
			n, err2 = tx.Exec(`UPDATE job_job SET run_at=$4, attempts=attempts-1, lease_by=NULL, lease_until=NULL`+mine, j.ID, owner, j.Attempt, now.Add(c.after))
		case c != nil && c.final || j.Attempt >= j.Max:
			o = dead
			n, err2 = tx.Exec(`UPDATE job_job SET state='dead', ended_at=$4, last_error=$5, lease_by=NULL, lease_until=NULL`+mine, j.ID, owner, j.Attempt, now, code(err))
		default:
			o = failed
			n, err2 = tx.Exec(`UPDATE job_job SET run_at=$4, last_error=$5, lease_by=NULL, lease_until=NULL`+mine, j.ID, owner, j.Attempt, now.Add(wait), code(err))
		}
		if err2 == nil && n == 0 {
			o = lost
		}
		return o, err2
	})
	return o, werr
}

// Adopt frees the jobs that processes which are gone have claimed, so that nobody
// waits for their leases to run out. Only who knows that no other process works on
// this database may call it, before Start. The lost try counts, so that a job which
// kills the program ends among the dead.
func Adopt(ctx context.Context, d *db.DB) error {
	return db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE job_job SET run_at=$1, lease_by=NULL, lease_until=NULL WHERE state='queued' AND lease_by IS NOT NULL`, tx.Now())
		return err
	})
}

// release gives a job back untried: the runner stops.
func release(ctx context.Context, d *db.DB, j Job, owner db.ID) error {
	return db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE job_job SET run_at=$4, attempts=attempts-1, lease_by=NULL, lease_until=NULL`+mine, j.ID, owner, j.Attempt, tx.Now())
		return err
	})
}
