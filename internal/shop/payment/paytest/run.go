package paytest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// Run holds the provider of the simulators that makeSim makes to the contract in package
// payment, each case with a simulator of its own. makeSim cleans up with t.Cleanup.
func Run(t *testing.T, makeSim func(t *testing.T) Sim) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, t, makeSim(t), nil)
			c.run(s)
		})
	}
}

// cases is the table of contents of the suite.
var cases = []struct {
	name string
	run  func(*scene)
}{
	{"begin", begin}, {"pay", pay}, {"refused", refused}, {"left", left}, {"expired", expired},
	{"same key", sameKey}, {"same key at once", sameKeyAtOnce}, {"absent", absent}, {"lost ref", lostRef},
	{"cancel open", cancelOpen}, {"cancel paid", cancelPaid}, {"cancel absent", cancelAbsent},
	{"refund", refundWhole}, {"refund parts", refundParts}, {"refund over", refundOver}, {"refund same key", refundSameKey},
	{"refund lost answer", refundLost}, {"refund unpaid", refundUnpaid}, {"refund at once", refundAtOnce}, {"refund later", refundLater},
	{"capture parts", captureParts}, {"capture whole", captureWhole}, {"capture over", captureOver}, {"capture same key", captureSameKey}, {"capture and release", captureRelease},
	{"notice", notice}, {"notice late", noticeLate}, {"notice tampered", noticeTampered}, {"notice forged", noticeForged}, {"notice nonsense", noticeNonsense},
	{"silence", silence}, {"lost begin", lostBegin}, {"other sum", otherSum}, {"ended at once", endedAtOnce}, {"left waiting", leftWaiting},
	{"ping", ping}, {"movements", movements}, {"many", many},
}

// judge is what a case tells its findings; *testing.T is one.
type judge interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// scene is one case with its simulator.
type scene struct {
	t   *testing.T // for the simulator's acts
	j   judge
	sim Sim
	p   payment.Provider

	patience time.Duration

	mu      sync.Mutex
	n       int
	base    string
	secrets []string
}

func newScene(t *testing.T, j judge, sim Sim, wrap func(payment.Provider) payment.Provider) *scene {
	s := &scene{t: t, j: j, sim: sim, p: sim.Provider(), patience: patience, base: strings.ToUpper(strconv.FormatInt(time.Now().UnixNano(), 36))}
	if wrap != nil {
		s.p = wrap(s.p)
	}
	if x, ok := sim.(Secretive); ok {
		s.secrets = x.Secrets()
	}
	return s
}

// patience is how long anything may take that has no reason to take long: the machine
// may be busy. It is never a measure of speed.
const patience = time.Minute

// brief is how long a call may take that will get no answer.
const brief = 300 * time.Millisecond

func (s *scene) ctx() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), s.patience)
}

// start makes a new wish over a sum in öre.
func (s *scene) start(sum int64) payment.Start {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	now := time.Now()
	// Some references are prefixes of others, on purpose: one is not the other.
	ref := "KV" + s.base + strconv.FormatInt(int64(s.n/5), 36) + strings.Repeat("7", s.n%5)
	token := fmt.Sprintf("tok3n-%s-%d", strings.ReplaceAll(s.t.Name()[max(0, len(s.t.Name())-6):], "/", "."), s.n)
	s.secrets = append(s.secrets, token)
	w := payment.Start{
		Key: fmt.Sprintf("kv-%d-%d", now.UnixNano(), s.n), Reference: ref, Amount: money.SEK(sum), Description: "Provbutiken",
		ReturnURL: "https://shop.example/purchases/" + token + "/return", NotifyURL: "https://shop.example/hooks/" + s.p.Method(), Lang: lang.SV,
		Until: now.Add(20 * time.Minute).Truncate(time.Microsecond), Country: "SE",
		Lines: []payment.Line{{Kind: "goods", Ref: "SKU-1", Name: "Kökskniv 20 cm", Quantity: 1, Unit: money.SEK(sum), Total: money.SEK(sum), RateBP: 2500, VAT: money.SEK(sum - sum*4/5)}},
	}
	if f, ok := s.sim.(Fitter); ok {
		w = f.Fit(w)
	}
	s.secrets = append(s.secrets, w.Reference)
	return w
}

