package swish_test

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/paytest/swishsim"
	"kassavalv/internal/shop/payment/swish"
)

func (s *sim) paid(t *testing.T, key string, ore int64) string {
	t.Helper()
	st := s.begin(t, key, ore)
	s.Pay(t, st.Ref)
	return st.Ref
}

func (s *sim) refunded(t *testing.T, ref string) int64 {
	t.Helper()
	for _, b := range s.Books(t) {
		if b.Ref == ref {
			return b.Refunded.Amount
		}
	}
	t.Fatal("no such payment")
	return 0
}

// Parts go back one after the other, never more than was paid, each once however often
// it is asked for.
func TestRefundsInParts(t *testing.T) {
	s := newSim(t)
	ref := s.paid(t, "r", 10000)
	for i, part := range []int64{3000, 3000, 4000} {
		key := "part" + string(rune('a'+i))
		for range 3 {
			if st := s.settled(t, ref, key, part); !st.Done {
				t.Fatalf("part %d: %+v", i, st)
			}
		}
	}
	if got := s.refunded(t, ref); got != 10000 {
		t.Errorf("%d öre went back", got)
	}
	if st := s.settled(t, ref, "onemore", 1); !st.Refused || st.Code != "RF08" {
		t.Errorf("more than was paid: %+v", st)
	}
	if st := s.refund(t, ref, "toomuch", 10001); !st.Refused || st.Code != "RF08" {
		t.Errorf("far more than was paid: %+v", st)
	}
}

// What the buyer is told with the money: the shop's words, and which purchase it was.
func TestRefundSaysWhy(t *testing.T) {
	s := newSim(t)
	note := lang.T(lang.SV, "gap.note")
	for i, n := range []string{"", note} {
		ref := s.paid(t, "why"+strconv.Itoa(i), 5000)
		if st := s.saying(t, ref, "say"+strconv.Itoa(i), n); st.Refused {
			t.Fatalf("%+v", st)
		}
		for _, b := range s.Server.Books() {
			if want := cmp.Or(n, "Återbetalning") + ", Köp " + b.Reference; b.ID == ref && (len(b.Notes) != 1 || b.Notes[0] != want) {
				t.Errorf("the buyer reads %q, want %q", b.Notes, want)
			}
		}
	}
	// With the longest reference that a purchase has, too.
	if n := utf8.RuneCountInString(note + ", Köp KV" + strconv.FormatInt(math.MaxInt64, 36)); n > 50 {
		t.Errorf("%d characters", n)
	}
}

func (s *sim) saying(t *testing.T, ref, key, note string) payment.RefundStatus {
	t.Helper()
	st, err := s.p.Refund(t.Context(), payment.Refund{Key: key, Ref: ref, Amount: money.SEK(5000), Note: note})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// A refund takes its time: it is neither done nor refused until Swish says so.
func TestRefundTakesTime(t *testing.T) {
	s := newSim(t)
	s.SetTimes(swishsim.Times{Refund: 30 * time.Millisecond})
	ref := s.paid(t, "slow", 5000)
	if st := s.refund(t, ref, "k", 5000); st.Done || st.Refused {
		t.Fatalf("at once: %+v", st)
	}
	if st := s.settled(t, ref, "k", 5000); !st.Done {
		t.Errorf("in the end: %+v", st)
	}
	// One of its siblings is under way: it waits, and is not refused.
	s.OneRefundAtATime()
	ref = s.paid(t, "two", 5000)
	s.HoldRefunds()
	s.refund(t, ref, "first", 2000)
	if st := s.refund(t, ref, "second", 2000); st.Done || st.Refused || st.Code != "RF09" {
		t.Errorf("beside the first: %+v", st)
	}
	s.ReleaseRefunds("")
	if a, b := s.settled(t, ref, "first", 2000), s.settled(t, ref, "second", 2000); !a.Done || !b.Done || s.refunded(t, ref) != 4000 {
		t.Errorf("in the end: %+v, %+v, %d öre", a, b, s.refunded(t, ref))
	}
}

// An answer that is lost on the way is asked for, not paid twice.
func TestRefundWithoutAnswer(t *testing.T) {
	s := newSim(t)
	ref := s.paid(t, "lost", 5000)
	for _, f := range []swishsim.Fault{{LoseAfter: true}, {Half: true}, {Garbage: true}, {Status: 500}, {Down: true}, {Account: "1230000001"}} {
		f.Mute = true
		s.Server.Set(f)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := s.p.Refund(ctx, payment.Refund{Key: "k", Ref: ref, Amount: money.SEK(5000)}); !errors.Is(err, payment.ErrUnknown) {
			t.Errorf("%+v: %v", f, err)
		}
		cancel()
	}
	s.Server.Set(swishsim.Fault{Mute: true})
	if st := s.settled(t, ref, "k", 5000); !st.Done || s.refunded(t, ref) != 5000 {
		t.Errorf("%+v, %d öre", st, s.refunded(t, ref))
	}
}

// Failed by Swish is refused, with its code; not known is asked again.
func TestRefundFails(t *testing.T) {
	s := newSim(t)
	ref := s.paid(t, "fail", 5000)
	s.RuinRefunds("AM04")
	if st := s.settled(t, ref, "poor", 5000); !st.Refused || st.Code != "AM04" {
		t.Errorf("an empty account: %+v", st)
	}
	s.RuinRefunds("DS24")
	if st := s.refund(t, ref, "dark", 5000); st.Done || st.Refused {
		t.Errorf("at once: %+v", st)
	}
	if st := s.refund(t, ref, "dark", 5000); st.Done || st.Refused || st.Code != "DS24" {
		t.Errorf("not known: %+v", st)
	}
	open := s.begin(t, "open", 5000)
	if st := s.refund(t, open.Ref, "none", 5000); !st.Refused || st.Code != "RF02" {
		t.Errorf("of what was not paid: %+v", st)
	}
}

// After 13 months Swish is not even asked.
func TestRefundTooLate(t *testing.T) {
	s := newSim(t)
	ref := s.paid(t, "old", 5000)
	s.Age(ref, func(at time.Time) time.Time { return at.AddDate(-1, 0, 0) })
	if st := s.settled(t, ref, "intime", 1000); !st.Done {
		t.Errorf("after a year: %+v", st)
	}
	s.Age(ref, func(at time.Time) time.Time { return at.AddDate(0, -2, 0) })
	before := s.Calls()
	if st := s.refund(t, ref, "late", 1000); !st.Refused || st.Code != swish.CodeTooOld {
		t.Errorf("after 14 months: %+v", st)
	}
	if n := s.Calls() - before; n != 2 { // whether the refund is there, and the payment's date
		t.Errorf("%d calls", n)
	}
}
