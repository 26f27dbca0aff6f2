package db_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// The test binary runs itself as a child: a process that can be killed.
func TestMain(m *testing.M) {
	if mode := os.Getenv("KASSAVALV_TEST_CHILD"); mode != "" {
		child(mode)
		return
	}
	os.Exit(m.Run())
}

func childOptions() db.Options {
	return db.Options{Path: os.Getenv("KASSAVALV_TEST_PATH"), URL: os.Getenv("KASSAVALV_TEST_URL"), Readers: 8}
}

func child(mode string) {
	ctx := context.Background()
	d, err := db.Open(ctx, childOptions())
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	out := bufio.NewWriter(os.Stdout)
	var mu sync.Mutex
	say := func(s string) { mu.Lock(); fmt.Fprintln(out, s); out.Flush(); mu.Unlock() }
	var wg sync.WaitGroup
	switch mode {
	case "write": // each acknowledged row is told, after its commit
		for w := range 8 {
			wg.Go(func() {
				for i := 0; ; i++ {
					name := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
					err := db.Do(ctx, d, func(tx *db.Tx) error {
						_, err := tx.Exec(`INSERT INTO t_item (id, name, n) VALUES ($1,$2,1)`, tx.NewID(), name)
						return err
					})
					if err != nil {
						say("error " + err.Error())
						return
					}
					say(name)
				}
			})
		}
	case "take": // takes pieces until none are left
		for range 4 {
			wg.Go(func() {
				for {
					err := db.Do(ctx, d, func(tx *db.Tx) error { return tx.ExecOne(`UPDATE t_item SET n=n-1 WHERE id=1 AND n>=1`) })
					if errors.Is(err, db.ErrConflict) {
						return
					}
					if err != nil {
						say("error " + err.Error())
						return
					}
					say("took")
				}
			})
		}
	}
	wg.Wait()
	d.Close()
}

func spawn(t *testing.T, mode string, o db.Options) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "KASSAVALV_TEST_CHILD="+mode, "KASSAVALV_TEST_PATH="+o.Path, "KASSAVALV_TEST_URL="+o.URL)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, bufio.NewScanner(pipe)
}

// Killed at any moment, what was acknowledged is there, and the file is whole.
func TestKilledAtCommit(t *testing.T) {
	run := func(t *testing.T, o db.Options, d *db.DB) {
		acked := map[string]bool{}
		for range 3 {
			cmd, lines := spawn(t, "write", o)
			stop := 20 + rand.IntN(200)
			for lines.Scan() {
				if strings.HasPrefix(lines.Text(), "error") {
					t.Fatal(lines.Text())
				}
				acked[lines.Text()] = true
				if stop--; stop == 0 {
					cmd.Process.Kill() // SIGKILL, in the middle of the next commits
				}
			}
			cmd.Wait()
		}
		if d == nil { // SQLite: one process at a time
			var err error
			o.CheckFile = true
			if d, err = db.Open(context.Background(), o); err != nil {
				t.Fatal(err)
			}
			defer d.Close()
		}
		have, err := db.Read(context.Background(), d, func(q *db.Reader) (map[string]bool, error) {
			names, err := db.All(q, func(r *db.Rows) (s string, err error) { err = r.Scan(&s); return }, `SELECT name FROM t_item`)
			out := map[string]bool{}
			for _, n := range names {
				out[n] = true
			}
			return out, err
		})
		if err != nil {
			t.Fatal(err)
		}
		for a := range acked {
			if !have[a] {
				t.Fatalf("%s was acknowledged and is gone (%d of %d there)", a, len(have), len(acked))
			}
		}
		if len(acked) < 60 {
			t.Fatalf("only %d acknowledged: the test proves nothing", len(acked))
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		o := db.Options{Path: filepath.Join(t.TempDir(), "k.db"), Create: true}
		d := dbtest.OpenOptions(t, o, schema)
		d.Close()
		o.Create = false
		run(t, o, nil)
	})
	t.Run("postgres", func(t *testing.T) {
		o := db.Options{URL: dbtest.PostgresURL(t), Readers: 4}
		run(t, o, dbtest.OpenOptions(t, o, schema))
	})
}

