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

// byAmount picks the payments that a test means, before anybody knows their names.
func byAmount(body string, ore int64) bool {
	return strings.Contains(body, fmt.Sprintf(`"amount":%d,`, ore))
}

// paidWithin waits until a purchase is paid and its money agrees.
func paidWithin(c *apptest.Client, token string, atMost time.Duration) {
	c.T.Helper()
	p := c.Until(token, atMost, apptest.Purchase.Terminal)
	if p.State != "paid" {
		c.T.Errorf("the purchase ended %s: %s", p.State, p.Message)
	}
	settled(c, token)
}

// sameKeys holds that the shop used one idempotency key for each payment however often
// it tried, and that the bank made one payment of it.
func sameKeys(c *apptest.Client, tap *apptest.Tap) {
	c.T.Helper()
	keys := map[string]string{}
	for _, x := range tap.Calls() {
		if x.Method != "POST" || x.Path != "/v1/payments" {
			continue
		}
		if x.Key == "" {
			c.T.Error("a payment was asked for without a key")
		}
		if was, ok := keys[x.Body]; ok && was != x.Key {
			c.T.Errorf("another key for the same payment: %s, %s", was, x.Key)
		}
		keys[x.Body] = x.Key
	}
}

// The program is killed while a charge is under way: before the bank hears, between its
// act and its answer, and right after the answer; for payments, look-ups and refunds.
var _ = apart("AC-062", func(t *testing.T, engine string) {
	bank := apptest.StartBank(t)
	tap := apptest.NewTap(t, bank.URL)
	c := lone(t, apptest.Options{Engine: engine, Bank: tap.URL})
	v := c.Scarce(1000)
	ready := func(n int64) apptest.Cart { return c.ReadyCart(v, n) }
	begin := func(n int64, card string) (apptest.Cart, apptest.Purchase) {
		k := ready(n)
		p := c.Buy(k, apptest.Wish{})
		if card != "" {
			c.Pay(p, card)
		}
		return k, p
	}
	// Money that will go back when the program is gone.
	kRefund, pr1 := begin(11, apptest.Good)
	pr1 = c.Final(pr1.Token)
	_, pr2 := begin(12, apptest.Good)
	pr2 = c.Final(pr2.Token)
	_ = kRefund
	b1, b2 := c.Payment(pr1.Token), c.Payment(pr2.Token)
	// Carts that will be posted, and payments that will be looked up.
	kBefore, kDuring, kAfter, kAfter2 := ready(1), ready(2), ready(3), ready(9)
	_, pBefore := begin(4, "")
	_, pDuring := begin(5, "")

	var mu sync.Mutex
	held := map[string]bool{}
	release := make(chan struct{})
	all := make(chan struct{})
	hold := func(what string) {
		mu.Lock()
		if !held[what] {
			held[what] = true
			if len(held) == 6 {
				close(all)
			}
		}
		mu.Unlock()
		<-release
	}
	tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		post := x.Method == "POST" && x.Path == "/v1/payments"
		switch {
		case post && byAmount(x.Body, kBefore.Totals.Total.Amount):
			hold("payment, before")
			return 0, nil
		case post && byAmount(x.Body, kDuring.Totals.Total.Amount):
			forward()
			hold("payment, done but not told")
			return 0, nil
		case x.Method == "GET" && strings.Contains(x.Path, url.QueryEscape(pBefore.Token)):
			hold("look-up, before")
			return 0, nil
		case x.Method == "GET" && strings.Contains(x.Path, url.QueryEscape(pDuring.Token)):
			forward()
			hold("look-up, asked but not told")
			return 0, nil
		case x.Method == "POST" && x.Path == "/v1/payments/"+b1.ID+"/refunds":
			hold("refund, before")
			return 0, nil
		case x.Method == "POST" && x.Path == "/v1/payments/"+b2.ID+"/refunds":
			forward()
			hold("refund, done but not told")
			return 0, nil
		}
		return forward()
	})
	c.Pay(pBefore, apptest.Silent)
	c.Pay(pDuring, apptest.Silent)
	c.Want(refundOver(c, pr1.Order.Number, 100, ""), 202, nil)
	c.Want(refundOver(c, pr2.Order.Number, 200, ""), 202, nil)
	var wg sync.WaitGroup
	for _, k := range []apptest.Cart{kBefore, kDuring} {
		wg.Go(func() { c.TryPost(k, apptest.Wish{Key: "dog"}) })
	}
	select {
	case <-all:
	case <-time.After(60 * time.Second):
		t.Fatalf("only these were under way: %v", held)
	}
	c.Kill()
	close(release)
	wg.Wait()
	// What was acknowledged by nobody may be asked for again with the same key.
	// Right after the answer: the shop has been told and dies before it can write.
	tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		status, body := forward()
		if x.Method == "POST" && x.Path == "/v1/payments" && byAmount(x.Body, kAfter.Totals.Total.Amount) {
			go c.Kill()
		}
		return status, body
	})
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{"look-up, before": pBefore.Token, "look-up, during": pDuring.Token}
	again := func(what string, k apptest.Cart, key string) {
		t.Helper()
		var p apptest.Purchase
		c.Want(c.Post(k, apptest.Wish{Key: key}), 202, &p)
		p = c.Until(p.Token, 40*time.Second, func(p apptest.Purchase) bool { return p.Next != nil || p.Terminal() })
		if p.Terminal() {
			t.Fatalf("%s: %+v", what, p)
		}
		c.Payment(p.Token) // one
		c.Pay(p, apptest.Good)
		tokens[what] = p.Token
	}
	again("payment, before", kBefore, "dog")
	again("payment, during", kDuring, "dog")
	for what, token := range tokens {
		if p := c.Until(token, 40*time.Second, apptest.Purchase.Terminal); p.State != "paid" {
			t.Errorf("%s: %s", what, p.State)
		}
	}
	c.TryPost(kAfter, apptest.Wish{Key: "dog"})
	if err := apptest.Poll(20*time.Second, func() bool { return !c.Alive() }); err != nil {
		t.Fatal("the program outlived its death")
	}
	tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		status, body := forward()
		if p := tokens["after, paid"]; p != "" && strings.Contains(x.Path, url.QueryEscape(p)) {
			go c.Kill()
		}
		return status, body
	})
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	again("payment, after", kAfter, "dog")
	p := c.Buy(kAfter2, apptest.Wish{Key: "x"})
	tokens["after, paid"] = p.Token
	c.TryPay(p.Next.URL, apptest.Good) // its notification makes the shop ask, and die of the answer
	if err := apptest.Poll(30*time.Second, func() bool { return !c.Alive() }); err != nil {
		t.Fatal("the program outlived its death")
	}
	tap.Meddle(nil)
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	for what, token := range tokens {
		if p := c.Until(token, 40*time.Second, apptest.Purchase.Terminal); p.State != "paid" || p.Order == nil {
			t.Errorf("%s: %+v", what, p)
		}
	}
	c.Wait("the refunds are done, once", 40*time.Second, func() bool {
		return c.Payment(pr1.Token).Refunded == 100 && c.Payment(pr2.Token).Refunded == 200 &&
			c.AdminOrder(pr1.Order.Number).Payment.Refunded.Amount == 100 && c.AdminOrder(pr2.Order.Number).Payment.Refunded.Amount == 200
	})
	sameKeys(c, tap)
	for _, w := range c.Books() {
		t.Error(w)
	}
	wantStock(c, v, 1000, 0, 11+12+1+2+3+4+5+9)
})
