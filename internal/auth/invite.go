package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// NewStaff is an invitation.
type NewStaff struct {
	Email, Name, Role string
}

// Invited is what Invite and Reinvite made. Token is for a link that the
// program prints; the mail makes its own from the same row. Where a second person must
// approve first there is no link yet, and Waits is what waits.
type Invited struct {
	Staff, Invite db.ID
	Token         secret.Secret
	Waits         *Approval
}

const inviteKind = "auth.invite" // of secret.Token

// Invite makes a member who has yet to choose password and factor, and enqueues
// the mail. by MUST hold every right of the role. A new owner waits for a second
// person (see owners). 409 "email_taken".
func (a *Auth) Invite(tx *db.Tx, by By, n NewStaff) (Invited, error) {
	return a.invite(tx, by, n, Outside{})
}

func (a *Auth) invite(tx *db.Tx, by By, n NewStaff, out Outside) (Invited, error) {
	if err := by.needPerson(tx.Now()); err != nil {
		return Invited{}, err
	}
	if err := bump(tx); err != nil {
		return Invited{}, err
	}
	r, err := roleByKey(tx, n.Role)
	if err != nil {
		return Invited{}, err
	}
	if !by.Covers(r.Rights) {
		return Invited{}, fault.Denied()
	}
	if out, err = out.check(tx.Now(), n.Role); err != nil {
		return Invited{}, err
	}
	id, err := a.newStaff(tx, by, n, out)
	if err != nil {
		return Invited{}, err
	}
	// The first letter speaks the language of who invites.
	if _, err := tx.Exec(`UPDATE auth_staff SET lang=(SELECT i.lang FROM auth_staff i WHERE i.id=$2) WHERE id=$1 AND EXISTS (SELECT 1 FROM auth_staff i WHERE i.id=$2)`, id, by.ID); err != nil {
		return Invited{}, err
	}
	is := "role " + n.Role
	if !out.Ends.IsZero() {
		is += " outside until " + out.Ends.UTC().Format(time.DateOnly)
	}
	if err := by.Record(tx, "staff.invite", entityStaff, id, "", is); err != nil {
		return Invited{}, err
	}
	waits, err := a.askInvite(tx, by, id, is)
	if err != nil || waits != nil {
		return Invited{Staff: id, Waits: waits}, err
	}
	if n.Role == ownerRole {
		if err := a.tellOwners(tx, LetterOwnerMade, id); err != nil {
			return Invited{}, err
		}
	}
	return a.newInvite(tx, id, "invite", inviteLife)
}

func (a *Auth) newStaff(tx *db.Tx, by By, n NewStaff, out Outside) (db.ID, error) {
	mail, index, err := a.email(n.Email)
	if err != nil {
		return 0, err
	}
	name := cleanLine(n.Name, 80)
	if name == "" {
		return 0, fault.Invalid(fault.Field{Pointer: "/name", Code: "required"})
	}
	p, err := a.v.NewPerson(tx)
	if err != nil {
		return 0, err
	}
	id := tx.NewID()
	profile, err := secret.SealJSON(a.v, tx, p.ID, fieldProfile, id, Profile{Email: mail, Name: name, Company: out.Company, Purpose: out.Purpose})
	if err != nil {
		return 0, err
	}
	rows, err := tx.Exec(`INSERT INTO auth_staff (id, person_id, email_index, profile, role, state, password, totp_step, version, created_at, granted_at, standing_at, awake_at, ends_at)
		VALUES ($1,$2,$3,$4,$5,'invited','',0,1,$6,$6,$7,$6,$8) ON CONFLICT (email_index) WHERE state <> 'closed' DO NOTHING`, id, p.ID, index, profile, n.Role, tx.Now(), standing(tx, by), nilTime(out.Ends))
	if err != nil {
		return 0, err
	}
	if rows == 0 {
		return 0, fault.Conflict("email_taken")
	}
	return id, nil
}

