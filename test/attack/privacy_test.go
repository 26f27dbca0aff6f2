package attack

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// cardLike is a number that looks like a card's, check digit included, and is
// nobody's.
func cardLike() string {
	d := []byte("453201")
	for len(d) < 15 {
		d = append(d, byte('0'+rand.IntN(10)))
	}
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return string(append(d, byte('0'+(10-sum%10)%10)))
}

var _ = alone("AC-195", func(t *testing.T, engine string) {
	c := apptest.Start(t, apptest.Options{Engine: engine, Env: []string{"KASSAVALV_LOG_LEVEL=debug"}}).As(t)
	pan, cvv, word := cardLike(), "cvv-"+aWord(), "losen-"+aWord()
	grouped := pan[:4] + " " + pan[4:8] + " " + pan[8:12] + " " + pan[12:]
	m, owner := c.Hire(c, "owner")
	_, key := newToken(c, owner, "orders.read")
	v := c.Other()
	// A person who types everything into the wrong field.
	who := apptest.Buyer(apptest.NewMail())
	who.Name, who.Company = "Kim "+grouped, cvv
	who.Address.Line1 = "Gatan " + pan
	k := v.Complete(v.Cart(1, stall(c)).ID, who)
	v.SetCookie("__Host-cart", k.ID)
	p := v.Buy(k, apptest.Wish{Key: word})
	if _, err := v.TryPay(p.Next.URL, pan); err != nil { // a number that the bank refuses
		t.Fatal(err)
	}
	wrong := func(a apptest.Answer) {
		t.Helper()
		if a.Status >= 500 {
			t.Errorf("%d %s", a.Status, a.Words())
		}
	}
	for _, x := range []string{pan, grouped, cvv, word} {
		q := url.QueryEscape(x)
		wrong(v.Do("GET", "/search?q="+q, nil))
		wrong(v.Do("GET", "/search/suggest?q="+q, nil))
		wrong(v.Do("GET", apptest.API+"/products?q="+q, nil))
		wrong(v.Do("GET", "/nowhere/"+url.PathEscape(x)+"?password="+q, nil))
		wrong(v.Do("GET", "/orders/"+url.PathEscape(x), nil))
		wrong(v.Do("GET", "/?password="+q, nil, "User-Agent", x, "Referer", "https://x.example/"+q, "X-Request-Id", x, "Cookie", "card="+q))
		wrong(v.Form("/cart/discounts", url.Values{"code": {x}}))
		wrong(v.Do("PUT", apptest.API+"/carts/"+k.ID+"/discounts/"+url.PathEscape(strings.ReplaceAll(x, " ", "")), nil))
		wrong(v.Form("/orders/find", url.Values{"number": {x}, "email": {x}}))
		wrong(v.Form("/withdraw", url.Values{"name": {x}, "number": {x}, "email": {x + "@example.se"}, "message": {x}}))
		wrong(v.Form("/admin/recover", url.Values{"email": {x}}))
		wrong(signIn(v, x, x, x))
		wrong(signIn(v, m.Email, x, "000000"))
		wrong(v.Form("/support", url.Values{"topic": {"other"}, "message": {"Mitt kort är " + x}, "name": {x}, "email": {apptest.NewMail()}}))
		wrong(v.Do("POST", "/hooks/card", apptest.Raw(`{"card":"`+x+`"}`), "Webhook-Signature", x, "Webhook-Id", x))
		wrong(v.Do("POST", apptest.API+"/carts", apptest.Raw(`{"`+x+`":"`+x+`"`)))
		wrong(v.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", map[string]any{"email": x, "card": x, "cvv": x}))
		wrong(c.Do("GET", apptest.AdminAPI+"/orders?state="+q, nil, "Authorization", "Bearer "+key))
		wrong(c.Do("GET", apptest.AdminAPI+"/orders", nil, "Authorization", "Bearer kv_"+strings.Repeat(strings.ReplaceAll(x, " ", ""), 2)))
		wrong(v.Do("POST", "/csp-report", apptest.Raw(`{"csp-report":{"document-uri":"`+x+`","effective-directive":"script-src","blocked-uri":"https://x.example/`+strings.ReplaceAll(x, " ", "")+`"}}`), "Content-Type", "application/csp-report"))
		wrong(owner.Do("GET", "/admin/orders?q="+q, nil))
		wrong(owner.Do("GET", "/admin/products?q="+q, nil))
		wrong(owner.Form("/admin/security/password", url.Values{"old_password": {x}, "password": {x}}))
	}
	c.Want(c.Do("GET", apptest.API+"/purchases/"+p.Token, nil), 200, &p)
	// The twin: it was a purchase, and another card pays it.
	v.Paid(stall(c), 1)
	secrets := map[string]string{"card": pan, "card in groups": grouped, "security code": cvv, "password in a wrong field": word, "staff password": m.Password, "TOTP secret": m.TOTP, "API token": strings.TrimPrefix(key, "kv_"), "session": owner.Cookie(apptest.CookieStaff),
		"cart": k.ID, "purchase": p.Token, "buyer's address": who.Email}
	var needles [][]byte
	var names []string
	for name, s := range secrets {
		for _, n := range []string{s, hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s))[:len(s)*4/3-2], url.QueryEscape(s)} {
			needles, names = append(needles, []byte(n)), append(names, name)
		}
	}
	search := func(where string, b []byte, except ...string) {
		for i, n := range needles {
			if bytes.Contains(b, n) && !slices.Contains(except, names[i]) {
				t.Errorf("%s holds the %s", where, names[i])
			}
		}
	}
	search("the log", []byte(c.Log()))
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		search("ops "+path, c.Do("GET", c.Ops+path, nil).Body)
	}
	for _, path := range []string{"/admin/audit", "/admin/audit?show=refused", "/admin/jobs", "/admin/mail"} {
		search(path, owner.Do("GET", path, nil).Body)
	}
	// The tables, column by column. The bank knows a purchase by its token (the
	// surface has it so), and the intent keeps what was sent.
	for _, table := range c.Tables() {
		except := map[bool]string{true: "purchase"}[table == "payment_intent"]
		for _, r := range c.Query("SELECT * FROM " + table) {
			search("table "+table, []byte(strings.Join(r, "\x00")), except)
		}
	}
	// And every file of the folder, the database's log too; the letters and the bank's
	// books are other people's.
	files := 0
	err := filepath.WalkDir(c.Dir(), func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(c.Dir(), path)
		if err != nil || d.IsDir() && (rel == "mailbox" || rel == "bank") {
			return fs.SkipDir
		}
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err == nil {
				files++
				// Pages of the database wait for the sites in the spool.
				database := strings.HasPrefix(rel, "shop.db") || strings.HasPrefix(filepath.ToSlash(rel), "copies/spool/")
				search("file "+rel, b, map[bool]string{true: "purchase"}[database])
			}
			if i, err := d.Info(); err == nil && i.Mode().Perm()&0o077 != 0 && (strings.HasPrefix(rel, "keys") || strings.HasSuffix(rel, ".db") || strings.Contains(rel, "-wal")) {
				t.Errorf("%s may be read by others: %v", rel, i.Mode())
			}
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Errorf("%d files: %v", files, err)
	}
	// The twin of the search: it finds what stands there in clear, and the rightful
	// reader sees what he wrote.
	if !bytes.Contains([]byte(c.Records()), []byte(`route=/orders/find`)) {
		t.Error("the log does not hold what it should")
	}
	if a := v.Do("GET", apptest.API+"/carts/"+k.ID, nil); !strings.Contains(string(a.Body), grouped) {
		t.Errorf("the buyer does not see what he wrote: %d", a.Status)
	}
})

