package job

import (
	"embed"
	"errors"
	"fmt"
	"regexp"
	"time"

	"kassavalv/internal/db"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the job tables.
var Migrations = db.Migrations{Room: "job", FS: migrationsFS}

// DefaultMax is the number of tries when a Spec names none: with the default
// back-off about four hours.
const DefaultMax = 12

// Spec is what to do.
type Spec struct {
	Kind  string    // "mail.send": room.verb
	Ref   db.ID     // the row it is about; 0 for none
	RunAt time.Time // zero: as soon as the transaction commits
	Key   string    // at most one waiting job per kind and key; empty: no limit. Ids only, nothing personal
	Max   int       // tries; 0: DefaultMax
}

// Job is a job as a worker or a list sees it.
type Job struct {
	ID        db.ID
	Kind      string
	Ref       db.ID
	Attempt   int // 1 at the first try
	Max       int
	LastError string // code of the last failure
	Created   time.Time
	RunAt     time.Time
	Ended     time.Time
}

var (
	kindName = regexp.MustCompile(`^[a-z]+(\.[a-z][a-z0-9_]*)+$`)
	// Keys are made of ids; the narrow alphabet keeps addresses and names out.
	keyName = regexp.MustCompile(`^[A-Za-z0-9:_./-]{0,128}$`)
)

// Enqueue writes a job in tx and returns its id. With a Key, a waiting job of
// the same kind and key is used instead, brought forward if the new time is
// earlier. Runners of this process are woken when tx commits.
func Enqueue(tx *db.Tx, s Spec) (db.ID, error) {
	if !kindName.MatchString(s.Kind) {
		return 0, fmt.Errorf("job: bad kind %q", s.Kind)
	}
	if !keyName.MatchString(s.Key) {
		return 0, errors.New("job: a key is made of ids")
	}
	if s.RunAt.IsZero() {
		s.RunAt = tx.Now()
	}
	if s.Max <= 0 {
		s.Max = DefaultMax
	}
	var key any
	if s.Key != "" {
		key = s.Key
	}
	var id db.ID
	err := tx.QueryRow(`INSERT INTO job_job (id, kind, ref_id, key, run_at, attempts, max_attempts, state, last_error, created_at)
		VALUES ($1,$2,$3,$4,$5,0,$6,'queued','',$7)
		ON CONFLICT (kind, key) WHERE key IS NOT NULL DO UPDATE SET run_at =
		  CASE WHEN excluded.run_at < job_job.run_at THEN excluded.run_at ELSE job_job.run_at END
		RETURNING id`,
		tx.NewID(), s.Kind, s.Ref, key, s.RunAt, s.Max, tx.Now()).Scan(&id)
	if err != nil {
		return 0, err
	}
	kind, at := s.Kind, s.RunAt
	tx.AfterCommit(func() { ring(kind, at) })
	return id, nil
}

// Coded is an error with a stable code that may be stored and shown to staff.
type Coded struct {
	Code  string
	Cause error
	final bool
	after time.Duration
}

func (e *Coded) Error() string {
	if e.Cause == nil {
		return "job: " + e.Code
	}
	return "job: " + e.Code + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Coded) Unwrap() error { return e.Cause }

// Fail is a failure with a code; the job is tried again after its back-off.
func Fail(code string, cause error) error { return &Coded{Code: code, Cause: cause} }

// GiveUp is a failure that another try cannot mend: the job is dead at once.
func GiveUp(code string, cause error) error { return &Coded{Code: code, Cause: cause, final: true} }

// Again is no failure: the job runs again after d, and the try is not counted.
func Again(d time.Duration) error {
	return &Coded{Code: "again", after: max(d, time.Millisecond)}
}

var codeName = regexp.MustCompile(`^[a-z0-9_.-]{1,64}$`)

// code is what may be stored of err: never its text, which may quote an address.
func code(err error) string {
	var c *Coded
	if errors.As(err, &c) && codeName.MatchString(c.Code) {
		return c.Code
	}
	var p *db.PanicError
	switch {
	case errors.As(err, &p):
		return "panic"
	case db.IsFull(err):
		return "disk_full"
	case errors.Is(err, db.ErrNotFound):
		return "row_missing"
	case errors.Is(err, db.ErrConflict), db.IsUnique(err):
		return "conflict"
	}
	return "error"
}
