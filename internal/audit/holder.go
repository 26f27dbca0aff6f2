package audit

import (
	"strings"
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
)

// Holder meets hold.Holder for the record of readings.
type Holder struct{}

// Room is the room's name.
func (Holder) Room() string { return "audit" }

// Find finds nobody.
func (Holder) Find(db.Q, *hold.Scope) error { return nil }

// Export gives who has read the persons' details.
func (Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	as, err := Readings(q, s.Persons, 0, 200)
	var out []hold.Record
	for _, a := range as {
		who := a.ActorKind
		if a.ActorName != "" {
			who += " " + a.ActorName
		}
		r := hold.Record{Category: "readings", Table: "audit_access", ID: a.ID, About: who, At: a.At}
		r.Add("at", datamap.Doing, a.At.UTC().Format(time.RFC3339))
		r.Add("kinds", datamap.Doing, strings.Join(a.Kinds, " "))
		r.Add("reason", datamap.Doing, a.Reason)
		out = append(out, r)
	}
	return out, err
}

// Open lists nothing.
func (Holder) Open(db.Q, hold.Scope) ([]hold.Matter, error) { return nil, nil }

// Erase has nothing to take: that an id was read, when and why tells of nobody once the
// id's key is gone.
func (Holder) Erase(*db.Tx, hold.Scope) error { return nil }
