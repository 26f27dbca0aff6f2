package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// server listens on one loopback address and counts connections.
func server(t *testing.T, ip string, h http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", ip+":0")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int32
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			n.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, &n
}

func say(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, s) }
}

func port(s *httptest.Server) string {
	_, p, _ := net.SplitHostPort(s.Listener.Addr().String())
	return p
}

var one = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// names is a resolver of the test's own; each name gives its answers in turn
// and the last one for ever.
type names struct {
	answers map[string][][]string
	calls   atomic.Int32
}

func (n *names) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	n.calls.Add(1)
	as := n.answers[host]
	if len(as) == 0 {
		return nil, errors.New("no such host")
	}
	if len(as) > 1 {
		n.answers[host] = as[1:]
	}
	var out []netip.Addr
	for _, s := range as[0] {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

func TestInsideIsRefusedBeforeConnect(t *testing.T) {
	s, n := server(t, "127.0.0.1", say("secret"))
	p := port(s)
	rs := &names{answers: map[string][][]string{"inside.test": {{"127.0.0.1", "::1", "::ffff:127.0.0.1"}}}}
	pn := netip.MustParseAddrPort(s.Listener.Addr().String()).Port()
	c := New(Options{Ports: []uint16{pn}, Resolve: rs.resolve, Timeout: 5 * time.Second})
	for _, host := range []string{"127.0.0.1", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "10.0.0.1", "169.254.169.254", "inside.test", "[fe80::1]"} {
		_, err := c.Get(t.Context(), "http://"+host+":"+p+"/")
		if Code(err) != Unreachable || !errors.Is(err, errRefused) {
			t.Errorf("%s: %v (%v)", host, err, errors.Unwrap(err))
		}
	}
	if n.Load() != 0 {
		t.Fatal("a connection was made")
	}
	// The second look, right before connect.
	if c.control("tcp", s.Listener.Addr().String(), nil) == nil {
		t.Fatal("the socket's address was not judged")
	}
}

func TestPortsAreBounded(t *testing.T) {
	c := New(Options{})
	for _, p := range []uint16{22, 25, 3306, 5432, 6379, 8080} {
		if c.allowed(netip.AddrPortFrom(netip.MustParseAddr("1.1.1.1"), p)) {
			t.Errorf("port %d", p)
		}
	}
	if !c.allowed(netip.MustParseAddrPort("1.1.1.1:443")) || !c.allowed(netip.MustParseAddrPort("[2a00:1450::1]:80")) {
		t.Error("80 and 443 are refused")
	}
}

func TestRebinding(t *testing.T) {
	good, gn := server(t, "127.0.0.2", say("good"))
	p := port(good)
	l, err := net.Listen("tcp", "127.0.0.1:"+p)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	touched := make(chan struct{}, 8)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			touched <- struct{}{}
			c.Close()
		}
	}()
	rs := &names{answers: map[string][][]string{
		"flip.test":  {{"127.0.0.2"}, {"127.0.0.1"}},
		"mixed.test": {{"127.0.0.1", "127.0.0.2"}},
	}}
	c := New(Options{AllowNets: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, Resolve: rs.resolve})
	r, err := c.Get(t.Context(), "http://flip.test:"+p+"/")
	if err != nil || string(r.Body) != "good" || rs.calls.Load() != 1 {
		t.Fatal(r, err, rs.calls.Load())
	}
	if _, err = c.Get(t.Context(), "http://flip.test:"+p+"/"); Code(err) != Unreachable {
		t.Fatal("the second answer was followed:", err)
	}
	if r, err = c.Get(t.Context(), "http://mixed.test:"+p+"/"); err != nil || string(r.Body) != "good" {
		t.Fatal(r, err)
	}
	if gn.Load() != 2 || len(touched) != 0 {
		t.Fatal(gn.Load(), len(touched))
	}
}

func TestSameTextForClosedOpenAndRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer garbage.Close()
	go func() {
		for {
			c, err := garbage.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "220 smtp here\r\n")
			c.Close()
		}
	}()
	plain, _ := server(t, "127.0.0.1", say("x"))
	mute, _ := server(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	rs := &names{}
	c := New(Options{AllowNets: one, Timeout: 300 * time.Millisecond, Resolve: rs.resolve})
	seen := map[string]bool{}
	for _, u := range []string{"http://" + closed, "http://" + garbage.Addr().String(), "https://" + plain.Listener.Addr().String(),
		mute.URL, "http://127.0.0.3:80", "http://nowhere.test", "http://10.0.0.1"} {
		_, err := c.Get(t.Context(), u)
		if err == nil {
			t.Fatal(u)
		}
		seen[err.Error()] = true
	}
	if len(seen) != 1 {
		t.Fatal(seen)
	}
}

