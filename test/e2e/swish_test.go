package e2e

import (
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"

	"kassavalv/internal/apptest"
	"kassavalv/internal/web/ui"
)

// TestSwish is what people do who pay with an app: one shop with Swish's stand-in as a
// process of its own.
func TestSwish(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	sw := apptest.StartSwish(t, filepath.Join(dir, "ca", "ca.pem"))
	s := apptest.Start(t, apptest.Options{Dir: dir, Env: sw.Env()})
	b := launch(t, s)
	open := func(t *testing.T) *tab {
		p := b.open(t, s)
		p.also = []string{sw.App}
		return p
	}
	t.Run("people", func(t *testing.T) {
		for name, walk := range map[string]func(t *testing.T, p, app *tab, sw *apptest.Swish){
			"on a phone": swishPhone, "on a desk": swishDesk, "by the phone's number": swishCalled, "as it is judged": swishJudged, "refused, and another way": swishRefused, "with scripts off": swishPlain, "without a live line": swishPolled, "another way instead": swishChanged,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				walk(t, open(t), open(t), sw)
			})
		}
		t.Run("paid back", func(t *testing.T) { t.Parallel(); swishPaidBack(t, s, sw) })
	})
	t.Run("down and back", func(t *testing.T) { swishDown(t, s, sw) })
	// Each payment that Swish has is one purchase of the shop, and the money agrees.
	c := s.As(t)
	for _, x := range sw.Books(t) {
		rows := c.Query(`SELECT p.state, i.captured, i.refunded FROM payment_intent i JOIN checkout_purchase p ON p.id=i.purchase_id WHERE i.method='swish' AND i.reference='` + x.Reference + `'`)
		if len(rows) != 1 {
			t.Errorf("%s: %d purchases", x.Reference, len(rows))
			continue
		}
		if got := rows[0]; (x.Status == "PAID") != (got[0] == "paid") || got[1] != strconv.FormatInt(x.Paid, 10) || got[2] != strconv.FormatInt(x.Refunded, 10) {
			t.Errorf("Swish has %+v, the shop %v", x, got)
		}
	}
}

// bySwish buys a mug; the tab ends at the page of the purchase. It returns the address
// that opens the app.
func bySwish(p *tab, mail string, scripts bool) string {
	p.t.Helper()
	add(p, scripts)
	p.follow("main a|Till kassan")
	orderBy(p, apptest.Buyer(mail), "swish")
	p.at("/purchases/")
	p.see("h1|Godkänn betalningen")
	to := p.attr("[data-open]", "href")
	if !strings.HasPrefix(to, "swish://paymentrequest?token=") {
		p.t.Fatalf("the app is opened by %q", to)
	}
	return to
}

// opened is the app on the buyer's phone.
func opened(app *tab, at, press string) {
	app.t.Helper()
	app.phone()
	app.visit(at)
	app.see("h1|Swish")
	app.follow("button|" + press)
}

// The app opens from the page, and leads back to it; the page left open turns by itself.
func swishPhone(t *testing.T, p, app *tab, sw *apptest.Swish) {
	mail := apptest.NewMail()
	p.phone()
	to := bySwish(p, mail, true)
	p.see("[data-open]|Öppna Swish")
	if w := p.words("[data-open]"); strings.Contains(w, "enhet") {
		t.Errorf("on a phone the button says %q", w)
	}
	opened(app, sw.AppFor(to), "Betala")
	app.follow("#back")
	number := paid(app)
	if other := paid(p); other != number {
		t.Errorf("order %s here, %s there", number, other)
	}
	receive(p, mail, number)
}

// The code is scanned; on a desk the page turns by itself. Its link shows the same
// purchase to who has nothing else.
func swishDesk(t *testing.T, p, app *tab, sw *apptest.Swish) {
	to := bySwish(p, apptest.NewMail(), true)
	p.see("[data-open]|Öppna Swish på den här enheten")
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	code := "D" + u.Query().Get("token")
	if _, path, err := ui.Square(code); err != nil || p.attr("main svg[role=img] path", "d") != path {
		t.Error("the code on the page is not the payment's")
	}
	p.see(".moment__app p|Skanna koden med Swish")
	p.click("summary|Fortsätt på en annan enhet")
	link := p.value("main input[readonly]")
	if !strings.HasSuffix(link, p.path()) {
		t.Errorf("the link is %s", link)
	}
	app.visit(link)
	app.see("[data-open]|Öppna Swish")
	opened(app, sw.Scan(code), "Betala")
	paid(p)
}

