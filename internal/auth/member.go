package auth

import (
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// Member is an active member of staff, for rooms that keep records about members and
// write to them. His name and address are not part of it; see Profile and Names.
type Member struct {
	ID       db.ID
	Role     string
	RoleName string  // of an own role
	Rights   []Right // what his role gives, what waits for a lesson included
	Lang     lang.Lang
	Created  time.Time
}

func memberOf(s staffRow) Member {
	return Member{ID: s.id, Role: s.role, RoleName: s.roleName, Rights: s.rights, Lang: s.lang.Or(), Created: s.created}
}

// Members lists the active members, the oldest first. It is for the program's own
// work: who asks on somebody's behalf checks his right first.
func (a *Auth) Members(q db.Q) ([]Member, error) {
	now := q.Now()
	rows, err := db.All(q, func(r *db.Rows) (staffRow, error) { return scanStaff(now, r.Scan) }, `SELECT `+staffColumns+staffFrom+` WHERE m.id > 0`+mayAt+`$1) ORDER BY m.id LIMIT 1000`, now)
	if err != nil {
		return nil, err
	}
	out := make([]Member, len(rows))
	for i, s := range rows {
		out[i] = memberOf(s)
	}
	return out, nil
}

// Member is one active member; db.ErrNotFound for others.
func (a *Auth) Member(q db.Q, id db.ID) (Member, error) {
	s, err := staffByID(q, id)
	if err == nil && s.state != "active" {
		err = db.ErrNotFound
	}
	return memberOf(s), err
}

// MemberMail is where and in which language to write to an active member; ok is
// false for who is closed, erased, or has not come in yet.
func (a *Auth) MemberMail(q db.Q, id db.ID) (to Profile, l lang.Lang, ok bool, err error) {
	s, err := staffByID(q, id)
	if errors.Is(err, db.ErrNotFound) || err == nil && s.state != "active" {
		return to, l, false, nil
	}
	if err != nil {
		return to, l, false, err
	}
	to, err = a.open(q, s)
	if errors.Is(err, secret.ErrErased) {
		return to, l, false, nil
	}
	return to, s.lang.Or(), err == nil, err
}

// Owner is a member with the role of owner, as a letter needs him.
type Owner struct {
	ID   db.ID
	To   Profile
	Lang lang.Lang
}

// Owners gives the active owners. An alarm is told to all of them.
func (a *Auth) Owners(q db.Q) ([]Owner, error) {
	now := q.Now()
	rows, err := db.All(q, func(r *db.Rows) (staffRow, error) { return scanStaff(now, r.Scan) }, `SELECT `+staffColumns+staffFrom+` WHERE m.role='owner' AND m.state='active' ORDER BY m.id`)
	if err != nil {
		return nil, err
	}
	var out []Owner
	for _, s := range rows {
		if s.state != "active" { // his time has ended, or he is suspended
			continue
		}
		p, err := a.open(q, s)
		if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Owner{ID: s.id, To: p, Lang: s.lang.Or()})
	}
	return out, nil
}
