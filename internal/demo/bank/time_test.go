package bank

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

func refuseAll(context.Context, string, string, []byte, string) (int, error) {
	return 0, errors.New("nobody is there")
}

// clockwork is a bank without a network whose time is the bubble's.
type clockwork struct {
	t    *testing.T
	bank *Server
	mu   sync.Mutex
	sent []sentNote
	ok   bool // what the shop answers
}

type sentNote struct {
	at     time.Time
	event  wire.Event
	signed bool
}

func newClockwork(t *testing.T, dir string) *clockwork {
	t.Helper()
	c := &clockwork{t: t, ok: true}
	b, err := New(Options{Dir: dir, Log: quiet(), PublicURL: "http://bank.test"})
	if err != nil {
		t.Fatal(err)
	}
	b.send = func(_ context.Context, _, _ string, body []byte, sig string) (int, error) {
		n := sentNote{at: time.Now()}
		var ts int64
		ts, n.signed = verify(sig, body)
		n.signed = n.signed && ts == time.Now().Unix()
		if err := json.Unmarshal(body, &n.event); err != nil {
			return 0, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sent = append(c.sent, n)
		if c.ok {
			return http.StatusOK, nil
		}
		return http.StatusBadGateway, nil
	}
	c.bank = b
	return c
}

func (c *clockwork) notes() []sentNote {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]sentNote(nil), c.sent...)
}

func (c *clockwork) do(method, path, key, body string) (int, wire.Payment) {
	c.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if strings.HasPrefix(path, "/pay/") {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r.Header.Set("Authorization", "Bearer "+wire.Bearer())
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	c.bank.handler.ServeHTTP(w, r)
	var p wire.Payment
	_ = json.Unmarshal(w.Body.Bytes(), &p) // pages are not JSON
	return w.Code, p
}

func (c *clockwork) create(extra string) wire.Payment {
	c.t.Helper()
	_, p := c.do("POST", "/v1/payments", "k", `{"reference":"r","amount":100,"currency":"SEK","return_url":"https://s.test/","notify_url":"https://s.test/n"`+extra+`}`)
	if p.ID == "" {
		c.t.Fatal("not created")
	}
	return p
}

func (c *clockwork) close() {
	if err := c.bank.Close(context.Background()); err != nil {
		c.t.Error(err)
	}
}

func TestNotificationsAreRepeatedWithBackOff(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, dir)
		defer c.close()
		c.ok = false
		p := c.create("")
		start := time.Now()
		c.do("POST", "/pay/"+p.ID, "", "card_number=4242424242424242")
		time.Sleep(3 * time.Minute) // the bubble's time
		synctest.Wait()
		var got []int
		for _, n := range c.notes() {
			got = append(got, int(n.at.Sub(start)/time.Second))
			if !n.signed || n.event.ID != c.notes()[0].event.ID {
				t.Errorf("note %+v", n)
			}
		}
		want := []int{0, 1, 3, 8, 23, 83, 143}
		if len(got) != len(want) {
			t.Fatalf("tried after %v, want %v", got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("tried after %v, want %v", got, want)
			}
		}
		c.mu.Lock()
		c.ok = true
		c.mu.Unlock()
		time.Sleep(time.Hour)
		if n := len(c.notes()); n != len(want)+1 {
			t.Errorf("%d tries, want one more and then peace", n)
		}
	})
}

func TestNotificationsAreGivenUpAfterThreeDays(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, dir)
		defer c.close()
		c.ok = false
		p := c.create("")
		c.do("POST", "/pay/"+p.ID, "", "card_number=4242424242424242")
		time.Sleep(giveUpAfter + 2*time.Minute)
		n := len(c.notes())
		time.Sleep(24 * time.Hour)
		if len(c.notes()) != n || n < 100 {
			t.Errorf("%d tries, then %d", n, len(c.notes()))
		}
	})
}

