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
	Role     string
	State    string // "invited", "active", "closed"
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
	rows, err := db.All(q, func(r *db.Rows) (l line, err error) {
		l.s, err = scanStaff(func(d ...any) error { return r.Scan(append(d, &l.keys)...) })
		return
	}, `SELECT `+staffColumns+`, (SELECT count(*) FROM auth_passkey p WHERE p.staff_id = auth_staff.id) FROM auth_staff ORDER BY id DESC LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	var out []Staff
	for _, l := range rows {
		p, err := a.open(q, l.s)
		if err != nil && !errors.Is(err, secret.ErrErased) {
			return nil, err
		}
		out = append(out, Staff{ID: l.s.id, Profile: p, Role: l.s.role, State: l.s.state, TOTP: len(l.s.totp) > 0, Passkeys: l.keys,
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
	if !by.Covers(Roles[s.role]) {
		return staffRow{}, fault.Denied()
	}
	return s, nil
}

// keepOwner refuses when s is the last active owner. The root row is bumped
// first, so that two owners who close each other at the same moment take turns.
func keepOwner(tx *db.Tx, s staffRow) error {
	if err := tx.ExecOne(`UPDATE auth_root SET version=version+1 WHERE id=1`); err != nil {
		return err
	}
	if s.role != "owner" || s.state != "active" {
		return nil
	}
	var others int64
	if err := tx.QueryRow(`SELECT count(*) FROM auth_staff WHERE role='owner' AND state='active' AND id <> $1`, s.id).Scan(&others); err != nil {
		return err
	}
	if others == 0 {
		return fault.Conflict("last_owner")
	}
	return nil
}

// cutOff takes every way in from a member: sessions, tokens he made, passkeys,
// invitations.
func cutOff(tx *db.Tx, staff db.ID) error {
	if err := endSessions(tx, staff, 0); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM auth_passkey WHERE staff_id=$1`,
		`DELETE FROM auth_challenge WHERE staff_id=$1`,
		`DELETE FROM auth_invite WHERE staff_id=$1`,
	} {
		if _, err := tx.Exec(q, staff); err != nil {
			return err
		}
	}
	if err := revokeAll(tx, staff); err != nil {
		return err
	}
	return tx.Changed(entityStaff, staff)
}

// SetRole gives a member another role. by MUST hold all rights of both roles; the
// last active owner stays owner. His sessions end: he signs in anew.
func (a *Auth) SetRole(tx *db.Tx, by By, id db.ID, role string) error {
	s, err := a.target(tx, by, id)
	if err != nil {
		return err
	}
	rights, ok := Roles[role]
	if !ok {
		return fault.Invalid(fault.Field{Pointer: "/role", Code: "unknown_role"})
	}
	if !by.Covers(rights) {
		return fault.Denied()
	}
	if s.role == role {
		return nil
	}
	if err := keepOwner(tx, s); err != nil {
		return err
	}
	if err := tx.ExecOne(`UPDATE auth_staff SET role=$3, version=version+1 WHERE id=$1 AND version=$2 AND state <> 'closed'`, s.id, s.version, role); err != nil {
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
	return by.Record(tx, "staff.role", entityStaff, s.id, "role "+s.role, "role "+role)
}

// Close ends a member: sessions, tokens, passkeys and invitations die with the
// commit. His name stays for the log until he is erased.
func (a *Auth) Close(tx *db.Tx, by By, id db.ID) error {
	s, err := a.target(tx, by, id)
	if err != nil {
		return err
	}
	if err := keepOwner(tx, s); err != nil {
		return err
	}
	if err := tx.ExecOne(`UPDATE auth_staff SET state='closed', password='', totp=NULL, closed_at=$3, version=version+1 WHERE id=$1 AND version=$2 AND state <> 'closed'`, s.id, s.version, tx.Now()); err != nil {
		return err
	}
	if err := cutOff(tx, s.id); err != nil {
		return err
	}
	return by.Record(tx, "staff.close", entityStaff, s.id, s.state, "closed")
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
	if err := checkPassword(new.Reveal(), l.p.Email, l.p.Name); err != nil {
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
		s, err := scanSession(tx.QueryRow(`SELECT `+sessionColumns+` FROM auth_session s JOIN auth_staff m ON m.id = s.staff_id WHERE s.id=$1 AND s.staff_id=$2`, by.Session, by.ID).Scan)
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
	if _, ok := Roles[c.Role]; !ok {
		return 0, fault.Invalid(fault.Field{Pointer: "/role", Code: "unknown_role"})
	}
	if err := checkPassword(c.Password.Reveal(), c.Email, c.Name); err != nil {
		return 0, err
	}
	hash := a.hasher.Hash(c.Password)
	id, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (db.ID, error) {
		_, index, err := a.email(c.Email)
		if err != nil {
			return 0, err
		}
		s, err := staffByEmail(tx, index)
		if errors.Is(err, db.ErrNotFound) {
			id, err := a.newStaff(tx, c.NewStaff)
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
		if err := tx.ExecOne(`UPDATE auth_staff SET role=$2, password=$3, totp=$4, totp_step=0, state='active', version=version+1 WHERE id=$1 AND state <> 'closed'`, s.id, c.Role, hash, sealed); err != nil {
			return 0, err
		}
		if err := cutOff(tx, s.id); err != nil {
			return 0, err
		}
		if err := factor.ClearTries(tx, factor.TryKey("signin", index)); err != nil {
			return 0, err
		}
		return s.id, by.Record(tx, "staff.credentials", entityStaff, s.id, "", "role "+c.Role)
	})
	return id, err
}
