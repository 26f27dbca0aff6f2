package db

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Away is the error of a database that takes no writes (full, read-only, failing disk) or
// cannot be reached. Nothing of the call that met it was kept, but for a commit whose
// answer was lost, as a time-out would lose it.
type Away struct {
	Since time.Time // when it was first met
	Err   error
}

func (e *Away) Error() string {
	return "db: takes no writes since " + e.Since.Format(time.TimeOnly) + ": " + e.Err.Error()
}
func (e *Away) Unwrap() error { return e.Err }

// Back is when the database is expected to work again: what has lasted for a while is
// expected to last as long again, two minutes at least and half an hour at most, to the
// next whole minute.
func (e *Away) Back(now time.Time) time.Time {
	wait := min(max(now.Sub(e.Since), 2*time.Minute), 30*time.Minute)
	return now.Add(wait).Truncate(time.Minute).Add(time.Minute)
}

// away is what the database knows of its own trouble.
type away struct {
	mu      sync.Mutex
	since   time.Time
	last    error
	probing bool
}

// Away tells whether the last write met a database that takes none; nil when all is well.
// It clears by itself: a small write is tried again and again.
func (d *DB) Away() *Away {
	d.away.mu.Lock()
	defer d.away.mu.Unlock()
	if d.away.since.IsZero() {
		return nil
	}
	return &Away{d.away.since, d.away.last}
}

// met notes trouble, if err is such, and returns what the caller is told.
func (d *DB) met(err error) error {
	if !isAway(err) {
		return err
	}
	if IsFull(err) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	a := &d.away
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() {
		a.since = time.Now()
	}
	a.last = err
	if !a.probing && !d.closed.Load() {
		a.probing = true
		go d.probe()
	}
	return &Away{a.since, err}
}

// probe tries a small write until one is kept.
func (d *DB) probe() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-d.quit:
			return
		case <-tick.C:
		}
		run := func(tx *Tx) error {
			_, err := tx.Exec(`UPDATE db_meta SET value=value WHERE name='node'`)
			return err
		}
		if _, err := d.attempt(run); isAway(err) {
			continue
		}
		d.away.mu.Lock()
		d.away.since, d.away.last, d.away.probing = time.Time{}, nil, false
		d.away.mu.Unlock()
		return
	}
}

// isAway reports whether err is the database's own trouble and not the caller's.
func isAway(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, ErrFull) {
		return true
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
			return true
		}
		return false
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		switch {
		case pe.Code == "53100", pe.Code == "53300", pe.Code == "25006", pe.Code == "57P01", pe.Code == "57P02", pe.Code == "57P03", pe.Code == "58030", strings.HasPrefix(pe.Code, "08"):
			return true
		}
		return false
	}
	var ce *pgconn.ConnectError
	var ne *net.OpError
	// A connection that the driver gave up before, or between, two statements.
	lost := errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, driver.ErrBadConn)
	return lost || errors.As(err, &ce) || errors.As(err, &ne) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}
