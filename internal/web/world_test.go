package web_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/fault"
	"kassavalv/internal/web"
	"kassavalv/internal/web/pagecache"
	"kassavalv/internal/web/shield"
)

// logBuffer is a log that several goroutines write and a test reads.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type world struct {
	t     testing.TB
	l     *web.Listener
	mux   *web.Mux
	log   *logBuffer
	cache *pagecache.Cache
	pool  *x509.CertPool
	conf  *tls.Config
	h1    *http.Client
	h2    *http.Client
	ran   sync.Map // handler name -> times
}

func (w *world) count(name string) int {
	ranLock.Lock()
	defer ranLock.Unlock()
	n, _ := w.ran.LoadOrStore(name, new(int64))
	return int(*n.(*int64))
}

var ranLock sync.Mutex

func (w *world) hit(name string) {
	ranLock.Lock()
	defer ranLock.Unlock()
	n, _ := w.ran.LoadOrStore(name, new(int64))
	*n.(*int64)++
}

type component func(io.Writer) error

func (c component) Render(_ context.Context, w io.Writer) error { return c(w) }

func page(text string) web.Component {
	return component(func(w io.Writer) error {
		_, err := io.WriteString(w, "<!doctype html><title>t</title>"+text)
		return err
	})
}

type line struct {
	Variant  string `json:"variant_id"`
	Quantity int    `json:"quantity"`
}

type options struct {
	deps   func(*web.Deps)
	server shield.ServerOptions
	conns  shield.ConnLimits
	extra  []web.Route
}

func newWorld(t testing.TB, o options) *world {
	t.Helper()
	w := &world{t: t, log: &logBuffer{}, cache: pagecache.New(pagecache.Options{})}
	conf, pool := certificate(t)
	w.pool, w.conf = pool, conf
	l, err := web.Listen("shop", "127.0.0.1:0", conf, o.conns)
	if err != nil {
		t.Fatal(err)
	}
	w.l = l
	deps := web.Deps{
		Origin: l.URL("localhost"), Hosts: []string{"localhost", "127.0.0.1"}, HSTS: web.HSTSDemo,
		Log: slog.New(slog.NewJSONHandler(w.log, nil)), Cache: w.cache,
		Authorize: func(_ http.ResponseWriter, r *web.Request, who web.Who) (context.Context, error) {
			if who.IsAPI() && r.Header.Get("Authorization") != "Bearer good" {
				return nil, fault.SignIn()
			}
			return r.Context(), nil
		},
		ErrorPage: func(r *web.Request, e web.ErrorView) web.Component {
			return page(fmt.Sprintf("<h1>%s</h1><p>%s</p><i>%d %s</i>", e.Title, e.Text, e.Status, e.Ref))
		},
	}
	if o.deps != nil {
		o.deps(&deps)
	}
	w.mux, err = web.NewMux("shop", append(w.table(), o.extra...), deps)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(w.mux, o.server); err != nil {
		t.Fatal(err)
	}
	tlsConf := &tls.Config{RootCAs: pool, ServerName: "localhost"}
	follow := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h1 := &http.Transport{TLSClientConfig: tlsConf.Clone(), DisableCompression: true, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}
	h2 := &http.Transport{TLSClientConfig: tlsConf.Clone(), DisableCompression: true, ForceAttemptHTTP2: true}
	w.h1 = &http.Client{Transport: h1, CheckRedirect: follow}
	w.h2 = &http.Client{Transport: h2, CheckRedirect: follow}
	t.Cleanup(func() {
		h1.CloseIdleConnections()
		h2.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = l.Shutdown(ctx)
	})
	return w
}

var errSecret = errors.New("pq: password authentication failed for secret-dsn")

