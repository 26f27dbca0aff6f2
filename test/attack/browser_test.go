package attack

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/apptest"
)

// swept is an answer of the sweep and how it was asked for.
type swept struct {
	method, path, who string
	apptest.Answer
}

func (s swept) String() string {
	return fmt.Sprintf("%s %s %s (%d)", s.who, s.method, s.path, s.Status)
}

var sweeps struct {
	sync.Mutex
	of map[*apptest.Shop]func() []swept
}

// sweep asks every route of the shop as a guest and as the owner, with what is
// there and with what is not, and keeps the answers for the cases that look at
// headers.
func sweep(t *testing.T, c *apptest.Client) []swept {
	t.Helper()
	sweeps.Lock()
	if sweeps.of == nil {
		sweeps.of = map[*apptest.Shop]func() []swept{}
	}
	once := sweeps.of[c.Shop]
	if once == nil {
		once = sync.OnceValue(func() []swept { return sweepNow(t, c) })
		sweeps.of[c.Shop] = once
	}
	sweeps.Unlock()
	got := once()
	if len(got) < 700 {
		t.Fatalf("only %d answers", len(got))
	}
	return got
}

func sweepNow(t *testing.T, c *apptest.Client) (out []swept) {
	a := settle(c)
	_, owner := c.Hire(c, "owner")
	owner.SetCookie("__Host-cart", a.cart)
	home := c.Do("GET", "/", nil)
	static := regexp.MustCompile(`/static/[^"]+`).FindString(string(home.Body))
	media := regexp.MustCompile(`/media/[^" ]+`).FindString(string(home.Body))
	sheet := regexp.MustCompile(`/admin/assets/[^"]+`).FindString(string(owner.Do("GET", "/admin", nil).Body))
	vars := map[string]string{"number": a.number, "document": a.document, "line": a.line, "handle": stall(c).Product, "version": "1", "variant": stall(c).ID, "code": "sommar", "parcel": "1"}
	ask := func(who string, v *apptest.Client, method, path string, headers ...string) {
		var body any
		if method != "GET" && method != "HEAD" {
			body = apptest.Raw("orakel=1")
			headers = append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}, headers...)
		}
		out = append(out, swept{method, path, who, v.Do(method, path, body, headers...)})
	}
	for _, l := range table(t) {
		for who, v := range map[string]*apptest.Client{"guest": c.Other(), "owner": owner} {
			for _, there := range []bool{true, false} {
				x := map[string]string{}
				for k, val := range vars {
					x[k] = val
				}
				x["id"], x["token"], x["file"] = "1", strings.Repeat("A", 32), "x"
				switch p := strings.TrimPrefix(l.Path, "/en"); {
				case !there:
				case strings.HasPrefix(p, "/cases"):
					x["token"] = a.talk
				case strings.HasPrefix(p, "/withdraw"):
					x["token"] = a.back
				case strings.HasPrefix(p, "/purchases"), strings.HasPrefix(p, apptest.API+"/purchases"):
					x["token"] = a.purchase
				case strings.HasPrefix(p, "/orders"), strings.HasPrefix(p, apptest.API+"/orders"):
					x["token"] = a.order
				case strings.HasPrefix(p, "/static"):
					x["file"] = strings.TrimPrefix(static, "/static/")
				case strings.HasPrefix(p, "/media"):
					x["file"] = strings.TrimPrefix(media, "/media/")
				case strings.HasPrefix(p, "/admin/assets"):
					x["file"] = strings.TrimPrefix(sheet, "/admin/assets/")
				case strings.HasPrefix(p, "/pages"), strings.HasPrefix(p, "/admin/pages"):
					x["handle"] = "villkor"
				case strings.HasPrefix(p, "/categories"):
					x["handle"] = "kok"
				case strings.HasPrefix(p, "/sitemaps"):
					x["file"] = "products-1.xml"
				case strings.HasPrefix(p, "/admin/returns"):
					x["id"] = a.returnID
				case strings.HasPrefix(p, "/admin/cases"):
					x["id"] = a.caseID
				case strings.HasPrefix(p, apptest.API+"/carts"):
					x["id"] = a.cart
				}
				if strings.HasSuffix(l.Path, "/events") && there {
					continue // a live page does not end; its headers are looked at in AC-176
				}
				ask(who, v, l.Method, apptest.Fill(l.Path, x))
			}
		}
	}
	g := c.Other()
	for _, x := range []struct {
		method, path string
		headers      []string
	}{{"GET", "/nowhere", nil}, {"GET", "/api/nowhere", nil}, {"GET", "//admin", nil}, {"PUT", "/cart", nil}, {"GET", "/products/nowhere", nil}, {"HEAD", "/", nil}, {"HEAD", "/admin", nil}, {"OPTIONS", "/cart", nil}, {"GET", "/?" + strings.Repeat("a", 9000), nil},
		{"GET", "/search?q=" + strings.Repeat("a", 9000), nil}, {"GET", "/", []string{"Host", "evil.example"}}, {"POST", "/cart/lines", []string{"Sec-Fetch-Site", "cross-site"}}, {"GET", static, []string{"If-None-Match", "*"}}, {"GET", "/", []string{"If-None-Match", home.Header.Get("Etag")}},
		{"POST", "/support", []string{"Content-Type", "text/plain"}}, {"GET", "/en/nowhere", nil}, {"GET", "/admin/nowhere", nil}, {"POST", "/csp-report", nil}, {"POST", "/hooks/card", nil}} {
		ask("guest", g, x.method, x.path, x.headers...)
	}
	return out
}

