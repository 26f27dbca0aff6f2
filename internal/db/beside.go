package db

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
)

// CopyFile has SQLite write what the database in the file path holds now into the file to, which must not be there. Whoever has the
// file open goes on with it: this reads on a connection of its own, in one transaction, with the log.
func CopyFile(ctx context.Context, path, to string) error {
	return copyFile(ctx, path, to, func() {})
}

// copyFile calls begun each time that it is settled how the file is read.
func copyFile(ctx context.Context, path, to string, begun func()) error {
	for range 3 {
		at, from := restOf(path), readOnly(path)
		begun()
		if err := vacuumInto(ctx, from, to); err != nil {
			return err
		}
		// A file without a log is read as one that nobody changes: whoever opens it meanwhile may.
		if !strings.Contains(from, "immutable=1") || restOf(path) == at {
			return nil
		}
		if err := os.Remove(to); err != nil {
			return err
		}
	}
	return fmt.Errorf("db: %s is opened and closed while it is copied; try again", path)
}

// restOf is what tells that a file and its log are as they were.
func restOf(path string) (s string) {
	for _, p := range []string{path, path + "-wal"} {
		if i, err := os.Stat(p); err == nil {
			s += fmt.Sprint(i.Size(), i.ModTime().UnixNano(), ";")
		}
	}
	return s
}

// Cell is one column of a table as the engine declares it.
type Cell struct {
	Table, Name string
	Type        string // INTEGER, TEXT or BLOB
	Null        bool   // it may be empty
}

// Cells lists every column of every table of a SQLite database, in their order.
func Cells(q Q) ([]Cell, error) {
	return All(q, func(r *Rows) (c Cell, err error) {
		var needed int
		err = r.Scan(&c.Table, &c.Name, &c.Type, &needed)
		c.Null = needed == 0
		return
	}, `SELECT m.name, p.name, p.type, p."notnull" OR p.pk > 0 FROM sqlite_schema m JOIN pragma_table_info(m.name) p WHERE m.type='table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, p.cid`)
}

// rowsOf is what EachRow reads from: a file, or a transaction.
type rowsOf interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// EachRow reads the rows of a table that nobody writes to meanwhile (a file at rest, a snapshot), in the order they lie. values are
// as the engine has them: int64, string, []byte or nil.
func EachRow(ctx context.Context, d rowsOf, table string, columns []string, fn func(values []any) error) error {
	list := ""
	for i, c := range columns {
		if i > 0 {
			list += ", "
		}
		list += `"` + c + `"`
	}
	rows, err := d.QueryContext(ctx, `SELECT `+list+` FROM `+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if err := fn(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// SetFlag notes something about the database as a whole, beside its own facts.
func SetFlag(tx *Tx, name string) error {
	_, err := tx.Exec(`INSERT INTO db_meta (name, value) VALUES ($1, 1) ON CONFLICT (name) DO NOTHING`, name)
	return err
}

// Flag reports whether SetFlag noted it.
func Flag(q Q, name string) (bool, error) {
	var n int64
	err := q.QueryRow(`SELECT count(*) FROM db_meta WHERE name=$1`, name).Scan(&n)
	return n > 0, err
}
