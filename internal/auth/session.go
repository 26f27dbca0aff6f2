package auth

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// openSession makes a session with a new secret and records it. Letters to the
// member are in l from then on; without one they stay as they were.
func (a *Auth) openSession(tx *db.Tx, s staffRow, method, peer, agent string, l lang.Lang, action string) (Session, error) {
	now := tx.Now()
	out := Session{ID: tx.NewID(), Secret: secret.Hide(secret.RandomToken()), Staff: s.id, Role: s.role, Peer: peer, Agent: cleanLine(agent, 60),
		Method: method, Created: now, Seen: now, Expires: now.Add(sessionLimit), Fresh: now.Add(freshFor)}
	via := ""
	if method == ssoKind || method == codeKind {
		method, via = "password", method
	}
	if via == ssoKind { // what the provider knows is no proof to us: the member's own factor is
		out.Fresh = now
	}
	_, err := tx.Exec(`INSERT INTO auth_session (id, staff_id, hash, peer, agent, method, via, created_at, seen_at, expires_at, fresh_until)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`, out.ID, s.id, secret.TokenHash(out.Secret.Reveal()), peer, out.Agent, method, via, now, now, out.Expires, out.Fresh)
	if err != nil {
		return Session{}, err
	}
	if l == "" {
		l = s.lang
	}
	if _, err := tx.Exec(`UPDATE auth_staff SET signed_in_at=$2, awake_at=$2, warned_at=NULL, lang=$3 WHERE id=$1`, s.id, now, string(l.Or())); err != nil {
		return Session{}, err
	}
	return out, StaffBy(s.id, peer, nil).Record(tx, action, entityStaff, s.id, "", out.Method)
}

// codeKind is the method of a sign-in with a one-time code in place of the code app.
const codeKind = "code"

const (
	sessionColumns = `s.id, s.staff_id, m.role, COALESCE(r.rights,''), COALESCE(r.name,''), s.peer, s.agent, s.method, s.via, s.created_at, s.seen_at, s.expires_at, s.fresh_until`
	sessionFrom    = ` FROM auth_session s JOIN auth_staff m ON m.id = s.staff_id LEFT JOIN auth_role r ON r.key = m.role`
)

// scanSession reads a session with the rights that its member's role has now.
func scanSession(scan func(...any) error) (s Session, err error) {
	var own, via string
	err = scan(&s.ID, &s.Staff, &s.Role, &own, &s.RoleName, &s.Peer, &s.Agent, &s.Method, &via, &s.Created, &s.Seen, &s.Expires, &s.Fresh)
	if s.rights = rightsOf(s.Role, own); via != "" {
		s.Method = via
	}
	return
}

// sessionByHash finds a session that lives at now and whose member is active.
func sessionByHash(q db.Q, hash []byte) (Session, error) {
	if len(hash) == 0 {
		return Session{}, db.ErrNotFound
	}
	return scanSession(q.QueryRow(`SELECT `+sessionColumns+sessionFrom+`
		WHERE s.hash=$1 AND s.expires_at > $2 AND s.seen_at > $3`+mayAt+`$2)`, hash, q.Now(), q.Now().Add(-idleLimit)).Scan)
}

