package db_test

import (
	"database/sql"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/db"
)

// What SQLite writes of the file at rest is the database at the position it tells, while
// others write on and the log grows.
func TestVacuumIntoAtRest(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "shop.db")
	w := &twin{}
	d := open(t, path, w)
	defer d.Close()
	if err := run(ctx(t), d, `CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`); err != nil {
		t.Fatal(err)
	}
	if err := run(ctx(t), d, `CREATE TABLE n (at INTEGER NOT NULL) STRICT`); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	written := map[db.Pos]int{} // how many rows of n there are at a position, by its writer
	wg.Go(func() {
		r := rand.New(rand.NewSource(1))
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_, pos, err := db.Write(ctx(t), d, func(tx *db.Tx) (int, error) {
				if _, err := tx.Exec(`INSERT INTO n (at) VALUES ($1)`, int64(i)); err != nil {
					return 0, err
				}
				_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, r.Int63n(500), text(r, 20_000))
				return 0, err
			})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			written[pos] = i
			mu.Unlock()
		}
	})
	for i := range 6 {
		to := filepath.Join(dir, fmt.Sprintf("v%d.db", i))
		var at db.Pos
		if err := d.Freeze(ctx(t), func(f db.Frozen) error {
			at = f.Pos
			w.mu.Lock()
			n := w.commits
			w.mu.Unlock()
			if err := f.VacuumInto(ctx(t), to); err != nil {
				return err
			}
			for { // the writer is not held back: it commits before the function ends
				w.mu.Lock()
				more := w.commits > n
				w.mu.Unlock()
				if more {
					break
				}
			}
			return f.VacuumInto(ctx(t), to+"-2")
		}); err != nil {
			t.Fatal(err)
		}
		a, err := db.SumFile(ctx(t), to)
		if err != nil {
			t.Fatal(err)
		}
		b, err := db.SumFile(ctx(t), to+"-2")
		if err != nil {
			t.Fatal(err)
		}
		if a.Pos != at || !slices.Equal(a.Tables, b.Tables) {
			t.Fatalf("two copies of the file at rest differ: %+v\n%+v", a, b)
		}
		mu.Lock()
		want, known := written[at]
		mu.Unlock()
		if known {
			if i := slices.IndexFunc(a.Tables, func(s db.TableSum) bool { return s.Name == "n" }); a.Tables[i].Rows != int64(want) {
				t.Fatalf("%d rows at position %d, not %d", a.Tables[i].Rows, at, want)
			}
		}
		if faults, err := db.ExamineFile(ctx(t), to); err != nil || len(faults) > 0 {
			t.Fatal(faults, err)
		}
	}
	close(stop)
	wg.Wait()
	if err := d.Freeze(ctx(t), func(f db.Frozen) error { return f.VacuumInto(ctx(t), filepath.Join(dir, "v0.db")) }); err == nil {
		t.Error("a file that was there was written over")
	}
}

// Tables are told apart by one value of one row, not by the order of rows or their hidden
// numbers; what is damaged is said.
func TestSumsOfAFile(t *testing.T) {
	dir := t.TempDir()
	made := 0
	make := func(texts ...string) string {
		made++
		p := filepath.Join(dir, fmt.Sprintf("%d.db", made))
		d := open(t, p, nil)
		for _, s := range append([]string{`CREATE TABLE a (v ANY, w TEXT) STRICT`, `CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES b (id)) STRICT`}, texts...) {
			if err := run(ctx(t), d, s); err != nil {
				t.Fatal(err)
			}
		}
		d.Close()
		return p
	}
	sum := func(p string) db.Sums {
		s, err := db.SumFile(ctx(t), p)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	base := sum(make(`INSERT INTO a VALUES (1, 'x'), ('1', 'y'), (NULL, NULL), (1, 'x')`))
	if again := sum(make(`INSERT INTO a VALUES (NULL, NULL), (1, 'x'), ('1', 'y'), (1, 'x')`)); !slices.Equal(base.Tables, again.Tables) {
		t.Errorf("the order of rows matters: %+v\n%+v", base, again)
	}
	for _, other := range []string{
		`INSERT INTO a VALUES (1, 'x'), (1, 'y'), (NULL, NULL), (1, 'x')`,
		`INSERT INTO a VALUES (1, 'x'), ('1', 'y'), (NULL, ''), (1, 'x')`,
		`INSERT INTO a VALUES (1, 'x'), ('1', 'y'), (NULL, NULL)`,
		`INSERT INTO a VALUES (1, 'x'), ('1', 'y'), (NULL, NULL), (1.0, 'x')`,
		`INSERT INTO a VALUES (1, 'x'), ('1', 'y'), (NULL, NULL), (x'31', 'x')`,
		`INSERT INTO a VALUES ('1', 'y'), (NULL, NULL)`,
	} {
		if s := sum(make(other)); slices.Equal(base.Tables, s.Tables) {
			t.Errorf("%s is taken for the same", other)
		}
	}
	if s := sum(make(`CREATE INDEX i ON a (w)`)); len(s.Other) != len(base.Other)+1 {
		t.Errorf("an index is not seen: %v", s.Other)
	}
	p := make(`INSERT INTO a VALUES (1, 'x')`)
	if f, err := db.ExamineFile(ctx(t), p); err != nil || len(f) > 0 {
		t.Error(f, err)
	}
	loose, err := sql.Open("sqlite", "file:"+p+"?_pragma=journal_mode(DELETE)") // references are not held there
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loose.Exec(`INSERT INTO b (id, a) VALUES (1, 7)`); err != nil {
		t.Fatal(err)
	}
	loose.Close()
	if f, err := db.ExamineFile(ctx(t), p); err != nil || len(f) != 1 || !strings.Contains(f[0], "row 1 of b") {
		t.Errorf("a reference that leads nowhere passes: %v, %v", f, err)
	}
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	for off := 4096; off < len(b); off += 4096 { // the first bytes of each page but the first
		copy(b[off:], "damaged!")
	}
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := db.ExamineFile(ctx(t), p); err != nil || len(f) == 0 {
		t.Errorf("a damaged file passes: %v, %v", f, err)
	}
	if err := os.WriteFile(p, []byte(strings.Repeat("no database", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := db.ExamineFile(ctx(t), p); err != nil || len(f) == 0 {
		t.Errorf("what is no database passes: %v, %v", f, err)
	}
}
