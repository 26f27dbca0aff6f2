//go:build unix

package web_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

// BenchmarkKeptPage compares an anonymous page from the cache, through all the
// walls, with a bare net/http handler that writes the same bytes with the same
// type: over HTTP/2 and TLS, both sides in this process. "ratio" is the processor
// time of a bare answer over that of a kept page (1 would be no cost at all), the
// client's share in both; "handler" is the walls alone, without a network.
func BenchmarkKeptPage(b *testing.B) {
	w := newWorld(b, options{deps: func(d *web.Deps) {
		d.Limiter = shield.NewLimiter(shield.LimiterOptions{})
		d.Gate = shield.NewGate(shield.GateOptions{})
		d.Proxies = web.Loopback
		d.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	}})
	_, body := w.do("GET", "/products/cup", "", "Accept-Encoding", "gzip")
	length := []string{strconv.Itoa(len(body))}
	bytesOut := []byte(body)
	bare, err := web.Listen("bare", "127.0.0.1:0", w.conf, shield.ConnLimits{})
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Shutdown(b.Context())
	if err := bare.Start(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		h := rw.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Encoding", "gzip")
		h["Content-Length"] = length
		_, _ = rw.Write(bytesOut)
	}), shield.ServerOptions{}); err != nil {
		b.Fatal(err)
	}
	run := func(b *testing.B, url string) time.Duration {
		b.ReportAllocs()
		b.SetParallelism(8)
		b.ResetTimer()
		start := cpuTime(b)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				req, _ := http.NewRequest("GET", url, nil)
				req.Header.Set("Accept-Encoding", "gzip")
				res, err := w.h2.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				n, _ := io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if n != int64(len(bytesOut)) {
					b.Errorf("%d bytes", n)
					return
				}
			}
		})
		return (cpuTime(b) - start) / time.Duration(b.N)
	}
	var one time.Duration
	b.Run("bare", func(b *testing.B) { one = run(b, bare.URL("localhost")+"/") })
	b.Run("kept", func(b *testing.B) {
		d := run(b, w.l.URL("localhost")+"/products/cup")
		if one > 0 {
			b.ReportMetric(float64(one)/float64(d), "ratio")
		}
	})
	b.Run("handler", func(b *testing.B) {
		b.ReportAllocs()
		req, _ := http.NewRequest("GET", w.l.URL("localhost")+"/products/cup", nil)
		req.Header.Set("Accept-Encoding", "gzip")
		req.RemoteAddr = "127.0.0.1:1"
		out := &sink{h: http.Header{}}
		for b.Loop() {
			clear(out.h)
			out.n = 0
			w.mux.ServeHTTP(out, req)
		}
		if out.n != len(bytesOut) {
			b.Fatalf("%d bytes", out.n)
		}
	})
}

// cpuTime is what this process has used, so that neighbours do not count.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Skip("no processor time on this system: ", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type sink struct {
	h http.Header
	n int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { s.n += len(p); return len(p), nil }

func BenchmarkDecode(b *testing.B) {
	in := []byte(`{"id":"17","quantity":3,"accept":true,"address":{"line1":"Storgatan 1"},"lines":[{"variant_id":"a","quantity":2}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := web.Unmarshal[body](bytes.Clone(in), web.Budget{}); err != nil {
			b.Fatal(err)
		}
	}
}
