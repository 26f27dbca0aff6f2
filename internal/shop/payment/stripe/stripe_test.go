package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	api "github.com/stripe/stripe-go/v84"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/paytest"
)

func wish(ref string, sum int64) payment.Start {
	return payment.Start{Key: "kv-" + ref, Reference: ref, Amount: money.SEK(sum), Description: "Åsas Knivar", ReturnURL: "https://shop.example/purchases/abc/return",
		NotifyURL: "https://shop.example/hooks/stripe", Lang: lang.SV, Until: time.Now().Add(20 * time.Minute)}
}

func handle(w payment.Start, ref string) payment.Handle {
	return payment.Handle{Reference: w.Reference, Key: w.Key, Ref: ref, Begun: time.Now()}
}

// What the buyer meets is what was agreed: our sum, our words, no card data near us,
// and the ways to pay as the account's dashboard has them.
func TestBeginAsksForWhatWasAgreed(t *testing.T) {
	s := newSim(t, "ship", nil)
	w := wish("KV1", 30_000)
	w.Lines = []payment.Line{
		{Kind: "goods", Ref: "A", Name: "Kniv", Quantity: 2, Unit: money.SEK(10_000), Total: money.SEK(20_000)},
		{Kind: "goods", Ref: "B", Name: "Bryne", Quantity: 3, Unit: money.SEK(2_000), Total: money.SEK(5_100)}, // with a discount in it
		{Kind: "delivery", Name: "Hem", Quantity: 1, Unit: money.SEK(4_900), Total: money.SEK(4_900)},
		{Kind: "delivery", Name: "Fri frakt", Quantity: 1, Unit: money.SEK(0), Total: money.SEK(0)},
	}
	st, err := s.p.Begin(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if st.Next == nil || st.Next.Type != "redirect" || !strings.Contains(st.Next.URL, st.Ref) {
		t.Errorf("next action %+v", st.Next)
	}
	f := s.Form()
	want := map[string]string{
		"mode": "payment", "client_reference_id": "KV1", "locale": "sv", "success_url": w.ReturnURL, "cancel_url": w.ReturnURL, "submit_type": "pay",
		"metadata[reference]": "KV1", "payment_intent_data[metadata][reference]": "KV1", "payment_intent_data[capture_method]": "manual",
		"payment_intent_data[statement_descriptor_suffix]": "Asas Kniva", "adaptive_pricing[enabled]": "false",
		"expires_at":              strconv.FormatInt(w.Until.Add(netBelow).Unix(), 10),
		"line_items[0][quantity]": "2", "line_items[0][price_data][unit_amount]": "10000", "line_items[0][price_data][product_data][name]": "Kniv", "line_items[0][price_data][currency]": "sek",
		"line_items[1][quantity]": "1", "line_items[1][price_data][unit_amount]": "5100", "line_items[1][price_data][product_data][name]": "Bryne", "line_items[1][price_data][currency]": "sek",
		"line_items[2][quantity]": "1", "line_items[2][price_data][unit_amount]": "4900", "line_items[2][price_data][product_data][name]": "Hem", "line_items[2][price_data][currency]": "sek",
	}
	for k, v := range want {
		if f.Get(k) != v {
			t.Errorf("%s is %q, want %q", k, f.Get(k), v)
		}
	}
	for k := range f {
		if _, ok := want[k]; !ok {
			t.Errorf("%s=%q is sent too", k, f.Get(k))
		}
	}
}

// Where the rows do not add up without negatives, one row stands for all.
func TestOneRowWhereRowsDoNotAddUp(t *testing.T) {
	row := func(n string, sum int64) payment.Line {
		return payment.Line{Kind: "goods", Name: n, Quantity: 1, Unit: money.SEK(sum), Total: money.SEK(sum)}
	}
	many := make([]payment.Line, 101)
	for i := range many {
		many[i] = row("x", 100)
	}
	for name, c := range map[string]struct {
		lines []payment.Line
		sum   int64
		rows  int
	}{
		"none": {nil, 500, 1}, "discount": {[]payment.Line{row("a", 700), row("rabatt", -200)}, 500, 1}, "other sum": {[]payment.Line{row("a", 400), row("b", 200)}, 500, 1},
		"no name": {[]payment.Line{row("", 500)}, 500, 1}, "two": {[]payment.Line{row("a", 300), row("b", 200)}, 500, 2}, "too many": {many, 10_100, 1}, "a hundred": {many[:100], 10_000, 100},
		"overflow": {[]payment.Line{row("a", 1<<62), row("b", 1<<62)}, 500, 1}, "currency": {[]payment.Line{{Kind: "goods", Name: "a", Quantity: 1, Unit: money.New(500, "EUR"), Total: money.New(500, "EUR")}}, 500, 1},
	} {
		w := wish("KV1", c.sum)
		w.Lines = c.lines
		got := items(w, "sek")
		sum := int64(0)
		for _, x := range got {
			sum += *x.PriceData.UnitAmount * *x.Quantity
		}
		if len(got) != c.rows || sum != c.sum {
			t.Errorf("%s: %d rows of %d, want %d of %d", name, len(got), sum, c.rows, c.sum)
		}
	}
}

// A suffix that Stripe refuses would stop every purchase.
func TestSuffixIsAlwaysTaken(t *testing.T) {
	for in, want := range map[string]string{"Åsas Knivar": "Asas Kniva", "Köksbutiken": "Koksbutike", "": "", "123": "", "Kniv & <Gaffel>*": "Kniv  Gaff", "餐厅": "", "1234567890a": "", "  A-b.c ": "A b c", "'\"\\": ""} {
		got := suffix(in)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if strings.ContainsAny(got, `<>\'"*`) || len(got) > 10 || got != "" && strings.IndexFunc(got, unicode.IsLetter) < 0 {
			t.Errorf("%q: %q would be refused", in, got)
		}
	}
}

// The table of reasons, walked: what is told to buyers of each code, and that a code
// nobody knows yet is a plain refusal.
func TestReasons(t *testing.T) {
	known := map[payment.Reason]bool{payment.Declined: true, payment.Insufficient: true, payment.BankError: true, payment.AuthFailed: true, payment.BuyerLeft: true, payment.TimedOut: true}
	for code, want := range reasons {
		if !known[want] {
			t.Errorf("%s: no reason %q", code, want)
		}
		if word(code) != code {
			t.Errorf("%s cannot be kept", code)
		}
		for _, e := range []*api.Error{{Type: api.ErrorTypeCard, Code: "card_declined", DeclineCode: api.DeclineCode(code)}, {Type: api.ErrorTypeCard, Code: api.ErrorCode(code)}} {
			if c, r := refusal(e); c != code || r != want {
				t.Errorf("%s: told as %q, %q", code, c, r)
			}
		}
	}
	// Who holds a stolen card is not told that it is known.
	for _, code := range []string{"lost_card", "stolen_card", "pickup_card", "fraudulent", "merchant_blacklist", "highest_risk_level", "do_not_honor", "generic_decline"} {
		if reasons[code] != payment.Declined {
			t.Errorf("%s tells more than that it was refused", code)
		}
	}
	if c, r := refusal(&api.Error{Type: api.ErrorTypeCard, Code: "new_code", DeclineCode: "newer_code"}); c != "newer_code" || r != payment.Declined {
		t.Errorf("unknown: %q, %q", c, r)
	}
	if c, _ := refusal(&api.Error{Type: api.ErrorTypeCard, DeclineCode: "mail me at a@b.se"}); c != "unreadable" {
		t.Errorf("kept %q", c)
	}
}

// A key is good for longer than Stripe keeps it: a refund and a capture that are asked
// for again after days are found, not made twice.
func TestKeysOutliveStripes(t *testing.T) {
	s := newSim(t, "ship", nil)
	w := wish("KV1", 30_000)
	st, err := s.p.Begin(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	s.Pay(t, st.Ref)
	take := payment.Take{Key: "kv-c-1", Ref: st.Ref, Reference: "KV1", Amount: money.SEK(30_000), Whole: true}
	back := payment.Refund{Key: "kv-r-1", Ref: st.Ref, Reference: "KV1", Amount: money.SEK(5_000)}
	for range 2 {
		if x, err := s.p.Capture(t.Context(), take); err != nil || !x.Done {
			t.Errorf("capture: %+v, %v", x, err)
		}
		s.Forget()
	}
	for range 2 {
		if x, err := s.p.Refund(t.Context(), back); err != nil || !x.Done {
			t.Errorf("refund: %+v, %v", x, err)
		}
		s.Forget()
	}
	if b := s.Server.Books()[0]; b.Captured.Amount != 30_000 || b.Refunded.Amount != 5_000 {
		t.Errorf("Stripe has %+v", b)
	}
	if x, err := s.p.Capture(t.Context(), payment.Take{Key: "kv-c-2", Ref: st.Ref, Reference: "KV1", Amount: money.SEK(100)}); err != nil || !x.Refused {
		t.Errorf("another capture: %+v, %v", x, err)
	}
}

// A refund among more than a page of others is found.
func TestRefundFoundOnALaterPage(t *testing.T) {
	s := newSim(t, "placed", nil)
	st, err := s.p.Begin(t.Context(), wish("KV1", 30_000))
	if err != nil {
		t.Fatal(err)
	}
	s.Pay(t, st.Ref)
	r := payment.Refund{Key: "first", Ref: st.Ref, Reference: "KV1", Amount: money.SEK(5_000)}
	if x, err := s.p.Refund(t.Context(), r); err != nil || !x.Done {
		t.Fatalf("%+v, %v", x, err)
	}
	for range 120 {
		s.RefundByHand(st.Ref, 10)
	}
	s.Forget()
	if x, err := s.p.Refund(t.Context(), r); err != nil || !x.Done || s.Server.Books()[0].Refunded.Amount != 6_200 {
		t.Errorf("%+v, %v, %+v", x, err, s.Server.Books())
	}
}

// Our key with other values than before is no second payment, and no end either.
func TestKeyWithOtherValuesIsLookedFor(t *testing.T) {
	s := newSim(t, "placed", nil)
	w := wish("KV1", 30_000)
	if _, err := s.p.Begin(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	w.Description = "Ett nytt namn"
	if _, err := s.p.Begin(t.Context(), w); !errors.Is(err, payment.ErrUnknown) {
		t.Errorf("%v", err)
	}
	if n := len(s.Server.Books()); n != 1 {
		t.Errorf("%d payments", n)
	}
	if st, err := s.p.Look(t.Context(), handle(w, "")); err != nil || st.State != payment.Open {
		t.Errorf("%+v, %v", st, err)
	}
}

// Another purchase's payment is neither refunded nor captured, whatever the books say.
func TestMoneyOfAnotherPurchaseIsLeftAlone(t *testing.T) {
	s := newSim(t, "placed", nil)
	st, err := s.p.Begin(t.Context(), wish("KV1", 30_000))
	if err != nil {
		t.Fatal(err)
	}
	s.Pay(t, st.Ref)
	for _, ref := range []string{"KV2", ""} {
		if x, err := s.p.Refund(t.Context(), payment.Refund{Key: "k" + ref, Ref: st.Ref, Reference: ref, Amount: money.SEK(100)}); err == nil || x.Done {
			t.Errorf("refund of %q: %+v", ref, x)
		}
		if x, err := s.p.Capture(t.Context(), payment.Take{Key: "k" + ref, Ref: st.Ref, Reference: ref, Amount: money.SEK(100)}); err == nil || x.Done {
			t.Errorf("capture of %q: %+v", ref, x)
		}
	}
	if x, err := s.p.Refund(t.Context(), payment.Refund{Key: "k", Ref: st.Ref, Reference: "KV1", Amount: money.New(100, "EUR")}); err != nil || !x.Refused {
		t.Errorf("in another currency: %+v, %v", x, err)
	}
	if s.Server.Books()[0].Refunded.Amount != 0 {
		t.Error("money went back")
	}
}

// A payment that was lost is found behind more than one page of others.
func TestLostPaymentOnALaterPage(t *testing.T) {
	s := newSim(t, "placed", nil)
	w := wish("KV1", 30_000)
	first, err := s.p.Begin(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 230 {
		if _, err := s.p.Begin(t.Context(), wish("KV1"+strconv.Itoa(i), 1_000)); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := s.p.Look(t.Context(), handle(w, "")); err != nil || st.Ref != first.Ref {
		t.Errorf("%+v, %v", st, err)
	}
	if st, err := s.p.Look(t.Context(), handle(wish("KV", 1), "")); err != nil || st.State != payment.Absent {
		t.Errorf("%+v, %v", st, err)
	}
}

// A clock of ours that is hours wrong hides no payment.
func TestLostPaymentUnderAWrongClock(t *testing.T) {
	for _, wrong := range []time.Duration{3 * time.Hour, -3 * time.Hour, 50 * time.Hour} {
		s := newSim(t, "placed", nil)
		s.p.wire.now = func() time.Time { return time.Now().Add(wrong) }
		w := wish("KV1", 30_000)
		w.Until = time.Time{}
		begun := time.Now().Add(wrong)
		st, err := s.p.Begin(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		for _, known := range []bool{true, false} { // after an answer, and as after a restart
			if !known {
				s.p.wire.seconds.Store(0)
			}
			if got, err := s.p.Look(t.Context(), payment.Handle{Reference: "KV1", Begun: begun}); err != nil || got.Ref != st.Ref {
				t.Errorf("%v wrong: %+v, %v", wrong, got, err)
			}
		}
		if got, err := s.p.Look(t.Context(), payment.Handle{Reference: "KV2", Begun: begun}); err != nil || got.State != payment.Absent {
			t.Errorf("%v wrong, never was: %+v, %v", wrong, got, err)
		}
		// One that goes wild finds nothing, and says so.
		s.p.wire.now = func() time.Time { wrong += time.Hour; return time.Now().Add(wrong) }
		if got, err := s.p.Look(t.Context(), payment.Handle{Reference: "KV2", Begun: begun}); !errors.Is(err, payment.ErrUnknown) {
			t.Errorf("a wild clock: %+v, %v", got, err)
		}
	}
}

// A payment that we know by its id and Stripe does not is no absent payment: the key is
// another account's.
func TestUnknownIDIsNotAbsent(t *testing.T) {
	s := newSim(t, "placed", nil)
	st, err := s.p.Look(t.Context(), handle(wish("KV1", 1), "cs_test_ofanotheraccount"))
	if err == nil || errors.Is(err, payment.ErrUnknown) || st.State != "" {
		t.Errorf("%+v, %v", st, err)
	}
	var c payment.Coder
	if !errors.As(err, &c) || c.ProviderCode() != "resource_missing" {
		t.Errorf("code of %v", err)
	}
	if strings.Contains(err.Error(), "cs_test") {
		t.Errorf("the error repeats Stripe's text: %v", err)
	}
}

// Answers that are well formed and say nothing are not believed.
func TestEmptyAnswersAreNotBelieved(t *testing.T) {
	for _, body := range []string{`{}`, `null`, `[]`, `{"object":""}`, `{"object":"list"`, ``, `"x"`, `{"object":"checkout.session"}`, `{"object":"error"}`} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		p, err := New(Options{SecretKey: testKey, BaseURL: srv.URL})
		if err != nil {
			t.Fatal(err)
		}
		if st, err := p.Look(t.Context(), handle(wish("KV1", 1), "cs_test_1")); !errors.Is(err, payment.ErrUnknown) {
			t.Errorf("%q: %+v, %v", body, st, err)
		}
		if strings.Contains(body, "checkout") || strings.Contains(body, "error") {
			srv.Close()
			continue
		}
		if st, err := p.Look(t.Context(), handle(wish("KV1", 1), "")); !errors.Is(err, payment.ErrUnknown) {
			t.Errorf("%q as a list: %+v, %v", body, st, err)
		}
		srv.Close()
	}
	// And who sends us elsewhere is not followed with our key.
	got := ""
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	p, err := New(Options{SecretKey: testKey, BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Begin(t.Context(), wish("KV1", 1000)); !errors.Is(err, payment.ErrUnknown) || got != "" {
		t.Errorf("followed with %q: %v", got, err)
	}
}

// What leaves this machine names it to nobody.
func TestRequestsTellNothingOfTheMachine(t *testing.T) {
	var head http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { head = r.Header.Clone(); http.Error(w, "{}", 500) }))
	defer srv.Close()
	p, err := New(Options{SecretKey: testKey, BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = p.Begin(t.Context(), wish("KV1", 1000))
	want := map[string]string{"Authorization": "Bearer " + testKey, "Idempotency-Key": "kv-KV1", "Stripe-Version": api.APIVersion}
	for k, v := range want {
		if head.Get(k) != v {
			t.Errorf("%s: %q, want %q", k, head.Get(k), v)
		}
	}
	for k := range head {
		switch k {
		case "Authorization", "Idempotency-Key", "Stripe-Version", "Content-Type", "Content-Length", "Accept-Encoding", "User-Agent":
		default:
			t.Errorf("%s: %q is sent too", k, head[k])
		}
	}
}

// Stripe's own books: captures, refunds (ours, by hand, failed), a dispute, a payout.
func TestMovements(t *testing.T) {
	s := newSim(t, "placed", nil)
	pay := func(ref string, sum int64) string {
		st, err := s.p.Begin(t.Context(), wish(ref, sum))
		if err != nil {
			t.Fatal(err)
		}
		s.Pay(t, st.Ref)
		return st.Ref
	}
	a, b := pay("KV1", 30_000), pay("KV2", 20_000)
	s.Server.Hold()
	if _, err := s.p.Refund(t.Context(), payment.Refund{Key: "kv-r-9", Ref: a, Reference: "KV1", Amount: money.SEK(700)}); err != nil {
		t.Fatal(err)
	}
	s.Server.Release(false)
	if _, err := s.p.Refund(t.Context(), payment.Refund{Key: "kv-r-1", Ref: a, Reference: "KV1", Amount: money.SEK(5_000)}); err != nil {
		t.Fatal(err)
	}
	s.RefundByHand(b, 900)
	s.Dispute(b)
	s.Win(b)
	s.Payout()
	var got []string
	err := s.p.Movements(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(m payment.Movement) error {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %d fee %d %s", m.Kind, m.Reference, m.Amount.Amount, m.Fee.Amount, m.Key)))
		if (m.Kind == "payout") != strings.HasPrefix(m.Payout, "po_") {
			t.Errorf("payout %q of %+v", m.Payout, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{ // newest first
		"payout", "won KV2 20000 fee -15000", "chargeback KV2 20000 fee 15000", "refund KV2 900 fee 0", "refund KV1 5000 fee 0 kv-r-1", "other KV1 700 fee 0 kv-r-9", "other KV1 700 fee 0 kv-r-9",
		"capture KV2 20000 fee 480", "capture KV1 30000 fee 630"}
	want[0] = got[0] // its sum follows from the others
	if fmt.Sprint(got) != fmt.Sprint(want) || !strings.HasPrefix(got[0], "payout ") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Notifications: what each kind says, with either secret, and what is not for us.
func TestVerify(t *testing.T) {
	s := newSim(t, "placed", nil)
	now := time.Now()
	verify := func(body string) (payment.Hint, error) {
		n := s.Server.Sign([]byte(body))
		return s.p.Verify(payment.Notice{Header: n.Header, Body: n.Body, At: now})
	}
	for body, want := range map[string]payment.Hint{
		`{"id":"evt_1","type":"checkout.session.completed","livemode":false,"data":{"object":{"id":"cs_1","object":"checkout.session","client_reference_id":"KV1"}}}`: {EventID: "evt_1", Reference: "KV1", Ref: "cs_1"},
		`{"id":"evt_2","type":"payment_intent.succeeded","livemode":false,"data":{"object":{"id":"pi_1","object":"payment_intent","metadata":{"reference":"KV2"}}}}`:  {EventID: "evt_2", Reference: "KV2"},
		`{"id":"evt_3","type":"charge.refunded","livemode":false,"data":{"object":{"id":"ch_1","object":"charge","metadata":{"reference":"KV3"}}}}`:                   {EventID: "evt_3", Reference: "KV3"},
		`{"id":"evt_4","type":"refund.failed","livemode":false,"data":{"object":{"id":"re_1","object":"refund","metadata":{"reference":"KV4","key":"k"}}}}`:           {EventID: "evt_4", Reference: "KV4"},
		`{"id":"evt_5","type":"charge.succeeded","livemode":false,"data":{"object":{"id":"ch_1","object":"charge","metadata":{}}}}`:                                   {EventID: "evt_5"}, // another system's on the same account
		`{"id":"evt_6","type":"payout.paid","livemode":false,"data":{"object":{"id":"po_1"}}}`:                                                                        {EventID: "evt_6"},
		`{"id":"evt_7","type":"something.of.next.year","livemode":false,"data":{}}`:                                                                                   {EventID: "evt_7"},
		`{"id":"evt_8","type":"payout.paid","livemode":false,"data":{"object":[]}}`:                                                                                   {EventID: "evt_8"},
		`{"id":"evt_9","type":"charge.succeeded","livemode":false,"data":{"object":{"id":"ch_1","object":"charge","metadata":{"reference":7}}}}`:                      {EventID: "evt_9"},
	} {
		if h, err := verify(body); err != nil || h != want {
			t.Errorf("%s: %+v, %v", body, h, err)
		}
	}
	for _, body := range []string{`{"id":"evt_1","type":"charge.succeeded","livemode":false,"data":{"object":[]}}`, `{"type":"payout.paid","livemode":false}`, `{"id":"evt_1","type":"payout.paid"}`, `{"id":"e v","type":"x","livemode":false}`, `{"id":"evt_1","livemode":"no"}`} {
		if h, err := verify(body); err == nil || errors.Is(err, payment.ErrForeign) {
			t.Errorf("%s: %+v, %v", body, h, err)
		}
	}
	for _, body := range []string{
		`{"id":"evt_1","type":"checkout.session.completed","livemode":true,"data":{"object":{"id":"cs_1","object":"checkout.session","client_reference_id":"KV1"}}}`,
		`{"id":"evt_1","type":"checkout.session.completed","livemode":false,"account":"acct_1","data":{"object":{"id":"cs_1","object":"checkout.session","client_reference_id":"KV1"}}}`,
		`{"id":"evt_1","type":"payout.paid","livemode":true,"data":{}}`,
	} {
		if h, err := verify(body); !errors.Is(err, payment.ErrForeign) || h.EventID != "evt_1" {
			t.Errorf("%s: %+v, %v", body, h, err)
		}
	}
	// Both secrets hold while one replaces the other; a header with many signatures does not buy work.
	body := []byte(`{"id":"evt_1","type":"x","livemode":false}`)
	p, err := New(Options{SecretKey: testKey, WebhookSecret: testSecret + ", whsec_thenewonethatcomes"})
	if err != nil {
		t.Fatal(err)
	}
	n := s.Server.Sign(body)
	for name, c := range map[string]struct {
		header string
		good   bool
	}{
		"as sent": {n.Header.Get("Stripe-Signature"), true}, "the other first": {strings.Replace(n.Header.Get("Stripe-Signature"), "v1=", "v1=00ff,v1=", 1), true},
		"eight others": {strings.Replace(n.Header.Get("Stripe-Signature"), "v1=", strings.Repeat("v1=00,", 8)+"v1=", 1), false}, "only v0": {strings.Replace(n.Header.Get("Stripe-Signature"), "v1=", "v2=", 1), false},
		"no time": {"v1=" + strings.SplitN(n.Header.Get("Stripe-Signature"), "v1=", 2)[1], false}, "nothing": {"", false}, "words": {"hello", false}, "t=1": {"t=1,v1=00", false},
	} {
		_, err := p.Verify(payment.Notice{Header: http.Header{"Stripe-Signature": {c.header}}, Body: body, At: now})
		if (err == nil) != c.good || err != nil && !errors.Is(err, payment.ErrBadSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Without a secret nothing is believed, not even what is signed with nothing.
	p, err = New(Options{SecretKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Verify(payment.Notice{Header: n.Header, Body: body, At: now}); !errors.Is(err, payment.ErrBadSignature) || p.Notifies() {
		t.Errorf("without a secret: %v", err)
	}
}

// Whatever the bytes, what is not signed is not believed, and what is signed names an
// event and a payment in characters that any database takes.
func FuzzVerify(f *testing.F) {
	for _, b := range []string{"null", "[]", "{}", `{"id":"evt_1","type":"checkout.session.completed","livemode":false,"data":{"object":{"id":"cs_1","object":"checkout.session","client_reference_id":"KV1"}}}`,
		`{"id":"evt_1","type":"charge.x","livemode":false,"data":{"object":{"metadata":{"reference":"\u0000"}}}}`, strings.Repeat("[", 10_000), `{"id":1e400}`} {
		f.Add([]byte(b), "t=1,v1=00", true)
	}
	p, err := New(Options{SecretKey: testKey, WebhookSecret: testSecret})
	if err != nil {
		f.Fatal(err)
	}
	s := &sim{Server: newServer()}
	f.Fuzz(func(t *testing.T, body []byte, header string, signed bool) {
		n := paytest.Notice{Header: http.Header{"Stripe-Signature": {header}}, Body: body}
		if signed {
			n = s.Server.Sign(body)
		}
		h, err := p.Verify(payment.Notice{Header: n.Header, Body: n.Body, At: time.Now()})
		switch {
		case !signed && err == nil:
			t.Errorf("believed without a signature: %+v", h)
		case err == nil && (h.EventID == "" || !plain(h.EventID) || !plain(h.Reference) || !plain(h.Ref)):
			t.Errorf("believed %+v", h)
		}
	})
}

// Settings that cannot work are named with their key.
func TestOptions(t *testing.T) {
	live := "sk_live_51Kassavalv0000000000"
	for key, o := range map[string]Options{
		"":                       {SecretKey: testKey, Capture: "placed", BaseURL: "http://127.0.0.1:1"},
		" ":                      {SecretKey: live, Live: true, WebhookSecret: testSecret},
		"  ":                     {SecretKey: "rk_live_x", Live: true},
		"stripe.secret_key":      {SecretKey: "pk_test_1"},
		"stripe.secret_key   ":   {WebhookSecret: testSecret},
		"stripe.secret_key ":     {SecretKey: live},
		"stripe.secret_key  ":    {SecretKey: testKey, Live: true},
		"stripe.webhook_secret":  {SecretKey: testKey, WebhookSecret: "secret"},
		"stripe.webhook_secret ": {SecretKey: testKey, WebhookSecret: testSecret + " we_123"},
		"stripe.capture":         {SecretKey: testKey, Capture: "later"},
		"stripe.base_url":        {SecretKey: testKey, BaseURL: "http://10.0.0.1"},
		"stripe.base_url ":       {SecretKey: live, Live: true, BaseURL: "http://127.0.0.1:1"},
		"stripe.base_url  ":      {SecretKey: testKey, BaseURL: "http://127.0.0.1:1/path?x"},
		"stripe.base_url   ":     {SecretKey: testKey, BaseURL: "http://localhost.evil.example"},
	} {
		_, err := New(o)
		var c *ConfigError
		if errors.As(err, &c); err == nil && strings.TrimSpace(key) != "" || err != nil && (c == nil || c.Key != strings.TrimSpace(key)) {
			t.Errorf("%q: %v", key, err)
		}
		if err != nil && (strings.Contains(err.Error(), "Kassavalv0000") || strings.Contains(err.Error(), testSecret)) {
			t.Errorf("the complaint shows a secret: %v", err)
		}
	}
	var b strings.Builder
	if _, err := New(Options{SecretKey: testKey, Log: slog.New(slog.NewTextHandler(&b, nil))}); err != nil || !strings.Contains(b.String(), "webhook_secret") {
		t.Errorf("without a webhook secret nothing is said: %v, %q", err, b.String())
	}
}

// Errors as they are kept beside a purchase: a code or the kind of break.
func TestErrorsAreCodes(t *testing.T) {
	var e *api.Error
	if err := json.Unmarshal([]byte(`{"type":"invalid_request_error","code":"resource_missing","message":"No such thing at https://secret"}`), &e); err != nil {
		t.Fatal(err)
	}
	e.HTTPStatusCode, e.RequestID = 404, "req_1"
	if err := failed("look", e); err.Error() != "stripe: look: 404 resource_missing (req_1)" || errors.Is(err, payment.ErrUnknown) {
		t.Errorf("%v", err)
	}
	for status, open := range map[int]bool{400: false, 401: false, 402: false, 403: false, 404: false, 409: true, 429: true, 500: true, 503: true} {
		e.HTTPStatusCode = status
		if err := failed("look", e); errors.Is(err, payment.ErrUnknown) != open {
			t.Errorf("%d: open %v", status, !open)
		}
	}
	// A wrong key refuses no refund: a person mends the key, and it is asked again.
	for status, refused := range map[int]bool{400: true, 402: true, 404: true, 401: false, 403: false} {
		e.HTTPStatusCode = status
		if st, err := moved("refund", e); st.Refused != refused || (err == nil) != refused {
			t.Errorf("%d: %+v, %v", status, st, err)
		}
	}
}

// How a session is read, each kind of end, and that what Stripe says of mode and money
// is told and not made to fit.
func TestStatus(t *testing.T) {
	p := &Provider{}
	cs := func(status api.CheckoutSessionStatus, pi *api.PaymentIntent) *api.CheckoutSession {
		return &api.CheckoutSession{ID: "cs_1", ClientReferenceID: "KV1", AmountTotal: 500, Currency: "sek", Status: status, PaymentIntent: pi, URL: "https://checkout.stripe.com/c/pay/cs_1#x", ExpiresAt: time.Now().Add(time.Hour).Unix()}
	}
	pi := func(status api.PaymentIntentStatus, received int64) *api.PaymentIntent {
		return &api.PaymentIntent{ID: "pi_1", Object: "payment_intent", Amount: 500, Currency: "sek", Status: status, AmountReceived: received}
	}
	no := &api.Error{Type: api.ErrorTypeCard, Code: "card_declined", DeclineCode: "insufficient_funds"}
	with := func(x *api.PaymentIntent, e *api.Error) *api.PaymentIntent { x.LastPaymentError = e; return x }
	open, complete, expired := api.CheckoutSessionStatusOpen, api.CheckoutSessionStatusComplete, api.CheckoutSessionStatusExpired
	past := cs(expired, nil)
	past.ExpiresAt = time.Now().Add(-time.Minute).Unix()
	for name, c := range map[string]struct {
		cs     *api.CheckoutSession
		state  payment.State
		reason payment.Reason
		got    int64
	}{
		"open":                          {cs(open, nil), payment.Open, "", 0},
		"open, refused once":            {cs(open, with(pi(api.PaymentIntentStatusRequiresPaymentMethod, 0), no)), payment.Open, payment.Insufficient, 0},
		"its time is over":              {past, payment.Expired, payment.TimedOut, 0},
		"ended by us":                   {cs(expired, nil), payment.Cancelled, payment.BuyerLeft, 0},
		"ended after a refusal":         {cs(expired, with(pi(api.PaymentIntentStatusCanceled, 0), no)), payment.Refused, payment.Insufficient, 0},
		"ended, and money all the same": {cs(expired, pi(api.PaymentIntentStatusSucceeded, 500)), payment.Captured, "", 500},
		"paid":                          {cs(complete, pi(api.PaymentIntentStatusSucceeded, 500)), payment.Captured, "", 500},
		"paid at the second try":        {cs(complete, with(pi(api.PaymentIntentStatusSucceeded, 500), no)), payment.Captured, "", 500},
		"reserved":                      {cs(complete, pi(api.PaymentIntentStatusRequiresCapture, 0)), payment.Authorised, "", 0},
		"let go":                        {cs(complete, pi(api.PaymentIntentStatusCanceled, 0)), payment.Cancelled, payment.BuyerLeft, 0},
		"on its way":                    {cs(complete, pi(api.PaymentIntentStatusProcessing, 0)), payment.Processing, "", 0},
		"a later way that failed":       {cs(complete, with(pi(api.PaymentIntentStatusRequiresPaymentMethod, 0), no)), payment.Refused, payment.Insufficient, 0},
		"failed without a word":         {cs(complete, pi(api.PaymentIntentStatusRequiresPaymentMethod, 0)), payment.Refused, payment.Declined, 0},
		"a status of next year":         {cs(complete, pi("pondering", 0)), payment.Processing, "", 0},
		"a session of next year":        {cs("pondering", pi(api.PaymentIntentStatusSucceeded, 500)), payment.Processing, "", 500},
		"complete, intent unseen":       {cs(complete, &api.PaymentIntent{ID: "pi_1"}), payment.Processing, "", 0},
	} {
		st := p.status(c.cs)
		if st.State != c.state || st.Reason != c.reason || st.Captured != money.SEK(c.got) || st.Ref != "cs_1" || st.Reference != "KV1" || st.Live {
			t.Errorf("%s: %+v", name, st)
		}
		if (st.Next != nil) != (c.state == payment.Open) {
			t.Errorf("%s: next %+v", name, st.Next)
		}
	}
	x := cs(complete, pi(api.PaymentIntentStatusSucceeded, 500))
	x.Livemode = true
	if !p.status(x).Live {
		t.Error("real money is told as test money")
	}
	x.PaymentIntent.Amount = 499
	if st := p.status(x); st.Amount != money.SEK(499) {
		t.Errorf("the session says 500 and the payment 499: %v", st.Amount)
	}
	x.PaymentIntent.Currency = "eur"
	if st := p.status(x); st.Captured.Currency != "EUR" || st.Amount.Currency != "EUR" {
		t.Errorf("in euro: %+v", st)
	}
	// Buyers are sent to https only, whatever the answer says.
	for _, to := range []string{"http://checkout.stripe.com/", "javascript:alert(1)", "//x", ""} {
		x := cs(open, nil)
		x.URL = to
		if st := (&Provider{secure: true}).status(x); st.Next != nil {
			t.Errorf("sent to %q", st.Next.URL)
		}
	}
}
