package db

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// A file that is opened and written to just when it is copied is copied again, as it is then;
// of one that is never left alone there is no copy.
func TestCopyOfAFileThatIsOpenedMeanwhile(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	path := filepath.Join(dir, "shop.db")
	open := func() *sql.DB {
		d, err := sql.Open("sqlite", address(path)+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
		if err != nil {
			t.Fatal(err)
		}
		d.SetMaxOpenConns(1)
		return d
	}
	exec := func(d *sql.DB, text string) {
		t.Helper()
		if _, err := d.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	d := open()
	exec(d, `CREATE TABLE t (n INTEGER NOT NULL) STRICT; INSERT INTO t VALUES (1)`)
	d.Close() // the log goes into the file, and away
	n := func(file string) (n int) {
		t.Helper()
		c, err := OpenFile(file)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.QueryRow(`SELECT n FROM t`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	copied := func(name string, begun func()) (string, error) {
		to := filepath.Join(dir, name)
		return to, copyFile(ctx, path, to, begun)
	}
	to, err := copied("at rest", func() {})
	if err != nil || n(to) != 1 {
		t.Fatal(err)
	}
	if err := CopyFile(ctx, path, to); err == nil {
		t.Error("a file that is there is replaced")
	}
	var running *sql.DB
	to, err = copied("opened", func() {
		if running == nil {
			running = open()
			exec(running, `UPDATE t SET n=2`)
		}
	})
	if err != nil || n(to) != 2 {
		t.Errorf("what was written before the copy was made is not in it: %d, %v", n(to), err)
	}
	running.Close()
	to, err = copied("restless", func() {
		d := open()
		exec(d, `UPDATE t SET n=n+1`)
		d.Close()
	})
	if err == nil || !strings.Contains(err.Error(), "while it is copied") {
		t.Errorf("a copy of a file that changed all the time: %v", err)
	}
	if m, _ := filepath.Glob(to); len(m) != 0 {
		t.Error("it is left behind")
	}
}
