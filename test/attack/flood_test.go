package attack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"kassavalv/internal/apptest"
)

// shops is what shoppers do while somebody floods the shop: pages on connections of
// their own, and a purchase to its end.
func shops(t testing.TB, s *apptest.Shop, v apptest.Variant) {
	t.Helper()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				if a := rawGet(t, s, s.Shop, "/products/"+v.Product, "X-Forwarded-For: 203.0.113.9"); a.Status != 200 {
					t.Errorf("a shopper gets %d", a.Status)
				}
			}
		})
	}
	wg.Wait()
	s.As(t).Paid(v, 1)
}

// closedBy waits until the other side has closed the connection; false when it has
// not after patience.
func closedBy(conn net.Conn) bool {
	conn.SetReadDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, conn)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// settles waits until the program's handles are what they were, give or take a few.
func settles(c *apptest.Client, before gauge) {
	c.T.Helper()
	var now gauge
	if err := apptest.Poll(2*patience, func() bool { now = measure(c.T, c.Shop); return now.FDs <= before.FDs+before.FDs/10+10 }); err != nil {
		c.T.Errorf("%d handles, before the flood %d", now.FDs, before.FDs)
	}
}

// rests waits until the program uses less than half a processor for a second.
func rests(c *apptest.Client) {
	c.T.Helper()
	last, at := measure(c.T, c.Shop).CPU, time.Now()
	if err := apptest.Poll(2*patience, func() bool {
		took := time.Since(at)
		if took < time.Second {
			return false
		}
		now := measure(c.T, c.Shop).CPU
		calm := now-last < took/2
		last, at = now, time.Now()
		return calm
	}); err != nil {
		c.T.Error("the program does not come to rest")
	}
}

// Peers that send a byte now and then hold nothing for long, and nobody up.
var _ = alone("AC-181", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine})
	c := s.As(t)
	v := c.Scarce(100)
	shops(t, s, v)
	before := measure(t, s)
	most := highest(s)
	var slow []net.Conn
	drip := func(conn net.Conn, text string) {
		slow = append(slow, conn)
		go func() {
			for i := 0; ; i++ {
				if _, err := conn.Write([]byte{text[i%len(text)]}); err != nil {
					return
				}
				time.Sleep(400 * time.Millisecond)
			}
		}()
	}
	plain := func(address string) net.Conn {
		conn, err := net.DialTimeout("tcp", hostOf(t, address), 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for i := range 1000 {
		switch {
		case i%4 == 0:
			conn := plain(s.Shop)
			conn.Write([]byte("\x16\x03\x01\x02")) // half of a TLS hello, and no more
			slow = append(slow, conn)
		case i%4 == 1:
			slow = append(slow, plain(s.Shop))
		case i%4 == 2:
			drip(plain(s.HTTP), "GET / HTTP/1.1\r\nX-")
		case i < 400:
			drip(dialShop(t, s, "http/1.1"), "GET / HTTP/1.1\r\nX-a: b\r\nX-")
		}
	}
	// Keep-alive peers that asked once and then say nothing.
	for range 100 {
		conn := dialShop(t, s, "http/1.1")
		fmt.Fprintf(conn, "GET /robots.txt HTTP/1.1\r\nHost: %s\r\n\r\n", hostOf(t, s.Shop))
		defer conn.Close()
	}
	// Readers that ask and do not read.
	var paths []string
	for i := range 90 {
		paths = append(paths, fmt.Sprintf("/search?q=kopp+%d", i))
	}
	for range 3 {
		// They are cut when their answer's time is over; that is too long to wait for here.
		defer deafReader(t, s, 0, paths...).Close()
	}
	if a := rawGet(t, s, s.Shop, "/search?q=kopp", "X-Forwarded-For: 203.0.113.9"); a.Status != 200 {
		t.Errorf("beside readers that do not read the search says %d", a.Status)
	}
	shops(t, s, v)
	open := atomic.Int64{}
	var wg sync.WaitGroup
	for _, conn := range slow {
		wg.Go(func() {
			if !closedBy(conn) {
				open.Add(1)
			}
			conn.Close()
		})
	}
	wg.Wait()
	if n := open.Load(); n > 0 {
		t.Errorf("%d of %d slow peers were let be", n, len(slow))
	}
	if grown := most() - before.RSS; grown > 128<<20 {
		t.Errorf("the program grew by %d MB", grown>>20)
	}
	before.FDs += 103 // those that asked once may stay for their idle time
	settles(c, before)
	shops(t, s, v)
})

