package storefront_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/payment/paytest/swishsim"
	"kassavalv/internal/shop/payment/swish"
)

// withSwish adds Swish's stand-in to the ways to pay, first of all.
func (s *shop) withSwish(t *testing.T) *swishsim.Server {
	t.Helper()
	sim, err := swishsim.New(swishsim.Options{Payee: "1231181189"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	sim.Set(swishsim.Fault{Mute: true})
	f, err := sim.Issue(t.TempDir(), "1231181189", time.Now().AddDate(1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	p, err := swish.New(swish.Options{Payee: "1231181189", Cert: f.Cert, Key: f.Key, CA: f.CA, BaseURL: sim.URL(), Secret: []byte("a secret of this shop alone")})
	if err != nil {
		t.Fatal(err)
	}
	s.Desk.Providers = append(s.Desk.Providers[:1:1], p, s.Desk.Providers[1])
	return sim
}

// bySwish buys what is in a new cart and returns the purchase's page, with what the
// app is opened with.
func (s *shop) bySwish(t *testing.T) (v *visitor, path string, at page, opens url.Values) {
	t.Helper()
	v, action, f := s.ready(t)
	f.Set("payment_method", "swish")
	sent := v.post(action, f)
	at = v.follow(sent)
	u, err := url.Parse(attr(at.first(t, "[data-open]"), "href"))
	if err != nil || u.Scheme != "swish" || u.Host != "paymentrequest" || u.Query().Get("token") == "" {
		t.Fatalf("the app is opened by %v, %v", u, err)
	}
	return v, sent.Header.Get("Location"), at, u.Query()
}

// The app opens by a plain link, comes back to the purchase, and whoever has the page's
// address sees what has become of it.
func TestAppPayment(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		sim := s.withSwish(t)
		v, path, at, opens := s.bySwish(t)
		quiet(t, at)
		if opens.Get("callbackurl") != s.srv.URL+path+"/return" {
			t.Errorf("comes back to %s", opens.Get("callbackurl"))
		}
		if box := at.first(t, "[data-purchase]"); attr(box, "data-purchase") != "awaiting_customer" || attr(box, "data-go") != "" || at.Header.Get("Refresh") != "" {
			t.Error("the page goes away by itself")
		}
		if len(at.all("main svg[role=img] path[d]")) != 1 || len(at.all(`main input[readonly][value="`+s.srv.URL+path+`"]`)) != 1 || !strings.Contains(at.text, `http-equiv="refresh"`) {
			t.Error("no code, no link to go on elsewhere, or no reload without scripts")
		}
		// In the app's own browser: no cookie, and right all the same, before and after.
		other := s.visitor()
		if p := other.get(path); attr(p.first(t, "[data-open]"), "href") != attr(at.first(t, "[data-open]"), "href") {
			t.Error("another browser sees another payment")
		}
		if err := sim.Act(opens.Get("token"), swishsim.Approve); err != nil {
			t.Fatal(err)
		}
		done := other.follow(other.get(strings.TrimPrefix(opens.Get("callbackurl"), s.srv.URL)))
		if attr(done.first(t, "[data-purchase]"), "data-purchase") != "paid" || !strings.Contains(done.words(), "Swish") {
			t.Errorf("back from the app: %s", done.words())
		}
		if p := v.get(path); attr(p.first(t, "[data-purchase]"), "data-end") != "yes" || len(p.all("[data-open]")) != 0 {
			t.Error("the first page does not know")
		}
	})
}

// A refusal is told in its own words, with the other ways beside.
func TestAppRefusal(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		sim := s.withSwish(t)
		v, path, _, opens := s.bySwish(t)
		if err := sim.Act(opens.Get("token"), swishsim.FailPrefix+"AM21"); err != nil {
			t.Fatal(err)
		}
		p := v.follow(v.get(path + "/return"))
		quiet(t, p)
		if !strings.Contains(p.words(), "högre än din gräns för Swish") || !strings.Contains(p.words(), "Inga pengar har dragits") {
			t.Error(p.words())
		}
		var to []string
		for _, a := range p.all(".moment__do a") {
			to = append(to, attr(a, "href"))
		}
		if got := strings.Join(to, " "); got != "/checkout?payment_method=swish /checkout?payment_method=card /checkout?payment_method=invoice /cart" {
			t.Errorf("ways on: %s", got)
		}
	})
}

