package auth

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// The reasons for which a member opens a person's details, in the order pages offer
// them. They are stored and shown to the person: a word keeps its meaning.
const (
	ForPacking  = "packing"
	ForQuestion = "customer_question"
	ForPayment  = "payment_question"
	ForReturn   = "return"
	ForLaw      = "legal_request"
	ForOther    = "other"
)

// Reasons lists them all.
var Reasons = []string{ForPacking, ForQuestion, ForPayment, ForReturn, "complaint", ForLaw, "fraud_check", ForOther}

// ReasonsLimited are those that remain for who has asked for restriction; see OpenIn.Limited.
var ReasonsLimited = []string{ForLaw, ForOther}

// Entities are the things through which a person is opened.
var Entities = []string{"order", "purchase", "case", "return", "bankline", "gift_card", "customer"}

// Bounds of an opening.
const (
	OpeningMinutes    = 30 // by itself; a merchant may set another, between the two below
	MinOpeningMinutes = 5
	MaxOpeningMinutes = 240
	MaxOpeningNote    = 200 // characters
	openingKept       = 90 * 24 * time.Hour
)

var fieldOpeningNote = secret.Register("staff.opening_note", "why a member of staff opened somebody's details, in his own words")

// OpenIn asks to open a person's details.
type OpenIn struct {
	Person   db.ID
	Entity   string // one of Entities
	EntityID db.ID
	Reason   string   // one of Reasons
	Note     string   // needed for "other", at most 200 characters; of no other reason, but see Limited
	Kinds    []string // what is shown then, as audit.Access has them
	Minutes  int64    // 0: OpeningMinutes; taken into the bounds
	Limited  bool     // the person has asked for restriction (art. 18): only "legal_request" or "other", each with a note
}

// Open opens a person's details to a member of staff, through one entity, in his
// present session, for a limited time. The reading is recorded in the same transaction, before
// anything is shown. The caller has found the person through a use case of staff.
// Faults: 403 without personal.open or without a session of staff, 422 at /reason and /note.
func (a *Auth) Open(tx *db.Tx, by By, in OpenIn) (Opened, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return Opened{}, fault.Denied()
	}
	if err := by.Need(PersonalOpen); err != nil {
		return Opened{}, err
	}
	var f fault.Fields
	switch {
	case !slices.Contains(Reasons, in.Reason):
		f.Add("/reason", "choose")
	case in.Limited && !slices.Contains(ReasonsLimited, in.Reason):
		f.Add("/reason", "restricted")
	}
	note := strings.Join(strings.Fields(in.Note), " ")
	switch {
	case in.Reason != ForOther && !(in.Limited && in.Reason == ForLaw):
		note = ""
	case note == "":
		f.Add("/note", "required")
	case !utf8.ValidString(note) || cleanLine(note, len(note)) != note:
		f.Add("/note", "bad_characters")
	case utf8.RuneCountInString(note) > MaxOpeningNote:
		f.Add("/note", "too_long", "max", MaxOpeningNote)
	}
	if err := f.Err(); err != nil {
		return Opened{}, err
	}
	if in.Person <= 0 || in.EntityID <= 0 || !slices.Contains(Entities, in.Entity) {
		return Opened{}, errors.New("auth: an opening of nothing")
	}
	if in.Minutes == 0 {
		in.Minutes = OpeningMinutes
	}
	id, now := tx.NewID(), tx.Now()
	until := now.Add(time.Duration(min(max(in.Minutes, MinOpeningMinutes), MaxOpeningMinutes)) * time.Minute)
	if err := by.Looked(tx, in.Person, in.Entity, in.EntityID, in.Reason, in.Kinds...); err != nil {
		return Opened{}, err
	}
	var sealed any
	var n int64
	var err error
	if note != "" {
		if sealed, err = a.v.Seal(tx, in.Person, fieldOpeningNote, id, []byte(note)); err != nil {
			return Opened{}, err
		}
	} else {
		// The same again makes the time longer, it does not make a second row.
		n, err = tx.Exec(`UPDATE auth_opening SET until_at=$7 WHERE session_id=$1 AND staff_id=$2 AND entity=$3 AND entity_id=$4 AND person_id=$5 AND reason=$6 AND shut_at IS NULL AND until_at > $8`,
			by.Session, by.ID, in.Entity, in.EntityID, in.Person, in.Reason, until, now)
	}
	if err == nil && n == 0 {
		_, err = tx.Exec(`INSERT INTO auth_opening (id, staff_id, session_id, person_id, entity, entity_id, reason, note, opened_at, until_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`,
			id, by.ID, by.Session, in.Person, in.Entity, in.EntityID, in.Reason, sealed, now, until)
	}
	if err != nil {
		return Opened{}, err
	}
	return by.Opened(tx, in.Entity, in.EntityID)
}

