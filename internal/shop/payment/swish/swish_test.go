package swish_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/paytest"
	"kassavalv/internal/shop/payment/paytest/swishsim"
	"kassavalv/internal/shop/payment/swish"
)

// A buyer opens the app from the page, pays, and is told so; asking twice is once.
func TestAppPayment(t *testing.T) {
	s := newSim(t)
	st := s.begin(t, "k1", 12950)
	if st.State != payment.Open || st.Next == nil || st.Next.Type != "app" || st.Reference != "KVk1" {
		t.Fatalf("begun as %+v", st)
	}
	u, err := url.Parse(st.Next.URL)
	if err != nil || u.Scheme != "swish" || u.Host != "paymentrequest" || u.Query().Get("callbackurl") != "https://shop.example/purchases/abc/return" {
		t.Fatalf("the app is opened by %s", st.Next.URL)
	}
	if code := s.p.QR(*st.Next); code != "D"+u.Query().Get("token") {
		t.Errorf("the code to scan is %q", code)
	}
	for _, n := range []payment.NextAction{{Type: "redirect", URL: st.Next.URL}, {Type: "app", URL: "swish://paymentrequest"}, {Type: "app", URL: "https://x.example?token=a"}} {
		if code := s.p.QR(n); code != "" {
			t.Errorf("%+v is scanned as %q", n, code)
		}
	}
	// Swish gives three minutes, however long the shop would.
	if d := time.Until(st.Until); d < 2*time.Minute || d > 3*time.Minute {
		t.Errorf("there is time for %v", d)
	}
	if got := s.look(t, "k1"); got.Until.Sub(st.Until).Abs() > time.Minute {
		t.Errorf("then until %v, now until %v", st.Until, got.Until)
	}
	again := s.begin(t, "k1", 12950)
	if again.Ref != st.Ref || again.State != payment.Open || again.Next == nil || *again.Next != *st.Next {
		t.Errorf("a repeat is %+v, not %+v", again, st)
	}
	if got := s.look(t, "k1"); got.State != payment.Open || got.Ref != st.Ref {
		t.Errorf("before: %+v", got)
	}
	s.act(t, u.Query().Get("token"), swishsim.Approve)
	got := s.look(t, "k1")
	if got.State != payment.Captured || !got.Captured.Equal(money.SEK(12950)) || !got.Amount.Equal(money.SEK(12950)) || got.Reference != "KVk1" || got.Live || got.Code == "" {
		t.Errorf("after: %+v", got)
	}
	if b := s.Books(t); len(b) != 1 {
		t.Errorf("Swish has %d payments", len(b))
	}
	// Another process, which never saw the token, finds the same payment.
	other, err := swish.New(s.o)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := other.Begin(t.Context(), start("k1", 12950)); err != nil || got.State != payment.Captured {
		t.Errorf("begun again elsewhere: %+v, %v", got, err)
	}
}

// Called upon by phone number there is nothing to open.
func TestPhonePayment(t *testing.T) {
	s := newSim(t)
	w := start("p1", 5000)
	w.Phone = "+46701234567"
	st, err := s.p.Begin(t.Context(), w)
	if err != nil || st.State != payment.Open || st.Next == nil || *st.Next != (payment.NextAction{Type: payment.NextPhone}) {
		t.Fatalf("%+v, %v", st, err)
	}
	// Another payment to the same number waits for the first to end.
	w2 := start("p2", 5000)
	w2.Phone = w.Phone
	if st, err := s.p.Begin(t.Context(), w2); err != nil || st.State != payment.Refused || st.Code != "RP06" {
		t.Errorf("a second one: %+v, %v", st, err)
	}
	for phone, code := range map[string]string{"+46701234500": "ACMT03", "070": "BE18"} {
		w := start("n"+phone[1:], 5000)
		w.Phone = phone
		st, err := s.p.Begin(t.Context(), w)
		if err != nil || st.State != payment.Refused || st.Code != code || st.Reason != payment.Declined {
			t.Errorf("%s: %+v, %v", phone, st, err)
		}
	}
}

