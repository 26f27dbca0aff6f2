package db

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Migrations are the schema steps of one room: files NNNN_name.sql, in the
// portable subset (see engine.go), never edited once released.
type Migrations struct {
	Room string
	FS   fs.FS // holds *.sql at its root or in "migrations"
}

type step struct {
	version    int64
	name, text string
	hash       string
}

func (m Migrations) steps() ([]step, error) {
	files, err := fs.Glob(m.FS, "*.sql")
	if err != nil {
		return nil, err
	}
	sub, err := fs.Glob(m.FS, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	files = append(files, sub...)
	if len(files) == 0 {
		return nil, fmt.Errorf("db: room %s has no migrations", m.Room)
	}
	sort.Strings(files)
	var out []step
	for _, f := range files {
		base := f[strings.LastIndexByte(f, '/')+1:]
		num, name, ok := strings.Cut(strings.TrimSuffix(base, ".sql"), "_")
		v, err := strconv.ParseInt(num, 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("db: room %s: %s is not NNNN_name.sql", m.Room, base)
		}
		b, err := fs.ReadFile(m.FS, f)
		if err != nil {
			return nil, err
		}
		if n := len(out); n > 0 && out[n-1].version == v {
			// Two hands, one number: the second would be passed over as done.
			return nil, fmt.Errorf("db: room %s: two steps are %04d: %s and %s", m.Room, v, out[n-1].name, name)
		}
		h := sha256.Sum256(b)
		out = append(out, step{v, name, string(b), hex.EncodeToString(h[:8])})
	}
	return out, nil
}

// Statements splits a migration at semicolons that end a line, dropping
// comment lines.
func Statements(text string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		t := strings.TrimSpace(line)
		if t == "" || strings.HasPrefix(t, "--") {
			continue
		}
		b.WriteString(line)
		b.WriteByte('\n')
		if strings.HasSuffix(t, ";") {
			out = append(out, strings.TrimSuffix(strings.TrimSpace(b.String()), ";"))
			b.Reset()
		}
	}
	if s := strings.TrimSpace(b.String()); s != "" {
		out = append(out, s)
	}
	return out
}

// Migrate brings every room to its newest step, each step in a transaction of
// its own. It refuses a database that a newer program has migrated, and one
// whose released step differs from ours.
func (d *DB) Migrate(ctx context.Context, rooms []Migrations) error {
	have, err := Read(ctx, d, func(q *Reader) (taken, error) {
		out := taken{}
		rows, err := q.Query(`SELECT room, version, hash FROM db_migration`)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		for rows.Next() {
			var k stepAt
			var h string
			if err := rows.Scan(&k.room, &k.v, &h); err != nil {
				return nil, err
			}
			out[k] = h
		}
		return out, rows.Err()
	})
	if err != nil {
		return err
	}
	return d.migrate(ctx, rooms, have, nil)
}

// stepAt is one step of one room; taken are those that a database has gone, with their hashes.
type stepAt struct {
	room string
	v    int64
}
type taken map[stepAt]string

// newer refuses steps that this program does not know.
func (t taken) newer(room string, newest int64) error {
	for k := range t {
		if k.room == room && k.v > newest {
			return fmt.Errorf("db: this database was migrated by a newer program (%s %d, this program knows %d); start the newer program", k.room, k.v, newest)
		}
	}
	return nil
}

// migrate goes the steps that are not in have; with as set, those alone that another database has gone.
func (d *DB) migrate(ctx context.Context, rooms []Migrations, have, as taken) error {
	for _, m := range rooms {
		steps, err := m.steps()
		if err != nil {
			return err
		}
		newest := steps[len(steps)-1].version
		if err := errors.Join(have.newer(m.Room, newest), as.newer(m.Room, newest)); err != nil {
			return err
		}
		for _, s := range steps {
			if as != nil {
				h, ok := as[stepAt{m.Room, s.version}]
				if !ok {
					continue
				}
				if h != s.hash {
					return fmt.Errorf("db: step %s %04d differs from the one this database was made with", m.Room, s.version)
				}
			}
			if h, ok := have[stepAt{m.Room, s.version}]; ok {
				if h != s.hash {
					return fmt.Errorf("db: step %s %04d differs from the one this database was made with", m.Room, s.version)
				}
				continue
			}
			err := Do(ctx, d, func(tx *Tx) error {
				// The row first: a second process waits here, and then finds it.
				if _, err := tx.Exec(`INSERT INTO db_migration (room, version, name, hash, applied_at) VALUES ($1,$2,$3,$4,$5)`,
					m.Room, s.version, s.name, s.hash, time.Now()); err != nil {
					return err
				}
				for _, st := range Statements(s.text) {
					if _, err := tx.Exec(d.engine.ddl(st)); err != nil {
						return fmt.Errorf("%w in %.200q", err, st)
					}
				}
				return nil
			})
			if IsUnique(err) {
				continue
			}
			if err != nil {
				return fmt.Errorf("db: migrating %s %04d_%s: %w", m.Room, s.version, s.name, err)
			}
		}
	}
	return nil
}

// Migrated reports whether the room's tables have been made.
func (d *DB) Migrated(ctx context.Context, room string) (bool, error) {
	n, err := Read(ctx, d, func(q *Reader) (n int64, err error) {
		err = q.QueryRow(`SELECT count(*) FROM db_migration WHERE room=$1`, room).Scan(&n)
		return
	})
	return n > 0, err
}
