package bank

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

func hmacHex(key, text string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

func TestEveryCard(t *testing.T) {
	for _, c := range []struct {
		number   string
		state    wire.State
		reason   string
		captured int64
		notes    int // with the buyer already back; -1 does not matter
		event    string
	}{
		{"4242424242424242", "captured", "", 12_900, -1, "payment.captured"},
		{"4242 4242-4242 4242", "captured", "", 12_900, -1, "payment.captured"},
		{"4000000000000002", "refused", "declined", 0, -1, "payment.refused"},
		{"4000000000009995", "refused", "insufficient_funds", 0, -1, "payment.refused"},
		{"4000000000000119", "refused", "bank_error", 0, -1, "payment.refused"},
		{"4000000000005126", "captured", "", 12_900, 2, "payment.captured"},
		{"4000000000000341", "captured", "", 12_900, 0, ""},
	} {
		t.Run(c.number, func(t *testing.T) {
			w := newWorld(t)
			p := w.create("r")
			if p.State != wire.Created {
				t.Fatalf("new payment is %s", p.State)
			}
			if status, _, _ := w.page(p.PayURL); status != http.StatusOK {
				t.Fatalf("page: %d", status)
			}
			if s := w.get(p.ID).State; s != wire.Awaiting {
				t.Errorf("after opening the page: %s", s)
			}
			status, loc, _ := w.form(p.PayURL, "card_number", c.number)
			notes := w.shop.notes()
			if status != http.StatusSeeOther || loc != w.shop.URL+"/back?a=b&payment="+p.ID {
				t.Fatalf("answer %d to %q", status, loc)
			}
			if c.notes >= 0 && len(notes) != c.notes {
				t.Errorf("%d notifications before the buyer was back, want %d", len(notes), c.notes)
			}
			got := w.get(p.ID)
			if got.State != c.state || got.Reason != c.reason || got.Captured != c.captured {
				t.Errorf("payment is %s %q captured %d", got.State, got.Reason, got.Captured)
			}
			if c.event != "" {
				n := w.shop.waitNotes(1)[0]
				if !n.ok || n.event.Type != c.event || n.event.Livemode || n.event.Account != "sandbox" || n.event.ID == "" || n.event.Created == 0 {
					t.Errorf("notification %+v", n)
				}
				want := wire.EventData{PaymentID: p.ID, Reference: "r", Amount: 12_900, Currency: "SEK", State: c.state, Captured: c.captured, Reason: c.reason}
				if n.event.Data != want {
					t.Errorf("data %+v, want %+v", n.event.Data, want)
				}
			}
			// A decided payment is decided: the same form again moves nothing.
			if status, _, _ := w.form(p.PayURL, "card_number", "4242424242424242"); status != http.StatusSeeOther {
				t.Errorf("second form: %d", status)
			}
			if after := w.get(p.ID); after.State != c.state || after.Captured != c.captured {
				t.Errorf("second form changed the payment: %+v", after)
			}
			row := w.ledger()[0]
			if row.State != c.state || row.Captured != c.captured || row.Refunded != 0 || row.Reference != "r" {
				t.Errorf("ledger says %+v", row)
			}
		})
	}
}

func TestEarlyNotificationIsOneEventTwice(t *testing.T) {
	w := newWorld(t)
	p := w.create("r")
	w.form(p.PayURL, "card_number", "4000000000005126")
	n := w.shop.notes()
	if len(n) != 2 || n[0].event.ID != n[1].event.ID || n[0].body != n[1].body {
		t.Fatalf("notifications %+v", n)
	}
}

func TestEarlyNotificationNotTakenIsRepeated(t *testing.T) {
	w := newWorld(t)
	w.shop.answer = func(n int) int {
		if n < 2 {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent
	}
	p := w.create("r")
	if status, _, _ := w.form(p.PayURL, "card_number", "4000000000005126"); status != http.StatusSeeOther {
		t.Fatalf("buyer got %d", status)
	}
	if n := w.shop.waitNotes(3); n[2].event.ID != n[0].event.ID {
		t.Errorf("another event: %+v", n)
	}
}

func TestSecondFactor(t *testing.T) {
	const number = "4000000000003220"
	codeForm := regexp.MustCompile(`<form method="post" action="(/pay/[^"]+/code)">`)
	start := func(t *testing.T) (*world, wire.Payment, string) {
		w := newWorld(t)
		p := w.create("r")
		status, _, page := w.form(p.PayURL, "card_number", number)
		m := codeForm.FindStringSubmatch(page)
		if status != http.StatusOK || m == nil || !strings.Contains(page, `name="code"`) || strings.Contains(page, `name="card_number"`) {
			t.Fatalf("answer %d:\n%s", status, page)
		}
		if got := w.get(p.ID); got.State != wire.Awaiting || got.Captured != 0 {
			t.Fatalf("before the code: %+v", got)
		}
		return w, p, w.bank.URL() + m[1]
	}
	t.Run("right", func(t *testing.T) {
		w, p, to := start(t)
		if status, _, _ := w.form(to, "code", "000000"); status != http.StatusUnprocessableEntity {
			t.Errorf("wrong code: %d", status)
		}
		if status, loc, _ := w.form(to, "code", "123456"); status != http.StatusSeeOther || !strings.Contains(loc, "payment="+p.ID) {
			t.Errorf("right code: %d %q", status, loc)
		}
		if got := w.get(p.ID); got.State != wire.Captured {
			t.Errorf("payment %+v", got)
		}
	})
	t.Run("wrong", func(t *testing.T) {
		w, p, to := start(t)
		w.form(to, "code", "")
		w.form(to, "code", "1")
		if status, _, _ := w.form(to, "code", "654321"); status != http.StatusSeeOther {
			t.Errorf("third wrong code: %d", status)
		}
		w.form(to, "code", "123456")
		if got := w.get(p.ID); got.State != wire.Refused || got.Reason != "authentication_failed" || got.Captured != 0 {
			t.Errorf("payment %+v", got)
		}
	})
	t.Run("code alone pays nothing", func(t *testing.T) {
		w := newWorld(t)
		p := w.create("r")
		if status, _, _ := w.form(p.PayURL+"/code", "code", "123456"); status != http.StatusUnprocessableEntity {
			t.Errorf("status %d", status)
		}
		if got := w.get(p.ID); got.Captured != 0 || got.State.Final() {
			t.Errorf("payment %+v", got)
		}
	})
	t.Run("survives a restart", func(t *testing.T) {
		w, p, _ := start(t)
		w.shut(w.bank)
		w.open()
		if status, _, _ := w.form(w.bank.URL()+"/pay/"+p.ID+"/code", "code", "123456"); status != http.StatusSeeOther {
			t.Errorf("status %d", status)
		}
	})
}

func TestUnknownCardIsAskedAgainAndKeptNowhere(t *testing.T) {
	w := newWorld(t)
	p := w.create("r")
	const number = "5555555555554444"
	status, _, page := w.form(p.PayURL, "card_number", number)
	if status != http.StatusUnprocessableEntity || !strings.Contains(page, `name="card_number"`) || !strings.Contains(page, `role="alert"`) {
		t.Errorf("answer %d:\n%s", status, page)
	}
	if strings.Contains(page, number) {
		t.Error("the number is shown again")
	}
	if w.get(p.ID).State.Final() {
		t.Error("an unknown card decided the payment")
	}
	b, err := os.ReadFile(filepath.Join(w.dir, booksFile))
	if err != nil || strings.Contains(string(b), number) {
		t.Errorf("the books hold the number (%v)", err)
	}
	if status, _, _ := w.form(p.PayURL, "card_number", "4242424242424242"); status != http.StatusSeeOther {
		t.Errorf("the right card afterwards: %d", status)
	}
}

func TestHangingCardLeavesOthersAlone(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Hang = time.Hour })
	stuck, other := w.create("stuck"), w.create("other")
	done := make(chan string, 4)
	go func() {
		_, _, _, err := w.tryForm(stuck.PayURL, "card_number", "4000000000009987")
		done <- "form: " + errText(err)
	}()
	// /control tells at once what the buyer cannot learn yet.
	deadline := time.Now().Add(20 * time.Second)
	for w.ledger()[0].State != wire.Captured {
		if time.Now().After(deadline) {
			t.Fatal("the charge did not succeed")
		}
	}
	for _, path := range []string{"/v1/payments/" + stuck.ID, "/v1/payments?reference=stuck"} {
		go func() {
			_, _, err := w.try("GET", path, "", nil, nil)
			done <- path + ": " + errText(err)
		}()
	}
	go func() {
		_, _, err := w.try("POST", "/v1/payments", "key-stuck", w.request("stuck"), nil)
		done <- "create again: " + errText(err)
	}()
	for _, number := range []string{"4242424242424242"} {
		if status, _, _ := w.form(other.PayURL, "card_number", number); status != http.StatusSeeOther {
			t.Errorf("another payment: %d", status)
		}
	}
	if got := w.get(other.ID); got.State != wire.Captured {
		t.Errorf("another payment is %s", got.State)
	}
	for _, n := range w.shop.waitNotes(1) {
		if n.event.Data.PaymentID == stuck.ID {
			t.Error("a notification left while the payment hangs")
		}
	}
	select {
	case what := <-done:
		t.Errorf("answered although it hangs: %s", what)
	default:
	}
	w.shut(w.bank) // lets them go, without an answer
	for range 4 {
		if what := <-done; !strings.Contains(what, "EOF") && !strings.Contains(what, "reset") && !strings.Contains(what, "refused") {
			t.Errorf("after closing: %s", what)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return "answered"
	}
	return err.Error()
}
