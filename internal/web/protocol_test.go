package web_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

func (w *world) dial(protocols ...string) *tls.Conn {
	w.t.Helper()
	c, err := tls.Dial("tcp", w.l.Addr(), &tls.Config{RootCAs: w.pool, ServerName: "localhost", NextProtos: protocols})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

// closedByServer reads until the connection ends, for at most 10 s.
func closedByServer(t *testing.T, c net.Conn) []byte {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(c)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Error("the server keeps the connection")
	}
	return b
}

func TestSlowPeersAreCut(t *testing.T) {
	w := newWorld(t, options{server: shield.ServerOptions{ReadHeader: 300 * time.Millisecond, Idle: 300 * time.Millisecond}})
	half := w.dial()
	fmt.Fprint(half, "GET / HTTP/1.1\r\nHost: local")
	idle := w.dial()
	fmt.Fprint(idle, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	silent := w.dial()
	hello, err := net.Dial("tcp", w.l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer hello.Close()
	hello.Write([]byte{22, 3, 1, 2, 0, 1}) // the beginning of a TLS hello
	for name, c := range map[string]net.Conn{"half a head": half, "idle": idle, "silent": silent, "half a hello": hello} {
		t.Run(name, func(t *testing.T) { closedByServer(t, c) })
	}
	if res, _ := w.do("GET", "/", ""); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	w.h2.CloseIdleConnections()
	eventually(t, "no connection is left", func() bool { return w.l.OpenConns() == 0 })
}

func TestSlowBodyHoldsNoPlace(t *testing.T) {
	gate := shield.NewGate(shield.GateOptions{Checkout: 1, Queue: 1})
	slow := web.Route{Method: "POST", Path: "/slow", Who: web.Cart, Rate: shield.Cart, BodyTime: 300 * time.Millisecond,
		Handle: func(rw http.ResponseWriter, r *web.Request) error { return web.NoContent(rw) }}
	w := newWorld(t, options{deps: func(d *web.Deps) { d.Gate = gate }, extra: []web.Route{slow}})
	c := w.dial()
	fmt.Fprintf(c, "POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 50\r\n\r\nvar", form)
	if res, _ := w.do("GET", "/cart", ""); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	if got := closedByServer(t, c); !bytes.Contains(got, []byte(" 408 ")) {
		t.Errorf("%.200s", got)
	}
}

func TestLargeHeads(t *testing.T) {
	w := newWorld(t, options{})
	for _, c := range []*http.Client{w.h1, w.h2} {
		req, _ := http.NewRequest("GET", w.l.URL("localhost")+"/", nil)
		req.Header.Set("X-Big", strings.Repeat("a", 64<<10))
		res, err := c.Do(req)
		if err != nil {
			continue // cut off is as good
		}
		res.Body.Close()
		if res.StatusCode != 431 {
			t.Error(res.Status)
		}
	}
	if res, _ := w.do("GET", "/", "", "X-Small", strings.Repeat("a", 8<<10)); res.StatusCode != 200 {
		t.Error(res.Status)
	}
}

// A hundred thousand streams opened and reset: the server lives, answers others,
// and lets go of everything.
func TestRapidReset(t *testing.T) {
	w := newWorld(t, options{})
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { w.rapidReset(10_000) })
	}
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		req, _ := http.NewRequestWithContext(ctx, "GET", w.l.URL("localhost")+"/products/cup", nil)
		res, err := w.h1.Do(req)
		if err != nil {
			t.Error("a shopper was not answered:", err)
		} else {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		cancel()
	}
	wg.Wait()
	w.h1.CloseIdleConnections()
	eventually(t, "goroutines are back", func() bool { return runtime.NumGoroutine() <= before+5 })
	if res, _ := w.do("GET", "/", ""); res.StatusCode != 200 {
		t.Error(res.Status)
	}
}

