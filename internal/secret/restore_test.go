package secret

import (
	"bytes"

	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// An older position takes the persons' keys of the newest: of an epoch it has never heard
// of, erased where erased since, gone where the row is gone, over more rows than one step
// reads; and it no longer asks for keys that were destroyed.
func TestTakeRows(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, to *db.DB) {
		from, err := db.Open(t.Context(), db.Options{Path: t.TempDir() + "/newest.db", Create: true})
		if err != nil {
			t.Fatal(err)
		}
		defer from.Close()
		if err := from.Migrate(t.Context(), []db.Migrations{Migrations}); err != nil {
			t.Fatal(err)
		}
		const persons = 1300
		at := time.Now().UTC().Truncate(time.Microsecond)
		fill := func(d *db.DB, newest bool) {
			t.Helper()
			err := db.Do(t.Context(), d, func(tx *db.Tx) error {
				for i := 1; i <= persons; i++ {
					epoch, wrapped, gone := 1, []byte("old"), any(nil)
					if newest {
						epoch, wrapped = 9, []byte("new")
					}
					switch {
					case newest && i%7 == 0: // erased since
						epoch, wrapped, gone = 0, nil, at
					case newest && i%11 == 0: // not there any more
						continue
					case i%13 == 0: // erased before
						epoch, wrapped, gone = 0, nil, at.Add(-time.Hour)
					}
					if _, err := tx.Exec(`INSERT INTO secret_person (id, wrapped, epoch, created_at, erased_at) VALUES ($1,$2,$3,$4,$5)`, i*3, wrapped, epoch, at, gone); err != nil {
						return err
					}
					if newest { // who came since is nobody there
						if _, err := tx.Exec(`INSERT INTO secret_person (id, wrapped, epoch, created_at) VALUES ($1,$2,9,$3)`, i*3+1, []byte("later"), at); err != nil {
							return err
						}
					}
				}
				for _, n := range map[bool][]string{false: {"shop", "books-2019", "epoch-000001"}, true: {"shop", "epoch-000009"}}[newest] {
					if err := insertCheck(tx, n, []byte("fingerprint")); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		fill(to, false)
		fill(from, true)
		erased, err := TakeRows(t.Context(), to, from)
		if err != nil {
			t.Fatal(err)
		}
		want, seen := 0, 0
		_, err = db.Read(t.Context(), to, func(q *db.Reader) (bool, error) {
			rows, err := q.Query(`SELECT id, wrapped, epoch, erased_at FROM secret_person ORDER BY id`)
			if err != nil {
				return false, err
			}
			defer rows.Close()
			for rows.Next() {
				var id, epoch int64
				var wrapped []byte
				var gone time.Time
				if err := rows.Scan(&id, &wrapped, &epoch, &gone); err != nil {
					return false, err
				}
				seen++
				i := id / 3
				since, lost, before := i%7 == 0, i%11 == 0 && i%7 != 0, i%13 == 0
				if (since || lost) && !before {
					want++
				}
				switch dead := since || lost || before; {
				case id%3 != 0:
					t.Errorf("person %d came later", id)
				case dead && (wrapped != nil || epoch != 0 || gone.IsZero()), !dead && (!bytes.Equal(wrapped, []byte("new")) || epoch != 9 || !gone.IsZero()):
					t.Errorf("person %d: %q, epoch %d, erased %s", i, wrapped, epoch, gone)
				case since && !gone.Equal(at):
					t.Errorf("person %d was erased at %s, not %s", i, gone, at)
				}
			}
			return true, rows.Err()
		})
		if err != nil || seen != persons || erased != want || want == 0 {
			t.Errorf("%d rows, %d erased of %d: %v", seen, erased, want, err)
		}
		have, _, err := state(t.Context(), to)
		if err != nil || len(have) != 1 || have["shop"] == nil {
			t.Errorf("the keys that it asks for: %v, %v", have, err)
		}
		if n, err := TakeRows(t.Context(), to, from); err != nil || n != 0 {
			t.Errorf("once more: %d, %v", n, err)
		}
	})
}
