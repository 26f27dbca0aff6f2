// Package dbtest gives tests a real database: a fresh SQLite file, and a fresh
// schema of the PostgreSQL server named by KASSAVALV_TEST_POSTGRES.
package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/db"
)

// Env names the environment variable with the PostgreSQL server's URL.
const Env = "KASSAVALV_TEST_POSTGRES"

// Each runs fn on both engines as subtests "sqlite" and "postgres". Without a
// server the second is skipped with a line that says so; `make test` always
// has one.
func Each(t *testing.T, ms []db.Migrations, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t, ms)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t, ms)) })
}

// SQLite opens a fresh file and migrates it.
func SQLite(t testing.TB, ms []db.Migrations) *db.DB {
	t.Helper()
	return OpenOptions(t, db.Options{Path: filepath.Join(t.TempDir(), "shop.db"), Create: true}, ms)
}

// Postgres opens a fresh schema and migrates it.
func Postgres(t testing.TB, ms []db.Migrations) *db.DB {
	t.Helper()
	return OpenOptions(t, db.Options{URL: PostgresURL(t), Readers: 8}, ms)
}

// PostgresURL makes a fresh schema and returns a URL that is confined to it;
// the schema goes with the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	base := os.Getenv(Env)
	if base == "" {
		t.Skip("PostgreSQL part not run: " + Env + " names no server (make test starts one)")
	}
	admin, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	var b [8]byte
	rand.Read(b[:])
	schema := "t" + hex.EncodeToString(b[:])
	if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
		admin.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin.Exec("DROP SCHEMA " + schema + " CASCADE")
		admin.Close()
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// PostgresDatabase makes an empty database on the server and returns its URL; it goes with the test.
func PostgresDatabase(t testing.TB) string {
	t.Helper()
	base := os.Getenv(Env)
	if base == "" {
		t.Skip("PostgreSQL part not run: " + Env + " names no server (make test starts one)")
	}
	admin, err := sql.Open("pgx", base)
	if err != nil {
		t.Fatal(err)
	}
	var b [8]byte
	rand.Read(b[:])
	name := "t" + hex.EncodeToString(b[:])
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		admin.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		admin.Close()
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// OpenOptions opens and migrates with options of the test's own.
func OpenOptions(t testing.TB, o db.Options, ms []db.Migrations) *db.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d, err := db.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if err := d.Migrate(ctx, ms); err != nil {
		t.Fatal(err)
	}
	return d
}
