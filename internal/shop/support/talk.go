package support

import (
	"context"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
)

// Reply adds what the customer writes. A case that had been answered or solved waits
// for the shop again. Faults: 404, 409 case_full, 422, 429.
func Reply(tx *db.Tx, by auth.By, v *secret.Vault, token, body string) (Case, error) {
	c, err := take(tx, v, token)
	if err != nil {
		return c, err
	}
	var f fault.Fields
	body = text(&f, "/message", body, MaxBody, true)
	if err := f.Err(); err != nil {
		return c, err
	}
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM support_message WHERE case_id=$1 AND author='buyer' AND at > $2`, c.ID, tx.Now().Add(-10*time.Minute)).Scan(&n); err != nil {
		return c, err
	}
	if n >= 20 {
		return c, fault.TooMany(10 * time.Minute)
	}
	if _, err := c.say(tx, v, "buyer", 0, false, body); err != nil {
		return c, err
	}
	if c.State.Waits() {
		return c, nil // the clock of the first question goes on
	}
	return c, reopen(tx, by, &c)
}

// Judge records whether the answer helped. Saying the same again changes nothing.
// Faults: 404, 409 wrong_state when there is no answer yet.
func Judge(tx *db.Tx, by auth.By, v *secret.Vault, token string, solved bool) (Case, error) {
	c, err := take(tx, v, token)
	switch {
	case err != nil:
		return c, err
	case solved && c.State == Solved, !solved && c.State == Reopened:
		return c, nil
	case c.State == Asked:
		return c, fault.Conflict("wrong_state")
	case solved:
		return c, advance(tx, by, &c, Solved, time.Time{})
	}
	return c, reopen(tx, by, &c)
}

func reopen(tx *db.Tx, by auth.By, c *Case) error {
	due, err := promise(tx)
	if err != nil {
		return err
	}
	if err := advance(tx, by, c, Reopened, due); err != nil {
		return err
	}
	return c.clock(tx)
}

// take bumps the case's version and reads it, for who holds its link.
func take(tx *db.Tx, v *secret.Vault, token string) (Case, error) {
	c, err := ByToken(tx, v, token)
	if err != nil {
		return c, err
	}
	return lock(tx, c.ID)
}

func lock(tx *db.Tx, id db.ID) (Case, error) {
	n, err := tx.Exec(`UPDATE support_case SET version=version+1 WHERE id=$1`, id)
	if err != nil {
		return Case{}, err
	}
	if n != 1 {
		return Case{}, fault.NotFound()
	}
	return ByID(tx, id)
}

// Answering is what staff write.
type Answering struct {
	Body    string
	Rejects bool // a no to a claim: the page names the board for consumer disputes
	Solved  bool // nothing more is to be done
	Note    bool // for staff only: no state changes and nobody is told
}

// Answer adds what staff write and tells the customer that there is something to
// read, without its words. Faults: 403, 404, 409 case_full, 422.
func Answer(tx *db.Tx, by auth.By, v *secret.Vault, id db.ID, in Answering) (Case, error) {
	if err := by.Need(auth.CasesWrite); err != nil {
		return Case{}, err
	}
	var f fault.Fields
	in.Body = text(&f, "/message", in.Body, MaxBody, true)
	if in.Note && (in.Rejects || in.Solved) {
		f.Add("/note", "bad_value")
	}
	if err := f.Err(); err != nil {
		return Case{}, err
	}
	c, err := lock(tx, id)
	if err != nil {
		return c, err
	}
	if in.Note {
		if _, err := c.say(tx, v, "note", by.ID, false, in.Body); err != nil {
			return c, err
		}
		return c, record(tx, by, "case.note", c.ID, "")
	}
	msg, err := c.say(tx, v, "staff", by.ID, in.Rejects, in.Body)
	if err != nil {
		return c, err
	}
	to := Answered
	if in.Solved {
		to = Solved
	}
	switch {
	case c.State == to:
		err = record(tx, by, "case."+string(to), c.ID, string(to))
	case c.State == Solved && to == Answered: // a word after the end: it stays solved
		err = record(tx, by, "case.answered", c.ID, string(Solved))
	default:
		err = advance(tx, by, &c, to, time.Time{})
	}
	if err != nil {
		return c, err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobAnswered, Ref: msg})
	return c, err
}

// Clock flags a case whose answer is due soon or late. It is the worker of JobClock
// and bears to be called at any time.
func Clock(ctx context.Context, d *db.DB, id db.ID) error {
	return db.Do(ctx, d, func(tx *db.Tx) error {
		c, err := lock(tx, id)
		if fault.Is(err, "not_found") {
			return nil
		}
		if err != nil || c.Due.IsZero() {
			return err
		}
		late := InTime
		switch now := tx.Now(); {
		case !now.Before(c.Due):
			late = Breached
		case !now.Before(c.Due.Add(-warning)):
			late = Soon
		}
		if late <= c.Late {
			return nil
		}
		if err := tx.ExecOne(`UPDATE support_case SET late=$2 WHERE id=$1`, id, late); err != nil {
			return err
		}
		return event(tx, auth.System(JobClock), id, map[int]string{Soon: "due_soon", Breached: "breached"}[late])
	})
}

// Register gives the runner this room's jobs.
func Register(r *job.Runner, d *db.DB) {
	r.Handle(JobClock, job.Opts{}, func(ctx context.Context, j job.Job) error { return Clock(ctx, d, j.Ref) })
}

// Events lists what happened to a case, oldest first, for staff.
func Events(q db.Q, by auth.By, id db.ID) ([]Event, error) {
	if err := by.Need(auth.CasesRead); err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (e Event, err error) { err = r.Scan(&e.Kind, &e.Actor, &e.At); return },
		`SELECT kind, actor, at FROM support_event WHERE case_id=$1 ORDER BY id`, id)
}

// Event is one row of a case's timeline.
type Event struct {
	Kind, Actor string
	At          time.Time
}
