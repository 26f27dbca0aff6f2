package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// What is done with a PostgreSQL database from outside: one that somebody else's shop is on is copied, and an empty one is filled.

// CopyServer writes what the PostgreSQL database at an address holds now into the SQLite file to, which must not be there: the
// tables that ms make, as far as the database has gone their steps, with the rows of those that take names. Whoever uses the
// database goes on with it: this reads one snapshot, on one connection, and holds no row.
func CopyServer(ctx context.Context, server, to string, ms []Migrations, take func(table string) bool) (err error) {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("db: %s is there already", to)
	}
	from, err := sql.Open("pgx", server)
	if err != nil {
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	defer from.Close()
	if err := filled(ctx, from); err != nil {
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	snap, err := from.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	defer snap.Rollback()
	defer func() {
		if err != nil {
			for _, beside := range []string{"", "-wal", "-shm", "-journal"} {
				os.Remove(to + beside)
			}
		}
	}()
	// It takes as long as it takes, and between two tables the file is written.
	for _, s := range []string{`SET LOCAL statement_timeout=0`, `SET LOCAL idle_in_transaction_session_timeout=0`} {
		if _, err := snap.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	as := taken{}
	if err := EachRow(ctx, snap, "db_migration", []string{"room", "version", "hash"}, func(v []any) error {
		room, _ := v[0].(string)
		n, _ := v[1].(int64)
		as[stepAt{room, n}], _ = v[2].(string)
		return nil
	}); err != nil {
		return fmt.Errorf("db: postgres: %w", err)
	}
	cells, err := schemaAs(ctx, to, ms, as)
	if err != nil {
		return err
	}
	// Nobody reads the file before it is whole, and nobody takes it up when it is not: the disk need not be waited for.
	into, err := sql.Open("sqlite", address(to)+"?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=foreign_keys(OFF)&_pragma=temp_store(FILE)")
	if err != nil {
		return err
	}
	defer into.Close()
	into.SetMaxOpenConns(1)
	w, err := into.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer w.Rollback()
	for i := 0; i < len(cells); {
		table, names := cells[i].Table, []string{}
		for ; i < len(cells) && cells[i].Table == table; i++ {
			names = append(names, cells[i].Name)
		}
		if !take(table) || table == "db_migration" || table == "db_meta" {
			continue
		}
		if err := copyTable(ctx, snap, w, table, names); err != nil {
			return fmt.Errorf("db: table %s: %w", table, err)
		}
	}
	return w.Commit()
}

// schemaAs makes a file with the tables that another database has.
func schemaAs(ctx context.Context, path string, ms []Migrations, as taken) (cells []Cell, err error) {
	d, err := Open(ctx, Options{Path: path, Create: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.migrate(ctx, ms, nil, as); err != nil {
		return nil, err
	}
	return Read(ctx, d, func(q *Reader) ([]Cell, error) { return Cells(q) })
}

func copyTable(ctx context.Context, from, to *sql.Tx, table string, names []string) error {
	if _, err := to.ExecContext(ctx, `DELETE FROM `+table); err != nil { // what the steps put there
		return err
	}
	put, err := to.PrepareContext(ctx, `INSERT INTO `+table+` ("`+strings.Join(names, `", "`)+`") VALUES (`+strings.TrimSuffix(strings.Repeat("?,", len(names)), ",")+`)`)
	if err != nil {
		return err
	}
	defer put.Close()
	return EachRow(ctx, from, table, names, func(values []any) error {
		_, err := put.ExecContext(ctx, values...)
		return err
	})
}

// Errors of a database that is to be filled, or was not filled to the end.
var (
	// ErrUnfilled is returned for a database whose filling was broken off, or still goes on.
	ErrUnfilled = errors.New("db: this database was being filled and is not finished: nothing in it is used. Unless that still goes on, empty it (drop and create it anew)")
	// ErrSame is returned by Vacant for one and the same database.
	ErrSame = errors.New("db: it is the same database")
	// ErrVacant is returned by Vacant for a database that holds something.
	ErrVacant = errors.New("db: the database is not empty")
)

// fillFlag stands among a database's own facts while it is filled.
const fillFlag = "unfilled"

const beginFill = `INSERT INTO db_meta (name, value) VALUES ('` + fillFlag + `', 1) ON CONFLICT (name) DO NOTHING`

// filled refuses a database that carries the mark of Options.Fill.
func filled(ctx context.Context, d *sql.DB) error {
	is, err := Postgres.hasTable(ctx, d, "db_meta")
	if err != nil || !is {
		return err
	}
	var n int
	if err := d.QueryRowContext(ctx, `SELECT count(*) FROM db_meta WHERE name=$1`, fillFlag).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return ErrUnfilled
	}
	return nil
}

// Filled takes the mark of Options.Fill away: from here on the database is one that is opened.
func Filled(ctx context.Context, server string) error {
	d, err := sql.Open("pgx", server)
	if err != nil {
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	defer d.Close()
	if _, err := d.ExecContext(ctx, `DELETE FROM db_meta WHERE name=$1`, fillFlag); err != nil {
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	return nil
}

// Named is what of a database's address tells people which it is: no password, and no user.
func Named(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return "the database"
	}
	name := strings.Trim(u.Path, "/")
	if h := u.Host; h != "" {
		name += " at " + h
	}
	return name
}

// Vacant looks whether the PostgreSQL database at an address holds nothing at all, in no schema, but what extensions brought, and is
// not the one at other (empty: none).
func Vacant(ctx context.Context, server, other string) error {
	d, err := sql.Open("pgx", server)
	if err != nil {
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	defer d.Close()
	if err := d.PingContext(ctx); err != nil {
		var pe *pgconn.PgError
		if errors.As(err, &pe) && pe.Code == "3D000" {
			return fmt.Errorf("db: there is no database %s; make an empty one first (createdb)", Named(server))
		}
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	if other != "" {
		if err := apartFrom(ctx, d, other); err != nil {
			return err
		}
	}
	if err := filled(ctx, d); err != nil {
		return err
	}
	var n int64
	var some sql.NullString
	if err := d.QueryRowContext(ctx, `SELECT count(*), min(n.nspname || '.' || c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid=c.relnamespace
		WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r','p','v','m','S','f')
			AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend e WHERE e.classid='pg_catalog.pg_class'::regclass AND e.objid=c.oid AND e.deptype='e')`).Scan(&n, &some); err != nil {
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	if n > 0 {
		return fmt.Errorf("%w: it holds %d tables and the like, such as %s", ErrVacant, n, some.String)
	}
	return nil
}

// apartFrom holds two databases apart whatever their addresses call them: a lock that is taken in the one is met in the other
// where they are the same.
func apartFrom(ctx context.Context, d *sql.DB, other string) error {
	o, err := sql.Open("pgx", other)
	if err != nil {
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	defer o.Close()
	var b [8]byte
	rand.Read(b[:])
	key := int64(binary.BigEndian.Uint64(b[:]))
	held, err := o.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	defer held.Rollback()
	if _, err := held.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, key); err != nil {
		return err
	}
	var got bool
	if err := d.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, key).Scan(&got); err != nil {
		return err
	}
	if !got {
		return ErrSame
	}
	return nil
}
