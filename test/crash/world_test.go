package crash

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// cards are drawn from, some more often; each comes once a round, and the last, after
// which the bank hangs for half a minute, only once.
var cards = []string{apptest.Good, apptest.Good, apptest.Good, apptest.Twice, apptest.Silent, apptest.Silent, apptest.Second, apptest.Declined, apptest.NoFunds, apptest.Trouble, "", "invoice", apptest.Hangs}

// try is one buyer's way through the shop, as he remembers it.
type try struct {
	mail, card, key string
	cart            apptest.Cart
	token           string
	told            *apptest.Purchase // the last final answer he saw
	refund          int64             // acknowledged by the shop, in öre
}

type world struct {
	testing.TB // of the proof that runs now
	*apptest.Shop
	goods    []apptest.Variant
	patience time.Duration // how long a purchase may take to be over once all is well again
	letters  time.Duration // how long a letter may take then
	trying   time.Duration // how long a buyer tries again

	mu      sync.Mutex
	rnd     *rand.Rand
	all     []*try
	rounds  int
	killed  int
	lost    int // times the database went
	paid    int
	refunds int

	env  []string     // of every start
	gate sync.RWMutex // held by each request, and for writing while the program is born again
}

const shelf = 100_000

func newWorld(t testing.TB, s *apptest.Shop, seed uint64) *world {
	// On PostgreSQL a letter that was being sent is let go when its lease of half a minute
	// has run out: another node might be at it.
	w := &world{TB: t, Shop: s, rnd: rand.New(rand.NewPCG(seed, uint64(len(s.Engine)))), patience: 90 * time.Second, letters: 120 * time.Second, trying: 120 * time.Second}
	c := w.As(t)
	for range 3 {
		w.goods = append(w.goods, c.Scarce(shelf))
	}
	return w
}

func (w *world) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

func (w *world) coin() bool { return w.draw(2) == 0 }

// summary is the line that make torture adds up.
func (w *world) summary(t testing.TB, engine string) {
	verdict := 0
	if t.Failed() {
		verdict = 1
	}
	fmt.Printf("sum: crash/%s rounds=%d kills=%d purchases=%d refunds=%d differences=%d\n", engine, w.rounds, w.killed+w.lost, len(w.all), w.refunds, verdict)
}

// again does one request on the program that lives now. A broken connection is waited
// out: the buyer tries again. It gives up when ok says so or the time is over.
func (w *world) again(what string, fn func(c *apptest.Client) bool) bool {
	end := time.Now().Add(w.trying)
	for time.Now().Before(end) {
		if w.once(fn) {
			return true
		}
		time.Sleep(30 * time.Millisecond) // a buyer's patience between two tries, with the deadline above
	}
	w.Errorf("%s: not within %s", what, w.trying)
	return false
}

// once is fn on the program as it is; while it is being born it waits.
func (w *world) once(fn func(c *apptest.Client) bool) bool {
	w.gate.RLock()
	defer w.gate.RUnlock()
	return fn(w.As(w.TB))
}

// reborn kills the program, if it still lives, and opens it again.
func (w *world) reborn() {
	w.Kill() // with everything that is under way
	w.gate.Lock()
	defer w.gate.Unlock()
	w.Environ(w.env...)
	if err := w.Open(); err != nil {
		w.Fatalf("kill %d: it does not open again: %v", w.killed, err)
	}
}

// doomed is reborn for a program that ends itself when it passes a step for the nth
// time, and waits until it has. It may come so far before it answers anybody.
func (w *world) doomed(step string, nth int) {
	w.Kill()
	w.gate.Lock()
	w.Environ(append([]string{fmt.Sprintf("KASSAVALV_PROOF_KILL=%s:%d", step, nth)}, w.env...)...)
	err := w.Open()
	w.gate.Unlock()
	if err != nil && w.Alive() {
		w.Fatalf("kill %d: it does not open again: %v", w.killed, err)
	}
	select {
	case <-w.Died():
		w.killed++
		if n := w.Status(); n != -1 { // -1: by a signal
			w.Fatalf("at the step %q the program ended by itself with status %d", step, n)
		}
	case <-time.After(90 * time.Second):
		w.Errorf("the step %q was not passed within a minute and a half", step)
	}
}

