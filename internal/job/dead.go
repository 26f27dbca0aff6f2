package job

import (
	"context"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/db"
)

// Depth is the state of one kind's queue.
type Depth struct {
	Kind   string
	Due    int64 // waiting or running past their time
	Later  int64 // in the future, running ones among them
	Dead   int64
	Oldest time.Time // run_at of the oldest due one; zero if none
}

// Depths counts the queues by kind.
func Depths(q db.Q) ([]Depth, error) {
	// What is done stays a day and is not looked at: each half has an index of
	// its own.
	out, err := db.All(q, func(r *db.Rows) (d Depth, err error) {
		err = r.Scan(&d.Kind, &d.Due, &d.Later, &d.Oldest)
		return
	}, `SELECT kind, CAST(SUM(CASE WHEN run_at <= $1 THEN 1 ELSE 0 END) AS INTEGER),
		CAST(SUM(CASE WHEN run_at > $1 THEN 1 ELSE 0 END) AS INTEGER), MIN(CASE WHEN run_at <= $1 THEN run_at END)
		FROM job_job WHERE state='queued' GROUP BY kind`, q.Now())
	if err != nil {
		return nil, err
	}
	// The second condition lets SQLite see that its index of ended jobs serves.
	dead, err := db.All(q, func(r *db.Rows) (d Depth, err error) {
		err = r.Scan(&d.Kind, &d.Dead)
		return
	}, `SELECT kind, count(*) FROM job_job WHERE state='dead' AND state <> 'queued' GROUP BY kind`)
	if err != nil {
		return nil, err
	}
	for _, d := range dead {
		if i := slices.IndexFunc(out, func(o Depth) bool { return o.Kind == d.Kind }); i >= 0 {
			out[i].Dead = d.Dead
		} else {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Depth) int { return strings.Compare(a.Kind, b.Kind) })
	return out, nil
}

// Dead lists dead jobs, newest first, below the given id (0: from the newest), at
// most limit (1 to 100).
func Dead(q db.Q, below db.ID, limit int) ([]Job, error) {
	if below <= 0 {
		below = 1<<63 - 1
	}
	limit = min(max(limit, 1), 100)
	return db.All(q, func(r *db.Rows) (j Job, err error) {
		err = r.Scan(&j.ID, &j.Kind, &j.Ref, &j.Attempt, &j.Max, &j.LastError, &j.Created, &j.RunAt, &j.Ended)
		return
	}, `SELECT id, kind, ref_id, attempts, max_attempts, last_error, created_at, run_at, ended_at
		FROM job_job WHERE state='dead' AND state <> 'queued' AND id < $1 ORDER BY id DESC LIMIT $2`, below, limit)
}

// Retry makes a dead job wait again with all its tries; db.ErrConflict when it is
// not dead. may is the caller's permission check and runs first.
func Retry(tx *db.Tx, id db.ID, may func() error) (Job, error) {
	if err := may(); err != nil {
		return Job{}, err
	}
	var j Job
	err := tx.QueryRow(`UPDATE job_job SET state='queued', attempts=0, run_at=$2, ended_at=NULL WHERE id=$1 AND state='dead' RETURNING id, kind, ref_id`,
		id, tx.Now()).Scan(&j.ID, &j.Kind, &j.Ref)
	if err == db.ErrNotFound {
		err = db.ErrConflict
	}
	if err != nil {
		return Job{}, err
	}
	tx.AfterCommit(func() { ring(j.Kind, time.Time{}) })
	return j, nil
}

// Drop ends a dead job for good; db.ErrConflict when it is not dead.
func Drop(tx *db.Tx, id db.ID, may func() error) (Job, error) {
	if err := may(); err != nil {
		return Job{}, err
	}
	var j Job
	err := tx.QueryRow(`UPDATE job_job SET state='done', ended_at=$2 WHERE id=$1 AND state='dead' RETURNING id, kind, ref_id`,
		id, tx.Now()).Scan(&j.ID, &j.Kind, &j.Ref)
	if err == db.ErrNotFound {
		err = db.ErrConflict
	}
	return j, err
}

// Cancel drops the waiting job of a kind and key, if there is one that no
// worker has claimed.
func Cancel(tx *db.Tx, kind, key string) error {
	if key == "" {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM job_job WHERE kind=$1 AND key=$2`, kind, key)
	return err
}

// Sweep deletes jobs that were done longer than keep ago, a thousand a
// transaction. Dead ones stay.
func Sweep(ctx context.Context, d *db.DB, keep time.Duration) (int64, error) {
	var total int64
	for {
		n, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (int64, error) {
			return tx.Exec(`DELETE FROM job_job WHERE id IN (SELECT id FROM job_job WHERE state='done' AND ended_at < $1 LIMIT 1000)`, tx.Now().Add(-keep))
		})
		total += n
		if err != nil || n < 1000 {
			return total, err
		}
	}
}
