package stripe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	api "github.com/stripe/stripe-go/v84"

	"kassavalv/internal/shop/payment"
)

// Options of the provider.
type Options struct {
	SecretKey     string // sk_… or rk_…
	WebhookSecret string // whsec_…, several with spaces or commas between them while one replaces another; empty: notifications are refused
	Capture       string // "placed" (or empty): when the buyer pays; "ship": when the goods leave
	BaseURL       string // another address than Stripe's, for tests; this machine only
	Live          bool   // whether real money moves in this shop
	Log           *slog.Logger
}

// ConfigError is an option that cannot work, with its key in the configuration.
type ConfigError struct{ Key, What string }

func (e *ConfigError) Error() string { return e.Key + ": " + e.What }

// Provider implements payment.Provider, Capturer, OneTaker, Lister and Pinger.
type Provider struct {
	client  *api.Client
	hooks   []string
	ship    bool
	live    bool
	secure  bool // the buyer's address must be https
	http    *http.Client
	wire    *transport
	backend string
}

// New makes the provider. A *ConfigError names what is wrong.
func New(o Options) (*Provider, error) {
	mode, ok := keyMode(o.SecretKey)
	switch {
	case o.SecretKey == "":
		return nil, &ConfigError{"stripe.secret_key", "is missing, and other keys under stripe are set"}
	case !ok:
		return nil, &ConfigError{"stripe.secret_key", "must begin with sk_live_, sk_test_, rk_live_ or rk_test_"}
	case mode != o.Live && o.Live:
		return nil, &ConfigError{"stripe.secret_key", "is a test key, and this shop takes real money; use the live key, or set payments.test = true"}
	case mode != o.Live:
		return nil, &ConfigError{"stripe.secret_key", "is a live key, and this shop only tries payments out; use the test key, or set payments.test = false"}
	}
	p := &Provider{live: o.Live, secure: o.BaseURL == "", backend: api.APIURL}
	for _, s := range strings.FieldsFunc(o.WebhookSecret, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		if !strings.HasPrefix(s, "whsec_") || len(s) < 16 {
			return nil, &ConfigError{"stripe.webhook_secret", "each must begin with whsec_"}
		}
		p.hooks = append(p.hooks, s)
	}
	switch o.Capture {
	case "", "placed":
	case "ship":
		p.ship = true
	default:
		return nil, &ConfigError{"stripe.capture", `must be "placed" or "ship"`}
	}
	if o.BaseURL != "" {
		if o.Live {
			return nil, &ConfigError{"stripe.base_url", "is for tests, and this shop takes real money"}
		}
		if !loopback(o.BaseURL) {
			return nil, &ConfigError{"stripe.base_url", "must be http://127.0.0.1:port or another address of this machine"}
		}
		p.backend = strings.TrimRight(o.BaseURL, "/")
	}
	if len(p.hooks) == 0 && o.Log != nil {
		o.Log.Warn("stripe.webhook_secret is not set: Stripe's notifications are refused, and payments are only found by asking for them")
	}
	p.wire = &transport{now: time.Now, Transport: &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext, TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConnsPerHost: 32, MaxConnsPerHost: 128, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
	}}
	p.http = &http.Client{
		Transport:     p.wire,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p.client = api.NewClient(o.SecretKey, api.WithBackends(api.NewBackendsWithConfig(&api.BackendConfig{
		HTTPClient: p.http, URL: &p.backend, MaxNetworkRetries: api.Int64(0), EnableTelemetry: api.Bool(false),
		LeveledLogger: &api.LeveledLogger{Level: api.LevelNull}, // it would write addresses; we tell what matters
	})))
	return p, nil
}

// keyMode reports whether a secret key moves real money.
func keyMode(k string) (live, ok bool) {
	for _, kind := range []string{"sk", "rk"} {
		if strings.HasPrefix(k, kind+"_live_") {
			return true, true
		}
		if strings.HasPrefix(k, kind+"_test_") {
			return false, true
		}
	}
	return false, false
}

