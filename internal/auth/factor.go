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
// not be made of, beside those about the shop.
func (a *Auth) checkPassword(p string, about ...string) error {
	return factor.CheckPassword(p, minPassword, append(about, a.words...)...)
}

// reserve counts a try of staff before it is evaluated; it returns how long to wait when there
// is no room.
func reserve(tx *db.Tx, key []byte) (time.Duration, error) {
	return factor.Tries{Limit: tryLimit, Window: tryWindow}.Reserve(tx, key)
}

// useCode checks a code of a member's app and uses up its step.
func (a *Auth) useCode(tx *db.Tx, s staffRow, code string) (bool, error) {
	if len(s.totp) == 0 {
		return false, nil
	}
	key, err := a.v.Open(tx, s.person, fieldTOTP, s.id, s.totp)
	if err != nil {
		return false, err
	}
	return factor.UseTOTP(tx, "auth_staff", s.id, string(key), code)
}

// newTOTP draws a secret for a member who is not named on it yet.
func (a *Auth) newTOTP() (secret.Secret, error) {
	s, err := factor.NewTOTP(a.keys.Issuer, "kassavalv")
	return secret.Hide(s), err
}
