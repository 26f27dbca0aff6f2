package attack

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	bank "kassavalv/internal/demo/bank/wire"
)

// Unsigned and wrongly signed notifications change nothing; a true one pays.
var _ = attack("AC-001", func(t *testing.T, c *apptest.Client) {
	v, mail := c.Variant(), apptest.NewMail()
	p := c.Buy(c.Complete(c.Cart(1, v).ID, apptest.Buyer(mail)), apptest.Wish{})
	b := c.Payment(p.Token)
	body := hookBody(hookEvent("evt-"+b.ID, b, bank.Captured))
	now := time.Now().Unix()
	for what, sig := range map[string]string{
		"none":            "",
		"empty secret":    bank.SignatureHeader("", time.Now(), body),
		"known secret":    bank.SignatureHeader("whsec_test", time.Now(), body),
		"the bearer":      bank.SignatureHeader(bank.Bearer(), time.Now(), body),
		"no v1":           fmt.Sprintf("t=%d", now),
		"empty v1":        fmt.Sprintf("t=%d,v1=", now),
		"other body":      bank.SignatureHeader(bank.Secret, time.Now(), append(bytes.Clone(body), ' ')),
		"other time":      fmt.Sprintf("t=%d,v1=%s", now-1, bank.Signature(bank.Secret, now, body)),
		"zeroes":          fmt.Sprintf("t=%d,v1=%s", now, strings.Repeat("0", 64)),
		"five v1":         fmt.Sprintf("t=%d,v1=a,v1=b,v1=c,v1=d,v1=%s", now, bank.Signature(bank.Secret, now, body)),
		"other scheme":    fmt.Sprintf("t=%d,v0=%s", now, bank.Signature(bank.Secret, now, body)),
		"cut signature":   fmt.Sprintf("t=%d,v1=%s", now, bank.Signature(bank.Secret, now, body)[:32]),
		"not hexadecimal": fmt.Sprintf("t=%d,v1=%s", now, strings.Repeat("z", 64)),
	} {
		if a := hookPost(c, body, sig); a.Status/100 != 4 {
			t.Errorf("%s: %v", what, a)
		}
	}
	for _, r := range c.Notify(b.ID, map[string]any{"unsigned": true, "override": map[string]any{"state": "captured"}}).Results {
		if r.Status/100 != 4 {
			t.Errorf("the bank's unsigned notification: %+v", r)
		}
	}
	// No other way to pay has an address that could be called.
	for _, m := range []string{"invoice", "sandbox", "stripe", "swish", "klarna", ""} {
		if a := c.Do("POST", "/hooks/"+m, apptest.Raw(body), bank.HeaderSignature, signedNow(body)); a.Status != 404 && a.Status != 405 {
			t.Errorf("/hooks/%s: %v", m, a)
		}
	}
	unpaidStill(c, p, mail)

	c.Pay(p, apptest.Silent) // the bank says nothing by itself
	for _, r := range c.Notify(b.ID, nil).Results {
		if r.Status/100 != 2 {
			t.Errorf("the true notification: %+v", r)
		}
	}
	if q := c.Final(p.Token); q.State != "paid" {
		t.Errorf("after the true notification: %s", q.State)
	}
	c.OneMail(mail)
	settled(c, p.Token)
})

