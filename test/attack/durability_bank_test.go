package attack

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// Notifications are lost, for as long as one likes.
var _ = apart("AC-064", func(t *testing.T, engine string) {
	bank := apptest.StartBank(t)
	c := lone(t, apptest.Options{Engine: engine, Bank: bank.URL})
	v := c.Scarce(100)
	begin := func() (string, apptest.Purchase) {
		mail := apptest.NewMail()
		return mail, c.Buy(c.Complete(c.Cart(1, v).ID, apptest.Buyer(mail)), apptest.Wish{})
	}
	// Paid while the shop is gone: it comes back at other addresses, so that whatever
	// the bank still sends is lost.
	mails, ps := []string{}, []apptest.Purchase{}
	for range 3 {
		m, p := begin()
		mails, ps = append(mails, m), append(ps, p)
	}
	c.Kill()
	for _, p := range ps {
		c.Pay(p, apptest.Good)
	}
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	for i, p := range ps {
		paidWithin(c, p.Token, 30*time.Second)
		c.OneMail(mails[i])
	}
	// The bank does not answer at all: buyer, staff and the meters know that it is not known.
	m, p := begin()
	c.Pay(p, apptest.Silent)
	c.Faults(map[string]any{"down": true})
	q := c.Until(p.Token, 30*time.Second, func(p apptest.Purchase) bool { return p.State == "unknown" || p.Terminal() })
	if q.State != "unknown" || q.MoneyMoved != "unknown" || q.Reason != nil {
		t.Errorf("%+v", q)
	}
	for _, word := range []string{"nekad", "misslyck", "försök igen", "betala igen"} {
		if strings.Contains(strings.ToLower(q.Message), word) {
			t.Errorf("the buyer is told %q", q.Message)
		}
	}
	if a := c.Shop.Staff(c, "orders").Do("GET", "/admin/purchases?show=unknown", nil); a.Status != 200 || !strings.Contains(string(a.Body), "/admin/purchases/"+purchaseRow(c, p.Token)) {
		t.Errorf("staff's list of what is not known: %d", a.Status)
	}
	metrics := c.Do("GET", c.Ops+"/metrics", nil)
	if !strings.Contains(string(metrics.Body), `kassavalv_purchases_open{state="unknown"} 1`) {
		t.Error("the meters do not count it")
	}
	// A second purchase of the same cart is not possible meanwhile.
	if len(c.Mails(m)) != 0 {
		t.Error("a mail about what is not known")
	}
	c.Faults(nil)
	paidWithin(c, p.Token, 30*time.Second)
	c.OneMail(m)
	for _, w := range c.Books() {
		t.Error(w)
	}
	if metrics := c.Do("GET", c.Ops+"/metrics", nil); strings.Contains(string(metrics.Body), `kassavalv_purchases_open{state="unknown"} 1`) {
		t.Error("the meters count what is known now")
	}
})

