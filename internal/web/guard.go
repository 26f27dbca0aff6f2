package web

import (
	"net/http"
	"net/url"
	"strings"
)

// sameSite reports whether an unsafe request may change something: it was sent by
// one of our own pages, or by something that is no browser. It follows
// http.CrossOriginProtection, with our configured origins in the place of the Host
// header, and without exceptions by pattern:
//
//   - Sec-Fetch-Site, which a page cannot forge, decides where it is there:
//     same-origin, or none (the address bar). An Origin beside it must not be a
//     foreign one.
//   - otherwise Origin decides; "null" is foreign;
//   - otherwise, in a very old browser, Referer decides;
//   - with none of the three the caller is no browser: SameSite cookies and the
//     absence of ambient authority protect there.
func (m *Mux) sameSite(r *http.Request) bool {
	origin, hasOrigin := r.Header["Origin"]
	if hasOrigin && len(origin) != 1 {
		return false
	}
	if site, ok := r.Header["Sec-Fetch-Site"]; ok {
		if len(site) != 1 || site[0] != "same-origin" && site[0] != "none" {
			return false
		}
		// The browser compared with the host it has in its address bar, which is
		// one of ours: the host gate came before.
		return !hasOrigin || m.ownOrigin(r, origin[0]) || m.ownHost(r, origin[0])
	}
	if hasOrigin {
		return m.ownOrigin(r, origin[0])
	}
	if ref := r.Header["Referer"]; len(ref) > 0 {
		u, err := url.Parse(ref[0])
		return len(ref) == 1 && err == nil && m.ownOrigin(r, u.Scheme+"://"+u.Host)
	}
	return true
}

// ownOrigin reports whether o is an origin whose pages may write to the host that r
// names: the shop's may not write to an office apart, nor the other way.
func (m *Mux) ownOrigin(r *http.Request, o string) bool {
	o = strings.ToLower(o)
	if m.office != "" && hostName(r.Host) == m.office {
		return o == m.officeOrigin
	}
	return m.origins[o]
}

func (m *Mux) ownHost(r *http.Request, o string) bool {
	host, ok := strings.CutPrefix(o, "https://")
	if !ok || len(m.hosts) == 0 || !m.hosts[hostName(host)] {
		return false
	}
	return m.office == "" || (hostName(host) == m.office) == (hostName(r.Host) == m.office)
}
