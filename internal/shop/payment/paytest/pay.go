package paytest

import (
	"net/url"
	"slices"
	"time"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// A payment that was begun is there, is for the sum, and tells what to do.
func begin(s *scene) {
	if s.p.Method() == "" {
		s.j.Errorf("no name")
	}
	for _, sum := range []int64{12_345, 300, 9_999_900} {
		b := s.begin(sum)
		s.same(b, b.Status)
		if b.State != payment.Open && b.State != payment.Processing {
			s.j.Errorf("state %s", b.State)
		}
		if b.State == payment.Open {
			if b.Next == nil {
				s.j.Fatalf("nothing for the buyer to do")
			}
			if u, err := url.Parse(b.Next.URL); err != nil || b.Next.URL == "" || b.Next.Type == "redirect" && u.Host == "" {
				s.j.Errorf("address of the next action: %v", err)
			}
			if !slices.Contains([]string{"redirect", "qr", "app"}, b.Next.Type) {
				s.j.Errorf("next action %q", b.Next.Type)
			}
		}
		if b.Captured.Amount != 0 || b.Refunded.Amount != 0 {
			s.j.Errorf("money before anybody paid: %v, %v", b.Captured, b.Refunded)
		}
		s.moved(b.w.Reference, 0, 0)
		s.same(b, s.look(b.h))
	}
}

// What was paid is told as paid, exactly, and stays so.
func pay(s *scene) {
	other := s.begin(45_600)
	b := s.paid(12_900)
	s.same(b, b.Status)
	i := payment.Intent{Reference: b.w.Reference, ProviderRef: b.h.Ref, Amount: b.w.Amount}
	if !i.Match(b.Status, b.Live) {
		s.j.Errorf("does not match: %+v", b.Status)
	}
	switch b.State {
	case payment.Captured:
		if !b.Captured.Equal(b.w.Amount) {
			s.j.Errorf("captured %v", b.Captured)
		}
		s.moved(b.w.Reference, 12_900, 0)
	case payment.Authorised:
		if b.Captured.Amount != 0 {
			s.j.Errorf("authorised and captured %v", b.Captured)
		}
		if k := s.book(b.w.Reference); k.Authorised.Amount != 12_900 || k.Captured.Amount != 0 {
			s.j.Errorf("the partner has %+v", k)
		}
		if !b.AuthUntil.IsZero() && b.AuthUntil.Before(time.Now()) {
			s.j.Errorf("reserved until %v", b.AuthUntil)
		}
	}
	if again := s.look(b.h); again.State != b.State {
		s.j.Errorf("then %s", again.State)
	}
	if st := s.look(other.h); st.State == payment.Captured || st.State == payment.Authorised {
		s.j.Errorf("another payment is %s", st.State)
	}
}

// Each code of the partner becomes our reason and is kept beside it.
func refused(s *scene) {
	codes := s.sim.Codes()
	if len(codes) == 0 {
		s.j.Errorf("the partner refuses nothing")
	}
	for code, want := range codes {
		b := s.begin(12_900)
		s.sim.Refuse(s.t, b.Ref, code)
		st := s.settled(b.h)
		s.same(b, st)
		if st.Reason != want || st.Code != code {
			s.j.Errorf("%s: told as %q with the code %q, want %q", code, st.Reason, st.Code, want)
		}
		if st.State == payment.Open { // the partner lets the buyer try again until we end it
			st = s.cancel(b.h)
			if st.Reason != want || st.Code != code {
				s.j.Errorf("%s: ended, it is told as %q with the code %q", code, st.Reason, st.Code)
			}
		}
		if st.State != payment.Refused && !(st.State == payment.Cancelled && want == payment.BuyerLeft) && !(st.State == payment.Expired && want == payment.TimedOut) {
			s.j.Errorf("%s: state %s", code, st.State)
		}
		if st = s.look(b.h); st.Reason != want || st.Code != code || !st.State.Final() {
			s.j.Errorf("%s: looked at again it is %s, %q, %q", code, st.State, st.Reason, st.Code)
		}
		s.moved(b.w.Reference, 0, 0)
	}
}

// A buyer who gives up is no refusal by the bank.
func left(s *scene) {
	b := s.begin(12_900)
	if !s.sim.Leave(s.t, b.Ref) {
		return
	}
	st := s.settled(b.h)
	s.same(b, st)
	if st.State != payment.Cancelled && st.State != payment.Refused || st.Reason != payment.BuyerLeft {
		s.j.Errorf("left: %s, %q", st.State, st.Reason)
	}
	s.moved(b.w.Reference, 0, 0)
}

// Only the partner says that its time is over.
func expired(s *scene) {
	b := s.begin(12_900)
	if !s.sim.Expire(s.t, b.Ref) {
		return
	}
	st := s.settled(b.h)
	s.same(b, st)
	if st.State != payment.Expired && st.State != payment.Refused || st.Reason != payment.TimedOut {
		s.j.Errorf("expired: %s, %q", st.State, st.Reason)
	}
	s.moved(b.w.Reference, 0, 0)
}

// One key is one payment, however often it is asked for.
func sameKey(s *scene) {
	b := s.begin(12_900)
	ctx, cancel := s.ctx()
	defer cancel()
	st, err := s.p.Begin(ctx, b.w)
	if s.err(err); err != nil {
		s.j.Fatalf("again: %v", err)
	}
	s.same(b, st)
	s.moved(b.w.Reference, 0, 0)
	s.sim.Pay(s.t, b.Ref)
	s.settled(b.h)
	if st, err = s.p.Begin(ctx, b.w); err != nil {
		s.err(err)
		s.j.Fatalf("after it was paid: %v", err)
	}
	s.same(b, st)
	if k := s.book(b.w.Reference); k.Captured.Amount+k.Authorised.Amount != 12_900 {
		s.j.Errorf("the partner has %+v", k)
	}
}

// So it is when all ask at the same time; who gets no answer may say so.
func sameKeyAtOnce(s *scene) {
	w := s.start(12_900)
	refs := make([]string, 16)
	s.atOnce(len(refs), func(i int) {
		ctx, cancel := s.ctx()
		defer cancel()
		st, err := s.p.Begin(ctx, w)
		if err != nil {
			s.unknown("begin beside another", err)
			return
		}
		refs[i] = st.Ref
	})
	s.book(w.Reference)
	ctx, cancel := s.ctx()
	defer cancel()
	st, err := s.p.Begin(ctx, w)
	if s.err(err); err != nil {
		s.j.Fatalf("afterwards: %v", err)
	}
	for _, r := range refs {
		if r != "" && r != st.Ref {
			s.j.Errorf("two refs of one payment: %s, %s", r, st.Ref)
		}
	}
}

// What never was is Absent, without an error.
func absent(s *scene) {
	s.begin(12_900)
	w := s.start(12_900)
	st := s.look(payment.Handle{Reference: w.Reference, Key: w.Key, Begun: time.Now()})
	if st.State != payment.Absent {
		s.j.Errorf("what never was is %s", st.State)
	}
}

// A payment whose first answer never came is found by what we know.
func lostRef(s *scene) {
	before, b, after := s.begin(45_600), s.begin(12_900), s.begin(7_800)
	st := s.look(b.lost())
	s.same(b, st)
	if st.State != payment.Open && st.State != payment.Processing {
		s.j.Errorf("state %s", st.State)
	}
	s.sim.Pay(s.t, b.Ref)
	st = s.settled(b.lost())
	s.same(b, st)
	if st.State != payment.Captured && st.State != payment.Authorised {
		s.j.Errorf("paid, found as %s", st.State)
	}
	for _, o := range []begun{before, after} {
		s.same(o, s.look(o.lost()))
		st = s.cancel(o.lost())
		s.same(o, st)
		if !st.State.Final() || st.State == payment.Captured {
			s.j.Errorf("cancelled by its reference: %s", st.State)
		}
	}
}

// A cancelled payment has ended, at the partner too.
func cancelOpen(s *scene) {
	b := s.begin(12_900)
	for range 2 {
		st := s.cancel(b.h)
		s.same(b, st)
		if !st.State.Final() || st.State == payment.Captured {
			s.j.Errorf("cancelled: %s", st.State)
		}
	}
	st := s.look(b.h)
	if !st.State.Final() || st.State == payment.Captured {
		s.j.Errorf("then %s", st.State)
	}
	s.moved(b.w.Reference, 0, 0)
}

// What was paid is told as paid and keeps its money; what was only reserved is let go.
func cancelPaid(s *scene) {
	b := s.paid(12_900)
	st := s.cancel(b.h)
	s.same(b, st)
	if b.State == payment.Captured {
		if st.State != payment.Captured || !st.Captured.Equal(b.w.Amount) {
			s.j.Errorf("paid, cancelled and told as %s, %v", st.State, st.Captured)
		}
		s.moved(b.w.Reference, 12_900, 0)
		return
	}
	if !st.State.Final() || st.State == payment.Captured {
		s.j.Errorf("released and told as %s", st.State)
	}
	if k := s.book(b.w.Reference); k.Authorised.Amount != 0 || k.Captured.Amount != 0 {
		s.j.Errorf("the partner still has %+v", k)
	}
}

func cancelAbsent(s *scene) {
	w := s.start(12_900)
	if st := s.cancel(payment.Handle{Reference: w.Reference, Key: w.Key, Begun: time.Now()}); st.State != payment.Absent {
		s.j.Errorf("what never was is %s", st.State)
	}
	if n := len(s.sim.Books(s.t)); n != 0 {
		s.j.Errorf("the partner has %d payments", n)
	}
}

// A sum, a currency or an account that is not ours is told as the partner tells it.
func otherSum(s *scene) {
	b := s.paid(12_900)
	i := payment.Intent{Reference: b.w.Reference, ProviderRef: b.h.Ref, Amount: b.w.Amount}
	fits := i.Match
	try := func(what string, f Fault, check func(payment.Status)) {
		s.sim.Set(f)
		defer s.sim.Set(Fault{})
		ctx, cancel := s.ctx()
		defer cancel()
		st, err := s.p.Look(ctx, b.h)
		if s.err(err); err != nil {
			return // nothing is believed
		}
		if fits(st, b.Live) {
			s.j.Errorf("%s: believed as ours: %+v", what, st)
		}
		check(st)
	}
	for _, d := range []int64{100, -100, 1, -12_900} {
		try("another sum", Fault{Amount: d}, func(st payment.Status) {
			if st.Amount.Amount != 12_900+d {
				s.j.Errorf("told %d, said %v", 12_900+d, st.Amount)
			}
		})
	}
	try("another currency", Fault{Currency: "EUR"}, func(st payment.Status) {
		if st.Amount != money.New(12_900, "EUR") {
			s.j.Errorf("told in EUR, said %v", st.Amount)
		}
	})
	if a, ok := s.sim.(Accountable); ok && a.TellsAccount() {
		try("another account", Fault{Account: "9999999999"}, func(payment.Status) {})
	}
	if st := s.look(b.h); !fits(st, b.Live) {
		s.j.Errorf("told truly again, said %+v", st)
	}
}