// deafReader asks for paths on one HTTP/2 connection and then takes in nothing of the
// answers' bodies: the window of each stream stays at so many bytes. It returns once
// n answers have begun.
func deafReader(t testing.TB, s *apptest.Shop, window uint32, paths ...string) net.Conn {
	t.Helper()
	conn := dialShop(t, s, "h2")
	io.WriteString(conn, http2.ClientPreface)
	fr := http2.NewFramer(conn, conn)
	fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window})
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for i, path := range paths {
		head.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", hostOf(t, s.Shop)}, {":path", path}, {"x-forwarded-for", "203.0.113.77"}} {
			enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: head.Bytes(), EndHeaders: true, EndStream: true})
	}
	begun := make(chan int, 1)
	go func() {
		n := 0
		for n < len(paths) {
			f, err := fr.ReadFrame()
			if err != nil {
				break
			}
			if f.Header().Type == http2.FrameHeaders || f.Header().Type == http2.FrameRSTStream {
				n++
			}
		}
		begun <- n
		io.Copy(io.Discard, conn)
	}()
	select {
	case n := <-begun:
		if n < len(paths) {
			t.Logf("%d of %d answers began", n, len(paths))
		}
	case <-time.After(patience):
		t.Log("not all answers began")
	}
	return conn
}

// Streams that are opened and reset without end cost the one who does it his connection.
var _ = alone("AC-183", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine})
	c := s.As(t)
	v := c.Scarce(100)
	shops(t, s, v)
	before := measure(t, s)
	most := highest(s)
	var wg sync.WaitGroup
	for i := range 10 {
		path := []string{"/products/" + v.Product, "/admin/login", "/search?q=kopp"}[i%3]
		conn := dialShop(t, s, "h2")
		wg.Go(func() { resets(conn, hostOf(t, s.Shop), path, 10_000) })
	}
	shops(t, s, v)
	wg.Wait()
	if grown := most() - before.RSS; grown > 128<<20 {
		t.Errorf("the program grew by %d MB", grown>>20)
	}
	rests(c)
	settles(c, before)
	shops(t, s, v)
})

// resets opens n streams on a connection and takes each back at once.
func resets(conn net.Conn, host, path string, n int) {
	defer conn.Close()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		io.Copy(io.Discard, conn)
	}()
	io.WriteString(conn, http2.ClientPreface)
	var out bytes.Buffer
	fr := http2.NewFramer(&out, nil)
	fr.WriteSettings()
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for i := range n {
		head.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", host}, {":path", path}} {
			enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		id := uint32(2*i + 1)
		fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head.Bytes(), EndHeaders: true, EndStream: true})
		fr.WriteRSTStream(id, http2.ErrCodeCancel)
		if i%50 == 49 || i == n-1 {
			conn.SetWriteDeadline(time.Now().Add(patience))
			if _, err := conn.Write(out.Bytes()); err != nil {
				return // sent away: what the limits are for
			}
			out.Reset()
		}
	}
}

// jsonBombs are bodies that cost a careless parser far more than their sender.
func jsonBombs() map[string]string {
	deep := func(open, end string, n int) string { return strings.Repeat(open, n) + strings.Repeat(end, n) }
	keys := func(n int) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range n {
			fmt.Fprintf(&b, `"k%d":0,`, i)
		}
		return b.String() + `"z":0}`
	}
	return map[string]string{
		"100,000 arrays":      deep("[", "]", 100_000),
		"30,000 arrays":       deep("[", "]", 30_000),
		"10,000 objects":      deep(`{"a":`, "}", 10_000),
		"arrays not closed":   strings.Repeat("[", 60_000),
		"deep in a field":     `{"variant_id":` + deep("[", "]", 20_000) + `,"quantity":1}`,
		"deep in an address":  `{"email":"a@example.se","address":` + deep(`{"line1":`, "}", 5_000) + `}`,
		"1,000,000 keys":      keys(1_000_000),
		"4,000 keys":          keys(4_000),
		"one key 5,000 times": "{" + strings.Repeat(`"quantity":1,`, 4_000) + `"quantity":1}`,
		"colliding keys":      "{" + strings.Repeat(`"AaAaBB":1,"BBBBAa":1,"AaBBAa":1,`, 1_500) + `"z":1}`,
		"1,000,000 elements":  "[" + strings.Repeat("0,", 1_000_000) + "0]",
		"20,000 elements":     `{"lines":[` + strings.Repeat("0,", 20_000) + "0]}",
		"a number of 60 kB":   `{"quantity":` + strings.Repeat("9", 60_000) + `}`,
		"an exponent":         `{"quantity":1e999999999}`,
		"a string of 60 kB":   `{"variant_id":"` + strings.Repeat("x", 60_000) + `"}`,
		"escapes":             `{"variant_id":"` + strings.Repeat(`\u0041`, 10_000) + `"}`,
		"half surrogates":     `{"variant_id":"` + strings.Repeat(`\ud800`, 10_000) + `"}`,
		"white space":         strings.Repeat(" \n\t", 20_000) + "1",
	}
}

