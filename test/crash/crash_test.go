package crash

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// Figures of one round: buyers at once, and kills; a run without a duration is one
// round.
const (
	buyers = 24
	kills  = 6
)

// cards are drawn from, some more often; each comes once a round, and the last, after
// which the bank hangs for half a minute, only once.
var cards = []string{apptest.Good, apptest.Good, apptest.Good, apptest.Twice, apptest.Silent, apptest.Silent, apptest.Second, apptest.Declined, apptest.NoFunds, apptest.Trouble, "", "invoice", apptest.Hangs}

func number(t *testing.T, name string, usual uint64) uint64 {
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

func TestCrashes(t *testing.T) {
	minutes := number(t, "KASSAVALV_TEST_CRASH_MINUTES", 0)
	seed := number(t, "KASSAVALV_TEST_CRASH_SEED", uint64(time.Now().UnixNano()))
	fmt.Printf("crash: seed %d (KASSAVALV_TEST_CRASH_SEED)\n", seed)
	for _, engine := range apptest.Engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			bank := apptest.StartBank(t)
			s := apptest.Start(t, apptest.Options{Engine: engine, Bank: bank.URL})
			w := &world{T: t, Shop: s, rnd: rand.New(rand.NewPCG(seed, uint64(len(engine))))}
			w.prepare()
			end := time.Now().Add(time.Duration(minutes) * time.Minute)
			rounds := 0
			for {
				t0 := time.Now()
				w.round()
				t1 := time.Now()
				w.judge()
				rounds++
				t.Logf("round %d: %s of buying and crashing, %s until all was over and compared", rounds, t1.Sub(t0).Round(time.Second), time.Since(t1).Round(time.Second))
				if t.Failed() || !time.Now().Before(end) {
					break
				}
			}
			t.Logf("%d rounds, %d kills, %d purchases, %d of them paid, seed %d", rounds, w.killed, len(w.all), w.paid, seed)
		})
	}
}

// try is one buyer's way through the shop, as he remembers it.
type try struct {
	mail, card, key string
	cart            apptest.Cart
	token           string
	told            *apptest.Purchase // the last final answer he saw
	refund          int64             // asked for by staff
}

type world struct {
	*testing.T
	*apptest.Shop
	rnd    *rand.Rand
	goods  []apptest.Variant
	all    []*try
	killed int
	paid   int

	gate sync.RWMutex // held by each request, and for writing while the program is born again
}

const shelf = 100_000

func (w *world) prepare() {
	c := w.As(w.T)
	for range 3 {
		w.goods = append(w.goods, c.Scarce(shelf))
	}
}

// ask does one request on the program that lives now. A broken connection is waited
// out: the buyer tries again. It gives up when ok says so or the time is over.
func (w *world) again(what string, fn func(c *apptest.Client) bool) bool {
	end := time.Now().Add(120 * time.Second)
	for time.Now().Before(end) {
		if w.once(fn) {
			return true
		}
		time.Sleep(30 * time.Millisecond) // a buyer's patience between two tries, with the deadline above
	}
	w.Errorf("%s: not within two minutes", what)
	return false
}

// once is fn on the program as it is; while it is being born it waits.
func (w *world) once(fn func(c *apptest.Client) bool) bool {
	w.gate.RLock()
	defer w.gate.RUnlock()
	return fn(w.As(w.T))
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

// buy goes from an empty cart to the bank and back, through all crashes.
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
		time.Sleep(100 * time.Millisecond) // the buyer's page asks again; nothing is judged by this
	}
}

var dice sync.Mutex

