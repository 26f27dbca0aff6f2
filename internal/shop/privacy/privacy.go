package privacy

import (
	"embed"
	"log/slog"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "privacy", FS: migrationsFS}

var (
	fieldContact = secret.Register("privacy.contact", "to answer a request about one's own details: mail address and words")
	fieldAnswer  = secret.Register("privacy.answer", "what was answered to a request about one's own details")
	fieldMail    = secret.Register("privacy.mail", "to list a person's own requests")
)

// Times.
const (
	GoneFromCopies = 35 * 24 * time.Hour // how long a destroyed key lives on in copies (internal/secret)
	downloadLife   = 15 * time.Minute
	downloadsADay  = 5
	requestsADay   = 20
	red            = 7 * 24 * time.Hour // how long before its day a request is shown as urgent
)

// Due is when a request must be answered: within a month of its receipt (art. 12.3), counted in
// days of the calendar; a month without the day ends on its last (regulation 1182/71 art. 3.2 c).
func Due(asked time.Time, months int) time.Time {
	t := asked.In(lang.Zone)
	due := time.Date(t.Year(), t.Month()+time.Month(months), t.Day(), 23, 59, 59, 0, lang.Zone)
	if due.Day() != t.Day() {
		due = time.Date(t.Year(), t.Month()+time.Month(months)+1, 0, 23, 59, 59, 0, lang.Zone)
	}
	return due
}

// Processor is somebody outside who had details of a person.
type Processor struct {
	Name string // "stripe"
	Role string // a datamap.Recipient
}

// Desk carries out rights.
type Desk struct {
	DB      *db.DB
	Vault   *secret.Vault
	Holders []hold.Holder
	// Handed tells who else had details of the scope.
	Handed func(q db.Q, s hold.Scope) ([]Processor, error)
	// Sweeps let go of what is out of time, by the rule of the map; see retention.go.
	Sweeps map[string]Sweep
	// Kept are the spans that the operator has set otherwise than the map has them, by their rules.
	Kept []datamap.Keep
	Log  *slog.Logger
}

// Subject is who exercises a right: the owner of a proven mail address.
type Subject struct {
	Mail string  // canonical
	By   auth.By // the visitor
	Lang lang.Lang
	// Fresh is until when the proof of the address counts as new; what cannot be undone, and what
	// carries everything away, asks for it.
	Fresh time.Time
}

func (s Subject) check() error {
	if m, err := secret.CanonicalEmail(s.Mail); err != nil || m != s.Mail {
		return fault.SignIn()
	}
	return nil
}

func (s Subject) needFresh(now time.Time) error {
	if err := s.check(); err != nil {
		return err
	}
	if !now.Before(s.Fresh) {
		return &fault.Error{Kind: fault.Forbidden, Code: "step_up"}
	}
	return nil
}

// Scope finds everything that a mail address leads to. The address MUST be proven, or known
// from a request.
func (d *Desk) Scope(q db.Q, mail string) (hold.Scope, error) {
	return d.spread(q, hold.Scope{Mail: mail})
}

// spread asks the holders in turn until nothing is added.
func (d *Desk) spread(q db.Q, s hold.Scope) (hold.Scope, error) {
	for range 8 { // each round reaches one step further; the steps are fewer
		before := s.Size()
		for _, h := range d.Holders {
			if err := h.Find(q, &s); err != nil {
				return s, err
			}
		}
		if s.Size() == before {
			break
		}
	}
	return s, nil
}

// Records gives everything that is kept of a scope, the newest first within each category.
func (d *Desk) Records(q db.Q, s hold.Scope) ([]hold.Record, error) {
	var out []hold.Record
	for _, h := range d.Holders {
		rs, err := h.Export(q, s)
		if err != nil {
			return nil, err
		}
		out = append(out, rs...)
	}
	return out, nil
}

// Matters lists what must be finished before the scope can be erased.
func (d *Desk) Matters(q db.Q, s hold.Scope) ([]hold.Matter, error) {
	var out []hold.Matter
	seen := map[hold.Matter]bool{}
	for _, h := range d.Holders {
		ms, err := h.Open(q, s)
		if err != nil {
			return nil, err
		}
		for _, m := range ms {
			if !seen[m] {
				seen[m] = true
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// Losses lists what an erasure costs the person.
func (d *Desk) Losses(q db.Q, s hold.Scope) ([]hold.Loss, error) {
	var out []hold.Loss
	for _, h := range d.Holders {
		if l, ok := h.(hold.Loser); ok {
			ls, err := l.Losses(q, s)
			if err != nil {
				return nil, err
			}
			out = append(out, ls...)
		}
	}
	return out, nil
}
