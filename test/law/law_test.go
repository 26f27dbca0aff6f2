package law

import (
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/apptest"

	"golang.org/x/net/html"
)

func TestMain(m *testing.M) { apptest.Main(m) }

//go:embed rows.csv
var rowsCSV string

var rows = map[string]func(*testing.T, *world){}

func row(id string, fn func(*testing.T, *world)) struct{} {
	if rows[id] != nil {
		panic(id + " is driven twice")
	}
	rows[id] = fn
	return struct{}{}
}

// world is the demo with what most rows look at, read once.
type world struct {
	*apptest.Client
	goods   []good
	pages   map[string]apptest.Answer // of the shop's information, by path
	cart    apptest.Answer
	desk    apptest.Answer // the checkout with one thing in the cart
	paid    apptest.Order
	mail    apptest.Mail
	raw     string
	orderAt apptest.Answer // the order page of paid
	buyer   string

	once sync.Once
}

// good is a product as the Store API tells it, with its page.
type good struct {
	Handle      string         `json:"handle"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Price       apptest.Money  `json:"price"`
	Prior       *apptest.Money `json:"prior_price"`
	Unit        *struct {
		Price apptest.Money `json:"price"`
		Unit  string        `json:"unit"`
	} `json:"unit_price"`
	VATRate  string `json:"vat_rate"`
	Delivery struct {
		Min int `json:"min_days"`
		Max int `json:"max_days"`
	} `json:"delivery"`
	Safety struct {
		Maker, EU *party
		Warnings  []string `json:"warnings"`
	} `json:"safety"`
	Withdrawal string `json:"withdrawal"`
	Images     []struct {
		URL string `json:"url"`
		Alt string `json:"alt"`
	} `json:"images"`
	Variants []struct {
		apptest.Variant
		Options map[string]string `json:"options"`
	} `json:"variants"`

	page apptest.Answer
}

type party struct {
	Name       string `json:"name"`
	Postal     string `json:"postal"`
	Electronic string `json:"electronic"`
}

// infoPages are read once for the rows that crawl.
var infoPages = []string{"/", "/pages/villkor", "/pages/integritet", "/pages/kakor", "/pages/tillganglighet", "/pages/angerratt", "/pages/frakt", "/pages/angerblankett",
	"/support", "/withdraw", "/orders/find", "/trust", "/categories/kok", "/search?q=mugg"}

func newWorld(t *testing.T, s *apptest.Shop) *world {
	c := s.As(t)
	w := &world{Client: c, pages: map[string]apptest.Answer{}}
	for _, p := range infoPages {
		a := c.Do("GET", p, nil)
		if a.Status != 200 {
			t.Fatalf("%s: %d to %q", p, a.Status, a.Location())
		}
		w.pages[p] = a
	}
	w.goods = apptest.All[good](c, apptest.API+"/products")
	for i := range w.goods {
		g := &w.goods[i]
		g.page = c.Do("GET", "/products/"+g.Handle, nil)
		c.Want(g.page, 200, nil)
	}
	// A purchase through the pages, as a guest without scripts makes it.
	action, form := c.FormOf(w.good("lykta-fyr").page, `form[action*="/cart"]`)
	c.Want(c.Form(action, form), 303, nil)
	w.cart = c.Do("GET", "/cart", nil)
	w.desk = c.Do("GET", "/checkout", nil)
	w.buyer = apptest.NewMail()
	action, form = c.CheckoutForm(w.desk, apptest.Buyer(w.buyer))
	a := c.Form(action, form)
	c.Want(a, 303, nil)
	token := a.Location()[strings.LastIndex(a.Location(), "/")+1:]
	p := c.Until(token, 30e9, func(p apptest.Purchase) bool { return p.State != "received" })
	c.Pay(p, apptest.Good)
	p = c.Final(token)
	if p.State != "paid" {
		t.Fatalf("the purchase ended %s: %s", p.State, p.Message)
	}
	w.paid = c.Order(p.Order.Token)
	w.mail = c.OneMail(w.buyer)
	w.raw = c.RawMail(w.mail.ID)
	w.orderAt = c.Do("GET", "/orders/"+p.Order.Token, nil)
	c.Want(w.orderAt, 200, nil)
	return w
}

// as is the world inside a row's own test.
func (w *world) as(t *testing.T) *world {
	d := &world{Client: w.With(t), goods: w.goods, pages: w.pages, cart: w.cart, desk: w.desk, paid: w.paid, mail: w.mail, raw: w.raw, orderAt: w.orderAt, buyer: w.buyer}
	return d
}

func (w *world) good(handle string) *good {
	w.T.Helper()
	for i := range w.goods {
		if w.goods[i].Handle == handle {
			return &w.goods[i]
		}
	}
	w.T.Fatalf("the demo has no %s", handle)
	return nil
}

// everyPage is all that was read, by name.
func (w *world) everyPage() map[string]apptest.Answer {
	out := maps.Clone(w.pages)
	for _, g := range w.goods {
		out["/products/"+g.Handle] = g.page
	}
	out["/cart"], out["/checkout"], out["order"] = w.cart, w.desk, w.orderAt
	return out
}

// main is a page's content without head and foot.
func mainOf(a apptest.Answer) string {
	if n := a.Find("main"); len(n) == 1 {
		return apptest.Words(n[0])
	}
	return ""
}

func wordsOf(ns []*html.Node) (out []string) {
	for _, n := range ns {
		out = append(out, apptest.Words(n))
	}
	return
}

// plain evens out spaces, so that a hard space compares as a space.
func plain(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "\u00a0", " ")), " ")
}

// says fails for each of the texts that is not there, whatever its case.
func says(t *testing.T, where, text string, wants ...string) {
	t.Helper()
	low := strings.ToLower(plain(text))
	for _, want := range wants {
		if !strings.Contains(low, strings.ToLower(want)) {
			t.Errorf("%s does not say %q", where, want)
		}
	}
}

// sets is kr and öre as the shop writes them.
func kr(m apptest.Money) string {
	whole, ore := m.Amount/100, m.Amount%100
	s := ""
	for d := whole; ; d /= 1000 {
		if d < 1000 {
			s = itoa(d) + s
			break
		}
		s = " " + pad(d%1000, 3) + s
	}
	if ore != 0 {
		s += "," + pad(ore, 2)
	}
	return s + " kr"
}

func itoa(n int64) string { b, _ := json.Marshal(n); return string(b) }

func pad(n int64, width int) string {
	s := itoa(n)
	return strings.Repeat("0", max(0, width-len(s))) + s
}

var number = regexp.MustCompile(`\d+`)

func TestLaw(t *testing.T) {
	s := apptest.Start(t, apptest.Options{Engine: "sqlite"})
	w := newWorld(t, s)
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		t.Run(id, func(t *testing.T) { rows[id](t, w.as(t)) })
	}
}

// TestEveryRow holds that no duty of the list is forgotten, and that nothing is both
// driven and called absent.
func TestEveryRow(t *testing.T) {
	list, err := csv.NewReader(strings.NewReader(rowsCSV)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, r := range list[1:] {
		id := r[0]
		listed[id] = true
		why, gone := absent[id]
		switch driven := rows[id] != nil; {
		case !driven && !gone:
			t.Errorf("%s (%s) is neither driven nor absent with a reason", id, r[1])
		case driven && gone:
			t.Errorf("%s is driven and called absent", id)
		case gone && len(why) < 20:
			t.Errorf("%s is absent without a reason", id)
		}
	}
	for _, id := range slices.Concat(slices.Collect(maps.Keys(rows)), slices.Collect(maps.Keys(absent))) {
		if !listed[id] {
			t.Errorf("%s is not in rows.csv", id)
		}
	}
	t.Logf("%d duties: %d driven, %d absent", len(listed), len(rows), len(absent))
}