// newInvite replaces the member's link, so only the newest works, and enqueues
// its mail.
func (a *Auth) newInvite(tx *db.Tx, staff db.ID, kind string, life time.Duration) (Invited, error) {
	id := tx.NewID()
	token := a.v.Token(inviteKind, id, 1)
	var sealed []byte
	if kind == "invite" {
		s, err := staffByID(tx, staff)
		if err != nil {
			return Invited{}, err
		}
		key, err := a.newTOTP()
		if err != nil {
			return Invited{}, err
		}
		if sealed, err = a.v.Seal(tx, s.person, fieldTOTP, id, []byte(key.Reveal())); err != nil {
			return Invited{}, err
		}
	}
	_, err := tx.Exec(`INSERT INTO auth_invite (id, staff_id, kind, hash, totp, created_at, expires_at) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (staff_id) DO UPDATE SET id=excluded.id, kind=excluded.kind, hash=excluded.hash, totp=excluded.totp, created_at=excluded.created_at, expires_at=excluded.expires_at`,
		id, staff, kind, secret.TokenHash(token), sealed, tx.Now(), tx.Now().Add(life))
	if err != nil {
		return Invited{}, err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobMailInvite, Ref: id})
	return Invited{Staff: staff, Invite: id, Token: secret.Hide(token)}, err
}

// Reinvite takes password, factors, sessions and tokens from a member and
// invites him anew: a lost phone, a lost invitation. by MUST hold all rights of
// the member's role; the last active owner cannot be taken.
func (a *Auth) Reinvite(tx *db.Tx, by By, staff db.ID) (Invited, error) {
	s, err := a.target(tx, by, staff)
	if err != nil {
		return Invited{}, err
	}
	if err := keepOwner(tx, s); err != nil {
		return Invited{}, err
	}
	if s.role == ownerRole {
		act := ActOwnerRemoved // his ways in are taken, and the new ones go to who has his mail
		if s.state == "invited" {
			act = ActOwnerMade
		}
		if err := a.owners(tx, by, s, ownerAsk(act, s, "invited", ownerDo{Do: "reinvite"})); err != nil {
			return Invited{}, err
		}
	}
	if s.state == "invited" { // an invitation that waits for approval is not sent past it
		waits, err := a.waitsFor(tx, s.id)
		if err != nil {
			return Invited{}, err
		}
		if waits {
			return Invited{}, fault.Conflict("waits_for_second")
		}
	}
	if err := tx.ExecOne(`UPDATE auth_staff SET password='', totp=NULL, state='invited', suspended_at=NULL, warned_at=NULL, awake_at=$3, standing_at=$4, version=version+1 WHERE id=$1 AND version=$2 AND state <> 'closed'`, s.id, s.version, tx.Now(), standing(tx, by)); err != nil {
		return Invited{}, err
	}
	if err := a.cutOff(tx, s.id); err != nil {
		return Invited{}, err
	}
	if err := by.Record(tx, "staff.reinvite", entityStaff, s.id, s.state, "invited"); err != nil {
		return Invited{}, err
	}
	return a.newInvite(tx, s.id, "invite", inviteLife)
}

// RequestRecovery enqueues a mail with a link for a new password, if the address
// is that of an active member. The answer is the same for every address: nil, or 429
// after five in 15 minutes. The link alone opens nothing: the TOTP code is asked for beside it.
func (a *Auth) RequestRecovery(ctx context.Context, email, peer string) error {
	_, index, err := a.email(email)
	if err != nil {
		index = factor.TryKey("malformed", []byte(email))
	}
	by := Guest(peer)
	wait, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (time.Duration, error) {
		wait, err := reserve(tx, factor.TryKey("recover", index))
		if err != nil || wait > 0 {
			return wait, err
		}
		s, err := staffByEmail(tx, index)
		if errors.Is(err, db.ErrNotFound) || err == nil && s.state != "active" {
			return 0, by.Refuse(tx, "staff.recover_request", entityStaff, s.id, "unknown")
		}
		if err != nil {
			return 0, err
		}
		if _, err := a.newInvite(tx, s.id, "recover", recoverLife); err != nil {
			return 0, err
		}
		return 0, by.Record(tx, "staff.recover_request", entityStaff, s.id, "", "")
	})
	if err == nil && wait > 0 {
		return fault.TooMany(wait)
	}
	return err
}