// A payment that is real, but of another amount, pays no order: neither one that
// somebody made with our reference, nor ours when the bank says that it took less, or
// another currency.
var _ = apart("AC-004", func(t *testing.T, engine string) {
	own := apptest.StartBank(t)
	tap := apptest.NewTap(t, own.URL)
	c := lone(t, apptest.Options{Engine: engine, Bank: tap.URL})
	v := c.Scarce(100)
	type wrong struct {
		what, mail string
		p          apptest.Purchase
		lie        func(body string, total int64) string
	}
	sum := func(name string, total int64) string { return fmt.Sprintf(`"%s":%d`, name, total) }
	cases := []*wrong{
		{what: "1.00 instead of the sum", lie: func(b string, n int64) string {
			return strings.NewReplacer(sum("amount", n), sum("amount", 100), sum("captured", n), sum("captured", 100)).Replace(b)
		}},
		{what: "only a part taken", lie: func(b string, n int64) string { return strings.ReplaceAll(b, sum("captured", n), sum("captured", n-1)) }},
		{what: "more than the sum", lie: func(b string, n int64) string {
			return strings.NewReplacer(sum("amount", n), sum("amount", n+1), sum("captured", n), sum("captured", n+1)).Replace(b)
		}},
		{what: "another currency", lie: func(b string, _ int64) string { return strings.ReplaceAll(b, `"currency":"SEK"`, `"currency":"JPY"`) }},
		{what: "another reference", lie: func(b string, _ int64) string {
			return regexp.MustCompile(`"reference":"[^"]*"`).ReplaceAllString(b, `"reference":"somebody-elses"`)
		}},
	}
	for _, x := range cases {
		x.mail = apptest.NewMail()
		x.p = c.Buy(c.Complete(c.Cart(1, v).ID, apptest.Buyer(x.mail)), apptest.Wish{})
	}
	total := c.Payment(cases[0].p.Token).Amount
	tap.Meddle(func(x apptest.Call, forward func() (int, []byte)) (int, []byte) {
		status, body := forward()
		for _, w := range cases {
			if x.Method == "GET" && strings.Contains(x.Path, url.QueryEscape(w.p.Token)) {
				return status, []byte(w.lie(string(body), total))
			}
		}
		return status, body
	})
	// First lies about a payment that is not paid at all.
	first := cases[0]
	for _, o := range []map[string]any{{"state": "captured", "amount": 100}, {"state": "captured", "currency": "EUR"}, {"state": "captured"}, {"state": "captured", "amount": -1}} {
		for _, r := range c.Notify(c.Payment(first.p.Token).ID, map[string]any{"override": o}).Results {
			if r.Status >= 500 {
				t.Errorf("%v: %+v", o, r)
			}
		}
	}
	unpaidStill(c, first.p, first.mail)
	// Then somebody really pays 1.00 with another purchase as its reference.
	foreign := &wrong{what: "another payment with our reference", mail: apptest.NewMail()}
	foreign.p = c.Buy(c.Complete(c.Cart(1, v).ID, apptest.Buyer(foreign.mail)), apptest.Wish{})
	body := map[string]any{"reference": foreign.p.Token, "amount": 100, "currency": "SEK", "return_url": c.Shop.Shop + "/", "notify_url": c.Shop.Shop + "/hooks/card", "notify_ca": caOf(c)}
	var w bank.Payment
	c.Want(c.Do("POST", own.URL+"/v1/payments", body, "Authorization", "Bearer "+bank.Bearer(), "Idempotency-Key", "kv-foreign"), 201, &w)
	if _, err := c.TryPay(w.PayURL, apptest.Good); err != nil {
		t.Fatal(err)
	}
	for _, x := range cases {
		c.Pay(x.p, apptest.Good)
	}
	for _, x := range append(cases, foreign) {
		var q apptest.Purchase
		if err := apptest.Poll(30*time.Second, func() bool { q = c.AdminPurchase(x.p.Token); return q.Alarm != "" || q.Terminal() }); err != nil {
			t.Errorf("%s: staff are not told", x.what)
			continue
		}
		if q.Alarm != "amount_mismatch" || q.Terminal() || q.Order != nil {
			t.Errorf("%s: %+v", x.what, q)
		}
		if u := c.Purchase(x.p.Token); u.Terminal() || u.Order != nil {
			t.Errorf("%s: the buyer sees %s", x.what, u.State)
		}
		if n := c.Count(`SELECT count(*) FROM audit_entry WHERE action='purchase.alarm' AND entity_id=$1`, mustID(t, purchaseRow(c, x.p.Token))); n != 1 {
			t.Errorf("%s: %d audit entries", x.what, n)
		}
		if ms := c.Mails(x.mail); len(ms) != 0 {
			t.Errorf("%s: a mail was sent: %s", x.what, ms[0].Subject)
		}
		staff := c.Shop.Staff(c, "orders")
		if a := staff.Do("GET", "/admin/purchases?show=alarm", nil); a.Status != 200 || !strings.Contains(string(a.Body), purchaseRow(c, x.p.Token)) {
			t.Errorf("%s: the list of what staff must look at: %d", x.what, a.Status)
		}
	}
	wantStock(c, v, 100, int64(len(cases))+1, 0)

	// The twin: the right sum pays, and when the bank tells the truth of the others, they
	// are paid too.
	twin, o := c.Paid(v, 1)
	if o.Payment.Paid != o.Totals.ToPay {
		t.Errorf("the right amount: %+v", o.Payment)
	}
	settled(c, twin.Token)
	tap.Meddle(nil)
	for _, x := range cases {
		paidWithin(c, x.p.Token, 30*time.Second)
	}
	wantStock(c, v, 100, 1, int64(len(cases))+1)
})

