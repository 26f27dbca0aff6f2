package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
)

// twin is the obvious tap: it applies every page to a file of its own, in memory.
type twin struct {
	mu      sync.Mutex
	pages   map[uint32][]byte
	size    uint32
	told    db.Mark
	kept    db.Mark
	lazy    bool // says it has kept nothing until asked
	commits int
	behind  error
	lost    int // start with another file than the twin has
}

func (w *twin) Attach(b db.Base) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	have := map[uint32][]byte{}
	for no := uint32(1); no <= b.Pages; no++ {
		p := make([]byte, b.PageSize)
		if _, err := b.File.ReadAt(p, int64(no-1)*int64(b.PageSize)); err != nil {
			return err
		}
		have[no] = p
	}
	size := b.Pages
	w.told = b.Start
	for _, c := range b.Log {
		for _, p := range c.Pages {
			have[p.No] = p.Data
		}
		size, w.told = c.Size, c.Mark
	}
	w.pages, w.size, w.kept = have, size, w.told
	return nil
}

func (w *twin) Commit(c db.Commit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range c.Pages {
		w.pages[p.No] = p.Data
	}
	w.size, w.told = c.Size, c.Mark
	w.commits += c.Count
	if !w.lazy {
		w.kept = c.Mark
	}
}

func (w *twin) Kept() db.Mark { w.mu.Lock(); defer w.mu.Unlock(); return w.kept }
func (w *twin) Keep() error   { w.mu.Lock(); defer w.mu.Unlock(); w.kept = w.told; return nil }
func (w *twin) Behind(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.behind = err
}

// write puts the twin into a file.
func (w *twin) write(t *testing.T, path string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for no := uint32(1); no <= w.size; no++ {
		p, ok := w.pages[no]
		if !ok { // the page SQLite uses for locks, or one never written
			continue
		}
		if _, err := f.WriteAt(p, int64(no-1)*int64(len(p))); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, path string, tap db.Tap) *db.DB {
	t.Helper()
	d, err := db.Open(context.Background(), db.Options{Path: path, Create: true, Tap: tap})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// rows of the table of a copy, by the program's own door.
func rows(t *testing.T, path string) map[int64]string {
	t.Helper()
	d, err := db.Open(context.Background(), db.Options{Path: path, CheckFile: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	return contents(t, d)
}

func contents(t *testing.T, d *db.DB) map[int64]string {
	t.Helper()
	type row struct {
		id int64
		s  string
	}
	all, err := db.Read(context.Background(), d, func(q *db.Reader) ([]row, error) {
		return db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.s); return }, `SELECT id, s FROM t`)
	})
	if err != nil {
		t.Fatal(err)
	}
	out := map[int64]string{}
	for _, r := range all {
		out[r.id] = r.s
	}
	return out
}

func run(ctx context.Context, d *db.DB, text string, args ...any) error {
	return db.Do(ctx, d, func(tx *db.Tx) error { _, err := tx.Exec(text, args...); return err })
}

func same(t *testing.T, what string, got, want map[int64]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, not %d", what, len(got), len(want))
	}
	for k, v := range want {
		if got[k] != v {
			t.Fatalf("%s: row %d differs", what, k)
		}
	}
}

