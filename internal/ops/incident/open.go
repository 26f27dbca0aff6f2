package incident

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
)

// Jobs.
const (
	// JobTell finds out whom to tell; Ref is the incident.
	JobTell = "incident.tell"
	// JobMail asks for one letter; Ref is the row of incident_letter.
	JobMail = "incident.mail_opened"
)

// Facts are what is known when an incident is opened.
type Facts struct {
	Severity Severity      // empty: High
	Place    string        // pattern of the route it was seen at; anything else is left out
	Said     string        // free words, sealed; may be empty
	Key      string        // what is the same incident, made of ids: while one with this key is not closed and its window lasts, it gets a line instead. Empty: never the same
	Window   time.Duration // 0: ten minutes
}

// Opened is what Open did.
type Opened struct {
	ID     db.ID
	Merged bool
}

var gateForm = regexp.MustCompile(`^[a-z0-9:_.-]{1,100}$`)

// Open opens an incident, or adds a line to the one it belongs to, and has those in charge
// told. No right is asked for: whoever can call it has something to say. Alarms call it as auth.System.
func (m *Room) Open(tx *db.Tx, by auth.By, kind Kind, f Facts) (Opened, error) {
	if by.Kind != auth.StaffKind && by.Kind != auth.SystemKind {
		return Opened{}, fault.Denied()
	}
	if !slices.Contains(Kinds, kind) {
		return Opened{}, fmt.Errorf("incident: no kind %q", kind)
	}
	if f.Severity == "" {
		f.Severity = High
	}
	if !slices.Contains(Severities, f.Severity) {
		return Opened{}, fmt.Errorf("incident: no severity %q", f.Severity)
	}
	f.Said, f.Place = clean(f.Said), place(f.Place)
	id := tx.NewID()
	if f.Key != "" {
		key := string(kind) + ":" + f.Key
		if !gateForm.MatchString(key) {
			return Opened{}, errors.New("incident: a key is made of ids")
		}
		if f.Window <= 0 {
			f.Window = merge
		}
		// One conditional write decides which of two presses opens it.
		n, err := tx.Exec(`INSERT INTO incident_gate (gate_key, incident_id, until_at) VALUES ($1,$2,$3)
			ON CONFLICT (gate_key) DO UPDATE SET incident_id=excluded.incident_id, until_at=excluded.until_at
			WHERE incident_gate.until_at <= $4 OR EXISTS (SELECT 1 FROM incident_record r WHERE r.id=incident_gate.incident_id AND r.state='closed')`,
			key, id, tx.Now().Add(f.Window), tx.Now())
		if err != nil {
			return Opened{}, err
		}
		if n == 0 {
			return m.again(tx, by, key, f)
		}
	}
	p, err := m.Vault.NewPerson(tx)
	if err != nil {
		return Opened{}, err
	}
	k, who := actor(by)
	i := Incident{ID: id, Person: p.ID}
	if _, err := tx.Exec(`INSERT INTO incident_record (id, person_id, kind, state, severity, place, opener_kind, opener_id, opened_at, personal, line_count, version)
		VALUES ($1,$2,$3,'open',$4,$5,$6,$7,$8,'no',0,1)`, id, p.ID, string(kind), string(f.Severity), f.Place, k, who, tx.Now()); err != nil {
		return Opened{}, err
	}
	if err := m.line(tx, by, &i, "opened", f.Place, f.Said); err != nil {
		return Opened{}, err
	}
	if err := by.Record(tx, "incident.open", entity, id, "", string(kind)+", "+string(f.Severity)); err != nil {
		return Opened{}, err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobTell, Ref: id})
	return Opened{ID: id}, err
}

// again adds a line to the incident behind a gate. When its timeline is full the line is
// left out: it says nothing new by then.
func (m *Room) again(tx *db.Tx, by auth.By, key string, f Facts) (Opened, error) {
	var id db.ID
	if err := tx.QueryRow(`SELECT incident_id FROM incident_gate WHERE gate_key=$1`, key).Scan(&id); err != nil {
		return Opened{}, err
	}
	i, err := byID(tx, id)
	if err != nil {
		return Opened{}, err
	}
	if err := m.line(tx, by, &i, "again", f.Place, f.Said); err != nil && !fault.Is(err, "incident_full") {
		return Opened{}, err
	}
	return Opened{ID: id, Merged: true}, nil
}

// Feels is the button: something feels wrong to a member of staff. It is never refused.
func (m *Room) Feels(tx *db.Tx, by auth.By, at, said string) (Opened, error) {
	if by.Kind != auth.StaffKind || by.ID <= 0 {
		return Opened{}, fault.Denied()
	}
	return m.Open(tx, by, Felt, Facts{Place: at, Said: said, Key: by.ID.String()})
}
