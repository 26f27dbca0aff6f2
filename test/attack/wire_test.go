package attack

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// hostOf is host:port of one of the shop's addresses.
func hostOf(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// dialShop opens a TLS connection to the shop that speaks the given protocol,
// "http/1.1" or "h2".
func dialShop(t testing.TB, s *apptest.Shop, protocol string) *tls.Conn {
	t.Helper()
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 30 * time.Second}, "tcp", hostOf(t, s.Shop), &tls.Config{RootCAs: pool, NextProtos: []string{protocol}})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// wire sends the bytes as they are, which no client does, and reads one answer. A
// zero status means that the shop closed without one.
func wire(t testing.TB, s *apptest.Shop, address, raw string) apptest.Answer {
	t.Helper()
	var conn net.Conn
	if strings.HasPrefix(address, "https:") {
		conn = dialShop(t, s, "http/1.1")
	} else {
		var err error
		if conn, err = net.DialTimeout("tcp", hostOf(t, address), 30*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		return apptest.Answer{Header: http.Header{}}
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return apptest.Answer{Header: http.Header{}}
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	return apptest.Answer{Status: res.StatusCode, Header: res.Header, Body: b}
}

// rawGet asks for a target exactly as it is written.
func rawGet(t testing.TB, s *apptest.Shop, address, target string, headers ...string) apptest.Answer {
	t.Helper()
	h := ""
	for _, line := range headers {
		h += line + "\r\n"
	}
	return wire(t, s, address, "GET "+target+" HTTP/1.1\r\nHost: "+hostOf(t, address)+"\r\nConnection: close\r\n"+h+"\r\n")
}

// canary listens where nobody but this machine can, and counts who comes.
type canary struct {
	Addrs []string // host:port
	hits  atomic.Int64
	wg    sync.WaitGroup
	ls    []net.Listener
}

// newCanary listens on loopback of both families and, where the system lets it, on
// the ports of the web.
func newCanary(t testing.TB) *canary {
	t.Helper()
	c := &canary{}
	for i, at := range []string{"127.0.0.1:0", "[::1]:0", "127.0.0.1:80", "127.0.0.1:443", "[::1]:80"} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			if i == 0 {
				t.Fatal(err)
			}
			continue
		}
		c.ls = append(c.ls, l)
		c.Addrs = append(c.Addrs, l.Addr().String())
		c.wg.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				c.hits.Add(1)
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
				conn.Close()
			}
		})
	}
	t.Cleanup(func() {
		for _, l := range c.ls {
			l.Close()
		}
		c.wg.Wait()
	})
	return c
}

// Hits tells how many connections came.
func (c *canary) Hits() int64 { return c.hits.Load() }

// Ping proves that the canary hears.
func (c *canary) Ping(t testing.TB) {
	t.Helper()
	before := c.Hits()
	conn, err := net.Dial("tcp", c.Addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := apptest.Poll(10*time.Second, func() bool { return c.Hits() > before }); err != nil {
		t.Fatal("the canary is deaf")
	}
	c.hits.Store(0)
}

// upload is one file of a form.
type upload struct {
	name, kind string
	data       []byte
}

// sendFiles posts a form with files as a page of the shop would.
func sendFiles(c *apptest.Client, path string, fields map[string]string, field string, files ...upload) apptest.Answer {
	c.T.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		w.WriteField(k, v)
	}
	for _, f := range files {
		p, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, field, f.name)}, "Content-Type": {f.kind}})
		if err != nil {
			c.T.Fatal(err)
		}
		p.Write(f.data)
	}
	w.Close()
	return c.Do("POST", path, apptest.Raw(b.String()), "Content-Type", w.FormDataContentType(), "Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop)
}

// newGoods makes a draft product as staff and returns the path of its pages.
func newGoods(owner *apptest.Client, title, sku string) string {
	owner.T.Helper()
	a := owner.Form("/admin/products/new", url.Values{"texts/sv/title": {title}, "kind": {"goods"}, "vat_class": {"standard"}, "sku": {sku}, "price": {"100"}, "on_hand": {"10"}})
	if a.Status != 303 {
		owner.T.Fatalf("no product: %d %s", a.Status, a.Words())
	}
	return strings.TrimSuffix(a.Location(), "/texts")
}

// gauge is what the machine tells of the program.
type gauge struct {
	RSS int64         // bytes
	CPU time.Duration // of all its threads
	FDs int
}

// measure reads the gauges of the program from the kernel.
func measure(t testing.TB, s *apptest.Shop) gauge {
	t.Helper()
	g, err := gauges(s.PID)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func gauges(pid int) (g gauge, err error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	b, err := os.ReadFile(dir + "status")
	if err != nil {
		return g, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			g.RSS = kb << 10
		}
	}
	if b, err = os.ReadFile(dir + "stat"); err != nil {
		return g, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	for _, i := range []int{11, 12} { // utime, stime in hundredths of a second
		n, _ := strconv.ParseInt(f[i], 10, 64)
		g.CPU += time.Duration(n) * 10 * time.Millisecond
	}
	es, err := os.ReadDir(dir + "fd")
	g.FDs = len(es)
	return g, err
}

// highest watches the resident memory until the function that it returns is called,
// which tells the most it has seen.
func highest(s *apptest.Shop) func() int64 {
	stop, out := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if g, err := gauges(s.PID); err == nil {
				most = max(most, g.RSS)
			}
			select {
			case <-stop:
				out <- most
				return
			case <-tick.C:
			}
		}
	}()
	return func() int64 { close(stop); return <-out }
}

// quoted is a JSON string.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
