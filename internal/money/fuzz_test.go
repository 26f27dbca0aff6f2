package money

import (
	"encoding/json"
	"strings"
	"testing"
)

// An amount that is taken from JSON is whole, within bounds, and written as it came.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{`{"amount":12900,"currency":"SEK"}`, `{"amount":-9223372036854775808,"currency":"SEK"}`, `{"amount":9223372036854775807,"currency":"SEK"}`, `{"amount":1.5,"currency":"SEK"}`, `{"amount":"1","currency":"SEK"}`, `{"amount":1e2,"currency":"SEK"}`, `{"amount":1}`, `null`, `[]`, `{"amount":1,"currency":"sek"}`, `{"amount":null,"currency":null}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var m Money
		if json.Unmarshal([]byte(s), &m) != nil || strings.TrimSpace(s) == "null" {
			return
		}
		if m.Amount > Max || m.Amount < -Max || !validCurrency(m.Currency) {
			t.Fatalf("%s is %+v", s, m)
		}
		b, err := json.Marshal(m)
		var again Money
		if err != nil || json.Unmarshal(b, &again) != nil || again != m {
			t.Errorf("%s is %+v and comes back as %+v, %v", s, m, again, err)
		}
	})
}