var _ = alone("AC-197", func(t *testing.T, engine string) {
	// The bank is not there.
	c := apptest.Start(t, apptest.Options{Engine: engine, Bank: "http://127.0.0.1:9"}).As(t)
	m, owner := c.Hire(c, "owner")
	v := c.Variant()
	told := regexp.MustCompile(`127\.0\.0\.1:9|connection refused|dial tcp`)
	k := c.ReadyCart(v, 1)
	a := c.Post(k, apptest.Wish{})
	var p apptest.Purchase
	c.Want(a, 202, &p)
	for _, path := range []string{apptest.API + "/purchases/" + p.Token, "/purchases/" + p.Token, "/admin/purchases"} {
		got := owner.Do("GET", path, nil)
		if quiet(t, path, got); got.Status != 200 || told.Match(got.Body) {
			t.Errorf("%s tells of the bank's address: %d", path, got.Status)
		}
	}
	c.Wait("the log tells of the bank", quietTime, func() bool { return strings.Contains(c.Records(), "connection refused") })
	if strings.Contains(c.Log(), p.Token) {
		t.Error("the log holds the key of a purchase")
	}
	if p.MoneyMoved == "taken" || p.Message == "" {
		t.Errorf("a purchase without a bank: %+v", p)
	}
	// A table is gone: words and a reference for people, the cause for the log.
	asked := func(method, path string, body any, h ...string) apptest.Answer {
		return owner.Do(method, path, body, h...)
	}
	for _, x := range []struct {
		table string
		ask   func() []apptest.Answer
	}{
		{"catalog_text", func() []apptest.Answer {
			return []apptest.Answer{asked("GET", apptest.API+"/products/"+v.Product, nil), asked("GET", apptest.API+"/products/"+v.Product, nil, "Accept", "text/html"), asked("GET", "/products/"+v.Product, nil), asked("GET", "/en/products/"+v.Product, nil, "Accept", "application/json")}
		}},
		{"auth_try", func() []apptest.Answer {
			return []apptest.Answer{signIn(c.Other(), m.Email, m.Password, "000000"), signIn(c.Other(), apptest.NewMail(), "fel lösen ramsa", "000000"), c.Form("/admin/recover", url.Values{"email": {m.Email}})}
		}},
		{"order_event", func() []apptest.Answer {
			return []apptest.Answer{asked("GET", "/admin/orders/"+order(c, owner, v), nil)}
		}},
	} {
		if x.table == "order_event" {
			x.ask() // the order is made while all is well
		}
		meddle(c, "ALTER TABLE "+x.table+" RENAME TO "+x.table+"_gone")
		for _, got := range x.ask() {
			if quiet2(t, x.table, got); got.Status != 500 {
				t.Errorf("without %s: %d", x.table, got.Status)
			}
			if !leads(c, got, x.table) {
				t.Errorf("without %s: no reference that leads to the cause: %.300s", x.table, got.Words())
			}
			if got.Header.Get("Content-Security-Policy") == "" || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("without %s: the walls are down", x.table)
			}
		}
		meddle(c, "ALTER TABLE "+x.table+"_gone RENAME TO "+x.table)
		for i, got := range x.ask() {
			if got.Status >= 500 {
				t.Errorf("with %s again, %d: %d %s", x.table, i, got.Status, got.Words())
			}
		}
	}
	// Malformed input on every route, for both kinds of reader.
	tries := 0
	for _, l := range table(t) {
		path := apptest.Fill(l.Path, map[string]string{"id": "1", "number": "12345678", "variant": v.ID, "handle": "villkor", "version": "1"})
		who := owner
		h := []string{"Sec-Fetch-Site", "same-origin"}
		if l.api() {
			h = append(h, "Authorization", "Bearer "+c.AdminToken)
		}
		for _, x := range []struct{ body, ct string }{{`{"a":`, "application/json"}, {"\xff\xfe\x00%zz=&&==", "application/x-www-form-urlencoded"}, {"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n", "multipart/form-data; boundary=x"},
			{"--x", "multipart/form-data"}, {strings.Repeat("[", 3000), "application/json"}, {`{"a":1,"a":2}`, "application/json; charset=\xff"}, {"a=1", "text/xml"}} {
			if l.Method == "GET" {
				break
			}
			if strings.HasSuffix(l.Path, "/sessions/end-others") || strings.HasSuffix(l.Path, "/logout") {
				break
			}
			for _, accept := range []string{"application/json", "text/html"} {
				tries++
				got := who.Do(l.Method, path, apptest.Raw(x.body), append(h, "Content-Type", x.ct, "Accept", accept)...)
				if quiet(t, l.Method+" "+l.Path, got); got.Status >= 500 && got.Status != 503 {
					t.Errorf("%s %s %.20q: %d", l.Method, l.Path, x.body, got.Status)
				}
			}
		}
		for _, q := range []string{"?limit=%zz", "?a=1&a=2&cursor=x", "?q=%ff%fe&page=-1&before=x&show=x&limit=1e400"} {
			if strings.HasSuffix(l.Path, "/events") {
				break
			}
			if l.Method == "GET" {
				tries++
				quiet(t, "GET "+l.Path+q, who.Do("GET", path+q, nil, h...))
			}
		}
	}
	if tries < 2000 {
		t.Errorf("only %d tries", tries)
	}
	if got := owner.Do("GET", "/admin", nil); got.Status != 200 || !c.Alive() {
		t.Errorf("after it all: %d", got.Status)
	}
	if strings.Contains(c.Records(), "panic") {
		t.Error("the log tells of a panic")
	}
})

