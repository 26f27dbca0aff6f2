package camt

import (
	"strings"

	"kassavalv/internal/money"
)

// Numbers are the rows of digits that a text may mean as a reference: each run of
// digits, and runs that only a space, a hyphen or a dot parts, put together, since
// people write long numbers in groups. At least min and at most max digits, each
// once, in the order they stand. The work is bounded: 40 runs of a text are looked
// at.
func Numbers(text string, min, max int) []string {
	type run struct {
		digits string
		joined bool // to the one before
	}
	var runs []run
	for i := 0; i < len(text) && len(runs) < 40; {
		if text[i] < '0' || text[i] > '9' {
			i++
			continue
		}
		j := i
		for j < len(text) && text[j] >= '0' && text[j] <= '9' {
			j++
		}
		joined := len(runs) > 0 && i >= 2 && strings.IndexByte(" -.", text[i-1]) >= 0 && text[i-2] >= '0' && text[i-2] <= '9'
		runs = append(runs, run{text[i:j], joined})
		i = j
	}
	var out []string
	seen := map[string]bool{}
	for i := range runs {
		s := ""
		for j := i; j < len(runs) && (j == i || runs[j].joined) && len(s)+len(runs[j].digits) <= max; j++ {
			s += runs[j].digits
			if len(s) >= min && !seen[s] {
				seen[s] = true
				out = append(out, s)
			}
		}
	}
	return out
}

// Creditor takes the national reference out of an ISO 11649 one ("RF" and two check
// digits before it), which is given back as it is when it is none or its check
// digits are wrong.
func Creditor(s string) string {
	c := strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	if len(c) < 5 || len(c) > 25 || !strings.HasPrefix(c, "RF") || !money.Mod97(c) {
		return s
	}
	return c[4:]
}

// SameAccount reports whether the account of a file is one of the shop's own: an
// IBAN, a bankgiro number or an account number, as own names them. A Swedish
// account number is also known inside its IBAN, whose last 17 digits it is with
// zeros before it.
func (a Account) SameAccount(own []string) bool {
	for _, o := range own {
		o = strings.ToUpper(bare(o))
		if o == "" {
			continue
		}
		iban := len(o) > 4 && o[0] >= 'A' && o[0] <= 'Z'
		switch {
		case iban && a.IBAN != "":
			if a.IBAN == o {
				return true
			}
		case iban:
			if len(o) == 24 && o[:2] == "SE" && sameDigits(a.Other, o[7:]) {
				return true
			}
		case a.IBAN != "":
			if len(a.IBAN) == 24 && a.IBAN[:2] == "SE" && len(digitsOf(o)) > 8 && sameDigits(a.IBAN[7:], o) {
				return true
			}
		case sameDigits(a.Other, o):
			return true
		}
	}
	return false
}

// sameDigits compares account numbers without what is put between and before their
// digits.
func sameDigits(a, b string) bool {
	a, b = digitsOf(a), digitsOf(b)
	if len(a) >= 7 && a == b {
		return true
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return a != "" && a == b
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