// A document is judged before anything is built from it.
var _ = alone("AC-186", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine})
	c := s.As(t)
	v := c.Scarce(100)
	_, o := c.Paid(v, 1)
	k := c.Cart(1, v)
	token := []string{"Authorization", "Bearer " + c.AdminToken}
	doors := []struct {
		method, path string
		head         []string
	}{
		{"POST", apptest.API + "/carts", nil}, {"POST", apptest.API + "/carts/" + k.ID + "/lines", nil}, {"PATCH", apptest.API + "/carts/" + k.ID + "/lines/" + k.Lines[0].ID, nil}, {"PUT", apptest.API + "/carts/" + k.ID + "/customer", nil},
		{"PUT", apptest.API + "/carts/" + k.ID + "/delivery", nil}, {"PUT", apptest.API + "/carts/" + k.ID + "/discounts/X", nil}, {"POST", apptest.API + "/carts/" + k.ID + "/purchases", nil},
		{"POST", apptest.AdminAPI + "/orders/" + o.Number + "/refunds", token}, {"POST", apptest.AdminAPI + "/orders/" + o.Number + "/shipments", token}, {"PUT", apptest.AdminAPI + "/variants/" + v.ID + "/stock", token},
		{"POST", "/csp-report", []string{"Content-Type", "application/csp-report"}}, {"POST", "/hooks/card", nil},
	}
	before := measure(t, s)
	most := highest(s)
	sent, bombs := 0, jsonBombs()
	for _, d := range doors {
		b := c.Other()
		for what, body := range bombs {
			sent++
			a, err := b.Try(d.method, d.path, apptest.Raw(body), d.head...)
			if err != nil {
				// Sent away while still sending: only a body that nobody would read.
				if len(body) < 1<<20 {
					t.Errorf("%s %s, %s: %v", d.method, d.path, what, err)
				}
				continue
			}
			if (a.Status < 400 || a.Status >= 500) && !(d.path == "/csp-report" && a.Status == 204) {
				t.Errorf("%s %s, %s: %d", d.method, d.path, what, a.Status)
			}
		}
		// Fifty megabytes, announced and not, of which nobody waits for the end.
		h := strings.TrimPrefix(strings.Join(d.head, ": "), ": ")
		if h != "" {
			h += "\r\n"
		}
		if !strings.Contains(h, "Content-Type") {
			h += "Content-Type: application/json\r\n"
		}
		start := d.method + " " + d.path + " HTTP/1.1\r\nHost: " + hostOf(t, s.Shop) + "\r\nX-Forwarded-For: " + b.IP + "\r\n" + h
		for what, raw := range map[string]string{"announced": start + "Content-Length: 52428800\r\n\r\n" + `{"a":"` + strings.Repeat("x", 30_000), "in chunks": start + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("4000\r\n"+strings.Repeat("x", 0x4000)+"\r\n", 40)} {
			sent++
			if a := wire(t, s, s.Shop, raw); a.Status != 413 && a.Status != 0 || a.Status == 0 && what == "announced" {
				t.Errorf("%s %s, 50 MB %s: %d", d.method, d.path, what, a.Status)
			}
		}
	}
	after := measure(t, s)
	if each := (after.CPU - before.CPU) / time.Duration(sent); each > 100*time.Millisecond {
		t.Errorf("a bomb costs %s of the processor", each)
	}
	if grown := most() - before.RSS; grown > 96<<20 {
		t.Errorf("the program grew by %d MB", grown>>20)
	}
	if got := c.GetCart(k.ID); len(got.Lines) != 1 || got.Lines[0].Quantity != 1 {
		t.Errorf("the cart holds %+v", got.Lines)
	}
	c.Paid(v, 1)
})

