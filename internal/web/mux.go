package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/web/pagecache"
	"kassavalv/internal/web/shield"
)

// Deps is what a listener's walls need to know. Origin, Log and Now are always
// set by NewMux when left empty; the rest may stay nil.
type Deps struct {
	// Origin is the shop's public origin ("https://shop.example", no slash at the
	// end), from configuration. Absolute links are built from it alone.
	Origin string
	// Hosts are the host names (without port) that requests may name; others get
	// 421. Empty allows any: only for listeners that no browser reaches (ops).
	Hosts []string
	// Office is the back office's public origin, when it has a host name of its own;
	// then each host answers for its own pages alone. Empty: both share Origin.
	Office string
	// Origins are further own origins whose pages may write, besides Origin.
	Origins []string
	// Proxies are believed about the client's address.
	Proxies Proxies
	// HSTS is the value of Strict-Transport-Security; empty on plain HTTP.
	HSTS string
	// NoIndex asks search engines to keep nothing that is answered here.
	NoIndex bool

	Log     *slog.Logger
	Limiter *shield.Limiter
	Gate    *shield.Gate
	Outbox  *shield.Outbox // nil: one of the listener's own, with the usual limits
	Cache   *pagecache.Cache
	Now     func() time.Time

	// ErrorPage writes the HTML of an error. When nil, or when it fails, a plain
	// page of words is written.
	ErrorPage func(r *Request, e ErrorView) Component
	// Authorize is asked before the handler of every route that is not open. It
	// returns the context the handler gets (with the principal in it), or a fault:
	// fault.SignIn, fault.Denied, fault.NotFound. For pages it may answer by itself
	// (a redirect to sign in) and return ErrAnswered.
	Authorize func(w http.ResponseWriter, r *Request, who Who) (context.Context, error)
	// Observe is told about each answer, for metrics. pattern is the route's.
	Observe func(method, pattern string, status int, took time.Duration)
}

// ErrAnswered is returned by Authorize (or a handler) that has already answered.
var ErrAnswered = errors.New("web: answered")

// Mux is the walls and the table of one listener.
type Mux struct {
	listener             string
	routes               []Route
	deps                 Deps
	mux                  *http.ServeMux
	hosts                map[string]bool
	origins              map[string]bool
	hsts                 []string
	office, officeOrigin string // host name and origin of an office apart; empty: none
	bodies               budget
	out                  *shield.Outbox
}

// NewMux checks the table and builds the handler of one listener. It fails on
// any row that is incomplete, unsafe or in conflict with another: at start, not later.
func NewMux(listener string, routes []Route, deps Deps) (m *Mux, err error) {
	defer func() {
		// ServeMux reports conflicting patterns by panic.
		if p := recover(); p != nil {
			m, err = nil, fmt.Errorf("web: table of %s: %v", listener, p)
		}
	}()
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	deps.Origin = strings.TrimSuffix(deps.Origin, "/")
	m = &Mux{listener: listener, routes: routes, deps: deps, mux: http.NewServeMux(),
		hosts: map[string]bool{}, origins: map[string]bool{}}
	m.bodies.most = 64 << 20
	if m.out = deps.Outbox; m.out == nil {
		m.out = shield.NewOutbox(shield.OutboxLimits{})
	}
	for _, h := range deps.Hosts {
		m.hosts[strings.ToLower(h)] = true
	}
	for _, o := range append([]string{deps.Origin}, deps.Origins...) {
		if o != "" {
			m.origins[strings.ToLower(o)] = true
		}
	}
	if deps.Office != "" && !strings.EqualFold(deps.Office, deps.Origin) {
		u, err := url.Parse(deps.Office)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("web: office origin %q", deps.Office)
		}
		m.office, m.officeOrigin = strings.ToLower(u.Hostname()), strings.ToLower(strings.TrimSuffix(deps.Office, "/"))
		m.hosts[m.office] = true
	}
	if deps.HSTS != "" {
		m.hsts = []string{deps.HSTS}
	}
	ops := map[string]bool{}
	plain := map[string]bool{"/": true}
	for i := range routes {
		rt := &routes[i]
		if err := rt.check(deps.Limiter, deps.Authorize != nil); err != nil {
			return nil, err
		}
		if rt.Op != "" && ops[rt.Op] {
			return nil, fmt.Errorf("web: operation %s stands twice in the table", rt.Op)
		}
		ops[rt.Op] = true
		m.mux.Handle(rt.Method+" "+rt.Path, &row{m, rt})
		// ServeMux would redirect "/static" to "/static/" where "/static/{path...}"
		// is known; with a pattern of its own it is what it is: unknown.
		if j := strings.LastIndex(rt.Path, "/{"); j > 0 && strings.HasSuffix(rt.Path, "...}") {
			plain[rt.Path[:j]] = true
		}
	}
	for p := range plain {
		m.mux.Handle(p, unknown{m})
	}
	return m, nil
}

