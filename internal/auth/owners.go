package auth

import (
	"errors"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

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
