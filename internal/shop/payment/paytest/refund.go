package paytest

import (
	"sync/atomic"

	"kassavalv/internal/shop/payment"
)

// told checks that the provider tells what moved.
func (s *scene) told(b begun, captured, refunded int64) {
	s.j.Helper()
	st := s.look(b.h)
	s.same(b, st)
	if _, ok := s.sim.(Forgetful); ok {
		refunded = 0
	}
	if st.Captured.Amount != captured || st.Refunded.Amount != refunded {
		s.j.Errorf("told as captured %v and refunded %v, want %d and %d", st.Captured, st.Refunded, captured, refunded)
	}
	if st.State != payment.Captured {
		s.j.Errorf("a refund made it %s", st.State)
	}
}

func refundWhole(s *scene) {
	b := s.taken(12_900)
	if st := s.refund(s.wish(b, 12_900)); !st.Done {
		s.j.Errorf("refused: %+v", st)
	}
	s.moved(b.w.Reference, 12_900, 12_900)
	s.told(b, 12_900, 12_900)
}

func refundParts(s *scene) {
	b, other := s.taken(12_900), s.taken(5_000)
	sum := int64(0)
	for _, part := range []int64{100, 4_550, 4_550, 3_700} { // two alike: two keys are two refunds
		if st := s.refund(s.wish(b, part)); !st.Done {
			s.j.Errorf("%d refused: %+v", part, st)
		}
		sum += part
		s.moved(b.w.Reference, 12_900, sum)
		s.told(b, 12_900, sum)
	}
	if st := s.refund(s.wish(b, 100)); !st.Refused {
		s.j.Errorf("more than captured: %+v", st)
	}
	s.moved(b.w.Reference, 12_900, 12_900)
	s.moved(other.w.Reference, 5_000, 0)
}

// More than was captured never leaves the partner.
func refundOver(s *scene) {
	b := s.taken(12_900)
	over := func(sum, refunded int64) {
		s.j.Helper()
		if st := s.refund(s.wish(b, sum)); !st.Refused || st.Code == "" {
			s.j.Errorf("%d of 129.00 with %d gone: %+v", sum, refunded, st)
		}
		s.moved(b.w.Reference, 12_900, refunded)
	}
	over(12_901, 0)
	over(1_290_000, 0)
	if st := s.refund(s.wish(b, 10_000)); !st.Done {
		s.j.Errorf("a part refused: %+v", st)
	}
	over(2_901, 10_000)
	over(12_900, 10_000)
}

func refundSameKey(s *scene) {
	b := s.taken(12_900)
	r := s.wish(b, 4_000)
	for range 3 {
		if st := s.refund(r); !st.Done {
			s.j.Errorf("refused: %+v", st)
		}
		s.moved(b.w.Reference, 12_900, 4_000)
	}
	s.atOnce(8, func(int) {
		if st, err := s.refundOnce(r); err != nil {
			s.unknown("refund beside another", err)
		} else if st.Refused {
			s.j.Errorf("refused beside itself: %+v", st)
		}
	})
	s.moved(b.w.Reference, 12_900, 4_000)
	// The key is not the sum: the rest can still go.
	if st := s.refund(s.wish(b, 8_900)); !st.Done {
		s.j.Errorf("the rest is refused: %+v", st)
	}
	// Asked once more after nothing is left, the first stays done.
	if st := s.refund(r); !st.Done {
		s.j.Errorf("the first, asked again: %+v", st)
	}
	s.moved(b.w.Reference, 12_900, 12_900)
}

// An answer that was lost is no second refund.
func refundLost(s *scene) {
	b := s.taken(12_900)
	r := s.wish(b, 4_000)
	s.sim.Set(Fault{LoseAfter: true, Writes: true})
	for i := range 2 {
		st, err := s.refundOnce(r)
		if i > 0 && err == nil && st.Done {
			continue // it looked first, and found it
		}
		s.unknown("an answer that was lost", err)
	}
	s.sim.Set(Fault{})
	if st := s.refund(r); !st.Done {
		s.j.Errorf("refused: %+v", st)
	}
	s.moved(b.w.Reference, 12_900, 4_000)
	s.told(b, 12_900, 4_000)
}

func refundUnpaid(s *scene) {
	b := s.begin(12_900)
	if st, err := s.refundOnce(s.wish(b, 100)); err == nil && !st.Refused {
		s.j.Errorf("nothing was paid, and the refund is %+v", st)
	}
	s.moved(b.w.Reference, 0, 0)
}

// However many ask at once, the partner gives no more than it has.
func refundAtOnce(s *scene) {
	b := s.taken(10_000)
	var done atomic.Int64
	s.atOnce(8, func(int) {
		r := s.wish(b, 4_000)
		for range 200 {
			st, err := s.refundOnce(r)
			if err != nil {
				s.unknown("refund beside others", err)
				continue
			}
			if st.Done {
				done.Add(1)
			}
			if st.Done || st.Refused {
				return
			}
			rest()
		}
		s.j.Errorf("never decided")
	})
	if n := done.Load(); n != 2 {
		s.j.Errorf("%d refunds of 40.00 are done out of 100.00", n)
	}
	s.moved(b.w.Reference, 10_000, 8_000)
}

// A refund on its way is neither done nor refused, and asked again with its key.
func refundLater(s *scene) {
	slow, ok := s.sim.(Slow)
	if !ok {
		return
	}
	b := s.taken(12_900)
	for _, good := range []bool{true, false} {
		slow.Hold(s.t)
		r := s.wish(b, 4_000)
		for range 2 {
			st, err := s.refundOnce(r)
			if err != nil || st.Done || st.Refused {
				s.j.Errorf("on its way: %+v, %v", st, err)
			}
		}
		slow.Release(s.t, good)
		if st := s.refund(r); st.Done != good || !good && st.Code == "" {
			s.j.Errorf("ended, good %v: %+v", good, st)
		}
		s.moved(b.w.Reference, 12_900, 4_000) // the second failed and moved nothing
	}
}