func loopback(s string) bool {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" || (u.Path != "" && u.Path != "/") {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Method is "stripe".
func (p *Provider) Method() string { return "stripe" }

// Credit is false: what the buyer borrows on Stripe's page is between them and the
// lender there, and is not offered by the shop.
func (p *Provider) Credit() bool { return false }

// Notifies reports whether notifications can be verified.
func (p *Provider) Notifies() bool { return len(p.hooks) > 0 }

// AtOnce reports whether the whole sum is taken when the order is placed.
func (p *Provider) AtOnce() bool { return !p.ship }

// OneTake is true: Stripe releases the rest with the first capture, unless an account
// has multicapture, which is arranged by contract.
func (p *Provider) OneTake() bool { return true }

// transport bounds answers and looks whether they are any, and keeps to ourselves what Stripe has no use for: the
// library would send this machine's name and system with each request.
type transport struct {
	*http.Transport
	now     func() time.Time
	seconds atomic.Int64 // by how much Stripe's clock is ahead of ours
}

func (t *transport) off() time.Duration { return time.Duration(t.seconds.Load()) * time.Second }

const maxAnswer = 8 << 20

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("X-Stripe-Client-User-Agent")
	r.Header.Set("User-Agent", "Stripe/v1 GoBindings/"+api.ClientVersion+" Kassavalv/1")
	res, err := t.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	// Everything that Stripe answers says what it is. An empty object would be read as
	// an empty list: nothing found, where nothing was said.
	var kind struct {
		Object string `json:"object"`
	}
	if res.StatusCode < 400 && (json.Unmarshal(b, &kind) != nil || kind.Object == "" || res.StatusCode >= 300) {
		return nil, errUnreadable
	}
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil && res.StatusCode < 400 {
		t.seconds.Store(int64(at.Sub(t.now()) / time.Second))
	}
	res.Body = io.NopCloser(bytes.NewReader(b))
	return res, nil
}

var errUnreadable = errors.New("stripe: an answer that is not Stripe's")

// failure is an answer of Stripe other than the one hoped for.
type failure struct {
	op, code, request string
	status            int
	open              bool // the call may have had its effect, or may have it when it is made again
}

func (f *failure) Error() string {
	s := fmt.Sprintf("stripe: %s: %d %s", f.op, f.status, f.code)
	if f.request != "" {
		s += " (" + f.request + ")"
	}
	return s
}

// ProviderCode is Stripe's code.
func (f *failure) ProviderCode() string { return f.code }

func (f *failure) Unwrap() error {
	if f.open {
		return payment.ErrUnknown
	}
	return nil
}

// silence is no answer, or none that can be read.
type silence struct {
	op      string
	timeout bool
	cause   error
}

func (s *silence) Error() string {
	if s.timeout {
		return "stripe: " + s.op + ": no answer in time"
	}
	return "stripe: " + s.op + ": no answer that can be read"
}

func (s *silence) Timeout() bool { return s.timeout }
func (s *silence) Unwrap() []error {
	if s.cause == nil {
		return []error{payment.ErrUnknown}
	}
	return []error{payment.ErrUnknown, s.cause}
}

// failed makes an error of the library into one of ours.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *api.Error
	if errors.As(err, &e) && e.HTTPStatusCode >= 400 {
		f := &failure{op: op, status: e.HTTPStatusCode, request: word(e.RequestID), code: word(string(e.Code))}
		if f.code == "" {
			f.code = word(string(e.Type))
		}
		// 409: the same key is being worked on. 429: slow down, or a lock was not got.
		f.open = f.status >= 500 || f.status == http.StatusTooManyRequests || f.status == http.StatusConflict || f.status == http.StatusRequestTimeout
		return f
	}
	s := &silence{op: op}
	var t interface{ Timeout() bool }
	s.timeout = errors.As(err, &t) && t.Timeout()
	// The library's text can hold the whole answer; of the cause only what others ask for stays.
	for _, c := range contextErrors {
		if errors.Is(err, c) {
			s.cause = c
		}
	}
	return s
}

// word bounds what is taken over from an answer into errors and codes.
func word(s string) string {
	if len(s) > 64 || strings.IndexFunc(s, func(r rune) bool {
		return !(r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) >= 0 {
		return "unreadable"
	}
	return s
}
