package web

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"

	"kassavalv/internal/web/shield"
)

// Handler answers one route. A returned error is written by the package; the
// handler MUST then not have written anything itself.
type Handler func(w http.ResponseWriter, r *Request) error

// Who says who may call a route. Everything but Public, Cart and Token is checked
// by Deps.Authorize before the handler runs.
type Who string

// Who may call. Cart and Token mean that the path or a cookie holds a secret which
// the use case itself looks up.
const (
	Public        Who = "public"
	Cart          Who = "cart"
	Token         Who = "token"
	Customer      Who = "customer"
	AnyStaff      Who = "staff"
	BankSignature Who = "bank-signature"
	OpsNetwork    Who = "ops"
)

// Staff is for signed-in staff with the right.
func Staff[R ~string](right R) Who { return Who("staff:" + string(right)) }

// API is for bearer tokens with the scope.
func API[R ~string](scope R) Who { return Who("api:" + string(scope)) }

// Right returns the right or scope after the colon, if any.
func (w Who) Right() string {
	_, right, _ := strings.Cut(string(w), ":")
	return right
}

// IsStaff reports whether the route is for staff.
func (w Who) IsStaff() bool { return w == AnyStaff || strings.HasPrefix(string(w), "staff:") }

// IsAPI reports whether the route is for bearer tokens.
func (w Who) IsAPI() bool { return strings.HasPrefix(string(w), "api:") }

func (w Who) open() bool { return w == Public || w == Cart || w == Token || w == OpsNetwork }

// Face says what kind of answer a route gives; it decides how errors look, whether
// cookies arrive, and whether other sites' writes are refused.
type Face int

const (
	// Page is an HTML page or form: /en twin, HTML errors, cross-origin guard.
	Page Face = iota
	// Endpoint is an API: problem documents, no cookies in, no guard.
	Endpoint
	// Callback is called by machines with a signature of their own (the bank, a
	// browser's reports): problem documents, no cookies in, no guard.
	Callback
	// Asset is a file with one address for all languages: HTML errors, guard, no cookies in.
	Asset
)

// Route is one row of the table of contents.
type Route struct {
	Method string // one method; GET answers HEAD too
	Path   string // as Go's ServeMux writes it, without a language prefix
	Who    Who
	Rate   shield.Class
	Face   Face
	Op     string // operation id in the OpenAPI document; API rows only
	Handle Handler

	// Body is the most bytes a request may carry; 0 means DefaultBody for methods
	// that have a body. BodyTime is how long it may take to arrive; 0 means 15 s.
	Body     int64
	BodyTime time.Duration

	// Cache, when not nil, allows anonymous answers of a GET page to be kept. The
	// handler decides for each answer with Request.KeepUntil.
	Cache *CachePolicy
}

// CachePolicy says on what besides language and path a kept page may depend.
type CachePolicy struct {
	// Query lists the parameters that matter; a name that ends in "." is a prefix
	// ("filter."). All others are dropped before the handler runs.
	Query []string
}

// DefaultBody is the most bytes of a body unless the route says otherwise.
const DefaultBody = 64 << 10

// Row is one line of `kassavalv routes --json`.
type Row struct {
	Listener string `json:"listener"`
	Method   string `json:"method"`
	Path     string `json:"path"`
	Who      string `json:"who"`
	Rate     string `json:"rate"`
}

// Rows lists the routes of one listener as they can be called, the English twins
// of pages included, sorted by path and method.
func Rows(listener string, routes []Route) []Row {
	var rows []Row
	for _, rt := range routes {
		add := func(path string) {
			rows = append(rows, Row{listener, rt.Method, path, string(rt.Who), string(rt.Rate)})
		}
		add(rt.Path)
		if rt.Face == Page {
			add(englishPattern(rt.Path))
		}
	}
	sort.Slice(rows, func(i, j int) bool {
		if rows[i].Path != rows[j].Path {
			return rows[i].Path < rows[j].Path
		}
		return rows[i].Method < rows[j].Method
	})
	return rows
}

func englishPattern(p string) string {
	if p == "/{$}" {
		return "/en"
	}
	return "/en" + p
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// check refuses a row that a reader could misunderstand. Fail at boot.
func (rt Route) check(limiter *shield.Limiter, authorize bool) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("web: route %s %s: %s", rt.Method, rt.Path, fmt.Sprintf(format, args...))
	}
	known := false
	for _, m := range methods {
		known = known || m == rt.Method
	}
	switch {
	case !known:
		return bad("method must be one of %v", methods)
	case !strings.HasPrefix(rt.Path, "/"):
		return bad("path must begin with /")
	case rt.Path != "/{$}" && strings.HasSuffix(rt.Path, "/"):
		return bad("path must not end in / (the root is /{$})")
	case rt.Path != "/{$}" && strings.HasSuffix(rt.Path, "{$}"):
		return bad("only the root may end in {$}")
	case rt.Path == "/en" || strings.HasPrefix(rt.Path, "/en/"):
		return bad("the language prefix is handled in front of the table")
	case rt.Handle == nil:
		return bad("no handler")
	case rt.Who == "":
		return bad("who may call is not said")
	case rt.Rate == "":
		return bad("no rate class")
	case limiter != nil && !limiter.Known(rt.Rate):
		return bad("unknown rate class %q", rt.Rate)
	case !rt.Who.open() && !authorize:
		return bad("only %s may call, and nothing checks it (Deps.Authorize)", rt.Who)
	case rt.Face == Page && rt.Who.IsAPI():
		return bad("a page cannot ask for a bearer token")
	case rt.Face != Page && (rt.Who.IsStaff() || rt.Who == Customer):
		return bad("only pages carry a session")
	case (rt.Face == Endpoint) != strings.HasPrefix(rt.Path, "/api/"):
		return bad("endpoints stand under /api/ and nothing else does")
	case rt.Op != "" && rt.Face != Endpoint:
		return bad("only endpoints have an operation id")
	case rt.Cache != nil && (rt.Method != http.MethodGet || rt.Face == Endpoint || rt.Face == Callback || rt.Who != Public):
		return bad("only public GET pages can be kept")
	}
	return nil
}
