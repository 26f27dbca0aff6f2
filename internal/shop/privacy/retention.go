package privacy

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
)

// Sweep carries out one rule of the map. Exactly one of the two is set.
type Sweep struct {
	// Rows lets go of at most n rows that were out of time at before, and says of how many.
	Rows func(tx *db.Tx, before time.Time, n int) (int, error)
	// Persons lists at most n persons whose matter ended before the instant, from mark on; next is the
	// mark to go on from, the zero time when there are no more.
	Persons func(q db.Q, before, mark time.Time, n int) (persons []db.ID, next time.Time, err error)
	// Real: the rows are stamped with the machine's clock and not with that of laws, which a demo or
	// a test may have shifted.
	Real bool
}

func (s Sweep) before(q db.Q, k datamap.Keep) time.Time {
	if s.Real {
		return k.Before(q.Now())
	}
	return k.Before(q.LegalNow())
}

// Timed are the rules that end by time alone though their rows carry the end themselves.
var Timed = []string{"books"}

// Rules lists the rules of the map that time ends, each once.
func Rules() []datamap.Keep {
	var out []datamap.Keep
	seen := map[string]bool{}
	for _, c := range datamap.Categories() {
		timed := c.Keep.Spans() && !c.Keep.Own
		for _, r := range Timed {
			timed = timed || c.Keep.Rule == r
		}
		if timed && !seen[c.Keep.Rule] {
			seen[c.Keep.Rule] = true
			out = append(out, c.Keep)
		}
	}
	return out
}

const sweepAtOnce = 50

// Sweep lets go of everything that is out of time by the map. It is called each hour.
func (d *Desk) Sweep(ctx context.Context) error {
	var errs []error
	for _, k := range Rules() {
		s, ok := d.Sweeps[k.Rule]
		switch {
		case !ok && k.Rule == "privacy":
			errs = append(errs, d.sweepOwn(ctx, k))
		case !ok:
			errs = append(errs, errors.New("privacy: nobody carries out the rule "+k.Rule))
		case s.Rows != nil:
			errs = append(errs, d.sweepRows(ctx, k, s))
		default:
			errs = append(errs, d.sweepPersons(ctx, k, s))
		}
	}
	return errors.Join(errs...)
}

func (d *Desk) sweepRows(ctx context.Context, k datamap.Keep, s Sweep) error {
	for ctx.Err() == nil {
		n, _, err := db.WriteBulk(ctx, d.DB, func(tx *db.Tx) (int, error) { return s.Rows(tx, s.before(tx, k), sweepAtOnce) })
		if err != nil || n < sweepAtOnce {
			return err
		}
	}
	return ctx.Err()
}

func (d *Desk) sweepPersons(ctx context.Context, k datamap.Keep, s Sweep) error {
	type page struct {
		persons []db.ID
		next    time.Time
	}
	mark := time.Unix(0, 1).UTC()
	for ctx.Err() == nil {
		p, err := db.Read(ctx, d.DB, func(q *db.Reader) (p page, err error) {
			p.persons, p.next, err = s.Persons(q, s.before(q, k), mark, sweepAtOnce)
			return
		})
		if err != nil {
			return err
		}
		for _, person := range p.persons {
			if err := db.Do(ctx, d.DB, func(tx *db.Tx) error { return d.outOfTime(tx, person) }); err != nil {
				return err
			}
		}
		if len(p.persons) < sweepAtOnce || !p.next.After(mark) {
			return nil
		}
		mark = p.next
	}
	return ctx.Err()
}

// outOfTime erases one person whose matter is long over. Something that is open, and a person who has
// asked that his details be kept, are let be.
func (d *Desk) outOfTime(tx *db.Tx, person db.ID) error {
	s, err := d.spread(tx, hold.Scope{Persons: []db.ID{person}})
	if err != nil {
		return err
	}
	st, err := d.StandingOf(tx, s)
	if err != nil || !st.Limits.Restricted.IsZero() {
		return err
	}
	ms, err := d.Matters(tx, s)
	if err != nil || len(ms) > 0 {
		return err
	}
	return d.destroy(tx, s, 0)
}

// sweepOwn forgets answered requests, and downloads that are out of time.
func (d *Desk) sweepOwn(ctx context.Context, k datamap.Keep) error {
	_, _, err := db.WriteBulk(ctx, d.DB, func(tx *db.Tx) (int, error) {
		if _, err := tx.Exec(`DELETE FROM privacy_download WHERE id IN (SELECT id FROM privacy_download WHERE expires_at < $1 ORDER BY expires_at LIMIT 500)`, tx.Now().Add(-24*time.Hour)); err != nil {
			return 0, err
		}
		rs, err := db.All(tx, func(r *db.Rows) (Request, error) { return scan(r) }, `SELECT `+cols+` FROM privacy_request WHERE answered_at < $1 AND answered_at IS NOT NULL AND forgotten_at IS NULL ORDER BY answered_at, id LIMIT 50`, k.Before(tx.LegalNow()))
		if err != nil {
			return 0, err
		}
		for _, r := range rs {
			if err := d.forget(tx, r); err != nil {
				return 0, err
			}
		}
		return len(rs), nil
	})
	return err
}
