package intake

import (
	"math/big"
	"strings"
	"unicode"

	"kassavalv/internal/shop/pricing"
)

// maxPrice is what the pricing room takes: a hundred million kronor.
const maxPrice = 10_000_000_000

// currencies that a price may be marked with; all but the shop's are refused.
var currencies = map[string]string{"kr": "SEK", "sek": "SEK", "kr.": "SEK", "€": "EUR", "eur": "EUR", "$": "USD", "usd": "USD", "us$": "USD", "£": "GBP", "gbp": "GBP",
	"nok": "NOK", "dkk": "DKK", "isk": "ISK", "pln": "PLN", "zł": "PLN", "chf": "CHF", "cad": "CAD", "aud": "AUD", "¥": "JPY", "jpy": "JPY"}

// parsePrice reads a price in the shop's currency to whole öre: "1299", "1 299,50",
// "1,299.50 kr", "SEK 99", "99:-", "99,-". bad is "" or a code: price_currency,
// price_ambiguous ("1.299" may be a thousand or one krona), price_decimals (a
// part of an öre), price_range, bad_price.
func parsePrice(s string) (ore int64, bad string) {
	s, bad = unmark(s)
	if bad != "" {
		return 0, bad
	}
	whole, frac, bad := parts(s)
	if bad != "" {
		return 0, bad
	}
	frac = strings.TrimRight(frac, "0")
	if len(frac) > 2 {
		return 0, "price_decimals"
	}
	digits := strings.TrimLeft(whole+(frac + "00")[:2], "0")
	if len(digits) > 12 {
		return 0, "price_range"
	}
	for _, c := range digits {
		ore = ore*10 + int64(c-'0')
	}
	if ore > maxPrice {
		return 0, "price_range"
	}
	return ore, ""
}

// unmark takes a currency from either end, and the dash of "99:-".
func unmark(s string) (string, string) {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '–' || r == '−':
			return '-'
		}
		return r
	}, s))
	i := strings.IndexAny(s, "0123456789.,")
	if i < 0 {
		return "", "bad_price"
	}
	j := strings.LastIndexAny(s, "0123456789.,:-") + 1
	for _, mark := range []string{s[:i], s[j:]} {
		mark = strings.ToLower(strings.TrimSpace(mark))
		if mark == "-" {
			return "", "price_range"
		}
		c, ok := currencies[mark]
		switch {
		case mark == "":
		case !ok:
			return "", "bad_price"
		case c != pricing.Currency:
			return "", "price_currency"
		}
	}
	s = s[i:j]
	for _, tail := range []string{":-", ",-", ".-", ":"} {
		s = strings.TrimSuffix(s, tail)
	}
	return strings.TrimSpace(s), ""
}

// parts splits a number into its digits before and after the decimal mark.
// Spaces and apostrophes part thousands, and so does a comma or a point that
// is followed by three digits and stands before another, or several times.
func parts(s string) (whole, frac, bad string) {
	if s == "" {
		return "", "", "bad_price"
	}
	// The decimal mark is the last comma or point, unless it stands several times.
	last := strings.LastIndexAny(s, ",.")
	mark := byte(0)
	if last >= 0 {
		mark = s[last]
		if strings.Count(s, string(mark)) > 1 {
			if strings.ContainsAny(s, otherMark(mark)) {
				// 1,234.567,89 and 1.234,567,89: nothing that anyone writes.
				return "", "", "bad_price"
			}
			last = -1
		}
	}
	head := s
	if last >= 0 {
		head, frac = s[:last], s[last+1:]
	}
	groups := strings.FieldsFunc(head, func(r rune) bool { return strings.ContainsRune(" '’,.", r) })
	seps := 0
	for i, r := range head {
		if strings.ContainsRune(" '’,.", r) {
			seps++
			if i == 0 {
				return "", "", "bad_price"
			}
		}
	}
	if seps != max(0, len(groups)-1) {
		return "", "", "bad_price"
	}
	for i, g := range groups {
		if !isDigits(g) || len(groups) > 1 && (i > 0 && len(g) != 3 || i == 0 && len(g) > 3) {
			return "", "", "bad_price"
		}
	}
	whole = strings.Join(groups, "")
	if !isDigits(frac) && frac != "" || whole == "" && frac == "" || len(whole) > 15 || len(frac) > 10 {
		return "", "", "bad_price"
	}
	if last >= 0 && frac == "" && whole == "" {
		return "", "", "bad_price"
	}
	// One mark, three digits behind it, a group before it that could be thousands.
	if last >= 0 && len(frac) == 3 && len(groups) == 1 && len(whole) <= 3 && strings.TrimLeft(whole, "0") != "" && whole[0] != '0' {
		return "", "", "price_ambiguous"
	}
	return whole, frac, ""
}

func otherMark(m byte) string {
	if m == ',' {
		return "."
	}
	return ","
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// grams and millimetres in a unit, exactly.
var units = map[string]*big.Rat{
	"g": big.NewRat(1, 1), "kg": big.NewRat(1000, 1), "oz": big.NewRat(28_349_523_125, 1_000_000_000), "lb": big.NewRat(45_359_237, 100_000), "lbs": big.NewRat(45_359_237, 100_000),
	"mm": big.NewRat(1, 1), "cm": big.NewRat(10, 1), "m": big.NewRat(1000, 1), "in": big.NewRat(254, 10), "yd": big.NewRat(9144, 10),
}

// measure reads a decimal ("1,5", ".8") in a unit, and rounds half up to whole
// grams or millimetres.
func measure(s, unit string) (int64, bool) {
	f, ok := units[strings.ToLower(strings.TrimSpace(unit))]
	whole, frac, _ := strings.Cut(strings.Replace(strings.TrimSpace(s), ",", ".", 1), ".")
	if !ok || len(whole)+len(frac) > 30 || !isDigits(whole+frac) {
		return 0, false
	}
	n, ok := new(big.Rat).SetString("0" + whole + "." + frac + "0")
	if !ok {
		return 0, false
	}
	n.Mul(n, f).Add(n, big.NewRat(1, 2))
	q := new(big.Int).Quo(n.Num(), n.Denom())
	if !q.IsInt64() {
		return 0, false
	}
	return q.Int64(), true
}

// count reads a whole number that may be negative and may end in ".0".
func count(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	if whole, frac, dot := strings.Cut(strings.Replace(s, ",", ".", 1), "."); dot && frac != "" && strings.Trim(frac, "0") == "" {
		s = whole
	}
	if !isDigits(s) || len(s) > 12 {
		return 0, false
	}
	var n int64
	for _, c := range s {
		n = n*10 + int64(c-'0')
	}
	if neg {
		n = -n
	}
	return n, true
}
