package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/web/shield"
)

// PlainOptions describe the listener without TLS.
type PlainOptions struct {
	Origin  string   // where to lead people: the shop's public origin
	Office  string   // the back office's origin when it has a host of its own; else empty
	Hosts   []string // host names that requests may name; others get 421
	Proxies Proxies
	Limiter *shield.Limiter
	NoIndex bool // as in Deps
	Log     *slog.Logger
	Observe func(method, pattern string, status int, took time.Duration)

	// Inner is served to peers in Proxies that say `X-Forwarded-Proto: https`
	// (tls.mode = proxy). nil: everybody is redirected.
	Inner http.Handler
}

// PlainRow is the one line of the plain listener in the list of routes.
func PlainRow(listener string) Row {
	return Row{listener, "GET", "/{path...}", string(Public), string(shield.Browse)}
}

// Plain answers on the listener without TLS: GET and HEAD are led to the same path
// of the public origin, everything else is refused, because a body that crossed
// the network in clear must not look as if it had been welcome.
func Plain(o PlainOptions) (http.Handler, error) {
	u, err := url.Parse(o.Origin)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("web: public origin %q must be https://host[:port]", o.Origin)
	}
	if len(o.Hosts) == 0 {
		return nil, fmt.Errorf("web: the plain listener needs its host names")
	}
	m, err := NewMux("http", nil, Deps{Origin: o.Origin, Office: o.Office, Hosts: o.Hosts, Proxies: o.Proxies, Limiter: o.Limiter, NoIndex: o.NoIndex, Log: o.Log, Observe: o.Observe})
	if err != nil {
		return nil, err
	}
	return &plain{o: o, mux: m, route: Route{Path: "/{path...}", Rate: shield.Browse}}, nil
}

type plain struct {
	o     PlainOptions
	mux   *Mux
	route Route
}

func (p *plain) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	if p.o.Inner != nil && p.o.Proxies.Trust(peer(hr)) {
		if proto := hr.Header["X-Forwarded-Proto"]; len(proto) == 1 && strings.EqualFold(proto[0], "https") {
			p.o.Inner.ServeHTTP(w, hr)
			return
		}
	}
	m := p.mux
	shield.Proven(hr.Context())
	setBaseline(w.Header(), nil, p.o.NoIndex)
	a := &answer{ResponseWriter: w, started: time.Now(), lang: lang.SV}
	a.req = Request{Request: hr, Lang: lang.SV, ID: newReference(), mux: m, path: hr.URL.Path, Client: m.deps.Proxies.Client(hr), Route: &p.route}
	defer m.finish(a)
	if l, _ := lang.Split(hr.URL.Path); l == lang.EN {
		a.req.Lang = l
	}
	switch wait, ok := m.take(shield.Browse, &a.req); {
	case !ok:
		m.fail(a, &a.req, fault.TooMany(wait))
	case !m.knownHost(hr.Host):
		m.fail(a, &a.req, Refuse(http.StatusMisdirectedRequest, "misdirected"))
	case hr.Method != http.MethodGet && hr.Method != http.MethodHead:
		m.fail(a, &a.req, &fault.Error{Kind: fault.Forbidden, Code: "https_only"})
	case !canonical(hr.URL):
		m.fail(a, &a.req, fault.NotFound())
	default:
		to := m.deps.Origin
		if m.office != "" && hostName(hr.Host) == m.office {
			to = m.officeOrigin
		}
		to += hr.URL.EscapedPath()
		if hr.URL.RawQuery != "" && plainText(hr.URL.RawQuery) {
			to += "?" + hr.URL.RawQuery
		}
		a.Header()["Location"] = []string{to}
		a.Header()["Content-Length"] = []string{"0"}
		a.WriteHeader(http.StatusPermanentRedirect)
	}
}
