package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

var wantHeaders = map[string]string{
	"Content-Security-Policy":      web.CSP,
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "same-origin",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Strict-Transport-Security":    web.HSTSDemo,
}

func checkHeaders(t *testing.T, res *http.Response) {
	t.Helper()
	for name, want := range wantHeaders {
		if got := res.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s = %q", res.Status, name, got)
		}
	}
	if res.Header.Get("Permissions-Policy") == "" {
		t.Error("no Permissions-Policy")
	}
	for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin"} {
		if got := res.Header.Get(name); got != "" {
			t.Errorf("%s = %q must not be there", name, got)
		}
	}
	if strings.Contains(web.CSP, "unsafe") || strings.Contains(web.CSP, "*") {
		t.Error("the policy is loose")
	}
}

func TestEveryAnswerHasTheWalls(t *testing.T) {
	w := newWorld(t, options{})
	big := strings.Repeat("a", 70<<10)
	for _, c := range []struct {
		method, path, body string
		header             []string
		status             int
		noStore            bool
	}{
		{"GET", "/", "", nil, 200, true},
		{"HEAD", "/", "", nil, 200, true},
		{"GET", "/en", "", nil, 200, true},
		{"GET", "/products/cup", "", nil, 200, false},
		{"GET", "/products/cup", "", []string{"Cookie", "__Host-cart=x"}, 200, true},
		{"GET", "/products/none", "", nil, 404, true},
		{"GET", "/static/a.css", "", nil, 200, false},
		{"GET", "/static/a.css", "", []string{"If-None-Match", `"v1"`}, 304, false},
		{"POST", "/cart", "variant=1", []string{"Content-Type", form}, 303, true},
		{"POST", "/cart", "variant=1", []string{"Content-Type", form, "Origin", "https://evil.example"}, 403, true},
		{"POST", "/cart", "x=1", []string{"Content-Type", form}, 400, true},
		{"POST", "/cart", big, []string{"Content-Type", form}, 413, true},
		{"POST", "/cart", "variant=1", []string{"Content-Type", "text/plain"}, 415, true},
		{"GET", "/nowhere", "", nil, 404, true},
		{"DELETE", "/cart", "", nil, 405, true},
		{"GET", "/boom", "", nil, 500, true},
		{"GET", "/panic", "", nil, 500, true},
		{"GET", "/", "", []string{"Host", "evil.example"}, 421, true},
		{"GET", "/api/store/v1/conflict", "", nil, 409, true},
		{"GET", "/api/nowhere", "", nil, 404, true},
		{"POST", "/api/admin/v1/thing", "{}", []string{"Content-Type", "application/json"}, 401, true},
		{"OPTIONS", "/api/store/v1/conflict", "", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "POST"}, 405, true},
		{"TRACE", "/", "", nil, 405, true},
	} {
		for name, client := range map[string]*http.Client{"h1": w.h1, "h2": w.h2} {
			t.Run(fmt.Sprintf("%s %s %s %d", name, c.method, c.path, c.status), func(t *testing.T) {
				res, _ := w.with(client, c.method, c.path, c.body, c.header...)
				if res.StatusCode != c.status {
					t.Fatalf("status %d, want %d", res.StatusCode, c.status)
				}
				checkHeaders(t, res)
				if got := res.Header.Get("Cache-Control"); c.noStore != (got == "no-store") {
					t.Errorf("Cache-Control %q", got)
				}
				for _, ck := range res.Cookies() {
					if !strings.HasPrefix(ck.Name, "__Host-") || !ck.Secure || !ck.HttpOnly || ck.SameSite != http.SameSiteLaxMode || ck.Path != "/" || ck.Domain != "" {
						t.Errorf("cookie %s", ck.Raw)
					}
				}
				api := strings.HasPrefix(c.path, "/api/")
				if ct := res.Header.Get("Content-Type"); c.status >= 400 && api != (ct == "application/problem+json") {
					t.Errorf("Content-Type %q", ct)
				}
			})
		}
	}
}

