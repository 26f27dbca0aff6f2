package fault

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/wiretest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// patience is how long anything may take that takes a moment on an idle machine.
const patience = 90 * time.Second

// try is a purchase that began while something was wrong.
type try struct {
	during, mail, token string
}

// world is a shop whose wires can be poisoned.
type world struct {
	testing.TB // of the proof that runs now
	*apptest.Shop
	bank *apptest.Bank
	tap  *apptest.Tap   // between the wire and the bank
	line *wiretest.Wire // from the shop to the tap
	db   *wiretest.Wire // to PostgreSQL, where it is poisoned
	disk *apptest.Disk  // where it is filled

	hurry bool // the program is broken on purpose: what does not come is not waited for

	mu   sync.Mutex
	v    apptest.Variant
	all  []try
	sold int
}

// open starts a shop with a wire and a tap before its bank. The options' bank is set.
func open(t testing.TB, o apptest.Options) *world {
	t.Helper()
	w := &world{TB: t, bank: apptest.StartBank(t)}
	w.tap = apptest.NewTap(t, w.bank.URL)
	w.line = wiretest.New(t, host(t, w.tap.URL))
	o.Bank = w.line.Through(t, w.tap.URL)
	w.Shop = apptest.Start(t, o)
	w.Shop.Bank = w.bank.URL // where testers ask it
	w.v = w.As(t).Scarce(100_000)
	return w
}

func (w *world) find(t testing.TB, run func(w *world)) []string {
	return apptest.Find(t, func(t testing.TB) {
		w.TB = t
		run(w)
	})
}

// summary is the line that make torture adds up.
func (w *world) summary(t testing.TB, name string, rounds int) {
	differences := 0
	if t.Failed() {
		differences = 1
	}
	fmt.Printf("sum: fault/%s rounds=%d kills=0 purchases=%d refunds=0 differences=%d\n", name, rounds, w.sold, differences)
}

// cartCookie is the buyer's basket in his browser.
const cartCookie = "__Host-cart"

// ready makes a cart that can be bought.
func (w *world) ready() (*apptest.Client, apptest.Cart, string) {
	c := w.As(w.TB)
	mail := apptest.NewMail()
	k := c.Complete(c.Cart(1, w.v).ID, apptest.Buyer(mail))
	c.SetCookie(cartCookie, k.ID)
	return c, k, mail
}

// buy looks around and buys while something is wrong, and holds what the shop says.
func (w *world) buy(during string) {
	c, k, mail := w.ready()
	w.browse(c, during)
	a, err := c.TryPost(k, apptest.Wish{Key: "knapp"})
	w.taken(c, during, mail, a, err)
}

// browse holds that the pages before the button answer.
func (w *world) browse(c *apptest.Client, during string) {
	for _, path := range []string{"/products/" + w.v.Product, "/cart", "/checkout"} {
		a, err := c.Try("GET", path, nil)
		if err != nil || a.Status != 200 {
			w.Errorf("%s: %s is answered %d, %v", during, path, a.Status, err)
		}
	}
}

// taken holds what the shop says of a purchase, in its answer and on its page.
func (w *world) taken(c *apptest.Client, during, mail string, a apptest.Answer, err error) {
	var p apptest.Purchase
	if err != nil || a.Status != 202 || a.JSON(&p) != nil {
		w.Errorf("%s: a purchase is answered %v, %v", during, a, err)
		return
	}
	w.mu.Lock()
	w.all = append(w.all, try{during, mail, p.Token})
	w.sold++
	w.mu.Unlock()
	w.honest(during, p)
	page, err := c.Try("GET", "/purchases/"+p.Token, nil)
	if err != nil || page.Status != 200 {
		w.Errorf("%s: the purchase's page is answered %d, %v", during, page.Status, err)
	}
}

// honest holds that a purchase of which nobody has said anything final is told so.
func (w *world) honest(during string, p apptest.Purchase) {
	switch p.State {
	case "received", "awaiting_customer", "processing", "unknown":
	default:
		w.Errorf("%s: the purchase is %s, and nobody has said so", during, p.State)
	}
	low := strings.ToLower(p.Message)
	if p.Message == "" || strings.Contains(low, "error") || strings.Contains(low, " fel") || strings.Contains(low, "nekad") {
		w.Errorf("%s: the purchase says %q", during, p.Message)
	}
}

// heal waits until everything that began is over, with a buyer who comes back to pay,
// and compares.
func (w *world) heal() {
	c := w.As(w.TB)
	for _, x := range w.all {
		p := c.Purchase(x.token)
		if apptest.Poll(patience, func() bool { p = c.Purchase(x.token); return p.Next != nil || p.Terminal() }) != nil {
			w.Errorf("%s: it does not heal: the purchase is still %s", x.during, p.State)
			continue
		}
		if p.Next != nil && c.Payment(x.token).Captured == 0 {
			c.Pay(p, apptest.Good)
		}
		if apptest.Poll(patience, func() bool { p = c.Purchase(x.token); return p.Terminal() }) != nil || p.State != "paid" || p.Order == nil {
			w.Errorf("%s: paid, and the purchase is %s", x.during, p.State)
			continue
		}
		number := p.Order.Number
		if apptest.Poll(patience, func() bool {
			ms := c.Mails(x.mail)
			return len(ms) > 0 && strings.Contains(ms[len(ms)-1].Subject, number)
		}) != nil {
			w.Errorf("%s: order %s got no letter", x.during, number)
		}
	}
	w.all = nil
	for _, wrong := range c.Books() {
		w.Error(wrong)
	}
}

// host is where an address leads.
func host(t testing.TB, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
