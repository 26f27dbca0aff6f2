package money

import (
	"encoding/json"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestSplitSumsAndIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(-Max, Max).Draw(t, "total")
		ws := rapid.SliceOfN(rapid.Int64Range(0, 10_000_000), 1, 40).Draw(t, "weights")
		parts := Split(total, ws)
		var sum, wsum int64
		for i := range ws {
			sum += parts[i]
			wsum += ws[i]
		}
		if sum != total {
			t.Fatalf("parts sum to %d, want %d", sum, total)
		}
		if wsum == 0 {
			return
		}
		// The slow twin: each part is within one unit of the exact share.
		for i, w := range ws {
			exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(total), big.NewInt(w)), big.NewInt(wsum))
			d := new(big.Rat).Sub(new(big.Rat).SetInt64(parts[i]), exact)
			if d.Abs(d).Cmp(big.NewRat(1, 1)) >= 0 {
				t.Fatalf("part %d is %d, exact %s", i, parts[i], exact.FloatString(3))
			}
		}
	})
}

func TestVATIncludedAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gross := rapid.Int64Range(-Max, Max).Draw(t, "gross")
		rate := rapid.Int64Range(0, 10_000).Draw(t, "rate")
		got := VATIncluded(gross, rate)
		// floor(|gross|·r/(10000+r) + 1/2), sign restored
		n := new(big.Int).Mul(big.NewInt(2*abs(gross)), big.NewInt(rate))
		d := big.NewInt(10_000 + rate)
		n.Add(n, d)
		n.Div(n, new(big.Int).Mul(d, big.NewInt(2)))
		want := n.Int64()
		if gross < 0 {
			want = -want
		}
		if got != want {
			t.Fatalf("VATIncluded(%d,%d)=%d want %d", gross, rate, got, want)
		}
	})
}

func TestVATKnown(t *testing.T) {
	for _, c := range []struct{ gross, bp, vat int64 }{
		{12500, 2500, 2500}, {10600, 600, 600}, {11200, 1200, 1200}, {1, 2500, 0}, {3, 2500, 1}, {-12500, 2500, -2500}, {100, 0, 0},
	} {
		if got := VATIncluded(c.gross, c.bp); got != c.vat {
			t.Errorf("VATIncluded(%d,%d)=%d want %d", c.gross, c.bp, got, c.vat)
		}
	}
}

func TestArithmeticRefuses(t *testing.T) {
	if _, err := SEK(1).Add(New(1, "EUR")); err != ErrCurrency {
		t.Error("mixed currencies added")
	}
	if _, err := (Money{}).Add(Money{}); err != ErrCurrency {
		t.Error("amounts without currency added")
	}
	if _, err := SEK(Max).Add(SEK(1)); err != ErrOverflow {
		t.Error("overflow unseen")
	}
	if _, err := SEK(Max).Mul(2); err != ErrOverflow {
		t.Error("overflow of product unseen")
	}
	if (Money{}).Equal(Money{}) {
		t.Error("nothing equals nothing")
	}
}

func TestJSONRefusesFractions(t *testing.T) {
	for _, bad := range []string{`{"amount":1.5,"currency":"SEK"}`, `{"amount":"1","currency":"SEK"}`, `{"amount":1}`, `{"currency":"SEK"}`, `{"amount":1,"currency":"sek"}`, `{"amount":1e400,"currency":"SEK"}`, `{"amount":999999999999999,"currency":"SEK"}`} {
		var m Money
		if json.Unmarshal([]byte(bad), &m) == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	var m Money
	if err := json.Unmarshal([]byte(`{"amount":12900,"currency":"SEK"}`), &m); err != nil || m != SEK(12900) {
		t.Error(m, err)
	}
}

func TestRateString(t *testing.T) {
	for bp, want := range map[int64]string{2500: "25", 600: "6", 1250: "12.5", 1225: "12.25", 0: "0", 1205: "12.05"} {
		if got := RateString(bp); got != want {
			t.Errorf("RateString(%d)=%q want %q", bp, got, want)
		}
	}
}

// The check digits of account numbers, as banks print them.
func TestIBAN(t *testing.T) {
	for s, want := range map[string]bool{"SE45 5000 0000 0583 9825 7466": true, "SE4650000000058398257466": false, "": false, "SE45": false, "451234567890123456": false, "DE89 3704 0044 0532 0130 00": true,
		"SE4550000000058398257465": false, "SE45-50000000058398257466": false, "se4550000000058398257466": true} {
		if ValidIBAN(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
	for s, want := range map[string]bool{"RF18539007547034": true, "RF19539007547034": false, "RF18": false, "": false} {
		if Mod97(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}
