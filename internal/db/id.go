package db

import (
	"errors"
	"strconv"
	"sync"
	"time"
)

// ID is a primary key: 63 bits, time-ordered, made by the program. People and
// programs outside see it as a decimal string.
type ID int64

// String is the decimal form.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// MarshalText writes the decimal form, so JSON carries a string.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what ParseID reads.
func (id *ID) UnmarshalText(b []byte) error {
	v, err := ParseID(string(b))
	*id = v
	return err
}

// ErrBadID is returned for anything that is not the canonical form of a
// positive id.
var ErrBadID = errors.New("db: not an id")

// ParseID reads the decimal form: digits only, no sign, no leading zero,
// greater than 0.
func ParseID(s string) (ID, error) {
	if len(s) == 0 || len(s) > 19 || s[0] == '0' {
		return 0, ErrBadID
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, ErrBadID
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, ErrBadID
	}
	return ID(n), nil
}

// idEpoch is the zero of the time part: 2024-01-01 UTC, which lasts until 2093.
var idEpoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// IDAt is below every key that is made at t or later and above every key made
// before, to the millisecond: a stretch of time by the primary key.
func IDAt(t time.Time) ID { return ID(max(0, t.UnixMilli()-idEpoch) << 22) }

// ids makes keys of 41 bits of milliseconds, 10 bits of node and 12 bits of
// sequence. When the clock steps back or a millisecond is used up, it goes on
// from the last value, so keys of one process always rise.
type ids struct {
	mu   sync.Mutex
	node int64
	last int64 // milliseconds<<12 | sequence
}

func (g *ids) next() ID {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := (time.Now().UnixMilli() - idEpoch) << 12
	if t <= g.last {
		t = g.last + 1
	}
	g.last = t
	return ID((t>>12)<<22 | (g.node&1023)<<12 | t&4095)
}
