package account

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// Visitor is who has signed in. It is made of a living session, never of what a request says.
type Visitor struct {
	Session db.ID
	Account db.ID  // 0: only a proven mail address
	Person  db.ID  // in the vault: the account's, or the session's own
	Email   string // proven
	Name    string // of the account; may be empty
	Method  string // "code", "password", "passkey"
	Peer    string // the client's network prefix of this request
	Fresh   time.Time
	Lang    lang.Lang

	index []byte
}

// By is the visitor as a principal.
func (v Visitor) By() auth.By { return auth.CustomerBy(v.Account, v.Session, v.Peer, v.Fresh) }

// SignedIn reports whether there is a visitor at all.
func (v Visitor) SignedIn() bool { return v.Session > 0 }

// IsFresh reports whether the visitor has proven himself within the last minutes.
func (v Visitor) IsFresh(now time.Time) bool { return v.SignedIn() && now.Before(v.Fresh) }

// need says what stands between the visitor and an act on his account: 401, 403, or 403 "step_up".
func (v Visitor) need(now time.Time) error {
	if !v.SignedIn() {
		return fault.SignIn()
	}
	if v.Account <= 0 {
		return fault.Denied()
	}
	return v.By().NeedFresh(now)
}

// enter opens a session of an account and records it.
func (a *Accounts) enter(tx *db.Tx, r row, method string, f From) (secret.Secret, error) {
	key, id, err := a.insertSession(tx, r.id, r.person, nil, nil, method, f)
	if err != nil {
		return key, err
	}
	if _, err := tx.Exec(`DELETE FROM account_session WHERE id IN (SELECT id FROM account_session WHERE account_id=$1 AND account_id > 0 ORDER BY id DESC LIMIT 100 OFFSET $2)`, r.id, maxSessions); err != nil {
		return key, err
	}
	if f.Lang != "" && f.Lang != r.lang {
		if _, err := tx.Exec(`UPDATE account_account SET lang=$2 WHERE id=$1`, r.id, string(f.Lang)); err != nil {
			return key, err
		}
	}
	return key, auth.CustomerBy(r.id, id, f.Peer, time.Time{}).Record(tx, "account.sign_in", Entity, r.id, "", method)
}

// enterGuest opens a session of a proven address without an account. person is the one the address is sealed
// under; it is the session's from now on.
func (a *Accounts) enterGuest(tx *db.Tx, person db.ID, email string, index []byte, f From) (secret.Secret, error) {
	key, id, err := a.insertSession(tx, 0, person, []byte(email), index, "code", f)
	if err != nil {
		return key, err
	}
	return key, auth.CustomerBy(0, id, f.Peer, time.Time{}).Record(tx, "account.sign_in", entitySession, id, "", "code")
}

func (a *Accounts) insertSession(tx *db.Tx, account, person db.ID, email, index []byte, method string, f From) (secret.Secret, db.ID, error) {
	if err := a.endByHash(tx, secret.TokenHash(f.Old)); err != nil {
		return secret.Secret{}, 0, err
	}
	now, id, key := tx.Now(), tx.NewID(), secret.RandomToken()
	var sealed any
	if email != nil {
		b, err := a.v.Seal(tx, person, fieldEmail, id, email)
		if err != nil {
			return secret.Secret{}, 0, err
		}
		sealed = b
	}
	var ix any
	if index != nil {
		ix = index
	}
	_, err := tx.Exec(`INSERT INTO account_session (id, account_id, person_id, email, email_index, hash, peer, agent, method, created_at, seen_at, expires_at, fresh_until)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$10,$11,$12)`, id, account, person, sealed, ix, secret.TokenHash(key), f.Peer, line(f.Agent, 60), method, now, now.Add(SessionLimit), now.Add(freshFor))
	return secret.Hide(key), id, err
}

type sessionRow struct {
	id, account, person db.ID
	email, index        []byte
	method              string
	seen, fresh         time.Time
	profile, ownIndex   []byte
	lang                lang.Lang
}

