package bank

import (
	"net/http"
	"strings"
	"testing"

	"kassavalv/internal/demo/bank/wire"
)

func TestNotifyOnDemand(t *testing.T) {
	w := newWorld(t)
	p := w.create("r")
	w.form(p.PayURL, "card_number", "4000000000000341") // silent: only what is asked for comes
	type answer struct {
		EventID string         `json:"event_id"`
		Results []notifyResult `json:"results"`
	}
	send := func(body string) (answer, []note) {
		t.Helper()
		from := len(w.shop.notes())
		var a answer
		if status := w.call("POST", "/control/payments/"+p.ID+"/notify", "", body, &a, "Authorization", ""); status != http.StatusOK {
			t.Fatalf("%s: %d", body, status)
		}
		return a, w.shop.notes()[from:]
	}
	a, n := send("")
	if len(n) != 1 || !n[0].ok || n[0].event.ID != a.EventID || n[0].event.Data.Captured != 12_900 || a.Results[0].Status != http.StatusOK {
		t.Errorf("plain: %+v %+v", a, n)
	}
	_, n = send(`{"times":10}`)
	if len(n) != 10 || n[0].body != n[9].body {
		t.Errorf("ten times: %d", len(n))
	}
	_, n = send(`{"times":1,"override":{"amount":100,"currency":"EUR"}}`)
	if d := n[0].event.Data; !n[0].ok || d.Amount != 100 || d.Captured != 100 || d.Currency != "EUR" || d.PaymentID != p.ID || d.State != wire.Captured {
		t.Errorf("false amount: %+v", n[0])
	}
	_, n = send(`{"override":{"livemode":true,"account":"other","reference":"x"}}`)
	if e := n[0].event; !n[0].ok || !e.Livemode || e.Account != "other" || e.Data.Reference != "x" {
		t.Errorf("false account: %+v", e)
	}
	_, n = send(`{"unsigned":true}`)
	if n[0].ok {
		t.Error("signed although it should not be")
	}
	_, old := send(`{"age_seconds":3600}`)
	_, fresh := send(`{}`)
	if !old[0].ok || fresh[0].t-old[0].t < 3590 || fresh[0].t-old[0].t > 3700 {
		t.Errorf("age: %d and %d", old[0].t, fresh[0].t)
	}
	for _, body := range []string{`{"times":0}`, `{"times":101}`, `{"tims":1}`, `[]`} {
		if status := w.call("POST", "/control/payments/"+p.ID+"/notify", "", body, nil); status/100 != 4 {
			t.Errorf("%s: %d", body, status)
		}
	}
	if status := w.call("POST", "/control/payments/none/notify", "", "", nil); status != http.StatusNotFound {
		t.Errorf("unknown payment: %d", status)
	}
	// The books know nothing of the lies.
	if got := w.get(p.ID); got.Amount != 12_900 || got.Currency != "SEK" || got.Captured != 12_900 {
		t.Errorf("payment %+v", got)
	}
	unpaid := w.create("unpaid")
	p = unpaid
	_, n = send(`{"override":{"state":"captured"}}`)
	if e := n[0].event; e.Type != "payment.captured" || e.Data.Captured != 12_900 {
		t.Errorf("false payment: %+v", e)
	}
	if got := w.get(unpaid.ID); got.Captured != 0 {
		t.Errorf("the lie became true: %+v", got)
	}
}

