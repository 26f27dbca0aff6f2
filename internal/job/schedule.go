package job

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"kassavalv/internal/db"
)

type schedule struct {
	kind  string
	every time.Duration
}

type loop struct {
	name  string
	every time.Duration
	fn    func(context.Context) error
}

// Every handles a kind and enqueues one job of it each interval, by one process
// of all that share the database. A beat that comes while the last job still
// waits is that job. For intervals of a minute and more; see Loop for less.
func (r *Runner) Every(kind string, every time.Duration, o Opts, fn Func) {
	if every < time.Second {
		panic("job: an interval under a second")
	}
	r.Handle(kind, o, fn)
	r.every = append(r.every, schedule{kind, every})
}

// Loop calls fn each interval in one process of all that share the database, the
// one which holds the loop's lease, without a row for each call: for work that
// is due each second, as sealing the audit log. fn MUST bear two callers at the
// same time for a moment when a lease moves.
func (r *Runner) Loop(name string, every time.Duration, fn func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started || !kindName.MatchString(name) || every <= 0 {
		panic(fmt.Sprintf("job: bad loop %q", name))
	}
	r.loops = append(r.loops, loop{name, every, fn})
}

// plan writes the rows of schedules and loops that are new.
func (r *Runner) plan(ctx context.Context) error {
	if len(r.every) == 0 && len(r.loops) == 0 {
		return nil
	}
	return db.Do(ctx, r.d, func(tx *db.Tx) error {
		var names []string
		for _, s := range r.every {
			names = append(names, s.kind)
		}
		for _, l := range r.loops {
			names = append(names, l.name)
		}
		for _, n := range names {
			if _, err := tx.Exec(`INSERT INTO job_schedule (name, next_at) VALUES ($1,$2) ON CONFLICT (name) DO NOTHING`, n, tx.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// fire enqueues the schedules that are due. The guarded update lets one process
// do it.
func (r *Runner) fire(ctx context.Context) {
	if len(r.every) == 0 {
		return
	}
	due, err := db.Read(ctx, r.d, func(q *db.Reader) (map[string]bool, error) {
		ns, err := db.All(q, func(rs *db.Rows) (s string, err error) { err = rs.Scan(&s); return },
			`SELECT name FROM job_schedule WHERE next_at <= $1`, q.Now())
		m := map[string]bool{}
		for _, n := range ns {
			m[n] = true
		}
		return m, err
	})
	if err != nil {
		return
	}
	for _, s := range r.every {
		if !due[s.kind] {
			continue
		}
		err := db.Do(ctx, r.d, func(tx *db.Tx) error {
			if err := tx.ExecOne(`UPDATE job_schedule SET next_at=$2 WHERE name=$1 AND next_at <= $3`, s.kind, tx.Now().Add(s.every), tx.Now()); err != nil {
				return err // another process was first
			}
			_, err := Enqueue(tx, Spec{Kind: s.kind, Key: "schedule"})
			return err
		})
		if err != nil && err != db.ErrConflict {
			r.log.Warn("a schedule could not be fired", "kind", s.kind, "code", code(err))
		}
	}
}

// loopLease is how long a dead process keeps a loop from the others.
const loopLease = 15 * time.Second

func (r *Runner) runLoop(ctx context.Context, l loop) {
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	var until time.Time // our lease, by our clock
	for {
		select {
		case <-r.quit:
			if !until.IsZero() {
				c, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				db.Do(c, r.d, func(tx *db.Tx) error {
					_, err := tx.Exec(`UPDATE job_schedule SET lease_by=NULL, lease_until=NULL WHERE name=$1 AND lease_by=$2`, l.name, r.owner)
					return err
				})
				cancel()
			}
			return
		case <-tick.C:
		}
		if time.Until(until) < loopLease/2 {
			start := time.Now()
			if !r.lease(ctx, l.name) {
				if !time.Now().Before(until) {
					until = time.Time{}
				}
				continue
			}
			until = start.Add(loopLease)
		}
		func() {
			defer func() {
				if v := recover(); v != nil {
					r.log.Error("loop panicked", "loop", l.name, "stack", string(debug.Stack()))
				}
			}()
			c, cancel := context.WithTimeout(ctx, loopLease/2)
			defer cancel()
			if err := l.fn(c); err != nil && ctx.Err() == nil {
				r.log.Warn("loop failed", "loop", l.name, "code", code(err))
			}
		}()
	}
}

// lease takes or prolongs the lease of a loop.
func (r *Runner) lease(ctx context.Context, name string) bool {
	free, err := db.Read(ctx, r.d, func(q *db.Reader) (n int64, err error) {
		err = q.QueryRow(`SELECT count(*) FROM job_schedule WHERE name=$1 AND (lease_by IS NULL OR lease_by=$2 OR lease_until < $3)`, name, r.owner, q.Now()).Scan(&n)
		return
	})
	if err != nil || free == 0 {
		return false
	}
	err = db.Do(ctx, r.d, func(tx *db.Tx) error {
		return tx.ExecOne(`UPDATE job_schedule SET lease_by=$2, lease_until=$4 WHERE name=$1 AND (lease_by IS NULL OR lease_by=$2 OR lease_until < $3)`,
			name, r.owner, tx.Now(), tx.Now().Add(loopLease))
	})
	return err == nil
}
