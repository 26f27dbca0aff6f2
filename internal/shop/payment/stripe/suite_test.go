package stripe

import (
	"bufio"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/programtest"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/paytest"
	"kassavalv/internal/shop/payment/paytest/stripesim"
)

const (
	testKey    = "sk_test_51Kassavalv0000000000"
	testSecret = "whsec_kassavalvtest0000000000"
)

// Money is taken when the buyer pays.
func TestSuite(t *testing.T) { paytest.Run(t, simulator("placed", official(t))) }

// Money is reserved, and taken when the goods leave.
func TestSuiteOfCaptureLater(t *testing.T) { paytest.Run(t, simulator("ship", official(t))) }

// The suite finds what is put into the provider wrongly.
func TestSuiteFindsLies(t *testing.T)               { paytest.Lies(t, simulator("placed", nil)) }
func TestSuiteFindsLiesOfCaptureLater(t *testing.T) { paytest.Lies(t, simulator("ship", nil)) }

// sim is a Stripe with our client connected to it.
type sim struct {
	*stripesim.Server
	p *Provider
}

func simulator(capture string, judge *stripesim.Judge) func(*testing.T) paytest.Sim {
	return func(t *testing.T) paytest.Sim { return newSim(t, capture, judge) }
}

func newSim(t *testing.T, capture string, judge *stripesim.Judge) *sim {
	s := &sim{Server: stripesim.New(stripesim.Options{Key: testKey, Secret: testSecret, Judge: judge})}
	srv := httptest.NewUnstartedServer(s.Handler())
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	srv.Start()
	var err error
	if s.p, err = New(Options{SecretKey: testKey, WebhookSecret: "whsec_theoneweleavebehind " + testSecret, Capture: capture, BaseURL: srv.URL}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Set(paytest.Fault{})
		s.p.http.CloseIdleConnections()
		srv.Close()
	})
	return s
}

func (s *sim) Provider() payment.Provider { return s.p }
func (s *sim) Secrets() []string          { return []string{testKey, testSecret} }
func (s *sim) Set(f paytest.Fault)        { s.Faults.Set(f) }
func (s *sim) Calls() int                 { return s.Faults.Calls() }

func (s *sim) Pay(t *testing.T, ref string) {
	if !s.Server.Pay(ref) {
		t.Fatalf("%s cannot be paid", ref)
	}
}

func (s *sim) Refuse(t *testing.T, ref, code string) {
	if !s.Decline(ref, code) {
		t.Fatalf("%s cannot be refused", ref)
	}
}

// Leave: who goes back from Stripe's page leaves the session open, until we end it.
func (s *sim) Leave(*testing.T, string) bool { return false }

func (s *sim) Expire(_ *testing.T, ref string) bool { return s.Server.Expire(ref) }

func (s *sim) Notice(_ *testing.T, ref string) paytest.Notice { return s.Event(ref, nil) }

func (s *sim) Forge(_ *testing.T, ref string) (paytest.Notice, bool) {
	return s.Event(ref, func(e map[string]any) { e["livemode"] = true }), true
}

func (s *sim) Sign(_ *testing.T, body []byte) paytest.Notice { return s.Server.Sign(body) }
func (s *sim) Books(*testing.T) []paytest.Book               { return s.Server.Books() }
func (s *sim) Hold(*testing.T)                               { s.Server.Hold() }
func (s *sim) Release(_ *testing.T, ok bool)                 { s.Server.Release(ok) }

func (s *sim) Codes() map[string]payment.Reason {
	return map[string]payment.Reason{
		"generic_decline": payment.Declined, "lost_card": payment.Declined, "stolen_card": payment.Declined, "fraudulent": payment.Declined, "do_not_honor": payment.Declined,
		"expired_card": payment.Declined, "incorrect_cvc": payment.Declined, "insufficient_funds": payment.Insufficient, "processing_error": payment.BankError, "issuer_not_available": payment.BankError,
		"authentication_required": payment.AuthFailed, "payment_intent_authentication_failure": payment.AuthFailed, "payment_method_customer_decline": payment.BuyerLeft,
		"payment_method_provider_decline": payment.Declined, "payment_method_provider_timeout": payment.BankError, "payment_intent_payment_attempt_expired": payment.TimedOut,
		"a_code_of_next_year": payment.Declined,
	}
}

// official is stripe-mock, made by Stripe: it holds each kind of request that the suite
// makes against Stripe's own description. It is built once, under .cache.
func official(t *testing.T) *stripesim.Judge {
	mock.once.Do(func() { mock.url, mock.err = startMock() })
	if mock.err != nil {
		t.Fatalf("stripe-mock: %v", mock.err)
	}
	j := &stripesim.Judge{URL: mock.url}
	t.Cleanup(func() {
		seen, bad := j.Verdict()
		for _, b := range bad {
			t.Errorf("Stripe's own description refuses: %s", b)
		}
		if len(seen) < 6 && !t.Failed() {
			t.Errorf("only %d kinds of requests were judged", len(seen))
		}
	})
	return j
}

var mock struct {
	once sync.Once
	url  string
	err  error
	cmd  *exec.Cmd
}

func startMock() (string, error) {
	program, err := programtest.Build("stripe-mock")
	if err != nil {
		return "", err
	}
	cmd := exec.Command(program, "-http-addr", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	mock.cmd = cmd
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		if _, addr, ok := strings.Cut(sc.Text(), "Listening for HTTP at address: "); ok {
			return "http://" + addr, nil
		}
	}
	return "", errors.New("it ended without listening")
}

func TestMain(m *testing.M) {
	code := m.Run()
	if mock.cmd != nil {
		_ = mock.cmd.Process.Kill()
		_ = mock.cmd.Wait()
	}
	os.Exit(code)
}

// What stripe-mock is worth: it refuses what is wrong.
func TestTheJudgeRefuses(t *testing.T) {
	mock.once.Do(func() { mock.url, mock.err = startMock() })
	if mock.err != nil {
		t.Fatal(mock.err)
	}
	for _, form := range []string{"mode=payment&success_url=https://a.example&client_reference=KV1", "mode=payment&locale=svenska&success_url=https://a.example"} {
		j := &stripesim.Judge{URL: mock.url}
		srv := httptest.NewServer(stripesim.New(stripesim.Options{Key: testKey, Judge: j}).Handler())
		req, err := http.NewRequest("POST", srv.URL+"/v1/checkout/sessions", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Authorization": {"Bearer " + testKey}, "Content-Type": {"application/x-www-form-urlencoded"}}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		srv.Close()
		if _, bad := j.Verdict(); len(bad) != 1 {
			t.Errorf("%s: let through: %v", form, bad)
		}
	}
}

func newServer() *stripesim.Server {
	return stripesim.New(stripesim.Options{Key: testKey, Secret: testSecret})
}
