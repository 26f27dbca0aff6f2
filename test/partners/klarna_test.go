package partners

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/shop/payment/paytest/klarnasim"
)

// patience is how long the program may take for what its workers do by themselves.
const patience = 60 * time.Second

// lender is a demo that takes Klarna, and Klarna.
type lender struct {
	*apptest.Client
	k *klarnasim.Sim
}

func startLender(t *testing.T, engine string, env ...string) *lender {
	return startLenderOf(t, apptest.Options{Engine: engine, Env: env})
}

func startLenderOf(t *testing.T, o apptest.Options) *lender {
	k := klarnasim.New(t, klarnasim.Options{})
	o.Env = append(o.Env, "KASSAVALV_KLARNA_USERNAME="+k.Username(), "KASSAVALV_KLARNA_PASSWORD="+k.Password(), "KASSAVALV_KLARNA_BASE_URL="+k.URL)
	return &lender{apptest.Start(t, o).As(t), k}
}

// begin posts a purchase of n pieces of each variant and waits until it leads to Klarna.
func (w *lender) begin(mail string, n int64, vs ...apptest.Variant) apptest.Purchase {
	w.T.Helper()
	p := w.Buy(w.Complete(w.Cart(n, vs...).ID, apptest.Buyer(mail)), apptest.Wish{Method: "klarna"})
	return w.Until(p.Token, patience, func(p apptest.Purchase) bool { return p.Next != nil || p.Terminal() })
}

var formAction = regexp.MustCompile(`action="([^"]+)"`)

