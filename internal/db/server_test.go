package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// branches are a room whose rows refer to rows of the same table, in two steps.
func branches(steps int) []db.Migrations {
	fs := fstest.MapFS{"0001_tree.sql": {Data: []byte("CREATE TABLE tree_node (id INTEGER PRIMARY KEY, under INTEGER REFERENCES tree_node(id), name TEXT NOT NULL, leaf BLOB) STRICT;\n")}}
	if steps > 1 {
		fs["0002_tree.sql"] = &fstest.MapFile{Data: []byte("ALTER TABLE tree_node ADD COLUMN height INTEGER NOT NULL DEFAULT 0;\nUPDATE tree_node SET height=7;\nCREATE TABLE tree_note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;\n")}
	}
	return []db.Migrations{{Room: "tree", FS: fs}}
}

func grow(t *testing.T, d *db.DB, from, n int) {
	t.Helper()
	if err := db.Do(t.Context(), d, func(tx *db.Tx) error {
		for i := from; i < from+n; i++ {
			if _, err := tx.Exec(`INSERT INTO tree_node (id, name, leaf) VALUES ($1,$2,$3)`, i, fmt.Sprintf("gren å %d", i), []byte{0, byte(i), 255}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A database is copied as it was at one moment, while rows come and go, with the steps that it has gone and no others; what is not asked
// for stays away.
func TestCopyOfAServer(t *testing.T) {
	ctx := t.Context()
	at := dbtest.PostgresDatabase(t)
	d := dbtest.OpenOptions(t, db.Options{URL: at}, branches(1))
	grow(t, d, 1, 500)
	if err := db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO tree_node (id, under, name, leaf) VALUES (-1, 7, '', $1), (-2, NULL, '', NULL)`, []byte{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "rest.db")
	// What is written between the first table and the last is in none of them: the snapshot was taken before.
	taken := 0
	err := db.CopyServer(ctx, at, to, branches(2), func(table string) bool {
		if taken == 0 {
			grow(t, d, 1000, 50)
		}
		taken++
		return table == "tree_node"
	})
	if err != nil || taken == 0 {
		t.Fatal(err)
	}
	c, err := db.Open(ctx, db.Options{Path: to, Existing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	read := func(text string) (n int64) {
		t.Helper()
		n, err := db.Read(ctx, c, func(q *db.Reader) (n int64, err error) { err = q.QueryRow(text).Scan(&n); return })
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := read(`SELECT count(*) FROM tree_node WHERE id > 0`); n != 500 {
		t.Errorf("%d rows of 500", n)
	}
	if n := read(`SELECT count(*) FROM tree_node WHERE name='' AND (id=-1 AND under=7 AND leaf IS NOT NULL AND length(leaf)=0 OR id=-2 AND under IS NULL AND leaf IS NULL)`); n != 2 {
		t.Error("what is empty and what is not there are one")
	}
	if n := read(`SELECT count(*) FROM tree_node WHERE name='gren å ' || id AND length(leaf)=3`); n != 500 {
		t.Errorf("%d rows as they were", n)
	}
	if n := read(`SELECT count(*) FROM db_migration`); n != 1 {
		t.Errorf("%d steps, the database has gone one", n)
	}
	if err := c.Migrate(ctx, branches(2)); err != nil { // as a shop of an older version
		t.Fatal(err)
	}
	if n := read(`SELECT sum(height) FROM tree_node`); n != 3514 {
		t.Errorf("the later step met %d", n)
	}
	if err := db.CopyServer(ctx, at, to, branches(2), func(string) bool { return true }); err == nil {
		t.Error("a file that is there is replaced")
	}
	// A newer program's is refused, and nothing is left behind.
	if err := d.Migrate(ctx, branches(2)); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "newer.db")
	if err := db.CopyServer(ctx, at, other, branches(1), func(string) bool { return true }); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(other + "*"); len(left) > 0 {
		t.Error(left)
	}
}

// Rows may come before those they refer to; what refers to nothing is refused in the end, and the references are as before.
func TestUnordered(t *testing.T) {
	dbtest.Each(t, branches(1), func(t *testing.T, d *db.DB) {
		child := func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO tree_node (id, under, name) VALUES (1, 2, 'a')`)
			return err
		}
		whole := db.Do(t.Context(), d, func(tx *db.Tx) error {
			return db.Unordered(tx, func() error {
				if err := child(tx); err != nil {
					return err
				}
				_, err := tx.Exec(`INSERT INTO tree_node (id, name) VALUES (2, 'b')`)
				return err
			})
		})
		if whole != nil {
			t.Fatal(whole)
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error { _, err := tx.Exec(`DELETE FROM tree_node WHERE id=1`); return err }); err != nil {
			t.Fatal(err)
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error { _, err := tx.Exec(`DELETE FROM tree_node`); return err }); err != nil {
			t.Fatal(err)
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error {
			return db.Unordered(tx, func() error { return child(tx) })
		}); err == nil {
			t.Error("a row that refers to nothing stays")
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error {
			if err := child(tx); err == nil {
				t.Error("the references are still looked at in the end")
			}
			return errors.New("as it was")
		}); err == nil {
			t.Error("kept")
		}
	})
}

// A database that is being filled is opened by nobody else, until it is said to be filled.
func TestDatabaseThatIsFilled(t *testing.T) {
	ctx := t.Context()
	at := dbtest.PostgresDatabase(t)
	if err := db.Vacant(ctx, at, ""); err != nil {
		t.Fatalf("an empty one: %v", err)
	}
	d := dbtest.OpenOptions(t, db.Options{URL: at, Fill: true}, branches(1))
	d.Close()
	shut := func() {
		t.Helper()
		for what, err := range map[string]error{
			"opened": func() error {
				d, err := db.Open(ctx, db.Options{URL: at})
				if err == nil {
					d.Close()
				}
				return err
			}(),
			"looked at": func() error { _, err := db.Look(ctx, db.Options{URL: at}, "tree_node"); return err }(),
			"copied":    db.CopyServer(ctx, at, filepath.Join(t.TempDir(), "x"), branches(1), func(string) bool { return true }),
			"filled":    db.Vacant(ctx, at, ""),
		} {
			if !errors.Is(err, db.ErrUnfilled) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	shut()
	d = dbtest.OpenOptions(t, db.Options{URL: at, Fill: true}, branches(1))
	shut() // also while it goes on
	d.Close()
	if err := db.Filled(ctx, at); err != nil {
		t.Fatal(err)
	}
	d = dbtest.OpenOptions(t, db.Options{URL: at, Existing: true}, branches(1))
	d.Close()
	if err := db.Vacant(ctx, at, ""); !errors.Is(err, db.ErrVacant) || !strings.Contains(err.Error(), "public.") {
		t.Errorf("one that is filled: %v", err)
	}
}

// One and the same database is known whatever it is called, also where nothing of the other's can be seen.
func TestVacantKnowsTheSame(t *testing.T) {
	ctx := context.Background()
	one, two := dbtest.PostgresDatabase(t), dbtest.PostgresDatabase(t)
	if err := db.Vacant(ctx, two, one); err != nil {
		t.Errorf("two: %v", err)
	}
	for _, same := range []string{one, strings.Replace(one, "127.0.0.1", "localhost", 1), one + "&search_path=elsewhere&application_name=x"} {
		if err := db.Vacant(ctx, same, one); !errors.Is(err, db.ErrSame) {
			t.Errorf("%s: %v", same, err)
		}
	}
	raw, err := sql.Open("pgx", two)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Exec(`CREATE SCHEMA theirs; CREATE TABLE theirs.things (n INTEGER)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Vacant(ctx, two, one); !errors.Is(err, db.ErrVacant) || !strings.Contains(err.Error(), "theirs.things") {
		t.Errorf("something in another schema: %v", err)
	}
	gone := strings.Replace(one, "?", "gone?", 1)
	if err := db.Vacant(ctx, gone, one); err == nil || !strings.Contains(err.Error(), "createdb") {
		t.Errorf("none: %v", err)
	}
	secret := strings.Replace(strings.Replace(one, "postgres@", "nobody:hemligt@", 1), "127.0.0.1", "127.0.0.2", 1)
	if err := db.Vacant(ctx, secret, one); err != nil && strings.Contains(err.Error(), "hemligt") {
		t.Errorf("a password is told: %v", err)
	}
	if s := db.Named(secret); strings.Contains(s, "hemligt") || !strings.Contains(s, "127.0.0.2") {
		t.Error(s)
	}
}