func caOf(c *apptest.Client) string { return string(readFile(c.T, c.CA)) }

func mustID(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The same event ten times, and ten events about the same payment, pay once.
var _ = attack("AC-007", func(t *testing.T, c *apptest.Client) {
	v, mail := c.Variant(), apptest.NewMail()
	p := c.Buy(c.Complete(c.Cart(2, v).ID, apptest.Buyer(mail)), apptest.Wish{})
	b := c.Payment(p.Token)
	c.Pay(p, apptest.Silent)
	for _, body := range []any{map[string]any{"times": 10}, nil, nil, map[string]any{"times": 10}} {
		for _, r := range c.Notify(b.ID, body).Results {
			if r.Status/100 != 2 {
				t.Errorf("%+v", r)
			}
		}
	}
	q := c.Final(p.Token)
	if q.State != "paid" || q.Order == nil {
		t.Fatalf("%+v", q)
	}
	o := c.Order(q.Order.Token)
	if o.Payment.Paid != o.Totals.ToPay {
		t.Errorf("%+v", o.Payment)
	}
	if n := c.Count(`SELECT count(*) FROM payment_entry e JOIN payment_intent i ON i.id=e.intent_id WHERE i.reference=$1`, p.Token); n != 1 {
		t.Errorf("%d entries in the books", n)
	}
	wantStock(c, v, 100, 0, 2)
	if n := c.Count(`SELECT count(*) FROM stock_movement WHERE kind='allocate' AND ref_id=$1`, mustID(t, purchaseRow(c, p.Token))); n != 1 {
		t.Errorf("stock was promised %d times", n)
	}
	c.OneMail(mail)
	for _, r := range c.Notify(b.ID, map[string]any{"times": 10}).Results {
		if r.Status/100 != 2 {
			t.Errorf("long after: %+v", r)
		}
	}
	if n := c.Count(`SELECT count(*) FROM job_job WHERE kind='order.placed' AND ref_id=(SELECT id FROM order_order WHERE purchase_id=$1)`, mustID(t, purchaseRow(c, p.Token))); n != 1 {
		t.Errorf("%d jobs for one order", n)
	}
	if ms := c.Mails(mail); len(ms) != 1 {
		t.Errorf("%d mails", len(ms))
	}
	settled(c, p.Token)

	// A gift card that is bought comes into being once, in the one mail.
	to := apptest.NewMail()
	g := c.Buy(c.Complete(c.Cart(1, c.GiftCards()[0]).ID, apptest.Buyer(to)), apptest.Wish{})
	gb := c.Payment(g.Token)
	c.Pay(g, apptest.Silent)
	for range 3 {
		c.Notify(gb.ID, map[string]any{"times": 10})
	}
	g = c.Final(g.Token)
	if n := len(c.Order(g.Order.Token).GiftCards); n != 1 {
		t.Errorf("%d gift cards of one that was paid", n)
	}
	c.OneMail(to)
	c.Notify(gb.ID, map[string]any{"times": 10})
	if n := c.Count(`SELECT count(*) FROM giftcard_card WHERE order_id=(SELECT id FROM order_order WHERE purchase_id=$1)`, mustID(t, purchaseRow(c, g.Token))); n != 1 || len(c.Mails(to)) != 1 {
		t.Errorf("%d gift cards, %d mails", n, len(c.Mails(to)))
	}
	settled(c, g.Token)
})

// A signature that is too old, from the future, or dated with nonsense.
var _ = attack("AC-010", func(t *testing.T, c *apptest.Client) {
	p := c.Buy(c.ReadyCart(c.Variant(), 1), apptest.Wish{})
	b := c.Payment(p.Token)
	n := 0
	send := func(sign func(now int64, body []byte) string) (apptest.Answer, bool) {
		n++
		id := fmt.Sprintf("evt-%s-%d", b.ID, n)
		body := hookBody(hookEvent(id, b, bank.Awaiting))
		a := hookPost(c, body, sign(time.Now().Unix(), body))
		return a, c.Count(`SELECT count(*) FROM payment_event WHERE event_id=$1`, id) == 1
	}
	at := func(d int64) func(int64, []byte) string {
		return func(now int64, body []byte) string {
			return fmt.Sprintf("t=%d,v1=%s", now+d, bank.Signature(bank.Secret, now+d, body))
		}
	}
	text := func(s string) func(int64, []byte) string {
		return func(now int64, body []byte) string {
			return fmt.Sprintf("t=%s,v1=%s", s, bank.Signature(bank.Secret, now, body))
		}
	}
	for what, sign := range map[string]func(int64, []byte) string{
		"301 s old": at(-301), "an hour old": at(-3600), "in the future": at(320), "tomorrow": at(86400), "negative": at(-2 * time.Now().Unix()),
		"no number": text("abc"), "2^63": text("9223372036854775808"), "empty": text(""), "exponent": text("1e9"), "far": text("9007199254740993"),
		"missing": func(now int64, body []byte) string { return "v1=" + bank.Signature(bank.Secret, now, body) },
		"zero":    at(-time.Now().Unix()),
	} {
		if a, entered := send(sign); a.Status/100 != 4 || entered {
			t.Errorf("%s: %v, entered: %v", what, a, entered)
		}
	}
	for what, d := range map[string]int64{"now": 0, "a minute old": -60, "a minute ahead": 60} {
		if a, entered := send(at(d)); a.Status/100 != 2 || !entered {
			t.Errorf("%s: %v, entered: %v", what, a, entered)
		}
	}
	// The retry of one that was handled has a fresh signature and is 2xx.
	id := "evt-again-" + b.ID
	body := hookBody(hookEvent(id, b, bank.Awaiting))
	for i := range 3 {
		if a := hookPost(c, body, signedNow(body)); a.Status/100 != 2 {
			t.Errorf("try %d: %v", i, a)
		}
	}
	if c.Count(`SELECT count(*) FROM payment_event WHERE event_id=$1`, id) != 1 {
		t.Error("the event stands more than once in the inbox")
	}
})

// The buyer pays and never comes back.
var _ = attack("AC-012", func(t *testing.T, c *apptest.Client) {
	v, mail := c.Variant(), apptest.NewMail()
	p := c.Buy(c.Complete(c.Cart(1, v).ID, apptest.Buyer(mail)), apptest.Wish{})
	back := c.Pay(p, apptest.Good) // and closes the browser
	c.Wait("the order is there by the notification alone", 20*time.Second, func() bool { return c.AdminPurchase(p.Token).State == "paid" })
	number := c.AdminPurchase(p.Token).Order.Number
	if m := c.OneMail(mail); !strings.Contains(m.Text, number) {
		t.Errorf("the mail does not name %s", number)
	}
	// Days later, from another place, the return address shows the same order.
	late := c.Other()
	a := late.Do("GET", back, nil)
	for a.Status == 303 || a.Status == 302 {
		a = late.Do("GET", a.Location(), nil)
	}
	if a.Status != 200 || !strings.Contains(a.Words(), number) {
		t.Errorf("the return address: %d %s", a.Status, a.Words())
	}
	if n := len(c.Mails(mail)); n != 1 {
		t.Errorf("%d mails", n)
	}
	settled(c, p.Token)
})

// Events of another mode, another account, another secret.
var _ = attack("AC-015", func(t *testing.T, c *apptest.Client) {
	mail := apptest.NewMail()
	p := c.Buy(c.Complete(c.Cart(1, c.Variant()).ID, apptest.Buyer(mail)), apptest.Wish{})
	b := c.Payment(p.Token)
	before := c.Count(`SELECT count(*) FROM audit_entry WHERE action='notification.foreign' AND outcome='refused' AND entity_id=$1`, mustID(t, purchaseRow(c, p.Token)))
	foreign := 0
	for what, o := range map[string]map[string]any{
		"live":           {"livemode": true, "state": "captured"},
		"other account":  {"account": "acct_somebody", "state": "captured"},
		"no account":     {"account": "", "state": "captured"},
		"other in space": {"account": "Sandbox", "state": "captured"},
	} {
		foreign++
		for _, r := range c.Notify(b.ID, map[string]any{"override": o}).Results {
			if r.Status/100 != 4 {
				t.Errorf("%s: %+v", what, r)
			}
		}
	}
	body := hookBody(hookEvent("evt-other-"+b.ID, b, bank.Captured))
	for _, s := range []string{"kassavalv-live-secret", "test", bank.Secret + "\n", strings.ToUpper(bank.Secret)} {
		if a := hookPost(c, body, bank.SignatureHeader(s, time.Now(), body)); a.Status/100 != 4 {
			t.Errorf("secret %q: %v", s, a)
		}
	}
	unpaidStill(c, p, mail)
	// What was truly signed, but for somebody else, is a sign of leaked keys: it stands in the audit log, each once.
	if n := c.Count(`SELECT count(*) FROM audit_entry WHERE action='notification.foreign' AND outcome='refused' AND entity_id=$1`, mustID(t, purchaseRow(c, p.Token))); n-before != foreign {
		t.Errorf("%d audit entries, want %d", n-before, foreign)
	}
	c.Pay(p, apptest.Silent)
	c.Notify(b.ID, nil)
	if q := c.Final(p.Token); q.State != "paid" {
		t.Errorf("the true event: %s", q.State)
	}
	settled(c, p.Token)
})

// A way to pay that is not offered, on every route that takes one.
var _ = attack("AC-019", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	k := c.ReadyCart(v, 1)
	offered := map[string]bool{}
	for _, m := range methodsOf(c, k.ID) {
		offered[m] = true
	}
	if !offered["card"] || !offered["invoice"] {
		t.Fatalf("offered: %v", offered)
	}
	bad := []string{"manual", "free", "cash", "klarna", "swish", "stripe", "CARD", "card ", "card\x00", "none", "null", "0", "../card", "gift_card"}
	for _, m := range bad {
		if a := c.Post(k, apptest.Wish{Method: m}); a.Status/100 != 4 {
			t.Errorf("%q: %v", m, a)
		}
	}
	for _, raw := range []string{`["card"]`, `null`, `true`, `{"id":"card"}`, `""`} {
		body := fmt.Sprintf(`{"payment_method":%s,"accept_terms":true,"expected_total":{"amount":%d,"currency":"SEK"}}`, raw, k.Totals.Total.Amount)
		if a := c.Do("POST", apptest.API+"/carts/"+k.ID+"/purchases", apptest.Raw(body)); a.Status/100 != 4 {
			t.Errorf("%s: %v", raw, a)
		}
	}
	page := c.Other()
	at := pageCart(page, v, 1)
	for _, m := range []string{"manual", "free", "klarna", ""} {
		if a := pageBuy(page, at, apptest.Buyer(apptest.NewMail()), func(f url.Values) { f.Set("payment_method", m) }); a.Status/100 != 4 {
			t.Errorf("page %q: %d %s", m, a.Status, a.Location())
		}
	}
	// Dear goods are not sold on invoice: neither by the page, which hides it, nor by the API.
	dear := c.Variant()
	n := 500_000/dear.Price.Amount + 1
	c.SetStock(dear.ID, 1000)
	if n > 999 {
		t.Fatalf("goods too cheap for this test: %+v", dear)
	}
	big := c.Cart(n, dear)
	big = c.Complete(big.ID, apptest.Buyer(apptest.NewMail()))
	for _, m := range methodsOf(c, big.ID) {
		if m == "invoice" {
			t.Error("the invoice is offered for more than the shop sells on invoice")
		}
	}
	if a := c.Post(big, apptest.Wish{Method: "invoice"}); a.Status != 422 {
		t.Errorf("a dear invoice over the API: %v", a)
	}
	if got := c.GetCart(big.ID); got.Totals.Total != big.Totals.Total || got.Purchase != nil {
		t.Errorf("the cart changed: %+v", got)
	}
	wantStock(c, dear, 1000, 0, 0)
	page = c.Other()
	if a := pageBuy(page, pageCart(page, dear, int(n)), apptest.Buyer(apptest.NewMail()), func(f url.Values) { f.Set("payment_method", "invoice") }); a.Status/100 != 4 {
		t.Errorf("a dear invoice over the page: %d", a.Status)
	}
	if got := c.GetCart(k.ID); got.Version != k.Version || got.Totals.Total != k.Totals.Total {
		t.Errorf("the cart changed: %+v", got)
	}

	// Both ways that are offered work.
	p := c.Buy(k, apptest.Wish{Method: "card"})
	c.Pay(p, apptest.Good)
	if q := c.Final(p.Token); q.State != "paid" {
		t.Errorf("card: %s", q.State)
	}
	small := c.ReadyCart(v, 1)
	q := c.Buy(small, apptest.Wish{Method: "invoice"})
	if q = c.Final(q.Token); q.State != "placed" {
		t.Errorf("invoice: %s", q.State)
	}
	if len(c.Payments(q.Token)) != 0 {
		t.Error("the bank knows of an invoice")
	}
})