func TestCaps(t *testing.T) {
	const limit = 100_000
	var b bytes.Buffer
	gzip.NewWriter(&b).Close()
	empty := bytes.Repeat(b.Bytes(), 100)
	s, _ := server(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/fits":
			w.Write(make([]byte, limit))
		case "/declared":
			w.Header().Set("Content-Length", "200000")
			w.Write(make([]byte, 200_000))
		case "/endless":
			for _, err := w.Write(make([]byte, 4096)); err == nil; _, err = w.Write(make([]byte, 4096)) {
			}
		case "/bomb": // 50 MB of zeros in 50 kB
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 500 {
				if _, err := z.Write(make([]byte, 100_000)); err != nil {
					return
				}
			}
			z.Close()
		case "/empty-members": // unpacks to nothing, for ever
			w.Header().Set("Content-Encoding", "gzip")
			for _, err := w.Write(empty); err == nil; _, err = w.Write(empty) {
			}
		case "/headers":
			for i := range 3000 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("a", 100))
			}
		}
	})
	c := New(Options{AllowNets: one, MaxBody: limit, Timeout: 20 * time.Second})
	r, err := c.Get(t.Context(), s.URL+"/fits")
	if err != nil || len(r.Body) != limit {
		t.Fatal(err)
	}
	for _, p := range []string{"/declared", "/endless", "/bomb", "/empty-members"} {
		if _, err := c.Get(t.Context(), s.URL+p); Code(err) != TooLarge {
			t.Errorf("%s: %v", p, err)
		}
	}
	if _, err := c.Get(t.Context(), s.URL+"/headers"); err == nil {
		t.Error("300 kB of headers were read")
	}
}

func TestOneClockForAll(t *testing.T) {
	s, _ := server(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		for r.Context().Err() == nil { // bytes keep coming, so no idle limit would help
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	c := New(Options{AllowNets: one, Timeout: 200 * time.Millisecond})
	if _, err := c.Get(t.Context(), s.URL); Code(err) != Unreachable {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, s.URL); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestRedirects(t *testing.T) {
	inside, n := server(t, "127.0.0.3", say("secret"))
	var last http.Header
	s, _ := server(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		last = r.Header.Clone()
		switch r.URL.Path {
		case "/end":
			io.WriteString(w, "end "+r.Method)
		case "/inside":
			http.Redirect(w, r, inside.URL, 302)
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		case "/loop":
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			http.Redirect(w, r, "/loop", 302)
		case "/307":
			http.Redirect(w, r, "/end", 307)
		default:
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			http.Redirect(w, r, "/end", 302)
		}
	})
	none, some := New(Options{AllowNets: one}), New(Options{AllowNets: one, Redirects: 99})
	r, err := none.Get(t.Context(), s.URL+"/start")
	if err != nil || r.Status != 302 {
		t.Fatal(r, err)
	}
	r, err = some.Do(t.Context(), Request{URL: s.URL + "/start?token=1", Header: http.Header{"X-Key": {"k"}, "Authorization": {"k"}, "Accept": {"image/*"}}})
	if err != nil || string(r.Body) != "end GET" || r.URL != s.URL+"/end" {
		t.Fatal(r, err)
	}
	for _, h := range []string{"X-Key", "Authorization", "Cookie", "Referer"} {
		if last.Get(h) != "" {
			t.Error(h, "was carried on")
		}
	}
	if last.Get("Accept") != "image/*" || last.Get("User-Agent") != "Kassavalv" {
		t.Error(last)
	}
	if r, err = some.Do(t.Context(), Request{Method: "POST", URL: s.URL + "/307", Body: []byte("x")}); err != nil || r.Status != 307 {
		t.Fatal("a POST was redirected", r, err)
	}
	for p, code := range map[string]string{"/inside": Unreachable, "/file": Unreachable, "/loop": Redirected} {
		if _, err := some.Get(t.Context(), s.URL+p); Code(err) != code {
			t.Errorf("%s: %v", p, err)
		}
	}
	if n.Load() != 0 {
		t.Fatal("the inside was reached")
	}
}

func TestRequestAndTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, " ", string(b), " ", r.Header.Get("Webhook-Id"), " ", r.Host == "evil", " ", r.ProtoMajor)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	if _, err := New(Options{AllowNets: one}).Get(t.Context(), s.URL); Code(err) != Unreachable {
		t.Fatal("a stranger's certificate was accepted:", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	c := New(Options{AllowNets: one, Roots: pool})
	r, err := c.Do(t.Context(), Request{Method: "POST", URL: s.URL, Body: []byte("hej"), Header: http.Header{"Webhook-Id": {"7"}, "Host": {"evil"}}})
	if err != nil || string(r.Body) != "POST hej 7 false 1" {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := c.Do(t.Context(), Request{Method: "PUT", URL: s.URL}); Code(err) != BadAddress {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), Request{URL: s.URL, Header: http.Header{"X": {"a\r\nB: c"}}}); err == nil {
		t.Fatal("a line break in a header went out")
	}
}