// Routes returns the table.
func (m *Mux) Routes() []Route { return m.routes }

// Rows lists the table as `kassavalv routes --json` prints it.
func (m *Mux) Rows() []Row { return Rows(m.listener, m.routes) }

type row struct {
	mux   *Mux
	route *Route
}

func (h *row) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := w.(*answer)
	if a.lang == lang.EN && h.route.Face != Page {
		h.mux.fail(a, &a.req, fault.NotFound())
		return
	}
	a.req.Request = r
	a.req.Route = h.route
	h.mux.serve(a, &a.req)
}

type unknown struct{ mux *Mux }

func (h unknown) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := w.(*answer)
	a.req.Request = r
	if a.lang == lang.SV || !strings.HasPrefix(a.req.path, "/api/") {
		if allow := h.mux.allowed(r.URL, a.lang); allow != "" {
			a.Header()["Allow"] = []string{allow}
			h.mux.fail(a, &a.req, Refuse(http.StatusMethodNotAllowed, "method_not_allowed"))
			return
		}
	}
	if wait, ok := h.mux.take(shield.Browse, &a.req); !ok {
		h.mux.fail(a, &a.req, fault.TooMany(wait))
		return
	}
	h.mux.fail(a, &a.req, fault.NotFound())
}

// allowed lists the methods that the path would answer, as Allow writes them.
func (m *Mux) allowed(u *url.URL, l lang.Lang) string {
	var list []string
	for _, method := range methods {
		h, _ := m.mux.Handler(&http.Request{Method: method, URL: u})
		rt, ok := h.(*row)
		if !ok || l == lang.EN && rt.route.Face != Page {
			continue
		}
		list = append(list, method)
		if method == http.MethodGet {
			list = append(list, http.MethodHead)
		}
	}
	return strings.Join(list, ", ")
}

// ServeHTTP passes a request through the gates.
func (m *Mux) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	shield.Proven(hr.Context())
	setBaseline(w.Header(), m.hsts, m.deps.NoIndex)
	a := &answer{ResponseWriter: w, started: time.Now(), lang: lang.SV}
	a.req = Request{Request: hr, Lang: lang.SV, ID: newReference(), mux: m, path: hr.URL.Path,
		Client: m.deps.Proxies.Client(hr)}
	defer m.finish(a)

	if !m.knownHost(hr.Host) {
		m.fail(a, &a.req, Refuse(http.StatusMisdirectedRequest, "misdirected"))
		return
	}
	if hr.Method == http.MethodConnect || !canonical(hr.URL) {
		m.fail(a, &a.req, fault.NotFound())
		return
	}
	if l, path := lang.Split(hr.URL.Path); l != lang.SV {
		a.lang, a.req.Lang, a.req.path = l, l, path
		u := *hr.URL
		u.Path = path
		if u.RawPath != "" {
			_, u.RawPath = lang.Split(u.RawPath)
		}
		c := new(http.Request)
		*c = *hr
		c.URL = &u
		hr = c
		a.req.Request = hr
	}
	if !m.apart(a, hr) {
		return
	}
	m.mux.ServeHTTP(a, hr)
}

