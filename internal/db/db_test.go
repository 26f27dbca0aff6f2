package db_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

var schema = []db.Migrations{{Room: "t", FS: fstest.MapFS{"0001_t.sql": {Data: []byte(`
CREATE TABLE t_item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, n INTEGER NOT NULL CHECK (n >= 0), body BLOB, at INTEGER) STRICT;
`)}}}}

func TestWriteReadBothEngines(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		id, pos, err := db.Write(ctx, d, func(tx *db.Tx) (db.ID, error) {
			id := tx.NewID()
			_, err := tx.Exec(`INSERT INTO t_item (id, name, n, body, at) VALUES ($1,$2,$3,$4,$5)`, id, "a", true, []byte("x"), tx.Now())
			return id, err
		})
		if err != nil || pos == 0 {
			t.Fatal(pos, err)
		}
		_, err = db.Read(ctx, d, func(q *db.Reader) (int, error) {
			var n bool
			var at time.Time
			var got db.ID
			// parameters used out of order and twice
			err := q.QueryRow(`SELECT id, n, at FROM t_item WHERE name=$2 AND id=$1 AND name=$2`, id, "a").Scan(&got, &n, &at)
			if err != nil || !n || got != id || time.Since(at) > time.Minute {
				t.Error(got, n, at, err)
			}
			return 0, q.QueryRow(`SELECT id FROM t_item WHERE id=$1`, 7).Scan(&got)
		})
		if !errors.Is(err, db.ErrNotFound) {
			t.Fatal(err)
		}
	})
}