func methodsOf(c *apptest.Client, cart string) (out []string) {
	c.T.Helper()
	var m struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	c.Want(c.Do("GET", apptest.API+"/carts/"+cart+"/payment-methods", nil), 200, &m)
	for _, x := range m.Items {
		out = append(out, x.ID)
	}
	return
}

// The client says what to charge.
var _ = attack("AC-020", func(t *testing.T, c *apptest.Client) {
	v := c.Variant()
	k := c.ReadyCart(v, 2)
	total := k.Totals.Total.Amount
	at := apptest.API + "/carts/" + k.ID + "/purchases"
	usual := fmt.Sprintf(`"payment_method":"card","accept_terms":true,"expected_total":{"amount":%d,"currency":"SEK"}`, total)
	for _, extra := range []string{`"amount":1`, `"total":{"amount":1,"currency":"SEK"}`, `"currency":"JPY"`, `"discount":99999`, `"tax":0`, `"fee":-5000`, `"to_pay":0`, `"state":"paid"`, `"paid":true`,
		`"expected_total":{"amount":1,"currency":"SEK"}`, `"Expected_Total":{"amount":1,"currency":"SEK"}`, `"unit_price":1`, `"__proto__":{"amount":1}`} {
		if a := c.Do("POST", at, apptest.Raw("{"+usual+","+extra+"}")); a.Status != 400 && a.Status != 422 {
			t.Errorf("%s: %v", extra, a)
		}
	}
	for _, expected := range []string{`{"amount":1,"currency":"SEK"}`, `{"amount":0,"currency":"SEK"}`, `{"amount":-5,"currency":"SEK"}`, fmt.Sprintf(`{"amount":%d,"currency":"EUR"}`, total), fmt.Sprintf(`{"amount":%d}`, total),
		fmt.Sprintf(`{"amount":%d,"currency":"SEK","amount":1}`, total), fmt.Sprintf(`{"amount":"%d","currency":"SEK"}`, total), fmt.Sprintf(`{"amount":%d.0001,"currency":"SEK"}`, total), `null`, `1`} {
		body := `{"payment_method":"card","accept_terms":true,"expected_total":` + expected + `}`
		if a := c.Do("POST", at, apptest.Raw(body)); a.Status/100 != 4 {
			t.Errorf("expected %s: %v", expected, a)
		}
	}
	if n := c.Count(`SELECT count(*) FROM stock_hold WHERE variant_id=$1`, mustID(t, v.ID)); n != 0 {
		t.Errorf("%d purchases were begun", n)
	}
	// In the query and in headers they are ignored or refused; the bank gets the shop's sum.
	a := c.Do("POST", at+"?amount=1&total=1&currency=EUR&discount=100", apptest.Raw("{"+usual+"}"), "X-Amount", "1", "X-Total", "1", "Cookie", "amount=1; total=1")
	var p apptest.Purchase
	if a.Status/100 == 4 {
		p = c.Buy(k, apptest.Wish{})
	} else {
		c.Want(a, 202, &p)
		p = c.Until(p.Token, 30*time.Second, func(p apptest.Purchase) bool { return p.State != "received" })
	}
	if b := c.Payment(p.Token); b.Amount != total || b.Currency != "SEK" {
		t.Errorf("the bank was asked for %d %s, the cart is %d", b.Amount, b.Currency, total)
	}
	c.Pay(p, apptest.Good)
	if q := c.Final(p.Token); q.State != "paid" {
		t.Errorf("the legitimate purchase: %s", q.State)
	}
	settled(c, p.Token)

	page := c.Other()
	to := pageCart(page, v, 1)
	for name, val := range map[string]string{"amount": "1", "total": "1", "discount": "100", "tax": "0", "fee": "-50", "expected_total": "1"} {
		if a := pageBuy(page, to, apptest.Buyer(apptest.NewMail()), func(f url.Values) { f.Set(name, val) }); a.Status/100 != 4 {
			t.Errorf("page %s=%s: %d %s", name, val, a.Status, a.Location())
		}
	}
	mail := apptest.NewMail()
	if a := pageBuy(page, to, apptest.Buyer(mail), nil); a.Status != 303 {
		t.Fatalf("the page's purchase: %d %s", a.Status, a.Words())
	} else {
		token := a.Location()[strings.LastIndexByte(a.Location(), '/')+1:]
		p := c.Until(token, 20*time.Second, func(p apptest.Purchase) bool { return p.Next != nil })
		if b := c.Payment(token); b.Amount != c.AdminPurchase(token).Total.Amount || b.Amount < v.Price.Amount {
			t.Errorf("the bank was asked for %d", b.Amount)
		}
		c.Pay(p, apptest.Good)
		c.Final(token)
		settled(c, token)
	}
})

