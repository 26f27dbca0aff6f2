package web

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/web/shield"
)

// Request is an http.Request that has passed the gates.
type Request struct {
	*http.Request
	Lang   lang.Lang  // of the answer: path prefix on pages, Accept-Language on endpoints
	Client netip.Addr // who asks, behind configured proxies; invalid when unknown
	ID     string     // short reference, also on error pages and in the log
	Route  *Route     // nil on error pages of unknown paths

	mux  *Mux
	path string // the path without the language prefix
	keep *kept  // where KeepUntil notes; nil when the answer cannot be kept
}

// kept is what a handler said about keeping its answer.
type kept struct {
	said  bool
	until time.Time
	tags  []string
}

// Keeps reports whether KeepUntil would do anything: whether to find out how long
// the page holds is worth the asking.
func (r *Request) Keeps() bool { return r.keep != nil }

// KeepUntil says that this answer is the same for every anonymous visitor until
// the instant (the next price, campaign, VAT or publication boundary; the zero
// time means no boundary is known), unless one of the tags (entity ids such as
// "product:17") is dropped before. It does nothing where the route has no
// CachePolicy or the visitor has a cart or session. Without a call nothing is kept.
func (r *Request) KeepUntil(until time.Time, tags ...string) {
	if r.keep == nil {
		return
	}
	if !r.keep.said || (!until.IsZero() && (r.keep.until.IsZero() || until.Before(r.keep.until))) {
		r.keep.until = until
	}
	r.keep.said = true
	r.keep.tags = append(r.keep.tags, tags...)
}

// CanonicalPath is the path without the language prefix ("/cart" for "/en/cart"):
// what a language switch and hreflang links need.
func (r *Request) CanonicalPath() string { return r.path }

// Here puts a path of the shop into the language of the request.
func (r *Request) Here(path string) string { return lang.Path(r.Lang, path) }

// PublicURL is the absolute address of a path of the shop in the language of the
// request. The origin comes from configuration, never from the request.
func (r *Request) PublicURL(path string) string { return r.mux.deps.Origin + r.Here(path) }

// Peer is the network of the client as it may stand in logs and audit rows.
func (r *Request) Peer() string { return LogPrefix(r.Client) }

// Network is the network that counts as one client for limits: an IPv4 address,
// or an IPv6 /64.
func (r *Request) Network() netip.Prefix { return shield.Prefix(r.Client) }

// Now is the time of the request's clock.
func (r *Request) Now() time.Time { return r.mux.deps.Now() }

type requestKey struct{}

// From returns the request that ctx belongs to, for templates; nil outside one.
func From(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// Lang returns the language of the request that ctx belongs to; Swedish outside one.
func Lang(ctx context.Context) lang.Lang {
	if r := From(ctx); r != nil {
		return r.Lang
	}
	return lang.SV
}

// With returns a copy of the request whose context holds the value.
func (r *Request) With(key, value any) *Request {
	c := *r
	c.Request = r.Request.WithContext(context.WithValue(r.Context(), key, value))
	return &c
}
