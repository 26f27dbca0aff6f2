package storefront_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/demo/sandbox"
	"kassavalv/internal/file"
	"kassavalv/internal/mail"
	"kassavalv/internal/money"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/invoice"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shop/waitlist"
	"kassavalv/internal/shoptest"
	"kassavalv/internal/web"
	"kassavalv/internal/web/api"
	"kassavalv/internal/web/pagecache"
	"kassavalv/internal/web/storefront"
)

// shop is a storefront on a real server, with the sandbox bank behind it.
type shop struct {
	*shoptest.World
	t     testing.TB
	store *storefront.Store
	srv   *httptest.Server
	cache *pagecache.Cache

	accounts *account.Accounts
	log      *strings.Builder
}

func migrations() []db.Migrations {
	return append(append([]db.Migrations(nil), shoptest.Migrations...), content.Migrations, file.Migrations, fulfilment.Migrations, returns.Migrations, support.Migrations, waitlist.Migrations, auth.Migrations, mail.Migrations, account.Migrations, privacy.Migrations, copies.Migrations)
}

// each runs fn in a fresh shop on both engines.
func each(t *testing.T, fn func(t *testing.T, s *shop)) {
	t.Helper()
	dbtest.Each(t, migrations(), func(t *testing.T, d *db.DB) { fn(t, open(t, d)) })
}

// one runs fn in a fresh shop on SQLite, for what does not touch SQL.
func one(t *testing.T, fn func(s *shop)) {
	t.Helper()
	fn(open(t, dbtest.SQLite(t, migrations())))
}

func open(t testing.TB, d *db.DB) *shop {
	t.Helper()
	s := &shop{World: shoptest.New(t, d), t: t}
	s.Do(content.Seed)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	var mux http.Handler
	s.srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, r) }))
	s.srv.EnableHTTP2 = true
	s.srv.StartTLS()
	t.Cleanup(s.srv.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.srv.Certificate().Raw}))
	s.Desk.Base = s.srv.URL
	s.Desk.Providers = []payment.Provider{sandbox.New(s.Bank.URL(), ca), invoice.Provider{}}
	d.OnChange(s.Desk.Changed)
	index := search.New(d, "SEK", "SE", quiet)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); index.Run(ctx) }()
	stopping := make(chan struct{})
	t.Cleanup(func() { close(stopping); stop(); <-done })
	<-index.Ready()
	folder, err := file.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.store = &storefront.Store{DB: d, Vault: s.Vault, Shelf: s.Shelf, Desk: s.Desk, Index: index, Files: file.New(d, folder), Carriers: fulfilment.Carriers{}, Log: quiet,
		Origin: s.srv.URL, Currency: "SEK", Country: "SE", Tagline: catalog.Localized{SV: "Bra saker", EN: "Good things"}, Stopping: stopping}
	if s.accounts, err = account.New(d, s.Vault, account.Options{PublicURL: "https://localhost", Hasher: factor.NewHasher(factor.Cost{Memory: 1024, Time: 1, Lanes: 1})}); err != nil {
		t.Fatal(err)
	}
	s.store.Accounts = s.accounts
	s.store.Privacy = &privacy.Desk{DB: d, Vault: s.Vault, Log: quiet, Handed: func(db.Q, hold.Scope) ([]privacy.Processor, error) {
		return []privacy.Processor{{Name: "stripe", Role: string(datamap.Payments)}}, nil
	}, Holders: []hold.Holder{customer.Holder{Vault: s.Vault}, cart.Holder{Vault: s.Vault}, order.Holder{Vault: s.Vault}, checkout.Holder{Vault: s.Vault}, returns.Holder{Vault: s.Vault}, support.Holder{Vault: s.Vault},
		waitlist.Holder{Vault: s.Vault}, mail.Holder{Vault: s.Vault}, audit.Holder{}, privacy.Holder{Vault: s.Vault}, account.Holder{Accounts: s.accounts}}}
	s.store.DataPages = true
	s.cache = pagecache.New(pagecache.Options{})
	routes := append(s.store.Routes(), (&api.Store{DB: d, Vault: s.Vault, Shelf: s.Shelf, Desk: s.Desk, Currency: "SEK", Origin: s.srv.URL}).Hooks()...)
	s.log = &strings.Builder{}
	m, err := web.NewMux("shop", routes, web.Deps{Origin: s.srv.URL, Cache: s.cache, ErrorPage: s.store.ErrorPage, Authorize: s.authorize, Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		t.Fatal(err)
	}
	mux = m
	return s
}

