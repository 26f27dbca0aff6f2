package money

import "strings"

// ValidIBAN reports whether an account number has the form and the check digits of an
// IBAN (ISO 13616), spaces left out.
func ValidIBAN(s string) bool {
	c := strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	return len(c) >= 15 && len(c) <= 34 && c[0] >= 'A' && c[0] <= 'Z' && c[1] >= 'A' && c[1] <= 'Z' && Mod97(c)
}

// Mod97 checks a number of digits and capital letters whose first four signs are moved
// last (ISO 7064): an IBAN, or a creditor reference of ISO 11649.
func Mod97(s string) bool {
	if len(s) < 5 {
		return false
	}
	sum := 0
	for _, c := range []byte(s[4:] + s[:4]) {
		switch {
		case c >= '0' && c <= '9':
			sum = (sum*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			sum = (sum*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return sum == 1
}
