package admin_test

import (
	"strings"
	"testing"
	"time"

	"kassavalv/internal/shop/payment/invoice"
)

// aging is a way to pay whose certificate ends.
type aging struct {
	invoice.Provider
	until time.Time
}

func (aging) Method() string       { return "swish" }
func (a aging) Expires() time.Time { return a.until }

// The start page warns those who can do something about it, and nobody else.
func TestStartWarnsOfCertificates(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		if strings.Contains(b.page("/admin").text(), "certifikatet") {
			t.Fatal("a warning of nothing")
		}
		plain := o.Desk.Providers
		for _, c := range []struct {
			in   time.Duration
			says string
		}{{14*24*time.Hour + time.Hour, "slutar fungera om 14 dagar"}, {25 * time.Hour, "slutar fungera om 1 dag,"}, {-time.Hour, "Certifikatet gick ut"}} {
			o.Desk.Providers = append(plain[:len(plain):len(plain)], aging{until: time.Now().Add(c.in)})
			if text := b.page("/admin").text(); !strings.Contains(text, c.says) || !strings.Contains(text, "Swish") {
				t.Errorf("%v ahead the page does not say %q", c.in, c.says)
			}
		}
		if strings.Contains(o.as("catalogue").page("/admin").text(), "ertifikatet") {
			t.Error("who keeps the goods is told of it too")
		}
		o.Desk.Providers = append(plain[:len(plain):len(plain)], aging{until: time.Now().Add(32 * 24 * time.Hour)})
		if strings.Contains(b.page("/admin").text(), "ertifikatet") {
			t.Error("a warning a month ahead of time")
		}
	})
}
