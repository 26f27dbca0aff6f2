package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"
	"math/bits"
	"os"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What is done with a SQLite file that is no shop's own: copies of it are written, looked
// through and compared. None of it writes to the file it reads.

// VacuumInto has SQLite itself write the database at rest into the file to, which must not
// be there. It reads on a connection of its own that sees the file alone, without the log:
// so the copy is what Mark and Pos tell, readers and the writer go on in the log, and no
// lock of theirs is taken or waited for. To be called by the function given to Freeze.
func (f Frozen) VacuumInto(ctx context.Context, to string) error {
	// Nothing changes the file while it is at rest, which is what immutable promises.
	return vacuumInto(ctx, address(f.path)+"?mode=ro&immutable=1&_pragma=temp_store(FILE)&_pragma=cache_size(-8000)", to)
}

// vacuumInto reads the database at an address on a connection of its own.
func vacuumInto(ctx context.Context, from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("db: %s is there already", to)
	}
	c, err := sql.Open("sqlite", from)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetMaxOpenConns(1)
	if _, err := c.ExecContext(ctx, `VACUUM INTO $1`, to); err != nil {
		os.Remove(to)
		os.Remove(to + "-journal")
		return fmt.Errorf("db: vacuum into %s: %w", to, err)
	}
	return nil
}

// TableSum is what a table holds, whatever the order of its rows.
type TableSum struct {
	Name string
	SQL  string // that made it
	Rows int64
	Sum  string // over the sums of its rows, hex
}

// Sums are those of a file's tables, with the commit position that it stands at.
type Sums struct {
	Pos    Pos
	Tables []TableSum // in order of name
	Other  []string   // the texts of indexes, views and triggers, in order
}

// SumFile reads a SQLite file and sums each of its tables.
func SumFile(ctx context.Context, path string) (Sums, error) {
	var out Sums
	err := onFile(ctx, path, func(d *sql.DB) error {
		if err := d.QueryRowContext(ctx, `SELECT value FROM db_meta WHERE name='pos'`).Scan(&out.Pos); err != nil {
			return err
		}
		rows, err := d.QueryContext(ctx, `SELECT type, name, coalesce(sql,'') FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var kind, name, text string
			if err := rows.Scan(&kind, &name, &text); err != nil {
				return err
			}
			if kind != "table" {
				out.Other = append(out.Other, kind+" "+name+" "+text)
				continue
			}
			out.Tables = append(out.Tables, TableSum{Name: name, SQL: text})
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows.Close()
		for i := range out.Tables {
			if err := sumTable(ctx, d, &out.Tables[i]); err != nil {
				return fmt.Errorf("table %s: %w", out.Tables[i].Name, err)
			}
		}
		return nil
	})
	return out, err
}

func sumTable(ctx context.Context, d *sql.DB, t *TableSum) error {
	rows, err := d.QueryContext(ctx, `SELECT * FROM "`+strings.ReplaceAll(t.Name, `"`, `""`)+`"`)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values, at := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		at[i] = &values[i]
	}
	// The sums of the rows are added, modulo 2^256: two equal rows do not undo each other,
	// and the order does not matter, which VACUUM may change.
	var sum [4]uint64
	h, digest := sha256.New(), make([]byte, 0, sha256.Size)
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			return err
		}
		h.Reset()
		for _, v := range values {
			if err := hashValue(h, v); err != nil {
				return err
			}
		}
		digest = h.Sum(digest[:0])
		var carry uint64
		for i := range sum {
			sum[i], carry = bits.Add64(sum[i], binary.LittleEndian.Uint64(digest[8*i:]), carry)
		}
		t.Rows++
	}
	var b []byte
	for _, s := range sum {
		b = binary.LittleEndian.AppendUint64(b, s)
	}
	t.Sum = hex.EncodeToString(b)
	return rows.Err()
}

func hashValue(h hash.Hash, v any) error {
	var b [9]byte
	var text []byte
	switch v := v.(type) {
	case nil:
		b[0] = 'n'
	case int64:
		b[0] = 'i'
		binary.LittleEndian.PutUint64(b[1:], uint64(v))
	case float64:
		b[0] = 'f'
		binary.LittleEndian.PutUint64(b[1:], math.Float64bits(v))
	case string:
		b[0], text = 't', []byte(v)
		binary.LittleEndian.PutUint64(b[1:], uint64(len(v)))
	case []byte:
		b[0], text = 'b', v
		binary.LittleEndian.PutUint64(b[1:], uint64(len(v)))
	case time.Time: // what the driver makes of a column declared DATE or the like
		b[0] = 'd'
		binary.LittleEndian.PutUint64(b[1:], uint64(v.UnixNano()))
	case bool:
		b[0] = 'o'
		if v {
			b[1] = 1
		}
	default:
		return fmt.Errorf("a value of type %T", v)
	}
	h.Write(b[:])
	h.Write(text)
	return nil
}

// Faults of a file are listed up to so many.
const maxFaults = 20

// ExamineFile has SQLite go through the whole file: pages, indexes and rows
// (integrity_check), and every reference (foreign_key_check). It returns what is wrong; an
// error only when that could not be found out.
func ExamineFile(ctx context.Context, path string) (faults []string, err error) {
	err = onFile(ctx, path, func(d *sql.DB) error {
		rows, err := d.QueryContext(ctx, fmt.Sprintf(`PRAGMA integrity_check(%d)`, maxFaults))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return err
			}
			if s != "ok" {
				faults = append(faults, s)
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows.Close()
		if rows, err = d.QueryContext(ctx, `PRAGMA foreign_key_check`); err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() && len(faults) < 2*maxFaults {
			var table, parent sql.NullString
			var row, key sql.NullInt64
			if err := rows.Scan(&table, &row, &parent, &key); err != nil {
				return err
			}
			faults = append(faults, fmt.Sprintf("row %d of %s refers to a row of %s that is not there", row.Int64, table.String, parent.String))
		}
		return rows.Err()
	})
	if err != nil && damagedFile(err) {
		return append(faults, err.Error()), nil
	}
	return faults, err
}

// damagedFile tells whether SQLite refuses a file for what it holds.
func damagedFile(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_CORRUPT || e.Code()&0xff == sqlite3.SQLITE_NOTADB)
}

// OpenFile is a file as who checks a copy reads it: nothing is written to it or beside it.
func OpenFile(path string) (*sql.DB, error) {
	d, err := sql.Open("sqlite", address(path)+"?mode=ro&immutable=1&_pragma=query_only(ON)&_pragma=cache_size(-16000)&_pragma=temp_store(FILE)")
	if err != nil {
		return nil, err
	}
	d.SetMaxOpenConns(2)
	return d, nil
}

func onFile(ctx context.Context, path string, fn func(d *sql.DB) error) error {
	for _, beside := range []string{"-wal", "-journal"} {
		if st, err := os.Stat(path + beside); err == nil && st.Size() > 0 {
			return fmt.Errorf("db: %s%s stands beside the file: it is in use", path, beside)
		}
	}
	d, err := OpenFile(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.PingContext(ctx); err != nil {
		return fmt.Errorf("db: %s: %w", path, err)
	}
	if err := fn(d); err != nil {
		return fmt.Errorf("db: %s: %w", path, err)
	}
	return nil
}
