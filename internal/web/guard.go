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
		return !hasOrigin || m.ownOrigin(origin[0]) || m.ownHost(origin[0])
	}
	if hasOrigin {
		return m.ownOrigin(origin[0])
	}
	if ref := r.Header["Referer"]; len(ref) > 0 {
		u, err := url.Parse(ref[0])
		return len(ref) == 1 && err == nil && m.ownOrigin(u.Scheme+"://"+u.Host)
	}
	return true
}

func (m *Mux) ownOrigin(o string) bool { return m.origins[strings.ToLower(o)] }

func (m *Mux) ownHost(o string) bool {
	host, ok := strings.CutPrefix(o, "https://")
	return ok && len(m.hosts) > 0 && m.hosts[hostName(host)]
}
