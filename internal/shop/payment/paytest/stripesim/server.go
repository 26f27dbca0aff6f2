package stripesim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment/paytest"
)

// Options of a Server.
type Options struct {
	Key    string // the secret key that it takes
	Secret string // with which notifications are signed
	Hook   string // where notifications are posted; empty: nowhere
	CA     string // PEM of the authority to trust there
	Judge  *Judge // looks at each request; nil: nobody
}

// Server is the simulator. Make it with New.
type Server struct {
	Faults paytest.Faults

	opt    Options
	poster *http.Client
	posts  sync.WaitGroup

	mu       sync.Mutex
	sessions []*session // oldest first
	refunds  []*refund
	rows     []*row
	keys     map[string]*kept
	held     bool // refunds stay pending
}

type session struct {
	id, reference, currency, successURL, cancelURL, locale string
	total, created, expires                                int64
	status                                                 string // open, complete, expired
	manual                                                 bool
	meta, intentMeta                                       map[string]string
	pi                                                     *intent
	form                                                   url.Values
}

type intent struct {
	id, status, cancelReason string
	s                        *session
	received                 int64
	meta                     map[string]string
	declined                 map[string]any // last_payment_error
	ch                       *charge
	created                  int64
}

type charge struct {
	id                         string
	pi                         *intent
	amount, captured, refunded int64
	ok                         bool
	created                    int64
	meta                       map[string]string
}

type refund struct {
	id, status, failure string
	amount, created     int64
	ch                  *charge
	meta                map[string]string
}

// row is a balance transaction.
type row struct {
	id, kind             string
	amount, fee, created int64
	currency             string
	ch                   *charge
	re                   *refund
	object               map[string]any // another source
}

// New makes an empty Stripe.
func New(o Options) *Server {
	return &Server{opt: o, keys: map[string]*kept{}, poster: newPoster(o.CA)}
}

// Handler is all of it.
func (s *Server) Handler() http.Handler {
	api := http.NewServeMux()
	for pattern, h := range map[string]func(*call) (any, *problem){
		"POST /v1/checkout/sessions":             s.createSession,
		"GET /v1/checkout/sessions":              s.listSessions,
		"GET /v1/checkout/sessions/{id}":         s.getSession,
		"POST /v1/checkout/sessions/{id}/expire": s.expireSession,
		"GET /v1/payment_intents/{id}":           s.getIntent,
		"POST /v1/payment_intents/{id}/capture":  s.captureIntent,
		"POST /v1/payment_intents/{id}/cancel":   s.cancelIntent,
		"POST /v1/refunds":                       s.createRefund,
		"GET /v1/refunds":                        s.listRefunds,
		"GET /v1/refunds/{id}":                   s.getRefund,
		"GET /v1/balance_transactions":           s.listRows,
	} {
		api.Handle(pattern, s.endpoint(h))
	}
	api.Handle("/", s.endpoint(func(c *call) (any, *problem) {
		return nil, &problem{status: 404, Type: "invalid_request_error", Message: "Unrecognized request URL (" + c.r.Method + ": " + c.r.URL.Path + ")."}
	}))
	mux := http.NewServeMux()
	mux.Handle("/v1/", s.Faults.Before(api))
	mux.HandleFunc("GET /c/pay/{id}", s.showPage)
	mux.HandleFunc("POST /c/pay/{id}", s.takePage)
	mux.HandleFunc("GET /control/books", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, s.Books()) })
	mux.HandleFunc("POST /control/hook", func(w http.ResponseWriter, r *http.Request) {
		var h struct{ URL, CA string }
		if err := json.NewDecoder(r.Body).Decode(&h); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opt.Hook, s.poster = h.URL, newPoster(h.CA)
	})
	mux.HandleFunc("POST /control/dashboard", func(w http.ResponseWriter, r *http.Request) {
		var x struct {
			Ref     string
			Refund  int64
			Dispute bool
			Ago     int64 // seconds: when it was booked
		}
		if err := json.NewDecoder(r.Body).Decode(&x); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if x.Refund > 0 {
			s.RefundByHand(x.Ref, x.Refund)
		}
		if x.Dispute {
			s.Dispute(x.Ref)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rows[len(s.rows)-1].created -= x.Ago
	})
	mux.HandleFunc("POST /control/faults", func(w http.ResponseWriter, r *http.Request) {
		var f paytest.Fault
		if err := json.NewDecoder(r.Body).Decode(&f); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.Faults.Set(f)
	})
	return mux
}

