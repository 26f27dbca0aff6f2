package paytest

import (
	"kassavalv/internal/shop/payment"
)

// reserved is a payment with money to take; false where the partner takes it at once.
func (s *scene) reserved(sum int64) (payment.Capturer, begun, bool) {
	s.j.Helper()
	c, ok := as[payment.Capturer](s.p)
	if !ok {
		return nil, begun{}, false
	}
	b := s.paid(sum)
	return c, b, b.State == payment.Authorised
}

func oneTake(p payment.Provider) bool {
	o, ok := as[payment.OneTaker](p)
	return ok && o.OneTake()
}

func (s *scene) holds(b begun, authorised, captured int64) {
	s.j.Helper()
	if k := s.book(b.w.Reference); k.Authorised.Amount != authorised || k.Captured.Amount != captured {
		s.j.Errorf("the partner holds %d and has captured %d, want %d and %d", k.Authorised.Amount, k.Captured.Amount, authorised, captured)
	}
	if st := s.look(b.h); st.Captured.Amount != captured || !st.Amount.Equal(b.w.Amount) || captured > 0 && st.State != payment.Captured && st.State != payment.Authorised {
		s.j.Errorf("told as %s, captured %v of %v", st.State, st.Captured, st.Amount)
	}
}

func captureParts(s *scene) {
	c, b, ok := s.reserved(12_900)
	if !ok {
		return
	}
	if oneTake(s.p) {
		if st := s.capture(c, s.take(b, 4_000, true)); !st.Done {
			s.j.Errorf("a part: %+v", st)
		}
		s.holds(b, 0, 4_000)
		if st := s.capture(c, s.take(b, 4_000, true)); !st.Refused {
			s.j.Errorf("a second time: %+v", st)
		}
		s.holds(b, 0, 4_000)
		if st := s.refund(s.wish(b, 4_001)); !st.Refused {
			s.j.Errorf("more than captured came back: %+v", st)
		}
		if st := s.refund(s.wish(b, 4_000)); !st.Done {
			s.j.Errorf("what was captured: %+v", st)
		}
		s.moved(b.w.Reference, 4_000, 4_000)
		return
	}
	if st := s.capture(c, s.take(b, 4_000, false)); !st.Done {
		s.j.Errorf("a part: %+v", st)
	}
	s.holds(b, 8_900, 4_000)
	if st := s.refund(s.wish(b, 4_001)); !st.Refused {
		s.j.Errorf("more than captured came back: %+v", st)
	}
	if st := s.capture(c, s.take(b, 8_900, true)); !st.Done {
		s.j.Errorf("the rest: %+v", st)
	}
	s.holds(b, 0, 12_900)
	if st := s.refund(s.wish(b, 5_000)); !st.Done {
		s.j.Errorf("a refund over two captures: %+v", st)
	}
	s.moved(b.w.Reference, 12_900, 5_000)
}

func captureWhole(s *scene) {
	c, b, ok := s.reserved(12_900)
	if !ok {
		return
	}
	if st := s.capture(c, s.take(b, 12_900, true)); !st.Done {
		s.j.Errorf("the whole: %+v", st)
	}
	s.holds(b, 0, 12_900)
	st := s.look(b.h)
	if i := (payment.Intent{Reference: b.w.Reference, ProviderRef: b.h.Ref, Amount: b.w.Amount}); st.State != payment.Captured || !i.Match(st, st.Live) {
		s.j.Errorf("told as %+v", st)
	}
	if st := s.cancel(b.h); st.State != payment.Captured || st.Captured.Amount != 12_900 {
		s.j.Errorf("cancelled after it was taken: %s, %v", st.State, st.Captured)
	}
	s.holds(b, 0, 12_900)
}

func captureOver(s *scene) {
	c, b, ok := s.reserved(12_900)
	if !ok {
		return
	}
	if st := s.capture(c, s.take(b, 12_901, true)); !st.Refused || st.Code == "" {
		s.j.Errorf("more than reserved: %+v", st)
	}
	s.holds(b, 12_900, 0)
	// Nothing that was not reserved can be taken.
	o := s.begin(12_900)
	ctx, cancel := s.ctx()
	defer cancel()
	st, err := c.Capture(ctx, s.take(o, 12_900, true))
	if s.err(err); err == nil && !st.Refused {
		s.j.Errorf("of an open payment: %+v", st)
	}
	s.moved(o.w.Reference, 0, 0)
}

func captureSameKey(s *scene) {
	c, b, ok := s.reserved(12_900)
	if !ok {
		return
	}
	x := s.take(b, 4_000, oneTake(s.p))
	s.sim.Set(Fault{LoseAfter: true, Writes: true})
	ctx, cancel := s.ctx()
	defer cancel()
	_, err := c.Capture(ctx, x)
	s.unknown("an answer that was lost", err)
	s.sim.Set(Fault{})
	for range 3 {
		if st := s.capture(c, x); !st.Done {
			s.j.Errorf("a part: %+v", st)
		}
	}
	s.atOnce(8, func(int) {
		ctx, cancel := s.ctx()
		defer cancel()
		if st, err := c.Capture(ctx, x); err != nil {
			s.unknown("capture beside another", err)
		} else if st.Refused {
			s.j.Errorf("refused beside itself: %+v", st)
		}
	})
	rest := int64(8_900)
	if oneTake(s.p) {
		rest = 0
	}
	s.holds(b, rest, 4_000)
}

// Cancel after a part was taken lets go of the rest, and of nothing else.
func captureRelease(s *scene) {
	c, b, ok := s.reserved(12_900)
	if !ok || oneTake(s.p) {
		return
	}
	if st := s.capture(c, s.take(b, 4_000, false)); !st.Done {
		s.j.Errorf("a part: %+v", st)
	}
	for range 2 {
		st := s.cancel(b.h)
		if st.Captured.Amount != 4_000 || st.State != payment.Captured {
			s.j.Errorf("told as %s, captured %v", st.State, st.Captured)
		}
	}
	s.holds(b, 0, 4_000)
	if st := s.refund(s.wish(b, 4_000)); !st.Done {
		s.j.Errorf("a refund of what was taken: %+v", st)
	}
	s.moved(b.w.Reference, 4_000, 4_000)
}