// A reader that asks and does not read holds no place at the gate, and when there are
// too many of him, the one that has waited longest is cut.
func TestDeafReadersHoldNobodyUp(t *testing.T) {
	big := web.Route{Method: "GET", Path: "/big", Who: web.Public, Rate: shield.Browse, Handle: func(rw http.ResponseWriter, r *web.Request) error {
		return web.Bytes(rw, r, 200, "text/plain", make([]byte, 200<<10))
	}}
	gate, out := shield.NewGate(shield.GateOptions{Window: 1, Patience: 20 * time.Millisecond}), shield.NewOutbox(shield.OutboxLimits{Total: 1 << 20, PerClient: 1 << 20})
	w := newWorld(t, options{deps: func(d *web.Deps) { d.Gate, d.Outbox = gate, out }, extra: []web.Route{big}})
	c := w.dial("h2")
	_, _ = io.WriteString(c, http2.ClientPreface)
	fr := http2.NewFramer(c, c)
	_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	ask := func(i int) {
		head.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/big"}} {
			_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: head.Bytes(), EndHeaders: true, EndStream: true})
	}
	begun, cut := 0, 0
	until := func(ok func() bool) {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		for !ok() {
			f, err := fr.ReadFrame()
			if err != nil {
				t.Fatalf("%d answers began, %d were cut: %v", begun, cut, err)
			}
			switch f := f.(type) {
			case *http2.HeadersFrame:
				begun++
			case *http2.RSTStreamFrame:
				if f.StreamID != 1 {
					t.Errorf("stream %d was cut before the first", f.StreamID)
				}
				cut++
			}
		}
	}
	for i := range 5 {
		ask(i)
		until(func() bool { return begun == i+1 })
		if res, _ := w.do("GET", "/", ""); res.StatusCode != 200 {
			t.Fatalf("beside %d readers that do not read: %s", i+1, res.Status)
		}
	}
	eventually(t, "five answers wait", func() bool { return out.Held() == 5*200<<10 })
	ask(5)
	until(func() bool { return cut == 1 && begun == 6 })
	eventually(t, "still five wait", func() bool { return out.Held() == 5*200<<10 })
	c.Close()
	eventually(t, "nothing waits", func() bool { return out.Held() == 0 })
}

func (w *world) rapidReset(n int) {
	c, err := tls.Dial("tcp", w.l.Addr(), &tls.Config{RootCAs: w.pool, ServerName: "localhost", NextProtos: []string{"h2"}})
	if err != nil {
		return
	}
	defer c.Close()
	go func() { _, _ = io.Copy(io.Discard, c) }()
	out := bufio.NewWriter(c)
	_, _ = io.WriteString(out, http2.ClientPreface)
	fr := http2.NewFramer(out, nil)
	_ = fr.WriteSettings()
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for i := range n {
		head.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/products/cup"}} {
			_ = enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		id := uint32(2*i + 1)
		if fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head.Bytes(), EndHeaders: true, EndStream: true}) != nil ||
			fr.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			return // sent away: what the limits are for
		}
	}
	_ = out.Flush()
}

// Many connections that never finish a request make room for one that does.
func TestOldestUnprovenGoesFirst(t *testing.T) {
	w := newWorld(t, options{conns: shield.ConnLimits{Unproven: 20}})
	keep := w.dial()
	fmt.Fprint(keep, "GET /cart HTTP/1.1\r\nHost: localhost\r\n\r\n")
	br := bufio.NewReader(keep)
	if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 200 {
		t.Fatal(err)
	} else {
		_, _ = io.Copy(io.Discard, res.Body)
	}
	var slow []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", w.l.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		slow = append(slow, c)
	}
	eventually(t, "only the newest are left", func() bool { return w.l.OpenConns() == 21 })
	closedByServer(t, slow[0])
	if res, _ := w.do("GET", "/", ""); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	fmt.Fprint(keep, "GET /cart HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 200 {
		t.Error("who had been served was cut off:", err)
	}
}

