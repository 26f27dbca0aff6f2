package attack

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// Killed while its tables are being made, many times over; and a newer schema.
var _ = apart("AC-073", func(t *testing.T, engine string) {
	s := apptest.Prepare(t, apptest.Options{Engine: engine})
	// Further each time, on the same folder, until it is through.
	env := []string{}
	if s.Database() != "" {
		env = append(env, "DATABASE_URL="+s.Database())
	}
	ready := filepath.Join(t.TempDir(), "ready.json")
	killed := 0
	for wait := 30 * time.Millisecond; killed < 20; wait += 60 * time.Millisecond {
		var log apptest.Log
		p, err := apptest.Run(&log, nil, env, "demo", "--data", s.Dir(), "--addr", "localhost:0", "--ready-file", ready)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.Done:
			t.Fatalf("after %d kills it ends by itself with %d: %s", killed, p.Status(), log.String())
		case <-time.After(wait): // the moment of the kill
		}
		p.Kill()
		killed++
		if _, err := os.Stat(ready); err == nil {
			break
		}
	}
	if killed < 2 {
		t.Error("it was through before it could be killed twice")
	}
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	c := s.As(t)
	fresh := apptest.Start(t, apptest.Options{Engine: engine}).As(t)
	for _, table := range []string{"catalog_product", "catalog_variant", "stock_level", "db_migration", "delivery_method", "pricing_code", "content_page", "secret_check", "auth_staff"} {
		if a, b := c.Count(`SELECT count(*) FROM `+table), fresh.Count(`SELECT count(*) FROM `+table); a != b {
			t.Errorf("%s: %d rows, a shop that nobody killed has %d", table, a, b)
		}
	}
	v := c.Scarce(10)
	p, _ := c.Paid(v, 1)
	settled(c, p.Token)
	fresh.Kill()
	// A newer program has been here: this one refuses, changes nothing, and says why.
	if code := s.Stop(); code != 0 {
		t.Errorf("stopped with %d", code)
	}
	db := direct(t, s)
	run := func(stmt string, args ...any) {
		t.Helper()
		if _, err := db.Exec(stmt, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(`INSERT INTO db_migration (room, version, name, hash, applied_at) VALUES ('order', 9999, 'future', 'x', 0)`)
	if err := s.Open(); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("a newer schema: %v", err)
	}
	run(`DELETE FROM db_migration WHERE version=9999`)
	var hash string
	if err := db.QueryRow(`SELECT hash FROM db_migration WHERE room='payment' AND version=1`).Scan(&hash); err != nil {
		t.Fatal(err)
	}
	run(`UPDATE db_migration SET hash='other' WHERE room='payment' AND version=1`)
	if err := s.Open(); err == nil || !strings.Contains(err.Error(), "differs") {
		t.Errorf("another past: %v", err)
	}
	run(`UPDATE db_migration SET hash=$1 WHERE room='payment' AND version=1`, hash)
	db.Close()
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	c = s.As(t)
	if q := c.Purchase(p.Token); q.State != "paid" {
		t.Errorf("%+v", q)
	}
	for _, w := range c.Books() {
		t.Error(w)
	}
})

// direct opens the database of a shop that is not running.
func direct(t *testing.T, s *apptest.Shop) *sql.DB {
	t.Helper()
	driver, at := "sqlite", "file:"+filepath.Join(s.Dir(), "shop.db")
	if s.Database() != "" {
		driver, at = "pgx", s.Database()
	}
	db, err := sql.Open(driver, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
