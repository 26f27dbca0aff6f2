package account

import (
	"context"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// useApp checks a code of the app and uses up its step.
func (a *Accounts) useApp(tx *db.Tx, r row, code string) (bool, error) {
	if len(r.totp) == 0 {
		return false, nil
	}
	key, err := a.v.Open(tx, r.person, fieldTOTP, r.id, r.totp)
	if err != nil {
		return false, err
	}
	return factor.UseTOTP(tx, "account_account", r.id, string(key), code)
}

// Second takes the app's code, or one of the recovery codes, after a first factor. One 422 fault at "/code" for whatever
// does not do; 429 after ten of the account.
func (a *Accounts) Second(ctx context.Context, code string, f From) (Entered, error) {
	n, typed, recovery := factor.ReadRecovery(code)
	type look struct {
		spent
		Entered
		r        row
		c        codeRow
		b        browser
		recovery string // hash to compare, outside of the transaction
	}
	l, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (l look, err error) {
		l.b, _ = a.browser(f.Browser, tx.Now())
		by := auth.Guest(f.Peer)
		var ok bool
		if l.c, ok, err = countTry(tx, l.b, "factor"); err != nil {
			return l, err
		}
		if !ok {
			return l, refuse(tx, by, "account.sign_in", 0, "factor")
		}
		key := factor.TryKey("account.factor", []byte(l.c.account.String()))
		if l.wait, err = perFactor.Reserve(tx, key); err != nil {
			return l, err
		}
		if l.wait > 0 {
			return l, refuse(tx, by, "account.sign_in", l.c.account, "locked")
		}
		if l.r, err = byID(tx, l.c.account); gone(err) || err == nil && l.r.state != "active" {
			return l, refuse(tx, by, "account.sign_in", l.c.account, "closed")
		}
		if err != nil {
			return l, err
		}
		if recovery {
			err := tx.QueryRow(`SELECT hash FROM account_recovery WHERE account_id=$1 AND n=$2`, l.r.id, n).Scan(&l.recovery)
			if gone(err) { // used, or there are none: the same work as for a wrong one
				l.recovery, err = a.hasher.Dummy(), nil
			}
			return l, err
		}
		if ok, err = a.useApp(tx, l.r, code); err != nil {
			return l, err
		}
		if !ok {
			return l, refuse(tx, by, "account.sign_in", l.r.id, "factor")
		}
		l.Entered, err = a.secondDone(tx, l.c, l.r, l.b, key, f)
		return l, err
	})
	if err == nil {
		err = l.fault()
	}
	if err != nil {
		return Entered{}, err
	}
	out := l.Entered
	if recovery && l.recovery != "" {
		if out, err = a.useRecovery(ctx, n, typed, l.recovery, l.r, l.c, l.b, f); err != nil {
			return Entered{}, err
		}
	}
	if out.Browser == "" {
		return Entered{}, badCode()
	}
	return out, nil
}

// secondDone lets the visitor in. The row that waited goes: of two right answers at once, one finds it.
func (a *Accounts) secondDone(tx *db.Tx, c codeRow, r row, b browser, key []byte, f From) (out Entered, err error) {
	n, err := tx.Exec(`DELETE FROM account_code WHERE id=$1 AND step='factor'`, c.id)
	if err != nil || n != 1 {
		return out, err
	}
	if err := factor.ClearTries(tx, key); err != nil {
		return out, err
	}
	// Whoever says that the app and the codes are lost is contradicted.
	if err := endLost(tx, auth.CustomerBy(r.id, 0, f.Peer, time.Time{}), r.id, "second", true); err != nil {
		return out, err
	}
	out.Account = r.id
	if out.Secret, err = a.enter(tx, r, c.method, f); err != nil {
		return out, err
	}
	_, out.Browser = a.renew(b, r.index, tx.Now())
	return out, nil
}

// useRecovery compares a recovery code with the hash of its number and uses it up.
func (a *Accounts) useRecovery(ctx context.Context, n int, typed secret.Secret, hash string, r row, c codeRow, b browser, f From) (Entered, error) {
	var ok bool
	if err := a.hasher.Do(ctx, func() (err error) { ok, err = a.hasher.Compare(hash, typed); return }); err != nil {
		return Entered{}, err
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out Entered, err error) {
		by := auth.Guest(f.Peer)
		if !ok {
			return out, refuse(tx, by, "account.sign_in", r.id, "recovery")
		}
		used, err := tx.Exec(`DELETE FROM account_recovery WHERE account_id=$1 AND n=$2 AND hash=$3`, r.id, n, hash)
		if err != nil {
			return out, err
		}
		if used != 1 {
			return out, refuse(tx, by, "account.sign_in", r.id, "recovery")
		}
		now, err := hold(tx, r.id)
		if err != nil {
			return out, err
		}
		if out, err = a.secondDone(tx, c, now, b, factor.TryKey("account.factor", []byte(r.id.String())), f); err != nil || out.Browser == "" {
			return out, err
		}
		return out, a.changed(tx, now, RecoveryUsed)
	})
	return out, err
}

// App is what the page shows to enrol an authenticator app.
type App struct {
	Key, URL secret.Secret // base32; what the QR code holds
}

