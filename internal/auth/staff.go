package auth

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// Staff is a member as the list of staff shows him. Password and factors are
// never part of it.
type Staff struct {
	ID       db.ID
	Profile  Profile
	Role     string // key
	RoleName string // of an own role
	Rights   []Right
	State    string    // "invited", "active", "suspended", "ended", "closed"
	Ends     time.Time // of outside people; zero: no end
	TOTP     bool
	Passkeys int64
	Version  int64
	Created  time.Time
	SignedIn time.Time // zero: never
}

// List gives all members, the newest first.
func (a *Auth) List(q db.Q, by By) ([]Staff, error) {
	if err := by.Need(StaffWrite); err != nil {
		return nil, err
	}
	type line struct {
		s    staffRow
		keys int64
	}
	now := q.Now()
	rows, err := db.All(q, func(r *db.Rows) (l line, err error) {
		l.s, err = scanStaff(now, func(d ...any) error { return r.Scan(append(d, &l.keys)...) })
		return
	}, `SELECT `+staffColumns+`, (SELECT count(*) FROM auth_passkey p WHERE p.staff_id = m.id)`+staffFrom+` ORDER BY m.id DESC LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	var out []Staff
	for _, l := range rows {
		p, err := a.open(q, l.s)
		if err != nil && !errors.Is(err, secret.ErrErased) {
			return nil, err
		}
		out = append(out, Staff{ID: l.s.id, Profile: p, Role: l.s.role, RoleName: l.s.roleName, Rights: l.s.rights, Ends: l.s.ends, State: l.s.state, TOTP: len(l.s.totp) > 0, Passkeys: l.keys,
			Version: l.s.version, Created: l.s.created, SignedIn: l.s.signedIn})
	}
	return out, nil
}

// Names gives the names of members for timelines and logs, to any member of
// staff. Unknown and erased ones are left out.
func (a *Auth) Names(q db.Q, by By, ids []db.ID) (map[db.ID]string, error) {
	if by.Kind != StaffKind && by.Kind != SystemKind {
		return nil, fault.Denied()
	}
	out := map[db.ID]string{}
	for _, id := range ids {
		if _, ok := out[id]; ok {
			continue
		}
		p, err := a.Profile(q, id)
		if errors.Is(err, db.ErrNotFound) || errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[id] = p.Name
	}
	return out, nil
}

// target reads a member whom by may change: a person with fresh proof, the right,
// and every right the member's role holds.
func (a *Auth) target(tx *db.Tx, by By, id db.ID) (staffRow, error) {
	if err := by.needPerson(tx.Now()); err != nil {
		return staffRow{}, err
	}
	s, err := staffByID(tx, id)
	if errors.Is(err, db.ErrNotFound) || err == nil && s.state == "closed" {
		return staffRow{}, fault.NotFound()
	}
	if err != nil {
		return staffRow{}, err
	}
	if !by.Covers(s.rights) {
		return staffRow{}, fault.Denied()
	}
	return s, nil
}

// keepOwner refuses when s is the last owner who can come in. The root row is
// bumped first, so that two owners who close each other at the same moment take turns.
func keepOwner(tx *db.Tx, s staffRow) error {
	if err := bump(tx); err != nil {
		return err
	}
	if s.role != ownerRole || s.state != "active" {
		return nil
	}
	var others int64
	if err := tx.QueryRow(`SELECT count(*) FROM auth_staff m WHERE m.role='owner' AND m.id <> $1`+mayAt+`$2)`, s.id, tx.Now()).Scan(&others); err != nil {
		return err
	}
	if others == 0 {
		return fault.Conflict("last_owner")
	}
	return nil
}

// taps are the ways in that cutOff deletes, by the member's id. TestLeaver walks
// the schema and fails for a table of this room that names a member and is not thought of.
var taps = []string{
	`DELETE FROM auth_session WHERE staff_id=$1`,
	`DELETE FROM auth_passkey WHERE staff_id=$1`,
	`DELETE FROM auth_challenge WHERE staff_id=$1`,
	`DELETE FROM auth_invite WHERE staff_id=$1`,
	`DELETE FROM auth_recovery WHERE staff_id=$1`,
	`DELETE FROM auth_totp_next WHERE staff_id=$1`,
	`DELETE FROM auth_sso WHERE staff_id=$1`,
	`DELETE FROM auth_sso_flow WHERE staff_id=$1`,
}

// cutOff takes every way in from a member: sessions, tokens he made, passkeys,
// one-time codes, single sign-on, invitations, and what he has asked others to approve.
func (a *Auth) cutOff(tx *db.Tx, staff db.ID) error {
	if staff <= 0 {
		return nil
	}
	for _, q := range taps {
		if _, err := tx.Exec(q, staff); err != nil {
			return err
		}
	}
	if err := revokeAll(tx, staff); err != nil {
		return err
	}
	if err := a.withdrawAll(tx, staff); err != nil {
		return err
	}
	return tx.Changed(entityStaff, staff)
}

// SetRole gives a member another role. by MUST hold all rights of both roles; the
// last owner stays owner, and who becomes or ceases to be one needs a second person
// (see owners). His sessions end: he signs in anew.
func (a *Auth) SetRole(tx *db.Tx, by By, id db.ID, role string) error {
	s, err := a.target(tx, by, id)
	if err != nil {
		return err
	}
	r, err := roleByKey(tx, role)
	if err != nil {
		return err
	}
	if !by.Covers(r.Rights) {
		return fault.Denied()
	}
	if s.role == role {
		return nil
	}
	if role == ownerRole && !s.ends.IsZero() {
		return fault.Conflict("outside_owner")
	}
	if err := keepOwner(tx, s); err != nil {
		return err
	}
	// Read again in our turn: the role may have been removed since.
	if _, err := roleByKey(tx, role); err != nil {
		return err
	}
	if s.role == ownerRole || role == ownerRole {
		act := ActOwnerRemoved
		if role == ownerRole {
			act = ActOwnerMade
		}
		if err := a.owners(tx, by, s, ownerAsk(act, s, "role "+role, ownerDo{Do: "role", Role: role})); err != nil {
			return err
		}
	}
	if err := tx.ExecOne(`UPDATE auth_staff SET role=$3, version=version+1, granted_at=$4, standing_at=$5 WHERE id=$1 AND version=$2 AND state <> 'closed'`, s.id, s.version, role, tx.Now(), standing(tx, by)); err != nil {
		return err
	}
	if err := endSessions(tx, s.id, 0); err != nil {
		return err
	}
	if err := tx.Changed(entityStaff, s.id); err != nil {
		return err
	}
	if err := changed(tx, s.id, RoleChanged); err != nil {
		return err
	}
	if role == ownerRole {
		if err := a.tellOwners(tx, LetterOwnerMade, s.id); err != nil {
			return err
		}
	}
	return by.Record(tx, "staff.role", entityStaff, s.id, "role "+s.role, "role "+role)
}

// standing is from when a member whose role by gives counts as a second person: at
// once where the program gives it, on the host of the shop.
func standing(tx *db.Tx, by By) time.Time {
	if by.Kind == SystemKind {
		return tx.Now()
	}
	return tx.Now().Add(standAfter)
}

// Close ends a member: sessions, tokens, passkeys, codes, invitations and what he
// asked for die with the commit. His name stays for the log until he is erased. An
// owner's closing needs a second person (see owners).
func (a *Auth) Close(tx *db.Tx, by By, id db.ID) error {
	s, err := a.target(tx, by, id)
	if err != nil {
		return err
	}
	if err := keepOwner(tx, s); err != nil {
		return err
	}
	if s.role == ownerRole {
		if err := a.owners(tx, by, s, ownerAsk(ActOwnerRemoved, s, "closed", ownerDo{Do: "close"})); err != nil {
			return err
		}
	}
	return a.close(tx, by, s, "closed")
}

// close is Close after every question is answered.
func (a *Auth) close(tx *db.Tx, by By, s staffRow, why string) error {
	if err := tx.ExecOne(`UPDATE auth_staff SET state='closed', password='', totp=NULL, closed_at=$3, version=version+1 WHERE id=$1 AND version=$2 AND state <> 'closed'`, s.id, s.version, tx.Now()); err != nil {
		return err
	}
	if err := a.cutOff(tx, s.id); err != nil {
		return err
	}
	return by.Record(tx, "staff.close", entityStaff, s.id, s.state, why)
}

// ChangePassword sets the member's own password after the old one, ends his
// other sessions and the API tokens he made, and gives the present session a new secret. Wrong old passwords count as tries.
func (a *Auth) ChangePassword(ctx context.Context, by By, old, new secret.Secret) (Session, error) {
	if by.Kind != StaffKind || by.ID <= 0 || by.Session <= 0 {
		return Session{}, fault.Denied()
	}
	key := factor.TryKey("change", []byte(by.ID.String()))
	type look struct {
		wait time.Duration
		s    staffRow
		p    Profile
	}
	l, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (l look, err error) {
		if l.s, err = staffByID(tx, by.ID); err != nil {
			return l, err
		}
		if l.p, err = a.open(tx, l.s); err != nil {
			return l, err
		}
		l.wait, err = reserve(tx, key)
		return l, err
	})
	if err != nil {
		return Session{}, err
	}
	if l.wait > 0 {
		return Session{}, fault.TooMany(l.wait)
	}
	if err := a.checkPassword(new.Reveal(), l.p.Email, l.p.Name); err != nil {
		return Session{}, err
	}
	var hash string
	var ok bool
	err = a.hasher.Do(ctx, func() (err error) {
		if l.s.password == "" || len(old.Reveal()) > factor.MaxPassword {
			return nil
		}
		if ok, err = a.hasher.Compare(l.s.password, old); err != nil || !ok {
			return err
		}
		hash = a.hasher.Hash(new)
		return nil
	})
	if err != nil {
		return Session{}, err
	}
	if !ok {
		if err := RecordRefusal(ctx, a.d, by, "staff.password", entityStaff, by.ID, "password"); err != nil {
			return Session{}, err
		}
		return Session{}, fault.Invalid(fault.Field{Pointer: "/old_password", Code: "wrong_password"})
	}
	s, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (Session, error) {
		if err := tx.ExecOne(`UPDATE auth_staff SET password=$3, version=version+1 WHERE id=$1 AND password=$2 AND state='active'`, by.ID, l.s.password, hash); err != nil {
			return Session{}, err
		}
		if err := endSessions(tx, by.ID, by.Session); err != nil {
			return Session{}, err
		}
		if err := revokeAll(tx, by.ID); err != nil {
			return Session{}, err
		}
		if err := factor.ClearTries(tx, key); err != nil {
			return Session{}, err
		}
		if err := changed(tx, by.ID, PasswordChanged); err != nil {
			return Session{}, err
		}
		if err := by.Record(tx, "staff.password", entityStaff, by.ID, "", "changed"); err != nil {
			return Session{}, err
		}
		s, err := scanSession(tx.QueryRow(`SELECT `+sessionColumns+sessionFrom+` WHERE s.id=$1 AND s.staff_id=$2`, by.Session, by.ID).Scan)
		if errors.Is(err, db.ErrNotFound) {
			return Session{}, fault.SignIn()
		}
		if err != nil {
			return Session{}, err
		}
		return a.freshen(tx, s, by.Peer)
	})
	return s, err
}

// Credentials are set by the program itself.
type Credentials struct {
	NewStaff
	Password secret.Secret
	TOTP     secret.Secret // base32
}

// NewTOTP draws a TOTP secret, in base32.
func (a *Auth) NewTOTP() (secret.Secret, error) {
	return a.newTOTP()
}

// SetCredentials makes or finds the member of that address and sets role,
// password and TOTP; all his sessions and passkeys end. For the demo, which mints them at each
// start, and for the command on the host that lets a locked-out owner in. Only for System principals.
func (a *Auth) SetCredentials(ctx context.Context, by By, c Credentials) (db.ID, error) {
	if by.Kind != SystemKind {
		return 0, fault.Denied()
	}
	if err := a.checkPassword(c.Password.Reveal(), c.Email, c.Name); err != nil {
		return 0, err
	}
	hash := a.hasher.Hash(c.Password)
	id, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (db.ID, error) {
		_, index, err := a.email(c.Email)
		if err != nil {
			return 0, err
		}
		if _, err := roleByKey(tx, c.Role); err != nil {
			return 0, err
		}
		s, err := staffByEmail(tx, index)
		if errors.Is(err, db.ErrNotFound) {
			id, err := a.newStaff(tx, by, c.NewStaff, Outside{})
			if err != nil {
				return 0, err
			}
			if s, err = staffByID(tx, id); err != nil {
				return 0, err
			}
		} else if err != nil {
			return 0, err
		} else if s.role != c.Role {
			if err := keepOwner(tx, s); err != nil {
				return 0, err
			}
		}
		sealed, err := a.v.Seal(tx, s.person, fieldTOTP, s.id, []byte(c.TOTP.Reveal()))
		if err != nil {
			return 0, err
		}
		if err := tx.ExecOne(`UPDATE auth_staff SET role=$2, password=$3, totp=$4, totp_step=0, state='active', suspended_at=NULL, ends_at=NULL, warned_at=NULL, granted_at=$5, standing_at=$5, awake_at=$5, version=version+1 WHERE id=$1 AND state <> 'closed'`, s.id, c.Role, hash, sealed, tx.Now()); err != nil {
			return 0, err
		}
		if err := a.cutOff(tx, s.id); err != nil {
			return 0, err
		}
		if err := factor.ClearTries(tx, factor.TryKey("signin", index)); err != nil {
			return 0, err
		}
		return s.id, by.Record(tx, "staff.credentials", entityStaff, s.id, "", "role "+c.Role)
	})
	return id, err
}
