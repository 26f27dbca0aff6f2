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