// leads reports whether a reference that people are shown stands in the log beside
// the cause.
func leads(c *apptest.Client, a apptest.Answer, cause string) bool {
	refs := regexp.MustCompile(`[a-z0-9]{8}`).FindAllString(string(a.Body), -1)
	return apptest.Poll(quietTime/6, func() bool {
		records := c.Records()
		for _, r := range refs {
			if strings.Contains(records, "id="+r) && regexp.MustCompile(`level=ERROR msg="internal error" id=`+r+`.*`+cause).MatchString(records) {
				return true
			}
		}
		return false
	}) == nil
}

// quiet2 is quiet for an accident that was made on purpose.
func quiet2(t testing.TB, what string, a apptest.Answer) {
	t.Helper()
	if bad := insides.FindString(string(a.Body)); bad != "" {
		t.Errorf("without %s the answer talks of its insides: %q", what, bad)
	}
	if bytes.Contains(a.Body, []byte(what)) {
		t.Errorf("without %s the answer names the table", what)
	}
}

var orders197 = map[*apptest.Shop]string{}

// order buys on invoice, once a shop, and gives the order's number.
func order(c, _ *apptest.Client, v apptest.Variant) string {
	c.T.Helper()
	if n := orders197[c.Shop]; n != "" {
		return n
	}
	p := c.Buy(c.ReadyCart(v, 1), apptest.Wish{Method: "invoice"})
	p = c.Until(p.Token, quietTime, apptest.Purchase.Terminal)
	if p.Order == nil {
		c.T.Fatalf("the purchase on invoice ended %s", p.State)
	}
	orders197[c.Shop] = p.Order.Number
	return p.Order.Number
}