// problem is Stripe's error object.
type problem struct {
	status      int
	Type        string         `json:"type"`
	Code        string         `json:"code,omitempty"`
	DeclineCode string         `json:"decline_code,omitempty"`
	Message     string         `json:"message"`
	Param       string         `json:"param,omitempty"`
	DocURL      string         `json:"doc_url,omitempty"`
	Intent      map[string]any `json:"payment_intent,omitempty"`
	LogURL      string         `json:"request_log_url,omitempty"`
}

func invalid(param, code, format string, args ...any) *problem {
	p := &problem{status: 400, Type: "invalid_request_error", Code: code, Param: param, Message: fmt.Sprintf(format, args...)}
	if code != "" {
		p.DocURL = "https://stripe.com/docs/error-codes/" + strings.ReplaceAll(code, "_", "-")
	}
	return p
}

func missing(kind, id string) *problem {
	p := invalid("id", "resource_missing", "No such %s: '%s'", kind, id)
	p.status = 404
	return p
}

// kept is an answer under an idempotency key.
type kept struct {
	what   string // path and parameters
	busy   bool
	status int
	body   []byte
	at     time.Time
}

// call is one request.
type call struct {
	r      *http.Request
	form   url.Values
	expand []string
	// started is set when the work has begun: from then on the answer is kept.
	started bool
}

func (c *call) id() string { return c.r.PathValue("id") }

// only refuses parameters that are not known, as Stripe does. Names are the part before
// the first bracket.
func (c *call) only(names ...string) *problem {
	for k := range c.form {
		name, _, _ := strings.Cut(k, "[")
		if name == "expand" {
			continue
		}
		if !slices.Contains(names, name) {
			return invalid(k, "parameter_unknown", "Received unknown parameter: %s", k)
		}
	}
	return nil
}

func (c *call) int(name string) (int64, bool, *problem) {
	v := c.form.Get(name)
	if v == "" {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, true, invalid(name, "parameter_invalid_integer", "Invalid integer: %s", v)
	}
	return n, true, nil
}

func (c *call) meta(prefix string) map[string]string {
	out := map[string]string{}
	for k, v := range c.form {
		if rest, ok := strings.CutPrefix(k, prefix+"["); ok && strings.HasSuffix(rest, "]") {
			out[strings.TrimSuffix(rest, "]")] = v[0]
		}
	}
	return out
}

func (s *Server) endpoint(h func(*call) (any, *problem)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request := newID("req_", 14)
		w.Header().Set("Request-Id", request)
		w.Header().Set("Stripe-Version", r.Header.Get("Stripe-Version"))
		refuse := func(p *problem) {
			p.LogURL = "https://dashboard.stripe.com/test/logs/" + request + "?t=" + strconv.FormatInt(time.Now().Unix(), 10)
			answer(w, p.status, map[string]any{"error": p})
		}
		if r.Header.Get("Authorization") != "Bearer "+s.opt.Key {
			w.Header().Set("WWW-Authenticate", `Basic realm="Stripe"`)
			refuse(&problem{status: 401, Type: "invalid_request_error", Message: "Invalid API Key provided: " + mask(r.Header.Get("Authorization"))})
			return
		}
		raw := s.opt.Judge.look(r)
		text := r.URL.RawQuery
		if r.Method == http.MethodPost {
			text = string(raw)
		}
		form, err := url.ParseQuery(text)
		if err != nil {
			refuse(invalid("", "", "The request body could not be read."))
			return
		}
		c := &call{r: r, form: form}
		for k, v := range form {
			if strings.HasPrefix(k, "expand[") {
				c.expand = append(c.expand, v[0])
			}
		}
		key := r.Header.Get("Idempotency-Key")
		if r.Method != http.MethodPost || key == "" {
			s.mu.Lock()
			out, p := h(c)
			s.mu.Unlock()
			if p != nil {
				refuse(p)
				return
			}
			answer(w, 200, out)
			return
		}
		w.Header().Set("Idempotency-Key", key)
		what := r.URL.Path + "?" + form.Encode()
		s.mu.Lock()
		k := s.keys[key]
		if k != nil && time.Since(k.at) > 24*time.Hour {
			k = nil
		}
		switch {
		case k != nil && k.what != what:
			s.mu.Unlock()
			refuse(&problem{status: 400, Type: "idempotency_error", Message: "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '" + key + "' if you meant to execute a different request."})
			return
		case k != nil && k.busy:
			s.mu.Unlock()
			refuse(&problem{status: 409, Type: "idempotency_error", Code: "idempotency_key_in_use", Message: "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): " + key + ". Please try again later."})
			return
		case k != nil:
			s.mu.Unlock()
			w.Header().Set("Idempotent-Replayed", "true")
			w.Header().Set("Original-Request", request)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(k.status)
			_, _ = w.Write(k.body)
			return
		}
		k = &kept{what: what, busy: true, at: time.Now()}
		s.keys[key] = k
		s.mu.Unlock()
		time.Sleep(time.Millisecond) // long enough for another with the same key to meet it
		s.mu.Lock()
		out, p := h(c)
		status, body := 200, any(out)
		if p != nil {
			p.LogURL = "https://dashboard.stripe.com/test/logs/" + request
			status, body = p.status, map[string]any{"error": p}
		}
		k.status, k.body, k.busy = status, encode(body), false
		if !c.started {
			delete(s.keys, key)
		}
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(k.body)
	})
}

