package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"

	"kassavalv/internal/db"
)

var b64 = base64.RawURLEncoding.Strict()

// TokenLen is the number of characters of Token; RandomToken's are longer.
const TokenLen = 32

// Token is the key that opens one row without sign-in: 192 bits of
// HMAC-SHA-256 over kind, row and version, as base64url. The row keeps its
// TokenHash for look-up and the version to revoke; the token itself is stored
// nowhere and can be made again for a later mail. It panics on an empty kind or row 0,
// which are faults of the program.
func (v *Vault) Token(kind string, row db.ID, version int64) string {
	if kind == "" || row <= 0 {
		panic("secret: token for nothing")
	}
	m := hmac.New(sha256.New, v.link)
	m.Write([]byte("token\x00" + kind + "\x00"))
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(row))
	binary.BigEndian.PutUint64(b[8:], uint64(version))
	m.Write(b[:])
	return b64.EncodeToString(m.Sum(nil)[:24])
}

// TokenHash is the SHA-256 of a token, for a column with a unique key. It is nil
// for anything that is not shaped like a token, the empty one first of all; a nil parameter
// is NULL in SQL, which equals nothing.
func TokenHash(token string) []byte {
	if len(token) < TokenLen || len(token) > 64 {
		return nil
	}
	if _, err := b64.DecodeString(token); err != nil {
		return nil
	}
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// RandomToken draws 256 bits as base64url (43 characters): sessions, carts,
// invitations.
func RandomToken() string {
	var b [32]byte
	rand.Read(b[:])
	return b64.EncodeToString(b[:])
}

// Equal compares in constant time. Nothing never equals nothing.
func Equal(a, b []byte) bool {
	return len(a) > 0 && len(b) > 0 && subtle.ConstantTimeCompare(a, b) == 1
}

// cookieKey is the key of one purpose and one UTC day, by the day of expiry.
func (v *Vault) cookieKey(purpose string, until time.Time) []byte {
	return derive(v.cookie, "cookie\x00"+purpose+"\x00"+until.UTC().Format("2006-01-02"))
}

// Sign returns payload, its expiry and their HMAC as one cookie-safe text. It
// hides nothing: no personal data in the payload.
func (v *Vault) Sign(purpose string, payload []byte, until time.Time) string {
	body := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(payload)+sha256.Size), uint64(until.Unix()))
	body = append(body, payload...)
	m := hmac.New(sha256.New, v.cookieKey(purpose, until))
	m.Write(body)
	return b64.EncodeToString(m.Sum(body))
}

// Verify returns the payload of Sign, unless it is changed, of another purpose,
// or expired at now.
func (v *Vault) Verify(purpose, text string, now time.Time) ([]byte, bool) {
	if len(text) > 8192 {
		return nil, false
	}
	raw, err := b64.DecodeString(text)
	if err != nil || len(raw) < 8+sha256.Size {
		return nil, false
	}
	body, mac := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	sec := binary.BigEndian.Uint64(body)
	if sec > 1<<40 { // beyond the year 36000: not ours, and outside time's formats
		return nil, false
	}
	until := time.Unix(int64(sec), 0)
	m := hmac.New(sha256.New, v.cookieKey(purpose, until))
	m.Write(body)
	if !Equal(m.Sum(nil), mac) || !now.Before(until) {
		return nil, false
	}
	return body[8:], true
}

// Index is the blind index of a value: the full HMAC-SHA-256 under the field's
// own key. The value MUST be in canonical form (CanonicalEmail and the
// like). ErrEmpty for nothing; an undeclared field fails.
func (v *Vault) Index(field Field, canonical string) ([]byte, error) {
	if canonical == "" {
		return nil, ErrEmpty
	}
	if err := field.check(); err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, derive(v.index, "index\x00"+string(field)))
	m.Write([]byte(canonical))
	return m.Sum(nil), nil
}
