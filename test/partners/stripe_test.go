package partners

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/shop/payment/paytest"
	"kassavalv/internal/shop/payment/paytest/stripesim"
)

const (
	childEnv = "KASSAVALV_TEST_STRIPESIM"
	key      = "sk_test_51Partners0000000000"
	secret   = "whsec_partners0000000000"
)

// TestMain runs the tests, or is the partner in a process of its own, which ends when
// the test that started it does.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		if err := stripesim.Main(os.Args[1:]); err != nil {
			panic(err)
		}
	}
	apptest.Main(m)
}

// stripe is the partner.
type stripe struct {
	t   testing.TB
	URL string
}

func startStripe(t testing.TB) *stripe {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-key", key, "-secret", secret)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	sc := bufio.NewScanner(out)
	if !sc.Scan() {
		t.Fatal("the partner does not start")
	}
	return &stripe{t, sc.Text()}
}

func (s *stripe) env(more ...string) []string {
	return append([]string{"KASSAVALV_STRIPE_SECRET_KEY=" + key, "KASSAVALV_STRIPE_WEBHOOK_SECRET=" + secret, "KASSAVALV_STRIPE_BASE_URL=" + s.URL}, more...)
}

// hook tells the partner where to notify; on false nowhere.
func (s *stripe) hook(c *apptest.Client, on bool) {
	c.T.Helper()
	body := map[string]string{"url": "", "ca": ""}
	if on {
		ca, err := os.ReadFile(c.CA)
		if err != nil {
			c.T.Fatal(err)
		}
		body = map[string]string{"url": c.Ready.Shop + "/hooks/stripe", "ca": string(ca)}
	}
	c.Want(c.Do("POST", s.URL+"/control/hook", body), 200, nil)
}

func (s *stripe) faults(c *apptest.Client, f paytest.Fault) {
	c.T.Helper()
	c.Want(c.Do("POST", s.URL+"/control/faults", f), 200, nil)
}

// books are the partner's, by our reference.
func (s *stripe) books(c *apptest.Client) map[string]paytest.Book {
	c.T.Helper()
	var all []paytest.Book
	c.Want(c.Do("GET", s.URL+"/control/books", nil), 200, &all)
	out := map[string]paytest.Book{}
	for _, b := range all {
		if _, twice := out[b.Reference]; twice {
			c.T.Errorf("the partner has two payments of %s", b.Reference)
		}
		out[b.Reference] = b
	}
	return out
}

// agree holds the partner's books against the shop's to the öre.
func (s *stripe) agree(c *apptest.Client) {
	c.T.Helper()
	theirs := s.books(c)
	rows := c.Query(`SELECT reference, provider_ref, captured, refunded, refunding, taking FROM payment_intent WHERE method='stripe' ORDER BY id`)
	for _, r := range rows {
		b, ok := theirs[r[0]]
		if !ok {
			c.T.Errorf("the partner does not know %s", r[0])
			continue
		}
		if b.Ref != r[1] || str(b.Captured.Amount) != r[2] || str(b.Refunded.Amount) != r[3] || r[4] != "0" || r[5] != "0" {
			c.T.Errorf("ours %v, theirs %+v", r, b)
		}
		delete(theirs, r[0])
	}
	for _, b := range theirs {
		c.T.Errorf("the shop does not know %+v", b)
	}
	if len(rows) == 0 {
		c.T.Error("there was nothing to compare")
	}
}

// compared has the shop compare the books by itself, as it does at night, and waits for
// what it finds.
func (s *stripe) compared(c *apptest.Client, want string) {
	c.T.Helper()
	staff := c.Shop.Staff(c, "owner")
	looked := func() string {
		// Windows are saved one by one; the last ends where the look began.
		if rows := c.Query(`SELECT looked_at FROM payment_window WHERE method='stripe' AND done_until=looked_at`); len(rows) > 0 {
			return rows[0][0]
		}
		return ""
	}
	before := looked()
	action, form := staff.FormOf(staff.Do("GET", "/admin/money", nil), `form[action$="/money/compare"]`)
	if a := staff.Form(action, form); a.Status/100 != 3 {
		c.T.Fatalf("the button that compares: %v", a)
	}
	c.Wait("the books are compared", time.Minute, func() bool { now := looked(); return now != "" && now != before })
	var kinds []string
	for _, r := range c.Query(`SELECT kind FROM payment_case WHERE method='stripe' AND state='open' ORDER BY kind`) {
		kinds = append(kinds, r[0])
	}
	if got := strings.Join(kinds, " "); got != want {
		c.T.Errorf("cases %q, want %q", got, want)
	}
}

