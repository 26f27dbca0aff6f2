package auth

import (
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Outside says that a member works for somebody else: an agency, a warehouse, a
// bookkeeper. The zero Outside is a member of the house.
type Outside struct {
	Company string // who he works for
	Purpose string // what he is here to do
	Ends    time.Time
}

// outsideMost is how long an outside person may be here before an owner says so
// again; endNotice is when a letter tells that the end is near.
const (
	outsideMost = 366 * 24 * time.Hour
	endNotice   = 14 * 24 * time.Hour
)

func microTime(n int64) time.Time { return time.UnixMicro(n) }

// check tidies an Outside. An owner is never an outside person: the shop's last
// owner cannot go by the calendar.
func (o Outside) check(now time.Time, role string) (Outside, error) {
	if o == (Outside{}) {
		return o, nil
	}
	var fs fault.Fields
	if o.Company = cleanLine(o.Company, 80); o.Company == "" {
		fs.Add("/company", "required")
	}
	if o.Purpose = cleanLine(o.Purpose, 200); o.Purpose == "" {
		fs.Add("/purpose", "required")
	}
	switch {
	case o.Ends.IsZero():
		fs.Add("/ends", "required")
	case !o.Ends.After(now) || o.Ends.After(now.Add(outsideMost)):
		fs.Add("/ends", "outside_end")
	}
	if role == ownerRole {
		fs.Add("/role", "outside_owner")
	}
	return o, fs.Err()
}

// InviteOutside is Invite for an outside person: company, purpose and end date, at
// most a year ahead, are needed. Unless an owner invites, an owner must approve.
func (a *Auth) InviteOutside(tx *db.Tx, by By, n NewStaff, o Outside) (Invited, error) {
	if o == (Outside{}) {
		o.Company = " " // so that each field is named
	}
	return a.invite(tx, by, n, o)
}

// SetEnds gives an outside person another end date, at most a year ahead. Unless an
// owner does it, an owner must approve.
func (a *Auth) SetEnds(tx *db.Tx, by By, id db.ID, ends time.Time) error {
	return a.setEnds(tx, by, id, ends)
}

func (a *Auth) setEnds(tx *db.Tx, by By, id db.ID, ends time.Time) error {
	s, err := a.target(tx, by, id)
	if err != nil {
		return err
	}
	if s.ends.IsZero() {
		return fault.Conflict("not_outside")
	}
	if !ends.After(tx.Now()) || ends.After(tx.Now().Add(outsideMost)) {
		return fault.Invalid(fault.Field{Pointer: "/ends", Code: "outside_end"})
	}
	was, is := "ends "+s.ends.UTC().Format(time.DateOnly), "ends "+ends.UTC().Format(time.DateOnly)
	k := ownerAsk(ActOutside, s, is, ownerDo{Do: "ends", Ends: ends.UnixMicro()})
	if ends.After(s.ends) {
		if err := a.merchant(tx, by, k); err != nil {
			return err
		}
	}
	if err := tx.ExecOne(`UPDATE auth_staff SET ends_at=$3, warned_at=NULL, version=version+1 WHERE id=$1 AND version=$2 AND state <> 'closed'`, s.id, s.version, ends); err != nil {
		return err
	}
	if err := tx.Changed(entityStaff, s.id); err != nil {
		return err
	}
	return by.Record(tx, "staff.ends", entityStaff, s.id, was, is)
}
