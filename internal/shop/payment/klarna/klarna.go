package klarna

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"kassavalv/internal/secret"
)

// The API's addresses: https://docs.klarna.com/api/api-urls/
var bases = map[string][2]string{ // region: playground, production
	"eu": {"https://api.playground.klarna.com", "https://api.klarna.com"},
}

// Config is what a merchant sets.
type Config struct {
	Username string
	Password secret.Secret
	Region   string // eu
	Live     bool   // production; false: Klarna's playground
	AtOnce   bool   // take the money when the order is placed
	// PayoutDays is how many days after a capture the agreement lets it be paid out; only
	// then do Klarna's books tell of it.
	PayoutDays int
	Base       string // of a simulator, for tests; empty: by region and Live
}

// Regions are the values that Config.Region may have.
func Regions() []string { return []string{"eu"} }

// Belongs tells which mode credentials are for, where their form says so: "live",
// "test" or "" when it does not. API keys begin with klarna_live_ or klarna_test_; the
// older user names with K for production and PK for the playground.
func Belongs(username, password string) string {
	switch {
	case strings.HasPrefix(password, "klarna_live_"):
		return "live"
	case strings.HasPrefix(password, "klarna_test_"):
		return "test"
	}
	digits := func(s string) bool { return len(s) > 0 && s[0] >= '0' && s[0] <= '9' }
	if rest, ok := strings.CutPrefix(username, "PK"); ok && digits(rest) {
		return "test"
	}
	if rest, ok := strings.CutPrefix(username, "K"); ok && digits(rest) {
		return "live"
	}
	return ""
}

// Provider implements payment.Provider, Capturer, Lister, Lagging and Pinger.
type Provider struct {
	user   string
	pass   secret.Secret
	base   string
	live   bool
	atOnce bool
	lag    time.Duration
	client *http.Client

	begins singleflight.Group
	recent recent
}

// New makes a client; it asks nobody anything.
func New(c Config) *Provider {
	base := c.Base
	if base == "" {
		pair, ok := bases[c.Region]
		if !ok {
			pair = bases["eu"]
		}
		if base = pair[0]; c.Live {
			base = pair[1]
		}
	}
	return &Provider{user: c.Username, pass: c.Password, base: strings.TrimRight(base, "/"), live: c.Live, atOnce: c.AtOnce, lag: time.Duration(c.PayoutDays) * 24 * time.Hour, client: &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second, MaxIdleConnsPerHost: 16, MaxConnsPerHost: 64, IdleConnTimeout: time.Minute,
			ResponseHeaderTimeout: 25 * time.Second, ForceAttemptHTTP2: true,
		},
		// The API does not redirect; an answer that says so is not followed with our secret.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Method is "klarna".
func (p *Provider) Method() string { return "klarna" }

// Credit is true: Klarna lends, whatever the buyer then chooses on its page.
func (p *Provider) Credit() bool { return true }

// PayoutDays is a weekly payout after Klarna's usual fourteen days.
const PayoutDays = 21

// BooksLag is how long a capture may wait for its payout.
func (p *Provider) BooksLag() time.Duration { return p.lag }

// AtOnce reports whether the merchant wants the money when the order is placed.
func (p *Provider) AtOnce() bool { return p.atOnce }

// recent remembers, in this process, what was begun and what was refused: a second Begin
// tells the state of the first, and a page that we closed because its buyer was declined
// is still known as refused.
type recent struct {
	mu   sync.Mutex
	list map[string]seen
}

type seen struct {
	ref, next string
	refused   string // Klarna's status of the page before we closed it
	at        time.Time
}

const (
	rememberFor = 2 * time.Hour
	rememberMax = 8192
)

func (r *recent) get(key string) (seen, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.list[key]
	return s, ok && time.Since(s.at) < rememberFor
}

func (r *recent) put(key string, s seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list == nil {
		r.list = map[string]seen{}
	}
	if len(r.list) >= rememberMax {
		for k, v := range r.list {
			if time.Since(v.at) >= rememberFor {
				delete(r.list, k)
			}
		}
		for k := range r.list {
			if len(r.list) < rememberMax/2 {
				break
			}
			delete(r.list, k)
		}
	}
	s.at = time.Now()
	r.list[key] = s
}

func seg(s string) string { return url.PathEscape(s) }