// begun is a payment that was begun.
type begun struct {
	w payment.Start
	h payment.Handle
	payment.Status
}

func (b begun) lost() payment.Handle {
	h := b.h
	h.Ref = ""
	return h
}

// begin begins a new payment and checks the answer.
func (s *scene) begin(sum int64) begun {
	s.j.Helper()
	b := begun{w: s.start(sum)}
	b.h = payment.Handle{Reference: b.w.Reference, Key: b.w.Key, Begun: time.Now()}
	ctx, cancel := s.ctx()
	defer cancel()
	st, err := s.p.Begin(ctx, b.w)
	if s.err(err); err != nil {
		s.j.Fatalf("begin: %v", err)
	}
	b.Status, b.h.Ref = st, st.Ref
	return b
}

// same checks what every answer about b must say.
func (s *scene) same(b begun, st payment.Status) {
	s.j.Helper()
	live := false
	if x, ok := s.sim.(Lively); ok {
		live = x.Live()
	}
	switch {
	case st.Ref == "" || b.h.Ref != "" && st.Ref != b.h.Ref && st.Was != b.h.Ref:
		s.j.Errorf("ref %q, begun as %q", st.Ref, b.h.Ref)
	case st.Reference != b.w.Reference:
		s.j.Errorf("reference %q, want %q", st.Reference, b.w.Reference)
	case !st.Amount.Equal(b.w.Amount) && !(s.unlisted() && st.State == payment.Expired && st.Amount.IsZero()):
		s.j.Errorf("amount %v, want %v", st.Amount, b.w.Amount)
	case st.Live != live:
		s.j.Errorf("live %v, want %v", st.Live, live)
	}
}

func (s *scene) unlisted() bool {
	x, ok := s.sim.(Unlisted)
	return ok && x.Unlisted()
}

func (s *scene) look(h payment.Handle) payment.Status {
	s.j.Helper()
	ctx, cancel := s.ctx()
	defer cancel()
	st, err := s.p.Look(ctx, h)
	if s.err(err); err != nil {
		s.j.Fatalf("look: %v", err)
	}
	return st
}

// settled looks until the partner has decided, or says for what reason it did not yet.
func (s *scene) settled(h payment.Handle) payment.Status {
	s.j.Helper()
	for end := time.Now().Add(s.patience); ; {
		st := s.look(h)
		if st.State != payment.Open && st.State != payment.Processing || st.State == payment.Open && st.Reason != "" {
			return st
		}
		if time.Now().After(end) {
			s.j.Fatalf("still %s", st.State)
		}
		rest()
	}
}

// rest lets a simulator that works by its own clock go on.
func rest() { time.Sleep(5 * time.Millisecond) }

func (s *scene) cancel(h payment.Handle) payment.Status {
	s.j.Helper()
	ctx, cancel := s.ctx()
	defer cancel()
	st, err := s.p.Cancel(ctx, h)
	if s.err(err); err != nil {
		s.j.Fatalf("cancel: %v", err)
	}
	return st
}

// paid begins a payment that the buyer pays.
func (s *scene) paid(sum int64) begun {
	s.j.Helper()
	b := s.begin(sum)
	s.sim.Pay(s.t, b.Ref)
	b.Status = s.settled(b.h)
	if b.State != payment.Captured && b.State != payment.Authorised {
		s.j.Fatalf("paid, and told as %s (%s %s)", b.State, b.Reason, b.Code)
	}
	return b
}

// taken is paid with the money in: what is reserved is captured.
func (s *scene) taken(sum int64) begun {
	s.j.Helper()
	b := s.paid(sum)
	if b.State == payment.Authorised {
		c, ok := as[payment.Capturer](s.p)
		if !ok {
			s.j.Fatalf("authorised, and the provider is no Capturer")
		}
		if st := s.capture(c, s.take(b, sum, true)); !st.Done {
			s.j.Fatalf("capture of the whole: %+v", st)
		}
	}
	return b
}

