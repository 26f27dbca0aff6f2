package pgbackrest

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"kassavalv/internal/db"
)

// Backup is one backup in a repository.
type Backup struct {
	Repo  int // from 1
	Label string
	Type  string // full, diff or incr
	Begun time.Time
	Done  time.Time
	Size  int64 // of the database
	Kept  int64 // bytes in the repository
	Wrong bool  // pages were found damaged when it was taken
}

// Info is what pgBackRest tells of its repositories.
type Info struct {
	Backups []Backup // of all repositories, oldest first
	Min     map[int]string
	Max     map[int]string // newest piece of the log, by repository
	Trouble map[int]string
}

// Info asks pgBackRest. It reads the repositories, so it may take a while.
func (t *Tool) Info(ctx context.Context) (Info, error) {
	out, err := t.run(ctx, "info", "--output=json")
	if err != nil {
		return Info{}, err
	}
	return parseInfo(out, t.Stanza)
}

func parseInfo(out []byte, stanza string) (Info, error) {
	type database struct {
		Repo int `json:"repo-key"`
	}
	var said []struct {
		Name    string `json:"name"`
		Archive []struct {
			Database database `json:"database"`
			Min      string   `json:"min"`
			Max      string   `json:"max"`
		} `json:"archive"`
		Backup []struct {
			Database database `json:"database"`
			Error    *bool    `json:"error"`
			Info     struct {
				Size       int64 `json:"size"`
				Repository struct {
					Delta int64 `json:"delta"`
				} `json:"repository"`
			} `json:"info"`
			Label string `json:"label"`
			Time  struct {
				Start int64 `json:"start"`
				Stop  int64 `json:"stop"`
			} `json:"timestamp"`
			Type string `json:"type"`
		} `json:"backup"`
		Repo []struct {
			Key    int `json:"key"`
			Status struct {
				Code    int    `json:"code"`
				Message string `json:"message"`
			} `json:"status"`
		} `json:"repo"`
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return Info{}, fmt.Errorf("what pgbackrest info tells cannot be read: %w", err)
	}
	in := Info{Min: map[int]string{}, Max: map[int]string{}, Trouble: map[int]string{}}
	for _, s := range said {
		if s.Name != stanza {
			continue
		}
		for _, a := range s.Archive {
			// A server that was upgraded has one row for each life; names rise through all of them.
			if in.Max[a.Database.Repo] < a.Max {
				in.Min[a.Database.Repo], in.Max[a.Database.Repo] = a.Min, a.Max
			}
		}
		for _, b := range s.Backup {
			in.Backups = append(in.Backups, Backup{Repo: b.Database.Repo, Label: b.Label, Type: b.Type, Begun: time.Unix(b.Time.Start, 0).UTC(), Done: time.Unix(b.Time.Stop, 0).UTC(),
				Size: b.Info.Size, Kept: b.Info.Repository.Delta, Wrong: b.Error != nil && *b.Error})
		}
		for _, r := range s.Repo {
			if r.Status.Code != 0 {
				in.Trouble[r.Key] = r.Status.Message
			}
		}
		return in, nil
	}
	return in, fmt.Errorf("pgbackrest knows no stanza %s: it is not set up yet", stanza)
}

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

// Archiver asks the server.
func ReadArchiver(ctx context.Context, d *db.DB) (Archiver, error) {
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
	have, ok1 := number(max, a.Segment)
	cur, ok2 := number(a.Current, a.Segment)
	if !ok1 || !ok2 {
		return true
	}
	return cur > have+1 || cur == have+1 && a.Filled > emptyPiece
}

// number is the place of a piece in the log, over all timelines.
func number(wal string, size int64) (uint64, bool) {
	if len(wal) < 24 || size <= 0 {
		return 0, false
	}
	hi, err1 := strconv.ParseUint(wal[8:16], 16, 32)
	lo, err2 := strconv.ParseUint(wal[16:24], 16, 32)
	return hi*uint64(1<<32/size) + lo, err1 == nil && err2 == nil
}

