package auth

import (
	"crypto/subtle"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// totpPeriod and the six digits of SHA-1 are what every authenticator app reads
// (RFC 6238); the 30 s window is what makes the hash's weakness irrelevant.
const totpPeriod = 30

// newTOTP draws a secret of 160 bits, in base32.
func (a *Auth) newTOTP(account string) (string, error) {
	k, err := totp.Generate(totp.GenerateOpts{Issuer: a.issuer, AccountName: account, Period: totpPeriod, SecretSize: 20, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return "", err
	}
	return k.Secret(), nil
}

// totpURL is what the QR code holds.
func (a *Auth) totpURL(account, base32 string) secret.Secret {
	q := url.Values{"secret": {base32}, "issuer": {a.issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	return secret.Hide("otpauth://totp/" + url.PathEscape(a.issuer+":"+account) + "?" + q.Encode())
}

// totpStep returns the time step that code belongs to: now's, the one before or
// after (clocks differ). False for a wrong code.
func totpStep(base32, code string, now time.Time) (int64, bool) {
	code = strings.ReplaceAll(code, " ", "")
	if len(code) != 6 || base32 == "" {
		return 0, false
	}
	at := now.Unix() / totpPeriod
	found, ok := int64(0), false
	for _, step := range []int64{at - 1, at, at + 1} {
		want, err := totp.GenerateCodeCustom(base32, time.Unix(step*totpPeriod, 0), totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found, ok = step, true
		}
	}
	return found, ok
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
	step, ok := totpStep(string(key), code, tx.Now())
	if !ok {
		return false, nil
	}
	n, err := tx.Exec(`UPDATE auth_staff SET totp_step=$2 WHERE id=$1 AND totp_step < $2`, s.id, step)
	return n == 1, err
}