var _ = alone("AC-169", func(t *testing.T, engine string) {
	c := apptest.Start(t, apptest.Options{Engine: engine}).As(t)
	a := settle(c)
	v := c.Staff(c, "owner")
	v.SetCookie("__Host-cart", a.cart)
	except := []string{"auth_session", "mail_"}
	before := map[string]string{}
	c.Wait("the shop is at rest", quietTime, func() bool {
		x := c.Fingerprint(except...)
		before = c.Fingerprint(except...)
		return len(apptest.Changed(x, before)) == 0 && c.Count(`SELECT count(*) FROM job_job WHERE state='queued' AND kind LIKE '%mail%'`) == 0
	})
	foreign := map[string][]string{
		"another site's form":             {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"a neighbour on the same site":    {"Sec-Fetch-Site", "same-site", "Origin", "https://other.localhost"},
		"a sandboxed frame":               {"Sec-Fetch-Site", "cross-site", "Origin", "null"},
		"an old browser":                  {"Origin", "https://evil.example"},
		"an old browser, opaque":          {"Origin", "null"},
		"a very old browser":              {"Referer", "https://evil.example/" + c.Shop.Shop},
		"our name as a subdomain":         {"Origin", c.Shop.Shop + ".evil.example"},
		"our name in clear":               {"Origin", strings.Replace(c.Shop.Shop, "https:", "http:", 1)},
		"another port":                    {"Origin", "https://localhost:1"},
		"said to be ours, from elsewhere": {"Sec-Fetch-Site", "same-origin", "Origin", "https://evil.example"},
		"an empty word":                   {"Sec-Fetch-Site", ""},
	}
	bodies := func(p string) string {
		f := url.Values{}
		switch {
		case strings.HasSuffix(p, "/admin/staff"):
			f = url.Values{"name": {"E"}, "email": {"evil@example.se"}, "role": {"owner"}}
		case strings.HasSuffix(p, "/admin/settings"):
			f = url.Values{"value.payment.invoice": {"false"}}
		case strings.HasSuffix(p, "/cart/lines"):
			f = url.Values{"variant_id": {stall(c).ID}, "quantity": {"3"}}
		case strings.Contains(p, "/cart/lines/"):
			f = url.Values{"quantity": {"9"}}
		case strings.HasSuffix(p, "/support"):
			f = url.Values{"topic": {"other"}, "message": {"x"}, "name": {"x"}, "email": {"x@example.se"}}
		case strings.HasSuffix(p, "/reply"), strings.HasPrefix(strings.TrimPrefix(p, "/en"), "/admin/cases/"):
			f = url.Values{"message": {"x"}}
		case strings.HasSuffix(p, "/refund"):
			f = url.Values{"amount": {"1"}, "reason": {"x"}}
		case strings.HasSuffix(p, "/on_hand"), strings.HasSuffix(p, "/stock"):
			f = url.Values{"on_hand": {"1"}}
		case strings.HasSuffix(p, "/price"):
			f = url.Values{"price": {"1"}}
		}
		return f.Encode()
	}
	n := 0
	for _, l := range table(t) {
		if !l.unsafe() || l.machine() {
			continue
		}
		token := a.order
		switch p := strings.TrimPrefix(l.Path, "/en"); {
		case strings.HasPrefix(p, "/cases"):
			token = a.talk
		case strings.HasPrefix(p, "/purchases"):
			token = a.purchase
		}
		path := apptest.Fill(l.Path, map[string]string{"token": token, "number": a.number, "id": a.caseID, "line": a.line, "variant": stall(c).ID, "parcel": "1", "handle": "villkor"})
		for what, h := range foreign {
			for _, ct := range []string{"application/x-www-form-urlencoded", "text/plain"} {
				if ct == "text/plain" && what != "another site's form" {
					continue
				}
				got := v.Do(l.Method, path, apptest.Raw(bodies(path)), append([]string{"Content-Type", ct}, h...)...)
				if n++; got.Status != 403 {
					t.Errorf("%s %s from %s: %d", l.Method, l.Path, what, got.Status)
				}
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d tries", n)
	}
	if ch := apptest.Changed(before, c.Fingerprint(except...)); len(ch) > 0 {
		t.Errorf("other sites changed %v", ch)
	}
	// The API takes no cookies: what a browser carries there is worth nothing.
	for _, l := range table(t) {
		if l.api() {
			if got := v.Do(l.Method, apptest.Fill(l.Path, map[string]string{"number": a.number, "id": "1"}), nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); got.Status != 401 {
				t.Errorf("%s %s with the owner's cookie: %d", l.Method, l.Path, got.Status)
			}
		}
	}
	for _, p := range []string{apptest.API + "/carts", apptest.AdminAPI + "/orders", "/cart/lines"} {
		got := v.Do("OPTIONS", p, nil, "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
		for name := range got.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("OPTIONS %s answers %s", p, name)
			}
		}
	}
	// The twins: the shop's own page, and who types the address.
	for _, h := range [][]string{{"Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop}, {"Sec-Fetch-Site", "none"}, {"Origin", c.Shop.Shop}, {"Referer", c.Shop.Shop + "/products/x"}} {
		if got := v.Form("/cart/lines", url.Values{"variant_id": {stall(c).ID}, "quantity": {"1"}}, h...); got.Status != 303 {
			t.Errorf("the shop's own form (%v): %d", h, got.Status)
		}
	}
	if got := v.Form("/admin/cases/"+a.caseID, url.Values{"message": {"Svar"}, "as": {""}}); got.Status != 303 || len(apptest.Changed(before, c.Fingerprint(except...))) == 0 {
		t.Errorf("the owner's own form: %d", got.Status)
	}
})

// policy reads a content security policy.
func policy(s string) map[string][]string {
	out := map[string][]string{}
	for part := range strings.SplitSeq(s, ";") {
		if f := strings.Fields(part); len(f) > 0 {
			out[f[0]] = f[1:]
		}
	}
	return out
}

var _ = attack("AC-172", func(t *testing.T, c *apptest.Client) {
	kinds := map[string]int{}
	for _, a := range sweep(t, c) {
		csp := a.Header["Content-Security-Policy"]
		if len(csp) != 1 || !slices.Equal(policy(csp[0])["frame-ancestors"], []string{"'none'"}) || a.Header.Get("X-Frame-Options") != "DENY" || a.Header.Get("Cross-Origin-Opener-Policy") != "same-origin" {
			t.Errorf("%s can be framed: %q %q", a, csp, a.Header.Get("X-Frame-Options"))
		}
		switch ct := a.Header.Get("Content-Type"); {
		case a.Status >= 400:
			kinds["errors"]++
		case a.Status >= 300:
			kinds["redirects"]++
		case strings.HasPrefix(ct, "application/pdf"):
			kinds["pdf"]++
		case strings.HasPrefix(ct, "text/html"):
			kinds["pages"]++
		case strings.HasPrefix(ct, "image/"):
			kinds["pictures"]++
		default:
			kinds["other"]++
		}
	}
	for _, k := range []string{"errors", "redirects", "pdf", "pages", "pictures", "other"} {
		if kinds[k] < 2 {
			t.Errorf("the sweep has %d %s: %v", kinds[k], k, kinds)
		}
	}
})

var _ = attack("AC-173", func(t *testing.T, c *apptest.Client) {
	tight := map[string]string{"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'", "font-src": "'self'", "connect-src": "'self'", "form-action": "'self'", "base-uri": "'none'",
		"frame-ancestors": "'none'", "require-trusted-types-for": "'script'"}
	pages, inert := 0, 0
	for _, a := range sweep(t, c) {
		p := policy(a.Header.Get("Content-Security-Policy"))
		all := a.Header.Get("Content-Security-Policy")
		for _, bad := range []string{"unsafe", "*", "http:", "data:", "blob:", "nonce-", "strict-dynamic"} {
			if strings.Contains(strings.ReplaceAll(all, "https:", ""), bad) {
				t.Errorf("%s: the policy allows %s", a, bad)
			}
		}
		if _, sandboxed := p["sandbox"]; sandboxed {
			if inert++; !slices.Equal(p["default-src"], []string{"'none'"}) || p["script-src"] != nil {
				t.Errorf("%s: a sandbox with a door: %s", a, all)
			}
			continue
		}
		for k, v := range tight {
			if strings.Join(p[k], " ") != v {
				t.Errorf("%s: %s is %q", a, k, p[k])
			}
		}
		if strings.Join(p["report-uri"], "") != "/csp-report" || a.Header.Get("Reporting-Endpoints") == "" || p["frame-src"] != nil || p["object-src"] != nil || p["worker-src"] != nil {
			t.Errorf("%s: %s", a, all)
		}
		if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || len(a.Body) == 0 {
			continue
		}
		// The policy is not all: nothing on the page would need more.
		pages++
		for _, n := range a.Find("script:not([type='application/ld+json']):not([src]), style, [style], iframe, object, embed, base, [onclick], [onload], [onerror], [onsubmit], a[href^='javascript:' i]") {
			t.Errorf("%s has <%s> of its own", a, n.Data)
		}
		for _, n := range a.Find("script[src], link[href], img[src], form[action]") {
			for _, name := range []string{"src", "href", "action"} {
				if u := apptest.Attr(n, name); u != "" && !strings.HasPrefix(u, "/") && !strings.HasPrefix(u, c.Shop.Shop) && !strings.HasPrefix(u, "?") && !strings.HasPrefix(u, "#") {
					t.Errorf("%s leads <%s> to %s", a, n.Data, u)
				}
			}
		}
	}
	if pages < 200 || inert < 3 {
		t.Errorf("%d pages, %d sandboxed answers", pages, inert)
	}
	// What a browser reports is taken and stands in the log, without the page's address.
	blocked := "https://" + strings.ToLower(aWord()) + ".example"
	secret := aWord()
	r := c.Do("POST", "/csp-report", apptest.Raw(`{"csp-report":{"document-uri":"`+c.Shop.Shop+`/orders/`+secret+`","effective-directive":"script-src-elem","blocked-uri":"`+blocked+`/skim.js?card=4242"}}`), "Content-Type", "application/csp-report")
	if r.Status != 204 {
		t.Errorf("a report: %d", r.Status)
	}
	c.Wait("the report stands in the log", quietTime, func() bool { return strings.Contains(c.Records(), blocked) })
	if strings.Contains(c.Records(), secret) || strings.Contains(c.Records(), "skim.js") {
		t.Error("the log holds the page's address, or a path of the report")
	}
	for _, bad := range []string{"", "null", "[]", "{", `{"csp-report":` + strings.Repeat("[", 500), strings.Repeat("a", 20<<10)} {
		if r := c.Do("POST", "/csp-report", apptest.Raw(bad), "Content-Type", "application/csp-report"); r.Status >= 500 {
			t.Errorf("a report %.20q: %d", bad, r.Status)
		}
	}
})

var _ = attack("AC-176", func(t *testing.T, c *apptest.Client) {
	a := settle(c)
	_, v := c.Hire(c, "owner")
	v.SetCookie("__Host-cart", a.cart)
	static := regexp.MustCompile(`/static/[^"]+`).FindString(string(c.Do("GET", "/", nil).Body))
	ends := []string{"/x.css", "/a.js", ".css", ".js", ".png", ".jpg", ".svg", ".json", ".txt", ".ico", "%2fa.js", "%2Fa.css", ";.png", ";a.css", "%3Ba.css", "%00.css", "%0a.css", "%23.css", "%3f.css", "/", "//", "/.css", "/..%2f" + strings.TrimPrefix(static, "/"), "/..%2fstatic%2fa.css", "/%2e%2e" + static, "\\a.css", "~.css", "/static/a.css", "%20.css", "/robots.txt", "/favicon.ico"}
	pages := []string{"/cart", "/checkout", "/account", "/orders/" + a.order, "/orders/" + a.order + "/documents/" + a.document, "/cases/" + a.talk, "/purchases/" + a.purchase, "/withdraw/received/" + a.back, "/admin", "/admin/orders/" + a.number, "/admin/cases/" + a.caseID,
		apptest.API + "/orders/" + a.order, apptest.API + "/carts/" + a.cart}
	cookies := "__Host-cart=" + a.cart + "; " + apptest.CookieStaff + "=" + v.Cookie(apptest.CookieStaff)
	// A cache between the two keeps what it may: by rule, and by the ending of the
	// address where nothing forbids it.
	kept := map[string]apptest.Answer{}
	through := func(target, cookie string) apptest.Answer {
		if hit, ok := kept[target]; ok {
			return hit
		}
		got := raw(c, "GET", target, "Cookie", cookie)
		cc := got.Header.Get("Cache-Control")
		if !strings.Contains(cc, "no-store") && !strings.Contains(cc, "private") && !strings.Contains(cc, "no-cache") {
			kept[target] = got
		}
		return got
	}
	for _, p := range pages {
		for _, e := range ends {
			got := through(p+e, cookies)
			if got.Status == 200 && e != "/" && e != "//" || got.Status >= 500 || len(a.seen(got)) > 0 {
				t.Errorf("%.30s%s: %d %v", p, e, got.Status, a.seen(got))
			}
			if cc := got.Header.Get("Cache-Control"); cc != "no-store" {
				t.Errorf("%.30s%s: Cache-Control %q", p, e, cc)
			}
			if g := through(p+e, "x=1"); len(a.seen(g)) > 0 {
				t.Errorf("%.30s%s: the next visitor sees %v", p, e, a.seen(g))
			}
		}
		if got := through(p, cookies); got.Status != 200 && !(p == "/account" && got.Status == 303) || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the page itself %.30s: %d %q", p, got.Status, got.Header.Get("Cache-Control"))
		}
	}
	// Kept pages are for all: with a cart they are not taken from there, nor put there.
	page := "/products/" + stall(c).Product
	mine := c.Other()
	mine.SetCookie("__Host-cart", a.cart)
	got, plain := mine.Do("GET", page, nil), c.Other().Do("GET", page, nil)
	if got.Header.Get("Cache-Control") != "no-store" || plain.Header.Get("Cache-Control") == "no-store" || strings.Contains(string(plain.Body), a.cart) {
		t.Errorf("with a cart %q, without %q", got.Header.Get("Cache-Control"), plain.Header.Get("Cache-Control"))
	}
	for _, h := range []string{"X-Forwarded-Host", "X-Forwarded-Scheme", "X-Original-URL", "X-Host"} {
		w := aWord()
		c.Other().Do("GET", page+"?utm_source="+w, nil, h, w+".example", "Cookie", "lang="+w)
		if g := c.Other().Do("GET", page, nil); strings.Contains(string(g.Body), w) {
			t.Errorf("%s poisons the kept page", h)
		}
	}
	// The twin: what may be kept is, and says so.
	if s := through(static, ""); s.Status != 200 || !strings.Contains(s.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("a static file: %d %q", s.Status, s.Header.Get("Cache-Control"))
	}
})

var _ = attack("AC-179", func(t *testing.T, c *apptest.Client) {
	cookies := map[string]bool{}
	look := func(a swept) {
		h, corp := a.Header, "same-origin"
		if strings.HasPrefix(a.path, "/media/") && a.Status == 200 {
			corp = "cross-origin" // pictures of goods are shown by others too: feeds, mail readers
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cross-Origin-Resource-Policy") != corp || h.Get("Permissions-Policy") == "" {
			t.Errorf("%s: baseline %v", a, h)
		}
		if hsts := h.Get("Strict-Transport-Security"); !regexp.MustCompile(`^max-age=[1-9]\d*$`).MatchString(hsts) {
			t.Errorf("%s: HSTS %q", a, hsts)
		}
		for _, no := range []string{"Server", "X-Powered-By", "X-Aspnet-Version", "Via", "X-Runtime", "Access-Control-Allow-Origin", "X-Debug"} {
			if h.Get(no) != "" {
				t.Errorf("%s: %s: %s", a, no, h.Get(no))
			}
		}
		if len(a.Body) > 0 && h.Get("Content-Type") == "" {
			t.Errorf("%s has no type", a)
		}
		if cc := h.Get("Cache-Control"); cc == "" {
			t.Errorf("%s: no Cache-Control", a)
		}
		for _, k := range (&http.Response{Header: h}).Cookies() {
			cookies[k.Name] = true
			if !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode && k.SameSite != http.SameSiteStrictMode || k.Path != "/" || k.Domain != "" {
				t.Errorf("%s: cookie %s", a, k.Raw)
			}
		}
	}
	for _, a := range sweep(t, c) {
		look(a)
	}
	// Where cookies are given: the cart, its message, the sign-in and its end.
	_, v := c.Hire(c, "owner")
	v.SetCookie("__Host-cart", c.NewCart().ID)
	look(swept{"POST", "/cart/lines", "guest", c.Other().Form("/cart/lines", url.Values{"variant_id": {stall(c).ID}, "quantity": {"1"}})})
	look(swept{"POST", "/admin/confirm", "owner", v.Form("/admin/confirm", url.Values{"totp": {"000000"}})})
	look(swept{"POST", "/admin/logout", "owner", v.Form("/admin/logout", nil)})
	m, _ := c.Hire(c, "reader")
	look(swept{"POST", "/admin/login", "reader", signIn(c.Other(), m.Email, m.Password, c.Code(m))})
	for _, want := range []string{"__Host-cart", "__Host-flash", apptest.CookieStaff} {
		if !cookies[want] {
			t.Errorf("%s was never seen: %v", want, cookies)
		}
	}
	// In clear there is nothing but the way to TLS, and no cookie.
	for _, p := range []string{"/", "/cart", "/admin"} {
		a := c.Do("GET", c.HTTP+p, nil)
		if a.Status != 308 || !strings.HasPrefix(a.Location(), "https://") || a.Header.Get("Set-Cookie") != "" || a.Header.Get("Strict-Transport-Security") != "" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("in clear %s: %d %v", p, a.Status, a.Header)
		}
	}
	if a := c.Do("POST", c.HTTP+"/admin/login", apptest.Raw("email=x")); a.Status != 403 {
		t.Errorf("a form in clear: %d", a.Status)
	}
})
