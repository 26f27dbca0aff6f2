package bank

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/demo/bank/wire"
)

// Limits of bodies in bytes, and the time a body may take.
const (
	maxAPIBody  = 64 << 10
	maxFormBody = 4 << 10
	bodyTime    = 10 * time.Second
)

// refusal is an answer other than 2xx.
type refusal struct{ wire.Problem }

func (r *refusal) Error() string { return r.Code }

func problem(status int, code, detail string) *refusal {
	return &refusal{wire.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}}
}

func (r *refusal) with(p wire.Payment) *refusal {
	r.Payment = &p
	return r
}

func invalid(format string, args ...any) *refusal {
	return problem(http.StatusUnprocessableEntity, "invalid", fmt.Sprintf(format, args...))
}

func notFound() *refusal { return problem(http.StatusNotFound, "not_found", "") }

// routes is the bank's table of contents.
func (s *Server) routes() http.Handler {
	v1 := http.NewServeMux()
	v1.Handle("POST /v1/payments", s.api(s.createPayment))
	v1.Handle("GET /v1/payments", s.api(s.findPayments))
	v1.Handle("GET /v1/payments/{id}", s.api(s.getPayment))
	v1.Handle("POST /v1/payments/{id}/cancel", s.api(s.cancelPayment))
	v1.Handle("POST /v1/payments/{id}/capture", s.api(s.capturePayment))
	v1.Handle("POST /v1/payments/{id}/refunds", s.api(s.createRefund))
	v1.Handle("GET /v1/movements", s.api(s.movements))
	v1.Handle("/v1/", s.api(func(http.ResponseWriter, *http.Request) error { return notFound() }))

	mux := http.NewServeMux()
	mux.Handle("/v1/", s.shopOnly(v1))
	mux.Handle("GET /{$}", s.page(s.showIndex))
	mux.Handle("GET /pay/{id}", s.page(s.showPay))
	mux.Handle("POST /pay/{id}", s.page(s.payByCard))
	mux.Handle("POST /pay/{id}/code", s.page(s.payByCode))
	mux.Handle("POST /pay/{id}/cancel", s.page(s.cancelByBuyer))
	mux.HandleFunc("GET /bank.css", showCSS)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.Handle("GET /control/payments", s.api(s.controlPayments))
	mux.Handle("GET /control/faults", s.api(s.controlGetFaults))
	mux.Handle("POST /control/faults", s.api(s.controlSetFaults))
	mux.Handle("POST /control/payments/{id}/notify", s.api(s.controlNotify))
	mux.Handle("/control/", s.api(func(http.ResponseWriter, *http.Request) error { return notFound() }))
	mux.Handle("/", s.page(func(http.ResponseWriter, *http.Request) error { return notFound() }))

	// Another site's page must neither pay nor set faults in the visitor's name.
	return s.misbehave(http.NewCrossOriginProtection().Handler(mux))
}

var bearer = []byte("Bearer " + wire.Bearer())

// shopOnly lets in who knows the sandbox secret.
func (s *Server) shopOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), bearer) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeProblem(w, problem(http.StatusUnauthorized, "unauthorized", ""))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// api runs a handler that answers JSON.
func (s *Server) api(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			writeProblem(w, s.asRefusal(err))
		}
	})
}

// asRefusal turns any error into an answer; what was not made for readers is
// logged and told as a closed bank.
func (s *Server) asRefusal(err error) *refusal {
	var ref *refusal
	if errors.As(err, &ref) {
		return ref
	}
	s.log.Error("request failed", "err", err)
	return problem(http.StatusServiceUnavailable, "books_closed", "")
}

func writeProblem(w http.ResponseWriter, r *refusal) {
	writeAs(w, r.Status, "application/problem+json", r.Problem)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	writeAs(w, status, "application/json", v)
}

func writeAs(w http.ResponseWriter, status int, typ string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("bank: an answer cannot be encoded: " + err.Error()) // our own types
	}
	h := w.Header()
	h.Set("Content-Type", typ)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the reader may have gone
}

// readBody reads a whole body within limits of size and time. Afterwards the
// connection has no read deadline, so a request may hang as long as asked for.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTime)) // not every writer in tests knows deadlines
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	_ = rc.SetReadDeadline(time.Time{})
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, problem(http.StatusRequestEntityTooLarge, "too_large", "")
	}
	if err != nil {
		return nil, problem(http.StatusBadRequest, "unreadable", "")
	}
	return b, nil
}

// readJSON decodes a body that holds one JSON value without unknown fields. An
// empty body leaves v as it is where optional is set.
func readJSON(w http.ResponseWriter, r *http.Request, v any, optional bool) error {
	b, err := readBody(w, r, maxAPIBody)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(b)) == 0 && optional {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return problem(http.StatusBadRequest, "unreadable", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem(http.StatusBadRequest, "unreadable", "more than one JSON value")
	}
	return nil
}

// look finds a payment, lets time have its effect, and hangs where the payment
// hangs. It returns without the lock.
func (s *Server) look(r *http.Request, id string) (*payment, error) {
	s.mu.Lock()
	p := s.books.byID[id]
	if p == nil || id == "" {
		s.mu.Unlock()
		return nil, notFound()
	}
	err := s.ripenLocked(p)
	until := p.hangUntil
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.wait(r.Context(), time.Until(until))
	return p, nil
}

// hang waits where a payment has begun to hang during this request.
func (s *Server) hang(r *http.Request, p *payment) {
	s.mu.Lock()
	until := p.hangUntil
	s.mu.Unlock()
	s.wait(r.Context(), time.Until(until))
}

// told returns the payment as it stands, once that is on disk.
func (s *Server) told(p *payment) (wire.Payment, error) {
	s.mu.Lock()
	v, pos := p.view(s.url), p.syncPos
	s.mu.Unlock()
	return v, s.journal.sync(pos)
}
