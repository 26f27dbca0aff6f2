package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/db"
)

// Access is one reading of a person's details by somebody else than him. Like an
// entry it holds ids and words only.
type Access struct {
	ID        db.ID     // set by RecordAccess
	At        time.Time // set by RecordAccess
	ActorKind string    // "staff", "token"
	ActorID   db.ID
	Person    db.ID    // whose details, in the vault
	Kinds     []string // which: "name", "address", "phone", "email"
	Entity    string   // through what they were reached: "order"
	EntityID  db.ID
	Reason    string // in a word: "order_handling"
}

// accessAgain is how soon the same reading is one and not two: a page that is
// loaded again, a form that came back.
const accessAgain = 15 * time.Minute

// RecordAccess writes that a person's details were read; false when the same reading
// was recorded a moment ago.
func RecordAccess(tx *db.Tx, a Access) (bool, error) {
	a.Kinds = slices.Compact(slices.Sorted(slices.Values(a.Kinds)))
	for _, w := range append([]string{a.ActorKind, a.Entity, a.Reason}, a.Kinds...) {
		if !word.MatchString(w) {
			return false, fmt.Errorf("audit: bad word %q", w)
		}
	}
	if a.Person <= 0 || a.ActorID <= 0 || len(a.Kinds) == 0 {
		return false, errors.New("audit: incomplete access")
	}
	kinds := strings.Join(a.Kinds, " ")
	var n int64
	err := tx.QueryRow(`SELECT count(*) FROM audit_access WHERE person_id=$1 AND actor_kind=$2 AND actor_id=$3 AND kinds=$4 AND entity=$5 AND entity_id=$6 AND reason=$7 AND at > $8`,
		a.Person, a.ActorKind, a.ActorID, kinds, a.Entity, a.EntityID, a.Reason, tx.Now().Add(-accessAgain)).Scan(&n)
	if err != nil || n > 0 {
		return false, err
	}
	_, err = tx.Exec(`INSERT INTO audit_access (id, at, actor_kind, actor_id, person_id, kinds, entity, entity_id, reason) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)`,
		tx.NewID(), tx.Now(), a.ActorKind, a.ActorID, a.Person, kinds, a.Entity, a.EntityID, a.Reason)
	return err == nil, err
}

// Accesses lists who has read a person's details, newest first, with ids below
// cursor (0: from the newest), at most limit (1 to 200).
func Accesses(q db.Q, person, cursor db.ID, limit int) ([]Access, error) {
	if cursor <= 0 {
		cursor = 1<<63 - 1
	}
	return db.All(q, func(r *db.Rows) (a Access, err error) {
		var kinds string
		err = r.Scan(&a.ID, &a.At, &a.ActorKind, &a.ActorID, &a.Person, &kinds, &a.Entity, &a.EntityID, &a.Reason)
		a.Kinds = strings.Fields(kinds)
		return
	}, `SELECT id, at, actor_kind, actor_id, person_id, kinds, entity, entity_id, reason FROM audit_access WHERE person_id=$1 AND id < $2 ORDER BY id DESC LIMIT $3`,
		person, cursor, min(max(limit, 1), 200))
}
