package order

import (
	"testing"
	"time"
)

// The books are those of the shop's own year, on a machine of whatever zone: half past midnight on New Year's Day is the new
// year, and the law keeps it a year longer.
func TestBookYear(t *testing.T) {
	for s, want := range map[string]int{"2026-12-31T22:59:59Z": 2026, "2026-12-31T23:00:00Z": 2027, "2026-12-31T23:30:00Z": 2027, "2027-01-01T00:00:00+01:00": 2027, "2026-12-31T20:00:00-05:00": 2027, "2026-07-01T00:00:00Z": 2026} {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		if y := bookYear(at); y != want {
			t.Errorf("%s: %d, want %d", s, y, want)
		}
	}
}
