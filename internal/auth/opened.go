package auth

import (
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Opened is leave to open sealed details of a person. Rooms ask for it wherever they
// give out who somebody is, so that no page can forget to: its fields are closed, the
// zero value opens nothing, and the office gets one only through an opening that is
// recorded (By.Opened, Auth.Open, ReadByToken). Holder and OwnWork are for those who hold the
// link and for jobs; test/arch keeps them out of the office's faces.
type Opened struct {
	all      bool
	person   db.ID
	entity   string // with id: through what alone; empty for the person himself
	id       db.ID
	until    time.Time
	reasons  []string
	recorded bool
}

// Holder is the leave of who holds the link to what is his own: the person himself.
func Holder(person db.ID) Opened { return Opened{person: person} }

// OwnWork is the leave of the program's own work: letters, papers, exports, matching.
// Nothing that it opens goes to a face of the office.
func OwnWork() Opened { return Opened{all: true} }

// Opens reports whether the details of the person may be opened through the entity.
func (o Opened) Opens(person db.ID, entity string, id db.ID) bool {
	if o.all {
		return true
	}
	if person <= 0 || o.person != person {
		return false
	}
	return o.entity == "" && o.id == 0 || o.entity == entity && o.id == id
}

// Need returns a 403 fault "masked" unless o opens it.
func (o Opened) Need(person db.ID, entity string, id db.ID) error {
	if o.Opens(person, entity, id) {
		return nil
	}
	return Masked()
}

// Masked is the answer where details are hidden: a 403 fault.
func Masked() error { return &fault.Error{Kind: fault.Forbidden, Code: "masked"} }

// Any reports whether something is open at all.
func (o Opened) Any() bool { return o.all || o.person > 0 }

// Until is when an opening of staff ends by itself; the zero time for every other leave.
func (o Opened) Until() time.Time { return o.until }

// For reports whether one of the stated reasons is the given one.
func (o Opened) For(reason string) bool { return slices.Contains(o.reasons, reason) }