func (w *world) table() []web.Route {
	ok := func(name string) web.Handler {
		return func(rw http.ResponseWriter, r *web.Request) error {
			w.hit(name)
			return web.HTML(rw, r, 200, page("<p>"+name+" "+string(r.Lang)+"</p>"))
		}
	}
	cached := &web.CachePolicy{Query: []string{"q", "filter."}}
	return []web.Route{
		{Method: "GET", Path: "/{$}", Who: web.Public, Rate: shield.Browse, Handle: ok("home")},
		{Method: "GET", Path: "/products/{handle}", Who: web.Public, Rate: shield.Browse, Cache: cached,
			Handle: func(rw http.ResponseWriter, r *web.Request) error {
				w.hit("product")
				if r.PathValue("handle") == "none" {
					return fault.NotFound()
				}
				r.KeepUntil(time.Time{}, "product:"+r.PathValue("handle"))
				q, err := r.ReadQuery("q", "filter.")
				if err != nil {
					return err
				}
				return web.HTML(rw, r, 200, page(fmt.Sprintf("<p>product %s %s q=%q ua=%q cookie=%q c=%v</p>%s", r.PathValue("handle"),
					r.Lang, q.Get("q"), r.Header.Get("User-Agent"), r.Header.Get("Cookie"), r.Client, strings.Repeat("gods ", 300))))
			}},
		{Method: "GET", Path: "/cart", Who: web.Cart, Rate: shield.Cart, Handle: ok("cart")},
		{Method: "POST", Path: "/cart", Who: web.Cart, Rate: shield.Cart, Handle: func(rw http.ResponseWriter, r *web.Request) error {
			w.hit("cart-post")
			f, err := r.ReadForm("variant", "tag*", "quantity.")
			if err != nil {
				return err
			}
			web.SetCookie(rw, web.CookieCart, "abc123", time.Hour)
			web.SetFlash(rw, "flash.added")
			_ = f
			return web.SeeOther(rw, r, "/cart")
		}},
		{Method: "GET", Path: "/boom", Who: web.Public, Rate: shield.Browse, Handle: func(http.ResponseWriter, *web.Request) error { return errSecret }},
		{Method: "GET", Path: "/panic", Who: web.Public, Rate: shield.Browse, Handle: func(http.ResponseWriter, *web.Request) error { panic("Kim Prov, Storgatan 1") }},
		{Method: "GET", Path: "/half", Who: web.Public, Rate: shield.Browse, Handle: func(rw http.ResponseWriter, r *web.Request) error {
			_, _ = rw.Write([]byte("half"))
			_ = http.NewResponseController(rw).Flush()
			return errSecret
		}},
		{Method: "GET", Path: "/static/{path...}", Who: web.Public, Rate: shield.None, Face: web.Asset, Handle: func(rw http.ResponseWriter, r *web.Request) error {
			web.Immutable(rw)
			if web.NotModified(rw, r, "v1") {
				return nil
			}
			return web.Bytes(rw, r, 200, "text/css; charset=utf-8", []byte("a{}"))
		}},
		{Method: "POST", Path: "/upload", Who: web.Staff("catalog.write"), Rate: shield.Upload, Body: 1 << 20, Handle: func(rw http.ResponseWriter, r *web.Request) error {
			var got string
			_, err := r.ReadUpload([]string{"title"}, []string{"file"}, 100, 2, func(v web.Values, p web.Part) error {
				b, err := io.ReadAll(p)
				got += v.Get("title") + ":" + p.Name + ":" + string(b) + ";"
				return err
			})
			if err != nil {
				return err
			}
			return web.HTML(rw, r, 200, page(got))
		}},
		{Method: "POST", Path: "/api/store/v1/carts/{id}/lines", Who: web.Cart, Rate: shield.API, Face: web.Endpoint, Op: "addLine", Handle: func(rw http.ResponseWriter, r *web.Request) error {
			w.hit("lines")
			in, err := web.Decode[line](r, web.Budget{})
			if err != nil {
				return err
			}
			return web.JSON(rw, r, 201, map[string]any{"quantity": in.Quantity, "cookie": r.Header.Get("Cookie"), "client": r.Client.String()})
		}},
		{Method: "GET", Path: "/api/store/v1/conflict", Who: web.Public, Rate: shield.API, Face: web.Endpoint, Op: "conflict", Handle: func(http.ResponseWriter, *web.Request) error {
			return &fault.Error{Kind: fault.Clash, Code: "out_of_stock_test", Extra: map[string]any{"cart": map[string]any{"id": "x"}, "status": 7},
				Fields: []fault.Field{{Pointer: "/lines/0", Code: "gone_test"}}}
		}},
		{Method: "GET", Path: "/api/store/v1/fail", Who: web.Public, Rate: shield.API, Face: web.Endpoint, Op: "fail", Handle: func(http.ResponseWriter, *web.Request) error { return errSecret }},
		{Method: "POST", Path: "/api/admin/v1/thing", Who: web.API("orders.write"), Rate: shield.API, Face: web.Endpoint, Op: "thing", Handle: func(rw http.ResponseWriter, r *web.Request) error {
			if _, err := web.Decode[line](r, web.Budget{}); err != nil {
				return err
			}
			return web.NoContent(rw)
		}},
		web.ReportRoute(nil, func(d, b string) { w.hit("csp " + d + " " + b) }),
	}
}

func (w *world) do(method, path, body string, header ...string) (*http.Response, string) {
	w.t.Helper()
	return w.with(w.h2, method, path, body, header...)
}

func (w *world) with(c *http.Client, method, path, body string, header ...string) (*http.Response, string) {
	w.t.Helper()
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, w.l.URL("127.0.0.1")+"/", rd)
	if err != nil {
		w.t.Fatal(err)
	}
	// Opaque keeps the path as it is written here.
	p, q, _ := strings.Cut(path, "?")
	if strings.HasPrefix(p, "//") {
		req.URL.Path = p
	} else {
		req.URL.Opaque = p
	}
	req.URL.RawQuery = q
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Add(header[i], header[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return res, string(b)
}

const form = "application/x-www-form-urlencoded"

// certificate makes an authority and a server certificate for localhost.
func certificate(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, pool
}

// eventually polls until ok, for at most ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