// There are no batches: one request is one operation, and lists in a request are short.
var _ = attack("AC-189", func(t *testing.T, c *apptest.Client) {
	v := c.Scarce(100)
	_, o := c.Paid(v, 2)
	k := c.Cart(1, v)
	line := fmt.Sprintf(`{"variant_id":%q,"quantity":1}`, v.ID)
	token := []string{"Authorization", "Bearer " + c.AdminToken}
	refusedAll := func(what string, a apptest.Answer) {
		t.Helper()
		if a.Status < 400 || a.Status >= 500 {
			t.Errorf("%s: %d %.200s", what, a.Status, a.Body)
		}
	}
	for _, n := range []int{1, 2, 900, 10_000} {
		many := "[" + strings.TrimSuffix(strings.Repeat(line+",", n), ",") + "]"
		refusedAll("lines as an array", c.Do("POST", apptest.API+"/carts/"+k.ID+"/lines", apptest.Raw(many)))
		refusedAll("carts as an array", c.Do("POST", apptest.API+"/carts", apptest.Raw("["+strings.TrimSuffix(strings.Repeat("{},", n), ",")+"]")))
		refusedAll("lines in a field", c.Do("POST", apptest.API+"/carts/"+k.ID+"/lines", apptest.Raw(`{"lines":`+many+`}`)))
		refusedAll("refunds as an array", c.Do("POST", apptest.AdminAPI+"/orders/"+o.Number+"/refunds", apptest.Raw("["+strings.TrimSuffix(strings.Repeat(`{"amount":{"amount":1,"currency":"SEK"},"reason":"x"},`, n), ",")+"]"), token...))
	}
	ships := func(n int) apptest.Raw {
		return apptest.Raw(`{"lines":[` + strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"line_id":%q,"quantity":1},`, o.Lines[0].ID), n), ",") + `],"carrier":"local","tracking_number":"X"}`)
	}
	for _, n := range []int{1_001, 100_000} {
		refusedAll("a parcel of so many lines", c.Do("POST", apptest.AdminAPI+"/orders/"+o.Number+"/shipments", ships(n), token...))
	}
	for _, q := range []string{"include=lines.product.variants.product", "expand=5", "depth=100", "fields=*", "ids=" + strings.Repeat("1,", 3000)} {
		for _, path := range []string{"/orders", "/purchases", "/products"} {
			refusedAll(path+"?"+q[:min(20, len(q))], c.Do("GET", apptest.AdminAPI+path+"?"+q, nil, token...))
		}
		refusedAll("/products?"+q[:min(20, len(q))], c.Do("GET", apptest.API+"/products?"+q, nil))
	}
	aliases := url.Values{}
	for i := range 1000 {
		aliases.Set(fmt.Sprintf("filter.a%d", i), "x")
	}
	brands := ""
	for i := range 500 {
		brands += fmt.Sprintf("b%d,", i)
	}
	for _, q := range []string{aliases.Encode(), "filter.brand=" + brands} {
		refusedAll("a thousand filters", c.Do("GET", apptest.API+"/products?"+q[:min(len(q), 7000)], nil))
		if a := c.Do("GET", "/search?"+q, nil); a.Status >= 500 || a.Status == 200 {
			t.Errorf("a thousand filters on a page: %d", a.Status)
		}
	}
	lines := url.Values{"name": {"Kim"}, "number": {o.Number}, "email": {apptest.NewMail()}}
	for i := range 300 {
		lines.Add("line", fmt.Sprint(i))
	}
	refusedAll("a withdrawal of 300 lines", c.Form("/withdraw", lines))
	owner := c.Staff(c, "owner")
	many := url.Values{"version": {"1"}}
	for i := range 5000 {
		many.Add("categories", fmt.Sprint(i))
	}
	refusedAll("5,000 categories", owner.Form(newGoods(owner, "Prov många", "PROV-MANY")+"/shelves", many))
	for _, path := range []string{"/graphql", "/api/graphql", apptest.API + "/batch", apptest.API + "/bulk", apptest.AdminAPI + "/batch", "/$batch"} {
		if a := c.Do("POST", path, apptest.Raw(`[{"query":"{a}"}]`)); a.Status != 404 {
			t.Errorf("POST %s: %d", path, a.Status)
		}
	}
	// Each operation counts for itself: what one address may do in a moment ends.
	b, limited := c.Other(), 0
	for range 140 {
		switch a := b.Form("/orders/find", url.Values{"number": {"1"}, "email": {"kvx"}}); a.Status {
		case 429:
			limited++
			if a.Header.Get("Retry-After") == "" {
				t.Error("a refusal does not say for how long")
			}
		case 422:
		default:
			t.Errorf("a flood of one address: %d", a.Status)
		}
	}
	if limited == 0 {
		t.Error("140 lookups of one address are within its budget")
	}
	// Control: one operation at a time is welcome, and others are not hindered.
	c.Want(c.Do("POST", apptest.API+"/carts/"+k.ID+"/lines", apptest.Raw(line)), 201, &k)
	if len(k.Lines) != 1 || k.Lines[0].Quantity != 2 {
		t.Errorf("the cart holds %+v", k.Lines)
	}
	c.Want(c.Do("POST", apptest.AdminAPI+"/orders/"+o.Number+"/shipments", ships(1), token...), 201, nil)
})
