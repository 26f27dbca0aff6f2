package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Engine names the database behind the door. Rooms do not ask for it; the
// exceptions from "one SQL text" all stand in this file:
//
//  1. parameters: $n becomes ?n on SQLite, which numbers $n by first use;
//  2. migrations: INTEGER→BIGINT, BLOB→BYTEA, STRICT dropped on PostgreSQL;
//  3. ANALYZE after many rows have come at once, on PostgreSQL (see Grown);
//  4. references that are looked at in the end, and not row by row (see Unordered).
type Engine int

// The engines.
const (
	SQLite Engine = iota + 1
	Postgres
)

func (e Engine) String() string {
	if e == Postgres {
		return "postgres"
	}
	return "sqlite"
}

var param = regexp.MustCompile(`\$(\d+)`)

// text returns the statement as the engine takes it. String literals in our
// statements never hold a dollar sign (a test of the house sees to that).
func (e Engine) text(s string) string {
	if e == SQLite {
		return param.ReplaceAllString(s, "?$1")
	}
	return s
}

// Grown tells the planner that many rows have come at once: an import, a fill. On
// PostgreSQL it would take full tables for empty ones until the server's own upkeep
// comes by, a minute or more later. SQLite has nothing to be told: it keeps no
// figures here and plans by the schema alone, in a large shop as in a small one, and
// a test reads all its plans. Not in a transaction.
func Grown(ctx context.Context, d *DB) error {
	if d.engine != Postgres {
		return nil
	}
	tables, err := Read(ctx, d, func(q *Reader) ([]string, error) {
		return All(q, func(r *Rows) (s string, err error) { err = r.Scan(&s); return }, `SELECT quote_ident(tablename) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() ORDER BY tablename`)
	})
	if err != nil || len(tables) == 0 {
		return err
	}
	_, err = d.w.ExecContext(ctx, "ANALYZE "+strings.Join(tables, ", "))
	return err
}

// Unordered runs fn, which writes rows in an order that has nothing to do with what refers to what: references are looked at when
// it has ended. On PostgreSQL it takes the tables' own lock, so it is for a database that nobody uses yet.
func Unordered(tx *Tx, fn func() error) error {
	if tx.Engine() == SQLite {
		if _, err := tx.Exec(`PRAGMA defer_foreign_keys=ON`); err != nil {
			return err
		}
		return fn()
	}
	all, err := All(tx, func(r *Rows) (c struct{ table, name string }, err error) { err = r.Scan(&c.table, &c.name); return },
		`SELECT quote_ident(t.relname), quote_ident(c.conname) FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid=c.conrelid JOIN pg_catalog.pg_namespace n ON n.oid=t.relnamespace
			WHERE c.contype='f' AND NOT c.condeferrable AND n.nspname=current_schema() ORDER BY 1, 2`)
	if err != nil {
		return err
	}
	each := func(how string) error {
		for _, c := range all {
			if _, err := tx.Exec(`ALTER TABLE ` + c.table + ` ALTER CONSTRAINT ` + c.name + how); err != nil {
				return err
			}
		}
		return nil
	}
	if err := each(` DEFERRABLE INITIALLY DEFERRED`); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	if _, err := tx.Exec(`SET CONSTRAINTS ALL IMMEDIATE`); err != nil { // here they are looked at
		return err
	}
	return each(` NOT DEFERRABLE`)
}

var (
	wordInteger = regexp.MustCompile(`\bINTEGER\b`)
	wordBlob    = regexp.MustCompile(`\bBLOB\b`)
	wordStrict  = regexp.MustCompile(`\)\s*STRICT\b`)
)

// ddl returns a migration as the engine takes it.
func (e Engine) ddl(s string) string {
	if e == SQLite {
		return s
	}
	s = wordInteger.ReplaceAllString(s, "BIGINT")
	s = wordBlob.ReplaceAllString(s, "BYTEA")
	return wordStrict.ReplaceAllString(s, ")")
}

// Errors a caller may look for.
var (
	ErrNotFound = errors.New("db: no such row")
	ErrConflict = errors.New("db: row not in the expected state")
	ErrClosed   = errors.New("db: closed")
	ErrFull     = errors.New("db: disk full")
	ErrTooLong  = errors.New("db: read transaction lived too long")
)

// IsUnique reports whether err is a violated UNIQUE or PRIMARY KEY constraint.
func IsUnique(err error) bool {
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || se.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "23505"
}

// IsCheck reports whether err is a violated CHECK constraint.
func IsCheck(err error) bool {
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code() == sqlite3.SQLITE_CONSTRAINT_CHECK
	}
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "23514"
}

// IsFull reports whether the store has no room left, or may not grow: a quota or a
// limit of file sizes, which SQLite calls a failed write.
func IsFull(err error) bool {
	if errors.Is(err, ErrFull) {
		return true
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code()&0xff == sqlite3.SQLITE_FULL || se.Code() == sqlite3.SQLITE_IOERR_WRITE
	}
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "53100"
}

// retryable is a serialisation failure or deadlock of PostgreSQL.
func retryable(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}

// arg converts the Go values of our rooms to what both drivers store.
func convert(args []any) []any {
	for i, a := range args {
		switch v := a.(type) {
		case bool:
			if v {
				args[i] = int64(1)
			} else {
				args[i] = int64(0)
			}
		case time.Time:
			if v.IsZero() {
				args[i] = nil
			} else {
				args[i] = v.UnixMicro()
			}
		case ID:
			args[i] = int64(v)
		case int:
			args[i] = int64(v)
		}
	}
	return args
}

// instant scans microseconds or NULL into a time.Time in UTC.
type instant struct{ t *time.Time }

func (s instant) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s.t = time.Time{}
	case int64:
		*s.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("db: cannot read %T as an instant", v)
	}
	return nil
}

func dests(d []any) []any {
	for i, p := range d {
		if t, ok := p.(*time.Time); ok {
			d[i] = instant{t}
		}
	}
	return d
}

// Rows is the answer of a query. Close it, or read it to its end.
type Rows struct {
	rows  *sql.Rows
	until time.Time
	err   error
}

// Next moves to the next row.
func (r *Rows) Next() bool {
	if !r.until.IsZero() && time.Now().After(r.until) {
		r.err = ErrTooLong
		r.rows.Close()
		return false
	}
	return r.rows.Next()
}

// Scan reads the row; *time.Time takes an instant, *bool a 0/1, *ID a key.
func (r *Rows) Scan(dest ...any) error { return r.rows.Scan(dests(dest)...) }

// Err is the error that ended Next, if any.
func (r *Rows) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.rows.Err()
}

// Close ends the query; closing twice is harmless.
func (r *Rows) Close() error { return r.rows.Close() }

// Row is the answer of a query for one row.
type Row struct {
	rows *Rows
	err  error
}

// Scan reads the row. ErrNotFound when there is none.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return ErrNotFound
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return r.rows.Close()
}

// Placeholders returns "$from,$from+1,…" for n values, for IN lists.
func Placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", from+i)
	}
	return b.String()
}

// Args turns typed values into arguments, for IN lists.
func Args[T any](vs []T) []any {
	out := make([]any, len(vs))
	for i, v := range vs {
		out[i] = v
	}
	return out
}

// All reads every row of a query through scan.
func All[T any](q Q, scan func(*Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := q.Query(text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