// Every code that Swish documents has a reason, ends a payment as the table says, and
// those that a buyer can do something about have a sentence in both languages.
func TestCodes(t *testing.T) {
	s := newSim(t)
	for c, want := range swish.Codes() {
		st := s.begin(t, "c"+c, 10000)
		s.act(t, st.Ref, swishsim.FailPrefix+c)
		got := s.look(t, "c"+c)
		state := payment.Refused
		switch c {
		case "DS24":
			state = payment.Processing // nobody knows: no refusal
		case "TM01":
			state = payment.Expired
		}
		if got.State != state || got.Reason != want || got.Code != c || got.Captured.Amount != 0 {
			t.Errorf("%s: %+v", c, got)
		}
	}
	st := s.begin(t, "cnew", 10000)
	s.act(t, st.Ref, swishsim.FailPrefix+"ZZ99")
	if got := s.look(t, "cnew"); got.State != payment.Refused || got.Reason != payment.Declined || got.Code != "ZZ99" {
		t.Errorf("an unknown code: %+v", got)
	}
	for _, c := range []string{"ACMT03", "AM04", "AM14", "AM21", "BANKIDCL", "BANKIDONGOING", "BANKIDUNKN", "RF07", "RP06"} {
		if _, ok := swish.Codes()[c]; !ok {
			t.Errorf("%s is no code", c)
		}
		if !lang.Has("refuse.swish." + c) {
			t.Errorf("%s has no sentence", c)
		}
	}
}

// The buyer's and the shop's ends of a payment.
func TestEnds(t *testing.T) {
	s := newSim(t)
	for _, c := range []struct {
		do     string
		state  payment.State
		reason payment.Reason
	}{{swishsim.Decline, payment.Refused, payment.BuyerLeft}, {swishsim.RunOut, payment.Expired, payment.TimedOut}, {"cancel", payment.Cancelled, payment.BuyerLeft}} {
		key := "e" + c.do
		st := s.begin(t, key, 100)
		h := payment.Handle{Reference: "KV" + key, Key: key, Ref: st.Ref}
		if c.do == "cancel" {
			if got, err := s.p.Cancel(t.Context(), h); err != nil || got.State != payment.Cancelled {
				t.Errorf("cancelled: %+v, %v", got, err)
			}
		} else {
			s.act(t, st.Ref, c.do)
		}
		if got := s.look(t, key); got.State != c.state || got.Reason != c.reason {
			t.Errorf("%s: %+v", c.do, got)
		}
		// Cancelling what is over tells how it ended.
		if got, err := s.p.Cancel(t.Context(), h); err != nil || got.State != c.state {
			t.Errorf("%s, then cancelled: %+v, %v", c.do, got, err)
		}
	}
	if got, err := s.p.Look(t.Context(), payment.Handle{Reference: "KVnever", Key: "never"}); err != nil || got.State != payment.Absent {
		t.Errorf("what never was: %+v, %v", got, err)
	}
	if got, err := s.p.Cancel(t.Context(), payment.Handle{Reference: "KVnever", Key: "never"}); err != nil || got.State != payment.Absent {
		t.Errorf("what never was, cancelled: %+v, %v", got, err)
	}
}

