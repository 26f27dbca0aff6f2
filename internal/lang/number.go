package lang

import (
	"strconv"
	"strings"

	"kassavalv/internal/money"
)

const (
	nbsp  = "\u00a0" // keeps an amount on one line
	minus = "\u2212" // a true minus, as wide as the figures
)

// Money writes an amount: "1 299 kr", "1 299,50 kr" (hard spaces) or "1,299 kr",
// "1,299.50 kr". Öre are left out when they are zero. SEK is "kr", any other
// currency its code. A Money without currency is written as a plain number.
func Money(l Lang, m money.Money) string {
	s := Amount(l, m)
	switch m.Currency {
	case "":
		return s
	case "SEK":
		return s + nbsp + "kr"
	}
	return s + nbsp + m.Currency
}

// Amount is Money without the currency: "1 299,50".
func Amount(l Lang, m money.Money) string {
	a, sign := m.Amount, ""
	if a < 0 {
		a, sign = -a, minus
	}
	s := sign + group(l, strconv.FormatInt(a/100, 10))
	if r := a % 100; r != 0 {
		s += point(l) + string([]byte{'0' + byte(r/10), '0' + byte(r%10)})
	}
	return s
}

// Number writes a whole number with thousands apart: "12 500", "12,500".
func Number(l Lang, n int64) string {
	s := strconv.FormatInt(n, 10)
	if rest, neg := strings.CutPrefix(s, "-"); neg {
		return minus + group(l, rest)
	}
	return group(l, s)
}

// Decimal writes hundredths: Decimal(SV, 1250) is "12,5", 1200 is "12".
func Decimal(l Lang, hundredths int64) string {
	s := Amount(l, money.Money{Amount: hundredths})
	if strings.Contains(s, point(l)) {
		s = strings.TrimRight(s, "0")
	}
	return s
}

// Percent writes basis points: 2500 is "25 %" in Swedish, "25%" in English.
func Percent(l Lang, basisPoints int64) string {
	if l == EN {
		return Decimal(l, basisPoints) + "%"
	}
	return Decimal(l, basisPoints) + nbsp + "%"
}

// List joins words: "a, b och c" or "a, b and c".
func List(l Lang, items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	and := " och "
	if l == EN {
		and = " and "
	}
	return strings.Join(items[:len(items)-1], ", ") + and + items[len(items)-1]
}

func point(l Lang) string {
	if l == EN {
		return "."
	}
	return ","
}

func group(l Lang, digits string) string {
	sep := nbsp
	if l == EN {
		sep = ","
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(sep)
		}
		b.WriteRune(d)
	}
	return b.String()
}
