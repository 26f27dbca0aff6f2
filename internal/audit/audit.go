package audit

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"kassavalv/internal/db"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the tables of the log.
var Migrations = db.Migrations{Room: "audit", FS: migrationsFS}

// Outcome of an act.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Refused Outcome = "refused"
)

// Entry is one act.
type Entry struct {
	ID        db.ID     // set by Record
	At        time.Time // set by Record
	ActorKind string    // "guest", "customer", "staff", "token", "system"
	ActorID   db.ID     // 0 for guest and system
	ActorName string    // of a system actor: the job kind; otherwise empty
	Peer      string    // client network prefix, or empty
	Action    string    // "order.refund": what, not how
	Entity    string    // "order"
	EntityID  db.ID     // 0 where there is none
	Old, New  string    // short facts without personal data or secrets, 500 bytes at most
	Outcome   Outcome
	Place     int64 // in the log, from 0; -1 until sealed
}

var word = regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,63}$`)

const maxValue = 500

// Record writes an entry in tx. For a refusal whose transaction is undone, record
// in a Write of its own.
func Record(tx *db.Tx, e Entry) error {
	if e.Outcome == "" {
		e.Outcome = Done
	}
	if !word.MatchString(e.ActorKind) || !word.MatchString(e.Action) || !word.MatchString(e.Entity) {
		return fmt.Errorf("audit: bad words %q %q %q", e.ActorKind, e.Action, e.Entity)
	}
	e.ID, e.At = tx.NewID(), tx.Now()
	e.ActorName, e.Peer, e.Old, e.New = clean(e.ActorName), clean(e.Peer), clean(e.Old), clean(e.New)
	_, err := tx.Exec(`INSERT INTO audit_entry (id, at, actor_kind, actor_id, actor_name, peer, action, entity, entity_id, old_value, new_value, outcome)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)`,
		e.ID, e.At, e.ActorKind, e.ActorID, e.ActorName, e.Peer, e.Action, e.Entity, e.EntityID, e.Old, e.New, string(e.Outcome))
	if err != nil {
		return err
	}
	return enter(tx, leafAct, e.ID, e.At, e.digest())
}

// clean keeps one printable line: an entry cannot fake another in a listing.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxValue {
		s = strings.ToValidUTF8(s[:maxValue-len("…")], "") + "…"
	}
	return s
}

// Filter narrows a list; empty fields do not.
type Filter struct {
	Entity    string
	EntityID  db.ID
	ActorKind string
	ActorID   db.ID
	Action    string
	Outcome   Outcome
	From, To  time.Time // half-open
}

const columns = `e.id, e.at, e.actor_kind, e.actor_id, e.actor_name, e.peer, e.action, e.entity, e.entity_id, e.old_value, e.new_value, e.outcome`

func scan(r *db.Rows, e *Entry, more ...any) error {
	return r.Scan(append([]any{&e.ID, &e.At, &e.ActorKind, &e.ActorID, &e.ActorName, &e.Peer, &e.Action, &e.Entity, &e.EntityID, &e.Old, &e.New, &e.Outcome}, more...)...)
}

// List gives entries, newest first, with ids below cursor (0: from the newest), at
// most limit (1 to 200). The id of the last one is the next cursor.
func List(q db.Q, f Filter, cursor db.ID, limit int) ([]Entry, error) {
	if cursor <= 0 {
		cursor = 1<<63 - 1
	}
	args := []any{cursor, min(max(limit, 1), 200)}
	where := ""
	add := func(cond string, v any) {
		args = append(args, v)
		where += fmt.Sprintf(" AND %s $%d", cond, len(args))
	}
	if f.Entity != "" {
		add("e.entity =", f.Entity)
	}
	if f.EntityID != 0 {
		add("e.entity_id =", f.EntityID)
	}
	if f.ActorKind != "" {
		add("e.actor_kind =", f.ActorKind)
	}
	if f.ActorID != 0 {
		add("e.actor_id =", f.ActorID)
	}
	if f.Action != "" {
		add("e.action =", f.Action)
	}
	switch f.Outcome {
	case "":
	case Refused:
		where += " AND e.outcome = 'refused'" // as its index has it
	default:
		add("e.outcome =", string(f.Outcome))
	}
	if !f.From.IsZero() {
		add("e.at >=", f.From)
	}
	if !f.To.IsZero() {
		add("e.at <", f.To)
	}
	return db.All(q, func(r *db.Rows) (e Entry, err error) {
		err = scan(r, &e, &e.Place)
		return
	}, `SELECT `+columns+`, COALESCE(l.place, -1) FROM audit_entry e LEFT JOIN audit_log_leaf l ON l.id = e.id
		WHERE e.id < $1`+where+` ORDER BY e.id DESC LIMIT $2`, args...)
}
