// Package hold is the contract between the room that carries out people's rights
// (internal/shop/privacy) and the rooms that hold personal details. A room meets it
// with a type Holder of its own, in its file holder.go; app wires them, and a test there
// proves that every personal table of the map has a holder, and that what export shows and what erasure
// takes are the same.
package hold

import (
	"slices"
	"strings"
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
)

// Limit bounds how many rows of one kind a room gives or takes of one person.
const Limit = 1000

// Scope is whose details are meant: everything that one proven mail address leads to.
type Scope struct {
	Mail      string // canonical (secret.CanonicalEmail), proven by who asks
	Persons   []db.ID
	Customers []db.ID
	Orders    []db.ID
	Purchases []db.ID
}

// Person, Customer, Order and Purchase add an id once; 0 is nobody.
func (s *Scope) Person(id db.ID)   { add(&s.Persons, id) }
func (s *Scope) Customer(id db.ID) { add(&s.Customers, id) }
func (s *Scope) Order(id db.ID)    { add(&s.Orders, id) }
func (s *Scope) Purchase(id db.ID) { add(&s.Purchases, id) }

// Size counts what the scope names.
func (s Scope) Size() int {
	return len(s.Persons) + len(s.Customers) + len(s.Orders) + len(s.Purchases)
}

func add(to *[]db.ID, id db.ID) {
	if id > 0 && !slices.Contains(*to, id) {
		*to = append(*to, id)
	}
}

// In makes the placeholders and arguments of an IN list, beginning with $n. An empty list
// matches nothing.
func In(ids []db.ID, n int) (string, []any) {
	if len(ids) == 0 {
		ids = []db.ID{-1}
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return "(" + db.Placeholders(n, len(args)) + ")", args
}

// Detail is one thing that is kept of a person.
type Detail struct {
	Column string        `json:"column"`
	Class  datamap.Class `json:"class"`
	Value  string        `json:"value"`
}

// Record is one row with what is kept in it of a person.
type Record struct {
	Category string    `json:"category"`
	Table    string    `json:"table"`
	ID       db.ID     `json:"id"`
	About    string    `json:"about,omitempty"` // what people call it: the number of an order, of a case
	At       time.Time `json:"at"`
	Until    time.Time `json:"until,omitzero"` // when it goes by itself; zero: see the category
	Details  []Detail  `json:"details"`
}

// Add puts a detail in the record; an empty value is left out.
func (r *Record) Add(column string, c datamap.Class, parts ...string) {
	var vs []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			vs = append(vs, p)
		}
	}
	if len(vs) > 0 {
		r.Details = append(r.Details, Detail{column, c, strings.Join(vs, ", ")})
	}
}

// Matter is something that is not finished, and must be before a person can be erased.
type Matter struct {
	Kind  string // "privacy.open.KIND" says what it is and what must happen
	About string // the number people know it by; may be empty
}

// Loss is what a person loses by being erased.
type Loss struct {
	Kind  string // "privacy.loss.KIND"
	About string
	Until time.Time // until when it would have been of use; zero: not known
	Link  string    // path of what can be fetched before; may be empty
}

// Holder is a room that holds details of persons. Every method finds nothing without
// error for a scope that is empty or long erased.
type Holder interface {
	// Room is the name of the room, the prefix of its tables.
	Room() string
	// Find adds to the scope what the room knows of it: persons by the mail address, orders by
	// persons. It is called in turn until nothing is added.
	Find(q db.Q, s *Scope) error
	// Export gives everything the room holds of the persons, in the classes of the map. What
	// cannot be opened any more is left out.
	Export(q db.Q, s Scope) ([]Record, error)
	// Open lists what is not finished.
	Open(q db.Q, s Scope) ([]Matter, error)
	// Erase takes away what the destroyed keys of s.Persons do not reach: indexes, readable
	// details, letters that wait. The caller destroys the keys, in the same transaction. Twice
	// is no error.
	Erase(tx *db.Tx, s Scope) error
}

// Correction is what a person wants changed; empty fields stay as they are.
type Correction struct {
	Name, Phone                                      string
	CareOf, Line1, Line2, PostalCode, City, DoorCode string
}

// Corrector is a holder that can correct.
type Corrector interface {
	// Correct changes the details of what is not finished, and of the person. It returns how
	// many rows it changed. 422 with fields.
	Correct(tx *db.Tx, s Scope, c Correction) (int, error)
}

// Loser is a holder that knows what is lost.
type Loser interface {
	Losses(q db.Q, s Scope) ([]Loss, error)
}