// Events with a true signature over nonsense.
var _ = attack("AC-022", func(t *testing.T, c *apptest.Client) {
	p := c.Buy(c.ReadyCart(c.Variant(), 1), apptest.Wish{})
	b := c.Payment(p.Token)
	good := string(hookBody(hookEvent("evt-"+b.ID, b, bank.Awaiting)))
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	amount := fmt.Sprintf(`"amount":%d`, b.Amount)
	bodies := map[string]string{
		"null": `null`, "list": `[]`, "object": `{}`, "empty": ``, "text": `"x"`, "number": `1`, "cut": good[:len(good)/2], "two": good + good,
		"no data": `{"id":"evt-x","type":"payment.captured","account":"sandbox"}`, "null data": `{"id":"evt-x","type":"payment.captured","account":"sandbox","data":null}`,
		"nested null": with(`"data":{`, `"data":{"payment_id":null,"reference":null,"x":{"y":null},`), "list data": `{"id":"evt-x","account":"sandbox","data":[null]}`,
		"text amount": with(amount, `"amount":"1"`), "float amount": with(amount, `"amount":1.5`), "huge amount": with(amount, `"amount":1e400`), "negative": with(amount, `"amount":-1`),
		"long id": with(`"id":"evt-`, `"id":"`+strings.Repeat("a", 10<<10)), "twice": with(`{`, `{"id":"evt-other",`), "deep": strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
		"deep data": `{"id":"evt-x","account":"sandbox","data":` + strings.Repeat(`{"a":`, 10_000) + `1` + strings.Repeat("}", 10_000) + `}`,
		"bad utf8":  with("evt-", "\xff\xfe"), "nul": with("evt-", "\x00"), "nul escape": with("evt-", `\u0000`), "number reference": regexp.MustCompile(`"reference":"[^"]*"`).ReplaceAllString(good, `"reference":7`),
		"long reference": regexp.MustCompile(`"reference":"[^"]*"`).ReplaceAllString(good, `"reference":"`+strings.Repeat("r", 5000)+`"`),
		"megabyte":       `{"id":"` + strings.Repeat("x", 1<<20) + `"}`,
	}
	for what, body := range bodies {
		a, err := c.Try("POST", "/hooks/card", apptest.Raw(body), bank.HeaderSignature, signedNow([]byte(body)))
		if err != nil || a.Status/100 != 4 && a.Status/100 != 2 {
			t.Errorf("%s: %v %v", what, err, a)
		}
		for _, word := range []string{"panic", "goroutine", "json:", "SQL", ".go:", "strconv"} {
			if strings.Contains(string(a.Body), word) {
				t.Errorf("%s: the answer talks: %s", what, a.Body)
			}
		}
	}
	// A type that we do not know is taken, so that it is not sent again for days.
	for _, typ := range []string{"payment.disputed", "payout.paid", ""} {
		body := []byte(strings.Replace(with("evt-", "evt-t"+typ), `"type":"payment.awaiting"`, `"type":"`+typ+`"`, 1))
		if a := hookPost(c, body, signedNow(body)); a.Status/100 != 2 {
			t.Errorf("type %q: %v", typ, a)
		}
	}
	body := []byte(regexp.MustCompile(`"reference":"[^"]*"`).ReplaceAllString(good, `"reference":"nobody-knows-this"`))
	if a := hookPost(c, body, signedNow(body)); a.Status/100 != 2 {
		t.Errorf("a payment of another shop of the same account: %v", a)
	}
	if q := c.Purchase(p.Token); q.Terminal() {
		t.Errorf("nonsense moved the purchase to %s", q.State)
	}
	if a := c.Do("GET", c.Ops+"/healthz", nil); a.Status != 200 || !c.Alive() {
		t.Errorf("health: %v", a)
	}
	c.Pay(p, apptest.Silent)
	if a := hookPost(c, []byte(good), signedNow([]byte(good))); a.Status/100 != 2 {
		t.Errorf("the good event: %v", a)
	}
	if q := c.Final(p.Token); q.State != "paid" {
		t.Errorf("after the good event: %s", q.State)
	}
	settled(c, p.Token)
})

