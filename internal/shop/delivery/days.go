package delivery

import (
	"strings"
	"time"
	_ "time/tzdata" // the shop's zone must be there on a bare machine
)

// Zone is where the shop's days begin.
var Zone = func() *time.Location {
	z, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err)
	}
	return z
}()

// Far reports whether parcels to this Swedish postal code take longer: Norrland
// (8xxxx, 9xxxx) and Gotland (62xxx).
func Far(postal string) bool {
	p := strings.ReplaceAll(postal, " ", "")
	return strings.HasPrefix(p, "8") || strings.HasPrefix(p, "9") || strings.HasPrefix(p, "62")
}

// ValidPostal reports whether s is a Swedish postal code: five digits, with or
// without the space, from 10000 up.
func ValidPostal(s string) bool {
	p := strings.ReplaceAll(s, " ", "")
	if len(p) != 5 || p[0] == '0' || len(s) > 6 {
		return false
	}
	for i := range 5 {
		if p[i] < '0' || p[i] > '9' {
			return false
		}
	}
	return true
}

// Ships gives the day on which an order placed now leaves, and the cut-off it
// has made (or the next one).
func Ships(now time.Time, cutoffMinute int) (day, cutoff time.Time) {
	t := now.In(Zone)
	day = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, Zone)
	at := func(d time.Time) time.Time {
		return time.Date(d.Year(), d.Month(), d.Day(), cutoffMinute/60, cutoffMinute%60, 0, 0, Zone)
	}
	if !Workday(day) || !t.Before(at(day)) {
		day = addWorkdays(day, 1)
	}
	return day, at(day)
}

// addWorkdays returns the n-th working day after day; n = 0 is day itself, or
// the next working day when day is none.
func addWorkdays(day time.Time, n int) time.Time {
	for !Workday(day) && n == 0 {
		day = day.AddDate(0, 0, 1)
	}
	for n > 0 {
		day = day.AddDate(0, 0, 1)
		if Workday(day) {
			n--
		}
	}
	return day
}

// Workday reports whether parcels move on the day in Sweden: not Saturdays,
// Sundays, public holidays (lag 1989:253), nor the eves that carriers keep free.
func Workday(d time.Time) bool {
	d = d.In(Zone)
	if wd := d.Weekday(); wd == time.Saturday || wd == time.Sunday {
		return false
	}
	y, m, day := d.Date()
	switch {
	case m == time.January && (day == 1 || day == 6),
		m == time.May && day == 1,
		m == time.June && day == 6,
		m == time.December && (day == 24 || day == 25 || day == 26 || day == 31):
		return false
	case m == time.June && d.Weekday() == time.Friday && day >= 19 && day <= 25: // midsummer eve
		return false
	}
	e := easter(y)
	for _, off := range []int{-2, 1, 39} { // Good Friday, Easter Monday, Ascension
		h := e.AddDate(0, 0, off)
		if h.Month() == m && h.Day() == day {
			return false
		}
	}
	return true
}

// easter is Easter Sunday of the Gregorian calendar (the anonymous algorithm
// published in Nature, 1876).
func easter(y int) time.Time {
	a, b, c := y%19, y/100, y%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(y, time.Month(n/31), n%31+1, 0, 0, 0, 0, Zone)
}
