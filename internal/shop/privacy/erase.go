package privacy

import (
	"context"
	"errors"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// Plan is what a person is told before he is erased.
type Plan struct {
	Scope      hold.Scope
	Matters    []hold.Matter // to be finished first
	Losses     []hold.Loss
	BooksUntil time.Time // zero: nothing is kept for the books
	Handed     []Processor
	GoneBy     time.Time // were it done now
}

// PlanErase tells what an erasure would mean.
func (d *Desk) PlanErase(q db.Q, who Subject) (p Plan, err error) {
	if err = who.check(); err != nil {
		return p, err
	}
	if p.Scope, err = d.Scope(q, who.Mail); err != nil {
		return p, err
	}
	if p.Matters, err = d.Matters(q, p.Scope); err != nil {
		return p, err
	}
	if p.Losses, err = d.Losses(q, p.Scope); err != nil {
		return p, err
	}
	if p.BooksUntil, err = d.booksUntil(q, p.Scope); err != nil {
		return p, err
	}
	p.Handed, err = d.handed(q, p.Scope)
	p.GoneBy = q.LegalNow().Add(GoneFromCopies)
	return p, err
}

// booksUntil is when the last of what is kept for the books goes.
func (d *Desk) booksUntil(q db.Q, s hold.Scope) (until time.Time, err error) {
	for _, h := range d.Holders {
		b, ok := h.(interface {
			BooksUntil(q db.Q, s hold.Scope) (time.Time, error)
		})
		if !ok {
			continue
		}
		t, err := b.BooksUntil(q, s)
		if err != nil {
			return until, err
		}
		if t.After(until) {
			until = t
		}
	}
	return until, nil
}

// HandedOf tells who outside the shop had details of a scope.
func (d *Desk) HandedOf(q db.Q, s hold.Scope) ([]Processor, error) { return d.handed(q, s) }

func (d *Desk) handed(q db.Q, s hold.Scope) ([]Processor, error) {
	if d.Handed == nil {
		return nil, nil
	}
	return d.Handed(q, s)
}

// ConfirmErase is the second step of an erasure: fresh proof, and the box that says that it cannot
// be undone. What is open makes it wait; else it is done before this returns. Confirming again while one
// waits gives the one that waits.
func (d *Desk) ConfirmErase(tx *db.Tx, who Subject, sure bool) (Request, error) {
	if err := who.needFresh(tx.Now()); err != nil {
		return Request{}, err
	}
	if !sure {
		return Request{}, fault.Invalid(fault.Field{Pointer: "/sure", Code: "must_tick"})
	}
	mine, err := d.Mine(tx, who)
	if err != nil {
		return Request{}, err
	}
	for _, r := range mine {
		if r.Kind == Erase && r.State == Waiting {
			return r, nil
		}
	}
	s, err := d.Scope(tx, who.Mail)
	if err != nil {
		return Request{}, err
	}
	for _, r := range mine { // one that staff took down is this one
		if r.Kind == Erase && r.State == Asked {
			return r, d.carry(tx, who.By, &r, s)
		}
	}
	r, err := d.open(tx, newRequest{kind: Erase, mail: who.Mail, lang: who.Lang, by: who.By}, s)
	if err != nil {
		return r, err
	}
	return r, d.carry(tx, who.By, &r, s)
}

// carry erases when nothing is open, and lets the request wait otherwise. Of somebody with very much a scope names a part
// (hold.Limit), so it goes on until nobody is found; what is open among the rest is waited for.
func (d *Desk) carry(tx *db.Tx, by auth.By, r *Request, s hold.Scope) error {
	for {
		ms, err := d.Matters(tx, s)
		if err != nil {
			return err
		}
		if len(ms) > 0 {
			if r.State == Waiting {
				return nil
			}
			if err := d.advance(tx, by, r, Waiting, ""); err != nil {
				return err
			}
			return ask(tx, JobReceived, r.ID)
		}
		until, err := d.booksUntil(tx, s)
		if err != nil {
			return err
		}
		if until.After(r.BooksUntil) {
			r.BooksUntil = until
		}
		if _, err := tx.Exec(`UPDATE privacy_request SET books_until=$2 WHERE id=$1`, r.ID, r.BooksUntil); err != nil {
			return err
		}
		if err := d.notices(tx, r.ID, s); err != nil {
			return err
		}
		// Who is known only now, because he bought while the request waited.
		for _, p := range s.Persons {
			if _, err := tx.Exec(`INSERT INTO privacy_subject (request_id, person_id) VALUES ($1,$2) ON CONFLICT DO NOTHING`, r.ID, p); err != nil {
				return err
			}
		}
		if err := d.destroy(tx, s, r.ID); err != nil {
			return err
		}
		rest, err := d.Scope(tx, s.Mail)
		if err != nil {
			return err
		}
		if rest.Size() == 0 || slices.Equal(rest.Persons, s.Persons) {
			break
		}
		s = rest
	}
	if err := d.advance(tx, by, r, Done, ""); err != nil {
		return err
	}
	return ask(tx, JobErased, r.ID)
}

// destroy takes everything of a scope away. keep is the request whose own person writes the last
// letter; 0 for none.
func (d *Desk) destroy(tx *db.Tx, s hold.Scope, keep db.ID) error {
	for _, h := range d.Holders {
		if err := h.Erase(tx, s); err != nil {
			return err
		}
	}
	if s.Mail != "" {
		if err := d.forgetOthers(tx, s.Mail, keep); err != nil {
			return err
		}
	}
	for _, p := range s.Persons {
		if err := d.Vault.Erase(tx, p); err != nil && !errors.Is(err, secret.ErrNoPerson) {
			return err
		}
	}
	return nil
}

// forgetOthers lets go of the address's other requests and downloads.
func (d *Desk) forgetOthers(tx *db.Tx, mail string, keep db.ID) error {
	ix, err := d.Vault.Index(fieldMail, mail)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM privacy_download WHERE mail_index=$1`, ix); err != nil {
		return err
	}
	rs, err := db.All(tx, func(r *db.Rows) (Request, error) { return scan(r) }, `SELECT `+cols+` FROM privacy_request WHERE mail_index=$1 AND id <> $2 ORDER BY id LIMIT 1000`, ix, keep)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if r.Open() {
			if err := d.advance(tx, auth.System("privacy"), &r, Cancelled, ""); err != nil {
				return err
			}
		}
		if err := d.forget(tx, r); err != nil {
			return err
		}
	}
	return nil
}

// forget destroys a request's own key; the row stays as dates.
func (d *Desk) forget(tx *db.Tx, r Request) error {
	if _, err := tx.Exec(`UPDATE privacy_request SET contact=NULL, mail_index=NULL, answer=NULL, forgotten_at=$2, version=version+1 WHERE id=$1 AND forgotten_at IS NULL`, r.ID, tx.Now()); err != nil {
		return err
	}
	for _, h := range d.Holders { // the letters about it
		if h.Room() == "mail" {
			if err := h.Erase(tx, hold.Scope{Persons: []db.ID{r.Person}}); err != nil {
				return err
			}
		}
	}
	return d.Vault.Erase(tx, r.Person)
}

// Tend is the upkeep of requests: erasures that waited go when nothing is open any more, and requests
// that have been answered long enough are forgotten. It is called each minute.
func (d *Desk) Tend(ctx context.Context) error {
	var errs []error
	// All of them, in portions: one that waits long must not keep a later one from its turn.
	for last := db.ID(0); ; {
		ids, err := db.Read(ctx, d.DB, func(q *db.Reader) ([]db.ID, error) {
			return db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }, `SELECT id FROM privacy_request WHERE state='waiting' AND id > $1 ORDER BY id LIMIT 200`, last)
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			errs = append(errs, d.tend(ctx, id))
			last = id
		}
		if len(ids) < 200 {
			break
		}
	}
	return errors.Join(append(errs, d.forgetErased(ctx))...)
}

// tend erases what a waiting request asks for, if nothing is open any more.
func (d *Desk) tend(ctx context.Context, id db.ID) error {
	return db.Do(ctx, d.DB, func(tx *db.Tx) error {
		if n, err := tx.Exec(`UPDATE privacy_request SET version=version+1 WHERE id=$1 AND state='waiting'`, id); err != nil || n == 0 {
			return err
		}
		r, err := ByID(tx, id)
		if err != nil {
			return err
		}
		c, err := ContactOf(tx, d.Vault, r)
		if err != nil {
			return err
		}
		s, err := d.Scope(tx, c.Mail)
		if err != nil {
			return err
		}
		return d.carry(tx, auth.System("privacy"), &r, s)
	})
}

// lastLetter is how long the last letter to somebody who is erased is tried.
const lastLetter = 4 * 24 * time.Hour

// forgetErased lets go of the addresses of who is erased, as soon as the last letter has left.
func (d *Desk) forgetErased(ctx context.Context) error {
	_, _, err := db.WriteBulk(ctx, d.DB, func(tx *db.Tx) (int, error) {
		rs, err := db.All(tx, func(r *db.Rows) (Request, error) { return scan(r) }, `SELECT `+cols+` FROM privacy_request WHERE kind='erase' AND state='done' AND forgotten_at IS NULL ORDER BY id LIMIT 50`)
		if err != nil {
			return 0, err
		}
		n := 0
		for _, r := range rs {
			left, err := d.told(tx, r.Person)
			if err != nil {
				return n, err
			}
			if left || tx.LegalNow().Sub(r.Answered) > lastLetter {
				if err := d.forget(tx, r); err != nil {
					return n, err
				}
				n++
			}
		}
		return n, nil
	})
	return err
}

// told reports whether the last letter to a request's own person has left.
func (d *Desk) told(q db.Q, person db.ID) (bool, error) {
	for _, h := range d.Holders {
		if t, ok := h.(interface {
			Left(q db.Q, person db.ID, kind string) (bool, error)
		}); ok {
			return t.Left(q, person, JobErased)
		}
	}
	return false, nil
}
