package admin

import (
	"fmt"
	"testing"

	"kassavalv/internal/money"
)

// An amount that is taken is one that can be written, and reads the same again.
func FuzzAmount(f *testing.F) {
	for _, s := range []string{"", "0", "99", "99 kr", "1 299,50", "1.299,50", "1299.5", "-1", "+1", "1e3", "0x10", "٥", "999999999999", "999999999999,99", "1,2,3", ",5", "5,", "12 SEK", "NaN", "1\u00a0000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, ok := amount(s, "SEK")
		if !ok {
			return
		}
		if m.Amount < 0 || m.Amount > money.Max || m.Currency != "SEK" {
			t.Fatalf("%q is %+v", s, m)
		}
		if again, ok := amount(fmt.Sprintf("%d,%02d", m.Amount/100, m.Amount%100), "SEK"); !ok || again != m {
			t.Errorf("%q is %+v, written out %+v", s, m, again)
		}
	})
}
