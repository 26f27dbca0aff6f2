package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// buttons measures what a buyer waits for after the button: the purchase is posted, and
// its page is fetched, which must tell the truth of it. Buyers come at a steady rate
// whether the shop keeps up or not, so that waiting is counted from the moment a buyer
// came (no coordinated omission). The bank answers at once.
func buttons(dir string) error {
	fmt.Println("From the button to the first truthful page (post the purchase, get its page), buyers coming at a steady rate, bank at once")
	if err := button(dir, "", []int{20, 40, 80, 120, 160, 240, 320}, 80); err != nil {
		return err
	}
	if *postgres == "" {
		*postgres = os.Getenv("KASSAVALV_TEST_POSTGRES")
	}
	if *postgres == "" {
		fmt.Println("  PostgreSQL is not measured: name a server with -postgres or DATABASE_URL.")
		return nil
	}
	at, drop, err := schema(*postgres)
	if err != nil {
		return err
	}
	defer drop()
	fmt.Println("  The same on PostgreSQL")
	return button(dir, at, []int{10, 25, 50, 80, 120}, 25)
}

// button climbs the rates until the shop no longer keeps up: the knee.
func button(dir, database string, rates []int, goal int) error {
	env := []string{"KASSAVALV_TEST_INSTANT_CARD=4242424242424242"}
	if database != "" {
		env = append(env, "DATABASE_URL="+database)
	}
	sub := filepath.Join(dir, fmt.Sprint("button", database != "", os.Getpid()))
	os.MkdirAll(sub, 0o700)
	defer os.RemoveAll(sub)
	s, err := start(sub, 1000, env...)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.full(); err != nil {
		return err
	}
	variants, err := s.plenty(16)
	if err != nil {
		return err
	}
	knee, steady := 0, true
	for _, rate := range rates {
		n := int(float64(rate) * length.Seconds())
		carts, err := s.filled(n, variants)
		if err != nil {
			return err
		}
		r := s.pressed(carts, rate)
		want := "-"
		if rate == goal {
			want = "150 ms p95"
		}
		row(fmt.Sprintf("%d purchases/s for %s, letters and PDFs in the background", rate, length),
			fmt.Sprintf("p50 %s, p95 %s, p99 %s, %d failed", ms(r.p50), ms(r.p95), ms(r.p99), r.failed), want)
		if steady && r.failed == 0 && r.p95 <= 150*time.Millisecond {
			knee = rate
		} else {
			steady = false
		}
		if r.p95 > 2*time.Second || r.failed > n/10 {
			break
		}
	}
	row("the knee: the greatest of these rates with 150 ms p95 and nothing failed", fmt.Sprintf("%d/s", knee), fmt.Sprintf("%d/s", goal))
	return nil
}

type ready2buy struct {
	id    string
	total moneyJSON
}

// filled makes carts that lack nothing but the button.
func (s *shop) filled(n int, variants []string) ([]ready2buy, error) {
	out := make([]ready2buy, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	for range 16 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				c, err := s.cart(i, variants)
				if err != nil {
					mu.Lock()
					first = errors.Join(first, err)
					mu.Unlock()
					return
				}
				out[i] = c
			}
		})
	}
	wg.Wait()
	return out, first
}

func (s *shop) cart(i int, variants []string) (ready2buy, error) {
	var c cartJSON
	var opts struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if err := s.json("POST", "/carts", nil, &c, nil); err != nil {
		return ready2buy{}, err
	}
	if err := s.json("POST", "/carts/"+c.ID+"/lines", map[string]any{"variant_id": variants[i%len(variants)], "quantity": 1}, &c, nil); err != nil {
		return ready2buy{}, err
	}
	if err := s.json("PUT", "/carts/"+c.ID+"/customer", map[string]any{"email": fmt.Sprintf("b%d@example.se", i), "name": "Prov Person", "phone": "070-174 06 05",
		"address": map[string]string{"line1": "Storgatan 1", "postal_code": "11221", "city": "Stockholm", "country": "SE"}}, &c, nil); err != nil {
		return ready2buy{}, err
	}
	if err := s.json("GET", "/carts/"+c.ID+"/delivery-options", nil, &opts, nil); err != nil {
		return ready2buy{}, err
	}
	if len(opts.Items) == 0 {
		return ready2buy{}, errors.New("no delivery")
	}
	err := s.json("PUT", "/carts/"+c.ID+"/delivery", map[string]string{"option_id": opts.Items[0].ID}, &c, nil)
	return ready2buy{c.ID, c.Totals.Total}, err
}

type waited struct {
	p50, p95, p99 time.Duration
	failed        int
}

// pressed lets the buyers come at the rate.
func (s *shop) pressed(carts []ready2buy, rate int) waited {
	took := make([]time.Duration, len(carts))
	failed := make([]bool, len(carts))
	var wg sync.WaitGroup
	begin := time.Now()
	for i, c := range carts {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			var p struct{ Token, State string }
			err := s.json("POST", "/carts/"+c.id+"/purchases", map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": c.total}, &p, map[string]string{"Idempotency-Key": "knapp"})
			if err == nil {
				err = s.page("/purchases/" + p.Token)
			}
			took[i], failed[i] = time.Since(due), err != nil
		})
	}
	wg.Wait()
	w := waited{}
	for _, f := range failed {
		if f {
			w.failed++
		}
	}
	slices.Sort(took)
	at := func(q float64) time.Duration { return took[min(len(took)-1, int(q*float64(len(took))))] }
	w.p50, w.p95, w.p99 = at(0.50), at(0.95), at(0.99)
	return w
}

func (s *shop) page(path string) error {
	res, err := s.http.Get(s.Shop + path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %d", "the purchase's page", res.StatusCode)
	}
	return nil
}
