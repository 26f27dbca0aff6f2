package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/wiretest"
)

// wires are what can be wrong between shop and bank without a word being changed.
var wires = []struct {
	name  string
	way   wiretest.Way
	fault wiretest.Fault
}{
	{"the bank is slow", wiretest.Down, wiretest.Fault{Latency: 900 * time.Millisecond, Jitter: 600 * time.Millisecond}},
	{"the bank takes longer than anybody waits", wiretest.Down, wiretest.Fault{Latency: 20 * time.Second}},
	{"the bank's answers are lost", wiretest.Down, wiretest.Fault{Silent: true}},
	{"the bank hears nothing", wiretest.Up, wiretest.Fault{Silent: true}},
	{"the bank resets connections", wiretest.Down, wiretest.Fault{Reset: true}},
	{"the bank's answers break off", wiretest.Down, wiretest.Fault{Limit: 90}},
	{"the bank's answers trickle", wiretest.Down, wiretest.Fault{Rate: 1 << 10, Slice: 40, Pause: 60 * time.Millisecond}},
	{"the bank closes one half", wiretest.Down, wiretest.Fault{LateClose: 20 * time.Second}},
}

// taps are what can be wrong with the calls themselves.
var taps = []struct {
	name   string
	meddle apptest.Meddle
}{
	{"each call comes twice", func(c apptest.Call, forward func() (int, []byte)) (int, []byte) { forward(); return forward() }},
	{"the bank answers rubbish", func(c apptest.Call, forward func() (int, []byte)) (int, []byte) {
		forward()
		return 200, []byte("<html>Underhåll pågår")
	}},
	{"the bank has trouble of its own", func(c apptest.Call, forward func() (int, []byte)) (int, []byte) {
		forward()
		return 502, []byte("Bad Gateway")
	}},
	{"the bank acts and its answers are lost, half of them", func() apptest.Meddle {
		var n atomic.Int64
		return func(c apptest.Call, forward func() (int, []byte)) (int, []byte) {
			s, b := forward()
			if n.Add(1)%2 == 0 {
				return 0, nil
			}
			return s, b
		}
	}()},
}

// badBank goes through everything that can be wrong on the way to the bank, and then
// holds that all of it heals.
func (w *world) badBank() {
	try := func(name string) {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { w.buy(name) })
		}
		wg.Wait()
	}
	for _, f := range wires {
		before := w.away()
		w.line.Poison(f.way, f.fault)
		try(f.name)
		before(f.name)
		w.line.Clean()
	}
	before := w.away()
	w.line.Cut()
	try("the bank is gone")
	before("the bank is gone")
	w.line.Mend(w.TB)
	for _, f := range taps {
		w.tap.Meddle(f.meddle)
		try(f.name)
		w.tap.Meddle(nil)
	}
	w.heal()
	w.oneKey()
}

// away sends a buyer to the bank while all is well, whose card is never notified. He pays
// there during the fault; what it returns does that and holds what he is told then.
func (w *world) away() func(during string) {
	c, k, mail := w.ready()
	p := c.Buy(k, apptest.Wish{})
	p = c.Until(p.Token, patience, func(p apptest.Purchase) bool { return p.Next != nil })
	w.mu.Lock()
	w.sold++
	w.mu.Unlock()
	return func(during string) {
		c.Pay(p, apptest.Silent)
		if q := c.Purchase(p.Token); q.State != "paid" { // slow is not silent: the shop may know already
			w.honest(during, q)
		}
		w.mu.Lock()
		w.all = append(w.all, try{during, mail, p.Token})
		w.mu.Unlock()
	}
}

// oneKey holds that each payment was asked for with one idempotency key, however often.
func (w *world) oneKey() {
	keys := map[string]string{}
	for _, x := range w.tap.Calls() {
		if x.Method != "POST" || x.Path != "/v1/payments" {
			continue
		}
		var b struct {
			Reference string `json:"reference"`
		}
		json.Unmarshal([]byte(x.Body), &b)
		if was, ok := keys[b.Reference]; x.Key == "" || ok && was != x.Key {
			w.Errorf("another key for the same payment: %q, %q", was, x.Key)
		}
		keys[b.Reference] = x.Key
	}
}

// unhurried holds that a purchase is answered while the bank still thinks: the answer is
// there before the shop has given the call up. Three tries, because a machine may stop
// for seconds.
func (w *world) unhurried() {
	for range 3 {
		c, k, mail := w.ready()
		release := make(chan struct{})
		givenUp := make(chan struct{})
		var once sync.Once
		w.tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
			if x.Method != "POST" || x.Path != "/v1/payments" {
				return forward()
			}
			once.Do(func() {
				select {
				case <-release:
				case <-x.Gone:
					close(givenUp)
				}
			})
			return forward()
		})
		a, err := c.TryPost(k, apptest.Wish{})
		waited := false
		select {
		case <-givenUp: // before the answer, or so near to it that the tap learns of it now
			waited = true
		case <-time.After(time.Second):
		}
		close(release)
		w.tap.Meddle(nil)
		w.taken(c, "the bank thinks", mail, a, err)
		if !waited {
			w.heal()
			return
		}
	}
	w.Errorf("three purchases were answered only after the shop had given up its call to the bank")
}

