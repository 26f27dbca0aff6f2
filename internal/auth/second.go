package auth

import (
	"encoding/json"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// ownerDo is the payload of an act about a member that needed a second person.
type ownerDo struct {
	Do   string `json:"do"` // invite, reinvite, role, close
	Role string `json:"role,omitempty"`
	Ends int64  `json:"ends,omitempty"` // of outside people, microseconds
}

func ownerAsk(act string, s staffRow, is string, do ownerDo) Ask {
	b, err := json.Marshal(do)
	if err != nil {
		panic(err) // three plain fields
	}
	return Ask{Act: act, Entity: entityStaff, ID: s.id, Was: "role " + s.role + " " + s.state, Is: is, Payload: b}
}

// owners asks for a second person where an owner is made or removed. Two cases need
// none. A new owner where no other could approve: he counts as a second person
// himself from tomorrow on only, so that who makes one has won nothing today. And
// the removal of one who has stood for less than a day: what was made by mistake, or
// by a thief, is undone at once.
func (a *Auth) owners(tx *db.Tx, by By, s staffRow, k Ask) error {
	if by.Kind == SystemKind {
		return nil
	}
	switch k.Act {
	case ActOwnerMade:
		if by.approved != "" {
			break
		}
		second, _ := secondOf(k.Act)
		others, err := a.approvers(tx, second, by.ID, k)
		if err != nil {
			return err
		}
		if len(others) == 0 {
			return nil
		}
	case ActOwnerRemoved:
		if s.standing.After(tx.Now()) || s.state == "invited" {
			return nil
		}
	}
	return by.NeedSecond(k)
}

// askInvite asks for a second person for an invitation that needs one; nil when it
// may leave. The member is there already and has no link: what is asked holds his id,
// never his address.
func (a *Auth) askInvite(tx *db.Tx, by By, id db.ID, is string) (*Approval, error) {
	if by.Kind == SystemKind {
		return nil, nil
	}
	s, err := staffByID(tx, id)
	if err != nil {
		return nil, err
	}
	var k Ask
	switch {
	case s.role == ownerRole:
		k = ownerAsk(ActOwnerMade, s, is, ownerDo{Do: "invite"})
		err = a.owners(tx, by, s, k)
	case !s.ends.IsZero():
		k = ownerAsk(ActOutside, s, is, ownerDo{Do: "invite"})
		err = a.merchant(tx, by, k)
	}
	if !fault.Is(err, "second_person") {
		return nil, err
	}
	p, err := a.Ask(tx, by, k)
	return &p, err
}

// merchant asks for an owner's approval of an outside person; an owner gives it by
// what he does.
func (a *Auth) merchant(tx *db.Tx, by By, k Ask) error {
	if by.Covers(AllRights) {
		return nil
	}
	return by.NeedSecond(k)
}

// waitsFor reports whether an invitation waits for a second person.
func (a *Auth) waitsFor(q db.Q, staff db.ID) (bool, error) {
	var n int64
	err := q.QueryRow(`SELECT count(*) FROM auth_approval WHERE entity=$1 AND entity_id=$2 AND ended_at IS NULL AND expires_at > $3`, entityStaff, staff, q.Now()).Scan(&n)
	return n > 0, err
}

// carryStaff registers how approved acts about members are carried out.
func (a *Auth) carryStaff() {
	do := func(tx *db.Tx, by By, id db.ID, payload []byte) error {
		var o ownerDo
		if err := json.Unmarshal(payload, &o); err != nil {
			return err
		}
		switch o.Do {
		case "invite":
			s, err := a.target(tx, by, id)
			if err != nil {
				return err
			}
			if s.state != "invited" {
				return fault.Conflict("changed_meanwhile")
			}
			if s.role == ownerRole {
				if err := a.tellOwners(tx, LetterOwnerMade, id); err != nil {
					return err
				}
			}
			_, err = a.newInvite(tx, id, "invite", inviteLife)
			return err
		case "reinvite":
			_, err := a.Reinvite(tx, by, id)
			return err
		case "role":
			return a.SetRole(tx, by, id, o.Role)
		case "close":
			return a.Close(tx, by, id)
		case "ends":
			return a.setEnds(tx, by, id, microTime(o.Ends))
		}
		return fault.Conflict("changed_meanwhile")
	}
	for _, act := range []string{ActOwnerMade, ActOwnerRemoved, ActOutside} {
		a.Carry(act, do)
	}
}

// dropInvited closes a member whose invitation was never approved: he has no way in,
// and his address is free again.
func (a *Auth) dropInvited(tx *db.Tx, p Approval) error {
	if p.Ask.Act != ActOwnerMade && p.Ask.Act != ActOutside {
		return nil
	}
	var o ownerDo
	if err := json.Unmarshal(p.Ask.Payload, &o); err != nil || o.Do != "invite" {
		return err
	}
	_, err := tx.Exec(`UPDATE auth_staff SET state='closed', closed_at=$2, version=version+1 WHERE id=$1 AND state='invited' AND NOT EXISTS (SELECT 1 FROM auth_invite i WHERE i.staff_id=$1)`, p.Ask.ID, tx.Now())
	return err
}