// Another way is chosen while Swish waits: its payment ends first, then the other
// begins with the same cart.
func TestAnotherWay(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		sim := s.withSwish(t)
		v, path, at, _ := s.bySwish(t)
		action, f := buyerForm(t, v.get(attr(at.first(t, `.moment__do a[href="/checkout"]`), "href")))
		f.Set("payment_method", "card")
		sent := v.post(action, f)
		if sent.StatusCode != http.StatusSeeOther || sent.Header.Get("Location") == path {
			t.Fatalf("%d to %s", sent.StatusCode, sent.Header.Get("Location"))
		}
		if b := sim.Books(); len(b) != 1 || b[0].Status != "CANCELLED" {
			t.Errorf("Swish has %+v", b)
		}
		if p := v.get(path); attr(p.first(t, "[data-purchase]"), "data-purchase") != "refused" {
			t.Errorf("the first attempt: %s", p.words())
		}
	})
}

// A way to pay that does not answer is off the checkout, with the reason, and is back
// when it answers.
func TestWayThatIsDown(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		sim := s.withSwish(t)
		v, path, _, _ := s.bySwish(t)
		sim.Set(swishsim.Fault{Down: true, Mute: true})
		id := s.purchaseAt(t, path)
		for range 3 {
			if _, err := s.Desk.Look(context.Background(), id, "staff"); err != nil {
				t.Fatal(err)
			}
		}
		s.Desk.Wait() // it is asked whether it is up
		p := v.get("/checkout?payment_method=swish")
		if len(p.all(`[name=payment_method][value=swish][disabled]`)) != 1 || len(p.all(`[name=payment_method][value=swish][checked]`)) != 0 || !strings.Contains(p.words(), "Swish svarar inte just nu") {
			t.Error("still offered")
		}
		sim.Set(swishsim.Fault{Mute: true})
		if _, err := s.Desk.Look(context.Background(), id, "staff"); err != nil {
			t.Fatal(err)
		}
		if p := v.get("/checkout"); len(p.all(`[name=payment_method][value=swish]:not([disabled])`)) != 1 || strings.Contains(p.words(), "svarar inte just nu") {
			t.Error("not back")
		}
	})
}

