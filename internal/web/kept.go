package web

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"kassavalv/internal/fault"
	"kassavalv/internal/web/pagecache"
	"kassavalv/internal/web/shield"
)

// anonymous reports whether the request carries none of our cookies: no cart, no
// session, no flash message. Only such requests may get a kept page.
func anonymous(r *http.Request) bool {
	for _, line := range r.Header["Cookie"] {
		if strings.Contains(line, "__Host-") {
			return false
		}
	}
	return true
}

// renderTime bounds one rendering of a kept page.
const renderTime = 10 * time.Second

// serveKept answers from the page cache, or renders for all who wait. A hit costs
// less than a refusal, so it is neither counted nor queued.
func (m *Mux) serveKept(a *answer, r *Request) {
	query, ok := pagecache.Normal(r.URL.RawQuery, r.Route.Cache.Query)
	if !ok {
		m.fail(a, r, fault.Bad("unreadable"))
		return
	}
	key := pagecache.Key{Lang: string(r.Lang), Path: r.URL.EscapedPath(), Query: query}
	if e := m.deps.Cache.Get(key); e != nil {
		a.fromHit = true
		e.WriteTo(a, r.Request)
		return
	}
	if wait, ok := m.take(r.Route.Rate, r); !ok {
		m.fail(a, r, fault.TooMany(wait))
		return
	}
	e, err := m.deps.Cache.Do(r.Context(), key, func() (pagecache.Page, error) {
		return m.render(r, query)
	})
	if err != nil {
		m.fail(a, r, err)
		return
	}
	e.WriteTo(a, r.Request)
}

// render runs the handler on a request that holds nothing but what the key is
// made of, so that a kept page cannot depend on anything else.
func (m *Mux) render(r *Request, query string) (pagecache.Page, error) {
	ctx, cancel := context.WithTimeout(context.Background(), renderTime)
	defer cancel()
	lane := shield.LaneOf(r.Route.Rate)
	if !m.enter(r, lane) {
		return pagecache.Page{}, fault.Busy("busy", 5*time.Second)
	}
	defer m.leave(lane)

	k := &kept{}
	clean := &Request{Lang: r.Lang, ID: r.ID, Route: r.Route, mux: m, path: r.path, keep: k, Client: netip.Addr{}}
	hr := new(http.Request)
	*hr = *r.Request // path values have no other way
	hr.Method = http.MethodGet
	hr.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: query}
	hr.Header = http.Header{}
	hr.Body = http.NoBody
	hr.ContentLength = 0
	hr.Host, hr.RemoteAddr, hr.RequestURI, hr.Form, hr.PostForm, hr.TLS = "", "", "", nil, nil, nil
	clean.Request = hr.WithContext(ctx)

	rec := &recorder{header: http.Header{}}
	setBaseline(rec.header, m.hsts, m.deps.NoIndex)
	if err := m.call(rec, clean); err != nil {
		return pagecache.Page{}, err
	}
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	_, cookie := rec.header["Set-Cookie"]
	// The walls stand on every answer already; only what is particular is kept.
	for i := range baseline {
		if baseline[i].name != "Cache-Control" || k.said {
			delete(rec.header, baseline[i].name)
		}
	}
	delete(rec.header, "Strict-Transport-Security")
	return pagecache.Page{
		Status: rec.status,
		Header: rec.header,
		Body:   rec.body.Bytes(),
		Keep:   k.said && rec.status == http.StatusOK && !cookie,
		Alone:  cookie,
		Until:  k.until,
		Tags:   k.tags,
	}, nil
}

// recorder holds an answer until it is whole.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.body.Write(p)
}
