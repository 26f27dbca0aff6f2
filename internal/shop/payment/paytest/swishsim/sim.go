package swishsim

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Times are how long things take at Swish and at the banks.
type Times struct {
	Timeout  time.Duration // until a payment that nobody approves ends with TM01; 0: 3 minutes
	Bank     time.Duration // from the buyer's approval to the end
	Refund   time.Duration // between the states of a refund
	Callback time.Duration // from a change to its callback
}

// Fault is how the API misbehaves, until it is set again.
type Fault struct {
	Delay     time.Duration // before each answer
	LoseAfter bool          // the call takes effect; its answer never comes
	Half      bool          // the answer stops half way
	Garbage   bool          // the answer is 200 and no JSON
	Status    int           // the answer to everything, without effect
	Down      bool          // connections are reset
	Amount    int64         // öre added to every amount that is told
	Currency  string        // told instead of SEK
	Account   string        // told instead of the merchant's number

	Mute  bool // no callbacks
	Twice bool // each callback comes twice
}

// Options of a Server.
type Options struct {
	Payee      string // the merchant's number
	Times      Times
	CallbackCA string // PEM file of an authority trusted at callback addresses; read when there is one to post to
	APIAddr    string // empty: 127.0.0.1:0
	AppAddr    string // empty: 127.0.0.1:0
}

// Server is Swish.
type Server struct {
	o        Options
	ca       *authority
	api, app *http.Server
	apiURL   string
	appURL   string
	sends    sync.WaitGroup
	quit     context.CancelFunc
	life     context.Context

	mu       sync.Mutex
	times    Times
	fault    Fault
	payments map[string]*payment
	order    []string
	refunds  map[string]*refund
	ruin     string // the code that the next refunds end with; empty: none
	held     bool
	waiting  []*refund
	serial   bool // one refund of a payment at a time
	calls    int
	timers   map[*time.Timer]bool
	closed   bool
}

// payment is one payment request as Swish has it.
type payment struct {
	ID, Token, Reference, Payee, Payer, Message, CallbackURL, Identifier string
	Amount                                                               int64
	Status, Code, PaymentReference                                       string
	Created, Paid                                                        time.Time
	approving                                                            bool // the buyer has begun: it cannot be cancelled any more
	refunded                                                             int64
	end                                                                  *time.Timer
}

func (p *payment) final() bool { return p.Status != "CREATED" }

// refund is one refund.
type refund struct {
	ID, Original, Reference, Payer, Message, CallbackURL, Identifier string
	Amount                                                           int64
	Status, Code                                                     string
	Created, Paid                                                    time.Time
	of                                                               *payment
}

func (r *refund) final() bool { return r.Status == "PAID" || r.Status == "ERROR" }

// New makes a server and starts it; Close ends it.
func New(o Options) (*Server, error) {
	s := &Server{o: o, times: o.Times, payments: map[string]*payment{}, refunds: map[string]*refund{}, timers: map[*time.Timer]bool{}}
	var err error
	if s.ca, err = newAuthority(); err != nil {
		return nil, err
	}
	conf, err := s.ca.server()
	if err != nil {
		return nil, err
	}
	s.life, s.quit = context.WithCancel(context.Background())
	listen := func(addr string) (net.Listener, error) {
		if addr == "" {
			addr = "127.0.0.1:0"
		}
		return net.Listen("tcp", addr)
	}
	api, err := listen(o.APIAddr)
	if err != nil {
		return nil, err
	}
	app, err := listen(o.AppAddr)
	if err != nil {
		return nil, errors.Join(err, api.Close())
	}
	quiet := log.New(discard{}, "", 0)
	// HTTP/1.1 only, so that a connection can be cut like a line.
	conf.NextProtos = []string{"http/1.1"}
	s.api = &http.Server{Handler: s.misbehave(s.apiMux()), TLSConfig: conf, ErrorLog: quiet, ReadHeaderTimeout: 30 * time.Second}
	s.app = &http.Server{Handler: s.appMux(), ErrorLog: quiet, ReadHeaderTimeout: 30 * time.Second}
	s.apiURL, s.appURL = "https://"+api.Addr().String()+"/swish-cpcapi", "http://"+app.Addr().String()
	go s.api.ServeTLS(api, "", "")
	go s.app.Serve(app)
	return s, nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// URL is the address of the API, AppURL that of the buyer's phone.
func (s *Server) URL() string    { return s.apiURL }
func (s *Server) AppURL() string { return s.appURL }

// Close ends the server and waits for its callbacks.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	for t := range s.timers {
		t.Stop()
	}
	s.mu.Unlock()
	s.quit()
	err := errors.Join(s.api.Close(), s.app.Close())
	s.sends.Wait()
	return err
}