func TestErrorsSayNothing(t *testing.T) {
	w := newWorld(t, options{})
	for _, path := range []string{"/boom", "/panic", "/api/store/v1/fail"} {
		res, body := w.do("GET", path, "")
		if res.StatusCode != 500 || strings.Contains(body, "secret") || strings.Contains(body, ".go:") || strings.Contains(body, "goroutine") {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	eventually(t, "the causes are in the log", func() bool {
		return strings.Count(w.log.String(), `"msg":"internal error"`) == 3
	})
	if s := w.log.String(); !strings.Contains(s, "secret-dsn") || !strings.Contains(s, "world_test.go") {
		t.Error("the log lacks the cause or the stack of the panic")
	}
	// Where and how it fell is told; what it was said to hold is nobody's to read.
	if s := w.log.String(); strings.Contains(s, "Kim Prov") || strings.Contains(s, "Storgatan") || !strings.Contains(s, "panic: a value of type string") {
		t.Error("the log quotes what the panic was about, or says nothing of it")
	}
	_, body := w.do("GET", "/nowhere/%3Cscript%3Ealert(1)%3C/script%3E?x=marker-1", "")
	if strings.Contains(body, "marker-1") || strings.Contains(body, "script") || strings.Contains(body, "nowhere") {
		t.Errorf("the 404 page echoes the request: %s", body)
	}
}

func TestAnAnswerCutOffIsNotWhole(t *testing.T) {
	w := newWorld(t, options{})
	for name, c := range map[string]*http.Client{"h1": w.h1, "h2": w.h2} {
		res, err := c.Get(w.l.URL("localhost") + "/half")
		if err != nil {
			continue // reset before the head was read is as good
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil {
			t.Errorf("%s: half an answer looks whole: %q", name, b)
		}
	}
}

func TestLogHoldsNothingPersonal(t *testing.T) {
	w := newWorld(t, options{deps: func(d *web.Deps) { d.Proxies = web.Loopback }})
	w.do("POST", "/cart?mail=anna%40example.org", "variant=Anna+Svensson", "Content-Type", form, "Cookie", "__Host-cart=tok3n",
		"X-Forwarded-For", "203.0.113.77", "User-Agent", "agent-marker", "Referer", w.l.URL("localhost")+"/orders/tok3n")
	w.do("GET", "/products/handle-marker", "")
	w.do("GET", "/nowhere/path-marker", "", "X-Forwarded-For", "203.0.113.77")
	eventually(t, "three records", func() bool { return strings.Count(w.log.String(), `"msg":"request"`) == 3 })
	got := w.log.String()
	for _, marker := range []string{"anna", "Anna", "tok3n", "203.0.113.77", "agent-marker", "handle-marker", "path-marker", "127.0.0.1"} {
		if strings.Contains(got, marker) {
			t.Errorf("the log holds %q:\n%s", marker, got)
		}
	}
	var rec map[string]any
	if err := json.Unmarshal([]byte(strings.SplitN(got, "\n", 2)[0]), &rec); err != nil {
		t.Fatal(err)
	}
	if rec["route"] != "/cart" || rec["client"] != "203.0.113.0/24" || rec["status"] != 303.0 || len(rec["id"].(string)) != 8 {
		t.Errorf("record %v", rec)
	}
}

func TestOtherSitesCannotWrite(t *testing.T) {
	w := newWorld(t, options{})
	own := w.l.URL("localhost")
	for _, c := range []struct {
		name   string
		header []string
		want   int
	}{
		{"no browser", nil, 303},
		{"own origin", []string{"Origin", own}, 303},
		{"own page", []string{"Sec-Fetch-Site", "same-origin", "Origin", own}, 303},
		{"own page by number", []string{"Sec-Fetch-Site", "same-origin", "Origin", w.l.URL("127.0.0.1")}, 303},
		{"address bar", []string{"Sec-Fetch-Site", "none"}, 303},
		{"own referer", []string{"Referer", own + "/cart"}, 303},
		{"cross-site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, 403},
		{"cross-site claiming our origin", []string{"Sec-Fetch-Site", "cross-site", "Origin", own}, 403},
		{"same-site", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"two fetch sites", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Site", "cross-site"}, 403},
		{"foreign origin", []string{"Origin", "https://evil.example"}, 403},
		{"origin beside same-origin", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://evil.example"}, 403},
		{"null origin", []string{"Origin", "null"}, 403},
		{"plain origin of our host", []string{"Origin", strings.Replace(own, "https", "http", 1)}, 403},
		{"origin with our name as a prefix", []string{"Origin", own + ".evil.example"}, 403},
		{"two origins", []string{"Origin", own, "Origin", "https://evil.example"}, 403},
		{"foreign referer", []string{"Referer", "https://evil.example/" + own}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := w.count("cart-post")
			res, _ := w.with(w.h1, "POST", "/cart", "variant=1", append([]string{"Content-Type", form}, c.header...)...)
			if res.StatusCode != c.want {
				t.Errorf("status %d, want %d", res.StatusCode, c.want)
			}
			if ran := w.count("cart-post") - before; ran != map[int]int{303: 1, 403: 0}[c.want] {
				t.Errorf("the handler ran %d times", ran)
			}
			// The API has no ambient authority: it answers, and it gets no cookie.
			res, body := w.do("POST", "/api/store/v1/carts/x/lines", `{"variant_id":"1","quantity":2}`,
				append([]string{"Content-Type", "application/json", "Cookie", "__Host-cart=secret"}, c.header...)...)
			if res.StatusCode != 201 || strings.Contains(body, "secret") {
				t.Errorf("api: %d %s", res.StatusCode, body)
			}
		})
	}
}

func TestHostsAreConfigured(t *testing.T) {
	w := newWorld(t, options{})
	for host, want := range map[string]int{"localhost": 200, "LOCALHOST:1234": 200, "127.0.0.1": 200, "evil.example": 421,
		"localhost.evil.example": 421, "evil.example:localhost": 421, "": 421} {
		if host == "" {
			continue
		}
		res, body := w.with(w.h1, "GET", "/", "", "Host", host, "X-Forwarded-Host", "localhost")
		if res.StatusCode != want || strings.Contains(body, "evil") {
			t.Errorf("%q: %d %s", host, res.StatusCode, body)
		}
	}
}

// The client of the limit and of the log is the peer, or what a configured proxy says.
func TestForwardedFor(t *testing.T) {
	for _, c := range []struct {
		name    string
		proxies web.Proxies
		xff     []string
		want    string
	}{
		{"nobody is trusted", nil, []string{"203.0.113.5"}, "127.0.0.1"},
		{"demo", web.Loopback, []string{"203.0.113.5"}, "203.0.113.5"},
		{"rightmost untrusted", web.Loopback, []string{"198.51.100.1, 203.0.113.5"}, "203.0.113.5"},
		{"own proxies are passed over", web.Loopback, []string{"198.51.100.1, 203.0.113.5, 127.0.0.9"}, "203.0.113.5"},
		{"several lines", web.Loopback, []string{"198.51.100.1", "203.0.113.5"}, "203.0.113.5"},
		{"garbage", web.Loopback, []string{"203.0.113.5, unknown"}, "127.0.0.1"},
		{"mapped", web.Loopback, []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		{"v6", web.Loopback, []string{"2001:db8::1"}, "2001:db8::1"},
		{"none", web.Loopback, nil, "127.0.0.1"},
		{"a peer that is no proxy", web.Proxies{netip.MustParsePrefix("10.0.0.0/8")}, []string{"203.0.113.5"}, "127.0.0.1"},
		{"too many hops", web.Loopback, []string{"203.0.113.5" + strings.Repeat(", 127.0.0.1", 50)}, "127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, options{deps: func(d *web.Deps) { d.Proxies = c.proxies }})
			h := []string{"Content-Type", "application/json", "X-Real-IP", "192.0.2.1", "True-Client-IP", "192.0.2.1", "Forwarded", "for=192.0.2.1"}
			for _, x := range c.xff {
				h = append(h, "X-Forwarded-For", x)
			}
			_, body := w.do("POST", "/api/store/v1/carts/x/lines", `{"variant_id":"1","quantity":2}`, h...)
			if want := fmt.Sprintf(`"client":%q`, c.want); !strings.Contains(body, want) {
				t.Errorf("%s, want %s", body, want)
			}
		})
	}
}

func TestPathsAreWhatTheyAre(t *testing.T) {
	w := newWorld(t, options{})
	for _, p := range []string{"/cart/", "/Cart", "//cart", "/./cart", "/x/../cart", "/%63art", "/cart%2f", "/%2e/cart", "/cart%00", "/cart;x=1",
		"/cart.css", "/cart/x.css", "/cart%2fx.css", "/cart\\", "/en/", "/en//", "/en/en/cart", "/en/api/store/v1/conflict", "/en/static/a.css",
		"/static", "/static/", "/static//a.css", "/static/../cart", "/static/%2e%2e/cart", "/static/..%2fcart", "//evil.example/", "/%2f%2fevil.example",
		"/products/a%2fb", "/products/a%5cb", "/products/a%0ab", "/products/%ff", "/products/a%25b", "/api", "/api/", "/API/store/v1/conflict",
		"/api/store/v1/conflict/", "/api/store//v1/conflict", "/products/" + strings.Repeat("a", 2000)} {
		for name, client := range map[string]*http.Client{"h1": w.h1, "h2": w.h2} {
			res, _ := w.with(client, "GET", p, "")
			if res.StatusCode != 404 && res.StatusCode != 400 {
				t.Errorf("%s %q: %d %s", name, p, res.StatusCode, res.Header.Get("Location"))
			}
			if res.Header.Get("Location") != "" {
				t.Errorf("%s %q redirects to %s", name, p, res.Header.Get("Location"))
			}
			if res.StatusCode == 404 {
				checkHeaders(t, res)
			}
		}
	}
	for _, p := range []string{"/cart", "/en/cart", "/products/r%C3%B6d", "/products/a-b_c~d.e", "/static/a/b.css", "/cart?x=//evil"} {
		if res, _ := w.do("GET", p, ""); res.StatusCode != 200 {
			t.Errorf("%q: %d", p, res.StatusCode)
		}
	}
}

func TestLanguageIsAPrefix(t *testing.T) {
	w := newWorld(t, options{})
	if _, body := w.do("GET", "/cart", "", "Accept-Language", "en"); !strings.Contains(body, "cart sv") {
		t.Errorf("a page's language is its address: %s", body)
	}
	if _, body := w.do("GET", "/en/cart", ""); !strings.Contains(body, "cart en") {
		t.Error(body)
	}
	if res, body := w.do("GET", "/en/nowhere", ""); res.StatusCode != 404 || !strings.Contains(body, "no such page") {
		t.Error(body)
	}
	if res, _ := w.do("POST", "/en/cart", "variant=1", "Content-Type", form); res.Header.Get("Location") != "/en/cart" {
		t.Error(res.Header)
	}
	if _, body := w.do("GET", "/api/nowhere", "", "Accept-Language", "en-GB"); !strings.Contains(body, "no such page") {
		t.Error(body)
	}
	if _, body := w.do("GET", "/api/nowhere", "", "Accept-Language", "fi"); !strings.Contains(body, "finns inte") {
		t.Error(body)
	}
}

func TestTableIsTheMux(t *testing.T) {
	w := newWorld(t, options{})
	rows := w.mux.Rows()
	listed := map[string]map[string]bool{}
	for _, r := range rows {
		if listed[r.Path] == nil {
			listed[r.Path] = map[string]bool{}
		}
		listed[r.Path][r.Method] = true
		if r.Who == "" || r.Rate == "" || r.Listener != "shop" {
			t.Errorf("row %+v", r)
		}
	}
	for path, ms := range listed {
		if strings.HasSuffix(path, "/half") {
			continue // its answer is cut off on purpose
		}
		concrete := strings.NewReplacer("{handle}", "cup", "{id}", "x", "{path...}", "a.css", "{$}", "").Replace(path)
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			res, _ := w.do(method, concrete, "")
			if ms[method] == (res.StatusCode == 405) || res.StatusCode == 404 {
				t.Errorf("%s %s: listed %v, status %d", method, concrete, ms[method], res.StatusCode)
			}
			if res.StatusCode == 405 {
				for m := range ms {
					if !strings.Contains(res.Header.Get("Allow"), m) {
						t.Errorf("%s: Allow %q lacks %s", concrete, res.Header.Get("Allow"), m)
					}
				}
			}
		}
	}
	b, err := json.Marshal(rows[0])
	if err != nil || !strings.HasPrefix(string(b), `{"listener":"shop","method":`) {
		t.Errorf("%s %v", b, err)
	}
}

func TestUnsafeRowsStopTheStart(t *testing.T) {
	h := func(http.ResponseWriter, *web.Request) error { return nil }
	good := web.Route{Method: "GET", Path: "/x", Who: web.Public, Rate: shield.Browse, Handle: h}
	for name, change := range map[string]func(*web.Route){
		"method":              func(r *web.Route) { r.Method = "*" },
		"head":                func(r *web.Route) { r.Method = "HEAD" },
		"trailing slash":      func(r *web.Route) { r.Path = "/x/" },
		"english":             func(r *web.Route) { r.Path = "/en/x" },
		"no handler":          func(r *web.Route) { r.Handle = nil },
		"nobody":              func(r *web.Route) { r.Who = "" },
		"no rate":             func(r *web.Route) { r.Rate = "" },
		"unknown rate":        func(r *web.Route) { r.Rate = "fast" },
		"staff, no one asks":  func(r *web.Route) { r.Who = web.Staff("orders.read") },
		"page under api":      func(r *web.Route) { r.Path = "/api/x" },
		"endpoint elsewhere":  func(r *web.Route) { r.Face = web.Endpoint },
		"cached write":        func(r *web.Route) { r.Method, r.Cache = "POST", &web.CachePolicy{} },
		"cached for cart":     func(r *web.Route) { r.Who, r.Cache = web.Cart, &web.CachePolicy{} },
		"bad pattern":         func(r *web.Route) { r.Path = "/x/{" },
		"operation on a page": func(r *web.Route) { r.Op = "x" },
	} {
		rt := good
		change(&rt)
		if _, err := web.NewMux("shop", []web.Route{rt}, web.Deps{Limiter: shield.NewLimiter(shield.LimiterOptions{})}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := web.NewMux("shop", []web.Route{good, good}, web.Deps{}); err == nil {
		t.Error("the same row twice was accepted")
	}
	if _, err := web.NewMux("shop", []web.Route{good}, web.Deps{}); err != nil {
		t.Error(err)
	}
}

func TestProblemDocument(t *testing.T) {
	w := newWorld(t, options{})
	_, body := w.do("GET", "/api/store/v1/conflict", "")
	var doc struct {
		Type, Title, Detail, Code string
		Status                    int
		Cart                      map[string]any
		Errors                    []struct{ Pointer, Code, Message string }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Status != 409 || doc.Code != "out_of_stock_test" || doc.Cart["id"] != "x" || doc.Title == "" || doc.Detail == "" ||
		len(doc.Errors) != 1 || doc.Errors[0].Pointer != "/lines/0" || doc.Errors[0].Code != "gone_test" || doc.Errors[0].Message == "" {
		t.Errorf("%s", body)
	}
}
