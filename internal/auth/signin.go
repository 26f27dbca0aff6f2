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

// SignIn is what a member of staff gives at the door.
type SignIn struct {
	Email    string
	Password secret.Secret
	Code     string // TOTP
	Peer     string // client network prefix
	Agent    string // short name of the browser, for the list of sessions
	Lang     lang.Lang
	Old      string // session secret the browser holds already; it ends
}

// Session is a living session. Secret is set only where it was just made.
type Session struct {
	ID       db.ID
	Secret   secret.Secret
	Staff    db.ID
	Role     string // key of the role, and of an own one its name
	RoleName string
	Peer     string
	Agent    string
	Method   string // "password", "passkey", "sso" or "code" (a one-time code for a lost phone)
	Created  time.Time
	Seen     time.Time
	Expires  time.Time
	Fresh    time.Time // dangerous acts are open until then
	rights   []Right
}

// SignIn checks password and code and opens a session. Every failure is one
// 401 fault "sign_in_failed" after the same work; 429 while the address is
// locked, known or not; 503 when hashing is full. It takes the database itself:
// the hash is computed between two transactions.
func (a *Auth) SignIn(ctx context.Context, in SignIn) (Session, error) {
	_, index, err := a.email(in.Email)
	if err != nil {
		// Not an address at all: counted under its own text, hashed, refused.
		index = factor.TryKey("malformed", []byte(in.Email))
	}
	if len(in.Password.Reveal()) > factor.MaxPassword {
		in.Password = secret.Hide("")
	}
	key := factor.TryKey("signin", index)
	by := Guest(in.Peer)
	var s Session
	err = a.hasher.Do(ctx, func() error {
		wait, staff, err := a.tryStaff(ctx, by, key, index)
		if err != nil {
			return err
		}
		if wait > 0 {
			return fault.TooMany(wait)
		}
		hash := staff.password
		if staff.state != "active" || hash == "" {
			hash = a.hasher.Dummy()
		}
		ok, err := a.hasher.Compare(hash, in.Password)
		if err != nil {
			return err
		}
		ok = ok && staff.state == "active" && hash == staff.password
		spare, err := a.matchRecovery(ctx, staff.id, in.Code)
		if err != nil {
			return err
		}
		s, err = a.finishSignIn(ctx, by, staff, ok, key, in, spare)
		return err
	})
	return s, err
}

type tried struct {
	wait  time.Duration
	staff staffRow
}

// tryStaff counts the try and reads the member, who may be the zero row.
func (a *Auth) tryStaff(ctx context.Context, by By, key, index []byte) (time.Duration, staffRow, error) {
	t, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (t tried, err error) {
		if t.wait, err = reserve(tx, key); err != nil {
			return t, err
		}
		t.staff, err = staffByEmail(tx, index)
		if err != nil && !errors.Is(err, db.ErrNotFound) {
			return t, err
		}
		if t.wait > 0 {
			return t, by.Refuse(tx, "staff.sign_in", entityStaff, t.staff.id, "locked")
		}
		return t, nil
	})
	return t.wait, t.staff, err
}

// finishSignIn opens the session or records the refusal; the refusal is a
// result, so that its audit row is kept.
func (a *Auth) finishSignIn(ctx context.Context, by By, staff staffRow, ok bool, key []byte, in SignIn, spare *spare) (Session, error) {
	s, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (Session, error) {
		refuse := func(why string) (Session, error) {
			return Session{}, by.Refuse(tx, "staff.sign_in", entityStaff, staff.id, why)
		}
		if !ok {
			return refuse("password")
		}
		// Read again: between the two transactions he may have been closed or
		// given another password.
		now, err := staffByID(tx, staff.id)
		if err != nil {
			return Session{}, err
		}
		if now.state != "active" || now.password != staff.password {
			return refuse("changed")
		}
		method := "password"
		good, err := a.useCode(tx, now, in.Code)
		if err == nil && !good && spare != nil {
			method = codeKind
			good, err = useSpare(tx, now.id, spare)
		}
		if err != nil {
			return Session{}, err
		}
		if !good {
			return refuse("code")
		}
		if err := factor.ClearTries(tx, key); err != nil {
			return Session{}, err
		}
		if in.Old != "" {
			if err := endByHash(tx, secret.TokenHash(in.Old)); err != nil {
				return Session{}, err
			}
		}
		return a.openSession(tx, now, method, in.Peer, in.Agent, in.Lang, "staff.sign_in")
	})
	if err == nil && s.ID == 0 {
		err = factor.Failed()
	}
	return s, err
}
