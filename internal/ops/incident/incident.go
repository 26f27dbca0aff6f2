package incident

import (
	"embed"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "incident", FS: migrationsFS}

var (
	fieldSaid    = secret.Register("incident.said", "what was seen and done in an incident")
	fieldContact = secret.Register("incident.contact", "whom to call when something feels wrong")
)

// Kind says what opened an incident.
type Kind string

// The kinds.
const (
	Felt     Kind = "felt"     // somebody pressed the button
	Readings Kind = "readings" // more personal details were read than work explains
	Sealed   Kind = "sealed"   // a sealed value did not open
	SignIn   Kind = "signin"   // sign-ins that look like somebody else's
	Other    Kind = "other"
)

// Kinds lists all kinds.
var Kinds = []Kind{Felt, Readings, Sealed, SignIn, Other}

// Severity is how bad it is, as far as known.
type Severity string

// The severities.
const (
	Low      Severity = "low"
	High     Severity = "high"
	Critical Severity = "critical"
)

// Severities lists them, the mildest first.
var Severities = []Severity{Low, High, Critical}

// State of an incident.
type State string

// The states.
const (
	Open    State = "open"    // nobody has taken it
	Working State = "working" // somebody has
	Closed  State = "closed"
)

// Transitions is the state machine; Open is where it begins.
var Transitions = map[State][]State{
	Open:    {Working, Closed},
	Working: {Closed},
	Closed:  {Working},
}

// Personal says whether personal data is concerned.
type Personal string

// The answers.
const (
	NotPersonal Personal = "no"        // nobody has said so
	Suspected   Personal = "suspected" // the clock of 72 hours runs
	Reported    Personal = "reported"  // to the supervisory authority
	Cleared     Personal = "cleared"   // looked into: no report is needed, and why
)

// PersonalMoves is the state machine of the breach; NotPersonal is where it begins.
var PersonalMoves = map[Personal][]Personal{
	NotPersonal: {Suspected},
	Suspected:   {Reported, Cleared},
	Cleared:     {Suspected},
	Reported:    {},
}

// Times and bounds.
const (
	Clock     = 72 * time.Hour // GDPR art. 33.1
	merge     = 10 * time.Minute
	keep      = 5 * 365 * 24 * time.Hour // after closing: as long as a breach may have to be accounted for
	MaxText   = 4000
	maxPlace  = 120
	sweepStep = 50
)

const entity = "incident"

// Room holds what the use cases need.
type Room struct {
	DB    *db.DB
	Vault *secret.Vault
	Auth  *auth.Auth
}

// Incident is one.
type Incident struct {
	ID, Person db.ID
	Kind       Kind
	State      State
	Severity   Severity
	Place      string // pattern of a route; may be empty
	OpenerKind string // "staff" or "system"
	Opener     db.ID
	Opened     time.Time
	TakenBy    db.ID // 0: nobody
	Taken      time.Time
	Closed     time.Time
	Personal   Personal
	Aware      time.Time // from when the 72 hours count
	Lines      int64
	Version    int64
}

// Deadline is when a breach must have been reported; zero when nothing is suspected.
func (i Incident) Deadline() time.Time {
	if i.Aware.IsZero() {
		return time.Time{}
	}
	return i.Aware.Add(Clock)
}

// Mine reports whether by opened it.
func (i Incident) Mine(by auth.By) bool {
	return by.Kind == auth.StaffKind && by.ID > 0 && i.OpenerKind == "staff" && i.Opener == by.ID
}

const cols = `id, person_id, kind, state, severity, place, opener_kind, opener_id, opened_at, COALESCE(taken_by,0), taken_at, closed_at, personal, aware_at, line_count, version`

func scan(r interface{ Scan(...any) error }) (i Incident, err error) {
	err = r.Scan(&i.ID, &i.Person, (*string)(&i.Kind), (*string)(&i.State), (*string)(&i.Severity), &i.Place, &i.OpenerKind, &i.Opener, &i.Opened, &i.TakenBy, &i.Taken, &i.Closed, (*string)(&i.Personal), &i.Aware, &i.Lines, &i.Version)
	return
}

func byID(q db.Q, id db.ID) (Incident, error) {
	i, err := scan(q.QueryRow(`SELECT `+cols+` FROM incident_record WHERE id=$1`, id))
	if errors.Is(err, db.ErrNotFound) {
		err = fault.NotFound()
	}
	return i, err
}

// One reads an incident for who opened it or has incidents.read; a 404 fault for others.
func (m *Room) One(q db.Q, by auth.By, id db.ID) (Incident, error) {
	i, err := byID(q, id)
	if err == nil && !i.Mine(by) && !by.Has(auth.IncidentsRead) {
		err = fault.NotFound()
	}
	return i, err
}

