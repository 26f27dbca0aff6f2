package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

func TestKeptPages(t *testing.T) {
	w := newWorld(t, options{})
	res, first := w.do("GET", "/products/cup?utm_source=x&q=b", "", "User-Agent", "marker-agent", "X-Forwarded-For", "203.0.113.9")
	if res.StatusCode != 200 || strings.Contains(first, "marker-agent") || !strings.Contains(first, `q="b"`) || !strings.Contains(first, "c=invalid IP") {
		t.Errorf("a kept page depends on who asked: %.200s", first)
	}
	if res.Header.Get("Cache-Control") != "no-cache" || res.Header.Get("Set-Cookie") != "" || !strings.Contains(res.Header.Get("Vary"), "Cookie") {
		t.Errorf("%v", res.Header)
	}
	for _, path := range []string{"/products/cup?q=b", "/products/cup?q=b&fbclid=1", "/products/cup?x=1&q=b&filter.a="} {
		if _, again := w.do("GET", path, ""); again != first {
			t.Errorf("%s differs", path)
		}
	}
	if n := w.count("product"); n != 1 {
		t.Errorf("rendered %d times", n)
	}
	// Another language, query or path is another page.
	w.do("GET", "/en/products/cup?q=b", "")
	w.do("GET", "/products/cup", "")
	w.do("GET", "/products/bowl?q=b", "")
	if n := w.count("product"); n != 4 {
		t.Errorf("rendered %d times", n)
	}
	// A visitor with a cart gets his own.
	res, body := w.do("GET", "/products/cup?q=b", "", "Cookie", "theme=x; __Host-cart=secret")
	if !strings.Contains(body, "__Host-cart") || res.Header.Get("Cache-Control") != "no-store" || w.count("product") != 5 {
		t.Errorf("%v %.200s", res.Header, body)
	}
	w.cache.Drop("product:cup")
	w.do("GET", "/products/cup?q=b", "")
	w.do("GET", "/products/bowl?q=b", "")
	if n := w.count("product"); n != 6 {
		t.Errorf("rendered %d times", n)
	}
	if res, _ := w.do("GET", "/products/cup?q=%zz", ""); res.StatusCode != 400 {
		t.Error(res.Status)
	}
	if res, _ := w.do("GET", "/products/cup?q=a&q=b", ""); res.StatusCode != 400 {
		t.Error("two values:", res.Status)
	}
}