// On a desk the phone that has the app is called upon by its number, which is asked for
// when Swish is chosen, and on the phone itself never.
func swishCalled(t *testing.T, p, _ *tab, sw *apptest.Swish) {
	const field = `input[name="payer_phone"]`
	add(p, true)
	p.follow("main a|Till kassan")
	swish := `input[name="payment_method"][value="swish"]`
	p.click(swish)
	p.see(field)
	p.phone()
	p.not(field)
	p.size(1280, 900)
	p.see(field)
	p.click(`input[name="payment_method"][value="invoice"]`)
	p.not(field)
	p.click(swish)
	p.fill(field, "070-555 12 89")
	p.judge("checkout, a phone to call")
	orderBy(p, apptest.Buyer(apptest.NewMail()), "swish")
	p.at("/purchases/")
	p.see("h1|Godkänn betalningen")
	if w := p.words(".moment__say"); !strings.Contains(w, "telefonen med numret som slutar på 89") {
		t.Errorf("it says: %s", w)
	}
	p.not("[data-open]")
	for _, b := range sw.Books(t) {
		if b.Payer == "46705551289" {
			sw.Control(t, map[string]any{"act": map[string]string{"ref": b.ID, "do": "approve"}})
			paid(p)
			return
		}
	}
	t.Error("Swish was not asked to call")
}

// The page as it waits is looked at by itself: its buyer has three minutes, and judges
// may take longer.
func swishJudged(t *testing.T, p, q *tab, _ *apptest.Swish) {
	bySwish(p, apptest.NewMail(), true)
	p.click("summary|Fortsätt på en annan enhet")
	p.judge("purchase, an app")
	add(q, true)
	q.follow("main a|Till kassan")
	q.click(`input[name="payment_method"][value="swish"]`)
	q.fill(`input[name="payer_phone"]`, "070-555 12 91")
	orderBy(q, apptest.Buyer(apptest.NewMail()), "swish")
	q.see("h1|Godkänn betalningen")
	q.judge("purchase, a phone was called")
}

// Refused in words of its own; another way is one click away, with everything typed
// still there.
func swishRefused(t *testing.T, p, app *tab, sw *apptest.Swish) {
	mail := apptest.NewMail()
	to := bySwish(p, mail, true)
	opened(app, sw.AppFor(to), "Pengarna räcker inte")
	p.see("h1|Köpet blev inte av")
	if w := p.words("main"); !strings.Contains(w, "din gräns för Swish nådd") || !strings.Contains(w, "Inga pengar har dragits") {
		t.Errorf("it says: %s", w)
	}
	p.see("main a|Försök igen med Swish")
	p.judge("purchase, refused, ways beside")
	p.follow("main a|Betala med kort")
	if got := p.value(`input[name="payment_method"]:checked`); got != "card" {
		t.Errorf("chosen is %q", got)
	}
	if got := p.value(auto("email")); got != mail {
		t.Errorf("the checkout remembers %q", got)
	}
	order(p, apptest.Buyer(mail))
	pay(p, apptest.Good)
	paid(p)
}

// Without scripts the button is a plain link, and the page asks again by itself.
func swishPlain(t *testing.T, p, app *tab, sw *apptest.Swish) {
	p.phone()
	p.scriptsOff()
	to := bySwish(p, apptest.NewMail(), false)
	opened(app, sw.AppFor(to), "Betala")
	paid(p)
}