// RepoStatus is how one repository stands.
type RepoStatus struct {
	Number  int
	Repo    Repo
	Full    time.Time // when the newest full backup was done; zero: none
	Newest  time.Time // when the newest of any kind was done
	Backups int
	Size    int64         // bytes of all backups there
	Log     string        // newest piece of the log
	At      time.Time     // up to when it has the shop's changes, as far as is known
	Lag     time.Duration // how much of the shop's time would be lost with it alone
	Trouble error
	Since   time.Time // of the trouble
}

// Status is how the copies stand.
type Status struct {
	At       time.Time // looked
	Archiver Archiver
	Trouble  error // of the whole: nothing is archived, or nothing could be looked at
	Repos    []RepoStatus
}

// Watcher looks at the server and its repositories again and again, and remembers what the two
// do not tell.
type Watcher struct {
	Tool *Tool
	Conf Conf
	DB   *db.DB
	Now  func() time.Time

	mu    sync.Mutex
	last  Status
	at    map[int]time.Time // up to when a repository has all
	since map[int]time.Time // of a trouble
}

// Limits beyond which a repository is in trouble.
const (
	backupDue = 50 * time.Hour   // of a backup each day, twice
	logDue    = 15 * time.Minute // of a piece each ten seconds, when something is written
)

// Last is what the newest look has seen; At is zero before the first.
func (w *Watcher) Last() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// Look looks.
func (w *Watcher) Look(ctx context.Context) Status {
	now := w.Now().UTC()
	st := Status{At: now}
	a, err := ReadArchiver(ctx, w.DB)
	st.Archiver = a
	if err != nil {
		st.Trouble = fmt.Errorf("the server does not tell how its log is archived: %w", err)
	} else if !a.On {
		st.Trouble = fmt.Errorf("archive_mode is off: nothing is copied but what the last backup has; see kassavalv backup setup-postgres")
	} else if a.MissedAt.After(a.LastAt) {
		st.Trouble = fmt.Errorf("the server cannot archive its log (piece %s, %d times in all): its own log tells why", a.Missed, a.Failures)
	}
	info, infoErr := w.Tool.Info(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == nil {
		w.at, w.since = map[int]time.Time{}, map[int]time.Time{}
	}
	for i, r := range w.Conf.Repos {
		n := i + 1
		x := RepoStatus{Number: n, Repo: r, Log: info.Max[n]}
		for _, b := range info.Backups {
			if b.Repo != n {
				continue
			}
			x.Backups++
			x.Size += b.Kept
			if b.Done.After(x.Newest) {
				x.Newest = b.Done
			}
			if b.Type == "full" && b.Done.After(x.Full) {
				x.Full = b.Done
			}
		}
		if err == nil && infoErr == nil && !x.Full.IsZero() {
			up := x.Newest // a backup has everything up to its end
			if x.Log >= a.Last && a.LastAt.After(up) {
				up = a.LastAt
			}
			if w.at[n].Before(up) {
				w.at[n] = up
			}
			if !a.waits(x.Log) {
				w.at[n] = now
			}
		}
		x.At = w.at[n]
		if !x.At.IsZero() && now.After(x.At) {
			x.Lag = now.Sub(x.At)
		}
		switch {
		case infoErr != nil:
			x.Trouble = infoErr
		case info.Trouble[n] != "":
			x.Trouble = fmt.Errorf("%s", info.Trouble[n])
		case x.Full.IsZero():
			x.Trouble = fmt.Errorf("it has no full backup")
		case now.Sub(x.Newest) > backupDue:
			x.Trouble = fmt.Errorf("its newest backup is %s old", now.Sub(x.Newest).Round(time.Hour))
		case err == nil && x.Lag > logDue:
			x.Trouble = fmt.Errorf("its log ends at piece %s, the server writes %s", x.Log, a.Current)
		}
		if x.Trouble == nil {
			delete(w.since, n)
		} else if w.since[n].IsZero() {
			w.since[n] = now
		}
		x.Since = w.since[n]
		st.Repos = append(st.Repos, x)
	}
	w.last = st
	return st
}