// Two processes on one PostgreSQL database take no piece twice.
func TestTwoProcessesOneDatabase(t *testing.T) {
	o := db.Options{URL: dbtest.PostgresURL(t), Readers: 4}
	d := dbtest.OpenOptions(t, o, schema)
	const pieces = 120
	if err := db.Do(context.Background(), d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO t_item (id, name, n) VALUES (1,'s',$1)`, pieces)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	took := make(chan int, 2)
	for range 2 {
		_, lines := spawn(t, "take", o)
		go func() {
			n := 0
			for lines.Scan() {
				if lines.Text() == "took" {
					n++
				} else {
					t.Error(lines.Text())
				}
			}
			took <- n
		}()
	}
	a, b := <-took, <-took
	if a+b != pieces {
		t.Fatalf("%d and %d pieces taken of %d", a, b, pieces)
	}
}

// A full disk fails who needs room, harms no neighbour, and heals. The limit on
// pages stands in for the disk: the engine answers SQLITE_FULL either way.
func TestDiskFull(t *testing.T) {
	d := dbtest.SQLite(t, schema)
	ctx := context.Background()
	pragma := func(p string) (n int64) {
		if _, _, err := db.Write(ctx, d, func(tx *db.Tx) (int, error) { return 0, tx.QueryRow("PRAGMA " + p).Scan(&n) }); err != nil {
			t.Fatal(err)
		}
		return
	}
	pragma("max_page_count=" + strconv.FormatInt(pragma("page_count")+6, 10))
	big := make([]byte, 200_000)
	var wg sync.WaitGroup
	var mu sync.Mutex
	full, small := 0, 0
	for i := range 40 {
		wg.Go(func() {
			err := db.Do(ctx, d, func(tx *db.Tx) error {
				body := []byte("x")
				if i%4 == 0 {
					body = big
				}
				_, err := tx.Exec(`INSERT INTO t_item (id, name, n, body) VALUES ($1,$2,1,$3)`, tx.NewID(), fmt.Sprint("f", i), body)
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && i%4 != 0:
				small++
			case db.IsFull(err):
				full++
			default:
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if full < 10 || small < 20 {
		t.Fatalf("%d found the disk full, %d neighbours got through", full, small)
	}
	if _, err := db.Read(ctx, d, func(q *db.Reader) (n int, err error) {
		err = q.QueryRow(`SELECT count(*) FROM t_item`).Scan(&n)
		return
	}); err != nil {
		t.Fatal("reading on a full disk:", err)
	}
	var gone *db.Away
	if err := db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO t_item (id, name, n, body) VALUES (8,'more',1,$1)`, big)
		return err
	}); !errors.As(err, &gone) || gone.Since.IsZero() {
		t.Fatalf("a full disk is told as %v", err)
	}
	if d.Away() == nil {
		t.Error("the database does not know that it takes no writes")
	}
	pragma("max_page_count=1000000")
	if err := db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO t_item (id, name, n, body) VALUES (9,'after',1,$1)`, big)
		return err
	}); err != nil {
		t.Fatal("after room was made:", err)
	}
	// It notices by itself that it works again.
	for end := time.Now().Add(30 * time.Second); d.Away() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("room was made, and the database still says that it takes no writes")
		}
	}
}

// The hour that is promised is never past, and never more than half an hour away.
func TestBack(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for since, want := range map[time.Duration]string{0: "03:07", 10 * time.Minute: "03:15", 20 * time.Hour: "03:35"} {
		a := db.Away{Since: now.Add(-since)}
		if got := a.Back(now).Format("15:04"); got != want {
			t.Errorf("after %s: %s, not %s", since, got, want)
		}
	}
}

// Concurrent closures share commits: far fewer commits than writes.
func TestGroupCommitShares(t *testing.T) {
	d := dbtest.SQLite(t, schema)
	var wg sync.WaitGroup
	var mu sync.Mutex
	pos := map[db.Pos]int{}
	for i := range 400 {
		wg.Go(func() {
			_, p, err := db.Write(context.Background(), d, func(tx *db.Tx) (int, error) {
				_, err := tx.Exec(`INSERT INTO t_item (id, name, n) VALUES ($1,$2,1)`, tx.NewID(), fmt.Sprint("g", i))
				return 0, err
			})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			pos[p]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(pos) > 200 {
		t.Fatalf("%d commits for 400 writes", len(pos))
	}
}

func TestCloseAnswersEverybody(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				err := db.Do(context.Background(), d, func(tx *db.Tx) error {
					_, err := tx.Exec(`INSERT INTO t_item (id, name, n) VALUES ($1,$2,1)`, tx.NewID(), fmt.Sprint("c", i))
					return err
				})
				if err != nil && !errors.Is(err, db.ErrClosed) && !strings.Contains(err.Error(), "closed") {
					t.Error(err)
				}
			})
		}
		d.Close()
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("somebody waits for ever")
		}
	})
}