func TestNeighboursSurvive(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		var wg sync.WaitGroup
		var mu sync.Mutex
		bad := 0
		for i := range 90 {
			wg.Go(func() {
				err := db.Do(ctx, d, func(tx *db.Tx) error {
					if _, err := tx.Exec(`INSERT INTO t_item (id, name, n) VALUES ($1,$2,1)`, tx.NewID(), fmt.Sprint("k", i)); err != nil {
						return err
					}
					switch i % 3 {
					case 1:
						panic("boom")
					case 2:
						return errors.New("no")
					}
					return nil
				})
				if (err == nil) != (i%3 == 0) {
					mu.Lock()
					bad++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		n, _ := db.Read(ctx, d, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT count(*) FROM t_item`).Scan(&n)
			return
		})
		if bad != 0 || n != 30 {
			t.Fatalf("bad=%d rows=%d, want 0 and 30", bad, n)
		}
	})
}

func TestConditionalUpdateNeverOversells(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		db.Do(ctx, d, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO t_item (id, name, n) VALUES (1,'s',10)`)
			return err
		})
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := 0
		for range 50 {
			wg.Go(func() {
				err := db.Do(ctx, d, func(tx *db.Tx) error {
					return tx.ExecOne(`UPDATE t_item SET n=n-1 WHERE id=1 AND n>=1`)
				})
				if err == nil {
					mu.Lock()
					got++
					mu.Unlock()
				} else if !errors.Is(err, db.ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got != 10 {
			t.Fatalf("sold %d of 10", got)
		}
	})
}

func TestConstraintErrorsAreKnown(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		ins := func(name string, n int) error {
			return db.Do(context.Background(), d, func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO t_item (id, name, n) VALUES ($1,$2,$3)`, tx.NewID(), name, n)
				return err
			})
		}
		if err := ins("a", 1); err != nil {
			t.Fatal(err)
		}
		if err := ins("a", 1); !db.IsUnique(err) {
			t.Error(err)
		}
		if err := ins("b", -1); !db.IsCheck(err) {
			t.Error(err)
		}
	})
}

func TestCancelledCallerIsDropped(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := db.Do(ctx, d, func(tx *db.Tx) error { t.Error("ran"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		// Cancelling while it runs does not cut it.
		ctx, cancel = context.WithCancel(context.Background())
		err = db.Do(ctx, d, func(tx *db.Tx) error {
			cancel()
			_, err := tx.Exec(`INSERT INTO t_item (id, name, n) VALUES (5,'c',1)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestIDsRise(t *testing.T) {
	d := dbtest.SQLite(t, schema)
	last := db.ID(0)
	for range 20000 {
		id := d.NewID()
		if id <= last {
			t.Fatalf("%d after %d", id, last)
		}
		last = id
	}
	for _, bad := range []string{"", "0", "-1", "+1", "01", "1e3", " 1", "9223372036854775808", "٣"} {
		if _, err := db.ParseID(bad); err == nil {
			t.Errorf("%q parsed", bad)
		}
	}
}

func TestMigrateRefusesEditedAndNewer(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		if err := d.Migrate(ctx, schema); err != nil {
			t.Fatal("second run:", err)
		}
		edited := []db.Migrations{{Room: "t", FS: fstest.MapFS{"0001_t.sql": {Data: []byte(`CREATE TABLE t_item (id INTEGER PRIMARY KEY) STRICT;`)}}}}
		if d.Migrate(ctx, edited) == nil {
			t.Error("edited step taken")
		}
		two := []db.Migrations{{Room: "t", FS: fstest.MapFS{"0001_t.sql": schema[0].FS.(fstest.MapFS)["0001_t.sql"], "0002_x.sql": {Data: []byte("CREATE TABLE t_x (id INTEGER PRIMARY KEY) STRICT;\n")}}}}
		if err := d.Migrate(ctx, two); err != nil {
			t.Fatal(err)
		}
		if d.Migrate(ctx, schema) == nil {
			t.Error("older program took a newer database")
		}
	})
}

func TestChangeFeed(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		got := make(chan db.Change, 10)
		d.OnChange(func(cs []db.Change) {
			for _, c := range cs {
				got <- c
			}
		})
		db.Do(context.Background(), d, func(tx *db.Tx) error { tx.Changed("x", 1); return errors.New("undone") })
		db.Do(context.Background(), d, func(tx *db.Tx) error { return tx.Changed("x", 2) })
		if c := <-got; c.ID != 2 {
			t.Fatal(c)
		}
	})
}

// Two steps of one number in one room are a fault of the house: the second would
// never be made where the first was.
func TestMigrationNumbersAreTakenOnce(t *testing.T) {
	d := dbtest.SQLite(t, nil)
	room := db.Migrations{Room: "twice", FS: fstest.MapFS{"0001_a.sql": {Data: []byte(`CREATE TABLE twice_a (id INTEGER PRIMARY KEY) STRICT;`)}, "0001_b.sql": {Data: []byte(`CREATE TABLE twice_b (id INTEGER PRIMARY KEY) STRICT;`)}}}
	if err := d.Migrate(t.Context(), []db.Migrations{room}); err == nil || !strings.Contains(err.Error(), "two steps are 0001") {
		t.Error(err)
	}
}

// A key made at an instant or later is no smaller than IDAt of it, one made before
// is smaller.
func TestIDAt(t *testing.T) {
	d := dbtest.SQLite(t, nil)
	before := time.Now()
	id := d.NewID()
	if at := db.IDAt(before); id < at {
		t.Errorf("%d < %d", id, at)
	}
	if at := db.IDAt(time.Now().Add(2 * time.Millisecond)); id >= at {
		t.Errorf("%d >= %d", id, at)
	}
	if db.IDAt(time.Time{}) != 0 {
		t.Error("the beginning of time is not before all keys")
	}
}

// After Grown, PostgreSQL knows how many rows there are; SQLite is content.
func TestGrown(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		for i := range 3 {
			if err := db.Do(ctx, d, func(tx *db.Tx) error {
				for k := range 100 {
					if _, err := tx.Exec(`INSERT INTO t_item (id, name, n, body, at) VALUES ($1,$2,$3,$4,$5)`, tx.NewID(), fmt.Sprint(i, "-", k), true, []byte("x"), tx.Now()); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Grown(ctx, d); err != nil {
			t.Fatal(err)
		}
		if d.Engine() != db.Postgres {
			return
		}
		n, err := db.Read(ctx, d, func(q *db.Reader) (n float64, err error) {
			err = q.QueryRow(`SELECT reltuples FROM pg_class WHERE oid = 't_item'::regclass`).Scan(&n)
			return
		})
		if err != nil || n != 300 {
			t.Error(n, err)
		}
	})
}