// authorize is the door of customers' pages; the storefront has no other.
func (s *shop) authorize(w http.ResponseWriter, r *web.Request, _ web.Who) (context.Context, error) {
	ctx, _, err := s.store.Authorize(w, r)
	return ctx, err
}

// testLog shows internal errors in the test that caused them.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// goods is a product of the tests; zero fields take what is usual.
type goods struct {
	handle, title, en, text string
	ore, stock              int64
	core                    func(*catalog.Core)
	variant                 func(*catalog.NewVariant)
}

// put makes a product that shows, and waits for the index to know it.
func (s *shop) put(g goods) (product, variant db.ID) {
	s.t.Helper()
	if g.text == "" {
		g.text = "En vara till prov.\n\nMed **mer** text."
	}
	core := catalog.Core{Handle: g.handle, VATClass: catalog.VATStandard, Kind: catalog.Goods, Withdrawal: catalog.WithdrawalYes,
		Maker: catalog.Party{Name: "Provverket", Postal: "Provgatan 1, 111 11 Provstad", Electronic: "post@provverket.example"}, NoWarnings: true}
	if g.core != nil {
		g.core(&core)
	}
	nv := catalog.NewVariant{SKU: strings.ToUpper(g.handle), WeightG: 500, Tracked: true}
	if g.variant != nil {
		g.variant(&nv)
	}
	texts := catalog.Texts{catalog.SV: {Lang: catalog.SV, Title: g.title, Description: g.text}}
	if g.en != "" {
		texts[catalog.EN] = catalog.Text{Lang: catalog.EN, Title: g.en, Description: "For tests."}
	}
	s.Do(func(tx *db.Tx) error {
		made, err := catalog.InsertMany(tx, shoptest.By, []catalog.NewProduct{{Core: core, Texts: texts, Variants: []catalog.NewVariant{nv}, Publish: true}})
		if err != nil {
			return err
		}
		if !made[0].Shows {
			return fmt.Errorf("product lacks %v", made[0].Problems)
		}
		product, variant = made[0].ID, made[0].Variants[0]
		if err := pricing.SetPrice(tx, shoptest.By, variant, money.SEK(g.ore), tx.LegalNow().Add(-time.Hour)); err != nil {
			return err
		}
		if err := stock.Put(tx, shoptest.By, variant, true, false); err != nil {
			return err
		}
		_, err = stock.SetOnHand(tx, shoptest.By, variant, g.stock)
		return err
	})
	s.wait("the index knows the goods", func() bool { return len(s.store.Index.Cards([]db.ID{product})) == 1 })
	return
}

func (s *shop) wait(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // polling with a deadline; others do the work
	}
}

// visitor is a browser without scripts: cookies, and one redirect at a time.
type visitor struct {
	s *shop
	c *http.Client
}

