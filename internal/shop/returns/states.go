package returns

import (
	"fmt"
	"slices"
	"strings"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// State of a return.
type State string

// The states.
const (
	Registered State = "registered" // the buyer has told us
	Received   State = "received"   // goods are here, not yet judged
	Accepted   State = "accepted"   // all of it; the money is to go back
	Partly     State = "partly"     // some of it
	Rejected   State = "rejected"   // none of it; the buyer has been told why and where to turn
	Refunded   State = "refunded"   // the money has gone back, or is no longer owed
	Cancelled  State = "cancelled"  // the buyer took it back, or it was a mistake
)

// Transitions is the whole state machine. A rejection may be thought over.
var Transitions = map[State][]State{
	Registered: {Received, Accepted, Partly, Rejected, Cancelled},
	Received:   {Accepted, Partly, Rejected, Cancelled},
	Accepted:   {Refunded},
	Partly:     {Refunded},
	Rejected:   {Accepted, Partly, Cancelled},
	Refunded:   {},
	Cancelled:  {},
}

// Diagram writes the state machine as lines "from -> to", sorted, for the docs.
func Diagram() string {
	var out []string
	for from, tos := range Transitions {
		for _, to := range tos {
			out = append(out, string(from)+" -> "+string(to))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// advance moves a return: the guarded update, the timeline's row and the audit
// row. 409 wrong_state when the table does not allow it, or when somebody was first.
func advance(tx *db.Tx, by auth.By, r *Return, to State, note string) error {
	if !slices.Contains(Transitions[r.State], to) {
		return fault.Conflict("wrong_state")
	}
	n, err := tx.Exec(`UPDATE returns_return SET state=$3, changed_at=$4, version=version+1 WHERE id=$1 AND state=$2`, r.ID, string(r.State), string(to), tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("wrong_state")
	}
	from := r.State
	r.State = to
	if err := event(tx, by, r.ID, string(to), note); err != nil {
		return err
	}
	return record(tx, by, "return."+string(to), "return", r.ID, string(from), note)
}

func event(tx *db.Tx, by auth.By, id db.ID, kind, note string) error {
	_, err := tx.Exec(`INSERT INTO returns_event (id, return_id, kind, note, actor, at) VALUES ($1,$2,$3,$4,$5,$6)`, tx.NewID(), id, kind, note, actor(by), tx.LegalNow())
	return err
}

func actor(by auth.By) string {
	if by.Kind == auth.SystemKind {
		return "system:" + by.Name
	}
	if by.Kind == auth.StaffKind || by.Kind == auth.APIKind {
		return fmt.Sprintf("%s:%s", actorKind(by), by.ID)
	}
	return "guest"
}

func actorKind(by auth.By) string {
	switch by.Kind {
	case auth.StaffKind:
		return "staff"
	case auth.APIKind:
		return "token"
	case auth.SystemKind:
		return "system"
	}
	return "guest"
}

func record(tx *db.Tx, by auth.By, action, entity string, id db.ID, old, new string) error {
	return audit.Record(tx, audit.Entry{ActorKind: actorKind(by), ActorID: by.ID, ActorName: by.Name, Peer: by.Peer, Action: action, Entity: entity, EntityID: id, Old: old, New: new})
}
