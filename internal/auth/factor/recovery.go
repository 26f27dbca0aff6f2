package factor

import (
	"crypto/rand"
	"fmt"
	"strings"
	"unicode"

	"kassavalv/internal/secret"
)

// RecoveryCodes is how many one-time codes a person gets for the day his phone is gone.
const RecoveryCodes = 10

// recoverySigns leaves out what people confuse on paper: 0 and O, 1, I and L, U and V.
const recoverySigns = "23456789ABCDEFGHJKMNPQRSTWXYZ"

const recoveryLen = 12 // signs of a code after its number: 58 bits

// NewRecovery draws the codes of one person and their hashes, in order: the code i begins with
// the digit i, so that one hash is compared for each try and not ten. The codes are shown once;
// the caller keeps the hashes and drops a hash when its code is used. Hashing ten takes a second of a core: call it
// within Hasher.Do.
func NewRecovery(h *Hasher) (codes []secret.Secret, hashes []string) {
	for i := range RecoveryCodes {
		code := fmt.Sprintf("%d", i) + draw(recoverySigns, recoveryLen)
		codes = append(codes, secret.Hide(code[:5]+"-"+code[5:9]+"-"+code[9:]))
		hashes = append(hashes, h.Hash(secret.Hide(code)))
	}
	return codes, hashes
}

// draw takes n signs by chance, each as likely as the others.
func draw(signs string, n int) string {
	out := make([]byte, 0, n)
	for len(out) < n {
		var b [32]byte
		rand.Read(b[:])
		for _, x := range b {
			if limit := 256 - 256%len(signs); int(x) < limit && len(out) < n {
				out = append(out, signs[int(x)%len(signs)])
			}
		}
	}
	return string(out)
}

// ReadRecovery reads a code as a person types it, in any case, with or without hyphens and
// spaces: its number and what was hashed. False for what cannot be one.
func ReadRecovery(s string) (n int, code secret.Secret, ok bool) {
	if len(s) > 64 {
		return 0, secret.Secret{}, false
	}
	s = strings.Map(func(r rune) rune {
		if r == '-' || unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToUpper(r)
	}, s)
	if len(s) != 1+recoveryLen || s[0] < '0' || s[0] > '9' {
		return 0, secret.Secret{}, false
	}
	for i := 1; i < len(s); i++ {
		if !strings.Contains(recoverySigns, s[i:i+1]) {
			return 0, secret.Secret{}, false
		}
	}
	return int(s[0] - '0'), secret.Hide(s), true
}