// serve runs the gates that depend on the route, then the handler.
func (m *Mux) serve(a *answer, r *Request) {
	rt := r.Route
	if rt.Face == Endpoint || rt.Face == Callback {
		if al := r.Header.Get("Accept-Language"); al != "" {
			r.Lang = lang.Match(al)
		}
	}
	unsafe := r.Method != http.MethodGet && r.Method != http.MethodHead
	if unsafe && (rt.Face == Page || rt.Face == Asset) && !m.sameSite(r.Request) {
		m.fail(a, r, &fault.Error{Kind: fault.Forbidden, Code: "cross_site"})
		return
	}
	if rt.Cache != nil && m.deps.Cache != nil && anonymous(r.Request) {
		m.serveKept(a, r)
		return
	}
	if wait, ok := m.take(rt.Rate, r); !ok {
		m.fail(a, r, fault.TooMany(wait))
		return
	}
	if err := m.openBody(a, r); err != nil {
		m.fail(a, r, err)
		return
	}
	defer m.closeBody(a)
	lane := shield.LaneOf(rt.Rate)
	if unsafe && rt.Rate == shield.API {
		lane = shield.Checkout // a cart filled through the API is a buyer too
	}
	if !m.enter(r, lane) {
		m.fail(a, r, fault.Busy("busy", 5*time.Second))
		return
	}
	a.placed, a.lane = true, lane
	defer m.vacate(a)
	if err := m.call(a, r); err != nil && !errors.Is(err, ErrAnswered) {
		m.fail(a, r, err)
	}
}

// call asks who may call and runs the handler; a panic comes back as an error.
func (m *Mux) call(w http.ResponseWriter, r *Request) (err error) {
	defer recovered(&err)
	rt := r.Route
	c := *r
	if rt.Face != Page {
		c.Request = withoutCookies(r.Request)
	}
	ctx := context.WithValue(r.Context(), requestKey{}, &c)
	c.Request = c.Request.WithContext(ctx)
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		c.Request.Body = http.NoBody
	}
	if !rt.Who.open() {
		ctx, err := m.deps.Authorize(w, &c, rt.Who)
		if err != nil {
			return err
		}
		if ctx == nil {
			return fault.Denied()
		}
		c.Request = c.Request.WithContext(ctx)
	}
	return rt.Handle(w, &c)
}

// panicked is a panic as an error, with where it happened.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return "panic: " + db.Fallen(p.value) }

func recovered(err *error) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	*err = &panicked{p, debug.Stack()}
}

func withoutCookies(r *http.Request) *http.Request {
	if _, has := r.Header["Cookie"]; !has {
		return r
	}
	c := new(http.Request)
	*c = *r
	c.Header = r.Header.Clone()
	delete(c.Header, "Cookie")
	return c
}

func (m *Mux) take(class shield.Class, r *Request) (time.Duration, bool) {
	if m.deps.Limiter == nil {
		return 0, true
	}
	return m.deps.Limiter.Take(class, r.Client)
}

func (m *Mux) enter(r *Request, lane shield.Lane) bool {
	if m.deps.Gate == nil || r.Route.Rate == shield.Ops {
		return true
	}
	return m.deps.Gate.Enter(r.Context(), lane)
}

// vacate gives up the answer's place at the gate, if it holds one: at the first byte
// of the body, or at the end. What is written after that is bounded by the outbox.
func (m *Mux) vacate(a *answer) {
	if a.placed {
		a.placed = false
		m.leave(a.lane)
	}
}

func (m *Mux) leave(lane shield.Lane) {
	if m.deps.Gate != nil {
		m.deps.Gate.Leave(lane)
	}
}

// knownHost reports whether the host of the request is one of the listener's.
func (m *Mux) knownHost(host string) bool {
	if len(m.hosts) == 0 {
		return true
	}
	if m.hosts[host] {
		return true
	}
	return m.hosts[hostName(host)]
}

// hostName is the host without its port, in lower case; brackets stay off.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") && strings.Count(host[i+1:], ":") == 0 &&
		(strings.Count(host, ":") == 1 || strings.HasPrefix(host, "[")) {
		host = host[:i]
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(host)
}