func TestKeptEncodings(t *testing.T) {
	w := newWorld(t, options{})
	_, plain := w.do("GET", "/products/cup", "")
	for accept, want := range map[string]string{"gzip, deflate, br": "gzip", "zstd, gzip;q=0.5": "gzip", "zstd": "",
		"gzip;q=0": "", "br": "", "identity": "", "*": ""} {
		res, body := w.do("GET", "/products/cup", "", "Accept-Encoding", accept)
		got := res.Header.Get("Content-Encoding")
		if got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
			continue
		}
		var rd io.Reader = strings.NewReader(body)
		if got == "gzip" {
			z, err := gzip.NewReader(rd)
			if err != nil {
				t.Fatal(err)
			}
			rd = z
		}
		if b, err := io.ReadAll(rd); err != nil || string(b) != plain {
			t.Errorf("%q: other bytes, %v", accept, err)
		}
		tag := res.Header.Get("Etag")
		for _, known := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			res, body := w.do("GET", "/products/cup", "", "Accept-Encoding", accept, "If-None-Match", known)
			if res.StatusCode != 304 || body != "" || res.Header.Get("Etag") != tag {
				t.Errorf("%s: %d", known, res.StatusCode)
			}
		}
	}
	res, body := w.do("HEAD", "/products/cup", "")
	if body != "" || res.ContentLength != int64(len(plain)) {
		t.Errorf("HEAD: %d %q", res.ContentLength, body)
	}
	if n := w.count("product"); n != 1 {
		t.Errorf("rendered %d times", n)
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	w := newWorld(t, options{})
	for range 3 {
		if res, _ := w.do("GET", "/products/none", ""); res.StatusCode != 404 {
			t.Fatal(res.Status)
		}
	}
	if n := w.count("product"); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestOneRenderingForAll(t *testing.T) {
	release, begun := make(chan struct{}), make(chan struct{}, 100)
	slow := web.Route{Method: "GET", Path: "/slow", Who: web.Public, Rate: shield.Browse, Cache: &web.CachePolicy{},
		Handle: func(rw http.ResponseWriter, r *web.Request) error {
			begun <- struct{}{}
			<-release
			return web.HTML(rw, r, 200, page("slow")) // not kept: waiting together is enough
		}}
	w := newWorld(t, options{extra: []web.Route{slow}})
	var wg sync.WaitGroup
	ask := func() {
		wg.Go(func() {
			if res, body := w.do("GET", "/slow", ""); res.StatusCode != 200 || !strings.Contains(body, "slow") {
				t.Errorf("%d %s", res.StatusCode, body)
			}
		})
	}
	ask()
	<-begun
	for range 20 {
		ask()
	}
	eventually(t, "all are inside", func() bool { return w.cache.Waiting() == 20 })
	close(release)
	wg.Wait()
	if len(begun) != 0 {
		t.Errorf("%d more renderings", len(begun))
	}
}

func TestFlash(t *testing.T) {
	var seen []string
	show := web.Route{Method: "GET", Path: "/flash", Who: web.Cart, Rate: shield.Cart, Handle: func(rw http.ResponseWriter, r *web.Request) error {
		seen = append(seen, r.TakeFlash(rw))
		return web.HTML(rw, r, 200, page(""))
	}}
	w := newWorld(t, options{extra: []web.Route{show}})
	for _, v := range []string{"flash.no_such_key", "web.title.404", "<b>", "flash.<b>", "Hello"} {
		res, _ := w.do("GET", "/flash", "", "Cookie", "__Host-flash="+v)
		if len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
			t.Errorf("%s stays: %v", v, res.Header["Set-Cookie"])
		}
	}
	for _, s := range seen {
		if s != "" {
			t.Errorf("a cookie said %q", s)
		}
	}
	for _, bad := range []string{"flash.a b", "x", "", "flash."} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("SetFlash(%q) was accepted", bad)
				}
			}()
			web.SetFlash(nil, bad)
		}()
	}
}

func TestLocalPath(t *testing.T) {
	for s, want := range map[string]bool{"/": true, "/cart": true, "/en/cart?x=1": true, "/orders/abc_D-1": true, "/search?q=a%20b": true,
		"": false, "cart": false, "//evil": false, "///evil": false, "/\\evil": false, "\\\\evil": false, "/\tevil": false, "/%09/evil": false,
		"https:evil": false, "https://evil": false, "@evil": false, "/x//evil": false, "/x/../y": false, "/a\nb": false, "/%2f/evil": false,
		"/%5cevil": false, "javascript:alert(1)": false, "/é": false, "/x#y": false, "/cart/": false} {
		if got := web.LocalPath(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// A visitor with a cart gets browse pages compressed, and nothing else.
func TestSqueeze(t *testing.T) {
	w := newWorld(t, options{})
	_, plain := w.do("GET", "/products/cup", "", "Cookie", "__Host-cart=x")
	res, body := w.do("GET", "/products/cup", "", "Cookie", "__Host-cart=x", "Accept-Encoding", "gzip")
	if res.Header.Get("Content-Encoding") != "gzip" || res.Header.Get("Cache-Control") != "no-store" || res.ContentLength != int64(len(body)) {
		t.Fatalf("%v", res.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != plain {
		t.Errorf("other bytes: %v", err)
	}
	for _, ae := range []string{"gzip;q=0", "br", "gzip; q=0.0"} {
		if res, _ := w.do("GET", "/products/cup", "", "Cookie", "__Host-cart=x", "Accept-Encoding", ae); res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %v", ae, res.Header)
		}
	}
	if res, _ := w.do("GET", "/cart", "", "Cookie", "__Host-cart=x", "Accept-Encoding", "gzip"); res.Header.Get("Content-Encoding") != "" {
		t.Errorf("%v", res.Header)
	}
}
