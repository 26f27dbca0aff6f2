package klarnasim

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/klarna"
	"kassavalv/internal/shop/payment/paytest"
)

// Sim is the simulator with a client of ours, as the shared suite wants it.
type Sim struct {
	*Server
	URL      string
	provider payment.Provider
}

var _ paytest.Sim = (*Sim)(nil)

// New starts a simulator for a test; it ends with the test.
func New(t testing.TB, o Options) *Sim {
	s := NewServer(o)
	srv := httptest.NewUnstartedServer(s)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		s.Wait()
	})
	return &Sim{Server: s, URL: srv.URL, provider: klarna.New(klarna.Config{Username: s.Username(), Password: secret.Hide(s.Password()), Region: "eu", Base: srv.URL})}
}

// Provider is ours.
func (s *Sim) Provider() payment.Provider { return s.provider }

// act does an act on the page of a payment.
func (s *Sim) act(t *testing.T, ref, act string) {
	t.Helper()
	pg, _, _ := strings.Cut(ref, ".")
	if to, status := s.Act(pg, act); status != 0 || to == "" {
		t.Fatalf("klarnasim: %s of %s: %d", act, ref, status)
	}
}

// Pay approves the payment.
func (s *Sim) Pay(t *testing.T, ref string) { t.Helper(); s.act(t, ref, Accept) }

var refusals = map[string]string{"FAILED": Decline, "ERROR": Trouble, "FRAUD_STATUS_REJECTED": Suspect}

// Refuse declines it.
func (s *Sim) Refuse(t *testing.T, ref, code string) {
	t.Helper()
	act, known := refusals[code]
	if !known {
		act = Decline
	}
	s.act(t, ref, act)
}

// Leave cancels it on the page.
func (s *Sim) Leave(t *testing.T, ref string) bool { t.Helper(); s.act(t, ref, Leave); return true }

// Expire lets the page's 48 hours run out.
func (s *Sim) Expire(t *testing.T, ref string) bool {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	pg, kp, _ := strings.Cut(ref, ".")
	p, k := s.pages[pg], s.sessions[kp]
	if p == nil || k == nil {
		t.Fatalf("klarnasim: no page %s", ref)
	}
	p.Expires, k.Expires = s.now().Add(-time.Second), s.now().Add(-time.Second)
	return true
}

// Notice is the status update of the payment's page.
func (s *Sim) Notice(t *testing.T, ref string) paytest.Notice {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	pg, _, _ := strings.Cut(ref, ".")
	p := s.pages[pg]
	for _, x := range s.pages {
		if x.Order != "" && x.Order == ref {
			p = x
		}
	}
	if p == nil {
		t.Fatalf("klarnasim: no page %s", ref)
	}
	u, err := url.Parse(p.fill(p.URLs["status_update"]))
	if err != nil {
		t.Fatal(err)
	}
	return paytest.Notice{Header: http.Header{"Content-Type": {"application/json"}}, Query: u.RawQuery, Body: s.update(p)}
}

// Unlisted is true: Klarna has no list of sessions.
func (s *Sim) Unlisted() bool { return true }

// Secrets may stand in no error.
func (s *Sim) Secrets() []string { return []string{s.Password(), s.Username()} }

// Forge has nothing to forge: Klarna signs nothing.
func (s *Sim) Forge(*testing.T, string) (paytest.Notice, bool) { return paytest.Notice{}, false }

// Books lists the payments that somebody can pay or has paid. A page whose address was
// never told to anybody is none: nobody can open it.
func (s *Sim) Books(*testing.T) []paytest.Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []paytest.Book
	done := map[string]bool{}
	for _, p := range s.pages {
		if !p.Told {
			continue
		}
		k := s.sessions[p.Session]
		zero := money.New(0, k.Currency)
		b := paytest.Book{Ref: p.ID + "." + k.ID, Reference: k.Reference, Authorised: zero, Captured: zero, Refunded: zero}
		if o := s.orders[p.Order]; o != nil {
			if done[o.ID] {
				continue
			}
			done[o.ID] = true
			o.life(s.now())
			b.Captured, b.Refunded = money.New(o.Captured, o.Currency), money.New(o.Refunded, o.Currency)
			b.Authorised = money.New(o.Remaining, o.Currency)
		}
		out = append(out, b)
	}
	return out
}

// Codes are the words of refusal that can be made to happen.
func (s *Sim) Codes() map[string]payment.Reason {
	return map[string]payment.Reason{"FAILED": payment.Declined, "ERROR": payment.BankError, "FRAUD_STATUS_REJECTED": payment.Declined}
}