func (s *shop) purchaseAt(t *testing.T, path string) db.ID {
	t.Helper()
	p, err := db.Read(context.Background(), s.DB, func(q *db.Reader) (checkout.Purchase, error) {
		return checkout.ByToken(q, s.Vault, strings.TrimPrefix(path, "/purchases/"))
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.ID
}

// The buyer gives the number of the phone that has the app: the payment is sent there,
// the page says to which, and a code to scan is one choice away.
func TestCalledByPhone(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		sim := s.withSwish(t)
		v, action, f := s.ready(t)
		if at := v.get("/checkout"); len(at.all(`fieldset:has(input[value="swish"][data-calls]) input[name="payer_phone"][type="tel"][autocomplete="section-payer tel"]`)) != 1 || len(at.all("input[data-calls]")) != 1 {
			t.Fatal("the checkout asks for no number, or asks for it of another way to pay")
		}
		f.Set("payment_method", "swish")
		f.Set("payer_phone", "070")
		p := v.post(action, f)
		if in := p.first(t, `input[name="payer_phone"]`); p.StatusCode != http.StatusUnprocessableEntity || attr(in, "value") != "070" || attr(in, "aria-invalid") != "true" || len(p.all(`input[name="phone"][aria-invalid]`)) != 0 ||
			len(p.all(`a[href="#`+attr(in, "id")+`"]`)) != 1 {
			t.Fatalf("a number that is none: %d %s", p.StatusCode, p.words())
		}
		if len(sim.Books()) != 0 {
			t.Fatal("it reached Swish")
		}
		const typed, number = "070-123 45 67", "46701234567"
		f.Set("payer_phone", typed)
		sent := v.post(action, f)
		at := v.follow(sent)
		quiet(t, at)
		b := sim.Books()
		if len(b) != 1 || b[0].Payer != number || b[0].Token != "" {
			t.Fatalf("Swish has %+v", b)
		}
		if !strings.Contains(at.words(), "Öppna Swish på telefonen med numret som slutar på 67") || len(at.all("[data-open]")) != 0 || len(at.all("main svg[role=img]")) != 0 || strings.Contains(at.text, "01234567") || strings.Contains(at.words(), "fick ingen kod") {
			t.Errorf("the page says: %s", at.words())
		}
		// Pressed again with the same number, written otherwise: the same payment.
		f.Set("payer_phone", "+46 (0)70 123 45 67")
		if again := v.post(action, f); again.Header.Get("Location") != sent.Header.Get("Location") || len(sim.Books()) != 1 {
			t.Errorf("pressed again: %s, Swish has %d", again.Header.Get("Location"), len(sim.Books()))
		}
		// A code instead: the first payment ends, another begins.
		scan := attr(at.first(t, `.moment__do a[href="/checkout?payment_method=swish"]`), "href")
		action, f = buyerForm(t, v.get(scan))
		f.Set("payment_method", "swish")
		if got := f.Get("payer_phone"); got != "" {
			t.Errorf("the checkout remembers the number: %q", got)
		}
		other := v.post(action, f)
		at = v.follow(other)
		if b = sim.Books(); len(b) != 2 || b[0].Status != "CANCELLED" || b[1].Payer != "" || len(at.all("main svg[role=img] path[d]")) != 1 {
			t.Errorf("a code instead: %+v, %s", b, at.words())
		}
		// And to the phone after all; what is approved there ends here.
		f.Set("payer_phone", typed)
		last := v.post(action, f)
		if b = sim.Books(); len(b) != 3 || b[1].Status != "CANCELLED" || b[2].Payer != number {
			t.Fatalf("Swish has %+v", b)
		}
		if err := sim.Act(b[2].ID, swishsim.Approve); err != nil {
			t.Fatal(err)
		}
		path := last.Header.Get("Location")
		done := v.follow(v.get(path + "/return"))
		if attr(done.first(t, "[data-purchase]"), "data-purchase") != "paid" || strings.Contains(done.text, "slutar på") {
			t.Errorf("approved: %s", done.words())
		}
	})
}

// A number that was typed before another way was chosen hinders nothing, and goes nowhere.
func TestNumberOfAnotherWay(t *testing.T) {
	one(t, func(s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		s.withSwish(t)
		v, action, f := s.ready(t)
		f.Set("payment_method", "invoice")
		f.Set("payer_phone", "07x")
		if p := v.post(action, f); p.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", p.StatusCode, p.words())
		}
	})
}

// What never reached Swish is sent again to the same phone: the number is kept until
// Swish has answered.
func TestCalledAgain(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 5})
		sim := s.withSwish(t)
		v, action, f := s.ready(t)
		f.Set("payment_method", "swish")
		f.Set("payer_phone", "0701234567")
		sim.Set(swishsim.Fault{Mute: true, Down: true})
		path := v.post(action, f).Header.Get("Location")
		sim.Set(swishsim.Fault{Mute: true})
		if p, err := s.Desk.Look(context.Background(), s.purchaseAt(t, path), "test"); err != nil || p.State != checkout.Awaiting {
			t.Fatalf("%+v, %v", p, err)
		}
		if b := sim.Books(); len(b) != 1 || b[0].Payer != "46701234567" {
			t.Errorf("Swish has %+v", b)
		}
	})
}
