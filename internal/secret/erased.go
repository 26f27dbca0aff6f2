package secret

import (
	"context"
	"time"

	"kassavalv/internal/db"
)

// Erasure is one line of the list that is replayed after a restore.
type Erasure struct {
	Person db.ID     `json:"person"`
	At     time.Time `json:"at"`
}

// maxErasures bounds one answer of Erased.
const maxErasures = 1000

// beginning is before every shop.
var beginning = time.Unix(1, 0)

// Erased lists who was erased after a time, oldest first, at most 1,000; the next call goes on from the last
// line's time and person. It names nobody: a number and a time.
func Erased(q db.Q, since time.Time, after db.ID) ([]Erasure, error) {
	if since.IsZero() {
		since = beginning // the zero time is NULL in SQL, which is before nothing
	}
	return db.All(q, func(r *db.Rows) (e Erasure, err error) { err = r.Scan(&e.Person, &e.At); return },
		`SELECT id, erased_at FROM secret_person WHERE erased_at IS NOT NULL AND (erased_at, id) > ($1, $2) ORDER BY erased_at, id LIMIT $3`, since, after, maxErasures)
}

// ReplayErasures erases again, in a database that was restored from a copy, everyone who was
// erased after the copy was taken, and returns how many that were. Whom the copy does not know, or knows as erased, is passed over; the time
// of erasure is the first one's. Until it has run a restored shop MUST NOT serve: its living rows hold who is gone.
func (v *Vault) ReplayErasures(ctx context.Context, list []Erasure) (int, error) {
	total := 0
	for len(list) > 0 {
		some := list[:min(len(list), 200)]
		list = list[len(some):]
		n, _, err := db.Write(ctx, v.d, func(tx *db.Tx) (int, error) {
			done := 0
			for _, e := range some {
				n, err := tx.Exec(`UPDATE secret_person SET wrapped=NULL, epoch=0, erased_at=$2 WHERE id=$1 AND erased_at IS NULL`, e.Person, e.At)
				if err != nil {
					return 0, err
				}
				if n > 0 {
					if err := tx.Changed(personEntity, e.Person); err != nil {
						return 0, err
					}
				}
				done += int(n)
			}
			return done, nil
		})
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}
