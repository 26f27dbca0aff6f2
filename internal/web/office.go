package web

import (
	"net/http"
	"strings"

	"kassavalv/internal/fault"
)

// officePath reports whether a path is the back office's or its API's.
func officePath(path string) bool {
	return path == "/admin" || strings.HasPrefix(path, "/admin/") || strings.HasPrefix(path, "/api/admin/")
}

// bothHosts reports whether pages of either host need a path.
func bothHosts(path string) bool {
	return strings.HasPrefix(path, "/static/") || strings.HasPrefix(path, "/media/") || path == "/favicon.ico" || path == "/csp-report"
}

// apart keeps shop and back office on host names of their own, where the office has
// one (Deps.Office): cookies are bound to a host, so neither's pages can reach into the
// other. What is asked of the wrong one: the office is unknown on the shop's host; who
// follows a link to the shop from the office is led there. It reports whether the
// request goes on.
func (m *Mux) apart(a *answer, hr *http.Request) bool {
	if m.office == "" || bothHosts(hr.URL.Path) {
		return true
	}
	here := hostName(hr.Host) == m.office
	switch {
	case here == officePath(hr.URL.Path):
		return true
	case here && (hr.Method == http.MethodGet || hr.Method == http.MethodHead) && !strings.HasPrefix(hr.URL.Path, "/api/"):
		to := m.deps.Origin + a.req.Here(hr.URL.EscapedPath())
		if hr.URL.RawQuery != "" && plainText(hr.URL.RawQuery) {
			to += "?" + hr.URL.RawQuery
		}
		a.Header()["Location"] = []string{to}
		a.Header()["Content-Length"] = []string{"0"}
		a.WriteHeader(http.StatusSeeOther)
		return false
	}
	m.fail(a, &a.req, fault.NotFound())
	return false
}