const sessionJoin = ` FROM account_session s LEFT JOIN account_account a ON a.id = s.account_id
	WHERE s.hash=$1 AND s.expires_at > $2 AND s.seen_at > $3 AND (s.account_id = 0 OR a.state = 'active')`

// Look reads the visitor of a session secret on the caller's snapshot; the zero Visitor, without an error, for
// anything that is not a living session.
func (a *Accounts) Look(q db.Q, sessionSecret, peer string) (Visitor, time.Time, error) {
	hash := secret.TokenHash(sessionSecret)
	if hash == nil {
		return Visitor{}, time.Time{}, nil
	}
	var s sessionRow
	err := q.QueryRow(`SELECT s.id, s.account_id, s.person_id, s.email, s.email_index, s.method, s.seen_at, s.fresh_until, a.profile, a.email_index, COALESCE(a.lang,'')`+sessionJoin,
		hash, q.Now(), q.Now().Add(-IdleLimit)).Scan(&s.id, &s.account, &s.person, &s.email, &s.index, &s.method, &s.seen, &s.fresh, &s.profile, &s.ownIndex, (*string)(&s.lang))
	if errors.Is(err, db.ErrNotFound) {
		return Visitor{}, time.Time{}, nil
	}
	if err != nil {
		return Visitor{}, time.Time{}, err
	}
	v := Visitor{Session: s.id, Account: s.account, Person: s.person, Method: s.method, Peer: peer, Fresh: s.fresh, Lang: s.lang, index: s.index}
	if s.account > 0 {
		p, err := secret.OpenJSON[Profile](a.v, q, s.person, fieldProfile, s.account, s.profile)
		if errors.Is(err, secret.ErrErased) {
			return Visitor{}, time.Time{}, nil
		}
		v.Email, v.Name, v.index = p.Email, p.Name, s.ownIndex
		return v, s.seen, err
	}
	to, err := a.v.Open(q, s.person, fieldEmail, s.id, s.email)
	if errors.Is(err, secret.ErrErased) {
		return Visitor{}, time.Time{}, nil
	}
	v.Email = string(to)
	return v, s.seen, err
}

