package customer

import (
	"errors"
	"time"

	"kassavalv/internal/db"
)

// Limits are what a person has asked not to be done with his details.
type Limits struct {
	Restricted time.Time // art. 18: since when they are only kept; zero: not
	Objected   time.Time // art. 21: since when nothing rests on the shop's interest; zero: not
}

// Any reports whether there is a limit.
func (l Limits) Any() bool { return !l.Restricted.IsZero() || !l.Objected.IsZero() }

// LimitsOf tells what a person has asked. No row, no limit.
func LimitsOf(q db.Q, person db.ID) (l Limits, err error) {
	err = q.QueryRow(`SELECT restricted_at, objected_at FROM customer_limit WHERE person_id=$1`, person).Scan(&l.Restricted, &l.Objected)
	if errors.Is(err, db.ErrNotFound) {
		err = nil
	}
	return
}

// Restrict sets or lifts the restriction of a person.
func Restrict(tx *db.Tx, person db.ID, on bool) error {
	return limit(tx, person, `restricted_at`, on)
}

// Object sets or lifts the objection of a person.
func Object(tx *db.Tx, person db.ID, on bool) error { return limit(tx, person, `objected_at`, on) }

func limit(tx *db.Tx, person db.ID, column string, on bool) error {
	if person <= 0 {
		return db.ErrNotFound
	}
	var at any
	if on {
		at = tx.Now()
	}
	_, err := tx.Exec(`INSERT INTO customer_limit (person_id, `+column+`, changed_at) VALUES ($1,$2,$3)
		ON CONFLICT (person_id) DO UPDATE SET `+column+`=excluded.`+column+`, changed_at=excluded.changed_at`, person, at, tx.Now())
	return err
}