func (s *shop) visitor() *visitor {
	jar, _ := cookiejar.New(nil)
	tr := s.srv.Client().Transport.(*http.Transport).Clone()
	s.t.Cleanup(tr.CloseIdleConnections)
	return &visitor{s, &http.Client{Transport: tr, Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// page is an answer as a reader sees it.
type page struct {
	*http.Response
	text string
	doc  *html.Node
}

func (v *visitor) do(req *http.Request) page {
	v.s.t.Helper()
	res, err := v.c.Do(req)
	if err != nil {
		v.s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.s.t.Fatal(err)
	}
	p := page{Response: res, text: string(b)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if p.doc, err = html.Parse(strings.NewReader(p.text)); err != nil {
			v.s.t.Fatal(err)
		}
	}
	return p
}

// get reads a page; path may be absolute.
func (v *visitor) get(path string, headers ...string) page {
	v.s.t.Helper()
	return v.do(v.request("GET", path, nil, headers))
}

// post sends a form as a page of the shop would.
func (v *visitor) post(path string, form url.Values, headers ...string) page {
	v.s.t.Helper()
	if len(headers) == 0 {
		headers = []string{"Sec-Fetch-Site", "same-origin", "Origin", v.s.srv.URL}
	}
	return v.do(v.request("POST", path, form, headers))
}

func (v *visitor) request(method, path string, form url.Values, headers []string) *http.Request {
	v.s.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = v.s.srv.URL + path
	}
	var body io.Reader
	if method == "POST" {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, path, body)
	if err != nil {
		v.s.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// follow sends a form and reads where it leads.
func (v *visitor) follow(p page) page {
	v.s.t.Helper()
	if p.StatusCode != http.StatusSeeOther {
		v.s.t.Fatalf("status %d, want 303: %s", p.StatusCode, p.words())
	}
	return v.get(p.Header.Get("Location"))
}

func (p page) all(selector string) []*html.Node {
	if p.doc == nil {
		return nil
	}
	return cascadia.QueryAll(p.doc, cascadia.MustCompile(selector))
}

func (p page) first(t testing.TB, selector string) *html.Node {
	t.Helper()
	list := p.all(selector)
	if len(list) == 0 {
		t.Fatalf("no %s on the page (%d): %.600s", selector, p.StatusCode, p.words())
	}
	return list[0]
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func words(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
		if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style") {
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

func (p page) words() string {
	if p.doc == nil {
		return p.text
	}
	return words(p.doc)
}

// form is what a browser would send of a form as it stands: hidden fields,
// defaults, what is chosen. button is the name and value of the pressed one.
func (p page) form(t testing.TB, selector string) (action string, v url.Values) {
	t.Helper()
	f := p.first(t, selector)
	v = url.Values{}
	sub := page{Response: p.Response, doc: f}
	for _, e := range sub.all("input, select, textarea") {
		name := attr(e, "name")
		if name == "" || has(e, "disabled") {
			continue
		}
		switch {
		case e.Data == "select":
			opts := cascadia.QueryAll(e, cascadia.MustCompile("option"))
			for i, o := range opts {
				if has(o, "selected") || i == 0 {
					v.Set(name, attr(o, "value"))
				}
			}
		case e.Data == "textarea":
			v.Set(name, strings.TrimPrefix(raw(e), "\n"))
		case attr(e, "type") == "radio" || attr(e, "type") == "checkbox":
			if has(e, "checked") {
				v.Add(name, attr(e, "value"))
			}
		default:
			v.Set(name, attr(e, "value"))
		}
	}
	return attr(f, "action"), v
}

func raw(n *html.Node) string {
	if n.FirstChild == nil {
		return ""
	}
	return n.FirstChild.Data
}

// buyerForm fills the checkout as a person would, by the fields' autocomplete.
func buyerForm(t testing.TB, p page) (string, url.Values) {
	t.Helper()
	action, v := p.form(t, "main form[method=post]")
	for auto, val := range map[string]string{"email": "kopare@example.se", "name": "Åsa Prov", "address-line1": "Storgatan 1", "postal-code": "112 21", "address-level2": "Stockholm", "tel": "070-174 06 05", "country": "SE"} {
		e := p.first(t, `main [autocomplete="`+auto+`"]`)
		v.Set(attr(e, "name"), val)
	}
	for _, e := range p.all("main form [required]") {
		v.Set(attr(e, "name"), attr(e, "value"))
	}
	return action, v
}

func stockLine(v db.ID, n int64) stock.Line { return stock.Line{Variant: v, Quantity: n} }
