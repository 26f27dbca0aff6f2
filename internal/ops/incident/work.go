package incident

import (
	"errors"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// advance moves an incident: the guarded update, the line and the audit row. A 409 fault
// wrong_state when it is no longer where the caller saw it.
func (m *Room) advance(tx *db.Tx, by auth.By, i *Incident, to State, kind, said string) error {
	if !slices.Contains(Transitions[i.State], to) {
		return fault.Conflict("wrong_state")
	}
	var closed any
	if to == Closed {
		closed = tx.Now()
	}
	n, err := tx.Exec(`UPDATE incident_record SET state=$3, closed_at=$4, taken_by=COALESCE(taken_by,$5), taken_at=COALESCE(taken_at,$6), version=version+1 WHERE id=$1 AND state=$2 AND swept_at IS NULL`,
		i.ID, string(i.State), string(to), closed, by.ID, tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("wrong_state")
	}
	from := i.State
	i.State = to
	if err := m.line(tx, by, i, kind, "", said); err != nil {
		return err
	}
	return by.Record(tx, "incident."+kind, entity, i.ID, string(from), string(to))
}

// lead reads an incident for who may lead it.
func (m *Room) lead(tx *db.Tx, by auth.By, id db.ID) (Incident, error) {
	if err := by.Need(auth.IncidentsWrite); err != nil {
		return Incident{}, err
	}
	return byID(tx, id)
}

// Take says that by has it from now on. 409 incident_taken when another was first.
func (m *Room) Take(tx *db.Tx, by auth.By, id db.ID) error {
	i, err := m.lead(tx, by, id)
	if err != nil {
		return err
	}
	if i.State == Open {
		err = m.advance(tx, by, &i, Working, "taken", "")
	}
	if i.State == Closed {
		return fault.Conflict("wrong_state")
	}
	if fault.Is(err, "wrong_state") {
		return fault.Conflict("incident_taken")
	}
	if err == nil && i.TakenBy != 0 {
		if i.TakenBy == by.ID {
			return nil // a second press of the same button
		}
		return fault.Conflict("incident_taken")
	}
	return err
}

// Note adds words to the timeline: of who leads, or of who opened it. 422 at "text".
func (m *Room) Note(tx *db.Tx, by auth.By, id db.ID, said string) error {
	i, err := byID(tx, id)
	if err != nil {
		return err
	}
	if !i.Mine(by) {
		if !by.Has(auth.IncidentsRead) && !by.Has(auth.IncidentsWrite) {
			return fault.NotFound()
		}
		if err := by.Need(auth.IncidentsWrite); err != nil {
			return err
		}
	}
	if said, err = words("/text", said); err != nil {
		return err
	}
	if err := m.line(tx, by, &i, "note", "", said); err != nil {
		return err
	}
	return by.Record(tx, "incident.note", entity, id, "", "")
}

func words(pointer, s string) (string, error) {
	if s = clean(s); s == "" {
		return "", fault.Invalid(fault.Field{Pointer: pointer, Code: "required"})
	}
	return s, nil
}

// Rate sets how bad it is.
func (m *Room) Rate(tx *db.Tx, by auth.By, id db.ID, s Severity) error {
	i, err := m.lead(tx, by, id)
	if err != nil {
		return err
	}
	if !slices.Contains(Severities, s) {
		return fault.Invalid(fault.Field{Pointer: "/severity", Code: "bad_value"})
	}
	if s == i.Severity {
		return nil
	}
	if n, err := tx.Exec(`UPDATE incident_record SET severity=$3, version=version+1 WHERE id=$1 AND severity=$2 AND state <> 'closed'`, id, string(i.Severity), string(s)); err != nil || n != 1 {
		if err == nil {
			err = fault.Conflict("wrong_state")
		}
		return err
	}
	if err := m.line(tx, by, &i, "severity", string(s), ""); err != nil {
		return err
	}
	return by.Record(tx, "incident.severity", entity, id, string(i.Severity), string(s))
}

// move moves the answer to whether personal data is concerned.
func (m *Room) move(tx *db.Tx, by auth.By, i *Incident, to Personal, aware time.Time, said string) error {
	if !slices.Contains(PersonalMoves[i.Personal], to) {
		return fault.Conflict("wrong_state")
	}
	n, err := tx.Exec(`UPDATE incident_record SET personal=$3, aware_at=$4, version=version+1 WHERE id=$1 AND personal=$2 AND state <> 'closed'`, i.ID, string(i.Personal), string(to), aware)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("wrong_state")
	}
	from := i.Personal
	i.Personal, i.Aware = to, aware
	if err := m.line(tx, by, i, string(to), "", said); err != nil {
		return err
	}
	return by.Record(tx, "incident.personal", entity, i.ID, string(from), string(to))
}

