package search

import (
	"testing"

	"kassavalv/internal/fault"
)

// A cursor that is taken is one that we write; any other is the caller's fault.
func FuzzCursor(f *testing.F) {
	f.Add("", byte(0))
	f.Add("kvx", byte(1))
	for i := range Sorts {
		f.Add(cursor{sort: byte(i), key: -1, id: 7, name: "mugg"}.String(), byte(i))
	}
	f.Fuzz(func(t *testing.T, s string, sort byte) {
		sort %= byte(len(Sorts))
		c, err := parseCursor(s, sort)
		switch {
		case err != nil:
			if !fault.Is(err, "invalid") {
				t.Errorf("%q: %v", s, err)
			}
		case s == "":
			if !c.begin {
				t.Error("no cursor is not the beginning")
			}
		case c.sort != sort || c.id <= 0 || c.begin:
			t.Errorf("%q is %+v", s, c)
		default:
			again, err := parseCursor(c.String(), sort)
			if err != nil || again != c {
				t.Errorf("%q comes back as %+v, %v", s, again, err)
			}
		}
	})
}