// Without a live line the page asks; back from elsewhere it asks at once.
func swishPolled(t *testing.T, p, app *tab, sw *apptest.Swish) {
	must(p, page.Enable, page.EnableParams{})
	must(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: "delete window.EventSource"})
	to := bySwish(p, apptest.NewMail(), true)
	if look[bool](p, `() => "EventSource" in window`) {
		t.Fatal("there is a live line")
	}
	opened(app, sw.AppFor(to), "Betala")
	paid(p)
}

// Another way is chosen while the app waits: Swish's payment ends, and the cart is
// bought once.
func swishChanged(t *testing.T, p, app *tab, sw *apptest.Swish) {
	mail := apptest.NewMail()
	to := bySwish(p, mail, true)
	p.follow("main a|Byt betalsätt")
	p.see("h1|Kassa")
	order(p, apptest.Buyer(mail))
	app.phone()
	app.visit(sw.AppFor(to))
	app.see("main|Här finns inget att godkänna")
	pay(p, apptest.Good)
	paid(p)
}

// A partner that does not answer is off the checkout, with the reason, and comes back
// by itself.
func swishDown(t *testing.T, s *apptest.Shop, sw *apptest.Swish) {
	c := s.As(t)
	k := c.ReadyCart(c.Variant(), 1)
	type methods struct {
		Items       []struct{ ID string }
		Unavailable []struct{ ID, Name, Message string }
	}
	offered := func() (m methods) {
		c.Want(c.Do("GET", apptest.API+"/carts/"+k.ID+"/payment-methods", nil), 200, &m)
		return
	}
	has := func(m methods) bool {
		return slices.ContainsFunc(m.Items, func(i struct{ ID string }) bool { return i.ID == "swish" })
	}
	if m := offered(); !has(m) || len(m.Unavailable) != 0 {
		t.Fatalf("before: %+v", m)
	}
	p := c.Buy(k, apptest.Wish{Method: "swish"}) // is asked about while it waits
	sw.Control(t, map[string]any{"fault": map[string]any{"Down": true}})
	c.Wait("Swish is off the checkout", 2*time.Minute, func() bool { return !has(offered()) })
	if m := offered(); len(m.Unavailable) != 1 || m.Unavailable[0].ID != "swish" || !strings.Contains(m.Unavailable[0].Message, "Swish svarar inte just nu") || len(m.Items) < 2 {
		t.Errorf("while it is down: %+v", m)
	}
	sw.Control(t, map[string]any{"fault": map[string]any{}})
	c.Wait("Swish is back", 2*time.Minute, func() bool { m := offered(); return has(m) && len(m.Unavailable) == 0 })
	u, err := url.Parse(p.Next.URL)
	if err != nil {
		t.Fatal(err)
	}
	sw.Control(t, map[string]any{"act": map[string]string{"ref": u.Query().Get("token"), "do": "decline"}})
	if p = c.Final(p.Token); p.State != "refused" {
		t.Errorf("what was begun before is %s", p.State)
	}
}

// Staff pay back; Swish takes its time, and the purchase says so when it is done.
func swishPaidBack(t *testing.T, s *apptest.Shop, sw *apptest.Swish) {
	c := s.As(t)
	p := c.Buy(c.ReadyCart(c.Variant(), 1), apptest.Wish{Method: "swish"})
	if p.Next == nil || p.Next.Type != "app" {
		t.Fatalf("%+v", p)
	}
	u, err := url.Parse(p.Next.URL)
	if err != nil {
		t.Fatal(err)
	}
	if p.Next.QR != "D"+u.Query().Get("token") {
		t.Errorf("the API's code is %q", p.Next.QR)
	}
	sw.Control(t, map[string]any{"act": map[string]string{"ref": u.Query().Get("token"), "do": "approve"}})
	p = c.Final(p.Token)
	if p.State != "paid" || p.Order == nil {
		t.Fatalf("%+v", p)
	}
	total := c.AdminPurchase(p.Token).Total
	a := c.Admin("POST", "/orders/"+p.Order.Number+"/refunds", map[string]any{"amount": total, "reason": "prov"})
	if a.Status != 202 {
		t.Fatal(a)
	}
	c.Until(p.Token, 2*time.Minute, func(p apptest.Purchase) bool { return p.MoneyMoved == "returned" })
}
