package bank

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/demo/bank/wire"
)

func TestOnlyTheShopGetsIn(t *testing.T) {
	w := newWorld(t)
	p := w.create("r")
	for _, c := range []struct{ method, path string }{
		{"POST", "/v1/payments"}, {"GET", "/v1/payments?reference=r"}, {"GET", "/v1/payments/" + p.ID},
		{"POST", "/v1/payments/" + p.ID + "/cancel"}, {"POST", "/v1/payments/" + p.ID + "/refunds"}, {"GET", "/v1/nothing"},
	} {
		for _, token := range []string{"", "Bearer ", "Bearer " + wire.Secret, wire.Bearer()} {
			var pr wire.Problem
			if status := w.call(c.method, c.path, "k", "{}", &pr, "Authorization", token); status != http.StatusUnauthorized || pr.Code != "unauthorized" {
				t.Errorf("%s %s with %q: %d %s", c.method, c.path, token, status, pr.Code)
			}
		}
	}
	if w.get(p.ID).State != wire.Created {
		t.Error("something happened all the same")
	}
}

func TestCreateIsIdempotent(t *testing.T) {
	w := newWorld(t)
	first := w.create("a")
	var again wire.Payment
	if status := w.call("POST", "/v1/payments", "key-a", w.request("a"), &again); status != http.StatusOK || again.ID != first.ID {
		t.Errorf("same again: %d %s", status, again.ID)
	}
	other := w.request("a")
	other.Amount++
	var pr wire.Problem
	if status := w.call("POST", "/v1/payments", "key-a", other, &pr); status != http.StatusConflict || pr.Code != "idempotency_mismatch" {
		t.Errorf("other body: %d %s", status, pr.Code)
	}
	if status := w.call("POST", "/v1/payments", "", w.request("a"), &pr); status != http.StatusBadRequest || pr.Code != "key_missing" {
		t.Errorf("no key: %d %s", status, pr.Code)
	}
	w.form(first.PayURL, "card_number", "4242424242424242")
	w.shut(w.bank)
	w.open()
	if status := w.call("POST", "/v1/payments", "key-a", w.request("a"), &again); status != http.StatusOK || again.ID != first.ID || again.State != wire.Captured {
		t.Errorf("after a restart: %d %+v", status, again)
	}
	if n := len(w.ledger()); n != 1 {
		t.Errorf("%d payments, want 1", n)
	}
}