func mask(auth string) string {
	k := strings.TrimPrefix(auth, "Bearer ")
	if len(k) < 12 {
		return "*"
	}
	return k[:8] + strings.Repeat("*", 8) + k[len(k)-4:]
}

func encode(v any) []byte {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("stripesim: " + err.Error()) // our own shapes
	}
	return b
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(v)) // the client may have gone
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func newID(prefix string, n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return prefix + string(b)
}

// list is a page, newest first; id names an item.
func page[T any](c *call, all []T, id func(T) string, path string, view func(T) any) (any, *problem) {
	limit, given, p := c.int("limit")
	if p != nil {
		return nil, p
	}
	if !given {
		limit = 10
	}
	if limit < 1 || limit > 100 {
		return nil, invalid("limit", "parameter_invalid_integer", "Limit must be between 1 and 100.")
	}
	all = slices.Clone(all)
	slices.Reverse(all)
	if after := c.form.Get("starting_after"); after != "" {
		i := slices.IndexFunc(all, func(x T) bool { return id(x) == after })
		if i < 0 {
			return nil, missing("object", after)
		}
		all = all[i+1:]
	}
	more := int64(len(all)) > limit
	data := []any{}
	for _, x := range all[:min(int64(len(all)), limit)] {
		data = append(data, view(x))
	}
	return map[string]any{"object": "list", "url": path, "has_more": more, "data": data}, nil
}

// within reads the filter created.
func (c *call) within(created int64) bool {
	for op, ok := range map[string]func(a, b int64) bool{
		"gte": func(a, b int64) bool { return a >= b }, "gt": func(a, b int64) bool { return a > b },
		"lte": func(a, b int64) bool { return a <= b }, "lt": func(a, b int64) bool { return a < b },
	} {
		if n, given, _ := c.int("created[" + op + "]"); given && !ok(created, n) {
			return false
		}
	}
	return true
}

// Books is what Stripe has of every session.
func (s *Server) Books() []paytest.Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []paytest.Book
	for _, x := range s.sessions {
		cur := strings.ToUpper(x.currency)
		b := paytest.Book{Ref: x.id, Reference: x.reference, Authorised: money.New(0, cur), Captured: money.New(0, cur), Refunded: money.New(0, cur)}
		if x.pi != nil {
			b.Captured.Amount = x.pi.received
			if x.pi.status == "requires_capture" {
				b.Authorised.Amount = x.total
			}
			if x.pi.ch != nil {
				b.Refunded.Amount = x.pi.ch.refunded
			}
		}
		out = append(out, b)
	}
	return out
}

// sign is the header of a notification.
func sign(secret string, at time.Time, body []byte) string {
	mac := func(key string) string {
		m := hmac.New(sha256.New, []byte(key))
		fmt.Fprintf(m, "%d.%s", at.Unix(), body)
		return hex.EncodeToString(m.Sum(nil))
	}
	// Stripe adds a false one under v0 in test mode, so that nobody takes what is there.
	return fmt.Sprintf("t=%d,v1=%s,v0=%s", at.Unix(), mac(secret), mac("v0"))
}
