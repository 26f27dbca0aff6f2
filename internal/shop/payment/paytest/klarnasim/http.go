package klarnasim

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"kassavalv/internal/shop/payment/paytest"
)

// problem is an answer other than 2xx.
type problem struct {
	status int
	code   string
	text   string
}

func (e *problem) Error() string { return e.code }

func bad(field string) error { return &problem{400, "BAD_VALUE", "Bad value: " + field} }

// api is a handler of the API: it returns what to answer.
type api func(r *http.Request, body []byte) (*answer, error)

func ok(status int, body any) (*answer, error) { return &answer{status: status, body: body}, nil }

func (s *Server) routes() {
	s.handle("POST /payments/v1/sessions", s.createSession)
	s.handle("GET /payments/v1/sessions/{id}", s.readSession)
	s.handle("POST /hpp/v1/sessions", s.createPage)
	s.handle("GET /hpp/v1/sessions/{id}", s.readPage)
	s.handle("DELETE /hpp/v1/sessions/{id}", s.disablePage)
	s.handle("GET /ordermanagement/v1/orders/{id}", s.readOrder)
	s.handle("POST /ordermanagement/v1/orders/{id}/captures", s.createCapture)
	s.handle("GET /ordermanagement/v1/orders/{id}/captures", s.listCaptures)
	s.handle("GET /ordermanagement/v1/orders/{id}/captures/{part}", s.readCapture)
	s.handle("POST /ordermanagement/v1/orders/{id}/refunds", s.createRefund)
	s.handle("GET /ordermanagement/v1/orders/{id}/refunds/{part}", s.readRefund)
	s.handle("POST /ordermanagement/v1/orders/{id}/cancel", s.cancelOrder)
	s.handle("POST /ordermanagement/v1/orders/{id}/release-remaining-authorization", s.release)
	s.handle("POST /ordermanagement/v1/orders/{id}/extend-authorization-time", s.extend)
	s.handle("GET /settlements/v1/payouts", s.listPayouts)
	s.handle("GET /settlements/v1/transactions", s.listTransactions)
	s.handle("GET /settlements/v1/reports/payout-with-transactions", s.report)
	s.mux.HandleFunc("GET /eu/hpp/payments/{code}", s.showPage)
	s.mux.HandleFunc("POST /eu/hpp/payments/{code}", s.actPage)
	s.control()
}

// ServeHTTP answers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// handle makes a route of the API: fault, authentication, key, then the handler.
func (s *Server) handle(pattern string, h api) {
	s.mux.Handle(pattern, s.faults.Before(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		rec := httptest.NewRecorder()
		switch {
		case err != nil:
			write(rec, nil, &problem{413, "REQUEST_TOO_LARGE", "Request is too large"})
		case !s.allowed(r):
			rec.Header().Set("WWW-Authenticate", `Basic realm="klarna"`)
			rec.WriteHeader(401)
		default:
			a, err := s.once(r, body, h)
			write(rec, a, err)
		}
		b, f := rec.Body.Bytes(), s.faults.Now()
		if r.Method == "POST" && r.URL.Path == "/hpp/v1/sessions" {
			s.mu.Lock()
			lose := s.losePages
			s.mu.Unlock()
			if lose {
				panic(http.ErrAbortHandler)
			}
			if !f.LoseAfter && !f.Half {
				s.told(b)
			}
		}
		if f.Amount != 0 || f.Currency != "" {
			b = distort(b, f)
		}
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		w.Write(b)
	})))
}

func (s *Server) allowed(r *http.Request) bool {
	u, p, _ := r.BasicAuth()
	return subtle.ConstantTimeCompare([]byte(u+"\x00"+p), []byte(s.opt.Username+"\x00"+s.opt.Password)) == 1
}

// once runs the handler under the lock, or repeats what its key was answered with. As
// Klarna says, only the key counts, not what is sent with it.
func (s *Server) once(r *http.Request, body []byte, h api) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Header.Get("Klarna-Idempotency-Key")
	if r.Method != "POST" || key == "" || !s.opt.Sessions && !strings.HasPrefix(r.URL.Path, "/ordermanagement/") {
		return h(r, body)
	}
	key = r.URL.Path + " " + key
	if a, seen := s.keys[key]; seen && s.now().Sub(a.at) < keyLife {
		return a, nil
	}
	a, err := h(r, body)
	if err == nil {
		a.at = s.now()
		s.keys[key] = a
	}
	return a, err
}

func write(w http.ResponseWriter, a *answer, err error) {
	cid := uuid()
	w.Header().Set("Klarna-Correlation-Id", cid)
	if err != nil {
		p, is := err.(*problem)
		if !is {
			p = &problem{500, "INTERNAL_SERVER_ERROR", "?"}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(p.status)
		json.NewEncoder(w).Encode(map[string]any{"error_code": p.code, "error_messages": []string{p.text}, "correlation_id": cid})
		return
	}
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	switch b := a.body.(type) {
	case nil:
		w.WriteHeader(a.status)
	case []byte:
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.WriteHeader(a.status)
		w.Write(b)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		json.NewEncoder(w).Encode(b)
	}
}

// distort adds to every amount of a payment, and tells another currency.
func distort(b []byte, f paytest.Fault) []byte {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&m) != nil {
		return b
	}
	for _, k := range []string{"order_amount", "original_order_amount", "captured_amount", "refunded_amount", "remaining_authorized_amount"} {
		if n, is := m[k].(json.Number); is && f.Amount != 0 {
			// What is nothing stays nothing: a payment that has not been taken was not.
			if v, err := n.Int64(); err == nil && (v != 0 || k == "order_amount") {
				m[k] = v + f.Amount
			}
		}
	}
	if _, is := m["purchase_currency"]; is && f.Currency != "" {
		m["purchase_currency"] = f.Currency
	}
	out, err := json.Marshal(m)
	if err != nil {
		return b
	}
	return out
}

func decode(body []byte, out any) error {
	if json.Unmarshal(body, out) != nil {
		return &problem{400, "BAD_REQUEST", ""}
	}
	return nil
}