func TestCreateRefuses(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*wire.CreatePayment){
		"no reference":      func(c *wire.CreatePayment) { c.Reference = "" },
		"control character": func(c *wire.CreatePayment) { c.Reference = "a\nb" },
		"zero":              func(c *wire.CreatePayment) { c.Amount = 0 },
		"negative":          func(c *wire.CreatePayment) { c.Amount = -1 },
		"huge":              func(c *wire.CreatePayment) { c.Amount = maxAmount + 1 },
		"currency":          func(c *wire.CreatePayment) { c.Currency = "sek" },
		"relative return":   func(c *wire.CreatePayment) { c.ReturnURL = "/back" },
		"no host":           func(c *wire.CreatePayment) { c.ReturnURL = "https:///back" },
		"script":            func(c *wire.CreatePayment) { c.ReturnURL = "javascript:alert(1)" },
		"scheme-relative":   func(c *wire.CreatePayment) { c.ReturnURL = "//example.com/" },
		"user":              func(c *wire.CreatePayment) { c.ReturnURL = "https://a:b@example.com/" },
		"plain notify":      func(c *wire.CreatePayment) { c.NotifyURL = "http://127.0.0.1/hook" },
		"bad authority":     func(c *wire.CreatePayment) { c.NotifyCA = "-----BEGIN" },
		"language":          func(c *wire.CreatePayment) { c.Language = "de" },
		"unknown card":      func(c *wire.CreatePayment) { c.InstantCard = "5555555555554444" },
		"card with a page":  func(c *wire.CreatePayment) { c.InstantCard = "4000000000003220" },
	} {
		req := w.request("x")
		change(&req)
		var pr wire.Problem
		if status := w.call("POST", "/v1/payments", "k", req, &pr); status != http.StatusUnprocessableEntity || pr.Code != "invalid" {
			t.Errorf("%s: %d %s", name, status, pr.Code)
		}
	}
	for name, body := range map[string]string{"empty": "", "array": "[]", "unknown field": `{"total":1}`, "two": "{}{}", "float": `{"amount":1.5}`} {
		if status := w.call("POST", "/v1/payments", "k", body, nil); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status := w.call("POST", "/v1/payments", "k", `{"reference":"`+strings.Repeat("a", maxAPIBody)+`"}`, nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("large body: %d", status)
	}
	if n := len(w.ledger()); n != 0 {
		t.Errorf("%d payments were made", n)
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	p := w.create("a")
	var got wire.Payment
	for range 2 { // the second time is as true as the first
		if status := w.call("POST", "/v1/payments/"+p.ID+"/cancel", "", nil, &got); status != http.StatusOK || got.State != wire.Cancelled {
			t.Fatalf("cancel: %d %s", status, got.State)
		}
	}
	if status, _, _ := w.form(p.PayURL, "card_number", "4242424242424242"); status != http.StatusSeeOther {
		t.Errorf("form: %d", status)
	}
	if after := w.get(p.ID); after.State != wire.Cancelled || after.Captured != 0 {
		t.Errorf("paid after it was cancelled: %+v", after)
	}
	paid := w.create("b")
	w.form(paid.PayURL, "card_number", "4242424242424242")
	var pr wire.Problem
	if status := w.call("POST", "/v1/payments/"+paid.ID+"/cancel", "", nil, &pr); status != http.StatusConflict || pr.Code != "already_paid" || pr.Payment == nil || pr.Payment.Captured != 12_900 {
		t.Errorf("cancel a paid one: %d %+v", status, pr)
	}
	if status := w.call("POST", "/v1/payments/none/cancel", "", nil, &pr); status != http.StatusNotFound {
		t.Errorf("unknown: %d", status)
	}
}

func TestBuyerCancels(t *testing.T) {
	w := newWorld(t)
	p := w.create("a")
	_, page, _ := w.page(p.PayURL)
	if !strings.Contains(page, `action="/pay/`+p.ID+`/cancel"`) {
		t.Fatal("no way out of the page")
	}
	status, loc, _ := w.form(p.PayURL + "/cancel")
	if status != http.StatusSeeOther || !strings.HasSuffix(loc, "payment="+p.ID) {
		t.Errorf("%d %q", status, loc)
	}
	if got := w.get(p.ID); got.State != wire.Cancelled {
		t.Errorf("state %s", got.State)
	}
	if n := w.shop.waitNotes(1)[0]; n.event.Type != "payment.cancelled" {
		t.Errorf("event %+v", n.event)
	}
}

func TestCapture(t *testing.T) {
	w := newWorld(t)
	p := w.create("a")
	var pr wire.Problem
	if status := w.call("POST", "/v1/payments/"+p.ID+"/capture", "", nil, &pr); status != http.StatusConflict || pr.Code != "not_paid" {
		t.Errorf("unpaid: %d %s", status, pr.Code)
	}
	w.form(p.PayURL, "card_number", "4242424242424242")
	var got wire.Payment
	if status := w.call("POST", "/v1/payments/"+p.ID+"/capture", "", nil, &got); status != http.StatusOK || got.Captured != 12_900 {
		t.Errorf("paid: %d %+v", status, got)
	}
}

func TestRefundsNeverExceedCaptured(t *testing.T) {
	w := newWorld(t)
	p := w.create("a")
	path := "/v1/payments/" + p.ID + "/refunds"
	var pr wire.Problem
	if status := w.call("POST", path, "k0", wire.CreateRefund{Amount: 1}, &pr); status != http.StatusConflict || pr.Code != "not_paid" {
		t.Errorf("unpaid: %d %s", status, pr.Code)
	}
	w.form(p.PayURL, "card_number", "4242424242424242")
	for name, amount := range map[string]int64{"zero": 0, "negative": -5} {
		if status := w.call("POST", path, "k-"+name, wire.CreateRefund{Amount: amount}, &pr); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, status)
		}
	}
	var first, again wire.Refund
	if status := w.call("POST", path, "k1", wire.CreateRefund{Amount: 12_800, Reason: "retur"}, &first); status != http.StatusCreated {
		t.Fatalf("refund: %d", status)
	}
	if status := w.call("POST", path, "k1", wire.CreateRefund{Amount: 12_800, Reason: "retur"}, &again); status != http.StatusOK || again != first {
		t.Errorf("same again: %d %+v", status, again)
	}
	if status := w.call("POST", path, "k1", wire.CreateRefund{Amount: 100}, &pr); status != http.StatusConflict || pr.Code != "idempotency_mismatch" {
		t.Errorf("other body: %d %s", status, pr.Code)
	}
	if status := w.call("POST", path, "k2", wire.CreateRefund{Amount: 101}, &pr); status != http.StatusUnprocessableEntity || pr.Code != "refund_too_large" {
		t.Errorf("too much: %d %s", status, pr.Code)
	}
	if status := w.call("POST", path, "k2", wire.CreateRefund{Amount: 1 << 62}, &pr); status != http.StatusUnprocessableEntity {
		t.Errorf("far too much: %d", status)
	}

	// Many at once for the last krona: one wins.
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 20 {
		wg.Go(func() {
			status, _, err := w.try("POST", path, fmt.Sprint("race", i), wire.CreateRefund{Amount: 100}, nil)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if status == http.StatusCreated {
				won++
			}
		})
	}
	wg.Wait()
	got := w.get(p.ID)
	if won != 1 || got.Refunded != 12_900 || len(got.Refunds) != 2 {
		t.Errorf("%d won, refunded %d in %d", won, got.Refunded, len(got.Refunds))
	}
	for _, n := range w.shop.waitNotes(3) {
		if n.event.Data.Refunded > n.event.Data.Captured {
			t.Errorf("event %+v", n.event)
		}
	}
}

