package paytest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"kassavalv/internal/shop/payment"
)

// ways are the breaks after which nothing is known.
var ways = []struct {
	name string
	f    Fault
}{
	{"no answer", Fault{Delay: time.Hour}}, {"answer lost", Fault{LoseAfter: true}}, {"half an answer", Fault{Half: true}}, {"garbage", Fault{Garbage: true}},
	{"500", Fault{Status: 500}}, {"502", Fault{Status: 502}}, {"503", Fault{Status: 503}}, {"429", Fault{Status: 429}}, {"down", Fault{Down: true}},
	{"no answer to a change", Fault{Delay: time.Hour, Writes: true}}, {"answer to a change lost", Fault{LoseAfter: true, Writes: true}},
	{"half an answer to a change", Fault{Half: true, Writes: true}}, {"500 to a change", Fault{Status: 500, Writes: true}},
}

// silence breaks each call in each way. What is not known is not told, and afterwards
// the same call has had its effect once.
func silence(s *scene) {
	for _, w := range ways {
		if s.found() {
			return
		}
		broken := func(op string, f func(ctx context.Context) error) {
			s.j.Helper()
			if s.found() {
				return
			}
			s.sim.Set(w.f)
			defer s.sim.Set(Fault{})
			ctx, cancel := s.ctx()
			if w.f.Delay > 0 || w.f.Half {
				cancel()
				ctx, cancel = context.WithTimeout(context.Background(), brief)
			}
			defer cancel()
			s.within(op, func() { s.unknown(w.name+" to "+op, f(ctx)) })
		}
		if w.f.Writes {
			s.changes(w.name, broken)
			continue
		}
		b := s.taken(12_900)
		broken("look", func(ctx context.Context) error {
			st, err := s.p.Look(ctx, b.h)
			if err != nil && st.State != "" {
				s.j.Errorf("%s: an error, and a state beside it: %s", w.name, st.State)
			}
			return err
		})
		broken("look without a ref", func(ctx context.Context) error { _, err := s.p.Look(ctx, b.lost()); return err })
		s.changes(w.name, broken)
		if l, ok := as[payment.Lister](s.p); ok {
			broken("movements", func(ctx context.Context) error {
				return l.Movements(ctx, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(payment.Movement) error { return nil })
			})
		}
	}
}

// changes breaks each call that moves something, and makes it again.
func (s *scene) changes(way string, broken func(op string, f func(ctx context.Context) error)) {
	b := s.taken(12_900)
	r := s.wish(b, 4_000)
	broken("refund", func(ctx context.Context) error {
		st, err := s.p.Refund(ctx, r)
		if st.Done || st.Refused {
			s.j.Errorf("%s to a refund, told as %+v", way, st)
		}
		return err
	})
	if st := s.refund(r); !st.Done {
		s.j.Errorf("%s, then refused: %+v", way, st)
	}
	s.moved(b.w.Reference, 12_900, 4_000)

	o := s.begin(12_900)
	broken("cancel", func(ctx context.Context) error { _, err := s.p.Cancel(ctx, o.h); return err })
	if st := s.cancel(o.h); !st.State.Final() {
		s.j.Errorf("%s, then cancelled and %s", way, st.State)
	}

	n := s.start(12_900)
	broken("begin", func(ctx context.Context) error {
		st, err := s.p.Begin(ctx, n)
		if err != nil && st.State != "" {
			s.j.Errorf("%s: an error, and a state beside it: %s", way, st.State)
		}
		return err
	})
	ctx, cancel := s.ctx()
	_, err := s.p.Begin(ctx, n)
	cancel()
	if s.err(err); err != nil {
		s.j.Errorf("%s, then begin: %v", way, err)
	}
	s.book(n.Reference)

	if c, x, ok := s.reserved(12_900); ok {
		t := s.take(x, 4_000, oneTake(s.p))
		broken("capture", func(ctx context.Context) error {
			st, err := c.Capture(ctx, t)
			if st.Done || st.Refused {
				s.j.Errorf("%s to a capture, told as %+v", way, st)
			}
			return err
		})
		if st := s.capture(c, t); !st.Done {
			s.j.Errorf("%s, then refused: %+v", way, st)
		}
		s.moved(x.w.Reference, 4_000, 0)
	}
}