func TestRatesAndPlaces(t *testing.T) {
	lim := shield.NewLimiter(shield.LimiterOptions{Budgets: map[shield.Class]shield.Budget{
		shield.Browse: {PerSecond: 0.01, Burst: 3}, shield.Cart: {PerSecond: 0.01, Burst: 2}, shield.API: {PerSecond: 0.01, Burst: 2},
		shield.Upload: {PerSecond: 1, Burst: 1}, shield.Report: {PerSecond: 1, Burst: 1}}})
	w := newWorld(t, options{deps: func(d *web.Deps) { d.Limiter, d.Proxies = lim, web.Loopback }})
	ask := func(path, client string) *http.Response {
		res, _ := w.do("GET", path, "", "X-Forwarded-For", client)
		return res
	}
	for range 2 {
		if res := ask("/cart", "203.0.113.5"); res.StatusCode != 200 {
			t.Fatal(res.Status)
		}
	}
	res := ask("/cart", "203.0.113.5")
	if res.StatusCode != 429 || res.Header.Get("Retry-After") != "100" {
		t.Errorf("%s %q", res.Status, res.Header.Get("Retry-After"))
	}
	checkHeaders(t, res)
	if res := ask("/cart", "203.0.113.6"); res.StatusCode != 200 {
		t.Error("another client pays for the first:", res.Status)
	}
	// A kept page costs nothing; a page to be rendered does.
	for i := range 10 {
		if res := ask("/products/cup", "203.0.113.7"); res.StatusCode != 200 {
			t.Fatal(i, res.Status)
		}
	}
	// Unknown paths are counted too.
	got := 0
	for range 10 {
		if ask("/nowhere", "203.0.113.8").StatusCode == 429 {
			got++
		}
	}
	if got != 7 {
		t.Errorf("%d of 10 refused", got)
	}
	if _, body := w.do("GET", "/api/store/v1/conflict", "", "X-Forwarded-For", "203.0.113.9"); !strings.Contains(body, "409") {
		t.Error(body)
	}
	w.do("GET", "/api/store/v1/conflict", "", "X-Forwarded-For", "203.0.113.9")
	if res, body := w.do("GET", "/api/store/v1/conflict", "", "X-Forwarded-For", "203.0.113.9"); res.StatusCode != 429 ||
		res.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, `"too_many"`) {
		t.Error(res.Status, body)
	}
}

func TestFullHouseIsCalm(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	hold := web.Route{Method: "GET", Path: "/hold", Who: web.Public, Rate: shield.Browse, Handle: func(rw http.ResponseWriter, r *web.Request) error {
		inside <- struct{}{}
		<-release
		return web.NoContent(rw)
	}}
	gate := shield.NewGate(shield.GateOptions{Window: 1, Patience: 20 * time.Millisecond})
	w := newWorld(t, options{deps: func(d *web.Deps) { d.Gate = gate }, extra: []web.Route{hold}})
	var wg sync.WaitGroup
	wg.Go(func() { w.do("GET", "/hold", "") })
	<-inside
	res, body := w.do("GET", "/", "")
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "<h1>") {
		t.Errorf("%s %s", res.Status, body)
	}
	checkHeaders(t, res)
	if res, _ := w.do("GET", "/cart", ""); res.StatusCode != 200 {
		t.Error("browsing took the places of buyers:", res.Status)
	}
	close(release)
	wg.Wait()
	if res, _ := w.do("GET", "/", ""); res.StatusCode != 200 {
		t.Error(res.Status)
	}
}

func TestPlainListener(t *testing.T) {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "inner") })
	for _, c := range []struct {
		name         string
		proxies      web.Proxies
		inner        http.Handler
		method, path string
		header       []string
		status       int
		location     string
	}{
		{"page", nil, nil, "GET", "/products/cup?q=a", nil, 308, "https://shop.example/products/cup?q=a"},
		{"english", nil, nil, "HEAD", "/en", nil, 308, "https://shop.example/en"},
		{"host does not matter", nil, nil, "GET", "/", []string{"Host", "localhost:99", "X-Forwarded-Host", "evil.example"}, 308, "https://shop.example/"},
		{"post", nil, nil, "POST", "/cart", nil, 403, ""},
		{"other host", nil, nil, "GET", "/", []string{"Host", "evil.example"}, 421, ""},
		{"two slashes", nil, nil, "GET", "//evil.example/", nil, 404, ""},
		{"dots", nil, nil, "GET", "/..//evil.example", nil, 404, ""},
		{"forwarded but no proxy", nil, inner, "GET", "/", []string{"X-Forwarded-Proto", "https"}, 308, "https://shop.example/"},
		{"proxy", web.Loopback, inner, "GET", "/", []string{"X-Forwarded-Proto", "https"}, 200, ""},
		{"proxy, plain outside", web.Loopback, inner, "GET", "/", []string{"X-Forwarded-Proto", "http"}, 308, "https://shop.example/"},
		{"proxy, two words", web.Loopback, inner, "GET", "/", []string{"X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"}, 308, "https://shop.example/"},
		{"proxy without a word", web.Loopback, inner, "GET", "/", nil, 308, "https://shop.example/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, err := web.Plain(web.PlainOptions{Origin: "https://shop.example", Hosts: []string{"localhost", "127.0.0.1"}, Proxies: c.proxies, Inner: c.inner})
			if err != nil {
				t.Fatal(err)
			}
			l, err := web.Listen("http", "", nil, shield.ConnLimits{})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Start(h, shield.ServerOptions{}); err != nil {
				t.Fatal(err)
			}
			defer l.Shutdown(t.Context())
			tr := &http.Transport{}
			defer tr.CloseIdleConnections()
			w := &world{t: t, l: l}
			res, _ := w.with(&http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
				c.method, c.path, "", c.header...)
			if res.StatusCode != c.status || res.Header.Get("Location") != c.location {
				t.Errorf("%s %q", res.Status, res.Header.Get("Location"))
			}
			if c.status != 200 && (res.Header.Get("X-Frame-Options") != "DENY" || res.Header.Get("Cache-Control") != "no-store") {
				t.Errorf("%v", res.Header)
			}
		})
	}
	for _, bad := range []string{"", "http://shop.example", "shop.example", "https://shop.example/x"} {
		if _, err := web.Plain(web.PlainOptions{Origin: bad, Hosts: []string{"x"}}); err == nil {
			t.Errorf("origin %q was accepted", bad)
		}
	}
}

