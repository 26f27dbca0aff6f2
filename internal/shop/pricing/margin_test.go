package pricing_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/pricing"
)

func TestMarginKnown(t *testing.T) {
	for _, x := range []struct{ price, bp, cost, net, left, percent int64 }{
		{12500, 2500, 4000, 10000, 6000, 60},
		{12500, 2500, 10000, 10000, 0, 0},
		{12500, 2500, 12500, 10000, -2500, -25},
		{11200, 1200, 9999, 10000, 1, 0},
		{0, 2500, 100, 0, -100, 0},
	} {
		m, ok := pricing.MarginOf(money.SEK(x.price), x.bp, money.SEK(x.cost))
		if !ok || m.Net != money.SEK(x.net) || m.Left != money.SEK(x.left) || m.Percent != x.percent {
			t.Errorf("%+v: %+v %v", x, m, ok)
		}
	}
	if _, ok := pricing.MarginOf(money.SEK(100), 2500, money.New(100, "EUR")); ok {
		t.Error("two currencies have a margin")
	}
}

// What is left, what it cost and the VAT are the price; the share is that of rational
// numbers.
func TestMargin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		price, cost, bp := rapid.Int64Range(0, 10_000_000_000).Draw(t, "price"), rapid.Int64Range(0, 10_000_000_000).Draw(t, "cost"), rapid.Int64Range(0, 10_000).Draw(t, "rate")
		m, ok := pricing.MarginOf(money.SEK(price), bp, money.SEK(cost))
		if !ok || m.Left.Amount+cost+money.VATIncluded(price, bp) != price || m.Net.Amount != m.Left.Amount+cost {
			t.Fatalf("%+v", m)
		}
		if m.Net.Amount == 0 {
			if m.Percent != 0 {
				t.Fatalf("%+v", m)
			}
			return
		}
		// |percent − exact| is at most a half.
		diff := new(big.Rat).Sub(new(big.Rat).SetInt64(m.Percent), new(big.Rat).Mul(big.NewRat(m.Left.Amount, m.Net.Amount), big.NewRat(100, 1)))
		if diff.Abs(diff).Cmp(big.NewRat(1, 2)) > 0 {
			t.Fatalf("%+v is off by %s", m, diff)
		}
	})
}