// Suspect says that personal data may be concerned, and starts the clock: from now, or
// from when the incident was opened, when that already made it plain.
func (m *Room) Suspect(tx *db.Tx, by auth.By, id db.ID, fromOpened bool) error {
	i, err := m.lead(tx, by, id)
	if err != nil {
		return err
	}
	aware := tx.Now()
	if fromOpened {
		aware = i.Opened
	}
	if i.Personal == Cleared && i.Aware.Before(aware) {
		aware = i.Aware // the authority counts from the first time somebody understood
	}
	return m.move(tx, by, &i, Suspected, aware, "")
}

// Report says that the authority has been told; said is its reference, or what was told.
func (m *Room) Report(tx *db.Tx, by auth.By, id db.ID, said string) error {
	i, err := m.lead(tx, by, id)
	if err != nil {
		return err
	}
	return m.move(tx, by, &i, Reported, i.Aware, clean(said))
}

// Clear says that no report is needed, and why (art. 33.5). 422 at "why".
func (m *Room) Clear(tx *db.Tx, by auth.By, id db.ID, why string) error {
	i, err := m.lead(tx, by, id)
	if err != nil {
		return err
	}
	if why, err = words("/why", why); err != nil {
		return err
	}
	return m.move(tx, by, &i, Cleared, i.Aware, why)
}

// Close ends it with what was learned. 422 at "learned"; 409 personal_open while a breach is neither
// reported nor cleared.
func (m *Room) Close(tx *db.Tx, by auth.By, id db.ID, learned string) error {
	i, err := m.lead(tx, by, id)
	if err != nil {
		return err
	}
	if learned, err = words("/learned", learned); err != nil {
		return err
	}
	if i.Personal == Suspected {
		return fault.Conflict("personal_open")
	}
	err = m.advance(tx, by, &i, Closed, "closed", learned)
	if db.IsCheck(err) { // suspected in the same moment
		return fault.Conflict("personal_open")
	}
	return err
}

// Reopen goes on with a closed one. 422 at "why".
func (m *Room) Reopen(tx *db.Tx, by auth.By, id db.ID, why string) error {
	i, err := m.lead(tx, by, id)
	if err != nil {
		return err
	}
	if why, err = words("/why", why); err != nil {
		return err
	}
	return m.advance(tx, by, &i, Working, "reopened", why)
}

// Contact is whom to call when it cannot wait.
type Contact struct {
	Name, Phone string
	Version     int64 `json:"-"`
}

// Call is whom to call; the zero Contact when nobody has been named. Everybody of the house may know.
func (m *Room) Call(q db.Q) (c Contact, err error) {
	var sealed []byte
	var version int64
	err = q.QueryRow(`SELECT said, version FROM incident_contact WHERE id=1`).Scan(&sealed, &version)
	if errors.Is(err, db.ErrNotFound) {
		return Contact{}, nil
	}
	if err != nil {
		return Contact{}, err
	}
	c, err = openContact(m.Vault, sealed)
	c.Version = version
	return c, err
}
