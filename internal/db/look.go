package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
)

// Look tells which of the tables are there and hold a row, before the database that o names is opened, and writes
// nothing. A file that is not there or is empty holds nothing; one that is no database is an error.
func Look(ctx context.Context, o Options, tables ...string) (map[string]bool, error) {
	holds := map[string]bool{}
	engine, driver, at := Postgres, "pgx", o.URL
	fail := func(err error) (map[string]bool, error) {
		if engine == SQLite {
			return nil, fmt.Errorf("db: %s: %w", o.Path, err)
		}
		return nil, fmt.Errorf("db: postgres: %w", redactURL(err))
	}
	if o.URL == "" {
		engine, driver, at = SQLite, "sqlite", readOnly(o.Path)
		if st, err := os.Stat(o.Path); errors.Is(err, os.ErrNotExist) || err == nil && st.Size() == 0 {
			return holds, nil
		} else if err != nil {
			return fail(err)
		}
	}
	d, err := sql.Open(driver, at)
	if err != nil {
		return fail(err)
	}
	defer d.Close()
	if engine == Postgres {
		if err := filled(ctx, d); err != nil {
			return fail(err)
		}
	}
	for _, t := range tables {
		is, err := engine.hasTable(ctx, d, t)
		if err != nil {
			return fail(err)
		}
		if is {
			if err := d.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+t+`)`).Scan(&is); err != nil {
				return fail(err)
			}
		}
		holds[t] = is
	}
	return holds, nil
}

// readOnly is the address of a file that nothing may be written to. Where there is no log
// nobody has the file open and all of it is in the file itself: it is read as one that does
// not change, or SQLite would make a log to look into.
func readOnly(path string) string {
	at := address(path) + "?mode=ro&_pragma=busy_timeout(10000)"
	if _, err := os.Stat(path + "-wal"); errors.Is(err, os.ErrNotExist) {
		at += "&immutable=1"
	}
	return at
}

func (e Engine) hasTable(ctx context.Context, d *sql.DB, name string) (bool, error) {
	ask := `SELECT count(*) FROM sqlite_master WHERE type='table' AND name=$1`
	if e == Postgres {
		ask = `SELECT count(*) FROM pg_tables WHERE tablename=$1 AND schemaname = ANY (current_schemas(false))`
	}
	var n int
	err := d.QueryRowContext(ctx, ask, name).Scan(&n)
	return n > 0, err
}
