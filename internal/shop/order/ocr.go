package order

import "strconv"

// OCR makes a reference number of an order's row of digits: the digits, their
// length check (total length modulo 10) and a check digit by the Luhn rule, as
// Bankgirot's "variable length with length check" has it.
func OCR(n int64) string {
	s := strconv.FormatInt(n, 10)
	s += strconv.Itoa((len(s) + 2) % 10)
	return s + strconv.Itoa(luhn(s))
}

// ValidOCR checks a number as typed by a buyer or found in a bank file.
func ValidOCR(s string) bool {
	if len(s) < 3 || len(s) > 25 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	n := len(s)
	return int(s[n-2]-'0') == n%10 && int(s[n-1]-'0') == luhn(s[:n-1])
}

// luhn is the check digit of s.
func luhn(s string) int {
	sum, double := 0, true
	for i := len(s) - 1; i >= 0; i-- {
		d := int(s[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return (10 - sum%10) % 10
}
