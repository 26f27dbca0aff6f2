package auth

import (
	"time"

	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// minPassword of staff: more than the eight that suffice beside the second factor they must have.
const minPassword = 12

// checkPassword says what is wrong with a new password of a member. about are words it must
// not be made of.
func checkPassword(p string, about ...string) error {
	return factor.CheckPassword(p, minPassword, about...)
}

// reserve counts a try of staff before it is evaluated; it returns how long to wait when there
// is no room.
func reserve(tx *db.Tx, key []byte) (time.Duration, error) {
	return factor.Tries{Limit: tryLimit, Window: tryWindow}.Reserve(tx, key)
}

// useCode checks a code and uses up its step: the conditional update lets of two
// uses of one code, or of an older one, only the first through.
func (a *Auth) useCode(tx *db.Tx, s staffRow, code string) (bool, error) {
	if len(s.totp) == 0 {
		return false, nil
	}
	key, err := a.v.Open(tx, s.person, fieldTOTP, s.id, s.totp)
	if err != nil {
		return false, err
	}
	step, ok := factor.TOTPStep(string(key), code, tx.Now())
	if !ok {
		return false, nil
	}
	n, err := tx.Exec(`UPDATE auth_staff SET totp_step=$2 WHERE id=$1 AND totp_step < $2`, s.id, step)
	return n == 1, err
}

// newTOTP draws a secret for a member who is not named on it yet.
func (a *Auth) newTOTP() (secret.Secret, error) {
	s, err := factor.NewTOTP(a.keys.Issuer, "kassavalv")
	return secret.Hide(s), err
}