func (w *world) coin() bool {
	dice.Lock()
	defer dice.Unlock()
	return w.rnd.IntN(2) == 0
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

// round sends buyers in and kills the program under them.
func (w *world) round() {
	// A bank that takes its time and loses some answers, so that kills fall between its
	// act and what the shop hears of it.
	w.As(w.T).Faults(map[string]any{"latency_ms": 120, "drop_rate": 0.05, "duplicate_rate": 0.3})
	var wg sync.WaitGroup
	for i := range buyers {
		dice.Lock()
		x := &try{mail: apptest.NewMail(), card: cards[w.rnd.IntN(len(cards)-1)], key: fmt.Sprintf("krasch-%d-%d", len(w.all), i)}
		if i < len(cards) {
			x.card = cards[i] // each at least once
		}
		v, n, wait := w.goods[w.rnd.IntN(len(w.goods))], 1+w.rnd.Int64N(3), time.Duration(w.rnd.IntN(6000))*time.Millisecond
		if x.card == apptest.Hangs { // these take longest, so they come first
			wait = 0
		}
		dice.Unlock()
		w.all = append(w.all, x)
		wg.Go(func() {
			time.Sleep(wait) // buyers come when they like
			w.buy(x, v, n)
		})
	}
	stop := make(chan struct{})
	go func() { wg.Wait(); close(stop) }()
	for range kills {
		dice.Lock()
		wait := time.Duration(100+w.rnd.IntN(1800)) * time.Millisecond
		dice.Unlock()
		time.Sleep(wait) // the moment of a crash is drawn
		w.Kill()         // with everything that is under way
		w.killed++
		w.gate.Lock()
		err := w.Open()
		w.gate.Unlock()
		if err != nil {
			w.Fatalf("kill %d: it does not open again: %v", w.killed, err)
		}
	}
	<-stop
}

var messageID = regexp.MustCompile(`(?im)^Message-ID:\s*(\S+)`)

// judge waits until all is over and compares.
func (w *world) judge() {
	c := w.As(w.T)
	c.Faults(nil)
	for _, x := range w.all {
		if x.token == "" || x.told != nil {
			continue
		}
		if x.card == "" || c.Purchase(x.token).State == "awaiting_customer" {
			// He has left, or the bank's page did not take his card: the purchase is ended, as
			// he can do on its page. Where he has paid all the same, it is paid.
			c.Form("/purchases/"+x.token+"/cancel", nil)
		}
		var p apptest.Purchase
		if err := apptest.Poll(60*time.Second, func() bool { p = c.Purchase(x.token); return p.Terminal() }); err != nil {
			w.Errorf("card %q: still %s", x.card, p.State)
			continue
		}
		w.remember(x, p)
	}
	w.paid = 0
	for _, x := range w.all {
		if x.told == nil {
			continue
		}
		p := c.Purchase(x.token)
		w.remember(x, p)
		switch x.card {
		case apptest.Good, apptest.Twice, apptest.Silent, apptest.Second, apptest.Hangs:
			if b := c.Payments(x.token); len(b) == 1 && b[0].Captured > 0 && (p.State != "paid" || p.Order == nil) {
				w.Errorf("card %s: the bank took %d, the purchase is %s", x.card, b[0].Captured, p.State)
			}
		case apptest.Declined, apptest.NoFunds, apptest.Trouble, "":
			if p.State != "refused" && p.State != "expired" {
				w.Errorf("card %q: the purchase is %s", x.card, p.State)
			}
		case "invoice":
			if p.State != "placed" {
				w.Errorf("invoice: the purchase is %s", p.State)
			}
		}
		if p.Order == nil {
			continue
		}
		w.paid++
		// One letter, or the same one twice.
		var ms []apptest.Mail
		// On PostgreSQL a letter that was being sent is let go when its lease of half a minute has
		// run out: another node might be at it.
		if err := apptest.Poll(120*time.Second, func() bool { ms = c.Mails(x.mail); return len(ms) > 0 }); err != nil {
			w.Errorf("order %s got no mail", p.Order.Number)
			continue
		}
		if !strings.Contains(ms[0].Text, p.Order.Number) {
			w.Errorf("the mail of order %s does not name it", p.Order.Number)
		}
		if len(ms) > 1 {
			first := c.RawMail(ms[0].ID)
			for _, m := range ms[1:] {
				raw := c.RawMail(m.ID)
				if a, b := messageID.FindString(first), messageID.FindString(raw); a == "" || a != b || m.Text != ms[0].Text || m.HTML != ms[0].HTML || m.Subject != ms[0].Subject {
					w.Errorf("order %s got two letters: %s, %s", p.Order.Number, a, b)
				}
			}
		}
	}
	if n := c.Count(`SELECT count(*) FROM order_order`); n != w.paid {
		w.Errorf("%d orders of %d purchases that were told so", n, w.paid)
	}
	for _, wrong := range c.Books() {
		w.Error(wrong)
	}
	for _, v := range w.goods {
		if s := c.Stock(v.ID); s.OnHand != shelf {
			w.Errorf("%+v", s)
		}
	}
	if c.Engine == "sqlite" {
		if r := c.Query(`PRAGMA integrity_check`); len(r) != 1 || r[0][0] != "ok" {
			w.Errorf("integrity: %v", r)
		}
	}
}
