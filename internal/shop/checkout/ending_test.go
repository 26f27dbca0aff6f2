package checkout_test

import (
	"testing"
	"time"

	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/invoice"
)

// aging is a way to pay whose credential ends.
type aging struct {
	invoice.Provider
	name  string
	until time.Time
}

func (a aging) Method() string     { return a.name }
func (a aging) Expires() time.Time { return a.until }

// What ends within 30 days is told, soonest first, with the days that are left; what
// has no end, or one far away, is not.
func TestCredentialsThatEnd(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	d := &checkout.Desk{Providers: []payment.Provider{invoice.Provider{}, aging{name: "far", until: now.Add(31 * day)}, aging{name: "soon", until: now.Add(31*day - 1)}, aging{name: "never"},
		aging{name: "gone", until: now.Add(-1)}, aging{name: "long gone", until: now.Add(-3 * day)}, aging{name: "today", until: now.Add(time.Hour)}, aging{name: "near", until: now.Add(14 * day)}}}
	var got []checkout.Ending
	for _, e := range d.Ending(now) {
		e.Until = time.Time{}
		got = append(got, e)
	}
	want := []checkout.Ending{{"long gone", time.Time{}, -4}, {"gone", time.Time{}, -1}, {"today", time.Time{}, 0}, {"near", time.Time{}, 14}, {"soon", time.Time{}, 30}}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if len(d.Ends(now)) != 6 {
		t.Errorf("%+v", d.Ends(now))
	}
}

// What has ended is not offered, whatever its partner said before.
func TestEndedIsNotOffered(t *testing.T) {
	now := time.Now()
	d := &checkout.Desk{Providers: []payment.Provider{invoice.Provider{}, aging{name: "ended", until: now.Add(-time.Second)}, aging{name: "fresh", until: now.Add(time.Hour)}, aging{name: "never"}}}
	for method, up := range map[string]bool{"ended": false, "fresh": true, "never": true, "invoice": true} {
		if d.Up(method) != up {
			t.Errorf("%s is offered: %v", method, !up)
		}
	}
}