// Notification, return, poll and staff's button at the same instant, many times.
var _ = attack("AC-023", func(t *testing.T, c *apptest.Client) {
	const rounds = 50
	v := c.Scarce(1000)
	staff := c.Shop.Staff(c, "owner")
	sem := make(chan struct{}, 5)
	tokens := make([]string, rounds)
	together(rounds, func(i int) {
		sem <- struct{}{}
		defer func() { <-sem }()
		b := c.Other()
		p := b.Buy(b.ReadyCart(v, 1), apptest.Wish{})
		tokens[i] = p.Token
		row := purchaseRow(b, p.Token)
		pay := b.Payment(p.Token)
		back := b.Pay(p, apptest.Twice) // notified twice before the buyer is sent back
		ev := hookBody(hookEvent("evt-race-"+pay.ID, pay, bank.Captured))
		calls := []func() apptest.Answer{
			func() apptest.Answer { return hookPost(b, ev, signedNow(ev)) },
			func() apptest.Answer { return hookPost(b, ev, signedNow(ev)) },
			func() apptest.Answer { return b.Do("GET", back, nil) },
			func() apptest.Answer { return b.Do("GET", apptest.API+"/purchases/"+p.Token, nil) },
			func() apptest.Answer {
				return staff.Form("/admin/purchases/"+row+"/look", url.Values{"look_note": {"kontroll"}})
			},
		}
		together(len(calls), func(j int) {
			if a := calls[j](); a.Status >= 400 {
				t.Errorf("call %d: %v", j, a)
			}
		})
	})
	for _, token := range tokens {
		if q := c.Final(token); q.State != "paid" {
			t.Errorf("%s", q.State)
		}
		b := c.Payment(token) // exactly one
		if b.Captured != b.Amount || b.Refunded != 0 {
			t.Errorf("the bank: %+v", b)
		}
	}
	if n := c.Count(`SELECT count(*) FROM payment_entry e JOIN payment_intent i ON i.id=e.intent_id JOIN stock_hold h ON h.purchase_id=i.purchase_id WHERE h.variant_id=$1`, mustID(t, v.ID)); n != rounds {
		t.Errorf("%d entries of %d payments", n, rounds)
	}
	wantStock(c, v, 1000, 0, rounds)
})