// Opened is what the member has opened of an entity and not shut: the one query under
// every page. It is empty without the right, in another session, for another entity, and when
// the time is out.
func (b By) Opened(q db.Q, entity string, id db.ID) (Opened, error) {
	if b.Kind != StaffKind || b.ID <= 0 || !b.Has(PersonalOpen) {
		return Opened{}, nil
	}
	type row struct {
		person db.ID
		reason string
		until  time.Time
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.person, &x.reason, &x.until); return },
		`SELECT person_id, reason, until_at FROM auth_opening WHERE session_id=$1 AND entity=$2 AND entity_id=$3 AND staff_id=$4 AND shut_at IS NULL AND until_at > $5 ORDER BY until_at DESC`,
		b.Session, entity, id, b.ID, q.Now())
	if err != nil || len(rows) == 0 {
		return Opened{}, err
	}
	o := Opened{person: rows[0].person, entity: entity, id: id, until: rows[0].until, recorded: true}
	for _, x := range rows {
		if x.person == o.person {
			o.reasons = append(o.reasons, x.reason)
		}
	}
	return o, nil
}

// OpenedAll is Opened for many entities of one kind, for lists: what is not open is not in the map.
func (b By) OpenedAll(q db.Q, entity string, ids []db.ID) (map[db.ID]Opened, error) {
	out := map[db.ID]Opened{}
	if b.Kind != StaffKind || b.ID <= 0 || !b.Has(PersonalOpen) || len(ids) == 0 {
		return out, nil
	}
	type row struct {
		id, person db.ID
		reason     string
		until      time.Time
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.person, &x.reason, &x.until); return },
		`SELECT entity_id, person_id, reason, until_at FROM auth_opening WHERE session_id=$1 AND entity=$2 AND staff_id=$3 AND shut_at IS NULL AND until_at > $4`, b.Session, entity, b.ID, q.Now())
	if err != nil {
		return nil, err
	}
	for _, x := range rows {
		if !slices.Contains(ids, x.id) {
			continue
		}
		o := out[x.id]
		o.person, o.entity, o.id, o.recorded = x.person, entity, x.id, true
		o.reasons = append(o.reasons, x.reason)
		if x.until.After(o.until) {
			o.until = x.until
		}
		out[x.id] = o
	}
	return out, nil
}

// Shut hides again what the member has opened of an entity. Shutting what is shut is no error.
func Shut(tx *db.Tx, by By, entity string, id db.ID) error {
	if by.Kind != StaffKind || by.ID <= 0 {
		return fault.Denied()
	}
	_, err := tx.Exec(`UPDATE auth_opening SET shut_at=$5 WHERE session_id=$1 AND entity=$2 AND entity_id=$3 AND staff_id=$4 AND shut_at IS NULL`, by.Session, entity, id, by.ID, tx.Now())
	return err
}

// TakenBy lists, of these entities, those that another member has open for a reason:
// who packs is not given the parcel that somebody else is packing.
func TakenBy(q db.Q, by By, entity, reason string, ids []db.ID) (map[db.ID]bool, error) {
	out := map[db.ID]bool{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
		`SELECT entity_id FROM auth_opening WHERE entity=$1 AND reason=$2 AND until_at > $3 AND shut_at IS NULL AND staff_id <> $4`, entity, reason, q.Now(), by.ID)
	for _, id := range rows {
		if slices.Contains(ids, id) {
			out[id] = true
		}
	}
	return out, err
}

// ReadByToken is the leave of an API token whose scopes have personal.open: the
// reading is recorded in the same transaction, with the purpose that the token was made
// for. Without the scope it is empty, and no error: the fields are masked then. So it is for
// a person who has asked for restriction (in.Limited): what opens him is a note, and a machine
// writes none. Reason, Note and Minutes of in say nothing here.
func ReadByToken(tx *db.Tx, by By, in OpenIn) (Opened, error) {
	if by.Kind != APIKind || by.ID <= 0 || !by.Has(PersonalOpen) || in.Person <= 0 || in.Limited {
		return Opened{}, nil
	}
	reason := by.Purpose
	if !slices.Contains(Reasons, reason) {
		reason = ForOther
	}
	if err := by.Looked(tx, in.Person, in.Entity, in.EntityID, reason, in.Kinds...); err != nil {
		return Opened{}, err
	}
	return Opened{person: in.Person, entity: in.Entity, id: in.EntityID, reasons: []string{reason}, recorded: true}, nil
}
