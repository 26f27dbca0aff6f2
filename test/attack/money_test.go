package attack

import (
	"encoding/json"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	bank "kassavalv/internal/demo/bank/wire"
)

// What the cases about money, stock and durability share.

// hookEvent is a notification as the bank would write it.
func hookEvent(id string, p apptest.Payment, state bank.State) bank.Event {
	e := bank.Event{ID: id, Type: "payment." + string(state), Created: time.Now().Unix(), Account: bank.Account,
		Data: bank.EventData{PaymentID: p.ID, Reference: p.Reference, Amount: p.Amount, Currency: p.Currency, State: state}}
	if state == bank.Captured {
		e.Data.Captured = p.Amount
	}
	return e
}

func hookBody(e bank.Event) []byte {
	b, _ := json.Marshal(e)
	return b
}

// hookPost sends a body to the shop's notification address; signature "" sends none.
func hookPost(c *apptest.Client, body []byte, signature string) apptest.Answer {
	c.T.Helper()
	var h []string
	if signature != "" {
		h = []string{bank.HeaderSignature, signature}
	}
	return c.Do("POST", "/hooks/card", apptest.Raw(body), h...)
}

// signedNow is a true signature.
func signedNow(body []byte) string { return bank.SignatureHeader(bank.Secret, time.Now(), body) }

// purchaseRow is the shop's own number of a purchase.
func purchaseRow(c *apptest.Client, token string) string {
	c.T.Helper()
	r := c.Query(`SELECT purchase_id FROM payment_intent WHERE reference=$1`, token)
	if len(r) != 1 {
		c.T.Fatalf("%d intents of one purchase", len(r))
	}
	return r[0][0]
}

// unpaidStill holds that a purchase is open, nothing was taken and nobody was told.
func unpaidStill(c *apptest.Client, p apptest.Purchase, mail string) {
	c.T.Helper()
	q := c.Purchase(p.Token)
	if q.Terminal() || q.Order != nil || q.MoneyMoved != "no" {
		c.T.Errorf("the unpaid purchase is %s, money %s, order %v", q.State, q.MoneyMoved, q.Order)
	}
	if a := c.AdminPurchase(p.Token); a.State == "paid" || a.Order != nil {
		c.T.Errorf("staff see %s", a.State)
	}
	if n := c.Count(`SELECT count(*) FROM payment_entry e JOIN payment_intent i ON i.id=e.intent_id WHERE i.reference=$1`, p.Token); n != 0 {
		c.T.Errorf("%d entries of money that nobody paid", n)
	}
	if ms := c.Mails(mail); len(ms) != 0 {
		c.T.Errorf("%d mails about an unpaid purchase: %s", len(ms), ms[0].Subject)
	}
}

// settled holds M1 for one purchase: the bank's books and the shop's agree, and what
// was taken has one order or went back.
func settled(c *apptest.Client, token string) {
	c.T.Helper()
	p := c.AdminPurchase(token)
	if !p.Terminal() {
		c.T.Errorf("the purchase is still %s", p.State)
		return
	}
	var captured, refunded int64
	n := 0
	for _, b := range c.Payments(token) {
		if b.Captured > 0 {
			n++
		}
		captured, refunded = captured+b.Captured, refunded+b.Refunded
	}
	switch {
	case n > 1:
		c.T.Errorf("the bank took money %d times", n)
	case p.Order != nil:
		o := c.AdminOrder(p.Order.Number)
		if o.Payment.Paid.Amount != captured || o.Payment.Refunded.Amount != refunded {
			c.T.Errorf("order %s: shop %d−%d, bank %d−%d", o.Number, o.Payment.Paid.Amount, o.Payment.Refunded.Amount, captured, refunded)
		}
		if o.Payment.Method == "card" && captured != o.Totals.ToPay.Amount {
			c.T.Errorf("the bank took %d, the order is %d", captured, o.Totals.ToPay.Amount)
		}
	case captured != refunded:
		c.T.Errorf("the bank took %d, gave back %d, and there is no order (%s)", captured, refunded, p.State)
	}
}