// While the buyer approves, nothing ends the payment but Swish: it stays open, and may
// be paid after the shop wanted it cancelled.
func TestApprovingIsNotCancelled(t *testing.T) {
	s := newSim(t)
	s.SetTimes(swishsim.Times{Bank: time.Hour})
	st := s.begin(t, "a1", 100)
	s.act(t, st.Ref, swishsim.Approve)
	h := payment.Handle{Reference: "KVa1", Key: "a1"}
	if got, err := s.p.Cancel(t.Context(), h); err != nil || got.State != payment.Open {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestSumsThatSwishDoesNotTake(t *testing.T) {
	s := newSim(t)
	for _, c := range []struct {
		m    money.Money
		code string
	}{{money.New(100, "EUR"), "AM03"}, {money.SEK(0), "AM06"}, {money.SEK(-1), "AM06"}, {money.SEK(99_999_999_999_999 + 1), "AM02"}} {
		w := start("sum", 1)
		w.Amount = c.m
		st, err := s.p.Begin(t.Context(), w)
		if err != nil || st.State != payment.Refused || st.Code != c.code {
			t.Errorf("%v: %+v, %v", c.m, st, err)
		}
	}
	if n := s.Calls(); n != 0 {
		t.Errorf("Swish was asked %d times", n)
	}
	if st := s.begin(t, "most", 99_999_999_999_999); st.State != payment.Open || s.look(t, "most").Amount.Amount != 99_999_999_999_999 {
		t.Errorf("the largest sum: %+v", st)
	}
}

// Whatever is no whole answer leaves the outcome open, and asking again heals it.
func TestNoAnswerIsNoOutcome(t *testing.T) {
	s := newSim(t)
	s.begin(t, "f0", 100)
	for name, f := range map[string]swishsim.Fault{"lost": {LoseAfter: true}, "half": {Half: true}, "garbage": {Garbage: true}, "500": {Status: 500}, "503": {Status: 503}, "429": {Status: 429}, "401": {Status: 401},
		"403": {Status: 403}, "down": {Down: true}, "slow": {Delay: time.Hour}, "another merchant": {Account: "1230000001"}} {
		f.Mute = true
		s.Server.Set(f)
		ask := func(fn func(context.Context) error) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return fn(ctx)
		}
		if err := ask(func(ctx context.Context) error {
			_, err := s.p.Look(ctx, payment.Handle{Reference: "KVf0", Key: "f0"})
			return err
		}); !errors.Is(err, payment.ErrUnknown) {
			t.Errorf("%s: look said %v", name, err)
		}
		if err := ask(func(ctx context.Context) error { _, err := s.p.Begin(ctx, start("f"+name[:3], 100)); return err }); !errors.Is(err, payment.ErrUnknown) && name != "another merchant" {
			t.Errorf("%s: begin said %v", name, err)
		}
		s.Server.Set(swishsim.Fault{Mute: true})
		if st := s.begin(t, "f"+name[:3], 100); st.State != payment.Open {
			t.Errorf("%s: afterwards %+v", name, st)
		}
	}
	seen := map[string]bool{}
	for _, b := range s.Books(t) {
		if seen[b.Reference] {
			t.Errorf("%s was made twice", b.Reference)
		}
		seen[b.Reference] = true
	}
}

// An amount or a currency that is not ours is told as it is: the checkout sees it.
func TestForeignSums(t *testing.T) {
	s := newSim(t)
	st := s.begin(t, "s1", 100)
	s.Pay(t, st.Ref)
	s.Server.Set(swishsim.Fault{Amount: 1, Mute: true})
	if got := s.look(t, "s1"); got.Amount.Equal(money.SEK(100)) || got.State != payment.Captured {
		t.Errorf("%+v", got)
	}
	s.Server.Set(swishsim.Fault{Currency: "EUR", Mute: true})
	if got := s.look(t, "s1"); got.Amount.Equal(money.SEK(100)) {
		t.Errorf("%+v", got)
	}
}

func TestPing(t *testing.T) {
	s := newSim(t)
	if err := s.p.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	for _, f := range []swishsim.Fault{{Status: 503}, {Status: 401}, {Down: true}} {
		s.Server.Set(f)
		if s.p.Ping(t.Context()) == nil {
			t.Errorf("up with %+v", f)
		}
	}
}

// Only a callback with the identifier we gave makes us ask, and it stays a hint.
func TestCallbacks(t *testing.T) {
	s := newSim(t)
	a, b := s.begin(t, "n1", 100), s.begin(t, "n2", 100)
	s.Pay(t, a.Ref)
	n := s.Server.Notice(a.Ref)
	hint, err := s.p.Verify(payment.Notice{Header: header(n), Body: n.Body})
	if err != nil || !hint.Unsigned || hint.Ref != a.Ref || hint.Reference != "KVn1" || hint.EventID != "" {
		t.Errorf("%+v, %v", hint, err)
	}
	s.refund(t, a.Ref, "r1", 40)
	r := s.RefundNotice(a.Ref)
	if hint, err := s.p.Verify(payment.Notice{Header: header(r), Body: r.Body}); err != nil || hint.Reference != "KVn1" || !hint.Unsigned {
		t.Errorf("of a refund: %+v, %v", hint, err)
	}
	other := header(s.Server.Notice(b.Ref))
	none := header(n)
	none.Del("callbackIdentifier")
	for name, h := range map[string]payment.Notice{"another's identifier": {Header: other, Body: n.Body}, "no identifier": {Header: none, Body: n.Body}} {
		if _, err := s.p.Verify(h); !errors.Is(err, payment.ErrBadSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, body := range []string{"", "null", "[]", "{}", `{"id":"' OR 1"}`, `{"id":"` + strings.ToLower(a.Ref) + `"}`} {
		if hint, err := s.p.Verify(payment.Notice{Header: header(n), Body: []byte(body)}); err == nil {
			t.Errorf("%s is believed as %+v", body, hint)
		}
	}
}

// What every provider must hold.
func TestSuite(t *testing.T) {
	paytest.Run(t, func(t *testing.T) paytest.Sim { return newSim(t) })
}