// InviteMail is what the worker of JobMailInvite needs. ok is false when the
// invitation was used, replaced, or has expired: then no mail is due.
type InviteMail struct {
	Staff    db.ID
	Kind     string // "invite" or "recover"
	To       Profile
	Role     string
	RoleName string
	Lang     lang.Lang
	Token    secret.Secret
	Expires  time.Time
}

// InviteMail reads an invitation for its mail.
func (a *Auth) InviteMail(q db.Q, invite db.ID) (m InviteMail, ok bool, err error) {
	err = q.QueryRow(`SELECT staff_id, kind, expires_at FROM auth_invite WHERE id=$1 AND expires_at > $2`, invite, q.Now()).Scan(&m.Staff, &m.Kind, &m.Expires)
	if errors.Is(err, db.ErrNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	s, err := staffByID(q, m.Staff)
	if err != nil {
		return m, false, err
	}
	m.Role, m.RoleName, m.Lang = s.role, s.roleName, s.lang.Or()
	if m.To, err = a.open(q, s); err != nil {
		return m, false, err
	}
	m.Token = secret.Hide(a.v.Token(inviteKind, invite, 1))
	return m, true, nil
}

// Profile opens name and address of a member, for mail that is due to him.
func (a *Auth) Profile(q db.Q, staff db.ID) (Profile, error) {
	s, err := staffByID(q, staff)
	if err != nil {
		return Profile{}, err
	}
	return a.open(q, s)
}

// InviteInfo is what the page of an invitation shows.
type InviteInfo struct {
	Kind     string // "invite": choose password, add TOTP; "recover": new password, code of the TOTP there is
	Profile  Profile
	Role     string
	RoleName string
	TOTP     secret.Secret // base32, kind "invite"
	TOTPURL  secret.Secret // for the QR code, kind "invite"
	Expires  time.Time
}

type inviteRow struct {
	id, staff db.ID
	kind      string
	totp      []byte
	expires   time.Time
}

func inviteByToken(q db.Q, token string) (r inviteRow, s staffRow, err error) {
	hash := secret.TokenHash(token)
	if hash == nil {
		return r, s, fault.NotFound()
	}
	err = q.QueryRow(`SELECT id, staff_id, kind, totp, expires_at FROM auth_invite WHERE hash=$1 AND expires_at > $2`, hash, q.Now()).
		Scan(&r.id, &r.staff, &r.kind, &r.totp, &r.expires)
	if err == nil {
		s, err = staffByID(q, r.staff)
	}
	if errors.Is(err, db.ErrNotFound) || err == nil && s.state != map[string]string{"invite": "invited", "recover": "active"}[r.kind] {
		return r, s, fault.NotFound()
	}
	return r, s, err
}

// LookInvite reads an invitation by the token of its link; 404 when it is not
// the newest, used or expired. It changes nothing.
func (a *Auth) LookInvite(q db.Q, token string) (InviteInfo, error) {
	r, s, err := inviteByToken(q, token)
	if err != nil {
		return InviteInfo{}, err
	}
	p, err := a.open(q, s)
	if err != nil {
		return InviteInfo{}, err
	}
	out := InviteInfo{Kind: r.kind, Profile: p, Role: s.role, RoleName: s.roleName, Expires: r.expires}
	if r.kind == "invite" {
		key, err := a.v.Open(q, s.person, fieldTOTP, r.id, r.totp)
		if err != nil {
			return InviteInfo{}, err
		}
		out.TOTP, out.TOTPURL = secret.Hide(string(key)), factor.TOTPURL(a.keys.Issuer, p.Email, string(key))
	}
	return out, nil
}

// Accept is the answer to an invitation or a recovery.
type Accept struct {
	Token    string
	Password secret.Secret
	Code     string // of the TOTP the page showed, or of the one there is
	Peer     string
	Agent    string
	Lang     lang.Lang
}

// AcceptInvite sets the password, makes the member active, ends his other
// sessions and the API tokens he made, and opens a session. The link works once. 404 as LookInvite, 422 for password or code, 429 after
// five wrong codes.
func (a *Auth) AcceptInvite(ctx context.Context, in Accept) (Session, error) {
	type look struct {
		s staffRow
		p Profile
	}
	l, err := db.Read(ctx, a.d, func(q *db.Reader) (l look, err error) {
		if _, l.s, err = inviteByToken(q, in.Token); err != nil {
			return l, err
		}
		l.p, err = a.open(q, l.s)
		return l, err
	})
	if err != nil {
		return Session{}, err
	}
	if err := a.checkPassword(in.Password.Reveal(), l.p.Email, l.p.Name); err != nil {
		return Session{}, err
	}
	var hash string
	var spare *spare
	if err := a.hasher.Do(ctx, func() (err error) {
		hash = a.hasher.Hash(in.Password)
		spare, err = a.matchRecovery(ctx, l.s.id, in.Code)
		return err
	}); err != nil {
		return Session{}, err
	}
	type res struct {
		s    Session
		wait time.Duration
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out res, err error) {
		r, s, err := inviteByToken(tx, in.Token)
		if err != nil {
			return out, err
		}
		by := Guest(in.Peer)
		key := factor.TryKey("invite", []byte(r.id.String()))
		if out.wait, err = reserve(tx, key); err != nil || out.wait > 0 {
			return out, err
		}
		ok := false
		if r.kind == "invite" {
			ok, err = a.adoptTOTP(tx, r, s, in.Code)
		} else {
			if ok, err = a.useCode(tx, s, in.Code); err == nil && !ok {
				ok, err = useSpare(tx, s.id, spare)
			}
		}
		if err != nil {
			return out, err
		}
		if !ok {
			return out, by.Refuse(tx, "staff.accept", entityStaff, s.id, "code")
		}
		// The row goes: of two that come at once, one finds it.
		n, err := tx.Exec(`DELETE FROM auth_invite WHERE id=$1 AND hash=$2`, r.id, secret.TokenHash(in.Token))
		if err != nil {
			return out, err
		}
		if n != 1 {
			return out, fault.NotFound()
		}
		out.s, err = a.settle(tx, s, hash, in, r.kind)
		if err != nil {
			return out, err
		}
		return out, factor.ClearTries(tx, key)
	})
	switch {
	case err != nil:
		return Session{}, err
	case out.wait > 0:
		return Session{}, fault.TooMany(out.wait)
	case out.s.ID == 0:
		return Session{}, fault.Invalid(fault.Field{Pointer: "/code", Code: "bad_code"})
	}
	return out.s, nil
}

