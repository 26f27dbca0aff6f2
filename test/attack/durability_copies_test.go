package attack

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// Copies are made while everybody writes, twenty times. Each opens, whole, and has every order that a
// buyer knew of before it was asked for; a drill has the shop's own checks go through what comes back, and a copy
// that does not open is not called one. A shop that knows of no copies says that.
var _ = alone("AC-067", func(t *testing.T, engine string) {
	c := lone(t, apptest.Options{Engine: engine})
	if engine == "postgres" {
		for _, verb := range []string{"now", "status"} {
			if out, code := apptest.Command(t, nil, "backup", verb, "--data", c.Dir()); code != 3 || !strings.Contains(out, "nothing is known of copies") {
				t.Errorf("backup %s of a database that nobody copies: %d %s", verb, code, out)
			}
		}
		return
	}
	goods := c.Scarce(100_000)
	var (
		wg     sync.WaitGroup
		over   atomic.Bool
		writes atomic.Int64
		most   atomic.Int64 // as many as may be yet: on a slow machine each copy took longer, so the next had more to bring back
		during int64        // written while a copy was made
		mu     sync.Mutex
		told   []string // numbers of orders that buyers know of

		sold, mostSold atomic.Int64 // likewise
	)
	most.Store(200)
	mostSold.Store(40)
	for range 4 {
		wg.Go(func() {
			for !over.Load() {
				if writes.Load() >= most.Load() {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				x := c.Other()
				k := x.NewCart()
				for range 10 {
					if a, err := x.Try("POST", apptest.API+"/carts/"+k.ID+"/lines", map[string]any{"variant_id": goods.ID, "quantity": 1}); err != nil || a.Status/100 != 2 {
						t.Errorf("a write while copies are made: %d %s %v", a.Status, a.Body, err)
						return
					}
					writes.Add(1)
				}
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for !over.Load() {
				if sold.Load() >= mostSold.Load() {
					time.Sleep(5 * time.Millisecond)
					continue
				}
				_, o := c.Other().Paid(goods, 1)
				sold.Add(1)
				mu.Lock()
				told = append(told, o.Number)
				mu.Unlock()
			}
		})
	}
	end := func() { over.Store(true); wg.Wait() }
	defer end()
	site := func(n string) string {
		u := url.URL{Scheme: "file", Path: filepath.Join(c.Dir(), "sites", n), RawQuery: url.Values{"name": {n}}.Encode()}
		return u.String()
	}
	names := []string{"plats-1", "plats-2"}
	for i := range 20 {
		before := writes.Load()
		most.Store(before + 200)
		mostSold.Store(sold.Load() + 40)
		c.Wait("people who write", 2*time.Minute, func() bool { return writes.Load() >= before+100 || t.Failed() })
		mu.Lock()
		want := slices.Clone(told)
		mu.Unlock()
		begun := writes.Load()
		if out, code := apptest.Command(t, nil, "backup", "now", "--data", c.Dir()); code != 0 {
			t.Fatalf("copy %d: %d %s", i, code, out)
		}
		during += writes.Load() - begun
		to := filepath.Join(t.TempDir(), "copy")
		if out, code := apptest.Command(t, nil, "restore", "--paper", filepath.Join(c.Dir(), "paper.txt"), "--to", to, "--yes", "--from", site(names[i%2])); code != 0 {
			t.Fatalf("copy %d does not come back: %d %s", i, code, out)
		}
		have := apptest.OrdersIn(t, to)
		for _, n := range want {
			if !have[n] {
				t.Errorf("copy %d is without order %s, which was there before it was asked for", i, n)
			}
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	if during == 0 {
		t.Fatal("nobody wrote while a copy was made")
	}
	if len(told) < 5 {
		t.Fatalf("only %d were sold meanwhile", len(told))
	}
	end()
	verify := func() (string, int) {
		return apptest.Command(t, nil, "backup", "verify", "--site", names[0], "--data", c.Dir())
	}
	if out, code := apptest.Command(t, nil, "backup", "now", "--data", c.Dir()); code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	if out, code := verify(); code != 0 {
		t.Errorf("verified: %d %s", code, out)
	}
	// The second road is laid ten minutes after the start. That it is not there yet is all that a drill may miss.
	out, _ := apptest.Command(t, nil, "backup", "drill", "--json", "--site", names[0], "--data", c.Dir())
	var drill struct {
		State    string   `json:"state"`
		Findings []string `json:"findings"`
	}
	if err := json.Unmarshal([]byte(out), &drill); err != nil || drill.State != "ok" && drill.State != "inconclusive" {
		t.Errorf("the drill: %v %s", err, out)
	}
	for _, f := range drill.Findings {
		if !strings.Contains(f, "the site has no copy of the second road yet") {
			t.Errorf("the drill found: %s", f)
		}
	}
	segments, err := filepath.Glob(filepath.Join(c.Dir(), "sites", names[0], "e", "*", "l0", "*.kvc"))
	if err != nil || len(segments) == 0 {
		t.Fatal(len(segments), err)
	}
	broken := segments[len(segments)/2]
	b := readFile(t, broken)
	b[len(b)-1] ^= 1
	if err := os.WriteFile(broken, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := verify(); code != 3 || !strings.Contains(out, filepath.Base(broken)) {
		t.Errorf("a copy that does not open is called whole: %d %s", code, out)
	}
})