func TestFindByReference(t *testing.T) {
	w := newWorld(t)
	a := w.create("a")
	w.create("b")
	req := w.request("a")
	w.call("POST", "/v1/payments", "second", req, nil)
	var list wire.List
	w.call("GET", "/v1/payments?reference=a", "", nil, &list)
	if len(list.Items) != 2 || list.Items[0].ID != a.ID {
		t.Errorf("found %+v", list.Items)
	}
	w.call("GET", "/v1/payments?reference=none", "", nil, &list)
	if list.Items == nil || len(list.Items) != 0 {
		t.Errorf("found %+v", list.Items)
	}
	if status := w.call("GET", "/v1/payments", "", nil, nil); status != http.StatusBadRequest {
		t.Errorf("no reference: %d", status)
	}
}

func TestInstantCard(t *testing.T) {
	w := newWorld(t)
	req := w.request("a")
	req.InstantCard = "4242424242424242"
	var p, again wire.Payment
	if status := w.call("POST", "/v1/payments", "k", req, &p); status != http.StatusCreated || p.State != wire.Captured || p.Captured != 12_900 {
		t.Fatalf("%d %+v", status, p)
	}
	if status := w.call("POST", "/v1/payments", "k", req, &again); status != http.StatusOK || again.ID != p.ID {
		t.Errorf("again: %d %+v", status, again)
	}
	if status := w.call("POST", "/v1/payments", "k2", w.request("b"), &p, "Instant-Card", "4000000000000002"); status != http.StatusCreated || p.State != wire.Refused || p.Reason != "declined" {
		t.Errorf("by header: %d %+v", status, p)
	}
	w.shop.waitNotes(2)
}

