package money

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sort"
)

// Errors of arithmetic. They are programming or data faults, never shown to people.
var (
	ErrOverflow = errors.New("money: amount out of range")
	ErrCurrency = errors.New("money: currencies differ")
)

// Max bounds every amount (in minor units) so that sums of millions of lines
// stay far from the edge of int64: 10^14 öre is a trillion kronor.
const Max = 100_000_000_000_000

// Money is an amount in minor units (öre) of an ISO 4217 currency. The zero
// value has no currency and is not an amount.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// New returns amount minor units of currency.
func New(amount int64, currency string) Money { return Money{amount, currency} }

// SEK returns öre as Swedish kronor.
func SEK(ore int64) Money { return Money{ore, "SEK"} }

// Add returns m + o. ErrCurrency or ErrOverflow otherwise.
func (m Money) Add(o Money) (Money, error) {
	if m.Currency != o.Currency || m.Currency == "" {
		return Money{}, ErrCurrency
	}
	return check(m.Amount+o.Amount, m.Currency)
}

// Sub returns m − o, which may be negative.
func (m Money) Sub(o Money) (Money, error) { return m.Add(Money{-o.Amount, o.Currency}) }

// Mul returns n pieces of m.
func (m Money) Mul(n int64) (Money, error) {
	if n != 0 && (abs(m.Amount) > Max/abs(n)) {
		return Money{}, ErrOverflow
	}
	return check(m.Amount*n, m.Currency)
}

// Neg returns −m.
func (m Money) Neg() Money { return Money{-m.Amount, m.Currency} }

// IsZero reports whether the amount is 0 (in any currency, or none).
func (m Money) IsZero() bool { return m.Amount == 0 }

// Equal reports whether currency and amount agree; amounts without currency
// equal nothing.
func (m Money) Equal(o Money) bool {
	return m.Currency != "" && m.Currency == o.Currency && m.Amount == o.Amount
}

// String is for logs and tests: "1299.50 SEK". People read lang.Money.
func (m Money) String() string {
	sign := ""
	a := m.Amount
	if a < 0 {
		sign, a = "-", -a
	}
	return fmt.Sprintf("%s%d.%02d %s", sign, a/100, a%100, m.Currency)
}

// UnmarshalJSON refuses fractions, strings and unknown members, so that a
// request can only carry whole minor units.
func (m *Money) UnmarshalJSON(b []byte) error {
	var v struct {
		Amount   *int64  `json:"amount"`
		Currency *string `json:"currency"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if v.Amount == nil || v.Currency == nil {
		return errors.New("money: amount and currency are both needed")
	}
	if !validCurrency(*v.Currency) {
		return errors.New("money: currency must be three capital letters")
	}
	if abs(*v.Amount) > Max {
		return ErrOverflow
	}
	m.Amount, m.Currency = *v.Amount, *v.Currency
	return nil
}

func validCurrency(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range 3 {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

func check(a int64, cur string) (Money, error) {
	if a > Max || a < -Max {
		return Money{}, ErrOverflow
	}
	return Money{a, cur}, nil
}

func abs(a int64) int64 {
	if a == math.MinInt64 {
		return math.MaxInt64
	}
	if a < 0 {
		return -a
	}
	return a
}

// Split spreads total over weights in proportion, by the largest remainder;
// ties go to the earlier weight. The parts always sum to total. Negative
// weights count as zero; if no weight is positive everything goes to the first
// part. An empty weights gives nil.
func Split(total int64, weights []int64) []int64 {
	if len(weights) == 0 {
		return nil
	}
	parts := make([]int64, len(weights))
	var sum int64
	for _, w := range weights {
		if w > 0 {
			sum += w
		}
	}
	if sum == 0 {
		parts[0] = total
		return parts
	}
	sign := int64(1)
	if total < 0 {
		sign, total = -1, -total
	}
	type rest struct {
		i int
		r uint64
	}
	rests := make([]rest, 0, len(weights))
	left := total
	for i, w := range weights {
		if w <= 0 {
			continue
		}
		hi, lo := bits.Mul64(uint64(total), uint64(w))
		q, r := bits.Div64(hi, lo, uint64(sum))
		parts[i] = int64(q)
		left -= int64(q)
		rests = append(rests, rest{i, r})
	}
	sort.SliceStable(rests, func(a, b int) bool { return rests[a].r > rests[b].r })
	for k := int64(0); k < left; k++ {
		parts[rests[k].i]++
	}
	if sign < 0 {
		for i := range parts {
			parts[i] = -parts[i]
		}
	}
	return parts
}

// VATIncluded returns the VAT contained in gross at a rate in basis points
// (2500 is 25 %): gross · r / (100 + r), half up (away from zero for refunds).
func VATIncluded(gross, rateBP int64) int64 {
	if rateBP <= 0 || gross == 0 {
		return 0
	}
	if gross < 0 {
		return -VATIncluded(-gross, rateBP)
	}
	div := uint64(10_000 + rateBP)
	hi, lo := bits.Mul64(uint64(gross), uint64(rateBP))
	q, r := bits.Div64(hi, lo, div)
	if r*2 >= div {
		q++
	}
	return int64(q)
}

// MulDiv returns a·b/c rounded half up, for a, b ≥ 0 and c > 0; used for
// percentages and unit prices. It saturates at Max instead of overflowing.
func MulDiv(a, b, c int64) int64 {
	if a <= 0 || b <= 0 || c <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return Max
	}
	q, r := bits.Div64(hi, lo, uint64(c))
	if r >= uint64(c)-r {
		q++
	}
	if q > Max {
		return Max
	}
	return int64(q)
}

// RateString writes basis points as the surface has them: "25", "6", "12.5".
func RateString(bp int64) string {
	s := fmt.Sprintf("%d", bp/100)
	f := bp % 100
	switch {
	case f == 0:
		return s
	case f%10 == 0:
		return fmt.Sprintf("%s.%d", s, f/10)
	default:
		return fmt.Sprintf("%s.%02d", s, f)
	}
}