// List pages incidents, newest first: those with a key below before (0: from the
// newest). live leaves the closed ones out. Without incidents.read a member sees his own.
func (m *Room) List(q db.Q, by auth.By, live bool, before db.ID, n int) ([]Incident, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	n = max(1, min(n, 200))
	one := func(r *db.Rows) (Incident, error) { return scan(r) }
	switch {
	case by.Has(auth.IncidentsRead) && live:
		return db.All(q, one, `SELECT `+cols+` FROM incident_record WHERE id < $1 AND state <> 'closed' ORDER BY id DESC LIMIT $2`, before, n)
	case by.Has(auth.IncidentsRead):
		return db.All(q, one, `SELECT `+cols+` FROM incident_record WHERE id < $1 ORDER BY id DESC LIMIT $2`, before, n)
	case by.Kind == auth.StaffKind && by.ID > 0:
		all, err := db.All(q, one, `SELECT `+cols+` FROM incident_record WHERE opener_id=$3 AND opener_kind='staff' AND id < $1 ORDER BY id DESC LIMIT $2`, before, n, by.ID)
		if live {
			all = slices.DeleteFunc(all, func(i Incident) bool { return i.State == Closed })
		}
		return all, err
	}
	return nil, fault.Denied()
}

// Waiting counts what is not closed, what nobody has taken, and what has a clock that runs.
func (m *Room) Waiting(q db.Q, by auth.By) (live, open, clocks int, err error) {
	if err := by.Need(auth.IncidentsRead); err != nil {
		return 0, 0, 0, err
	}
	err = q.QueryRow(`SELECT count(*), COALESCE(CAST(sum(CASE WHEN state='open' THEN 1 ELSE 0 END) AS BIGINT),0), COALESCE(CAST(sum(CASE WHEN personal='suspected' THEN 1 ELSE 0 END) AS BIGINT),0) FROM incident_record WHERE state <> 'closed'`).Scan(&live, &open, &clocks)
	return live, open, clocks, err
}

// Line is a line of the timeline.
type Line struct {
	ID        db.ID
	Kind      string
	Fact      string // a severity, a place
	Said      string
	Gone      bool // was written and can no longer be read
	ActorKind string
	Actor     db.ID
	At        time.Time
}

// Lines opens the timeline, oldest first. Rights as One.
func (m *Room) Lines(q db.Q, by auth.By, id db.ID) ([]Line, error) {
	i, err := m.One(q, by, id)
	if err != nil {
		return nil, err
	}
	type row struct {
		l    Line
		said []byte
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) {
		err = r.Scan(&x.l.ID, &x.l.Kind, &x.l.Fact, &x.said, &x.l.ActorKind, &x.l.Actor, &x.l.At)
		return
	}, `SELECT id, kind, fact, said, actor_kind, actor_id, at FROM incident_line WHERE incident_id=$1 ORDER BY id`, i.ID)
	if err != nil {
		return nil, err
	}
	out := make([]Line, len(rows))
	for k, x := range rows {
		out[k] = x.l
		if len(x.said) == 0 {
			continue
		}
		b, err := m.Vault.Open(q, i.Person, fieldSaid, x.l.ID, x.said)
		switch {
		case errors.Is(err, secret.ErrErased), errors.Is(err, secret.ErrBroken):
			out[k].Gone = true
		case err != nil:
			return nil, err
		}
		out[k].Said = string(b)
	}
	return out, nil
}

// line adds a line to the timeline, sealed where words were said.
func (m *Room) line(tx *db.Tx, by auth.By, i *Incident, kind, fact, said string) error {
	n, err := tx.Exec(`UPDATE incident_record SET line_count=line_count+1, version=version+1 WHERE id=$1 AND line_count < 500`, i.ID)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("incident_full")
	}
	i.Version++
	id := tx.NewID()
	var sealed []byte
	if said != "" {
		if sealed, err = m.Vault.Seal(tx, i.Person, fieldSaid, id, []byte(said)); err != nil {
			return err
		}
	}
	k, who := actor(by)
	_, err = tx.Exec(`INSERT INTO incident_line (id, incident_id, kind, fact, said, actor_kind, actor_id, at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`, id, i.ID, kind, fact, sealed, k, who, tx.Now())
	return err
}

func actor(by auth.By) (string, db.ID) {
	if by.Kind == auth.StaffKind {
		return "staff", by.ID
	}
	return "system", 0
}

// clean keeps what a person can have meant, and cuts it where it is too long: words
// about an incident are never refused.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")))
	if utf8.RuneCountInString(s) > MaxText {
		s = string([]rune(s)[:MaxText])
	}
	return s
}

// place keeps a pattern of a route. Numbers do not stand in patterns, and so nothing that
// could point at a person passes.
func place(s string) string {
	if len(s) > maxPlace || !strings.HasPrefix(s, "/") || strings.Contains(s, "//") || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz/_-.{}") != "" {
		return ""
	}
	return s
}

// Shown is a place as people read it: "/admin/orders/…" for "/admin/orders/{number}".
func Shown(place string) string {
	var b strings.Builder
	in := false
	for _, r := range place {
		switch {
		case r == '{':
			in = true
			b.WriteString("…")
		case r == '}':
			in = false
		case !in:
			b.WriteRune(r)
		}
	}
	return b.String()
}
