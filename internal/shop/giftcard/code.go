package giftcard

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode"

	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// alphabet is Crockford's base 32: no I, L, O and U, which are read as 1, 0 and V, or
// make words.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// A code is codeData characters of five bits and one to check them, in groups of four.
const (
	codeData = 19 // 95 bits
	codeLen  = codeData + 1
	group    = 4
)

const tokenKind = "giftcard"

// Code is a card's code as it is written to its owner: "7KQ2-…". It is stored nowhere.
func (c Card) Code(v *secret.Vault) string { return spaced(code(v, c.ID, c.codeVersion)) }

// code draws the canonical code from the token of the card.
func code(v *secret.Vault, id db.ID, version int64) string {
	raw, err := base64.RawURLEncoding.DecodeString(v.Token(tokenKind, id, version))
	if err != nil {
		panic(err) // Token writes this form
	}
	out := make([]byte, 0, codeLen)
	for i := range codeData {
		out = append(out, alphabet[bits5(raw, i*5)])
	}
	return string(append(out, alphabet[check(out)]))
}

// bits5 are the five bits of b that begin at bit i.
func bits5(b []byte, i int) byte {
	w := uint(b[i/8])<<8 | uint(b[i/8+1])
	return byte(w >> (11 - i%8) & 31)
}

// check is the sum over GF(32) of the characters, each times a power of a generator of
// its own: any one wrong character, and any two that have changed places, are seen.
func check(data []byte) byte {
	var sum byte
	for _, c := range data {
		sum = double(sum) ^ byte(strings.IndexByte(alphabet, c))
	}
	return double(sum)
}

// double multiplies by x in GF(2)[x]/(x⁵+x²+1), whose powers are all of GF(32) but 0.
func double(b byte) byte {
	if b <<= 1; b&32 != 0 {
		b ^= 0b100101
	}
	return b
}

func spaced(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += group {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(s[i:min(i+group, len(s))])
	}
	return b.String()
}

// Shaped reports whether s has the form of a gift card's code, right or wrong: such a
// try is counted against everybody's budget.
func Shaped(s string) bool { return letters(s) != "" }

// Canonical is the one form of a code: without spaces and dashes, upper case, with what
// is read wrongly put right. "" for what cannot be one.
func Canonical(s string) string {
	t := letters(s)
	if t == "" || alphabet[check([]byte(t[:codeData]))] != t[codeData] {
		return ""
	}
	return t
}

func letters(s string) string {
	if len(s) > 200 {
		return ""
	}
	out := make([]byte, 0, codeLen)
	for _, r := range s {
		switch r = unicode.ToUpper(r); {
		case unicode.IsSpace(r) || r == '-' || r == '\u2010' || r == '\u2011' || r == '\u2013' || r == '\u2014':
			continue
		case r == 'O':
			r = '0'
		case r == 'I' || r == 'L':
			r = '1'
		case r == 'U':
			r = 'V'
		}
		if r > 'Z' || strings.IndexByte(alphabet, byte(r)) < 0 || len(out) == codeLen {
			return ""
		}
		out = append(out, byte(r))
	}
	if len(out) != codeLen {
		return ""
	}
	return string(out)
}

// hash is what the row keeps of a canonical code.
func hash(canonical string) []byte {
	h := sha256.Sum256([]byte("giftcard\x00" + canonical))
	return h[:]
}
