package audit

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/db"
)

// Who reads, beside the people of the house and their tokens.
const (
	ActorSystem    = "system"    // a job, for other reasons than the person's own purchase
	ActorProcessor = "processor" // somebody outside to whom the details were handed
)

// Access is one reading of a person's details by somebody else than him, or one
// hand-over of them to a processor. Like an entry it holds ids and words only.
type Access struct {
	ID        db.ID     // set by RecordAccess
	At        time.Time // set by RecordAccess
	ActorKind string    // "staff", "token", ActorSystem, ActorProcessor
	ActorID   db.ID     // of staff and tokens; 0 otherwise
	ActorName string    // of staff: the role at that moment ("support"); of a job: its kind; of a processor: its name ("stripe"); empty where it is not known
	Person    db.ID     // whose details, in the vault
	Kinds     []string  // which: "name", "address", "phone", "email"
	Entity    string    // through what they were reached: "order"
	EntityID  db.ID
	Reason    string // in a word: "order_handling"
}

// accessAgain is how soon the same reading is one and not two: a page that is
// loaded again, a form that came back.
const accessAgain = 15 * time.Minute

// saltSize in bytes: with 128 random bits nobody finds a reading that is gone by
// trying all persons and reasons against the hash that stays of it.
const saltSize = 16

// RecordAccess writes that a person's details were read; false when the same reading
// was recorded a moment ago.
func RecordAccess(tx *db.Tx, a Access) (bool, error) {
	return recordAccess(tx, a, tx.Now().Add(-accessAgain))
}

// RecordHandover writes that details of a person were handed to a processor, a name
// such as "stripe": which kinds, and through what (a purchase, a letter). The same
// hand-over is one row however often it is repeated; false then.
func RecordHandover(tx *db.Tx, person db.ID, processor string, kinds []string, entity string, id db.ID) (bool, error) {
	return recordAccess(tx, Access{ActorKind: ActorProcessor, ActorName: processor, Person: person, Kinds: kinds, Entity: entity, EntityID: id, Reason: "handover"}, time.Time{})
}