// What the tap was told makes the same database, under concurrent writers and readers,
// transactions that fall, large rows, deletes, a file that shrinks, and a log that begins
// anew many times.
func TestTapTellsEverything(t *testing.T) {
	for seed := range int64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "shop.db")
			w := &twin{}
			d := open(t, path, w)
			if err := run(ctx(t), d, `CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`); err != nil {
				t.Fatal(err)
			}
			for turn := range 4 {
				var wg sync.WaitGroup
				for g := range 8 {
					r := rand.New(rand.NewSource(seed*1000 + int64(turn*10+g)))
					wg.Go(func() {
						for range 60 {
							id, n := r.Int63n(300), 1+r.Intn(60)
							if r.Intn(12) == 0 {
								n = 40_000
							}
							switch r.Intn(6) {
							case 0:
								run(ctx(t), d, `DELETE FROM t WHERE id BETWEEN $1 AND $2`, id, id+20)
							case 1: // falls, after it has written
								db.Do(ctx(t), d, func(tx *db.Tx) error {
									tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, id, text(r, 200_000))
									return io.ErrUnexpectedEOF
								})
							default:
								if err := run(ctx(t), d, `INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, id, text(r, n)); err != nil {
									t.Error(err)
								}
							}
							if r.Intn(4) == 0 {
								contents(t, d)
							}
						}
					})
				}
				wg.Wait()
				want := contents(t, d)
				copied := filepath.Join(dir, fmt.Sprintf("copy%d.db", turn))
				w.write(t, copied)
				same(t, "while open", rows(t, copied), want)
				if turn%2 == 0 { // closed and opened: nothing in between is missed
					if err := d.Close(); err != nil {
						t.Fatal(err)
					}
					d = open(t, path, w)
				}
			}
			w.mu.Lock() // what the last group brought may be told a moment after it was acknowledged
			commits, behind := w.commits, w.behind
			w.mu.Unlock()
			if commits < 100 || behind != nil {
				t.Errorf("%d commits, %v", commits, behind)
			}
			d.Close()
		})
	}
}

func text(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.Intn(26))
	}
	return string(b)
}

// What a great transaction spilled into the log before it fell is not told.
func TestSpilledAndFallen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "shop.db")
	w := &twin{}
	d := open(t, path, w)
	defer d.Close()
	if err := run(ctx(t), d, `CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewSource(1))
	db.Do(ctx(t), d, func(tx *db.Tx) error {
		for i := range 250 {
			tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2)`, int64(i), text(r, 200_000))
		}
		return io.ErrUnexpectedEOF
	})
	if st, err := os.Stat(path + "-wal"); err != nil || st.Size() < 10<<20 {
		t.Fatalf("nothing was spilled: %v", err)
	}
	for i := range 5 {
		if err := run(ctx(t), d, `INSERT INTO t (id, s) VALUES ($1, $2)`, int64(i), "small"); err != nil {
			t.Fatal(err)
		}
		w.write(t, filepath.Join(dir, "copy.db"))
		same(t, "copy", rows(t, filepath.Join(dir, "copy.db")), contents(t, d))
		os.Remove(filepath.Join(dir, "copy.db"))
		os.Remove(filepath.Join(dir, "copy.db-wal"))
		os.Remove(filepath.Join(dir, "copy.db-shm"))
	}
}

// A log is not emptied before the tap has it on disk.
func TestLogWaitsForTheTap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	w := &twin{lazy: true}
	d := open(t, path, w)
	defer d.Close()
	if err := run(ctx(t), d, `CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewSource(1))
	grow := func() {
		for i := range 60 {
			if err := run(ctx(t), d, `INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, int64(i), text(r, 200_000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	first := func() db.Mark { w.mu.Lock(); defer w.mu.Unlock(); return w.told }
	grow()
	before := first()
	if before.Offset < 8<<20 {
		t.Fatalf("the log is %d bytes only", before.Offset)
	}
	if w.Kept().Salt == before.Salt && w.Kept().Offset != 0 && w.Kept() != (db.Mark{}) {
		t.Fatal("the tap was made to keep")
	}
	w.Keep()
	grow()
	grow()
	if after := first(); after.Salt == before.Salt && after.Offset > 40<<20 {
		t.Fatalf("the log was never emptied: %d bytes", after.Offset)
	}
}

// A tap that has nearly all on disk is waited for: it has everything at no moment of a busy
// shop, whose log would grow to its limit each time.
func TestLogIsEmptiedWhenTheTapIsNear(t *testing.T) {
	w := &twin{lazy: true}
	d := open(t, filepath.Join(t.TempDir(), "shop.db"), w)
	defer d.Close()
	if err := run(ctx(t), d, `CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewSource(1))
	until := func(offset int64) db.Mark {
		for i := 0; ; i++ {
			w.mu.Lock()
			told := w.told
			w.mu.Unlock()
			if told.Offset >= offset || i == 400 {
				return told
			}
			if err := run(ctx(t), d, `INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, r.Int63n(60), text(r, 200_000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	long := until(20 << 20)
	if long.Offset < 20<<20 {
		t.Fatalf("the log was emptied at %d bytes, and the tap had nothing", long.Offset)
	}
	w.Keep()
	if after := until(30 << 20); after.Salt == long.Salt {
		t.Errorf("the log has %d bytes", after.Offset)
	}
}

// The file at rest is the whole database at its mark, while others write on.
func TestFreeze(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "shop.db")
	w := &twin{}
	d := open(t, path, w)
	defer d.Close()
	if err := run(ctx(t), d, `CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 4 {
		r := rand.New(rand.NewSource(int64(g)))
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				run(ctx(t), d, `INSERT INTO t (id, s) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET s=excluded.s`, r.Int63n(100), text(r, 60_000))
				contents(t, d)
			}
		})
	}
	for i := range 5 {
		err := d.Freeze(ctx(t), func(f db.Frozen) error {
			out, err := os.Create(filepath.Join(dir, fmt.Sprintf("f%d.db", i)))
			if err != nil {
				return err
			}
			defer out.Close()
			half := int64(f.Pages/2) * int64(f.PageSize)
			if _, err := io.Copy(out, io.NewSectionReader(f.File, 0, half)); err != nil {
				return err
			}
			// Much is written meanwhile, and all of it is told.
			w.mu.Lock()
			n := w.commits
			w.mu.Unlock()
			deadline := time.Now().Add(30 * time.Second)
			for time.Now().Before(deadline) {
				w.mu.Lock()
				more := w.commits - n
				w.mu.Unlock()
				if more > 200 { // more than a log that nobody holds would take
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			_, err = io.Copy(out, io.NewSectionReader(f.File, half, int64(f.Pages)*int64(f.PageSize)-half))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		rows(t, filepath.Join(dir, fmt.Sprintf("f%d.db", i))) // checks the file
	}
	close(stop)
	wg.Wait()
	w.write(t, filepath.Join(dir, "copy.db"))
	same(t, "after", rows(t, filepath.Join(dir, "copy.db")), contents(t, d))
}

// Of two commits one is made: each page as the last left it, none beyond the end.
func TestJoin(t *testing.T) {
	a := db.Commit{Pos: 1, Count: 1, Size: 5, Mark: db.Mark{Salt: 1, Offset: 10}, Pages: []db.Page{{No: 1, Data: []byte("a")}, {No: 5, Data: []byte("a")}}}
	b := db.Commit{Pos: 2, Count: 2, Size: 3, Mark: db.Mark{Salt: 1, Offset: 20}, Pages: []db.Page{{No: 1, Data: []byte("b")}, {No: 3, Data: []byte("b")}}}
	c := db.Join(a, b)
	if c.Pos != 2 || c.Count != 3 || c.Size != 3 || c.Mark != b.Mark || len(c.Pages) != 2 || c.Pages[0].No != 1 || string(c.Pages[0].Data) != "b" || c.Pages[1].No != 3 {
		t.Errorf("%+v", c)
	}
}

func ctx(t *testing.T) context.Context { return t.Context() }

// slowEar is a tap that takes its time to hear of a commit.
type slowEar struct {
	twin
	heard chan struct{} // one for each commit it may hear
}

func (w *slowEar) Commit(c db.Commit) {
	<-w.heard
	w.twin.Commit(c)
}

// Readers see a commit before the tap has heard of it; Told waits until it has.
func TestToldCoversWhatWasRead(t *testing.T) {
	w := &slowEar{heard: make(chan struct{}, 100)}
	for range 50 { // those of the beginning
		w.heard <- struct{}{}
	}
	d := open(t, filepath.Join(t.TempDir(), "shop.db"), w)
	defer d.Close()
	defer close(w.heard)
	if err := run(ctx(t), d, `CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`); err != nil {
		t.Fatal(err)
	}
	for range len(w.heard) {
		<-w.heard
	}
	w.mu.Lock()
	before := w.commits
	w.mu.Unlock()
	wrote := make(chan error, 1)
	go func() { wrote <- run(ctx(t), d, `INSERT INTO t (id, s) VALUES (1, 'seen')`) }()
	for seen := int64(0); seen == 0; {
		var err error
		if seen, err = db.Read(ctx(t), d, func(q *db.Reader) (n int64, err error) {
			return n, q.QueryRow(`SELECT count(*) FROM t`).Scan(&n)
		}); err != nil {
			t.Fatal(err)
		}
	}
	told := make(chan int, 1)
	go func() {
		if err := d.Told(); err != nil {
			t.Error(err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		told <- w.commits
	}()
	select {
	case <-told:
		t.Error("what was read counted as told before the tap had heard of it")
	case <-time.After(50 * time.Millisecond): // only a program without the rule can be quick here
	}
	w.heard <- struct{}{}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if n := <-told; n <= before {
		t.Errorf("%d commits told, as before", n)
	}
}

// A file that other programs left in another mode, as VACUUM INTO does, is told as it will
// be: what the tap knows is the file at rest, page for page.
func TestFileOfAnotherMode(t *testing.T) {
	for _, mode := range []string{"DELETE", "TRUNCATE", "WAL"} {
		path := filepath.Join(t.TempDir(), "shop.db")
		d := open(t, path, nil)
		if err := run(ctx(t), d, `CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`); err != nil {
			t.Fatal(err)
		}
		d.Close()
		other, err := sql.Open("sqlite", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{`PRAGMA journal_mode=` + mode, `INSERT INTO t (id, s) VALUES (1, 'x')`, `VACUUM`} {
			if _, err := other.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
		other.Close()
		w := &twin{}
		d = open(t, path, w)
		if err := run(ctx(t), d, `INSERT INTO t (id, s) VALUES (2, 'y')`); err != nil {
			t.Fatal(err)
		}
		if err := d.Freeze(ctx(t), func(f db.Frozen) error {
			page := make([]byte, f.PageSize)
			for no := uint32(1); no <= f.Pages; no++ {
				if _, err := f.File.ReadAt(page, int64(no-1)*int64(f.PageSize)); err != nil {
					return err
				}
				if !bytes.Equal(page, w.pages[no]) {
					t.Errorf("%s: page %d at rest is not what was told", mode, no)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
}
