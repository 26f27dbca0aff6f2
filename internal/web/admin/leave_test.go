package admin_test

import (
	"net/http"
	"strings"
	"testing"
)

// Whoever signs out leaves nothing in the browser: what it kept is cleared, and the
// session's cookie ends.
func TestSignOutClears(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("support")
		if p := b.page("/admin"); !strings.Contains(p.body, `action="/admin/logout"`) {
			t.Error("there is no way out of the start page")
		}
		a := b.post("/admin/logout")
		if a.status != http.StatusSeeOther || a.header.Get("Clear-Site-Data") != `"cache"` || !strings.Contains(strings.Join(a.header.Values("Set-Cookie"), " "), "__Host-staff=; Path=/; Max-Age=0") {
			t.Errorf("%d %v", a.status, a.header)
		}
		if p := b.get("/admin"); p.status != http.StatusSeeOther || p.header.Get("Clear-Site-Data") != "" {
			t.Errorf("the page before: %d %v", p.status, p.header)
		}
	})
}
