// Package walarchive knows how the copies of a shop on PostgreSQL stand. The server tells how
// its log is archived; what lies in the repositories tells a report, which `kassavalv backup
// tend-postgres` makes beside the shop and hands over: the shop itself starts no other program.
//
// Nothing is well by silence: a report that is old is trouble.
//
// No tables.
package walarchive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"kassavalv/internal/db"
)

// Archiver is how the server gives up its log.
type Archiver struct {
	On       bool      // archive_mode
	Command  string    // archive_command
	Standby  bool      // asked was a server that only follows
	Last     string    // newest piece that was taken
	LastAt   time.Time // when
	Missed   string    // newest piece that was not taken
	MissedAt time.Time
	Failures int64
	Current  string // the piece that is written now
	Filled   int64  // bytes of it
	Segment  int64  // size of a piece
}

// Read asks the server.
func Read(ctx context.Context, d *db.DB) (Archiver, error) {
	return db.Read(ctx, d, func(q *db.Reader) (a Archiver, err error) {
		var last, missed int64
		err = q.QueryRow(`SELECT current_setting('archive_mode') <> 'off', current_setting('archive_command'), pg_is_in_recovery(),
			COALESCE(last_archived_wal, ''), COALESCE((extract(epoch FROM last_archived_time)*1000000)::bigint, 0),
			COALESCE(last_failed_wal, ''), COALESCE((extract(epoch FROM last_failed_time)*1000000)::bigint, 0), failed_count,
			(SELECT setting::bigint FROM pg_settings WHERE name='wal_segment_size') FROM pg_stat_archiver`).
			Scan(&a.On, &a.Command, &a.Standby, &a.Last, &last, &a.Missed, &missed, &a.Failures, &a.Segment)
		if err != nil {
			return a, err
		}
		a.LastAt, a.MissedAt = moment(last), moment(missed)
		if !a.Standby {
			err = q.QueryRow(`SELECT file_name, file_offset FROM pg_walfile_name_offset(pg_current_wal_lsn())`).Scan(&a.Current, &a.Filled)
		}
		return a, err
	})
}

func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// emptyPiece is what a piece of the log holds when nothing is written to it: its head.
const emptyPiece = 40

// waits tells whether there is something that the archive up to the piece named max has not.
func (a Archiver) waits(max string) bool {
	have, ok1 := Number(max, a.Segment)
	cur, ok2 := Number(a.Current, a.Segment)
	if !ok1 || !ok2 {
		return true
	}
	return cur > have+1 || cur == have+1 && a.Filled > emptyPiece
}

// Number is the place of a piece in the log, over all timelines.
func Number(wal string, size int64) (uint64, bool) {
	if len(wal) < 24 || size <= 0 {
		return 0, false
	}
	hi, err1 := strconv.ParseUint(wal[8:16], 16, 32)
	lo, err2 := strconv.ParseUint(wal[16:24], 16, 32)
	return hi*uint64(1<<32/size) + lo, err1 == nil && err2 == nil
}

