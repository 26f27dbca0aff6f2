package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/ops/copies"
)

// keeps are how finely one can go back, and for how long, as a configuration says it: times such
// as "72h" or "30d". Empty is the usual one, copies.DefaultPolicy.
type keeps struct {
	KeepRaw     string `toml:"keep_raw"`     // every second that something changed in: 72h
	KeepMinutes string `toml:"keep_minutes"` // every five minutes: 30d
	KeepHours   string `toml:"keep_hours"`   // every hour: 90d
	KeepDays    string `toml:"keep_days"`    // every day: 400d
	KeepDumps   string `toml:"keep_dumps"`   // copies of the second road: 30d
}

// policy is what they come to, or which key is wrong and why.
func (k keeps) policy() (p copies.Policy, key string, err error) {
	p = copies.DefaultPolicy()
	if key, err = spans(map[string]spanOf{"keep_raw": {k.KeepRaw, &p.Raw}, "keep_minutes": {k.KeepMinutes, &p.Minutes}, "keep_hours": {k.KeepHours, &p.Hours},
		"keep_days": {k.KeepDays, &p.Days}, "keep_dumps": {k.KeepDumps, &p.Dumps}}); err != nil {
		return p, key, err
	}
	return p, "keep_…", p.Check()
}

// spanOf is a time in text and where it goes.
type spanOf struct {
	text string
	into *time.Duration
}

// spans reads times by their keys; what is empty stays as it is. It tells the first key that is wrong.
func spans(all map[string]spanOf) (key string, err error) {
	for _, key := range slices.Sorted(maps.Keys(all)) {
		x := all[key]
		if x.text == "" {
			continue
		}
		d, err := span(x.text)
		if err != nil || d <= 0 {
			return key, errors.New("is a time such as 72h or 30d")
		}
		*x.into = d
	}
	return "", nil
}

// span reads a time that may be in days.
func span(s string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.Atoi(n)
		if err != nil || days > 36500 {
			return 0, fmt.Errorf("%q is no number of days", s)
		}
		return time.Duration(days) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}