// lostBegin is what happens when the first answer never comes: the payment is there,
// is found, and is one.
func lostBegin(s *scene) {
	w := s.start(12_900)
	h := payment.Handle{Reference: w.Reference, Key: w.Key, Begun: time.Now()}
	ctx, cancel := s.ctx()
	defer cancel()
	s.sim.Set(Fault{LoseAfter: true, Writes: true})
	_, err := s.p.Begin(ctx, w)
	s.unknown("an answer that was lost", err)
	s.sim.Set(Fault{})
	st := s.look(h)
	b := begun{w: w, h: h}
	if s.unlisted() {
		if st.State != payment.Absent {
			s.j.Errorf("nobody was told of it, and it is %s", st.State)
		}
	} else {
		s.same(b, st)
		b.h.Ref = st.Ref
	}
	again, err := s.p.Begin(ctx, w)
	if s.err(err); err != nil {
		s.j.Fatalf("again: %v", err)
	}
	s.same(b, again)
	s.moved(w.Reference, 0, 0)
	s.sim.Pay(s.t, again.Ref)
	st = s.settled(h)
	s.same(b, st)
	if k := s.book(w.Reference); k.Captured.Amount+k.Authorised.Amount != 12_900 {
		s.j.Errorf("the partner has %+v", k)
	}
}

// endedAtOnce calls with a context that has ended.
func endedAtOnce(s *scene) {
	b := s.taken(12_900)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for op, f := range s.calls(ctx, b) {
		s.within(op, func() { s.unknown(op+" with an ended context", f()) })
	}
	s.moved(b.w.Reference, 12_900, 0)
}

// leftWaiting ends the context while the partner thinks.
func leftWaiting(s *scene) {
	b := s.taken(12_900)
	s.sim.Set(Fault{Delay: time.Hour})
	defer s.sim.Set(Fault{})
	for op, f := range map[string]func(context.Context) func() error{
		"begin": func(ctx context.Context) func() error { return s.calls(ctx, b)["begin"] },
		"look":  func(ctx context.Context) func() error { return s.calls(ctx, b)["look"] },
	} {
		ctx, cancel := context.WithCancel(context.Background())
		before := s.sim.Calls()
		go func() {
			for end := time.Now().Add(s.patience); s.sim.Calls() == before && time.Now().Before(end); {
				rest()
			}
			cancel()
		}()
		s.within(op, func() { s.unknown(op+" that was left", f(ctx)()) })
	}
}

func (s *scene) calls(ctx context.Context, b begun) map[string]func() error {
	return map[string]func() error{
		"begin":  func() error { _, err := s.p.Begin(ctx, s.start(12_900)); return err },
		"look":   func() error { _, err := s.p.Look(ctx, b.h); return err },
		"cancel": func() error { _, err := s.p.Cancel(ctx, b.h); return err },
		"refund": func() error { _, err := s.p.Refund(ctx, s.wish(b, 100)); return err },
	}
}

