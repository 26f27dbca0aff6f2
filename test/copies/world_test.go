package copies

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

func number(t testing.TB, name string, usual uint64) uint64 {
	s := os.Getenv(name)
	if s == "" {
		return usual
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// promise is what a buyer was told.
type promise struct {
	token, number string
	round         int
	at            time.Time
}

// world is a shop, its sites, and what its buyers remember.
type world struct {
	testing.TB // of the proof that runs now
	top        testing.TB
	shop       *apptest.Shop
	o          apptest.Options
	sites      []string // folders
	paper      string   // file with the words
	goods      []apptest.Variant
	mu         sync.Mutex
	rnd        *rand.Rand
	gate       sync.RWMutex // held by each request, and for writing while the program is born again
	disk       *apptest.Disk
	promised   []promise
	round      int
	kills      int
	purchases  atomic.Int64
	patience   time.Duration // how long the copies may take to catch up
	lost       int
	oldest     time.Duration // from the newest that came back to the end
}

const shelf = 1_000_000

// site is the address of a site in a folder.
func site(dir string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir), RawQuery: url.Values{"name": {filepath.Base(dir)}}.Encode()}).String()
}

// prepare makes everything ready for a first start.
func prepare(t testing.TB, o apptest.Options, required int, sites []string, seed uint64, env ...string) *world {
	w := &world{TB: t, top: t, patience: 3 * time.Minute, rnd: rand.New(rand.NewPCG(seed, uint64(required)))}
	if sites == nil {
		at := t.TempDir()
		sites = []string{filepath.Join(at, "ett"), filepath.Join(at, "tva")}
	}
	w.sites = sites
	var addresses []string
	for _, s := range sites {
		addresses = append(addresses, site(s))
	}
	// As long as may be: what is told when the budget is over is the merchant's choice, and
	// no finding (apart).
	o.Env = append([]string{"KASSAVALV_COPIES_SITES=" + strings.Join(addresses, ","), fmt.Sprint("KASSAVALV_COPIES_REQUIRED=", required), "KASSAVALV_COPIES_BUDGET=10s",
		"KASSAVALV_LIMITS_EXEMPT=127.0.0.0/8", "KASSAVALV_TEST_INSTANT_CARD=" + apptest.Good}, env...)
	w.o = o
	w.shop = apptest.Prepare(t, o)
	return w
}

// begin starts the shop for the first time.
func begin(t testing.TB, o apptest.Options, required int, sites []string, seed uint64, env ...string) *world {
	w := prepare(t, o, required, sites, seed, env...)
	w.open()
	w.keepPaper()
	w.stock()
	return w
}

func (w *world) open() {
	if err := w.shop.Open(); err != nil {
		w.Fatal(err)
	}
}

// keepPaper takes the paper key out of the house.
func (w *world) keepPaper() {
	b, err := os.ReadFile(filepath.Join(w.shop.Dir(), "paper.txt"))
	if err != nil {
		w.Fatal(err)
	}
	w.paper = filepath.Join(w.top.TempDir(), "paper.txt")
	if err := os.WriteFile(w.paper, b, 0o600); err != nil {
		w.Fatal(err)
	}
}

func (w *world) stock() {
	c := w.shop.As(w.TB)
	for range 3 {
		w.goods = append(w.goods, c.Scarce(shelf))
	}
}

func (w *world) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

func (w *world) told() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.promised)
}

// crowd sends so many buyers in, each of whom comes again and again until stop is called.
// They remember what they were told, and are not surprised by a shop that is gone.
func (w *world) crowd(buyers int) (stop func()) {
	var done atomic.Bool
	var wg sync.WaitGroup
	for i := range buyers {
		wg.Go(func() {
			for n := i; !done.Load(); n++ {
				if !w.buy(n) {
					time.Sleep(30 * time.Millisecond) // the shop is away; the buyer's patience between two tries
				}
			}
		})
	}
	return func() { done.Store(true); wg.Wait() }
}

