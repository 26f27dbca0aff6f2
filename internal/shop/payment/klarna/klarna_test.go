package klarna_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/klarna"
	"kassavalv/internal/shop/payment/paytest"
	"kassavalv/internal/shop/payment/paytest/klarnasim"
)

func wish(key string) payment.Start {
	sum := money.SEK(49900)
	return payment.Start{Key: key, Reference: "KV" + strings.ToUpper(key), Amount: sum, Description: "Butiken", ReturnURL: "https://shop.example/purchases/t0ken/return",
		NotifyURL: "https://shop.example/hooks/klarna", Lang: lang.SV, Country: "SE",
		Lines: []payment.Line{{Kind: "goods", Ref: "A-1", Name: "Lampa", Quantity: 1, Unit: sum, Total: sum, RateBP: 2500, VAT: money.SEK(9980)}}}
}

func begin(t *testing.T, p payment.Provider, s payment.Start) payment.Handle {
	t.Helper()
	st, err := p.Begin(context.Background(), s)
	if err != nil || st.State != payment.Open || st.Next == nil {
		t.Fatalf("%+v %v", st, err)
	}
	return payment.Handle{Reference: s.Reference, Ref: st.Ref, Key: s.Key, Begun: time.Now()}
}

func look(t *testing.T, p payment.Provider, h payment.Handle) payment.Status {
	t.Helper()
	st, err := p.Look(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// approved is a payment whose buyer was approved, named by its order.
func approved(t *testing.T, s *klarnasim.Sim, key string) payment.Handle {
	t.Helper()
	h := begin(t, s.Provider(), wish(key))
	s.Pay(t, h.Ref)
	st := look(t, s.Provider(), h)
	if st.State != payment.Authorised || st.Was != h.Ref || st.Ref == h.Ref {
		t.Fatalf("%+v", st)
	}
	h.Ref = st.Ref
	return h
}

// Another process has no memory of what was begun here.
func fresh(s *klarnasim.Sim) *klarna.Provider {
	return klarna.New(klarna.Config{Username: s.Username(), Password: secret.Hide(s.Password()), Base: s.URL})
}

func TestWaysOfThePage(t *testing.T) {
	s := klarnasim.New(t, klarnasim.Options{Silent: true})
	p := s.Provider()
	if !p.Credit() || p.Method() != "klarna" {
		t.Fatal("Klarna lends, and says so")
	}
	// Going back is not giving up: the page can be opened again.
	h := begin(t, p, wish("back"))
	pg, _, _ := strings.Cut(h.Ref, ".")
	if _, status := s.Act(pg, klarnasim.Back); status != 0 {
		t.Fatal(status)
	}
	if st := look(t, p, h); st.State != payment.Open || st.Code != "BACK" {
		t.Fatalf("%+v", st)
	}
	s.Pay(t, h.Ref)
	st := look(t, p, h)
	if st.State != payment.Authorised || !st.Amount.Equal(money.SEK(49900)) || st.Captured.Amount != 0 {
		t.Fatalf("%+v", st)
	}
	if d := time.Until(st.AuthUntil); d < 27*24*time.Hour || d > 28*24*time.Hour {
		t.Errorf("reserved for %v", d)
	}

	// A declined buyer could try again at Klarna; once it is called refused, no more.
	h = begin(t, p, wish("declined"))
	pg, _, _ = strings.Cut(h.Ref, ".")
	s.Refuse(t, h.Ref, "FAILED")
	if st := look(t, p, h); st.State != payment.Refused || st.Reason != payment.Declined || st.Code != "FAILED" {
		t.Fatalf("%+v", st)
	}
	if _, status := s.Act(pg, klarnasim.Accept); status == 0 {
		t.Error("a payment that was called refused was paid")
	}
	if n := len(s.Orders()); n != 1 {
		t.Errorf("%d orders", n)
	}
	// Another process still knows that it is over.
	if st := look(t, fresh(s), h); !st.State.Final() || st.State == payment.Captured {
		t.Errorf("%+v", st)
	}
}

// Approved in the moment in which it is closed: it is told as approved.
func TestApprovedWhileItIsClosed(t *testing.T) {
	s := klarnasim.New(t, klarnasim.Options{Silent: true})
	h := begin(t, s.Provider(), wish("race"))
	pg, _, _ := strings.Cut(h.Ref, ".")
	s.Refuse(t, h.Ref, "FAILED")
	s.BeforeDisable(func() { s.Act(pg, klarnasim.Accept) })
	if st := look(t, s.Provider(), h); st.State != payment.Authorised || st.Was != h.Ref {
		t.Fatalf("%+v", st)
	}
	h2 := begin(t, s.Provider(), wish("race2"))
	pg2, _, _ := strings.Cut(h2.Ref, ".")
	s.BeforeDisable(func() { s.Act(pg2, klarnasim.Accept) })
	if st, err := s.Provider().Cancel(context.Background(), h2); err != nil || st.State != payment.Authorised || st.Was != h2.Ref {
		t.Fatalf("%+v %v", st, err)
	}
}

func TestFraudCheck(t *testing.T) {
	s := klarnasim.New(t, klarnasim.Options{Silent: true})
	p := s.Provider()
	h := begin(t, p, wish("ponder"))
	pg, _, _ := strings.Cut(h.Ref, ".")
	s.Act(pg, klarnasim.Ponder)
	st := look(t, p, h)
	if st.State != payment.Processing || st.Code != "FRAUD_STATUS_PENDING" {
		t.Fatalf("%+v", st)
	}
	if ts, err := p.(payment.Capturer).Capture(context.Background(), payment.Take{Key: "c", Ref: st.Ref, Amount: money.SEK(49900)}); err != nil || ts.Done {
		t.Errorf("taken before the check ended: %+v %v", ts, err)
	}
	for status, want := range map[string]payment.State{"ACCEPTED": payment.Authorised, "REJECTED": payment.Refused, "STOPPED": payment.Refused} {
		s.Fraud(st.Ref, status)
		if got := look(t, p, payment.Handle{Reference: h.Reference, Ref: st.Ref}); got.State != want || want == payment.Refused && got.Reason != payment.Declined {
			t.Errorf("%s: %+v", status, got)
		}
	}
}

// The page forgets its order after two days; money is taken and paid back for months.
func TestLongAfterThePage(t *testing.T) {
	s := klarnasim.New(t, klarnasim.Options{Silent: true})
	ctx := context.Background()
	h := approved(t, s, "long")
	lost := begin(t, s.Provider(), wish("nobody"))
	s.Forward(72 * time.Hour)
	p := fresh(s)
	if st := look(t, p, lost); st.State != payment.Expired || st.Reason != payment.TimedOut {
		t.Errorf("a page after its time: %+v", st)
	}
	take := payment.Take{Key: "kv-c-1", Ref: h.Ref, Reference: h.Reference, Amount: money.SEK(20000)}
	for range 2 {
		if ts, err := p.Capture(ctx, take); err != nil || !ts.Done || ts.Code == "" {
			t.Fatalf("%+v %v", ts, err)
		}
		s.Forward(25 * time.Hour) // Klarna has forgotten the key
	}
	// What is not taken within 28 days ends; what was taken stays.
	s.Forward(28 * 24 * time.Hour)
	if st := look(t, p, h); st.State != payment.Captured || st.Captured.Amount != 20000 {
		t.Errorf("%+v", st)
	}
	if ts, err := p.Capture(ctx, payment.Take{Key: "kv-c-2", Ref: h.Ref, Amount: money.SEK(100)}); err != nil || !ts.Refused || !strings.HasPrefix(ts.Code, "CAPTURE_NOT_ALLOWED/") {
		t.Errorf("%+v %v", ts, err)
	}
	back := payment.Refund{Key: "kv-r-1", Ref: h.Ref, Amount: money.SEK(5000), Reason: "Anna Andersson ringde", Note: "Avbrott: köpet kom inte fram"}
	for range 2 {
		if rs, err := p.Refund(ctx, back); err != nil || !rs.Done {
			t.Fatalf("%+v %v", rs, err)
		}
		s.Forward(25 * time.Hour)
	}
	o := s.Orders()[0]
	if o.Captured != 20000 || o.Refunded != 5000 || o.Captures != 1 || o.Refunds != 1 || o.CaptureRefs[0] != "kv-c-1" || o.RefundRefs[0] != "kv-r-1" || o.RefundNotes[0] != back.Note {
		t.Errorf("%+v", o)
	}
	// One that nobody took in time.
	h2 := approved(t, s, "never")
	s.Forward(29 * 24 * time.Hour)
	if st := look(t, p, h2); st.State != payment.Expired || st.Reason != payment.TimedOut {
		t.Errorf("%+v", st)
	}
}

// A page whose address never came leaves nothing that can be paid.
func TestPageWhoseAddressWasLost(t *testing.T) {
	for _, keys := range []bool{false, true} {
		s := klarnasim.New(t, klarnasim.Options{Silent: true, Sessions: keys})
		s.LosePages(true)
		w := wish("lost")
		if _, err := s.Provider().Begin(context.Background(), w); !errors.Is(err, payment.ErrUnknown) {
			t.Fatal(err)
		}
		if st := look(t, s.Provider(), payment.Handle{Reference: w.Reference, Key: w.Key}); st.State != payment.Absent {
			t.Errorf("%+v", st)
		}
		s.LosePages(false)
		h := begin(t, s.Provider(), w)
		if b := s.Books(t); len(b) != 1 || b[0].Ref != h.Ref {
			t.Errorf("%+v", b)
		}
	}
}

// Credentials that Klarna does not know: the buyer hears it at once, staff see the code,
// and no refund is given up for it.
func TestStrangerToKlarna(t *testing.T) {
	s := klarnasim.New(t, klarnasim.Options{Silent: true})
	h := approved(t, s, "mine")
	p := klarna.New(klarna.Config{Username: s.Username(), Password: secret.Hide("wrong"), Base: s.URL})
	ctx := context.Background()
	if st, err := p.Begin(ctx, wish("x")); err != nil || st.State != payment.Refused || st.Reason != payment.ProviderDown || st.Code != "HTTP_401" || st.Ref != "" {
		t.Errorf("%+v %v", st, err)
	}
	if err := p.Ping(ctx); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
	if rs, err := p.Refund(ctx, payment.Refund{Key: "r", Ref: h.Ref, Amount: money.SEK(1)}); err == nil || rs.Refused || rs.Done {
		t.Errorf("%+v %v", rs, err)
	}
	if ts, err := p.Capture(ctx, payment.Take{Key: "c", Ref: h.Ref, Amount: money.SEK(1)}); err == nil || ts.Refused || ts.Done {
		t.Errorf("%+v %v", ts, err)
	}
}

func TestWhatKlarnaWillNotTake(t *testing.T) {
	s := klarnasim.New(t, klarnasim.Options{Silent: true})
	w := wish("euro")
	w.Amount.Currency = "EUR" // not in Sweden
	st, err := s.Provider().Begin(context.Background(), w)
	if err != nil || st.State != payment.Refused || st.Reason != payment.ProviderDown || !strings.HasPrefix(st.Code, "BAD_VALUE/") {
		t.Errorf("%+v %v", st, err)
	}
	if len(s.Books(t)) != 0 {
		t.Error("something was made")
	}
}

func TestVerify(t *testing.T) {
	p := klarna.New(klarna.Config{Base: "http://127.0.0.1:1"})
	for name, c := range map[string]struct {
		query, body string
		want        payment.Hint
	}{
		"page":          {"ref=KV1&x=y", `{"event_id":"e","session":{"order_id":"o-1","status":"COMPLETED"}}`, payment.Hint{Unsigned: true, Reference: "KV1"}},
		"empty push":    {"order_id=o-1", "", payment.Hint{Unsigned: true, Ref: "o-1"}},
		"fraud":         {"", `{"event_type":"FRAUD_RISK_ACCEPTED","order_id":"o-2"}`, payment.Hint{Unsigned: true, Ref: "o-2"}},
		"page, no ref":  {"", `{"session":{"order_id":"o-3"}}`, payment.Hint{Unsigned: true, Ref: "o-3"}},
		"nothing":       {"", "", payment.Hint{}},
		"claims":        {"", `{"state":"captured","amount":1}`, payment.Hint{}},
		"odd reference": {"ref=a%00b", "", payment.Hint{}},
		"path":          {"order_id=..%2Fx", "", payment.Hint{}},
		"long":          {"ref=" + strings.Repeat("a", 65), "", payment.Hint{}},
	} {
		q := parse(t, c.query)
		got, err := p.Verify(payment.Notice{Query: q, Body: []byte(c.body), At: time.Now()})
		if got != c.want || (err != nil) != (c.want == payment.Hint{}) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func TestBelongs(t *testing.T) {
	for _, c := range [][3]string{
		{"PK12345_abc", "x", "test"}, {"K12345_abc", "x", "live"}, {"3f1b-uuid", "klarna_live_api_x", "live"}, {"3f1b-uuid", "klarna_test_api_x", "test"},
		{"K12345", "klarna_test_api_x", "test"}, {"someone", "x", ""}, {"Karl", "x", ""}, {"PKarl", "x", ""}, {"", "", ""},
	} {
		if got := klarna.Belongs(c[0], c[1]); got != c[2] {
			t.Errorf("%s %s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// Klarna's list of what it paid out, and its report of the same, say the same.
func TestMovementsAndReport(t *testing.T) {
	s := klarnasim.New(t, klarnasim.Options{Silent: true})
	p := s.Provider().(payment.Lister)
	ctx := context.Background()
	c := s.Provider().(payment.Capturer)
	for _, k := range []string{"m1", "m2", "m3"} {
		h := approved(t, s, k)
		for i, sum := range []int64{20000, 29900} {
			if ts, err := c.Capture(ctx, payment.Take{Key: "kv-c-" + k + string(rune('a'+i)), Ref: h.Ref, Reference: h.Reference, Amount: money.SEK(sum)}); err != nil || !ts.Done {
				t.Fatalf("%+v %v", ts, err)
			}
		}
		if rs, err := c.Refund(ctx, payment.Refund{Key: "kv-r-" + k, Ref: h.Ref, Amount: money.SEK(10000)}); err != nil || !rs.Done {
			t.Fatalf("%+v %v", rs, err)
		}
	}
	ref := s.Settle()
	if ref == "" || s.Settle() != "" {
		t.Fatal("payouts")
	}
	var list []payment.Movement
	if err := p.Movements(ctx, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(m payment.Movement) error { list = append(list, m); return nil }); err != nil {
		t.Fatal(err)
	}
	var file []payment.Movement
	if err := klarna.ParseSettlement(strings.NewReader(string(s.Report(ref))), func(m payment.Movement) error { file = append(file, m); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1+3*(2*3+1) || len(file) != len(list) {
		t.Fatalf("%d in the list, %d in the file", len(list), len(file))
	}
	sum := map[string]int64{}
	for i, m := range list {
		f := file[i]
		f.At, m.At = f.At.Truncate(time.Second), m.At.Truncate(time.Second)
		if f != m {
			t.Errorf("list %+v\nfile %+v", m, f)
		}
		sum[m.Kind] += m.Amount.Amount
		if m.Kind == "capture" && !strings.HasPrefix(m.Key, "kv-c-m") || m.Kind == "refund" && !strings.HasPrefix(m.Key, "kv-r-m") {
			t.Errorf("key of %+v", m)
		}
	}
	if sum["capture"] != 3*49900 || sum["refund"] != 3*10000 || sum["payout"] != sum["capture"]-sum["refund"]-sum["fee"] || sum["fee"] == 0 {
		t.Errorf("%v", sum)
	}
}

// More rows than a page has are all told, once.
func TestMovementsAcrossPages(t *testing.T) {
	s := klarnasim.New(t, klarnasim.Options{Silent: true})
	s.FillPayouts(3, 1201)
	seen := map[string]bool{}
	if err := s.Provider().(payment.Lister).Movements(context.Background(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(m payment.Movement) error {
		if seen[m.ID] {
			t.Errorf("twice: %s", m.ID)
		}
		seen[m.ID] = true
		return nil
	}); err != nil || len(seen) != 3*1202 {
		t.Fatalf("%d %v", len(seen), err)
	}
}

var _ paytest.Sim = (*klarnasim.Sim)(nil)

func parse(t *testing.T, q string) url.Values {
	v, err := url.ParseQuery(q)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