func TestHangingCardAnswersAfterHalfAMinute(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, dir)
		defer c.close()
		p := c.create("")
		start := time.Now()
		var mu sync.Mutex
		answered := map[string]time.Duration{}
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			answered[what] = time.Since(start)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			status, _ := c.do("POST", "/pay/"+p.ID, "", "card_number=4000000000009987")
			if status != http.StatusSeeOther {
				t.Errorf("form: %d", status)
			}
			note("form")
		})
		synctest.Wait()
		time.Sleep(10 * time.Second)
		for what, call := range map[string][2]string{"get": {"GET", ""}, "cancel": {"POST", "/cancel"}, "capture": {"POST", "/capture"}} {
			wg.Go(func() {
				_, got := c.do(call[0], "/v1/payments/"+p.ID+call[1], "", "")
				if what == "get" && got.State != wire.Captured {
					t.Errorf("%s: %+v", what, got)
				}
				note(what)
			})
		}
		time.Sleep(19 * time.Second)
		synctest.Wait()
		mu.Lock()
		if len(answered) != 0 || len(c.notes()) != 0 {
			t.Errorf("after 29 s: answered %v, notified %d", answered, len(c.notes()))
		}
		mu.Unlock()
		wg.Wait()
		time.Sleep(time.Millisecond)
		for what, d := range answered {
			if d < 30*time.Second || d > 31*time.Second {
				t.Errorf("%s answered after %s", what, d)
			}
		}
		if n := c.notes(); len(answered) != 4 || len(n) != 1 || n[0].event.Type != wire.EventCaptured {
			t.Errorf("answered %v, notified %+v", answered, n)
		}
		again := time.Now()
		if _, got := c.do("GET", "/v1/payments/"+p.ID, "", ""); got.Captured != 100 || time.Since(again) != 0 {
			t.Errorf("afterwards: %+v after %s", got, time.Since(again))
		}
	})
}

func TestPaymentsExpire(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, dir)
		defer c.close()
		p := c.create(`,"expires_in":60`)
		if d := time.Until(p.ExpiresAt); d <= 59*time.Second || d > time.Minute {
			t.Errorf("expires in %s", d)
		}
		time.Sleep(59 * time.Second)
		if _, got := c.do("GET", "/v1/payments/"+p.ID, "", ""); got.State != wire.Created {
			t.Errorf("before its time: %s", got.State)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := c.notes(); len(n) != 1 || n[0].event.Type != wire.EventExpired {
			t.Errorf("notified %+v", n)
		}
		if status, _ := c.do("POST", "/pay/"+p.ID, "", "card_number=4242424242424242"); status != http.StatusSeeOther {
			t.Errorf("form: %d", status)
		}
		if _, got := c.do("GET", "/v1/payments/"+p.ID, "", ""); got.State != wire.Expired || got.Captured != 0 {
			t.Errorf("afterwards %+v", got)
		}
	})
}

func TestProcessingSettlesLater(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, dir)
		defer c.close()
		if err := c.bank.SetFaults(Faults{ProcessingMS: 5000}); err != nil {
			t.Fatal(err)
		}
		p := c.create("")
		if status, _ := c.do("POST", "/pay/"+p.ID, "", "card_number=4242424242424242"); status != http.StatusSeeOther {
			t.Errorf("form: %d", status)
		}
		if _, got := c.do("GET", "/v1/payments/"+p.ID, "", ""); got.State != wire.Processing || got.Captured != 0 {
			t.Errorf("at first %+v", got)
		}
		if status, _ := c.do("POST", "/v1/payments/"+p.ID+"/cancel", "", ""); status != http.StatusConflict {
			t.Errorf("cancel: %d", status)
		}
		time.Sleep(5001 * time.Millisecond)
		synctest.Wait()
		if n := c.notes(); len(n) != 1 || n[0].event.Data.Captured != 100 {
			t.Errorf("notified %+v", n)
		}
		if _, got := c.do("GET", "/v1/payments/"+p.ID, "", ""); got.State != wire.Captured {
			t.Errorf("afterwards %+v", got)
		}
	})
}

func TestLatencyAndDownHoldBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := newClockwork(t, dir)
		defer c.close()
		p := c.create("")
		if err := c.bank.SetFaults(Faults{LatencyMS: 700}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		c.do("GET", "/v1/payments/"+p.ID, "", "")
		if d := time.Since(start); d != 700*time.Millisecond {
			t.Errorf("answered after %s", d)
		}
		start = time.Now()
		c.do("GET", "/control/payments", "", "")
		if d := time.Since(start); d != 0 {
			t.Errorf("control answered after %s", d)
		}
		if err := c.bank.SetFaults(Faults{}); err != nil {
			t.Fatal(err)
		}
		c.ok = false
		c.do("POST", "/pay/"+p.ID, "", "card_number=4242424242424242")
		synctest.Wait()
		n := len(c.notes())
		if err := c.bank.SetFaults(Faults{Down: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if len(c.notes()) != n {
			t.Error("a bank that is down sent notifications")
		}
		if err := c.bank.SetFaults(Faults{}); err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		c.ok = true
		c.mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(c.notes()) != n+1 {
			t.Errorf("%d notifications after it came back, want %d", len(c.notes()), n+1)
		}
	})
}