// adoptTOTP makes the invitation's TOTP secret the member's, if the code shows
// that his app has it.
func (a *Auth) adoptTOTP(tx *db.Tx, r inviteRow, s staffRow, code string) (bool, error) {
	key, err := a.v.Open(tx, s.person, fieldTOTP, r.id, r.totp)
	if err != nil {
		return false, err
	}
	step, ok := factor.TOTPStep(string(key), code, tx.Now())
	if !ok {
		return false, nil
	}
	sealed, err := a.v.Seal(tx, s.person, fieldTOTP, s.id, key)
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(`UPDATE auth_staff SET totp=$2, totp_step=$3 WHERE id=$1`, s.id, sealed, step)
	return true, err
}

// settle writes the new password and starts afresh.
func (a *Auth) settle(tx *db.Tx, s staffRow, hash string, in Accept, kind string) (Session, error) {
	var index []byte
	err := tx.QueryRow(`UPDATE auth_staff SET password=$2, state='active', version=version+1 WHERE id=$1 AND state <> 'closed' RETURNING email_index`, s.id, hash).Scan(&index)
	if err != nil {
		return Session{}, err
	}
	if err := endSessions(tx, s.id, 0); err != nil {
		return Session{}, err
	}
	if err := revokeAll(tx, s.id); err != nil { // whoever had the password may have made one
		return Session{}, err
	}
	if err := factor.ClearTries(tx, factor.TryKey("signin", index)); err != nil { // recovery lifts the lock
		return Session{}, err
	}
	if kind == "recover" {
		if err := changed(tx, s.id, Recovered); err != nil {
			return Session{}, err
		}
	}
	if err := tx.Changed(entityStaff, s.id); err != nil {
		return Session{}, err
	}
	return a.openSession(tx, s, "password", in.Peer, in.Agent, in.Lang, "staff.accept_"+kind)
}

// RoleNames lists the built-in roles that by may give, sorted.
func RoleNames(by By) []string {
	var out []string
	for n, rs := range Roles {
		if by.Covers(rs) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}
