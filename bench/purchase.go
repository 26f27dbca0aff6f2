package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
)

type moneyJSON struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

type cartJSON struct {
	ID     string `json:"id"`
	Totals struct {
		Total moneyJSON `json:"total"`
	} `json:"totals"`
}

// purchases measures the whole way from an empty cart to a paid order through
// the Store API, at a bank that answers at once, in full durability.
func purchases(dir string) error {
	fmt.Println("Whole purchase through the Store API (cart, two lines, address, delivery, payment, order; SQLite, synchronous=FULL)")
	for _, letters := range []bool{false, true} {
		if err := buyers(dir, letters); err != nil {
			return err
		}
	}
	return bareRows(dir)
}

// buyers measures with or without the letters (three PDFs each) that follow a
// purchase in the same process.
func buyers(dir string, letters bool) error {
	env := []string{"KASSAVALV_TEST_INSTANT_CARD=4242424242424242"}
	inside := "bank, mail and PDF inside"
	if !letters {
		env = append(env, "KASSAVALV_TEST_HOLD_JOBS=1")
		inside = "bank inside, mail and PDF later"
	}
	sub := filepath.Join(dir, "buy"+fmt.Sprint(letters))
	os.MkdirAll(sub, 0o700)
	s, err := start(sub, 1000, env...)
	if err != nil {
		return err
	}
	defer s.stop()
	variants, err := s.plenty(16)
	if err != nil {
		return err
	}
	steps := []string{"cart", "two lines", "address", "delivery options", "delivery", "purchase until paid"}
	for _, buyers := range []int{8, 64} {
		var spent [6]atomic.Int64
		var seq atomic.Int64
		r := load(s.PID, buyers, func(int) error {
			n := seq.Add(1)
			t := time.Now()
			lap := func(i int) { now := time.Now(); spent[i].Add(int64(now.Sub(t))); t = now }
			var c cartJSON
			if err := s.json("POST", "/carts", nil, &c, nil); err != nil {
				return err
			}
			lap(0)
			for k := range int64(2) {
				if err := s.json("POST", "/carts/"+c.ID+"/lines", map[string]any{"variant_id": variants[(n*2+k)%int64(len(variants))], "quantity": 1}, &c, nil); err != nil {
					return err
				}
			}
			lap(1)
			if err := s.json("PUT", "/carts/"+c.ID+"/customer", map[string]any{"email": fmt.Sprintf("k%d@example.se", n), "name": "Prov Person", "phone": "070-174 06 05",
				"address": map[string]string{"line1": "Storgatan 1", "postal_code": "11221", "city": "Stockholm", "country": "SE"}}, &c, nil); err != nil {
				return err
			}
			lap(2)
			var opts struct {
				Items []struct {
					ID string `json:"id"`
				} `json:"items"`
			}
			if err := s.json("GET", "/carts/"+c.ID+"/delivery-options", nil, &opts, nil); err != nil {
				return err
			}
			if len(opts.Items) == 0 {
				return fmt.Errorf("no delivery")
			}
			lap(3)
			if err := s.json("PUT", "/carts/"+c.ID+"/delivery", map[string]string{"option_id": opts.Items[0].ID}, &c, nil); err != nil {
				return err
			}
			lap(4)
			var p struct{ Token, State string }
			if err := s.json("POST", "/carts/"+c.ID+"/purchases", map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": c.Totals.Total}, &p, map[string]string{"Idempotency-Key": fmt.Sprint("b", n)}); err != nil {
				return err
			}
			for p.State != "paid" {
				if p.State == "refused" || p.State == "expired" {
					return fmt.Errorf("purchase %s", p.State)
				}
				if err := s.json("GET", "/purchases/"+p.Token, nil, &p, nil); err != nil {
					return err
				}
			}
			lap(5)
			return nil
		})
		row(fmt.Sprintf("%d buyers: %.0f orders/s, p50 %s, p99 %s, aborted %d", buyers, r.rate, ms(r.p50), ms(r.p99), r.failed), ms(r.per)+" CPU ("+inside+")", "8 ms CPU, 5 ms as a stretch; 0 aborted")
		for i, name := range steps {
			if r.ops > 0 {
				fmt.Printf("      %-28s %s\n", name, ms(time.Duration(spent[i].Load()/r.ops)))
			}
		}
	}
	return nil
}

// plenty finds variants and stocks them up.
func (s *shop) plenty(n int) ([]string, error) {
	var l struct {
		Items []struct {
			Variants []struct {
				ID       string
				Sellable bool
			} `json:"variants"`
		} `json:"items"`
	}
	if err := s.json("GET", "/products?limit=100", nil, &l, nil); err != nil {
		return nil, err
	}
	var out []string
	for _, p := range l.Items {
		for _, v := range p.Variants {
			if v.Sellable && len(out) < n {
				var x any
				if err := s.admin("PUT", "/variants/"+v.ID+"/stock", map[string]int64{"on_hand": 5_000_000}, &x); err != nil {
					continue // untracked or of a kind that is not counted
				}
				out = append(out, v.ID)
				break
			}
		}
	}
	if len(out) < 2 {
		return nil, fmt.Errorf("too few goods in stock")
	}
	return out, nil
}

func (s *shop) admin(method, path string, in, out any) error {
	return s.at("/api/admin/v1", method, path, in, out, map[string]string{"Authorization": "Bearer " + s.AdminToken})
}

// bareRows writes as many rows as a purchase does, as plain SQL through the
// same writer: the share of a purchase that is the database.
func bareRows(dir string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, db.Options{Path: filepath.Join(dir, "bare.db"), Create: true})
	if err != nil {
		return err
	}
	defer d.Close()
	if err := db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`CREATE TABLE bare (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b INTEGER NOT NULL) STRICT`)
		return err
	}); err != nil {
		return err
	}
	const rowsPer, writes = 32, 7 // rows of a purchase, and the writes they come in
	for _, buyers := range []int{8, 64} {
		var n atomic.Int64
		var wg sync.WaitGroup
		c0, t0 := cpu(os.Getpid()), time.Now()
		end := t0.Add(*length)
		for range buyers {
			wg.Go(func() {
				for time.Now().Before(end) {
					for w := range writes {
						db.Do(ctx, d, func(tx *db.Tx) error {
							for range (rowsPer + writes - 1 - w) / writes {
								if _, err := tx.Exec(`INSERT INTO bare (id, a, b) VALUES ($1,$2,$3)`, tx.NewID(), "en rad av vanlig längd, ungefär som en rad i en order", 1); err != nil {
									return err
								}
							}
							return nil
						})
					}
					n.Add(1)
				}
			})
		}
		wg.Wait()
		if n.Load() > 0 {
			per := (cpu(os.Getpid()) - c0) / time.Duration(n.Load())
			row(fmt.Sprintf("%d writers: the same rows as bare group-committed SQL", buyers), fmt.Sprintf("%s CPU, %.0f/s", ms(per), float64(n.Load())/time.Since(t0).Seconds()), "beside it")
		}
	}
	return nil
}