// browser speaks with the bank, which is never killed.
var browser = http.Client{Timeout: 3 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// pay types a card on the bank's page and returns where the bank sends the buyer; a
// bank that hangs loses his patience.
func pay(at, card string) string {
	send := func(to string, v url.Values) (*http.Response, string) {
		res, err := browser.PostForm(to, v)
		if err != nil {
			return nil, ""
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res, string(b)
	}
	if res, err := browser.Get(at); err == nil {
		res.Body.Close()
	}
	res, page := send(at, url.Values{"card_number": {card}})
	if res != nil && strings.Contains(page, `name="code"`) {
		res, _ = send(at+"/code", url.Values{"code": {"123456"}})
	}
	if res == nil {
		return ""
	}
	return res.Header.Get("Location")
}

// send is a request whose connection may break; status 0 then.
func send(c *apptest.Client, method, path string, body any, out any, headers ...string) int {
	a, err := c.Try(method, path, body, headers...)
	if err != nil {
		return 0
	}
	if out != nil && a.Status/100 == 2 {
		if a.JSON(out) != nil {
			return 0
		}
	}
	return a.Status
}

// visit makes a buyer who goes from an empty cart to the bank and back, through all
// crashes.
func (w *world) visit(card string) *try {
	w.mu.Lock()
	x := &try{mail: apptest.NewMail(), card: card, key: fmt.Sprintf("krasch-%d", len(w.all))}
	w.all = append(w.all, x)
	v, n := w.goods[w.rnd.IntN(len(w.goods))], 1+w.rnd.Int64N(3)
	w.mu.Unlock()
	w.buy(x, v, n)
	return x
}

func (w *world) buy(x *try, v apptest.Variant, n int64) {
	who := apptest.Buyer(x.mail)
	if !w.again("a cart", func(c *apptest.Client) bool {
		return send(c, "POST", apptest.API+"/carts", nil, &x.cart) == 201
	}) {
		return
	}
	at := apptest.API + "/carts/" + x.cart.ID
	if !w.again("goods", func(c *apptest.Client) bool {
		// A repeated try must not put more in: the line is set, where it is there.
		var k apptest.Cart
		if send(c, "GET", at, nil, &k) != 200 {
			return false
		}
		if len(k.Lines) == 0 {
			return send(c, "POST", at+"/lines", map[string]any{"variant_id": v.ID, "quantity": n}, nil) == 201
		}
		return k.Lines[0].Quantity == n
	}) || !w.again("buyer", func(c *apptest.Client) bool { return send(c, "PUT", at+"/customer", who, nil) == 200 }) {
		return
	}
	if !w.again("delivery", func(c *apptest.Client) bool {
		var o struct {
			Items []apptest.Option `json:"items"`
		}
		if send(c, "GET", at+"/delivery-options", nil, &o) != 200 {
			return false
		}
		for _, d := range o.Items {
			if d.Kind == "store" { // it has no points to ask for
				return send(c, "PUT", at+"/delivery", map[string]any{"option_id": d.ID}, &x.cart) == 200
			}
		}
		return false
	}) {
		return
	}
	method := "card"
	if x.card == "invoice" {
		method = "invoice"
	}
	body := map[string]any{"payment_method": method, "accept_terms": true, "expected_total": x.cart.Totals.Total}
	var p apptest.Purchase
	if !w.again("purchase", func(c *apptest.Client) bool {
		var q apptest.Purchase
		if send(c, "POST", at+"/purchases", body, &q, "Idempotency-Key", x.key) != 202 {
			return false
		}
		if x.token != "" && x.token != q.Token {
			w.Errorf("the same key gave another purchase")
		}
		x.token, p = q.Token, q
		return true
	}) {
		return
	}
	w.remember(x, p)
	if x.card == "" || x.card == "invoice" { // he changes his mind and leaves; or pays later
		return
	}
	if !w.again("the way to the bank", func(c *apptest.Client) bool {
		if send(c, "GET", apptest.API+"/purchases/"+x.token, nil, &p) != 200 {
			return false
		}
		return p.Next != nil || p.Terminal()
	}) {
		return
	}
	if p.Next == nil {
		w.remember(x, p)
		return
	}
	// The bank lives; how the buyer gets back is up to the shop.
	to := pay(p.Next.URL, x.card)
	if to != "" && w.coin() {
		w.once(func(c *apptest.Client) bool { c.Try("GET", to, nil); return true })
	}
	for range 5 {
		w.once(func(c *apptest.Client) bool {
			var q apptest.Purchase
			if send(c, "GET", apptest.API+"/purchases/"+x.token, nil, &q) == 200 {
				w.remember(x, q)
			}
			return true
		})
		if x.told != nil {
			return
		}
		time.Sleep(100 * time.Millisecond) // the buyer's page asks again; nothing is judged by this
	}
}

// giveBack has staff pay back a part of an order, with a key that stays the same
// until the shop has acknowledged it.
func (w *world) giveBack(x *try) {
	if x.told == nil || x.told.Order == nil || x.told.State != "paid" {
		return
	}
	ore := int64(100 + w.draw(400))
	if !w.again("a refund", func(c *apptest.Client) bool {
		return send(c, "POST", apptest.AdminAPI+"/orders/"+x.told.Order.Number+"/refunds", map[string]any{"amount": apptest.SEK(ore), "reason": "krasch"}, nil,
			"Authorization", "Bearer "+c.AdminToken, "Idempotency-Key", x.key) == 202
	}) {
		return
	}
	x.refund = ore
	w.mu.Lock()
	w.refunds++
	w.mu.Unlock()
}

// remember keeps what a buyer was told: what is final stays so.
func (w *world) remember(x *try, p apptest.Purchase) {
	if !p.Terminal() {
		if x.told != nil {
			w.Errorf("a purchase that was %s is %s", x.told.State, p.State)
		}
		return
	}
	if x.told != nil && (x.told.State != p.State || (x.told.Order == nil) != (p.Order == nil) || p.Order != nil && x.told.Order.Number != p.Order.Number) {
		w.Errorf("a purchase that was %s is %s", x.told.State, p.State)
	}
	x.told = &p
}

// weary makes a bank that takes its time and loses some answers, so that kills fall
// between its act and what the shop hears of it.
func (w *world) weary() {
	w.As(w.TB).Faults(map[string]any{"latency_ms": 120, "drop_rate": 0.05, "duplicate_rate": 0.3})
}

// atRandom sends buyers in and kills the program under them at moments that are drawn.
func (w *world) atRandom(buyers, kills int) {
	w.weary()
	var wg sync.WaitGroup
	for i := range buyers {
		card := cards[w.draw(len(cards)-1)]
		if i < len(cards) {
			card = cards[len(cards)-1-i] // each at least once, and those that take longest first
		}
		wait := time.Duration(w.draw(6000)) * time.Millisecond
		if card == apptest.Hangs {
			wait = 0
		}
		wg.Go(func() {
			time.Sleep(wait) // buyers come when they like
			x := w.visit(card)
			if w.coin() {
				w.giveBack(x)
			}
		})
	}
	for range kills {
		time.Sleep(time.Duration(100+w.draw(1800)) * time.Millisecond) // the moment of a crash is drawn
		w.killed++
		w.reborn()
	}
	wg.Wait()
}

// keepComing sends so many buyers in, each of whom comes again and again until stop is
// called, which waits for the last of them.
func (w *world) keepComing(buyers int, cards ...string) (stop func()) {
	w.weary()
	var done atomic.Bool
	var wg sync.WaitGroup
	for i := range buyers {
		wg.Go(func() {
			for n := i; !done.Load(); n++ {
				x := w.visit(cards[n%len(cards)])
				w.giveBack(x)
			}
		})
	}
	return func() { done.Store(true); wg.Wait() }
}

// atSteps has the program end itself once at each step, under buyers who keep coming.
func (w *world) atSteps(buyers int, steps ...string) {
	stop := w.keepComing(buyers, cards[:len(cards)-1]...)
	defer stop()
	for _, s := range steps {
		w.doomed(s, 1+w.draw(3))
	}
	w.reborn()
}
