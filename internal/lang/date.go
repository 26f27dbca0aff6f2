package lang

import (
	"fmt"
	"strconv"
	"time"
	_ "time/tzdata" // the zone must not depend on the machine
)

// Zone is the shop's zone, Europe/Stockholm: laws, prices and promises count days in it.
var Zone = func() *time.Location {
	z, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic("lang: " + err.Error()) // cannot happen: the data is built in
	}
	return z
}()

var (
	weekdays = map[Lang][7]string{
		SV: {"söndag", "måndag", "tisdag", "onsdag", "torsdag", "fredag", "lördag"},
		EN: {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
	}
	months = map[Lang][12]string{
		SV: {"januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"},
		EN: {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	}
	shortMonths = map[Lang][12]string{
		SV: {"jan.", "feb.", "mars", "apr.", "maj", "juni", "juli", "aug.", "sep.", "okt.", "nov.", "dec."},
		EN: {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
	}
)

// Weekday is "onsdag" or "Wednesday".
func Weekday(l Lang, t time.Time) string { return weekdays[l.Or()][t.In(Zone).Weekday()] }

// Date is "onsdag 25 november" or "Wednesday 25 November".
func Date(l Lang, t time.Time) string { return Weekday(l, t) + " " + DayMonth(l, t) }

// DayMonth is "25 november".
func DayMonth(l Lang, t time.Time) string {
	t = t.In(Zone)
	return strconv.Itoa(t.Day()) + " " + months[l.Or()][t.Month()-1]
}

// DateYear is "25 november 2026".
func DateYear(l Lang, t time.Time) string {
	return DayMonth(l, t) + " " + strconv.Itoa(t.In(Zone).Year())
}

// DateShort is "25 nov. 2026", for tables.
func DateShort(l Lang, t time.Time) string {
	t = t.In(Zone)
	return fmt.Sprintf("%d %s %d", t.Day(), shortMonths[l.Or()][t.Month()-1], t.Year())
}

// Clock is the bare time of day, "14.05" or "14:05"; the sentences around it say "kl.".
func Clock(l Lang, t time.Time) string {
	if l == EN {
		return t.In(Zone).Format("15:04")
	}
	return t.In(Zone).Format("15.04")
}

// At is "kl. 14.05" or "14:05".
func At(l Lang, t time.Time) string {
	if l == EN {
		return Clock(l, t)
	}
	return "kl. " + Clock(l, t)
}

// DateTime is "onsdag 25 november kl. 14.05" or "Wednesday 25 November at 14:05".
func DateTime(l Lang, t time.Time) string {
	if l == EN {
		return Date(l, t) + " at " + Clock(l, t)
	}
	return Date(l, t) + " " + At(l, t)
}

// Stamp is "25 nov. 2026 14.05", for tables and logs of events.
func Stamp(l Lang, t time.Time) string { return DateShort(l, t) + " " + Clock(l, t) }

// ISO is the value of a <time datetime> attribute: RFC 3339 in the shop's zone.
func ISO(t time.Time) string { return t.In(Zone).Format(time.RFC3339) }

// Day names the day of t as seen from now: "i dag", "i morgon", "i går", the
// weekday within the next six days, otherwise the date.
func Day(l Lang, t, now time.Time) string {
	switch d := days(now, t); {
	case d == 0:
		return T(l, "day.today")
	case d == 1:
		return T(l, "day.tomorrow")
	case d == -1:
		return T(l, "day.yesterday")
	case d > 1 && d < 7:
		return Weekday(l, t)
	case t.In(Zone).Year() != now.In(Zone).Year():
		return DateYear(l, t)
	}
	return Date(l, t)
}

// DateRange names the days from a to b: "onsdag 25 november", "onsdag 25 – fredag
// 27 november", "måndag 30 november – onsdag 2 december".
func DateRange(l Lang, a, b time.Time) string {
	a, b = a.In(Zone), b.In(Zone)
	if days(a, b) <= 0 {
		return Date(l, a)
	}
	if a.Month() == b.Month() && a.Year() == b.Year() {
		return fmt.Sprintf("%s %d – %s", Weekday(l, a), a.Day(), Date(l, b))
	}
	return Date(l, a) + " – " + Date(l, b)
}

// Duration names a length of time in its one or two greatest units: "2 timmar 5
// minuter", "40 sekunder".
func Duration(l Lang, d time.Duration) string {
	d = d.Round(time.Second)
	units := []struct {
		size time.Duration
		key  string
	}{{24 * time.Hour, "unit.days"}, {time.Hour, "unit.hours"}, {time.Minute, "unit.minutes"}, {time.Second, "unit.seconds"}}
	out := ""
	for i, u := range units {
		n := d / u.size
		if n == 0 && (out != "" || i < len(units)-1) {
			if out != "" {
				break
			}
			continue
		}
		d -= n * u.size
		word := N(l, u.key, int64(n))
		if out != "" {
			return out + " " + word
		}
		out = word
	}
	return out
}

// days counts calendar days in the shop's zone from a to b.
func days(a, b time.Time) int {
	return int(midnight(b).Sub(midnight(a)).Hours() / 24)
}

func midnight(t time.Time) time.Time {
	t = t.In(Zone)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
