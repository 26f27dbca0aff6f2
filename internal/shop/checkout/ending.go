package checkout

import (
	"slices"
	"time"

	"kassavalv/internal/shop/payment"
)

// Ending is a way to pay whose credential ends soon, or has ended.
type Ending struct {
	Method string
	Until  time.Time
	Days   int // whole days left; 0 on the last day, negative when it has ended
}

// Days before a credential's end at which staff hear of it louder.
const (
	EndingSoon = 30
	EndingNear = 14
	EndingNow  = 3
)

// Ends tells when the credentials of the ways to pay end, those first that end first.
func (d *Desk) Ends(now time.Time) []Ending {
	var out []Ending
	for _, p := range d.Providers {
		e, ok := p.(payment.Expirer)
		if !ok {
			continue
		}
		until := e.Expires()
		if until.IsZero() {
			continue
		}
		left := until.Sub(now)
		days := int(left / (24 * time.Hour))
		if left < 0 {
			days = min(days, 0) - 1
		}
		out = append(out, Ending{p.Method(), until, days})
	}
	slices.SortStableFunc(out, func(a, b Ending) int { return a.Until.Compare(b.Until) })
	return out
}

// Ending lists the ways to pay whose credential ends within 30 days: after that they
// are off until somebody renews it.
func (d *Desk) Ending(now time.Time) []Ending {
	return slices.DeleteFunc(d.Ends(now), func(e Ending) bool { return e.Days > EndingSoon })
}