// The bank is silent, breaks off, answers nonsense, asks to come later, is not there.
var _ = apart("AC-076", func(t *testing.T, engine string) {
	bank := apptest.StartBank(t)
	tap := apptest.NewTap(t, bank.URL)
	c := lone(t, apptest.Options{Engine: engine, Bank: tap.URL})
	v := c.Scarce(1000)
	var mu sync.Mutex
	type fault func(forward func() (int, []byte)) (int, []byte)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	silence := func() (int, []byte) {
		select {
		case <-time.After(30 * time.Second):
		case <-stop:
		}
		return 0, nil
	}
	faults := []struct {
		what string
		f    fault
	}{
		{"reset before", func(func() (int, []byte)) (int, []byte) { return 0, nil }},
		{"reset after", func(fwd func() (int, []byte)) (int, []byte) { fwd(); return 0, nil }},
		{"500 after", func(fwd func() (int, []byte)) (int, []byte) { fwd(); return 500, []byte(`{"code":"x"}`) }},
		{"502 page", func(fwd func() (int, []byte)) (int, []byte) { return 502, []byte(`<html>Bad gateway`) }},
		{"429", func(fwd func() (int, []byte)) (int, []byte) { return 429, []byte(`{"code":"slow_down"}`) }},
		{"half an answer", func(fwd func() (int, []byte)) (int, []byte) { s, b := fwd(); return s, b[:len(b)/2] }},
		{"silence after", func(fwd func() (int, []byte)) (int, []byte) { fwd(); return silence() }},
	}
	carts := make([]apptest.Cart, len(faults))
	for i := range faults {
		carts[i] = c.ReadyCart(v, int64(i+1))
	}
	hit := map[string]int{} // what met a fault already
	tokens := map[string]int{}
	tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		for i, k := range carts {
			mu.Lock()
			name := ""
			if x.Method == "POST" && x.Path == "/v1/payments" && byAmount(x.Body, k.Totals.Total.Amount) {
				name = fmt.Sprint("begin ", i)
			}
			for token, j := range tokens {
				if j == i && x.Method == "GET" && strings.Contains(x.Path, url.QueryEscape(token)) {
					name = fmt.Sprint("look ", i)
				}
			}
			first := name != "" && hit[name] == 0
			if name != "" {
				hit[name]++
			}
			mu.Unlock()
			if first {
				return faults[i].f(forward)
			}
		}
		return forward()
	})
	ps := make([]apptest.Purchase, len(faults))
	together(len(faults), func(i int) {
		a := c.Post(carts[i], apptest.Wish{Key: "k"})
		if a.Status != 202 || a.JSON(&ps[i]) != nil {
			t.Errorf("%s: %v", faults[i].what, a)
			return
		}
		if ps[i].Terminal() {
			t.Errorf("%s: the buyer is told %s", faults[i].what, ps[i].State)
		}
		var q apptest.Purchase
		if a = c.Post(carts[i], apptest.Wish{Key: "k"}); a.Status != 409 {
			c.Want(a, 202, &q)
			if q.Token != ps[i].Token {
				t.Errorf("%s: a second purchase", faults[i].what)
			}
		}
	})
	if t.Failed() {
		return
	}
	never := func(i int, p apptest.Purchase) {
		if p.State == "refused" || p.State == "expired" {
			t.Errorf("%s: the buyer is told %s (%s) while nobody knows", faults[i].what, p.State, p.Message)
		}
	}
	together(len(faults), func(i int) {
		ps[i] = c.Until(ps[i].Token, 60*time.Second, func(p apptest.Purchase) bool { never(i, p); return p.Next != nil || p.Terminal() })
	})
	for i, p := range ps {
		if n := len(c.Payments(p.Token)); n != 1 {
			t.Errorf("%s: %d payments at the bank", faults[i].what, n)
		}
		if hit[fmt.Sprint("begin ", i)] == 0 {
			t.Errorf("%s was not met", faults[i].what)
		}
	}
	if t.Failed() {
		return
	}
	// And the same once more when the buyer has paid.
	mu.Lock()
	for i, p := range ps {
		tokens[p.Token] = i
	}
	mu.Unlock()
	together(len(faults), func(i int) { c.Pay(ps[i], apptest.Silent) })
	together(len(faults), func(i int) {
		p := c.Until(ps[i].Token, 90*time.Second, func(p apptest.Purchase) bool { never(i, p); return p.Terminal() })
		if p.State != "paid" {
			t.Errorf("%s: %+v", faults[i].what, p)
		}
	})
	sameKeys(c, tap)
	// The bank cannot be reached at all, then it can.
	k := c.ReadyCart(v, 20)
	bank.Kill()
	var p apptest.Purchase
	c.Want(c.Post(k, apptest.Wish{Key: "borta"}), 202, &p)
	if p.Terminal() {
		t.Errorf("the bank is gone: %+v", p)
	}
	bank.Reopen(t)
	p = c.Until(p.Token, 60*time.Second, func(p apptest.Purchase) bool { return p.Next != nil || p.Terminal() })
	c.Pay(p, apptest.Good)
	paidWithin(c, p.Token, 40*time.Second)
	for _, w := range c.Books() {
		t.Error(w)
	}
})
