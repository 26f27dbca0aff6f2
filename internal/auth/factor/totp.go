package factor

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

// TOTPPeriod and the six digits of SHA-1 are what every authenticator app reads
// (RFC 6238); the 30 s window is what makes the hash's weakness irrelevant.
const TOTPPeriod = 30

// NewTOTP draws a secret of 160 bits, in base32.
func NewTOTP(issuer, account string) (string, error) {
	k, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account, Period: TOTPPeriod, SecretSize: 20, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return "", err
	}
	return k.Secret(), nil
}

// TOTPURL is what the QR code holds.
func TOTPURL(issuer, account, base32 string) secret.Secret {
	q := url.Values{"secret": {base32}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	return secret.Hide("otpauth://totp/" + url.PathEscape(issuer+":"+account) + "?" + q.Encode())
}

// TOTPStep returns the time step that code belongs to: now's, the one before or
// after (clocks differ). False for a wrong code. The caller MUST use a step once and
// none before one that was used.
func TOTPStep(base32, code string, now time.Time) (int64, bool) {
	code = strings.ReplaceAll(code, " ", "")
	if len(code) != 6 || base32 == "" {
		return 0, false
	}
	at := now.Unix() / TOTPPeriod
	found, ok := int64(0), false
	for _, step := range []int64{at - 1, at, at + 1} {
		want, err := totp.GenerateCodeCustom(base32, time.Unix(step*TOTPPeriod, 0), totp.ValidateOpts{Period: TOTPPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found, ok = step, true
		}
	}
	return found, ok
}

// UseTOTP checks a code and uses up its step: of two uses of one code, or of an older one, the conditional update lets
// only the first through. table is the room's own, with the columns id and totp_step.
func UseTOTP(tx *db.Tx, table string, id db.ID, base32, code string) (bool, error) {
	step, ok := TOTPStep(base32, code, tx.Now())
	if !ok {
		return false, nil
	}
	n, err := tx.Exec(`UPDATE `+table+` SET totp_step=$2 WHERE id=$1 AND totp_step < $2`, id, step)
	return n == 1, err
}