// Resolve turns a session secret into its visitor; a 401 fault for anything that is not a living session. peer is
// the client's network prefix of this request.
func (a *Accounts) Resolve(ctx context.Context, sessionSecret, peer string) (Visitor, error) {
	type res struct {
		v    Visitor
		seen time.Time
	}
	out, err := db.Read(ctx, a.d, func(q *db.Reader) (out res, err error) {
		out.v, out.seen, err = a.Look(q, sessionSecret, peer)
		return
	})
	if err != nil {
		return Visitor{}, err
	}
	if !out.v.SignedIn() {
		return Visitor{}, fault.SignIn()
	}
	if time.Since(out.seen) > seenEvery {
		// Guarded by the same limits: an expired session cannot be revived.
		err := db.Do(ctx, a.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE account_session SET seen_at=$2 WHERE id=$1 AND expires_at > $2 AND seen_at > $3`, out.v.Session, tx.Now(), tx.Now().Add(-IdleLimit))
			return err
		})
		if err != nil && !db.IsFull(err) {
			return Visitor{}, err
		}
	}
	return out.v, nil
}

// SignOut ends a session; ending what is not there is no error.
func (a *Accounts) SignOut(ctx context.Context, sessionSecret, peer string) error {
	return db.Do(ctx, a.d, func(tx *db.Tx) error {
		v, _, err := a.Look(tx, sessionSecret, peer)
		if err != nil || !v.SignedIn() {
			return err
		}
		if err := a.endByHash(tx, secret.TokenHash(sessionSecret)); err != nil {
			return err
		}
		return v.By().Record(tx, "account.sign_out", entitySession, v.Session, "", "")
	})
}

func (a *Accounts) endByHash(tx *db.Tx, hash []byte) error {
	if len(hash) == 0 {
		return nil
	}
	return a.endAll(tx, `hash=$1`, hash)
}

// endAll deletes sessions, and with those of a proven address alone their persons: nothing else is
// sealed under them.
func (a *Accounts) endAll(tx *db.Tx, where string, args ...any) error {
	guests, err := db.All(tx, func(r *db.Rows) (p db.ID, err error) {
		var account db.ID
		if err = r.Scan(&account, &p); account > 0 {
			p = 0
		}
		return
	}, `DELETE FROM account_session WHERE `+where+` RETURNING account_id, person_id`, args...)
	if err != nil {
		return err
	}
	for _, p := range guests {
		if p > 0 {
			if err := a.v.Erase(tx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// endOthers ends all sessions of an account, and of its address, but one (0: all), and what waits for a second
// factor.
func (a *Accounts) endOthers(tx *db.Tx, r row, keep db.ID) error {
	if err := a.endAll(tx, `account_id=$1 AND account_id > 0 AND id <> $2`, r.id, keep); err != nil {
		return err
	}
	if r.index != nil {
		if err := a.endAll(tx, `email_index=$1`, r.index); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`DELETE FROM account_code WHERE account_id=$1 AND account_id > 0`, r.id)
	return err
}

// rekey gives the present session a new secret.
func rekey(tx *db.Tx, v Visitor) (secret.Secret, error) {
	key := secret.RandomToken()
	n, err := tx.Exec(`UPDATE account_session SET hash=$2 WHERE id=$1 AND expires_at > $3`, v.Session, secret.TokenHash(key), tx.Now())
	if err == nil && n != 1 {
		err = fault.SignIn()
	}
	return secret.Hide(key), err
}

// Session is a line of the visitor's list.
type Session struct {
	ID                     db.ID
	Peer, Agent, Method    string
	Created, Seen, Expires time.Time
	Present                bool
}

// Sessions lists the living sessions of the visitor's account, newest first; without an account those of the
// proven address.
func (a *Accounts) Sessions(q db.Q, v Visitor) ([]Session, error) {
	if !v.SignedIn() {
		return nil, fault.SignIn()
	}
	out, err := sessionsOf(q, v.Account, v.index)
	for i := range out {
		out[i].Present = out[i].ID == v.Session
	}
	return out, err
}

// sessionsOf lists those of an account; of the proven address alone where account is 0.
func sessionsOf(q db.Q, account db.ID, index []byte) ([]Session, error) {
	where, arg := `account_id=$1 AND account_id > 0`, any(account)
	if account == 0 {
		where, arg = `email_index=$1`, index
	}
	return db.All(q, func(r *db.Rows) (s Session, err error) {
		err = r.Scan(&s.ID, &s.Peer, &s.Agent, &s.Method, &s.Created, &s.Seen, &s.Expires)
		return
	}, `SELECT id, peer, agent, method, created_at, seen_at, expires_at FROM account_session WHERE `+where+` AND expires_at > $2 AND seen_at > $3 ORDER BY id DESC LIMIT 100`,
		arg, q.Now(), q.Now().Add(-IdleLimit))
}

// EndSession ends one of the visitor's own sessions; 404 for another's.
func (a *Accounts) EndSession(tx *db.Tx, v Visitor, id db.ID) error {
	own, err := a.Sessions(tx, v)
	if err != nil {
		return err
	}
	for _, s := range own {
		if s.ID == id {
			if err := a.endAll(tx, `id=$1`, id); err != nil {
				return err
			}
			return v.By().Record(tx, "account.session_end", entitySession, id, "", "")
		}
	}
	return fault.NotFound()
}

// EndOtherSessions ends all own sessions but the present one.
func (a *Accounts) EndOtherSessions(tx *db.Tx, v Visitor) error {
	if !v.SignedIn() {
		return fault.SignIn()
	}
	err := a.endAll(tx, `account_id=$1 AND account_id > 0 AND id <> $2`, v.Account, v.Session)
	if err == nil {
		err = a.endAll(tx, `email_index=$1 AND id <> $2`, v.index, v.Session)
	}
	if err != nil {
		return err
	}
	return v.By().Record(tx, "account.session_end_others", entitySession, v.Session, "", "")
}
