package secret

import (
	"context"

	"kassavalv/internal/db"
)

// TakeRows puts the data keys of the database from, the newest position of a shop, in the
// place of those of to, an older one of the same shop: an older row may be wrapped by an
// epoch key that is destroyed, and may be that of a person who has been erased since. Rows
// that only to has are of persons whose row is gone, and go as well. Fingerprints of keys
// that were destroyed since go too: to would be refused for the lack of them. It returns how
// many persons are erased that were not so in to.
func TakeRows(ctx context.Context, to, from *db.DB) (erased int, err error) {
	if err := takeChecks(ctx, to, from); err != nil {
		return 0, err
	}
	type row struct {
		id, epoch db.ID
		wrapped   []byte
		erasedAt  int64
		alive     bool
	}
	read := func(d *db.DB, after db.ID) ([]row, error) {
		return db.Read(ctx, d, func(q *db.Reader) ([]row, error) {
			return db.All(q, func(r *db.Rows) (x row, err error) {
				err = r.Scan(&x.id, &x.epoch, &x.wrapped, &x.erasedAt)
				x.alive = len(x.wrapped) > 0
				return
			}, `SELECT id, epoch, wrapped, COALESCE(erased_at, 0) FROM secret_person WHERE id > $1 ORDER BY id LIMIT 500`, after)
		})
	}
	for after := db.ID(0); ; {
		rows, err := read(to, after)
		if err != nil || len(rows) == 0 {
			return erased, err
		}
		after = rows[len(rows)-1].id
		newest := map[db.ID]row{}
		for at := rows[0].id - 1; ; {
			some, err := read(from, at)
			if err != nil {
				return erased, err
			}
			for _, x := range some {
				newest[x.id], at = x, x.id
			}
			if len(some) == 0 || at >= after {
				break
			}
		}
		n, _, err := db.Write(ctx, to, func(tx *db.Tx) (int, error) {
			n := 0
			for _, x := range rows {
				y := newest[x.id]
				var at any
				switch {
				case y.erasedAt != 0:
					at = y.erasedAt
				case y.wrapped == nil:
					at = tx.Now()
				}
				if x.alive && !y.alive {
					n++
				}
				if _, err := tx.Exec(`UPDATE secret_person SET wrapped=$2, epoch=$3, erased_at=$4 WHERE id=$1`, x.id, y.wrapped, y.epoch, at); err != nil {
					return 0, err
				}
			}
			return n, nil
		})
		if err != nil {
			return erased, err
		}
		erased += n
	}
}

// takeChecks forgets the keys that the newest position does not know any more.
func takeChecks(ctx context.Context, to, from *db.DB) error {
	old, _, err := state(ctx, to)
	if err != nil {
		return err
	}
	now, _, err := state(ctx, from)
	if err != nil {
		return err
	}
	return db.Do(ctx, to, func(tx *db.Tx) error {
		for n := range old {
			if now[n] != nil {
				continue
			}
			if _, err := tx.Exec(`DELETE FROM secret_check WHERE name=$1`, n); err != nil {
				return err
			}
		}
		return nil
	})
}