// Stolen cards are tried one after the other.
var _ = attack("AC-024", func(t *testing.T, c *apptest.Client) {
	v := c.Scarce(1000)
	thief := c.Other()
	declines, first := 0, map[string]int{}
	carts := []apptest.Cart{}
	try := func(b *apptest.Client, k apptest.Cart, headers ...string) apptest.Answer {
		body := map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": k.Totals.Total}
		a := b.Do("POST", apptest.API+"/carts/"+k.ID+"/purchases", body, headers...)
		if a.Status != 202 {
			return a
		}
		var p apptest.Purchase
		b.Want(a, 202, &p)
		p = b.Until(p.Token, 30*time.Second, func(p apptest.Purchase) bool { return p.State != "received" })
		b.Pay(p, apptest.Declined)
		if q := b.Final(p.Token); q.State != "refused" || q.Reason == nil || *q.Reason != "declined" {
			t.Errorf("%+v", q)
		}
		declines++
		first[k.ID]++
		return a
	}
	for range 6 {
		k := thief.ReadyCart(v, 1)
		carts = append(carts, k)
		for range 6 {
			a := try(thief, k)
			if a.Status != 202 && a.Status != 429 {
				t.Fatalf("%v", a)
			}
			if a.Status == 429 && a.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	for id, n := range first {
		if n > 5 {
			t.Errorf("cart %s: %d declined cards", id[:8], n)
		}
	}
	if declines != 20 {
		t.Errorf("%d declined cards from one address; 20 are promised as the limit", declines)
	}
	// A forged line of forwarding does not help: the peer that the proxy names counts.
	for i := range 100 {
		forged := fmt.Sprintf("203.0.113.%d, %s", i, thief.IP)
		if a := try(thief, carts[len(carts)-1], "X-Forwarded-For", forged); a.Status != 429 {
			t.Fatalf("forged forwarding %q: %v", forged, a)
		}
	}
	// Others buy undisturbed, in a fresh cart of their own; and staff see the tries.
	p, _ := c.Other().Paid(v, 1)
	settled(c, p.Token)
	if a := c.Shop.Staff(c, "orders").Do("GET", "/admin/purchases", nil); a.Status != http.StatusOK {
		t.Errorf("staff's list: %d", a.Status)
	}
	if n := c.Count(`SELECT count(*) FROM checkout_purchase p JOIN stock_hold h ON h.purchase_id=p.id WHERE h.variant_id=$1 AND p.state='refused' AND p.code='declined'`, mustID(t, v.ID)); n != declines {
		t.Errorf("%d recorded declines of %d", n, declines)
	}
	wantStock(c, v, 1000, 0, 1)
})
