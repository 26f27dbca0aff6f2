package web

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/web/shield"
)

// answer is the ResponseWriter handlers get: it counts, and knows whether
// anything has been written.
type answer struct {
	http.ResponseWriter
	req     Request
	started time.Time
	lang    lang.Lang // by path prefix
	status  int
	bytes   int64
	fromHit bool
	body    *heldBody
	cause   error // internal error to log

	bodyRead bool // nothing of the request is left on the connection

	placed  bool // holds a place at the gate, in lane
	lane    shield.Lane
	waiting shield.Waiting
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	m := a.req.mux
	// From here on the answer waits for its reader, who must not hold up others.
	m.vacate(a)
	m.out.Begin(&a.waiting, a.req.Client, len(p), a)
	n, err := a.ResponseWriter.Write(p)
	m.out.End(&a.waiting)
	a.bytes += int64(n)
	return n, err
}

// Cut makes a write that waits for its reader fail.
func (a *answer) Cut() {
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Unix(1, 0)) // not every test recorder can
}

// Unwrap serves http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// alphabet leaves out what people confuse when they read a reference aloud.
const alphabet = "23456789abcdefghjkmnpqrstuvwxyz"

// newReference is a short id to find one request by; it is no secret.
func newReference() string {
	var b [8]byte
	n := rand.Uint64()
	for i := range b {
		b[i] = alphabet[n%uint64(len(alphabet))]
		n /= uint64(len(alphabet))
	}
	return string(b[:])
}

// finish writes the one log record of a request. It runs deferred; a panic that
// is not the server's own way to abort has become an error before.
func (m *Mux) finish(a *answer) {
	p := recover()
	if p != nil && p != http.ErrAbortHandler {
		var err error = &panicked{value: p}
		func() {
			// With half an answer written, fail itself aborts.
			defer func() { p = recover() }()
			m.fail(a, &a.req, err)
		}()
	}
	took := time.Since(a.started)
	pattern := "-"
	if a.req.Route != nil {
		pattern = a.req.Route.Path
	}
	status := a.status
	switch {
	case p == http.ErrAbortHandler:
		status = 499 // the answer was cut off
	case status == 0:
		status = http.StatusOK // a handler that wrote nothing
	}
	method := a.req.Method
	if !knownMethod(method) {
		method = "OTHER"
	}
	ctx := a.req.Context()
	if m.deps.Log.Enabled(ctx, slog.LevelInfo) {
		m.deps.Log.LogAttrs(ctx, slog.LevelInfo, "request",
			slog.String("listener", m.listener),
			slog.String("method", method),
			slog.String("route", pattern),
			slog.Int("status", status),
			slog.Int64("bytes", a.bytes),
			slog.Float64("ms", float64(took.Microseconds())/1000),
			slog.String("id", a.req.ID),
			slog.String("client", LogPrefix(a.req.Client)),
			slog.Bool("kept", a.fromHit))
	}
	if a.cause != nil {
		attrs := []slog.Attr{slog.String("id", a.req.ID), slog.String("route", pattern), slog.String("cause", clip(a.cause.Error(), 2000))}
		if p, ok := a.cause.(*panicked); ok {
			attrs = append(attrs, slog.String("stack", clip(string(p.stack), 8000)))
		}
		m.deps.Log.LogAttrs(ctx, slog.LevelError, "internal error", attrs...)
	}
	if m.deps.Observe != nil {
		m.deps.Observe(method, pattern, status, took)
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
}

func knownMethod(method string) bool {
	if method == http.MethodHead || method == http.MethodOptions {
		return true
	}
	for _, k := range methods {
		if k == method {
			return true
		}
	}
	return false
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