// Repo is what a report tells of one repository.
type Repo struct {
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`           // posix or s3
	Where    string    `json:"where"`          // for people
	Host     string    `json:"host,omitempty"` // of an object store
	Location string    `json:"location,omitempty"`
	Provider string    `json:"provider,omitempty"`
	Full     time.Time `json:"full,omitzero"`   // when the newest full backup was done; zero: none
	Newest   time.Time `json:"newest,omitzero"` // when the newest of any kind was done
	Backups  int       `json:"backups"`
	Bytes    int64     `json:"bytes"`         // of all backups there
	Log      string    `json:"log,omitempty"` // newest piece of the log
	Trouble  string    `json:"trouble,omitempty"`
	Cause    string    `json:"cause,omitempty"` // of the trouble, by the words below; empty: Away
}

// Report is what was seen of all repositories.
type Report struct {
	At    time.Time `json:"at"`
	Repos []Repo    `json:"repos"`
	// Trouble is why the repositories could not be looked at, such as that pgBackRest is not
	// installed. What an earlier report told of them stands.
	Trouble string `json:"trouble,omitempty"`
}

// RepoStatus is how one repository stands.
type RepoStatus struct {
	Repo
	At    time.Time     // up to when it has the shop's changes, as far as is known
	Lag   time.Duration // how much of the shop's time would be lost with it alone
	Since time.Time     // of the trouble
	Why   string        // of the trouble, by the words below
}

// Why a repository is in trouble.
const (
	Away   = "away"   // it could not be looked at
	Stanza = "stanza" // nothing of this server is there: it is not set up, or its disk is not mounted
	Full   = "full"   // it has no full backup
	Old    = "old"    // its newest backup is too old
	Gap    = "gap"    // the log does not arrive
)

// Status is how the copies stand.
type Status struct {
	Report   time.Time // when the repositories were last looked at; zero: never
	Archiver Archiver
	Trouble  error // of the whole: nothing is archived, or nothing is known
	Repos    []RepoStatus
}

// Watcher puts together what the server tells and what reports tell, and remembers what the
// two do not: up to when each repository has everything.
type Watcher struct {
	DB  *db.DB
	Now func() time.Time // nil: time.Now

	mu     sync.Mutex
	report Report
	seen   Archiver // when the report came
	at     map[string]time.Time
	since  map[string]time.Time
}

// Limits beyond which something is wrong.
const (
	backupDue = 50 * time.Hour   // of a backup each day, twice
	logDue    = 15 * time.Minute // of a piece each ten seconds, when something is written
	reportDue = 15 * time.Minute // of a report each five minutes, three times
)

// What can be wrong with the whole.
var (
	ErrUnasked = errors.New("the server does not tell how its log is archived")
	ErrOff     = errors.New("archive_mode is off: nothing is copied but what the last backup has; see kassavalv backup setup-postgres")
	ErrMissed  = errors.New("the server cannot archive its log")
	ErrTending = errors.New("the repositories could not be looked at")
)

// ErrSilent is the trouble of repositories that nobody has looked at for a while.
var ErrSilent = errors.New("nobody has looked at the repositories: kassavalv backup tend-postgres is to run every five minutes")

func (w *Watcher) now() time.Time {
	if w.Now == nil {
		return time.Now().UTC()
	}
	return w.Now().UTC()
}

// Take takes a report in. What the server tells in the same moment says up to when a
// repository has everything.
func (w *Watcher) Take(ctx context.Context, r Report) error {
	a, err := Read(ctx, w.DB)
	if err != nil {
		return err
	}
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == nil {
		w.at, w.since = map[string]time.Time{}, map[string]time.Time{}
	}
	if r.At.After(now) { // by another machine's clock
		r.At = now
	}
	if r.At.Before(w.report.At) {
		return fmt.Errorf("a newer report is there already, of %s", w.report.At.Format(time.RFC3339))
	}
	if r.Trouble != "" {
		r.Repos = w.report.Repos // nothing newer is known of them
		w.report = r
		return nil
	}
	w.report, w.seen = r, a
	for _, x := range r.Repos {
		if x.Full.IsZero() || x.Trouble != "" {
			continue
		}
		up := x.Newest // a backup has everything up to its end
		if x.Log >= a.Last && a.LastAt.After(up) {
			up = a.LastAt
		}
		if !a.waits(x.Log) {
			up = r.At // nothing was written that it has not
		}
		if w.at[x.Name].Before(up) {
			w.at[x.Name] = up
		}
	}
	return nil
}

// Look is how all stands now.
func (w *Watcher) Look(ctx context.Context) Status {
	a, err := Read(ctx, w.DB)
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since == nil {
		w.at, w.since = map[string]time.Time{}, map[string]time.Time{}
	}
	st := Status{Report: w.report.At, Archiver: a}
	switch {
	case err != nil:
		st.Trouble = fmt.Errorf("%w: %w", ErrUnasked, err)
	case !a.On:
		st.Trouble = ErrOff
	case a.MissedAt.After(a.LastAt):
		st.Trouble = fmt.Errorf("%w (piece %s; %d times in all): the server's own log tells why", ErrMissed, a.Missed, a.Failures)
	case now.Sub(w.report.At) > reportDue:
		st.Trouble = ErrSilent
	case w.report.Trouble != "":
		st.Trouble = fmt.Errorf("%w: %s", ErrTending, w.report.Trouble)
	}
	for _, r := range w.report.Repos {
		x := RepoStatus{Repo: r, At: w.at[r.Name]}
		// While nothing more is written, time that goes by loses nothing.
		if err != nil || a.waits(r.Log) {
			if !x.At.IsZero() {
				x.Lag = max(0, now.Sub(x.At))
			}
		}
		switch {
		case x.Trouble != "":
			x.Why = cmp.Or(x.Cause, Away)
		case x.Full.IsZero():
			x.Why, x.Trouble = Full, "it has no full backup"
		case now.Sub(x.Newest) > backupDue:
			x.Why = Old
			x.Trouble = fmt.Sprintf("its newest backup is %s old", now.Sub(x.Newest).Round(time.Hour))
		case x.Lag > logDue:
			x.Why = Gap
			x.Trouble = fmt.Sprintf("its log ends at piece %s, the server writes %s", x.Log, a.Current)
		}
		if x.Trouble == "" {
			delete(w.since, r.Name)
		} else if w.since[r.Name].IsZero() {
			w.since[r.Name] = now
		}
		x.Since = w.since[r.Name]
		st.Repos = append(st.Repos, x)
	}
	return st
}
