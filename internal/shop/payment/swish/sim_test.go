package swish_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/paytest"
	"kassavalv/internal/shop/payment/paytest/swishsim"
	"kassavalv/internal/shop/payment/swish"
)

const payee = "1231181189"

var secretOfShop = []byte("thirty-two bytes that stay alike")

// sim is the stand-in with a client of ours connected to it.
type sim struct {
	*swishsim.Server
	p *swish.Provider
	o swish.Options
}

func newSim(t *testing.T, change ...func(*swish.Options)) *sim {
	t.Helper()
	s, err := swishsim.New(swishsim.Options{Payee: payee})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f, err := s.Issue(t.TempDir(), payee, time.Now().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	// Callbacks go nowhere here: the tests hand them over themselves.
	s.Set(swishsim.Fault{Mute: true})
	o := swish.Options{Payee: payee, Cert: f.Cert, Key: f.Key, CA: f.CA, BaseURL: s.URL(), Secret: secretOfShop}
	for _, fn := range change {
		fn(&o)
	}
	p, err := swish.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &sim{Server: s, p: p, o: o}
}

func (s *sim) Provider() payment.Provider { return s.p }

func (s *sim) act(t *testing.T, ref, what string) {
	t.Helper()
	if err := s.Act(ref, what); err != nil {
		t.Fatalf("%s of %s: %v", what, ref, err)
	}
}

func (s *sim) Pay(t *testing.T, ref string) { t.Helper(); s.act(t, ref, swishsim.Approve) }
func (s *sim) Refuse(t *testing.T, ref, code string) {
	t.Helper()
	s.act(t, ref, swishsim.FailPrefix+code)
}
func (s *sim) Leave(t *testing.T, ref string) bool {
	t.Helper()
	s.act(t, ref, swishsim.Decline)
	return true
}
func (s *sim) Expire(t *testing.T, ref string) bool {
	t.Helper()
	s.act(t, ref, swishsim.RunOut)
	return true
}

func (s *sim) Set(f paytest.Fault) {
	s.Server.Set(swishsim.Fault{Delay: f.Delay, LoseAfter: f.LoseAfter, Half: f.Half, Garbage: f.Garbage, Status: f.Status, Down: f.Down, Amount: f.Amount, Currency: f.Currency, Account: f.Account, Mute: true})
}

func (s *sim) Notice(_ *testing.T, ref string) paytest.Notice {
	n := s.Server.Notice(ref)
	return paytest.Notice{Header: n.Header, Body: n.Body}
}

func (s *sim) Forge(*testing.T, string) (paytest.Notice, bool) { return paytest.Notice{}, false }

func (s *sim) Books(*testing.T) (out []paytest.Book) {
	for _, b := range s.Server.Books() {
		out = append(out, paytest.Book{Ref: b.ID, Reference: b.Reference, Authorised: money.SEK(0), Captured: money.SEK(b.Paid), Refunded: money.SEK(b.Refunded)})
	}
	return
}

// Codes are those that end a payment which the buyer has begun to approve.
func (s *sim) Codes() map[string]payment.Reason {
	out := map[string]payment.Reason{}
	for _, c := range []string{"ACMT01", "ACMT03", "ACMT07", "AM04", "AM14", "AM21", "BANKIDCL", "BANKIDONGOING", "BANKIDUNKN", "FF10", "RF07", "VR01", "VR02"} {
		out[c] = swish.Codes()[c]
	}
	return out
}

// TellsNoRefunds: Swish tells each refund by itself.
func (s *sim) TellsNoRefunds() {}

// TellsAccount: each answer names the merchant's number.
func (s *sim) TellsAccount() bool { return true }

func (s *sim) Hold(*testing.T) { s.HoldRefunds() }

func (s *sim) Release(_ *testing.T, ok bool) {
	if ok {
		s.ReleaseRefunds("")
	} else {
		s.ReleaseRefunds("AM04")
	}
}

func (s *sim) Secrets() []string { return []string{string(secretOfShop)} }

var _ interface {
	paytest.Sim
	paytest.Forgetful
	paytest.Slow
	paytest.Accountable
	paytest.Secretive
} = (*sim)(nil)

func start(key string, ore int64) payment.Start {
	return payment.Start{Key: key, Reference: "KV" + key, Amount: money.SEK(ore), Description: "Forst & Kvist", ReturnURL: "https://shop.example/purchases/abc/return", NotifyURL: "https://shop.example/hooks/swish", Lang: lang.SV}
}

func (s *sim) begin(t *testing.T, key string, ore int64) payment.Status {
	t.Helper()
	st, err := s.p.Begin(t.Context(), start(key, ore))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func (s *sim) look(t *testing.T, key string) payment.Status {
	t.Helper()
	st, err := s.p.Look(t.Context(), payment.Handle{Reference: "KV" + key, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func (s *sim) refund(t *testing.T, ref, key string, ore int64) payment.RefundStatus {
	t.Helper()
	st, err := s.p.Refund(t.Context(), payment.Refund{Key: key, Ref: ref, Reference: "KVx", Amount: money.SEK(ore), Reason: "return"})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// settled asks for a refund until it is done or refused.
func (s *sim) settled(t *testing.T, ref, key string, ore int64) payment.RefundStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		st := s.refund(t, ref, key, ore)
		if st.Done || st.Refused {
			return st
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the refund is still %+v", st)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func header(n swishsim.Notice) http.Header { return n.Header.Clone() }