// at does what a buyer does at Klarna: opens the page, presses a button, and follows the
// way back to the shop. It returns the page that stands there then.
func (w *lender) at(p apptest.Purchase, button string) apptest.Answer {
	w.T.Helper()
	if p.Next == nil || p.Next.Type != "redirect" {
		w.T.Fatalf("leads nowhere: %+v", p)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(p.Next.URL)
	if err != nil {
		w.T.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	m := formAction.FindStringSubmatch(string(b))
	if m == nil {
		w.T.Fatalf("no form at Klarna: %d %.200s", res.StatusCode, b)
	}
	base, _ := url.Parse(p.Next.URL)
	to, _ := base.Parse(m[1])
	if res, err = client.PostForm(to.String(), url.Values{"act": {button}}); err != nil {
		w.T.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		w.T.Fatalf("Klarna answers %d", res.StatusCode)
	}
	back := w.Do("GET", res.Header.Get("Location"), nil)
	if back.Status != http.StatusSeeOther {
		w.T.Fatalf("the way back: %v", back)
	}
	return w.Do("GET", back.Location(), nil)
}

// approved is a purchase that became an order; number is the order's.
func (w *lender) approved(mail string, n int64, vs ...apptest.Variant) (apptest.Purchase, string) {
	w.T.Helper()
	p := w.begin(mail, n, vs...)
	w.at(p, klarnasim.Accept)
	if p = w.Final(p.Token); p.State != "placed" || p.MoneyMoved != "reserved" || p.Order == nil {
		w.T.Fatalf("%+v", p)
	}
	return p, p.Order.Number
}

// order is Klarna's of a purchase.
func (w *lender) order(p apptest.Purchase) klarnasim.Order {
	w.T.Helper()
	ref := w.Query(`SELECT i.reference FROM payment_intent i JOIN order_order o ON o.purchase_id=i.purchase_id WHERE o.number=` + p.Order.Number)
	for _, o := range w.k.Orders() {
		if len(ref) == 1 && o.Reference == ref[0][0] {
			return o
		}
	}
	w.T.Fatalf("Klarna has no order of %v", ref)
	return klarnasim.Order{}
}

// agree holds the program's ledger against Klarna's books.
func (w *lender) agree() {
	w.T.Helper()
	for _, o := range w.k.Orders() {
		rows := w.Query(`SELECT COALESCE(sum(CASE WHEN e.kind='capture' THEN e.amount ELSE 0 END),0), COALESCE(sum(CASE WHEN e.kind='refund' THEN e.amount ELSE 0 END),0)
			FROM payment_intent i LEFT JOIN payment_entry e ON e.intent_id=i.id WHERE i.reference='` + o.Reference + `'`)
		if got, want := strings.Join(rows[0], " "), strconv.FormatInt(o.Captured, 10)+" "+strconv.FormatInt(o.Refunded, 10); got != want {
			w.T.Errorf("%s: the ledger has taken and paid back %s, Klarna %s", o.Reference, got, want)
		}
	}
}

var claims = regexp.MustCompile(`(?i)(\S+\s+)?betal(t|d|at)\b`)

// honest finds a claim that money was paid in a text about a purchase of which none was.
func (w *lender) honest(what, s string) {
	w.T.Helper()
	for _, m := range claims.FindAllString(s, -1) {
		if l := strings.ToLower(m); !strings.HasPrefix(l, "inte ") && !strings.HasPrefix(l, "ej ") {
			w.T.Errorf("%s claims %q:\n%s", what, m, s)
		}
	}
}

func (w *lender) ship(number string, lines ...map[string]any) {
	w.T.Helper()
	w.Want(w.Admin("POST", "/orders/"+number+"/shipments", map[string]any{"lines": lines}), 201, nil)
}

func (w *lender) until(what string, ok func() bool) { w.T.Helper(); w.Wait(what, patience, ok) }

// Klarna, through the whole program: one shop an engine, one thing after the other.
func TestKlarna(t *testing.T) {
	for _, e := range apptest.Engines {
		t.Run(e, func(t *testing.T) {
			t.Parallel()
			w := startLender(t, e)
			for _, c := range []struct {
				name string
				run  func(t *testing.T, w *lender)
			}{{"from end to end", klarnaFromEndToEnd}, {"lets go", klarnaLetsGo}, {"killed during a capture", klarnaKilledDuringACapture}} {
				t.Run(c.name, func(t *testing.T) { c.run(t, &lender{w.With(t), w.k}) })
			}
		})
	}
}

// A purchase from the button to the last krona: approved, sent in two parcels, paid back.
func klarnaFromEndToEnd(t *testing.T, w *lender) {
	mail := apptest.NewMail()
	p := w.begin(mail, 1, w.Variant(), w.Variant())
	page := w.at(p, klarnasim.Accept)
	p = w.Final(p.Token)
	if p.State != "placed" || p.MoneyMoved != "reserved" {
		t.Fatalf("%+v", p)
	}
	const says = "Klarna har godkänt köpet. Pengarna dras när varorna skickas."
	for what, s := range map[string]string{"the page": page.Words(), "the page, later": w.Do("GET", "/purchases/"+p.Token, nil).Words(), "the API": p.Message} {
		if !strings.Contains(s, says) {
			t.Errorf("%s: %s", what, s)
		}
		w.honest(what, s)
	}
	shown := w.Do("GET", "/orders/"+p.Order.Token, nil).Words()
	if !strings.Contains(shown, "Kvar att betala") || !strings.Contains(shown, "Orderbekräftelse") || strings.Contains(shown, "Kvitto") {
		t.Errorf("the order's page: %s", shown)
	}
	w.honest("the order's page", shown)
	letter := w.OneMail(mail)
	if !strings.Contains(letter.Subject, "Orderbekräftelse") || strings.Contains(letter.Subject, "kvitto") || !strings.Contains(letter.Text, "dras när varorna skickas") {
		t.Errorf("%s\n%s", letter.Subject, letter.Text)
	}
	before, _, _ := strings.Cut(letter.Text, "Ångerrätt")
	w.honest("the letter", before)

	// One of two lines leaves: its worth and the delivery are taken.
	o := w.AdminOrder(p.Order.Number)
	total := o.Totals.Total.Amount
	w.ship(p.Order.Number, map[string]any{"line_id": o.Lines[0].ID, "quantity": 1})
	w.until("the first part is taken", func() bool { return w.order(p).Captures == 1 && w.AdminOrder(p.Order.Number).Payment.Paid.Amount > 0 })
	k := w.order(p)
	if k.Status != "PART_CAPTURED" || k.Captured <= 0 || k.Captured >= total || w.AdminOrder(p.Order.Number).Payment.Paid.Amount != k.Captured {
		t.Errorf("%+v of %d", k, total)
	}
	w.honest("the purchase's page", w.Do("GET", "/purchases/"+p.Token, nil).Words())
	// The rest.
	w.ship(p.Order.Number)
	w.until("all is taken", func() bool { return w.AdminOrder(p.Order.Number).Payment.Paid.Amount == total })
	if k = w.order(p); k.Status != "CAPTURED" || k.Captured != total || k.Captures != 2 {
		t.Errorf("%+v of %d", k, total)
	}
	w.until("the receipt comes", func() bool {
		for _, m := range w.Mails(mail) {
			if strings.Contains(m.Subject, "Kvitto") && strings.Contains(m.Text, "Du har betalat") {
				return true
			}
		}
		return false
	})
	if s := w.Do("GET", "/orders/"+p.Order.Token, nil).Words(); !strings.Contains(s, "Kvitto") || strings.Contains(s, "Kvar att betala") {
		t.Errorf("the order's page when all is paid: %s", s)
	}
	// And back.
	w.Want(w.Admin("POST", "/orders/"+p.Order.Number+"/refunds", map[string]any{"amount": apptest.SEK(total), "reason": "ångrat"}), 202, nil)
	w.until("the money is back", func() bool {
		return w.order(p).Refunded == total && w.AdminOrder(p.Order.Number).Payment.Refunded.Amount == total
	})
	w.until("the purchase says so", func() bool { return w.Purchase(p.Token).MoneyMoved == "returned" })
	w.agree()
	// The office shows it.
	w.SignIn("owner")
	office := w.Do("GET", "/admin/orders/"+p.Order.Number, nil).Words()
	if !strings.Contains(office, "Pengar som har dragits av det reserverade") {
		t.Errorf("the office: %s", office)
	}
}

// A cancelled order lets all of it go, a declined buyer owes nothing, and who leaves may
// come again.
func klarnaLetsGo(t *testing.T, w *lender) {
	p, number := w.approved(apptest.NewMail(), 1, w.Variant())
	w.Want(w.Admin("POST", "/orders/"+number+"/cancel", map[string]any{"reason": "prov"}), 200, nil)
	w.until("it is let go", func() bool { return w.order(p).Status == "CANCELLED" && w.Purchase(p.Token).MoneyMoved == "no" })
	w.honest("the purchase's page", w.Do("GET", "/purchases/"+p.Token, nil).Words())
	w.honest("the order's page", w.Do("GET", "/orders/"+p.Order.Token, nil).Words())

	for button, reason := range map[string]string{klarnasim.Decline: "declined", klarnasim.Leave: "cancelled"} {
		p := w.begin(apptest.NewMail(), 1, w.Variant())
		page := w.at(p, button)
		if p = w.Final(p.Token); p.State != "refused" || p.Reason == nil || *p.Reason != reason || p.MoneyMoved != "no" {
			t.Errorf("%s: %+v", button, p)
		}
		w.honest(button, page.Words())
		if page.Status != 200 || !strings.Contains(page.Words(), "Inga pengar har dragits") {
			t.Errorf("%s: %s", button, page.Words())
		}
	}
	// Back is not away: the purchase waits, and can still be approved.
	p = w.begin(apptest.NewMail(), 1, w.Variant())
	w.at(p, klarnasim.Back)
	if q := w.Purchase(p.Token); q.State != "awaiting_customer" || q.Next == nil {
		t.Errorf("%+v", q)
	}
	w.at(p, klarnasim.Accept)
	if q := w.Final(p.Token); q.State != "placed" {
		t.Errorf("%+v", q)
	}
	w.agree()
}

// The program is killed after Klarna has taken the money and before anybody was told: the
// money is taken once, and the program learns of it when it is there again.
func klarnaKilledDuringACapture(t *testing.T, w *lender) {
	p, number := w.approved(apptest.NewMail(), 2, w.Variant())
	w.k.AfterCapture(w.Shop.Kill)
	w.ship(number)
	w.until("the program is killed", func() bool { return !w.Alive() })
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	w.Client = w.Shop.As(t)
	total := w.AdminOrder(number).Totals.Total.Amount
	w.until("the capture is known", func() bool { return w.AdminOrder(number).Payment.Paid.Amount == total })
	if k := w.order(p); k.Captures != 1 || k.Captured != total || k.Status != "CAPTURED" {
		t.Errorf("%+v of %d", k, total)
	}
	w.agree()
}
