// Package restart replaces the program by itself while purchases are under way, as a new
// version or a changed setting does: nobody who buys meanwhile sees a refusal, a 5xx or a
// lost purchase. The bank is a process of its own and goes on.
package restart

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

const (
	buyers   = 8
	restarts = 3
	shelf    = 1_000_000
)

type world struct {
	*testing.T
	*apptest.Shop
	v apptest.Variant

	mu     sync.Mutex
	paid   int
	tokens []string
}

// ask repeats a request whose kept connection had just been let go; a refused connection
// or an answer of 500 or more is what must not happen.
func (w *world) ask(c *apptest.Client, method, path string, body any, headers ...string) (apptest.Answer, bool) {
	for range 20 {
		a, err := c.Try(method, path, body, headers...)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			w.Errorf("%s: nobody listened: %v", method, err)
			return a, false
		case err != nil:
			continue
		case a.Status >= 500:
			w.Errorf("%s %s: %s", method, path, a)
			return a, false
		}
		return a, true
	}
	w.Errorf("%s %s: the connection broke twenty times", method, path)
	return apptest.Answer{}, false
}

var browser = http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// buy is one purchase from an empty cart to the end.
func (w *world) buy(c *apptest.Client, key string) {
	var k apptest.Cart
	var p apptest.Purchase
	do := func(out any, want int, method, path string, body any, headers ...string) bool {
		a, ok := w.ask(c, method, path, body, headers...)
		if !ok {
			return false
		}
		if a.Status != want {
			w.Errorf("%s %s: %s", method, path, a)
			return false
		}
		if out != nil && a.JSON(out) != nil {
			w.Errorf("%s %s: %s", method, path, a)
			return false
		}
		return true
	}
	if !do(&k, 201, "POST", apptest.API+"/carts", nil) {
		return
	}
	at := apptest.API + "/carts/" + k.ID
	var options struct {
		Items []apptest.Option `json:"items"`
	}
	// A repeated post of a line adds a piece: shelves are deep, and the total is what the cart says.
	if !do(nil, 201, "POST", at+"/lines", map[string]any{"variant_id": w.v.ID, "quantity": 1}) || !do(nil, 200, "PUT", at+"/customer", apptest.Buyer(apptest.NewMail())) ||
		!do(&options, 200, "GET", at+"/delivery-options", nil) {
		return
	}
	for _, o := range options.Items {
		if o.Kind == "store" && !do(&k, 200, "PUT", at+"/delivery", map[string]any{"option_id": o.ID}) {
			return
		}
	}
	if !do(&p, 202, "POST", at+"/purchases", map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": k.Totals.Total}, "Idempotency-Key", key) {
		return
	}
	w.mu.Lock()
	w.tokens = append(w.tokens, p.Token)
	w.mu.Unlock()
	if err := apptest.Poll(60*time.Second, func() bool {
		return !do(&p, 200, "GET", apptest.API+"/purchases/"+p.Token, nil) || p.Next != nil || p.Terminal()
	}); err != nil || p.Next == nil {
		w.Errorf("no way to the bank: %s", p.State)
		return
	}
	res, err := browser.PostForm(p.Next.URL, url.Values{"card_number": {apptest.Good}})
	if err != nil {
		w.Error(err)
		return
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if err := apptest.Poll(60*time.Second, func() bool {
		return !do(&p, 200, "GET", apptest.API+"/purchases/"+p.Token, nil) || p.Terminal()
	}); err != nil || p.State != "paid" {
		w.Errorf("paid at the bank, and %s here", p.State)
		return
	}
	w.mu.Lock()
	w.paid++
	w.mu.Unlock()
}

func TestRestartUnderLoad(t *testing.T) {
	for _, engine := range apptest.Engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			bank := apptest.StartBank(t)
			s := apptest.Start(t, apptest.Options{Engine: engine, Bank: bank.URL})
			w := &world{T: t, Shop: s, v: s.As(t).Scarce(shelf)}
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for b := range buyers {
				wg.Go(func() {
					c := s.As(t).Apart()
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
							w.buy(c, fmt.Sprintf("omstart-%d-%d", b, n))
						}
					}
				})
			}
			count := func() int { w.mu.Lock(); defer w.mu.Unlock(); return w.paid }
			for i := range restarts {
				from := count()
				// Each restart falls in the middle of buying.
				if err := apptest.Poll(90*time.Second, func() bool { return count() >= from+buyers || t.Failed() }); err != nil {
					t.Errorf("before restart %d: nobody gets through", i+1)
				}
				if err := s.Succeed(); err != nil {
					t.Error(err)
					break
				}
			}
			from := count()
			apptest.Poll(90*time.Second, func() bool { return count() >= from+buyers || t.Failed() })
			close(stop)
			wg.Wait()
			if count() < from+buyers {
				t.Errorf("after the restarts only %d of %d purchases more went through", count()-from, buyers)
			}
			c := s.As(t)
			for _, wrong := range c.Books() {
				t.Error(wrong)
			}
			t.Logf("%d purchases over %d restarts", len(w.tokens), restarts)
		})
	}
}