// late has the first call that makes a payment arrive after the second, which the shop
// makes because it knows nothing of the first.
func (w *world) late() {
	c, k, mail := w.ready()
	second := make(chan struct{})
	arrived := make(chan struct{})
	var mu sync.Mutex
	posts, looked, asks := 0, false, ""
	w.tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		mu.Lock()
		defer mu.Unlock()
		if x.Method != "POST" || x.Path != "/v1/payments" {
			looked = looked || posts > 0 && x.Method == "GET" && x.Path == asks // not whether the bank is there at all, which the shop asks too
			return forward()
		}
		switch {
		case posts == 0:
			asks = "/v1/payments?reference=" + url.QueryEscape(referenceOf(x.Body))
			go func() {
				defer close(arrived)
				<-second
				forward()
			}()
		case looked && posts > 0: // it has asked, and nobody knew of the first
			posts = -1
			s, b := forward()
			close(second)
			return s, b
		case posts < 0:
			return forward()
		}
		posts++ // the first, and what HTTP itself tries again on a broken connection
		return 0, nil
	})
	a, err := c.TryPost(k, apptest.Wish{})
	w.taken(c, "a call comes late", mail, a, err)
	select {
	case <-arrived:
	case <-time.After(patience):
		w.Fatalf("the shop did not ask again")
	}
	w.tap.Meddle(nil)
	if len(w.all) > 0 {
		if b := c.Payments(w.all[len(w.all)-1].token); len(b) != 1 {
			w.Fatalf("a call that came late made %d payments of one purchase", len(b))
		}
	}
	w.heal()
	w.oneKey()
}

// referenceOf is the purchase that a call makes a payment of.
func referenceOf(body string) string {
	var p struct{ Reference string }
	json.Unmarshal([]byte(body), &p) // what is none asks for nothing
	return p.Reference
}

// wrongSum has the bank tell of another sum than was frozen.
func (w *world) wrongSum() {
	c, k, mail := w.ready()
	p := c.Buy(k, apptest.Wish{})
	p = c.Until(p.Token, patience, func(p apptest.Purchase) bool { return p.Next != nil })
	ore := fmt.Sprint(k.Totals.ToPay.Amount)
	asked := make(chan struct{})
	var once sync.Once
	w.tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		s, b := forward()
		if x.Method == "GET" && strings.Contains(x.Path, url.QueryEscape(p.Token)) && bytes.Contains(b, []byte(`"captured":`+ore)) {
			for _, word := range []string{"amount", "captured"} {
				b = bytes.ReplaceAll(b, []byte(`"`+word+`":`+ore), []byte(`"`+word+`":100`))
			}
			defer once.Do(func() { close(asked) })
		}
		return s, b
	})
	c.Pay(p, apptest.Good)
	select {
	case <-asked:
	case <-time.After(patience):
		w.Fatalf("the shop did not ask")
	}
	w.sold++
	p = c.Until(p.Token, patience, func(p apptest.Purchase) bool { return p.State != "awaiting_customer" })
	if p.State != "unknown" || p.Order != nil {
		w.Errorf("a wrong sum was believed: the purchase is %s, money %s", p.State, p.MoneyMoved)
	}
	w.tap.Meddle(nil)
	w.all = append(w.all, try{"a wrong sum", mail, p.Token})
	w.heal()
}

// afterEnd has the bank agree to a cancellation and take the money all the same.
func (w *world) afterEnd() {
	c, k, _ := w.ready()
	p := c.Buy(k, apptest.Wish{})
	p = c.Until(p.Token, patience, func(p apptest.Purchase) bool { return p.Next != nil })
	w.sold++
	b := c.Payment(p.Token)
	w.tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		if x.Method == "POST" && strings.HasSuffix(x.Path, "/cancel") {
			return 200, fmt.Appendf(nil, `{"id":%q,"reference":%q,"amount":%d,"currency":"SEK","state":"cancelled","captured":0,"refunded":0}`, b.ID, b.Reference, b.Amount)
		}
		return forward()
	})
	c.Form("/purchases/"+p.Token+"/cancel", nil)
	if q := c.Final(p.Token); q.State != "refused" {
		w.Fatalf("cancelled at the bank, and the purchase is %s", q.State)
	}
	w.tap.Meddle(nil)
	c.Pay(p, apptest.Good)
	// The merchant's rule decides whether it becomes an order or goes back.
	over := func() bool {
		q, b := c.Purchase(p.Token), c.Payment(p.Token)
		return b.Captured > 0 && (q.Order != nil || b.Refunded == b.Captured && q.MoneyMoved == "returned")
	}
	if apptest.Poll(w.enough(), over) != nil {
		b := c.Payment(p.Token)
		w.Errorf("money that came after the end is neither an order nor back: the bank took %d and returned %d", b.Captured, b.Refunded)
	}
	for _, wrong := range c.Books() {
		w.Error(wrong)
	}
}

// enough is patience, and little of it with a program that is broken on purpose.
func (w *world) enough() time.Duration {
	if w.hurry {
		return 10 * time.Second
	}
	return patience
}
