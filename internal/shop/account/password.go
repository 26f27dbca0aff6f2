package account

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// SignIn takes address and password. Right: the visitor is in, or the app's code is next. Every failure is one 401
// fault "sign_in_failed" after the same work; 429 while the address is shut to this network or browser, known or not; 503 when
// hashing is full. It takes the database itself: the hash is computed between two transactions.
func (a *Accounts) SignIn(ctx context.Context, email string, password secret.Secret, f From) (Entered, error) {
	_, index, err := a.address(email)
	if err != nil {
		// Not an address at all: counted under its own text, hashed, refused.
		index = factor.TryKey("malformed", []byte(email))
	}
	type tried struct {
		spent
		r   row
		b   browser
		key []byte
	}
	var out Entered
	err = a.hasher.Do(ctx, func() error {
		t, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (t tried, err error) {
			t.b, _ = a.browser(f.Browser, tx.Now())
			if t.wait, t.key, err = a.roomForPassword(tx, t.b, index, f.Peer); err != nil {
				return t, err
			}
			if t.r, err = byIndex(tx, index); err != nil {
				return t, err
			}
			if t.wait > 0 {
				return t, refuse(tx, auth.Guest(f.Peer), "account.sign_in", t.r.id, "locked")
			}
			return t, nil
		})
		if err != nil {
			return err
		}
		if t.wait > 0 {
			return t.fault()
		}
		hash := t.r.password
		if hash == "" {
			hash = a.hasher.Dummy()
		}
		ok, err := a.hasher.Compare(hash, password)
		if err != nil {
			return err
		}
		ok = ok && t.r.id > 0 && hash == t.r.password
		out, err = a.passwordDone(ctx, t.r, t.b, ok, t.key, f)
		return err
	})
	if err == nil && out.Browser == "" {
		err = factor.Failed()
	}
	return out, err
}

// roomForPassword counts a try of a password. It returns the narrow counter, which a success clears.
func (a *Accounts) roomForPassword(tx *db.Tx, b browser, index []byte, peer string) (time.Duration, []byte, error) {
	if b.knows(index) {
		key := factor.TryKey("account.password.known", index)
		wait, err := perPlace.Reserve(tx, key)
		return wait, key, err
	}
	key := factor.TryKey("account.password.place", append([]byte(peer+"\x00"), index...))
	wait, err := perPlace.Reserve(tx, key)
	if err != nil || wait > 0 {
		return wait, key, err
	}
	wait, err = perSecret.Reserve(tx, factor.TryKey("account.password.address", index))
	return wait, key, err
}

// passwordDone goes on after a right password, or records the refusal, which is a result, so that its
// audit row is kept.
func (a *Accounts) passwordDone(ctx context.Context, before row, b browser, ok bool, key []byte, f From) (Entered, error) {
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (Entered, error) {
		by := auth.Guest(f.Peer)
		if !ok {
			return Entered{}, refuse(tx, by, "account.sign_in", before.id, "password")
		}
		// Read again: between the two transactions the account may have been closed or given another password.
		r, err := byID(tx, before.id)
		if err != nil {
			return Entered{}, err
		}
		if r.state != "active" || r.password != before.password {
			return Entered{}, refuse(tx, by, "account.sign_in", r.id, "changed")
		}
		if err := factor.ClearTries(tx, key); err != nil {
			return Entered{}, err
		}
		return a.firstDone(tx, b, r, "password", f)
	})
	return out, err
}

// MinPassword is the fewest characters of a new password of the account: 8 beside an app, else 15.
func minPassword(app bool) int {
	if app {
		return factor.Beside
	}
	return factor.Alone
}

