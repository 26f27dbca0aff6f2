package attack

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/shop/payment/paytest"
	"kassavalv/internal/shop/payment/paytest/klarnasim"
)

// Klarna's push is unsigned: it makes the shop ask, at most, and never believe.
var _ = apart("AC-016", func(t *testing.T, engine string) {
	k := klarnasim.New(t, klarnasim.Options{Silent: true})
	c := lone(t, apptest.Options{Engine: engine, Env: []string{"KASSAVALV_KLARNA_USERNAME=" + k.Username(), "KASSAVALV_KLARNA_PASSWORD=" + k.Password(), "KASSAVALV_KLARNA_BASE_URL=" + k.URL}})
	push := func(query, body string) apptest.Answer {
		t.Helper()
		return c.Do("POST", "/hooks/klarna?"+query, apptest.Raw([]byte(body)))
	}
	rows := func() string {
		return fmt.Sprint(c.Count(`SELECT count(*) FROM payment_event`), c.Count(`SELECT count(*) FROM payment_call`), c.Count(`SELECT count(*) FROM payment_intent`), c.Count(`SELECT count(*) FROM payment_entry`),
			c.Count(`SELECT count(*) FROM checkout_purchase`), c.Count(`SELECT count(*) FROM order_order`))
	}
	random := func() string {
		var b [16]byte
		rand.Read(b[:])
		return hex.EncodeToString(b[:])
	}
	begin := func() apptest.Purchase {
		t.Helper()
		p := c.Buy(c.ReadyCart(c.Variant(), 1), apptest.Wish{Method: "klarna"})
		return c.Until(p.Token, time.Minute, func(p apptest.Purchase) bool { return p.Next != nil })
	}
	act := func(p apptest.Purchase, what string) {
		t.Helper()
		if _, status := k.Act(p.Next.URL[strings.LastIndexByte(p.Next.URL, '/')+1:], what); status != 0 {
			t.Fatalf("%s: %d", what, status)
		}
	}
	// The newest payment's reference is what its push would carry.
	reference := func() string {
		t.Helper()
		r := c.Query(`SELECT reference FROM payment_intent WHERE method='klarna' ORDER BY id DESC LIMIT 1`)
		if len(r) != 1 {
			t.Fatal("no payment")
		}
		return r[0][0]
	}

	// What nobody knows is 404, asks nobody and leaves nothing: a hundred of them.
	before, calls := rows(), k.Calls()
	for range 100 {
		for _, a := range []apptest.Answer{push("order_id="+random(), ""), push("ref=KV"+strings.ToUpper(random()), `{"session":{"status":"COMPLETED"}}`), push("", `{"event_type":"FRAUD_RISK_ACCEPTED","order_id":"`+random()+`"}`)} {
			if a.Status != 404 {
				t.Fatalf("a stranger's push: %v", a)
			}
		}
	}
	for _, bad := range [][2]string{{"", ""}, {"", "{}"}, {"", "["}, {"ref=", `{"status":"captured"}`}, {"ref=%00", ""}, {"order_id=..%2f..%2fx", ""}, {"ref=" + strings.Repeat("A", 5000), ""}} {
		if a := push(bad[0], bad[1]); a.Status/100 != 4 {
			t.Errorf("%.40q: %v", bad, a)
		}
	}
	// The shop asks by itself now and then whether Klarna is up, and for its books; three
	// hundred pushes that were believed would be three hundred questions.
	if rows() != before || k.Calls()-calls > 50 {
		t.Errorf("strangers' pushes left something: %s, then %s; %d calls to Klarna", before, rows(), k.Calls()-calls)
	}

	// One that is rightful, as its twin: it is asked about, and becomes an order.
	good := begin()
	act(good, klarnasim.Accept)
	if a := push("ref="+reference(), ""); a.Status/100 != 2 {
		t.Errorf("a rightful push: %v", a)
	}
	if q := c.Final(good.Token); q.State != "placed" || q.MoneyMoved != "reserved" {
		t.Errorf("%+v", q)
	}
	other := k.Orders()[0].ID

	// A body that claims the money, and names another buyer's order, changes nothing.
	p := begin()
	ref := reference()
	for _, body := range []string{`{"status":"captured","amount":1}`, `{"session":{"status":"COMPLETED","order_id":"` + other + `"}}`, `{"order_id":"` + other + `"}`, "captured"} {
		if a := push("ref="+ref, body); a.Status/100 != 2 {
			t.Errorf("%s: %v", body, a)
		}
		if q := c.Purchase(p.Token); q.State != "awaiting_customer" || q.MoneyMoved != "no" {
			t.Errorf("%s: %+v", body, q)
		}
	}
	// Three hundred of them do not make the shop a hammer: it asks once a second at most,
	// and on its own account.
	calls = k.Calls()
	start := time.Now()
	for range 300 {
		if a := push("ref="+ref, ""); a.Status/100 != 2 {
			t.Fatal(a)
		}
	}
	if n, most := k.Calls()-calls, int(8*(time.Since(start).Seconds()+3)); n > most {
		t.Errorf("300 pushes made the shop ask Klarna %d times, more than %d", n, most)
	}

	// Approved for another sum than was bought: no order, and staff are told.
	k.Set(paytest.Fault{Amount: -100})
	act(p, klarnasim.Accept)
	push("ref="+ref, "")
	c.Wait("the wrong sum is told", time.Minute, func() bool { return c.AdminPurchase(p.Token).Alarm == "amount_mismatch" })
	if q := c.Purchase(p.Token); q.Order != nil || q.State == "placed" || q.State == "paid" {
		t.Errorf("a wrong sum: %+v", q)
	}
	k.Set(paytest.Fault{})
	if q := c.Final(p.Token); q.State != "placed" {
		t.Errorf("told truly again: %+v", q)
	}

	// Approved and cancelled at Klarna before the shop asked: no order.
	p = begin()
	ref = reference()
	act(p, klarnasim.Undo)
	push("ref="+ref, `{"session":{"status":"COMPLETED"}}`)
	if q := c.Final(p.Token); q.State != "refused" || q.MoneyMoved != "no" || q.Order != nil {
		t.Errorf("cancelled: %+v", q)
	}
	// Cancelled after it became an order: staff are told, and nothing is taken.
	k.CancelInPortal(other)
	if a := push("order_id="+other, ""); a.Status/100 != 2 {
		t.Errorf("%v", a)
	}
	c.Wait("the reservation's end is told", time.Minute, func() bool {
		push("order_id="+other, "")
		return c.AdminPurchase(good.Token).Alarm == "reservation_gone"
	})
	if n := c.Count(`SELECT count(*) FROM payment_entry e JOIN payment_intent i ON i.id=e.intent_id WHERE i.method='klarna'`); n != 0 {
		t.Errorf("%d movements of money nobody took", n)
	}
	for _, o := range k.Orders() {
		if o.Captured != 0 {
			t.Errorf("taken: %+v", o)
		}
	}
})
