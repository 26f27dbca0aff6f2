package audit

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// What a shop wrote before there was a log becomes its first leaves, and verifies by its
// chain as well.
func TestWhatWasThereBeforeGoesOver(t *testing.T) {
	old := fstest.MapFS{}
	for _, n := range []string{"0001_audit", "0002_access", "0003_refused", "0004_readings"} {
		b, err := os.ReadFile("migrations/" + n + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		old["migrations/"+n+".sql"] = &fstest.MapFile{Data: b}
	}
	dbtest.Each(t, []db.Migrations{{Room: "audit", FS: old}}, func(t *testing.T, d *db.DB) {
		if err := db.Do(ctx, d, func(tx *db.Tx) error {
			var prev []byte
			for i := range 700 { // more than one batch; the last ten without a place in the chain
				e := entry(i)
				e.ID, e.At, e.Outcome = tx.NewID(), tx.Now().Add(-30*24*time.Hour), Done
				if _, err := tx.Exec(`INSERT INTO audit_entry (id, at, actor_kind, actor_id, actor_name, peer, action, entity, entity_id, old_value, new_value, outcome) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)`,
					e.ID, e.At, e.ActorKind, e.ActorID, e.ActorName, e.Peer, e.Action, e.Entity, e.EntityID, e.Old, e.New, string(e.Outcome)); err != nil {
					return err
				}
				if i < 690 {
					prev = chain(int64(i+1), prev, e)
					if _, err := tx.Exec(`INSERT INTO audit_seal (place, entry_id, hash, sealed_at) VALUES ($1,$2,$3,$4)`, i+1, e.ID, prev, tx.Now()); err != nil {
						return err
					}
				}
			}
			for i := range 150 {
				if _, err := tx.Exec(`INSERT INTO audit_access (id, at, actor_kind, actor_id, person_id, kinds, entity, entity_id, reason) VALUES ($1,$2,'staff',5,$3,'name','order',$4,'packing')`, tx.NewID(), tx.Now(), i+1, i+1); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := d.Migrate(ctx, ms); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, d)
		// Between the migration and the sealer nothing is wrong, and halfway neither.
		if r, f := verify(t, l); f != "" || r.Waiting != 851 {
			t.Error(f, r.Waiting)
		}
		if _, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (sealed, error) { return l.sealSome(tx, tlog.Tree{}) }); err != nil {
			t.Fatal(err)
		}
		record(t, d, entry(9000))
		if r, f := verify(t, l); f != "" || r.Size != 0 {
			t.Error(f, r.Size)
		}
		if n := seal(t, l); n != 852-batch {
			t.Errorf("%d taken in", n)
		}
		r, f := verify(t, l)
		if f != "" || r.Size != 852 || r.Acts != 701 || r.Readings != 150 || r.Points != 1 {
			t.Errorf("%s %+v", f, r)
		}
		record(t, d, entry(9001))
		seal(t, l)
		if err := db.Do(ctx, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE audit_seal SET sealed_at=0, entry_id=(SELECT min(e.id) FROM audit_entry e WHERE e.id > audit_seal.entry_id) WHERE place=690`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, f := verify(t, l, r.Checkpoint); f != "690 chain changed" {
			t.Error(f)
		}
	})
}

// Nothing is signed that does not continue what was signed.
func TestSealerDoesNotSignWhatWasAltered(t *testing.T) {
	for name, c := range map[string]struct {
		sql  []string
		kept bool // only by what this process knows, or the file beside the database
	}{
		"a leaf more":   {sql: []string{`INSERT INTO audit_log_leaf (id, kind, at, digest, place) SELECT 5, kind, at, digest, 20 FROM audit_log_leaf WHERE place=3`}},
		"a leaf less":   {sql: []string{`DELETE FROM audit_log_leaf WHERE place=19`}},
		"a tile":        {sql: []string{`UPDATE audit_log_tile SET data=(SELECT data FROM audit_log_tile WHERE level=0 AND n=0) WHERE level=0`, `DELETE FROM audit_log_tile WHERE level=0`}},
		"checkpoints":   {sql: []string{`DELETE FROM audit_log_checkpoint`}},
		"a checkpoint":  {sql: []string{`UPDATE audit_log_checkpoint SET note='x'`}},
		"a shorter log": {kept: true, sql: []string{`DELETE FROM audit_log_leaf`, `DELETE FROM audit_log_tile`, `DELETE FROM audit_log_checkpoint`}},
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.SQLite(t, ms)
			point := ""
			l := openLog(t, d)
			l.o.Keep = func(s string) error { point = s; return nil }
			for i := range 20 {
				record(t, d, entry(i))
			}
			seal(t, l)
			for _, s := range c.sql {
				if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := tx.Exec(s); return err }); err != nil {
					t.Fatal(err)
				}
			}
			record(t, d, entry(21))
			for who, l := range map[string]*Log{"the same process": l, "one that starts with the file": openLog(t, d, point)} {
				if n, err := l.Seal(ctx); !errors.Is(err, ErrBroken) || n != 0 {
					t.Errorf("%s: %d %v", who, n, err)
				}
			}
			if _, err := openLog(t, d).Seal(ctx); !c.kept && !errors.Is(err, ErrBroken) {
				t.Errorf("one that starts without: %v", err)
			}
		})
	}
}

// A file that is of another shop is a finding, and no reason not to start.
func TestStrangeCheckpointBesideTheDatabase(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	record(t, d, entry(1))
	l := openLog(t, d, "something else\n")
	if n := seal(t, l); n != 1 {
		t.Error(n)
	}
	if _, f := verify(t, l); f != "1 checkpoint signature" {
		t.Error(f)
	}
	if _, f := verify(t, openLog(t, d)); f != "" {
		t.Error(f)
	}
}

// A log keeps its name, and is not opened without one.
func TestNameOfTheLog(t *testing.T) {
	d := dbtest.SQLite(t, ms)
	for _, bad := range []string{"", "shop example/log", "shop+example", "shop\nexample"} {
		if _, err := OpenLog(ctx, d, Options{Origin: bad, Keys: testKeys}); err == nil {
			t.Errorf("%q is a name", bad)
		}
		if err := db.Do(ctx, d, func(tx *db.Tx) error { _, err := tx.Exec(`UPDATE audit_log_tree SET origin=''`); return err }); err != nil {
			t.Fatal(err)
		}
	}
	openLog(t, d)
	l, err := OpenLog(ctx, d, Options{Origin: "new.example/log", Keys: testKeys})
	if err != nil || l.Origin() != "shop.example/log" {
		t.Error(err, l.Origin())
	}
}

// Checkpoints are thinned out: the newest, the first of each hour, and those that were cosigned stay.
func TestCheckpointsAreThinnedOut(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		l := openLog(t, d)
		for i := range 12 {
			record(t, d, entry(i))
			seal(t, l)
			if i == 2 {
				cosign(t, l) // size 3
			}
			// Four an hour, whatever the clock says.
			if err := db.Do(ctx, d, func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE audit_log_checkpoint SET at=$1 WHERE size=$2`, (400_000+int64(i/4))*3_600_000_000+int64(i%4), i+1)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		sizes, err := db.Read(ctx, d, func(q *db.Reader) ([]int64, error) {
			return db.All(q, func(r *db.Rows) (n int64, err error) { err = r.Scan(&n); return }, `SELECT size FROM audit_log_checkpoint ORDER BY size`)
		})
		if err != nil || fmt.Sprint(sizes) != "[1 3 5 9 12]" {
			t.Error(sizes, err)
		}
	})
}

func TestReadingsExpire(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		l := openLog(t, d)
		// Readings of three years, one a week; the newest is of today.
		const n = 156
		if err := db.Do(ctx, d, func(tx *db.Tx) error {
			for i := n; i > 0; i-- {
				at := tx.Now().Add(-time.Duration(i-1) * 7 * 24 * time.Hour)
				a := reading(i)
				a.ID, a.At = db.IDAt(at)+1, at
				if at.Before(time.Date(2024, 1, 8, 0, 0, 0, 0, time.UTC)) {
					a.ID = db.ID(1000 - i) // before the first id that tells the time
				}
				salt := []byte(fmt.Sprint("salt", i))
				if _, err := tx.Exec(`INSERT INTO audit_access (id, at, actor_kind, actor_id, actor_name, person_id, kinds, entity, entity_id, reason, salt) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`,
					a.ID, a.At, a.ActorKind, a.ActorID, a.ActorName, a.Person, strings.Join(a.Kinds, " "), a.Entity, a.EntityID, a.Reason, salt); err != nil {
					return err
				}
				if err := enter(tx, leafReading, a.ID, a.At, a.digest(salt)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		// What has no place yet does not go.
		if gone, err := Expire(ctx, d, KeepReadings); err != nil || gone != 0 {
			t.Fatal(gone, err)
		}
		seal(t, l)
		point := checkpoint(t, l)
		left := func() int64 {
			k, err := db.Read(ctx, d, func(q *db.Reader) (k int64, err error) {
				err = q.QueryRow(`SELECT count(*) FROM audit_access`).Scan(&k)
				return
			})
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		gone, err := Expire(ctx, d, KeepReadings)
		if err != nil || gone < 50 || gone > 53 || left() != n-gone {
			t.Fatal(gone, left(), err)
		}
		if again, err := Expire(ctx, d, KeepReadings); err != nil || again != 0 {
			t.Error("again:", again, err)
		}
		seal(t, l)
		r, f := verify(t, l, point)
		if f != "" || r.Expired != gone || r.Readings != n || r.Acts != 1 {
			t.Errorf("%s %+v", f, r)
		}
		// Less than the floor is not kept for less: half a year stays.
		more, err := Expire(ctx, d, time.Hour)
		if err != nil || left() < 25 || left() > 27 {
			t.Error(more, left(), err)
		}
		seal(t, l)
		if r, f := verify(t, l, point); f != "" || r.Expired != gone+more || r.Acts != 2 {
			t.Errorf("%s %+v", f, r)
		}
		// A younger one that is gone was taken away.
		if err := db.Do(ctx, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`DELETE FROM audit_access WHERE id=(SELECT max(id) FROM audit_access)`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, f := verify(t, l); f != fmt.Sprintf("%d reading missing", n-1) {
			t.Error(f)
		}
	})
}