var _ = attack("AC-202", func(t *testing.T, c *apptest.Client) {
	v := stall(c)
	pages := []string{"/", "/products/" + v.Product, "/categories/kok", "/search?q=mugg", "/cart", "/checkout", "/support", "/trust", "/status", "/login", "/login/password", "/orders/find", "/withdraw", "/pages/kakor", "/pages/integritet", "/nowhere"}
	own := func(u string) bool {
		return u == "" || strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "//") || strings.HasPrefix(u, "#") || strings.HasPrefix(u, "?") || strings.HasPrefix(u, c.Shop.Shop+"/") || u == c.Shop.Shop
	}
	sheets, scripts := map[string]bool{}, map[string]bool{}
	for _, p := range pages {
		for _, path := range []string{p, "/en" + strings.TrimSuffix(p, "/")} {
			a := c.Other().Do("GET", path, nil) // nobody has been here, nothing was clicked
			if a.Status != 200 && p != "/nowhere" {
				t.Errorf("%s: %d", path, a.Status)
			}
			if k := (&http.Response{Header: a.Header}).Cookies(); len(k) != 0 {
				t.Errorf("%s sets %v before anything is asked", path, k)
			}
			for _, h := range []string{"Link", "Refresh", "Set-Cookie2", "NEL", "Report-To", "Accept-CH", "Server-Timing"} {
				if a.Header.Get(h) != "" {
					t.Errorf("%s: %s: %s", path, h, a.Header.Get(h))
				}
			}
			// All that a browser fetches by itself.
			for sel, attrs := range map[string][]string{"script": {"src"}, "link:not([rel=canonical]):not([rel=alternate])": {"href"}, "img": {"src", "srcset"}, "source": {"src", "srcset"}, "iframe": {"src"}, "video": {"src", "poster"}, "audio": {"src"}, "object": {"data"}, "embed": {"src"}, "input[type=image]": {"src"}, "use": {"href", "xlink:href"}, "body": {"background"}, "a[ping]": {"ping"}, "form": {"action"}} {
				for _, n := range a.Find(sel) {
					for _, name := range attrs {
						for u := range strings.SplitSeq(apptest.Attr(n, name), ",") {
							u, _, _ = strings.Cut(strings.TrimSpace(u), " ")
							if !own(u) {
								t.Errorf("%s fetches %s (%s)", path, u, sel)
							}
							switch {
							case n.Data == "link" && apptest.Attr(n, "rel") == "stylesheet":
								sheets[u] = true
							case n.Data == "script" && u != "":
								scripts[u] = true
							}
						}
					}
				}
			}
			for _, n := range a.Find("link[rel]") {
				switch r := apptest.Attr(n, "rel"); r {
				case "preconnect", "dns-prefetch", "prefetch", "prerender":
					t.Errorf("%s has <link rel=%s>", path, r)
				}
			}
		}
	}
	if len(sheets) == 0 || len(scripts) == 0 {
		t.Errorf("sheets %v, scripts %v", sheets, scripts)
	}
	for u := range sheets {
		for _, m := range regexp.MustCompile(`url\(\s*["']?([^"')]*)|@import\s+["']?([^"';]*)`).FindAllStringSubmatch(string(c.Do("GET", u, nil).Body), -1) {
			if x := m[1] + m[2]; !own(x) && !strings.HasPrefix(x, "data:") && strings.Contains(x, ":") {
				t.Errorf("%s fetches %s", u, x)
			}
		}
	}
	for u := range scripts {
		js := string(c.Do("GET", u, nil).Body)
		for _, bad := range []string{"http:", "https:", "localStorage", "sessionStorage", "indexedDB", "document.cookie", "sendBeacon", "import(", "new Image", "canvas", "navigator.userAgent"} {
			if strings.Contains(js, bad) {
				t.Errorf("%s uses %s", u, bad)
			}
		}
	}
	// The twin: what a visitor asks for himself, the cart, is kept in one cookie.
	g := c.Other()
	a := g.Form("/cart/lines", url.Values{"variant_id": {v.ID}, "quantity": {"1"}})
	var names []string
	for _, k := range (&http.Response{Header: a.Header}).Cookies() {
		names = append(names, k.Name)
	}
	slices.Sort(names)
	if a.Status != 303 || fmt.Sprint(names) != "[__Host-cart __Host-flash]" {
		t.Errorf("the cart: %d %v", a.Status, names)
	}
})
