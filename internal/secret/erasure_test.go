package secret

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// rowCopy is a person's row as a copy of the database holds it.
type rowCopy struct {
	id      db.ID
	wrapped []byte
}

// tryAll opens every row of a copy with every key that is there, and with each data key so found the
// person's sealed value. It asks nobody's permission and no header: what it cannot open cannot be opened.
func tryAll(t *testing.T, rows []rowCopy, keys []Key, values map[db.ID][]byte) map[db.ID]string {
	t.Helper()
	out := map[db.ID]string{}
	for _, r := range rows {
		for _, k := range keys {
			for n := int64(1); n < 20; n++ { // whichever epoch the bytes claim
				data, err := open(newAEAD(k.bytes()), byEpoch, n, wrapField, r.id, r.wrapped)
				if err != nil {
					continue
				}
				if plain, err := open(newAEAD(data), byPerson, int64(r.id), string(fieldA), 1, values[r.id]); err == nil {
					out[r.id] = string(plain)
				}
			}
		}
	}
	return out
}

func rowsOf(t *testing.T, d *db.DB) []rowCopy {
	t.Helper()
	rows, err := db.Read(ctx, d, func(q *db.Reader) ([]rowCopy, error) {
		return db.All(q, func(r *db.Rows) (x rowCopy, err error) { err = r.Scan(&x.id, &x.wrapped); return }, `SELECT id, wrapped FROM secret_person WHERE wrapped IS NOT NULL ORDER BY id`)
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// The promise of erasure, over a year: each day a copy of the database is taken and kept for ever, keys are turned and
// destroyed by the calendar, now and then somebody is erased. At any time, with every copy ever taken and every key that
// still exists, nobody opens who was erased 35 days ago or more; from the live database nobody who was erased at all; and who lives opens always.
func TestErasureHolds(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		v, k := vault(t, d)
		start := time.Now()
		day := 0
		v.now = func() time.Time { return start.Add(time.Duration(day)*24*time.Hour + time.Hour) }
		values, erasedOn := map[db.ID][]byte{}, map[db.ID]int{}
		var people []db.ID
		var copies [][]rowCopy
		keys := func() (out []Key) {
			names, err := k.List(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range names {
				key, err := k.Get(ctx, n)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, key)
			}
			return out
		}
		hours := 0 // proof that the check can find something
		for day = 0; day <= 365; day++ {
			if err := v.Turn(ctx); err != nil {
				t.Fatal("day", day, err)
			}
			if day%7 == 0 {
				p := person(t, d, v)
				values[p] = sealFor(t, d, v, p, fieldA, 1, fmt.Sprintf("Marker %d", p))
				people = append(people, p)
			}
			if day%5 == 0 {
				copies = append(copies, rowsOf(t, d))
			}
			if day%14 == 10 { // somebody in the middle of the list asks to be erased
				p := people[len(people)/2]
				if _, gone := erasedOn[p]; !gone {
					if err := db.Do(ctx, d, func(tx *db.Tx) error { return v.Erase(tx, p) }); err != nil {
						t.Fatal(err)
					}
					erasedOn[p] = day
					if got, err := openFor(d, v, p, fieldA, 1, values[p]); !errors.Is(err, ErrErased) {
						t.Fatalf("day %d: erased and yet %q %v", day, got, err)
					}
				}
			}
			if day%10 != 9 && day != 365 {
				continue
			}
			have := keys()
			live := tryAll(t, rowsOf(t, d), have, values)
			for _, p := range people {
				_, gone := erasedOn[p]
				if opened := live[p] != ""; opened == gone {
					t.Fatalf("day %d, live database: person %s erased %v, opened %v", day, p, gone, opened)
				}
			}
			for i, c := range copies {
				for p := range tryAll(t, c, have, values) {
					on, gone := erasedOn[p]
					switch {
					case gone && day-on >= 35:
						t.Fatalf("day %d: copy %d opens person %s, who was erased on day %d", day, i, p, on)
					case gone:
						hours++
					}
				}
			}
		}
		if len(erasedOn) < 15 || hours == 0 {
			t.Errorf("%d were erased, and %d times a young copy still opened: the test looked at nothing", len(erasedOn), hours)
		}
		if n := len(v.Epochs()); n > 2 {
			t.Errorf("%d epoch keys are kept", n)
		}
	})
}

// The database file itself, byte by byte: once somebody is erased, the wrapped key is not in the live file nor in its log.
func TestErasedIsGoneFromTheFile(t *testing.T) {
	dir := t.TempDir()
	d, err := db.Open(ctx, db.Options{Path: filepath.Join(dir, "shop.db"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Migrate(ctx, []db.Migrations{Migrations}); err != nil {
		t.Fatal(err)
	}
	v, _ := vault(t, d)
	p := person(t, d, v)
	for range 20 {
		person(t, d, v)
	}
	var wrapped []byte
	for _, r := range rowsOf(t, d) {
		if r.id == p {
			wrapped = r.wrapped
		}
	}
	found := func() bool {
		if err := d.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "shop.db"))
		if err != nil {
			t.Fatal(err)
		}
		for i := headLen; i+16 <= len(wrapped); i++ { // any 16 bytes of it: part of a cell may be used again
			if bytes.Contains(b, wrapped[i:i+16]) {
				return true
			}
		}
		return false
	}
	if !found() {
		t.Fatal("control: the wrapped key of a living person is not in the file")
	}
	if err := db.Do(ctx, d, func(tx *db.Tx) error { return v.Erase(tx, p) }); err != nil {
		t.Fatal(err)
	}
	if found() {
		t.Error("the wrapped key of an erased person is still in the file")
	}
}

// A restore from an old copy: whoever was erased since is living in it, until the list is replayed.
func TestReplayErasures(t *testing.T) {
	dbtest.Each(t, []db.Migrations{Migrations}, func(t *testing.T, d *db.DB) {
		v, k := vault(t, d)
		old, gone, stays := person(t, d, v), person(t, d, v), person(t, d, v)
		sealed := map[db.ID][]byte{}
		for _, p := range []db.ID{old, gone, stays} {
			sealed[p] = sealFor(t, d, v, p, fieldA, 1, "Marker")
		}
		erase := func(p db.ID) {
			t.Helper()
			if err := db.Do(ctx, d, func(tx *db.Tx) error { return v.Erase(tx, p) }); err != nil {
				t.Fatal(err)
			}
		}
		erase(old)
		// The copy: the same rows in another database, which is bound to the same keys.
		restored := dbtest.SQLite(t, []db.Migrations{Migrations})
		if err := Init(ctx, restored, k); err != nil {
			t.Fatal(err)
		}
		type full struct {
			id      db.ID
			wrapped []byte
			epoch   int64
			created time.Time
			erased  *time.Time
		}
		rows, err := db.Read(ctx, d, func(q *db.Reader) ([]full, error) {
			return db.All(q, func(r *db.Rows) (x full, err error) {
				var at time.Time
				err = r.Scan(&x.id, &x.wrapped, &x.epoch, &x.created, &at)
				if !at.IsZero() {
					x.erased = &at
				}
				return
			}, `SELECT id, wrapped, epoch, created_at, erased_at FROM secret_person`)
		})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Do(ctx, restored, func(tx *db.Tx) error {
			for _, x := range rows {
				var at any
				if x.erased != nil {
					at = *x.erased
				}
				if _, err := tx.Exec(`INSERT INTO secret_person (id, wrapped, epoch, created_at, erased_at) VALUES ($1,$2,$3,$4,$5)`, x.id, x.wrapped, x.epoch, x.created, at); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		later := person(t, d, v) // unknown to the copy
		erase(gone)
		erase(later)

		rv, err := Open(ctx, restored, k)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := openFor(restored, rv, gone, fieldA, 1, sealed[gone]); err != nil || got != "Marker" {
			t.Fatal("control: the copy does not know of the erasure:", got, err)
		}
		list, err := db.Read(ctx, d, func(q *db.Reader) ([]Erasure, error) { return Erased(q, time.Time{}, 0) })
		if err != nil || len(list) != 3 {
			t.Fatal(list, err)
		}
		// Page by page it is the same list.
		var paged []Erasure
		for at, after := (time.Time{}), db.ID(0); ; {
			some, err := db.Read(ctx, d, func(q *db.Reader) ([]Erasure, error) { return Erased(q, at, after) })
			if err != nil {
				t.Fatal(err)
			}
			if len(some) == 0 {
				break
			}
			paged = append(paged, some[0])
			at, after = some[0].At, some[0].Person
		}
		if fmt.Sprint(paged) != fmt.Sprint(list) {
			t.Errorf("%v, page by page %v", list, paged)
		}
		if n, err := rv.ReplayErasures(ctx, list); err != nil || n != 1 {
			t.Fatal("replayed", n, err)
		}
		if n, err := rv.ReplayErasures(ctx, list); err != nil || n != 0 {
			t.Fatal("replayed twice", n, err)
		}
		for _, p := range []db.ID{old, gone} {
			if got, err := openFor(restored, rv, p, fieldA, 1, sealed[p]); !errors.Is(err, ErrErased) {
				t.Errorf("%s: %q %v", p, got, err)
			}
		}
		if got, err := openFor(restored, rv, stays, fieldA, 1, sealed[stays]); err != nil || got != "Marker" {
			t.Error(got, err)
		}
		at, err := db.Read(ctx, restored, func(q *db.Reader) (time.Time, error) { return rv.ErasedAt(q, gone) })
		for _, e := range list {
			if e.Person == gone && !at.Equal(e.At) {
				t.Errorf("erased at %s, not at %s %v", at, e.At, err)
			}
		}
	})
}