// BeginApp draws a new secret for an app; it counts for nothing until a code of it has come back.
func (a *Accounts) BeginApp(tx *db.Tx, v Visitor) (App, error) {
	if err := v.need(tx.Now()); err != nil {
		return App{}, err
	}
	r, err := hold(tx, v.Account)
	if err != nil {
		return App{}, err
	}
	if len(r.totp) > 0 {
		return App{}, fault.Conflict("app_there")
	}
	key, err := factor.NewTOTP(a.keys.Issuer, v.Email)
	if err != nil {
		return App{}, err
	}
	sealed, err := a.v.Seal(tx, r.person, fieldTOTP, r.id, []byte(key))
	if err != nil {
		return App{}, err
	}
	if _, err := tx.Exec(`UPDATE account_account SET totp_next=$2 WHERE id=$1`, r.id, sealed); err != nil {
		return App{}, err
	}
	return App{secret.Hide(key), factor.TOTPURL(a.keys.Issuer, v.Email, key)}, nil
}

// PendingApp reads the secret that BeginApp drew, to show the page again; 404 when there is none.
func (a *Accounts) PendingApp(q db.Q, v Visitor) (App, error) {
	if err := v.need(q.Now()); err != nil {
		return App{}, err
	}
	r, err := byID(q, v.Account)
	if err != nil || len(r.next) == 0 {
		return App{}, fault.NotFound()
	}
	key, err := a.v.Open(q, r.person, fieldTOTP, r.id, r.next)
	if err != nil {
		return App{}, err
	}
	return App{secret.Hide(string(key)), factor.TOTPURL(a.keys.Issuer, v.Email, string(key))}, nil
}

// ConfirmApp takes the first code of the app: from now on it is asked for. It returns the recovery codes, which are
// shown once, and the session's new secret. 422 at "/code".
func (a *Accounts) ConfirmApp(ctx context.Context, v Visitor, code string) (codes []secret.Secret, session secret.Secret, err error) {
	if _, err := db.Read(ctx, a.d, func(q *db.Reader) (App, error) { return a.PendingApp(q, v) }); err != nil {
		return nil, session, err
	}
	return a.withRecovery(ctx, v, AppAdded, func(tx *db.Tx, r row) error {
		if len(r.next) == 0 {
			return fault.NotFound()
		}
		key, err := a.v.Open(tx, r.person, fieldTOTP, r.id, r.next)
		if err != nil {
			return err
		}
		step, ok := factor.TOTPStep(string(key), code, tx.Now())
		if !ok {
			return badCode()
		}
		_, err = tx.Exec(`UPDATE account_account SET totp=totp_next, totp_next=NULL, totp_step=$2, totp_at=$3 WHERE id=$1`, r.id, step, tx.Now())
		return err
	})
}

// RemoveApp takes the app and the recovery codes away. 409 "password_short" while the password is one that may not stand
// alone.
func (a *Accounts) RemoveApp(tx *db.Tx, v Visitor) (secret.Secret, error) {
	if err := v.need(tx.Now()); err != nil {
		return secret.Secret{}, err
	}
	r, err := hold(tx, v.Account)
	if err != nil {
		return secret.Secret{}, err
	}
	if len(r.totp) == 0 {
		return secret.Secret{}, fault.NotFound()
	}
	if r.password != "" && !r.passwordLong {
		return secret.Secret{}, fault.Conflict("password_short")
	}
	if _, err := tx.Exec(`UPDATE account_account SET totp=NULL, totp_next=NULL, totp_at=NULL WHERE id=$1`, r.id); err != nil {
		return secret.Secret{}, err
	}
	if err := putRecovery(tx, r.id, nil); err != nil {
		return secret.Secret{}, err
	}
	return a.wayChanged(tx, v, r, AppRemoved)
}

// NewRecovery replaces the recovery codes; the old ones are dead.
func (a *Accounts) NewRecovery(ctx context.Context, v Visitor) (codes []secret.Secret, session secret.Secret, err error) {
	if err := v.need(time.Now()); err != nil {
		return nil, session, err
	}
	return a.withRecovery(ctx, v, RecoveryMade, func(tx *db.Tx, r row) error {
		if len(r.totp) == 0 {
			return fault.NotFound()
		}
		return nil
	})
}

// withRecovery makes a change that new recovery codes come with. The caller has looked whether it may be, since hashing the
// codes is work; fn runs with the account held.
func (a *Accounts) withRecovery(ctx context.Context, v Visitor, what What, fn func(tx *db.Tx, r row) error) (codes []secret.Secret, session secret.Secret, err error) {
	codes, hashes, err := a.drawRecovery(ctx)
	if err != nil {
		return nil, session, err
	}
	session, _, err = db.Write(ctx, a.d, func(tx *db.Tx) (s secret.Secret, err error) {
		if err := v.need(tx.Now()); err != nil {
			return s, err
		}
		r, err := hold(tx, v.Account)
		if err != nil {
			return s, err
		}
		if err := fn(tx, r); err != nil {
			return s, err
		}
		if err := putRecovery(tx, r.id, hashes); err != nil {
			return s, err
		}
		return a.wayChanged(tx, v, r, what)
	})
	if err != nil {
		codes = nil
	}
	return codes, session, err
}

func (a *Accounts) drawRecovery(ctx context.Context) (codes []secret.Secret, hashes []string, err error) {
	err = a.hasher.Do(ctx, func() error { codes, hashes = factor.NewRecovery(a.hasher); return nil })
	return codes, hashes, err
}

func putRecovery(tx *db.Tx, account db.ID, hashes []string) error {
	if _, err := tx.Exec(`DELETE FROM account_recovery WHERE account_id=$1`, account); err != nil {
		return err
	}
	for n, h := range hashes {
		if _, err := tx.Exec(`INSERT INTO account_recovery (account_id, n, hash) VALUES ($1,$2,$3)`, account, n, h); err != nil {
			return err
		}
	}
	return nil
}
