package copies

import (
	"testing"
	"time"
)

// The night's copy is due once a night, at the first start after a night that was slept
// through, and an hour after a failure.
func TestDumpDue(t *testing.T) {
	day := func(d, h, m int) time.Time { return time.Date(2026, 3, d, h, m, 0, 0, time.Local) }
	taken := func(at time.Time) *nightly { return &nightly{Taken: at} }
	for i, c := range []struct {
		now, opened, tried time.Time
		last               *nightly
		due                bool
	}{
		{day(2, 12, 0), day(2, 11, 59), time.Time{}, nil, false},
		{day(2, 12, 10), day(2, 11, 59), time.Time{}, nil, true},
		{day(3, 2, 29), day(2, 12, 0), day(2, 12, 10), taken(day(2, 12, 10)), false},
		{day(3, 2, 30), day(2, 12, 0), day(2, 12, 10), taken(day(2, 12, 10)), true},
		{day(3, 2, 31), day(2, 12, 0), day(3, 2, 30), taken(day(3, 2, 30)), false},
		{day(3, 3, 29), day(2, 12, 0), day(3, 2, 30), taken(day(2, 2, 30)), false},
		{day(3, 3, 30), day(2, 12, 0), day(3, 2, 30), taken(day(2, 2, 30)), true},
		{day(5, 9, 0), day(5, 9, 0), time.Time{}, taken(day(4, 2, 30)), true},
		{day(5, 9, 0), day(5, 9, 0), time.Time{}, taken(day(5, 2, 30)), false},
		{day(1, 1, 0), day(1, 0, 0), time.Time{}, taken(day(0, 2, 30)), false},
		{day(29, 2, 45), day(28, 0, 0), time.Time{}, taken(day(28, 2, 30)), true}, // a night that lacks the hour
	} {
		if got := dumpDue(c.now, c.opened, c.tried, c.last); got != c.due {
			t.Errorf("%d: %v", i, got)
		}
	}
}
