package camt

import (
	"strings"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
)

// exponents are the currencies whose minor unit is not a hundredth (ISO 4217), of
// those that an account may be told in. Currencies with thousandths are not here:
// the shop has no such amounts, and none is guessed.
var exponents = map[string]int{"JPY": 0, "KRW": 0, "ISK": 0, "CLP": 0, "VND": 0, "XAF": 0, "XOF": 0, "XPF": 0, "PYG": 0, "UGX": 0, "RWF": 0, "KMF": 0, "GNF": 0, "DJF": 0, "BIF": 0, "VUV": 0,
	"KWD": -1, "BHD": -1, "OMR": -1, "TND": -1, "JOD": -1, "IQD": -1, "LYD": -1}

// parseAmount reads a decimal amount ("1299.5") to minor units of the currency.
// Decimals beyond the currency's are taken when they are zeros, as ISO 20022 lets
// banks write them. The amount is not negative.
func parseAmount(s, currency string) (money.Money, bool) {
	if len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return money.Money{}, false
	}
	exp, special := exponents[currency]
	if !special {
		exp = 2
	}
	s = strings.TrimPrefix(strings.Trim(s, " \t\r\n"), "+")
	whole, frac, dot := strings.Cut(s, ".")
	if exp < 0 || whole == "" && frac == "" || dot && frac == "" && whole == "" || len(s) > 40 {
		return money.Money{}, false
	}
	if strings.Trim(whole, "0123456789") != "" || strings.Trim(frac, "0123456789") != "" {
		return money.Money{}, false
	}
	if len(frac) > exp {
		if strings.Trim(frac[exp:], "0") != "" {
			return money.Money{}, false
		}
		frac = frac[:exp]
	}
	var n int64
	for _, c := range whole + frac + strings.Repeat("0", exp-len(frac)) {
		if n = n*10 + int64(c-'0'); n > money.Max {
			return money.Money{}, false
		}
	}
	return money.New(n, currency), true
}

// parseDay reads a date, or the date of a time, in the shop's zone. A date may carry
// a zone (xs:date); it is the date that counts.
func parseDay(s string) (time.Time, bool) {
	s = strings.Trim(s, " \t\r\n")
	if len(s) < 10 {
		return time.Time{}, false
	}
	if len(s) > 10 && s[10] == 'T' {
		t, ok := parseTime(s)
		if !ok {
			return time.Time{}, false
		}
		y, m, d := t.In(lang.Zone).Date()
		return sane(time.Date(y, m, d, 0, 0, 0, 0, lang.Zone))
	}
	switch rest := s[10:]; {
	case rest == "", rest == "Z":
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':':
	default:
		return time.Time{}, false
	}
	t, err := time.ParseInLocation(time.DateOnly, s[:10], lang.Zone)
	if err != nil {
		return time.Time{}, false
	}
	return sane(t)
}

// parseTime reads a moment; one without a zone is the shop's.
func parseTime(s string) (time.Time, bool) {
	s = strings.Trim(s, " \t\r\n")
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return sane(t.In(lang.Zone))
	}
	if t, err := time.ParseInLocation("2006-01-02T15:04:05.999999999", s, lang.Zone); err == nil {
		return sane(t)
	}
	return time.Time{}, false
}

func sane(t time.Time) (time.Time, bool) {
	return t, t.Year() >= 2000 && t.Year() < 2200
}
