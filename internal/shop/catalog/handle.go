package catalog

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const maxHandle = 100

// ValidHandle reports whether s may stand in an address: 1 to 100 of a–z, 0–9
// and single hyphens inside.
func ValidHandle(s string) bool {
	if s == "" || len(s) > maxHandle || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '-' && s[i-1] != '-':
		default:
			return false
		}
	}
	return true
}

var letters = strings.NewReplacer("æ", "ae", "ø", "o", "ß", "ss", "đ", "d", "ł", "l", "þ", "th", "ð", "d", "œ", "oe", "&", " ")

// MakeHandle makes a valid handle of a title ("Mugg Drej, 30 cl" becomes
// "mugg-drej-30-cl"), or "" when the title has no letter or digit that can be
// written in ASCII.
func MakeHandle(title string) string {
	s := letters.Replace(strings.ToLower(norm.NFC.String(title)))
	var b strings.Builder
	gap := false
	for _, r := range norm.NFKD.String(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r):
		default:
			gap = true
		}
	}
	h := b.String()
	if len(h) > maxHandle {
		h = strings.TrimRight(h[:maxHandle], "-")
	}
	return h
}

// ValidGTIN reports whether s is a GTIN-8, -12, -13 or -14 with a right check
// digit (GS1 General Specifications, 7.9).
func ValidGTIN(s string) bool {
	switch len(s) {
	case 8, 12, 13, 14:
	default:
		return false
	}
	sum := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		d := int(s[i] - '0')
		if (len(s)-i)%2 == 0 { // weights 3,1,3,… from the digit beside the check digit
			d *= 3
		}
		sum += d
	}
	return sum%10 == 0 && strings.Trim(s, "0") != ""
}