// SetPassword gives the account a password, or another one; then old MUST be the one there is. The present session
// gets a new secret, all others end. Faults: 403 "step_up"; 422 at "/password", or at "/old_password" "wrong_password"; 429 after
// five wrong ones.
func (a *Accounts) SetPassword(ctx context.Context, v Visitor, old, new secret.Secret) (secret.Secret, error) {
	type look struct {
		spent
		r row
		p Profile
	}
	key := factor.TryKey("account.change", []byte(v.Account.String()))
	l, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (l look, err error) {
		if err := v.need(tx.Now()); err != nil {
			return l, err
		}
		if l.r, err = byID(tx, v.Account); err != nil {
			return l, err
		}
		if l.p, err = a.open(tx, l.r); err != nil {
			return l, err
		}
		if l.r.password != "" {
			l.wait, err = perChange.Reserve(tx, key)
		}
		return l, err
	})
	if err != nil {
		return secret.Secret{}, err
	}
	if l.wait > 0 {
		return secret.Secret{}, l.fault()
	}
	if err := factor.CheckPassword(new.Reveal(), minPassword(len(l.r.totp) > 0), append([]string{l.p.Email, l.p.Name}, a.words...)...); err != nil {
		return secret.Secret{}, err
	}
	var hash string
	ok := true
	err = a.hasher.Do(ctx, func() (err error) {
		if l.r.password != "" {
			if ok, err = a.hasher.Compare(l.r.password, old); err != nil || !ok {
				return err
			}
		}
		hash = a.hasher.Hash(new)
		return nil
	})
	if err != nil {
		return secret.Secret{}, err
	}
	if !ok {
		if err := auth.RecordRefusal(ctx, a.d, v.By(), "account.password", Entity, v.Account, "password"); err != nil {
			return secret.Secret{}, err
		}
		return secret.Secret{}, fault.Invalid(fault.Field{Pointer: "/old_password", Code: "wrong_password"})
	}
	long := factor.CheckPassword(new.Reveal(), factor.Alone) == nil
	s, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (secret.Secret, error) {
		r, err := hold(tx, v.Account)
		if err != nil {
			return secret.Secret{}, err
		}
		// Another password, or the app gone, since it was checked: the form is sent again.
		if r.password != l.r.password || len(r.totp) == 0 && !long {
			return secret.Secret{}, fault.Conflict("changed")
		}
		if _, err := tx.Exec(`UPDATE account_account SET password=$2, password_long=$3 WHERE id=$1`, r.id, hash, long); err != nil {
			return secret.Secret{}, err
		}
		if err := factor.ClearTries(tx, key); err != nil {
			return secret.Secret{}, err
		}
		return a.wayChanged(tx, v, r, PasswordChanged)
	})
	return s, err
}

// RemovePassword takes the password from the account; a mailed code or a passkey signs in.
func (a *Accounts) RemovePassword(tx *db.Tx, v Visitor) (secret.Secret, error) {
	if err := v.need(tx.Now()); err != nil {
		return secret.Secret{}, err
	}
	r, err := hold(tx, v.Account)
	if err != nil {
		return secret.Secret{}, err
	}
	if r.password == "" {
		return secret.Secret{}, fault.NotFound()
	}
	if _, err := tx.Exec(`UPDATE account_account SET password='', password_long=0 WHERE id=$1`, r.id); err != nil {
		return secret.Secret{}, err
	}
	return a.wayChanged(tx, v, r, PasswordRemoved)
}

// wayChanged is what every changed way of signing in brings with it: all other sessions end, the present one gets a new
// secret, a letter goes out, the act is recorded. Who can do it has a whole way in: an app that was said to be lost stays.
func (a *Accounts) wayChanged(tx *db.Tx, v Visitor, r row, what What) (secret.Secret, error) {
	if err := a.endOthers(tx, r, v.Session); err != nil {
		return secret.Secret{}, err
	}
	s, err := rekey(tx, v)
	if err != nil {
		return s, err
	}
	if err := endLost(tx, v.By(), r.id, string(what), what != AppRemoved); err != nil {
		return s, err
	}
	if err := a.changed(tx, r, what); err != nil {
		return s, err
	}
	return s, v.By().Record(tx, "account."+string(what), Entity, r.id, "", "")
}

// gone reports whether a row that was just there is not any more.
func gone(err error) bool { return errors.Is(err, db.ErrNotFound) }
