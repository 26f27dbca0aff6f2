package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Codes of Error. They are stable.
const (
	BadAddress  = "bad_address"        // not an http(s) address we take; decided from the text alone
	Unreachable = "address_no_answer"  // refused, closed, silent, not HTTP, broken TLS: deliberately one
	TooLarge    = "answer_too_large"   // more bytes than the cap
	Redirected  = "too_many_redirects" // more hops than the option allows, or to a lower scheme
)

var texts = map[string]string{
	BadAddress:  "fetch: this is not an address that can be fetched",
	Unreachable: "fetch: the address gives no answer",
	TooLarge:    "fetch: the answer is too large",
	Redirected:  "fetch: the address leads on to others",
}

// Error is every error of a fetch. Its text depends on the code alone; the
// cause, for an operator's eyes only, is reached by errors.Unwrap.
type Error struct {
	Code  string
	cause error
}

func (e *Error) Error() string { return texts[e.Code] }

// Unwrap returns the cause. It tells what is behind the address: never show it
// to whoever chose the address.
func (e *Error) Unwrap() error { return e.cause }

// Code returns the code of err, or "" when it is none of ours.
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Options of a Client. The zero value is the strictest.
type Options struct {
	// Timeout covers a whole call with all its redirects; 0 is 10 s.
	Timeout time.Duration
	// MaxBody caps the decoded answer in bytes; 0 is 1 MiB.
	MaxBody int64
	// Redirects is how many are followed, 0 to 3.
	Redirects int
	// Ports replaces 80 and 443.
	Ports []uint16
	// AllowNets are networks reached in spite of the rules, on any port. They
	// come from configuration, never from data.
	AllowNets []netip.Prefix
	// Resolve replaces the system's resolver.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Roots replaces the system's authorities.
	Roots *x509.CertPool
	// Agent replaces the User-Agent "Kassavalv".
	Agent string
}

// Request is one call.
type Request struct {
	Method string // GET, HEAD or POST; empty is GET
	URL    string
	Header http.Header
	Body   []byte // POST only
}

// Response is a whole answer. Any status is an answer, not an error.
type Response struct {
	Status int
	Header http.Header
	Body   []byte // decoded, at most MaxBody; empty for HEAD
	URL    string // where it came from in the end
}

// Client fetches. Safe for concurrent use.
type Client struct {
	opt  Options
	http *http.Client
}

const (
	maxHeader    = 64 << 10
	connectTime  = 5 * time.Second
	maxAddresses = 4 // tried in turn within the one clock
)

// New makes a client.
func New(o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	o.Redirects = min(max(o.Redirects, 0), 3)
	if len(o.Ports) == 0 {
		o.Ports = []uint16{80, 443}
	}
	if o.Resolve == nil {
		o.Resolve = resolve
	}
	if o.Agent == "" {
		o.Agent = "Kassavalv"
	}
	c := &Client{opt: o}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            c.dial,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: maxHeader,
			TLSHandshakeTimeout:    connectTime,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			// A handler for HTTP/2 is not set up: one protocol, one set of limits.
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		},
		CheckRedirect: c.redirect,
	}
	return c
}

// resolve asks the system. The resolver hands out IPv4 in its IPv6 form, which
// says nothing about how the name was written in DNS.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	as, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range as {
		as[i] = as[i].Unmap()
	}
	return as, err
}

// Get fetches an address.
func (c *Client) Get(ctx context.Context, address string) (*Response, error) {
	return c.Do(ctx, Request{URL: address})
}

// Do makes one call. Every error is an *Error, but that of a cancelled ctx,
// which is ctx.Err().
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		return nil, &Error{BadAddress, errors.New("method")}
	}
	u, err := ParseAddress(r.URL)
	if err != nil {
		return nil, err
	}
	tctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	var body io.Reader
	if r.Method == http.MethodPost {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(tctx, r.Method, u.String(), body)
	if err != nil {
		return nil, &Error{BadAddress, err}
	}
	req.GetBody = nil
	for k, vs := range r.Header {
		// Not the caller's to choose: who is asked, how the answer is packed.
		if k = http.CanonicalHeaderKey(k); k == "Host" || k == "Accept-Encoding" || k == "Cookie" {
			continue
		}
		req.Header[k] = slices.Clone(vs)
	}
	req.Header.Set("User-Agent", c.opt.Agent)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	defer res.Body.Close()
	out := &Response{Status: res.StatusCode, Header: res.Header, URL: res.Request.URL.String()}
	if r.Method == http.MethodHead {
		return out, nil
	}
	if res.ContentLength > c.opt.MaxBody {
		return nil, &Error{TooLarge, nil}
	}
	// The transport has undone gzip here, so this counts decoded bytes.
	out.Body, err = io.ReadAll(io.LimitReader(res.Body, c.opt.MaxBody+1))
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	if int64(len(out.Body)) > c.opt.MaxBody {
		return nil, &Error{TooLarge, nil}
	}
	return out, nil
}

func (c *Client) fail(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Unreachable, err}
}

// redirect judges one hop; the address itself is judged again at connect.
func (c *Client) redirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if c.opt.Redirects == 0 || first.Method == http.MethodPost {
		return http.ErrUseLastResponse
	}
	if len(via) > c.opt.Redirects {
		return &Error{Redirected, nil}
	}
	if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return &Error{Redirected, errors.New("from https to http")}
	}
	if _, err := ParseAddress(req.URL.String()); err != nil {
		return &Error{Unreachable, err}
	}
	// The next host is told nothing but what every host is told.
	keep := http.Header{"User-Agent": first.Header["User-Agent"]}
	if a := first.Header["Accept"]; a != nil {
		keep["Accept"] = a
	}
	req.Header = keep
	return nil
}

var errRefused = errors.New("refused by rule")

// dial resolves, judges and connects by number.
func (c *Client) dial(ctx context.Context, _, hostport string) (net.Conn, error) {
	host, ps, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(ps, 10, 16)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{a}
	} else if addrs, err = c.opt.Resolve(ctx, host); err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: connectTime, KeepAlive: -1, Control: c.control}
	err = errRefused
	tried := 0
	for _, a := range addrs {
		ap := netip.AddrPortFrom(a, uint16(port))
		if !c.allowed(ap) {
			continue
		}
		if tried++; tried > maxAddresses {
			break
		}
		conn, e := d.DialContext(ctx, "tcp", ap.String())
		if e == nil {
			// On the wire: the cap, a tenth for framing and TLS, the headers of
			// each hop. This stops a packed stream that unpacks to nothing.
			return &budgetConn{Conn: conn, left: c.opt.MaxBody + c.opt.MaxBody/10 + 4*maxHeader}, nil
		}
		err = e
	}
	return nil, err
}

func (c *Client) allowed(ap netip.AddrPort) bool {
	a := ap.Addr()
	if a.Zone() == "" && within(a, c.opt.AllowNets) {
		return true
	}
	return slices.Contains(c.opt.Ports, ap.Port()) && Public(a) && !ownAddress(a)
}

// control is the second look, at the socket's very address.
func (c *Client) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !c.allowed(ap) {
		return errRefused
	}
	return nil
}

// budgetConn ends a connection that delivers more bytes than it may.
type budgetConn struct {
	net.Conn
	left int64 // touched by the one reader of the connection
}

func (b *budgetConn) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &Error{TooLarge, errors.New("on the wire")}
	}
	n, err := b.Conn.Read(p)
	b.left -= int64(n)
	return n, err
}
