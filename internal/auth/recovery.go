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

// nextAppLife is how long a new code app waits for its first code.
const nextAppLife = 15 * time.Minute

// MakeRecoveryCodes draws ten one-time codes for the day the member's phone is gone, and
// ends those he had. They are shown once: the shop keeps their hashes. He needs a fresh
// proof. One code stands in for the code app at a sign-in, beside the password, once.
func (a *Auth) MakeRecoveryCodes(ctx context.Context, by By) ([]secret.Secret, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return nil, fault.Denied()
	}
	if err := by.NeedFresh(time.Now()); err != nil {
		return nil, err
	}
	var codes []secret.Secret
	var hashes []string
	if err := a.hasher.Do(ctx, func() error { codes, hashes = factor.NewRecovery(a.hasher); return nil }); err != nil {
		return nil, err
	}
	err := db.Do(ctx, a.d, func(tx *db.Tx) error {
		s, err := staffByID(tx, by.ID)
		if errors.Is(err, db.ErrNotFound) || err == nil && s.state != "active" {
			return fault.Denied()
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM auth_recovery WHERE staff_id=$1`, by.ID); err != nil {
			return err
		}
		for i, h := range hashes {
			if _, err := tx.Exec(`INSERT INTO auth_recovery (staff_id, place, hash, made_at) VALUES ($1,$2,$3,$4)`, by.ID, int64(i), h, tx.Now()); err != nil {
				return err
			}
		}
		if err := tell(tx, by.ID, LetterCodes, by.ID); err != nil {
			return err
		}
		return by.Record(tx, "recovery.create", entityStaff, by.ID, "", "")
	})
	return codes, err
}

// RecoveryLeft is how many of the member's own one-time codes are unused, and when they
// were made; zero when he has none.
func (a *Auth) RecoveryLeft(q db.Q, by By) (left int64, made time.Time, err error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return 0, made, fault.Denied()
	}
	err = q.QueryRow(`SELECT count(*) FROM auth_recovery WHERE staff_id=$1 AND used_at IS NULL`, by.ID).Scan(&left)
	if err == nil && left > 0 {
		err = q.QueryRow(`SELECT max(made_at) FROM auth_recovery WHERE staff_id=$1`, by.ID).Scan(&made)
	}
	return
}

// spare is a one-time code that was compared and not yet used.
type spare struct {
	place int64
	hash  string
}

// matchRecovery compares what was typed with the code of its place, within the bound of
// hashing; the work is the same for who has none. nil when it is none of the member's.
func (a *Auth) matchRecovery(ctx context.Context, staff db.ID, typed string) (*spare, error) {
	n, code, ok := factor.ReadRecovery(typed)
	if !ok {
		return nil, nil //nolint:nilnil // no code at all: the usual case, and no fault
	}
	x := spare{place: int64(n)}
	hash, err := db.Read(ctx, a.d, func(q *db.Reader) (h string, err error) {
		err = q.QueryRow(`SELECT hash FROM auth_recovery WHERE staff_id=$1 AND place=$2 AND used_at IS NULL`, staff, x.place).Scan(&h)
		return
	})
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return nil, err
	}
	if x.hash = hash; hash == "" {
		hash = a.hasher.Dummy()
	}
	if ok, err = a.hasher.Compare(hash, code); err != nil || !ok || x.hash == "" {
		return nil, err
	}
	return &x, nil
}

// useSpare uses up a one-time code: of two that come at once, one finds it.
func useSpare(tx *db.Tx, staff db.ID, x *spare) (bool, error) {
	if x == nil {
		return false, nil
	}
	n, err := tx.Exec(`UPDATE auth_recovery SET used_at=$4 WHERE staff_id=$1 AND place=$2 AND hash=$3 AND used_at IS NULL`, staff, x.place, x.hash, tx.Now())
	if err != nil || n != 1 {
		return false, err
	}
	return true, tell(tx, staff, LetterCodeUsed, staff)
}

// NextApp is a code app that a member connects in place of the one he has.
type NextApp struct {
	TOTP    secret.Secret // base32
	TOTPURL secret.Secret // for the QR code
	Expires time.Time
}

// BeginApp draws the secret of a new code app. Nothing changes before FinishApp, and he
// needs a fresh proof.
func (a *Auth) BeginApp(tx *db.Tx, by By) (NextApp, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return NextApp{}, fault.Denied()
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return NextApp{}, err
	}
	s, err := staffByID(tx, by.ID)
	if err != nil {
		return NextApp{}, err
	}
	p, err := a.open(tx, s)
	if err != nil {
		return NextApp{}, err
	}
	key, err := a.newTOTP()
	if err != nil {
		return NextApp{}, err
	}
	id := tx.NewID()
	sealed, err := a.v.Seal(tx, s.person, fieldTOTP, id, []byte(key.Reveal()))
	if err != nil {
		return NextApp{}, err
	}
	out := NextApp{TOTP: key, TOTPURL: factor.TOTPURL(a.keys.Issuer, p.Email, key.Reveal()), Expires: tx.Now().Add(nextAppLife)}
	_, err = tx.Exec(`INSERT INTO auth_totp_next (staff_id, id, totp, expires_at) VALUES ($1,$2,$3,$4)
		ON CONFLICT (staff_id) DO UPDATE SET id=excluded.id, totp=excluded.totp, expires_at=excluded.expires_at`, by.ID, id, sealed, out.Expires)
	return out, err
}

// FinishApp makes the new app the member's, when the code shows that it has the secret.
// His other sessions end. 422 for a wrong code, 404 when nothing waits.
func (a *Auth) FinishApp(ctx context.Context, by By, code string) error {
	if by.Kind != StaffKind || by.ID <= 0 {
		return fault.Denied()
	}
	if err := by.NeedFresh(time.Now()); err != nil {
		return err
	}
	type res struct {
		wait time.Duration
		ok   bool
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out res, err error) {
		key := factor.TryKey("app", []byte(by.ID.String()))
		if out.wait, err = reserve(tx, key); err != nil || out.wait > 0 {
			return out, err
		}
		var id db.ID
		var sealed []byte
		err = tx.QueryRow(`SELECT id, totp FROM auth_totp_next WHERE staff_id=$1 AND expires_at > $2`, by.ID, tx.Now()).Scan(&id, &sealed)
		if errors.Is(err, db.ErrNotFound) {
			return out, fault.NotFound()
		}
		if err != nil {
			return out, err
		}
		s, err := staffByID(tx, by.ID)
		if err != nil {
			return out, err
		}
		base32, err := a.v.Open(tx, s.person, fieldTOTP, id, sealed)
		if err != nil {
			return out, err
		}
		step, ok := factor.TOTPStep(string(base32), code, tx.Now())
		if !ok {
			return out, by.Refuse(tx, "staff.app", entityStaff, by.ID, "code")
		}
		if sealed, err = a.v.Seal(tx, s.person, fieldTOTP, s.id, base32); err != nil {
			return out, err
		}
		if err := tx.ExecOne(`UPDATE auth_staff SET totp=$2, totp_step=$3, version=version+1 WHERE id=$1 AND state='active'`, s.id, sealed, step); err != nil {
			return out, err
		}
		if err := tx.ExecOne(`DELETE FROM auth_totp_next WHERE staff_id=$1 AND id=$2`, s.id, id); err != nil {
			return out, err
		}
		if err := endSessions(tx, s.id, by.Session); err != nil {
			return out, err
		}
		if err := factor.ClearTries(tx, key); err != nil {
			return out, err
		}
		if err := tell(tx, s.id, LetterApp, s.id); err != nil {
			return out, err
		}
		out.ok = true
		return out, by.Record(tx, "staff.app", entityStaff, s.id, "", "changed")
	})
	switch {
	case err != nil:
		return err
	case out.wait > 0:
		return fault.TooMany(out.wait)
	case !out.ok:
		return fault.Invalid(fault.Field{Pointer: "/code", Code: "code_wrong"})
	}
	return nil
}