func (s *scene) wish(b begun, sum int64) payment.Refund {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return payment.Refund{Key: fmt.Sprintf("kv-r-%d-%d", time.Now().UnixNano(), s.n), Ref: b.h.Ref, Reference: b.w.Reference, Amount: money.New(sum, b.w.Amount.Currency), Reason: "return"}
}

// refund asks until the partner has decided.
func (s *scene) refund(r payment.Refund) payment.RefundStatus {
	s.j.Helper()
	for end := time.Now().Add(s.patience); ; {
		st, err := s.refundOnce(r)
		if err != nil {
			s.j.Fatalf("refund: %v", err)
		}
		if st.Done && st.Refused {
			s.j.Fatalf("a refund is done and refused: %+v", st)
		}
		if st.Done || st.Refused {
			return st
		}
		if time.Now().After(end) {
			s.j.Fatalf("the refund is still on its way")
		}
		rest()
	}
}

func (s *scene) refundOnce(r payment.Refund) (payment.RefundStatus, error) {
	ctx, cancel := s.ctx()
	defer cancel()
	st, err := s.p.Refund(ctx, r)
	s.err(err)
	return st, err
}

func (s *scene) take(b begun, sum int64, whole bool) payment.Take {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	t := payment.Take{Key: fmt.Sprintf("kv-c-%d-%d", time.Now().UnixNano(), s.n), Ref: b.h.Ref, Reference: b.w.Reference, Amount: money.New(sum, b.w.Amount.Currency), Whole: whole}
	if sum == b.w.Amount.Amount {
		t.Lines = b.w.Lines
	}
	return t
}

func (s *scene) capture(c payment.Capturer, x payment.Take) payment.TakeStatus {
	s.j.Helper()
	for end := time.Now().Add(s.patience); ; {
		ctx, cancel := s.ctx()
		st, err := c.Capture(ctx, x)
		cancel()
		if s.err(err); err != nil {
			s.j.Fatalf("capture: %v", err)
		}
		if st.Done && st.Refused {
			s.j.Fatalf("a capture is done and refused: %+v", st)
		}
		if st.Done || st.Refused {
			return st
		}
		if time.Now().After(end) {
			s.j.Fatalf("the capture is still on its way")
		}
		rest()
	}
}

// book is the partner's only payment with the reference.
func (s *scene) book(reference string) Book {
	s.j.Helper()
	var found []Book
	for _, b := range s.sim.Books(s.t) {
		if b.Reference == reference {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		s.j.Fatalf("the partner has %d payments of one purchase: %+v", len(found), found)
	}
	return found[0]
}

// moved checks what the partner believes that moved of a payment.
func (s *scene) moved(reference string, captured, refunded int64) {
	s.j.Helper()
	if b := s.book(reference); b.Captured.Amount != captured || b.Refunded.Amount != refunded {
		s.j.Errorf("the partner has captured %d and refunded %d, want %d and %d", b.Captured.Amount, b.Refunded.Amount, captured, refunded)
	}
}

// err looks whether an error carries what logs must not.
func (s *scene) err(err error) {
	s.j.Helper()
	if err == nil {
		return
	}
	text := fmt.Sprintf("%v %+v", err, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.secrets {
		if strings.Contains(text, x) || strings.Contains(text, url.QueryEscape(x)) {
			s.j.Errorf("an error carries %q: %s", x, text)
		}
	}
}

// unknown checks an error of a call whose outcome is open.
func (s *scene) unknown(what string, err error) {
	s.j.Helper()
	s.err(err)
	if !errors.Is(err, payment.ErrUnknown) {
		s.j.Errorf("%s: %v, want one that wraps ErrUnknown", what, err)
	}
}

// within fails when f does not return although its context has ended long ago.
func (s *scene) within(what string, f func()) {
	s.j.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(s.patience):
		buf := make([]byte, 1<<16)
		s.j.Fatalf("%s does not end with its context\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}