// buy is a purchase from an empty cart to the promise. It reports whether the shop spoke.
func (w *world) buy(n int) bool {
	w.gate.RLock()
	c := w.shop.As(w.TB)
	w.gate.RUnlock()
	send := func(method, path string, body, out any, headers ...string) bool {
		w.gate.RLock()
		defer w.gate.RUnlock()
		a, err := c.Try(method, path, body, headers...)
		return err == nil && a.Status/100 == 2 && (out == nil || a.JSON(out) == nil)
	}
	var cart apptest.Cart
	if !send("POST", apptest.API+"/carts", nil, &cart) {
		return false
	}
	at := apptest.API + "/carts/" + cart.ID
	var o struct {
		Items []apptest.Option `json:"items"`
	}
	if !send("POST", at+"/lines", map[string]any{"variant_id": w.goods[n%len(w.goods)].ID, "quantity": 1 + n%3}, nil) ||
		!send("PUT", at+"/customer", apptest.Buyer(apptest.NewMail()), nil) || !send("GET", at+"/delivery-options", nil, &o) {
		return false
	}
	for _, d := range o.Items {
		if d.Kind == "store" { // it has no points to ask for
			if !send("PUT", at+"/delivery", map[string]any{"option_id": d.ID}, &cart) {
				return false
			}
			break
		}
	}
	var p apptest.Purchase
	w.purchases.Add(1)
	if !send("POST", at+"/purchases", map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": cart.Totals.Total}, &p, "Idempotency-Key", "kopia") {
		return false
	}
	for !p.Terminal() {
		if !send("GET", apptest.API+"/purchases/"+p.Token, nil, &p) {
			return false
		}
	}
	if p.State == "paid" && p.Order != nil {
		w.mu.Lock()
		w.promised = append(w.promised, promise{p.Token, p.Order.Number, w.round, time.Now()})
		w.mu.Unlock()
	}
	return true
}

// unmount takes a site away, as a disk that is not mounted; mount gives it back.
func (w *world) unmount(site int) {
	if err := os.Rename(filepath.Join(w.sites[site], markFile), filepath.Join(w.sites[site], markFile+".away")); err != nil {
		w.Fatal(err)
	}
}

func (w *world) mount(site int) {
	if err := os.Rename(filepath.Join(w.sites[site], markFile+".away"), filepath.Join(w.sites[site], markFile)); err != nil {
		w.Fatal(err)
	}
}

const markFile = ".kassavalv-site"

// restored is what `kassavalv restore --json` says.
type restored struct {
	Point struct {
		Epoch uint32    `json:"epoch"`
		TX    uint64    `json:"tx"`
		At    time.Time `json:"at"`
	} `json:"point"`
	Epoch   uint32   `json:"epoch"`
	Damages []string `json:"damages"`
	Found   struct {
		Trouble []string `json:"trouble"`
	} `json:"found"`
}

// restore runs the command, on a machine that has nothing but the paper and the sites.
func (w *world) restore(to string, sites ...string) restored {
	var from []string
	for _, s := range sites {
		from = append(from, site(s))
	}
	return w.restoreFrom(to, from...)
}

// restoreFrom is restore from sites' addresses.
func (w *world) restoreFrom(to string, sites ...string) (r restored) {
	args := []string{"--json", "restore", "--paper", w.paper, "--to", to, "--yes"}
	for _, s := range sites {
		args = append(args, "--from", s)
	}
	cmd := exec.Command(apptest.Program(w.top), args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("restore from %v: %v\n%s", sites, err, said.String())
	}
	if err := json.Unmarshal(out, &r); err != nil {
		w.Fatalf("restore says %q: %v", out, err)
	}
	for _, d := range append(r.Damages, r.Found.Trouble...) {
		w.Errorf("restore from %v: %s", sites, d)
	}
	return r
}

func (w *world) orders(dir string) map[string]bool { return apptest.OrdersIn(w.TB, dir) }

// apart is how many orders the program itself has said to have shown as paid without the
// sites, because the time for waiting was over.
func (w *world) apart() int {
	return strings.Count(w.shop.Records(), "an order is shown as paid and lies on this machine only")
}

// missing are the promises that a database does not keep.
func (w *world) missing(have map[string]bool) (out []promise) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.promised {
		if !have[p.number] {
			out = append(out, p)
		}
	}
	return out
}