// Resolve turns a session secret into its principal; a 401 fault for anything
// that is not a living session. peer is the client's network prefix of this request.
func (a *Auth) Resolve(ctx context.Context, sessionSecret, peer string) (By, Session, error) {
	hash := secret.TokenHash(sessionSecret)
	if hash == nil {
		return By{}, Session{}, fault.SignIn()
	}
	var lacking map[Right]string
	s, err := db.Read(ctx, a.d, func(q *db.Reader) (s Session, err error) {
		if s, err = sessionByHash(q, hash); err == nil {
			lacking, err = a.lacking(q, s.Staff, s.rights)
		}
		return s, err
	})
	if errors.Is(err, db.ErrNotFound) {
		return By{}, Session{}, fault.SignIn()
	}
	if err != nil {
		return By{}, Session{}, err
	}
	if time.Since(s.Seen) > seenEvery {
		// Guarded by the same limits: an expired session cannot be revived.
		err := db.Do(ctx, a.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE auth_session SET seen_at=$2 WHERE id=$1 AND expires_at > $2 AND seen_at > $3`, s.ID, tx.Now(), tx.Now().Add(-idleLimit))
			return err
		})
		if err != nil && !db.IsFull(err) {
			return By{}, Session{}, err
		}
	}
	return sessionBy(s, peer).without(lacking), s, nil
}

func sessionBy(s Session, peer string) By {
	by := StaffBy(s.Staff, peer, s.rights)
	by.Role, by.Session, by.FreshUntil = s.Role, s.ID, s.Fresh
	return by
}

// SignOut ends a session; ending what is not there is no error.
func (a *Auth) SignOut(ctx context.Context, sessionSecret, peer string) error {
	hash := secret.TokenHash(sessionSecret)
	if hash == nil {
		return nil
	}
	return db.Do(ctx, a.d, func(tx *db.Tx) error {
		var id, staff db.ID
		err := tx.QueryRow(`DELETE FROM auth_session WHERE hash=$1 RETURNING id, staff_id`, hash).Scan(&id, &staff)
		if errors.Is(err, db.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return StaffBy(staff, peer, nil).Record(tx, "staff.sign_out", entitySession, id, "", "")
	})
}

func endByHash(tx *db.Tx, hash []byte) error {
	if len(hash) == 0 {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM auth_session WHERE hash=$1`, hash)
	return err
}

// endSessions ends all sessions of a member but keep (0: all).
func endSessions(tx *db.Tx, staff, keep db.ID) error {
	if staff <= 0 {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM auth_session WHERE staff_id=$1 AND id <> $2`, staff, keep)
	return err
}

// Sessions lists the living sessions of the member himself, newest first.
func (a *Auth) Sessions(q db.Q, by By) ([]Session, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return nil, fault.Denied()
	}
	return db.All(q, func(r *db.Rows) (Session, error) { return scanSession(r.Scan) },
		`SELECT `+sessionColumns+sessionFrom+`
		 WHERE s.staff_id=$1 AND s.expires_at > $2 AND s.seen_at > $3 ORDER BY s.id DESC`, by.ID, q.Now(), q.Now().Add(-idleLimit))
}

// EndSession ends one of the member's own sessions; 404 for another's.
func (a *Auth) EndSession(tx *db.Tx, by By, id db.ID) error {
	if by.Kind != StaffKind || by.ID <= 0 {
		return fault.Denied()
	}
	n, err := tx.Exec(`DELETE FROM auth_session WHERE id=$1 AND staff_id=$2`, id, by.ID)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.NotFound()
	}
	return by.Record(tx, "staff.session_end", entitySession, id, "", "")
}

// EndOtherSessions ends all own sessions but the present one.
func (a *Auth) EndOtherSessions(tx *db.Tx, by By) error {
	if by.Kind != StaffKind || by.ID <= 0 {
		return fault.Denied()
	}
	if err := endSessions(tx, by.ID, by.Session); err != nil {
		return err
	}
	return by.Record(tx, "staff.session_end_others", entityStaff, by.ID, "", "")
}

// StepUp proves the member anew by a TOTP code and gives the session a new
// secret; the old one is dead. Tries are counted as at sign-in.
func (a *Auth) StepUp(ctx context.Context, sessionSecret, code, peer string) (Session, error) {
	hash := secret.TokenHash(sessionSecret)
	type res struct {
		s    Session
		wait time.Duration
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out res, err error) {
		s, err := sessionByHash(tx, hash)
		if errors.Is(err, db.ErrNotFound) {
			return out, fault.SignIn()
		}
		if err != nil {
			return out, err
		}
		by := sessionBy(s, peer)
		key := factor.TryKey("stepup", []byte(s.Staff.String()))
		if out.wait, err = reserve(tx, key); err != nil || out.wait > 0 {
			if err == nil {
				err = by.Refuse(tx, "staff.step_up", entityStaff, s.Staff, "locked")
			}
			return out, err
		}
		m, err := staffByID(tx, s.Staff)
		if err != nil {
			return out, err
		}
		ok, err := a.useCode(tx, m, code)
		if err != nil {
			return out, err
		}
		if !ok {
			return out, by.Refuse(tx, "staff.step_up", entityStaff, s.Staff, "code")
		}
		if err := factor.ClearTries(tx, key); err != nil {
			return out, err
		}
		out.s, err = a.freshen(tx, s, peer)
		return out, err
	})
	switch {
	case err != nil:
		return Session{}, err
	case out.wait > 0:
		return Session{}, fault.TooMany(out.wait)
	case out.s.ID == 0:
		return Session{}, factor.Failed()
	}
	return out.s, nil
}

// freshen gives a session a new secret and a new proof. Its absolute end stays.
func (a *Auth) freshen(tx *db.Tx, s Session, peer string) (Session, error) {
	s.Secret, s.Fresh, s.Seen = secret.Hide(secret.RandomToken()), tx.Now().Add(freshFor), tx.Now()
	if err := tx.ExecOne(`UPDATE auth_session SET hash=$2, fresh_until=$3, seen_at=$4 WHERE id=$1`, s.ID, secret.TokenHash(s.Secret.Reveal()), s.Fresh, s.Seen); err != nil {
		return Session{}, err
	}
	return s, sessionBy(s, peer).Record(tx, "staff.step_up", entityStaff, s.Staff, "", s.Method)
}
