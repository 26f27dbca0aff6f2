package intake

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPrice(t *testing.T) {
	for in, want := range map[string]any{
		"1299": 129900, "1299.00": 129900, "1299,50": 129950, "1 299,50": 129950, "1 299,50 kr": 129950, "1\u00a0299,5": 129950, "1\u202f299": 129900, "1,299.50": 129950,
		"1.299,50": 129950, "12,345,678": 1234567800, "1.234.567,89": 123456789, "1'299.50": 129950, "SEK 99": 9900, "99 SEK": 9900, "kr 99": 9900, "99kr": 9900, "99:-": 9900, "99,-": 9900,
		"99 :-": 9900, "0": 0, "0.00": 0, ".5": 50, ",50": 50, "9.9": 990, "79.2000": 7920, "1299.500": 129950, "129,500": "price_ambiguous", "0.500": 50, "5.": 500,
		"99:–": 9900, "1 000 000,00": 100000000, "  12 ": 1200,
		"1.299": "price_ambiguous", "1,299": "price_ambiguous", "12.345": "price_ambiguous",
		"": "bad_price", "abc": "bad_price", "12abc": "bad_price", "1,2,3": "bad_price", "1.23.456": "bad_price", "1,23,456": "bad_price", "12 34": "bad_price", "1..2": "bad_price", "1e5": "bad_price",
		"0x10": "bad_price", "１２": "bad_price", "12.": 1200, ".": "bad_price", ",": "bad_price", "-": "bad_price", "1,234.567,89": "bad_price", "12:50": "bad_price", "5-6": "bad_price", " ,5 0": "bad_price",
		"€12": "price_currency", "12 EUR": "price_currency", "$12.00": "price_currency", "12 NOK": "price_currency",
		"1.005": "price_ambiguous", "1234.567": "price_decimals", "0.999": "price_decimals", "12.3456": "price_decimals",
		"-5": "price_range", "−5": "price_range", "100000000.01": "price_range", "99999999999999999999": "bad_price", "100000000": 10000000000,
	} {
		ore, bad := parsePrice(in)
		switch w := want.(type) {
		case int:
			if bad != "" || ore != int64(w) {
				t.Errorf("%q: %d %s, want %d", in, ore, bad, w)
			}
		case string:
			if bad != w || ore != 0 {
				t.Errorf("%q: %d %q, want %q", in, ore, bad, w)
			}
		}
	}
}

// Whatever way a price is written, with two decimals it is read back.
func TestPriceRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ore := rapid.Int64Range(0, maxPrice).Draw(t, "öre")
		whole, dec := fmt.Sprint(ore/100), fmt.Sprintf("%02d", ore%100)
		sep := rapid.SampledFrom([]string{"", " ", "\u00a0", ",", ".", "'"}).Draw(t, "thousands")
		mark := rapid.SampledFrom([]string{",", "."}).Draw(t, "decimals")
		if sep == mark {
			sep = ""
		}
		var groups []string
		for len(whole) > 3 && sep != "" {
			groups = append([]string{whole[len(whole)-3:]}, groups...)
			whole = whole[:len(whole)-3]
		}
		s := strings.Join(append([]string{whole}, groups...), sep) + mark + dec
		s = rapid.SampledFrom([]string{"%s", "%s kr", "SEK %s", " %s ", "%skr"}).Draw(t, "form")
		s = fmt.Sprintf(s, strings.Join(append([]string{whole}, groups...), sep)+mark+dec)
		if got, bad := parsePrice(s); bad != "" || got != ore {
			t.Fatalf("%q: %d %s, want %d", s, got, bad, ore)
		}
	})
}

func FuzzPrice(f *testing.F) {
	for _, s := range []string{"1 299,50 kr", "99:-", "1.299", "€", "-–−", "kr"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ore, bad := parsePrice(s)
		if ore < 0 || ore > maxPrice || bad != "" && ore != 0 {
			t.Fatalf("%q: %d %q", s, ore, bad)
		}
		if bad == "" && !strings.ContainsAny(s, "0123456789") {
			t.Fatalf("%q has no digit and is %d", s, ore)
		}
		measure(s, "lbs")
		count(s)
	})
}

func TestMeasure(t *testing.T) {
	for _, c := range []struct {
		s, unit string
		want    int64
	}{{"350", "g", 350}, {"1,5", "kg", 1500}, {".5", "lbs", 227}, {"2", "lb", 907}, {"24", "in", 610}, {"1", "cm", 10}, {"0.05", "cm", 1}, {"0.04", "cm", 0}, {"1.", "m", 1000}, {"0.9", "yd", 823}} {
		if got, ok := measure(c.s, c.unit); !ok || got != c.want {
			t.Errorf("%s %s: %d %v, want %d", c.s, c.unit, got, ok, c.want)
		}
	}
	for _, s := range []string{"", ".", "-1", "1e3", "abc", "1.2.3", "1 000"} {
		if n, ok := measure(s, "g"); ok {
			t.Errorf("%q is %d g", s, n)
		}
	}
	if _, ok := measure("1", "stone"); ok {
		t.Error("an unknown unit was taken")
	}
}