// after runs fn with the lock held, now for d = 0.
func (s *Server) after(d time.Duration, fn func()) *time.Timer {
	if d <= 0 {
		fn()
		return nil
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.timers, t)
		if !s.closed {
			fn()
		}
	})
	s.timers[t] = true
	return t
}

// Set makes the API misbehave.
func (s *Server) Set(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// SetTimes changes how long things take from now on.
func (s *Server) SetTimes(t Times) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = t
}

// RuinRefunds makes refunds end with a code; empty: they are well again.
func (s *Server) RuinRefunds(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ruin = code
}

// OneRefundAtATime makes a second refund of a payment wait for the first, with RF09.
func (s *Server) OneRefundAtATime() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial = true
}

// Age moves a payment into the past.
func (s *Server) Age(id string, by func(time.Time) time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments[id]
	p.Created, p.Paid = by(p.Created), by(p.Paid)
}

// Forget loses every payment.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.payments)
	s.order = nil
}

// Calls counts the requests to the API.
func (s *Server) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Book is one payment as Swish has it.
type Book struct {
	ID, Token, Reference, Status, Code string
	Payer                              string   // the number that was called upon; empty: none
	Paid, Refunded                     int64    // öre
	Notes                              []string // of its refunds, as the buyer sees them
}

// Books lists the payments, oldest first.
func (s *Server) Books() []Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Book
	for _, id := range s.order {
		p := s.payments[id]
		b := Book{ID: p.ID, Token: p.Token, Reference: p.Reference, Status: p.Status, Code: p.Code, Payer: p.Payer}
		if p.Status == "PAID" {
			b.Paid, b.Refunded = p.Amount, p.refunded
		}
		for _, x := range s.refunds {
			if x.of == p {
				b.Notes = append(b.Notes, x.Message)
			}
		}
		out = append(out, b)
	}
	return out
}

// What a buyer or a bank can do to a payment.
const (
	Approve     = "approve" // it is paid, after Times.Bank
	Decline     = "decline" // "Avböj" in the app
	FailPrefix  = "fail:"   // fail:CODE: it ends with an error code, after Times.Bank
	PaidUnknown = "ds24"    // ends with DS24 though the money moved: Swish does not know
	RunOut      = "timeout" // nobody approved in time: TM01
	PaidAfter   = "paid"    // the banks tell that it was paid, whatever Swish said before
)

// ErrOver is returned for an act on a payment that is over.
var ErrOver = errors.New("swishsim: the payment is over")

// Act does something to the payment with this id or token.
func (s *Server) Act(ref, what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(ref)
	if p == nil {
		return errors.New("swishsim: no such payment")
	}
	if what == PaidAfter {
		p.Status, p.Code, p.approving = "CREATED", "", false
		what = Approve
		defer s.setBank(s.times.Bank)
		s.times.Bank = 0
	}
	if p.final() || p.approving {
		return ErrOver
	}
	switch {
	case what == Approve:
		p.approving = true
		s.after(s.times.Bank, func() {
			p.Paid, p.PaymentReference = time.Now(), strings.ToUpper(random(16))
			s.finish(p, "PAID", "")
		})
	case what == Decline:
		s.finish(p, "DECLINED", "")
	case what == RunOut:
		s.finish(p, "ERROR", "TM01")
	case what == PaidUnknown:
		p.approving = true
		s.after(s.times.Bank, func() { s.finish(p, "ERROR", "DS24") })
	case strings.HasPrefix(what, FailPrefix):
		p.approving = true
		s.after(s.times.Bank, func() { s.finish(p, "ERROR", strings.TrimPrefix(what, FailPrefix)) })
	default:
		return errors.New("swishsim: what is " + what)
	}
	return nil
}

func (s *Server) setBank(d time.Duration) { s.times.Bank = d }

func (s *Server) find(ref string) *payment {
	if p := s.payments[ref]; p != nil {
		return p
	}
	for _, p := range s.payments {
		if ref != "" && p.Token == ref {
			return p
		}
	}
	return nil
}

func (s *Server) finish(p *payment, status, code string) {
	if p.final() {
		return
	}
	p.Status, p.Code, p.approving = status, code, false
	if p.end != nil {
		p.end.Stop()
		delete(s.timers, p.end)
	}
	s.callback(p.CallbackURL, p.Identifier, s.tell(p))
}

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