func TestFaults(t *testing.T) {
	w := newWorld(t)
	set := func(body string) int {
		t.Helper()
		return w.call("POST", "/control/faults", "", body, nil)
	}
	p := w.create("a")

	t.Run("refused values", func(t *testing.T) {
		for _, body := range []string{`{"latency_ms":-1}`, `{"latency_ms":60001}`, `{"drop_rate":1.1}`, `{"duplicate_rate":-0.1}`, `{"drop":1}`, `{"drop_rate":"1"}`} {
			if status := set(body); status/100 != 4 {
				t.Errorf("%s: %d", body, status)
			}
		}
	})
	t.Run("down", func(t *testing.T) {
		set(`{"down":true}`)
		if status := w.call("GET", "/v1/payments/"+p.ID, "", nil, nil); status != http.StatusServiceUnavailable {
			t.Errorf("api: %d", status)
		}
		if status, page, _ := w.page(p.PayURL); status != http.StatusServiceUnavailable || !strings.Contains(page, "Sandlådebanken") {
			t.Errorf("page: %d", status)
		}
		if n := len(w.ledger()); n != 1 {
			t.Errorf("control is touched: %d", n)
		}
		set(`{}`)
		if got := w.get(p.ID); got.State != wire.Created {
			t.Errorf("after: %+v", got)
		}
	})
	t.Run("drop", func(t *testing.T) {
		set(`{"drop_rate":1}`)
		paidUnheard, unpaid := 0, 0
		for i := range 40 {
			ref := strings.Repeat("d", i+1)
			req := w.request(ref)
			req.InstantCard = "4000000000000341"
			if status, _, err := w.try("POST", "/v1/payments", ref, req, nil); err == nil {
				t.Fatalf("answered %d", status)
			}
		}
		for _, r := range w.ledger() {
			if r.Reference[0] == 'd' {
				paidUnheard++
			}
		}
		unpaid = 40 - paidUnheard
		if paidUnheard == 0 || unpaid == 0 {
			t.Errorf("%d carried out without an answer, %d not", paidUnheard, unpaid)
		}
		set(`{}`)
		for i := range 40 { // the same key afterwards: paid once, each
			ref := strings.Repeat("d", i+1)
			req := w.request(ref)
			req.InstantCard = "4000000000000341"
			var got wire.Payment
			if w.call("POST", "/v1/payments", ref, req, &got); got.Captured != 12_900 {
				t.Errorf("%+v", got)
			}
		}
		if n := len(w.ledger()); n != 41 {
			t.Errorf("%d payments, want 41", n)
		}
	})
	t.Run("duplicate", func(t *testing.T) {
		set(`{"duplicate_rate":1}`)
		q := w.create("dup")
		w.form(q.PayURL, "card_number", "4242424242424242")
		n := w.shop.waitNotes(2)
		if n[0].event.ID != n[1].event.ID || !n[1].ok {
			t.Errorf("%+v", n)
		}
		set(`{}`)
	})
	t.Run("another site may not", func(t *testing.T) {
		if status := w.call("POST", "/control/faults", "", `{"down":true}`, nil, "Origin", "https://evil.example"); status != http.StatusForbidden {
			t.Errorf("status %d", status)
		}
	})
	var f Faults
	if w.call("GET", "/control/faults", "", nil, &f); f != (Faults{}) {
		t.Errorf("faults left: %+v", f)
	}
}

func TestEveryWordIsThere(t *testing.T) {
	keys := []string{"bank", "nomoney", "amount", "about", "ref", "pay.field", "pay.button", "pay.cancel", "code.field", "code.button",
		"back", "cards", "cards.what", "card.unknown", "code.wrong"}
	for _, k := range []string{"pay", "code", "index", "missing", "unreadable", "closed"} {
		keys = append(keys, k, k+".text")
	}
	for _, s := range []wire.State{wire.Processing, wire.Captured, wire.Refused, wire.Cancelled, wire.Expired} {
		keys = append(keys, "state."+string(s), "state."+string(s)+".text")
	}
	for _, c := range cards {
		keys = append(keys, c.Label)
	}
	for _, k := range keys {
		if w := words[k]; w[0] == "" || w[1] == "" {
			t.Errorf("%q lacks words", k)
		}
	}
	if len(keys) != len(words) {
		t.Errorf("%d words, %d used", len(words), len(keys))
	}
}

func TestAmountsAreWrittenForPeople(t *testing.T) {
	for _, c := range []struct {
		lang     string
		minor    int64
		currency string
		want     string
	}{
		{"sv", 5, "SEK", "0,05\u00a0kr"}, {"sv", 129_950, "SEK", "1\u00a0299,50\u00a0kr"}, {"sv", 100_000_000, "EUR", "1\u00a0000\u00a0000\u00a0EUR"},
		{"en", 129_950, "SEK", "SEK\u00a01,299.50"}, {"sv", 1234, "JPY", "1\u00a0234\u00a0JPY"}, {"sv", 99_900, "SEK", "999\u00a0kr"},
	} {
		if got := formatAmount(c.lang, c.minor, c.currency); got != c.want {
			t.Errorf("%d %s: %q, want %q", c.minor, c.currency, got, c.want)
		}
	}
}