func recordAccess(tx *db.Tx, a Access, since time.Time) (bool, error) {
	a.Kinds = slices.Compact(slices.Sorted(slices.Values(a.Kinds)))
	for _, w := range append([]string{a.ActorKind, a.Entity, a.Reason}, a.Kinds...) {
		if !word.MatchString(w) {
			return false, fmt.Errorf("audit: bad word %q", w)
		}
	}
	named := a.ActorKind == ActorSystem || a.ActorKind == ActorProcessor
	if !word.MatchString(a.ActorName) {
		a.ActorName = "" // a role may be called anything; ids and words only are kept
	}
	if a.Person <= 0 || named && a.ActorName == "" || !named && a.ActorID <= 0 || len(a.Kinds) == 0 {
		return false, errors.New("audit: incomplete access")
	}
	from := int64(0)
	if !since.IsZero() {
		from = since.UnixMicro()
	}
	kinds := strings.Join(a.Kinds, " ")
	// Who read stands in a CASE, or SQLite begins with the index of actors and reads all that
	// a processor ever got: each purchase would cost as much as there are purchases.
	who := `actor_kind=$2 AND actor_id=$3 AND kinds=$4 AND entity=$5 AND entity_id=$6 AND reason=$7`
	args := []any{a.Person, a.ActorKind, a.ActorID, kinds, a.Entity, a.EntityID, a.Reason, from}
	if named { // a member whose role changes meanwhile is the same reader
		who += ` AND actor_name=$9`
		args = append(args, a.ActorName)
	}
	again := `SELECT COALESCE(sum(CASE WHEN ` + who + ` THEN 1 ELSE 0 END),0) FROM audit_access WHERE person_id=$1 AND at > $8`
	var n int64
	if err := tx.QueryRow(again, args...).Scan(&n); err != nil || n > 0 {
		return false, err
	}
	done, err := takeTurn(tx, a, kinds, named)
	if err != nil {
		return false, err
	}
	// Asked again: who had the turn before has recorded it now, or has not.
	if err := tx.QueryRow(again, args...).Scan(&n); err != nil {
		return false, err
	}
	if err := done(); err != nil || n > 0 {
		return false, err
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	a.ID, a.At = tx.NewID(), tx.Now()
	_, err = tx.Exec(`INSERT INTO audit_access (id, at, actor_kind, actor_id, actor_name, person_id, kinds, entity, entity_id, reason, salt) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`,
		a.ID, a.At, a.ActorKind, a.ActorID, a.ActorName, a.Person, kinds, a.Entity, a.EntityID, a.Reason, salt)
	if err != nil {
		return false, err
	}
	return true, enter(tx, leafReading, a.ID, a.At, a.digest(salt))
}

// takeTurn lets one transaction at a time record a reading of the same kind: a second
// waits at the unique key until the first is committed or undone. done takes the row away again: the
// key of a running transaction makes others wait even then, and nothing of the reading stays here.
func takeTurn(tx *db.Tx, a Access, kinds string, named bool) (done func() error, err error) {
	var p packer
	p.num(int64(a.Person), int64(a.ActorID), int64(a.EntityID))
	p.text(a.ActorKind, kinds, a.Entity, a.Reason)
	if named {
		p.text(a.ActorName)
	}
	turn := p.sum()
	if _, err := tx.Exec(`INSERT INTO audit_turn (digest) VALUES ($1)`, turn); err != nil {
		return nil, err
	}
	return func() error { _, err := tx.Exec(`DELETE FROM audit_turn WHERE digest=$1`, turn); return err }, nil
}

const accessColumns = `id, at, actor_kind, actor_id, actor_name, person_id, kinds, entity, entity_id, reason`

func scanAccess(r *db.Rows) (a Access, err error) {
	var kinds string
	err = r.Scan(&a.ID, &a.At, &a.ActorKind, &a.ActorID, &a.ActorName, &a.Person, &kinds, &a.Entity, &a.EntityID, &a.Reason)
	a.Kinds = strings.Fields(kinds)
	return
}

// Accesses lists who has read a person's details, newest first, with ids below
// cursor (0: from the newest), at most limit (1 to 200).
func Accesses(q db.Q, person, cursor db.ID, limit int) ([]Access, error) {
	return Readings(q, []db.ID{person}, cursor, limit)
}

// Readings lists who has read the details of a human being, who may be several
// persons of the vault (each purchase of a guest makes one): newest first, with
// ids below cursor (0: from the newest), at most limit (1 to 200). The id of the last one
// is the next cursor. For the words of a page see internal/web/reading.
func Readings(q db.Q, persons []db.ID, cursor db.ID, limit int) ([]Access, error) {
	if cursor <= 0 {
		cursor = 1<<63 - 1
	}
	limit = min(max(limit, 1), 200)
	var out []Access
	for _, p := range persons {
		as, err := db.All(q, scanAccess, `SELECT `+accessColumns+` FROM audit_access WHERE person_id=$1 AND id < $2 ORDER BY id DESC LIMIT $3`, p, cursor, limit)
		if err != nil {
			return nil, err
		}
		out = append(out, as...)
	}
	slices.SortFunc(out, func(a, b Access) int { return cmp.Compare(b.ID, a.ID) })
	return out[:min(len(out), limit)], nil
}

// ReadingFilter narrows ListReadings; empty fields do not.
type ReadingFilter struct {
	ActorKind string
	ActorID   db.ID
	Reason    string
	From, To  time.Time // half-open
}

// ListReadings gives all readings, newest first, with ids below cursor (0: from the
// newest), at most limit (1 to 200).
func ListReadings(q db.Q, f ReadingFilter, cursor db.ID, limit int) ([]Access, error) {
	if cursor <= 0 {
		cursor = 1<<63 - 1
	}
	if !f.To.IsZero() {
		cursor = min(cursor, db.IDAt(f.To))
	}
	args := []any{cursor, min(max(limit, 1), 200)}
	where := ""
	add := func(cond string, v any) {
		args = append(args, v)
		where += fmt.Sprintf(" AND %s $%d", cond, len(args))
	}
	if f.ActorKind != "" {
		add("actor_kind =", f.ActorKind)
	}
	if f.ActorID != 0 {
		add("actor_id =", f.ActorID)
	}
	if f.Reason != "" {
		add("reason =", f.Reason)
	}
	// Ids are in the order of time, and the key is what the list is sorted by.
	if !f.From.IsZero() {
		add("id >=", db.IDAt(f.From))
	}
	return db.All(q, scanAccess, `SELECT `+accessColumns+` FROM audit_access WHERE id < $1`+where+` ORDER BY id DESC LIMIT $2`, args...)
}