func TestShutdownDrains(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	hold := web.Route{Method: "GET", Path: "/hold", Who: web.Public, Rate: shield.Browse, Handle: func(rw http.ResponseWriter, r *web.Request) error {
		inside <- struct{}{}
		<-release
		return web.HTML(rw, r, 200, page("done"))
	}}
	w := newWorld(t, options{extra: []web.Route{hold}})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, body := w.with(w.h1, "GET", "/hold", ""); !strings.Contains(body, "done") {
			t.Error("a running request was cut off")
		}
	})
	<-inside
	stopped := make(chan error, 1)
	go func() { stopped <- web.ShutdownAll(context.Background(), 10*time.Second, w.l, nil) }()
	<-w.l.Done()
	close(release)
	wg.Wait()
	if err := <-stopped; err != nil || w.l.Err() != nil {
		t.Error(err, w.l.Err())
	}
	// Nobody who hangs can hold the program.
	inside2 := make(chan struct{})
	hang := web.Route{Method: "GET", Path: "/hang", Who: web.Public, Rate: shield.Browse, Handle: func(_ http.ResponseWriter, r *web.Request) error {
		close(inside2)
		<-r.Context().Done()
		return r.Context().Err()
	}}
	w = newWorld(t, options{extra: []web.Route{hang}})
	go func() { _, _ = w.h1.Get(w.l.URL("localhost") + "/hang") }()
	<-inside2
	if err := web.ShutdownAll(context.Background(), 50*time.Millisecond, w.l); err == nil {
		t.Error("nothing was said about a request that was cut off")
	}
}

func TestReports(t *testing.T) {
	w := newWorld(t, options{})
	for body, ct := range map[string]string{
		`{"csp-report":{"document-uri":"https://shop.example/orders/tok3n","effective-directive":"script-src-elem","blocked-uri":"https://evil.example/x.js?tok3n"}}`: "application/csp-report",
		`[{"type":"csp-violation","body":{"effectiveDirective":"img-src\n[x]","blockedURL":"inline"}}]`:                                                               "application/reports+json",
	} {
		if res, _ := w.do("POST", "/csp-report", body, "Content-Type", ct, "Origin", "null"); res.StatusCode != 204 {
			t.Error(res.Status)
		}
	}
	if w.count("csp script-src-elem https://evil.example") != 1 || w.count("csp img-src inline") != 1 {
		t.Error("reports are not told in their reduced form")
	}
	// What no browser reports is told without a word of it.
	for _, blocked := range []string{"https://for\u2028ged", "https://forged\x9b31m", "https://FORGED", "forged://forged", "https://forged forged", "https://" + strings.Repeat("forged", 50)} {
		b, _ := json.Marshal(map[string]any{"csp-report": map[string]string{"effective-directive": "forged", "blocked-uri": blocked}})
		if res, _ := w.do("POST", "/csp-report", string(b), "Content-Type", "application/csp-report"); res.StatusCode != 204 {
			t.Error(res.Status)
		}
	}
	if w.count("csp unknown other") != 6 {
		t.Error("a report's own words are told")
	}
	for _, bad := range []string{"", "x", strings.Repeat("[", 1000), `{"a":1,"a":2}`} {
		if res, _ := w.do("POST", "/csp-report", bad, "Content-Type", "application/csp-report"); res.StatusCode != 400 {
			t.Errorf("%.10q: %s", bad, res.Status)
		}
	}
}