func str(n int64) string {
	var b []byte
	if n == 0 {
		return "0"
	}
	for ; n > 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

var form = []string{"Content-Type", "application/x-www-form-urlencoded"}

// begin posts a purchase and checks where the buyer is sent.
func begin(c *apptest.Client, s *stripe, k apptest.Cart) apptest.Purchase {
	c.T.Helper()
	p := c.Buy(k, apptest.Wish{Method: "stripe"})
	if p.State != "awaiting_customer" || p.Next == nil || p.Next.Type != "redirect" || !strings.HasPrefix(p.Next.URL, s.URL+"/c/pay/cs_test_") {
		c.T.Fatalf("begun as %s, next %+v", p.State, p.Next)
	}
	return p
}

func TestStripe(t *testing.T) {
	for _, engine := range apptest.Engines {
		t.Run(engine, func(t *testing.T) {
			s := startStripe(t)
			throughStripe(t, s, apptest.Start(t, apptest.Options{Engine: engine, Env: s.env()}))
		})
	}
}

func throughStripe(t *testing.T, s *stripe, shop *apptest.Shop) {
	c := shop.As(t)
	s.hook(c, true)

	// Declined, tried again on the partner's page, paid; the buyer closes the tab, and the
	// notification alone makes it an order.
	p := begin(c, s, c.ReadyCart(c.Variant(), 2))
	if strings.Contains(p.Next.URL, p.Token) {
		t.Error("the partner's address holds what opens the purchase")
	}
	if a := c.Do("POST", p.Next.URL, apptest.Raw("card_number=4000000000009995"), form...); a.Status != http.StatusPaymentRequired {
		t.Errorf("a card without money: %v", a)
	}
	if q := c.Purchase(p.Token); q.Terminal() {
		t.Errorf("a first try that was refused ended it: %s", q.State)
	}
	to := c.Pay(p, apptest.Good)
	if !strings.HasPrefix(to, c.Ready.Shop+"/") || !strings.Contains(to, p.Token) {
		t.Errorf("the buyer is sent to %s", to)
	}
	p = c.Final(p.Token)
	if p.State != "paid" || p.MoneyMoved != "taken" || p.Order == nil {
		t.Fatalf("paid, and ended %s: %s", p.State, p.Message)
	}
	o := c.Order(p.Order.Token)
	if o.Payment.Method != "stripe" || o.Payment.Paid.Amount != o.Totals.ToPay.Amount {
		t.Errorf("the order's payment: %+v", o.Payment)
	}

	// Refunds: a part, then the rest, over the Admin API.
	token := []string{"Authorization", "Bearer " + c.AdminToken}
	refund := func(ore int64) apptest.Answer {
		return c.Do("POST", apptest.AdminAPI+"/orders/"+o.Number+"/refunds", map[string]any{"amount": apptest.SEK(ore), "reason": "prov"}, token...)
	}
	c.Want(refund(1_000), 202, nil)
	c.Want(refund(o.Payment.Paid.Amount-1_000), 202, nil)
	if a := refund(1); a.Status != 409 {
		t.Errorf("more than was paid: %v", a)
	}
	c.Wait("the money is back", time.Minute, func() bool { return c.AdminOrder(o.Number).Payment.Refunded.Amount == o.Payment.Paid.Amount })

	// Nothing is notified; the buyer comes back, and the shop asks.
	s.hook(c, false)
	p = begin(c, s, c.ReadyCart(c.Variant(), 1))
	if a := c.Do("GET", c.Pay(p, apptest.Good), nil); a.Status >= 400 {
		t.Errorf("the way back: %v", a)
	}
	if p = c.Final(p.Token); p.State != "paid" {
		t.Errorf("came back, and is %s: %s", p.State, p.Message)
	}

	// Nobody tells anything: the rescuer asks.
	p = begin(c, s, c.ReadyCart(c.Variant(), 1))
	c.Pay(p, apptest.Good)
	if p = c.Final(p.Token); p.State != "paid" {
		t.Errorf("nobody told, and is %s: %s", p.State, p.Message)
	}

	// The answer to the first call is lost: the payment is one all the same.
	s.faults(c, paytest.Fault{LoseAfter: true, Writes: true})
	var lost apptest.Purchase
	c.Want(c.Post(c.ReadyCart(c.Variant(), 1), apptest.Wish{Method: "stripe"}), 202, &lost)
	s.faults(c, paytest.Fault{})
	lost = c.Until(lost.Token, time.Minute, func(p apptest.Purchase) bool { return p.Next != nil })
	c.Pay(lost, apptest.Good)
	if lost = c.Final(lost.Token); lost.State != "paid" {
		t.Errorf("begun twice, and is %s: %s", lost.State, lost.Message)
	}

	// Another way is chosen: the first ends at the partner before.
	k := c.ReadyCart(c.Variant(), 1)
	first := begin(c, s, k)
	second := c.Buy(k, apptest.Wish{})
	if a := c.Do("POST", first.Next.URL, apptest.Raw("card_number=4242424242424242"), form...); a.Status != 200 || !strings.Contains(string(a.Body), "expired") {
		t.Errorf("the page of the way that was left: %v", a)
	}
	c.Pay(second, apptest.Good)
	if second = c.Final(second.Token); second.State != "paid" {
		t.Errorf("the other way: %s", second.State)
	}
	if first = c.Purchase(first.Token); first.State == "paid" || first.MoneyMoved != "no" {
		t.Errorf("the way that was left: %s, %s", first.State, first.MoneyMoved)
	}

	// What is not signed is refused, whatever it says, and leaves nothing.
	before := c.Count(`SELECT count(*) FROM payment_event`)
	for _, head := range []string{"", "t=1,v1=00", "v1=00"} {
		if a := c.Do("POST", "/hooks/stripe", apptest.Raw(`{"id":"evt_1","type":"checkout.session.completed","livemode":false,"data":{"object":{"id":"cs_1","object":"checkout.session"}}}`), "Stripe-Signature", head, "Content-Type", "application/json"); a.Status != 400 {
			t.Errorf("signed %q: %v", head, a)
		}
	}
	if n := c.Count(`SELECT count(*) FROM payment_event`); n != before {
		t.Errorf("%d rows of what was not signed", n-before)
	}

	s.agree(c)
	s.compared(c, "")

	// Somebody refunds in the partner's dashboard, and a buyer goes to the bank: each opens a case when it is not fresh any more.
	var all []string
	for _, r := range c.Query(`SELECT provider_ref FROM payment_intent WHERE method='stripe' AND captured > 1000 AND refunded=0 ORDER BY id`) {
		all = append(all, r[0])
	}
	c.Want(c.Do("POST", s.URL+"/control/dashboard", map[string]any{"ref": all[0], "refund": 100, "ago": 7200}), 200, nil)
	c.Want(c.Do("POST", s.URL+"/control/dashboard", map[string]any{"ref": all[1], "dispute": true, "ago": 7200}), 200, nil)
	s.compared(c, "disputed missing_here")
	for _, secret := range []string{key, secret} {
		if strings.Contains(shop.Log(), secret) {
			t.Error("the log holds a secret")
		}
	}
}

// Reserved when the buyer pays, taken when the goods leave.
func TestStripeTakesWhenGoodsLeave(t *testing.T) {
	s := startStripe(t)
	shop := apptest.Start(t, apptest.Options{Env: s.env("KASSAVALV_STRIPE_CAPTURE=ship")})
	c := shop.As(t)
	s.hook(c, true)
	placed := func() apptest.Order {
		p := begin(c, s, c.ReadyCart(c.Variant(), 2))
		c.Pay(p, apptest.Good)
		if p = c.Final(p.Token); p.State != "placed" || p.MoneyMoved != "reserved" {
			t.Fatalf("agreed, and ended %s, money %s: %s", p.State, p.MoneyMoved, p.Message)
		}
		return c.Order(p.Order.Token)
	}
	sent, cancelled := placed(), placed()
	c.Want(c.Admin("POST", "/orders/"+sent.Number+"/shipments", map[string]any{"lines": []map[string]any{{"line_id": sent.Lines[0].ID, "quantity": 2}}}), 201, nil)
	c.Wait("the money is taken", time.Minute, func() bool { return c.AdminOrder(sent.Number).Payment.Paid.Amount == sent.Totals.ToPay.Amount })
	c.Want(c.Admin("POST", "/orders/"+cancelled.Number+"/cancel", map[string]any{"reason": "prov"}), 200, nil)
	c.Wait("what is reserved is let go", time.Minute, func() bool {
		held := int64(0)
		for _, b := range s.books(c) {
			held += b.Authorised.Amount
		}
		return held == 0
	})
	s.agree(c)
}

// Settings that cannot be meant refuse the start with their key, and show no secret.
func TestStripeRefusesTheStart(t *testing.T) {
	for env, want := range map[string]string{
		"KASSAVALV_STRIPE_SECRET_KEY=sk_live_51Partners0000000000": "stripe.secret_key", "KASSAVALV_STRIPE_WEBHOOK_SECRET=" + secret: "stripe.secret_key",
		"KASSAVALV_STRIPE_SECRET_KEY=pk_test_51Partners0000000000": "stripe.secret_key",
	} {
		out, status := apptest.Command(t, []string{env}, "demo", "--data", t.TempDir(), "--addr", "localhost:0")
		if status == 0 || !strings.Contains(out, want) || strings.Contains(out, "51Partners") {
			t.Errorf("%.40s…: %d, %s", env, status, out)
		}
	}
}
