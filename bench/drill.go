package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
)

// usualRate is how many whole purchases a second the shop serves while drills are measured:
// much more than a shop of that size has, and far from all that the machine can do.
const usualRate = 10

// drillCost measures a drill of a large shop that is buying and selling meanwhile, and what
// its buyers notice of it.
func drillCost(at string) error {
	at = filepath.Join(at, fmt.Sprint("drill", os.Getpid()))
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(at)
	fmt.Printf("A drill beside a shop that sells, in a process of its own at low priority (SQLite, %d purchases a second). Load of the machine: %s, processors: %d\n", usualRate, loadavg(), runtime.NumCPU())
	site := (&url.URL{Scheme: "file", Path: filepath.Join(at, "site"), RawQuery: "name=plats"}).String()
	env := []string{"KASSAVALV_COPIES_SITES=" + site, "KASSAVALV_TEST_INSTANT_CARD=4242424242424242", "KASSAVALV_TEST_HOLD_JOBS=1"}
	s, err := start(at, 1000, "KASSAVALV_TEST_NO_COPIES=1")
	if err != nil {
		return err
	}
	s.stop()
	path := filepath.Join(at, "data", "shop.db")
	if err := fatten(context.Background(), path, int64(*megabytes)<<20); err != nil {
		return err
	}
	if s, err = start(at, 0, env...); err != nil {
		return err
	}
	defer s.stop()
	goods, err := s.plenty(16)
	if err != nil {
		return err
	}
	if out, err := s.command("backup", "now"); err != nil {
		return fmt.Errorf("backup now: %w: %s", err, out)
	}
	for begun := time.Now(); ; time.Sleep(time.Second) { // and the second road's first copy, which a shop makes ten minutes after its start
		if dumps, _ := filepath.Glob(filepath.Join(at, "site", "v", "*.kvc")); len(dumps) > 0 {
			break
		}
		if time.Since(begun) > 30*time.Minute {
			return errors.New("the second road does not get to its site")
		}
	}
	var n atomic.Int64
	buyOne := func() error { return s.buyOne(int(n.Add(1)), goods) }
	for range 20 { // what is read once is read
		if err := buyOne(); err != nil {
			return err
		}
	}
	before, err := paced(usualRate, 30*time.Second, nil, buyOne)
	if err != nil {
		return err
	}
	type drilled struct {
		State    string   `json:"state"`
		Took     float64  `json:"took_seconds"`
		RTO      float64  `json:"rto_seconds"`
		Size     int64    `json:"size_bytes"`
		Findings []string `json:"findings"`
	}
	var d drilled
	over := make(chan struct{})
	var said string
	var derr error
	go func() {
		defer close(over)
		said, derr = s.command("backup", "drill", "--json")
	}()
	during, err := paced(usualRate, 30*time.Minute, over, buyOne)
	if err != nil {
		return err
	}
	<-over
	if err := json.Unmarshal([]byte(said), &d); err != nil {
		return errors.Join(derr, fmt.Errorf("the drill says %s", said))
	}
	after, err := paced(usualRate, 30*time.Second, nil, buyOne)
	if err != nil {
		return err
	}
	still := append(slices.Clone(before), after...)
	row(fmt.Sprintf("a drill of %.2f GB, %s", float64(d.Size)/1e9, d.State), fmt.Sprintf("%.0f s, of which %.0f to a verified shop", d.Took, d.RTO), "under 2 minutes for 1 GB")
	for _, f := range d.Findings {
		fmt.Println("      ", f)
	}
	quiet, busy := at99(still), at99(during)
	row("    whole purchases without it", fmt.Sprintf("p50 %s p99 %s of %d; first half %s, second half %s", ms(half(still)), ms(quiet), len(still), ms(at99(before)), ms(at99(after))), "beside it")
	row("    whole purchases while it runs", fmt.Sprintf("p50 %s p99 %s of %d (%+.0f %% at p99)", ms(half(during)), ms(busy), len(during), 100*(float64(busy)/float64(quiet)-1)), "+30 % at most at p99")
	return nil
}

func half(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func at99(all []time.Duration) time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)*99/100]
}

// paced does something so many times a second, whether the last is done or not, and returns
// how long each took: for a time, or until over.
func paced(rate int, most time.Duration, over <-chan struct{}, fn func() error) (all []time.Duration, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	defer func() { wg.Wait() }()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	end := time.After(most)
	var bad error
	for {
		select {
		case <-over:
			wg.Wait()
			return all, bad
		case <-end:
			wg.Wait()
			return all, bad
		case due := <-tick.C:
			wg.Go(func() {
				err := fn()
				mu.Lock()
				defer mu.Unlock()
				if all = append(all, time.Since(due)); err != nil {
					bad = err
				}
			})
		}
	}
}

func (s *shop) buyOne(n int, goods []string) error {
	c, err := s.cart(n, goods)
	if err != nil {
		return err
	}
	var p struct{ Token, State string }
	if err := s.json("POST", "/carts/"+c.id+"/purchases", map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": c.total}, &p, map[string]string{"Idempotency-Key": "kopia"}); err != nil {
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
	return nil
}

// command runs a command of the program beside the shop.
func (s *shop) command(args ...string) (string, error) {
	cmd := exec.Command(*program, append([]string{"--data", filepath.Join(s.dir, "data")}, args...)...)
	out, err := cmd.Output()
	var ee *exec.ExitError
	if errors.As(err, &ee) && len(ee.Stderr) > 0 {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(ee.Stderr)))
	}
	return string(out), err
}

// fatten puts a table of ballast into a shop that is stopped, until its database has so many
// bytes.
func fatten(ctx context.Context, path string, size int64) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Options{Path: path, Existing: true})
	if err != nil {
		return err
	}
	defer d.Close()
	return ballast(ctx, d, size-st.Size())
}