func TestManyBuyersShareAnFsync(t *testing.T) {
	w := newWorld(t)
	const buyers, each = 64, 5
	var wg sync.WaitGroup
	for b := range buyers {
		wg.Go(func() {
			for i := range each {
				ref := fmt.Sprintf("%d-%d", b, i)
				req := w.request(ref)
				req.InstantCard = "4242424242424242"
				var p wire.Payment
				if _, _, err := w.try("POST", "/v1/payments", ref, req, &p); err != nil || p.State != wire.Captured {
					t.Errorf("%s: %v %+v", ref, err, p)
				}
			}
		})
	}
	wg.Wait()
	w.bank.journal.mu.Lock()
	syncs := w.bank.journal.fsyncs
	w.bank.journal.mu.Unlock()
	t.Logf("%d payments with %d fsyncs", buyers*each, syncs)
	rows := w.ledger()
	seen := map[string]bool{}
	for _, r := range rows {
		if r.Captured != 12_900 || seen[r.Reference] {
			t.Errorf("row %+v", r)
		}
		seen[r.Reference] = true
	}
	if len(rows) != buyers*each {
		t.Errorf("%d rows", len(rows))
	}
	events := map[string]bool{}
	for _, n := range w.shop.waitNotes(buyers * each) {
		events[n.event.ID] = true
	}
	if len(events) != buyers*each {
		t.Errorf("%d events", len(events))
	}
}

func TestSameKeyAtOnceMakesOnePayment(t *testing.T) {
	w := newWorld(t)
	req := w.request("a")
	req.InstantCard = "4242424242424242"
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			var p wire.Payment
			if status, _, err := w.try("POST", "/v1/payments", "k", req, &p); err != nil || status > 201 || p.State != wire.Captured {
				t.Errorf("%d %v %+v", status, err, p)
			}
		})
	}
	wg.Wait()
	if rows := w.ledger(); len(rows) != 1 || rows[0].Captured != 12_900 {
		t.Errorf("ledger %+v", rows)
	}
}

func TestPagesAreInertAndClosed(t *testing.T) {
	w := newWorld(t)
	req := w.request("a")
	req.Description = `<script>alert(1)</script>"`
	var p wire.Payment
	w.call("POST", "/v1/payments", "k", req, &p)
	status, page, h := w.page(p.PayURL)
	if status != http.StatusOK || strings.Contains(page, "<script") || strings.Contains(page, "style=") || strings.Contains(page, " on") && strings.Contains(page, `onclick`) {
		t.Errorf("%d\n%s", status, page)
	}
	csp := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "style-src 'self'", "form-action 'self' https:", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("CSP %q lacks %q", csp, want)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "http:") {
		t.Errorf("CSP %q", csp)
	}
	for _, want := range []string{`<html lang="sv">`, "Sandlådebanken", "Inga riktiga pengar flyttas", "129\u00a0kr", `name="card_number"`, `href="/bank.css"`} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %q", want)
		}
	}
	if i, j := strings.Index(page, "card_number"), strings.Index(page, "/cancel"); i < 0 || j < i {
		t.Error("the form to pay is not the first")
	}
	if status, css, _ := w.page(w.bank.URL() + "/bank.css"); status != http.StatusOK || !strings.Contains(css, "--paper") {
		t.Errorf("css: %d", status)
	}
	for _, path := range []string{"/pay/none", "/nothing", "/web/page.html"} {
		if status, page, _ := w.page(w.bank.URL() + path); status != http.StatusNotFound || !strings.Contains(page, "Sandlådebanken") {
			t.Errorf("%s: %d", path, status)
		}
	}
	r, err := http.NewRequest("POST", p.PayURL, strings.NewReader("card_number=4242424242424242"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://evil.example")
	res, err := w.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden || w.get(p.ID).State.Final() {
		t.Errorf("another site's form: %d", res.StatusCode)
	}
	if status, _, _ := w.form(p.PayURL, "card_number", strings.Repeat("4", maxFormBody)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("large form: %d", status)
	}
}

func TestEnglishPage(t *testing.T) {
	w := newWorld(t)
	req := w.request("a")
	req.Language, req.Amount = "en", 123_456_789
	var p wire.Payment
	w.call("POST", "/v1/payments", "k", req, &p)
	_, page, _ := w.page(p.PayURL)
	for _, want := range []string{`<html lang="en">`, "The Sandbox Bank", "SEK\u00a01,234,567.89", "No real money moves"} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %q", want)
		}
	}
}

func TestHeadOpensNothing(t *testing.T) {
	w := newWorld(t)
	p := w.create("a")
	res, err := w.http.Head(p.PayURL)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if s := w.get(p.ID).State; s != wire.Created {
		t.Errorf("state %s", s)
	}
}