// wantStock holds S1 for one variant.
func wantStock(c *apptest.Client, v apptest.Variant, onHand, held, allocated int64) {
	c.T.Helper()
	want := apptest.Stock{OnHand: onHand, Held: held, Allocated: allocated, Available: onHand - held - allocated}
	if s := c.Stock(v.ID); s != want {
		c.T.Errorf("stock %+v, want %+v", s, want)
	}
}

// moneyCode has staff make a discount code; kind is "percent" or "amount", value as
// typed. It returns the address of its page.
func moneyCode(c *apptest.Client, code, kind, value string, more url.Values) string {
	c.T.Helper()
	staff := c.Shop.Staff(c, "catalogue")
	v := url.Values{"version": {"0"}, "code": {code}, "kind": {kind}, "value": {value}}
	for k, x := range more {
		v[k] = x
	}
	if a := staff.Form("/admin/codes/new", v); a.Status != 303 {
		c.T.Fatalf("staff could not make the code: %d %s", a.Status, a.Words())
	}
	r := c.Query(`SELECT id FROM pricing_code WHERE code=$1`, strings.ToUpper(code))
	if len(r) != 1 {
		c.T.Fatalf("%d codes %s", len(r), code)
	}
	return "/admin/codes/" + r[0][0]
}

// newWord is a code nobody else has.
func newWord(prefix string) string {
	return prefix + strings.ToUpper(strings.TrimSuffix(strings.TrimPrefix(apptest.NewMail(), "prov-"), "@example.se"))
}

// together runs the calls at the same moment and waits for all.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			fn(i)
		})
	}
	close(gate)
	wg.Wait()
}

// option finds a way of delivery by its kind.
func option(c *apptest.Client, cart, kind string) apptest.Option {
	c.T.Helper()
	for _, o := range c.Options(cart) {
		if o.Kind == kind {
			return o
		}
	}
	c.T.Fatalf("no delivery %s", kind)
	return apptest.Option{}
}

// pageCart gives the visitor's browser a cart with goods, and returns the checkout.
func pageCart(c *apptest.Client, v apptest.Variant, n int) apptest.Answer {
	c.T.Helper()
	if a := c.Form("/cart/lines", url.Values{"variant_id": {v.ID}, "quantity": {strconv.Itoa(n)}}); a.Status != 303 {
		c.T.Fatalf("add to cart: %d %s", a.Status, a.Words())
	}
	return c.Do("GET", "/checkout", nil)
}

// pageBuy fills the checkout in and sends it; change may alter what is sent.
func pageBuy(c *apptest.Client, page apptest.Answer, who apptest.Customer, change func(url.Values)) apptest.Answer {
	c.T.Helper()
	action, v := c.CheckoutForm(page, who)
	if change != nil {
		change(v)
	}
	return c.Form(action, v)
}

// lone starts a shop of a case's own.
func lone(t *testing.T, o apptest.Options) *apptest.Client {
	t.Helper()
	s := apptest.Start(t, o)
	return s.As(t)
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vatOf reads the sums of VAT of a document of the order room.
func vatOf(t testing.TB, text string) (out []int64) {
	t.Helper()
	var rows []map[string]any
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, r := range rows {
		for k, v := range r {
			if n, ok := v.(float64); ok && strings.Contains(strings.ToLower(k), "amount") {
				out = append(out, int64(n))
			}
		}
	}
	return
}

var passing = regexp.MustCompile(`[0-9A-Z]{8,}|[0-9a-f-]{12,}`)

// normal is an answer without what differs by nature: the text that was asked for
// and the answer's own number.
func normal(a apptest.Answer, asked string) string {
	s := strings.ReplaceAll(string(a.Body), asked, "?")
	return strconv.Itoa(a.Status) + passing.ReplaceAllString(s, "#")
}