// ping tells whether the partner is up, and changes nothing.
func ping(s *scene) {
	p, ok := as[payment.Pinger](s.p)
	if !ok {
		return
	}
	ask := func() error {
		ctx, cancel := s.ctx()
		defer cancel()
		err := p.Ping(ctx)
		s.err(err)
		return err
	}
	if err := ask(); err != nil {
		s.j.Errorf("up: %v", err)
	}
	for _, f := range []Fault{{Down: true}, {Status: 500}, {Status: 503}} {
		s.sim.Set(f)
		if ask() == nil {
			s.j.Errorf("%+v, and told as up", f)
		}
	}
	s.sim.Set(Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(context.Background(), brief)
	defer cancel()
	s.within("ping", func() {
		if p.Ping(ctx) == nil {
			s.j.Errorf("no answer, and told as up")
		}
	})
	s.sim.Set(Fault{})
	if err := ask(); err != nil {
		s.j.Errorf("up again: %v", err)
	}
	if n := len(s.sim.Books(s.t)); n != 0 {
		s.j.Errorf("asking made %d payments", n)
	}
}

var kinds = map[string]bool{"capture": true, "refund": true, "fee": true, "payout": true, "chargeback": true, "won": true, "other": true}

// movements holds the partner's list against its books, in both directions.
func movements(s *scene) {
	l, ok := as[payment.Lister](s.p)
	if !ok {
		return
	}
	from := time.Now().Add(-time.Hour)
	for i := range 7 {
		s.taken(1_000 + int64(i))
	}
	b := s.taken(12_900)
	s.refund(s.wish(b, 2_000))
	s.refund(s.wish(b, 900))
	s.refund(s.wish(s.taken(4_500), 4_500))
	s.cancel(s.begin(7_700).h)
	s.begin(8_800)
	list := func(from, to time.Time) (out []payment.Movement) {
		ctx, cancel := s.ctx()
		defer cancel()
		err := l.Movements(ctx, from, to, func(m payment.Movement) error { out = append(out, m); return nil })
		if s.err(err); err != nil {
			s.j.Fatalf("movements: %v", err)
		}
		return
	}
	type sums struct{ captured, refunded int64 }
	told, ids := map[string]sums{}, map[string]bool{}
	refs := map[string]string{}
	for _, k := range s.sim.Books(s.t) {
		refs[k.Ref] = k.Reference
	}
	for _, m := range list(from, time.Now().Add(time.Hour)) {
		switch {
		case m.ID == "" || ids[m.ID]:
			s.j.Errorf("no id of its own: %+v", m)
		case !kinds[m.Kind]:
			s.j.Errorf("kind %q", m.Kind)
		case m.Amount.Amount < 0 || m.Amount.Currency == "":
			s.j.Errorf("amount %v", m.Amount)
		case m.At.Before(from) || m.At.After(time.Now().Add(time.Hour)):
			s.j.Errorf("booked at %v", m.At)
		}
		ids[m.ID] = true
		reference := m.Reference
		if reference == "" {
			reference = refs[m.Ref]
		}
		if (m.Kind == "capture" || m.Kind == "refund") && reference == "" {
			s.j.Errorf("a %s of nothing we know: %+v", m.Kind, m)
		}
		x := told[reference]
		switch m.Kind {
		case "capture":
			x.captured += m.Amount.Amount
		case "refund":
			x.refunded += m.Amount.Amount
		}
		told[reference] = x
	}
	for _, k := range s.sim.Books(s.t) {
		if x := told[k.Reference]; x.captured != k.Captured.Amount || x.refunded != k.Refunded.Amount {
			s.j.Errorf("the list tells %+v of a payment that the partner has as %+v", x, k)
		}
	}
	if n := len(list(from.Add(-100*time.Hour), from.Add(-99*time.Hour))); n != 0 {
		s.j.Errorf("%d movements of a time before the first", n)
	}
	enough := errors.New("enough")
	n := 0
	ctx, cancel := s.ctx()
	defer cancel()
	if err := l.Movements(ctx, from, time.Now().Add(time.Hour), func(payment.Movement) error { n++; return enough }); !errors.Is(err, enough) || n != 1 {
		s.j.Errorf("told to stop, went on to %d: %v", n, err)
	}
}

// many use one provider at once.
func many(s *scene) {
	const n = 32
	bs := make([]begun, n)
	errs := make([]error, n)
	s.atOnce(n, func(i int) {
		w := s.start(10_000 + int64(i))
		ctx, cancel := s.ctx()
		defer cancel()
		bs[i] = begun{w: w, h: payment.Handle{Reference: w.Reference, Key: w.Key, Begun: time.Now()}}
		st, err := s.p.Begin(ctx, w)
		if errs[i] = err; err != nil {
			return
		}
		bs[i].h.Ref = st.Ref
		h := bs[i].h
		if i%3 == 0 {
			h.Ref = ""
		}
		if bs[i].Status, err = s.p.Look(ctx, h); err != nil {
			errs[i] = fmt.Errorf("look: %w", err)
		}
	})
	seen := map[string]bool{}
	for i, b := range bs {
		if s.err(errs[i]); errs[i] != nil {
			s.j.Errorf("one of many: %v", errs[i])
			continue
		}
		s.same(b, b.Status)
		if seen[b.h.Ref] {
			s.j.Errorf("two payments are one")
		}
		seen[b.h.Ref] = true
		s.book(b.w.Reference)
	}
	s.atOnce(n, func(i int) {
		ctx, cancel := s.ctx()
		defer cancel()
		if i%2 == 0 {
			bs[i].Status, errs[i] = s.p.Cancel(ctx, bs[i].h)
		} else {
			_, errs[i] = s.p.Look(ctx, bs[i].h)
		}
		s.p.Verify(payment.Notice{Body: []byte("{}"), At: time.Unix(math.MaxInt32, 0)})
	})
	for i := range bs {
		if s.err(errs[i]); errs[i] != nil {
			s.j.Errorf("one of many: %v", errs[i])
		} else if i%2 == 0 && !bs[i].Status.State.Final() {
			s.j.Errorf("cancelled beside others and %s", bs[i].Status.State)
		}
	}
}

// atOnce runs f n times together and waits for all.
func (s *scene) atOnce(n int, f func(i int)) {
	s.j.Helper()
	gate, done := make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			defer func() { done <- struct{}{} }()
			<-gate
			f(i)
		}()
	}
	close(gate)
	for range n {
		<-done
	}
}
