package admin_test

import (
	"net/http"
	"regexp"
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

// The way out stands on every page of who is signed in.
func TestWayOutIsEverywhere(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b, n := o.as("owner"), 0
		for _, r := range o.admin.Routes() {
			if r.Method != http.MethodGet || !r.Who.IsStaff() || strings.Contains(r.Path, "{") {
				continue
			}
			a := b.get(r.Path)
			if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				continue // a file, or a page that leads elsewhere
			}
			if n++; !strings.Contains(a.body, `action="/admin/logout"`) {
				t.Errorf("%s has no way out", r.Path)
			}
		}
		if n < 20 {
			t.Errorf("only %d pages were looked at", n)
		}
	})
}

var (
	input = regexp.MustCompile(`<input[^>]*>`)
	field = regexp.MustCompile(`\b([a-z-]+)="([^"]*)"`)
)

// A password manager finds its way: every field of a password and of a code says what it
// is, none is shown, and nothing hinders pasting.
func TestPasswordFields(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b, found := o.as("owner"), map[string]int{}
		pages := map[string]string{"/admin/login": o.browser().page("/admin/login").body, "/admin/security": b.page("/admin/security").body}
		for path, body := range pages {
			for _, tag := range input.FindAllString(body, -1) {
				a := map[string]string{}
				for _, m := range field.FindAllStringSubmatch(tag, -1) {
					a[m[1]] = m[2]
				}
				want := map[string]string{"password": "current-password", "old_password": "current-password", "totp": "one-time-code", "code": "one-time-code"}[a["name"]]
				if path == "/admin/security" && a["name"] == "password" {
					want = "new-password"
				}
				if want == "" {
					continue
				}
				found[want]++
				if a["autocomplete"] != want || strings.Contains(a["name"], "password") != (a["type"] == "password") || strings.Contains(tag, "onpaste") || a["value"] != "" {
					t.Errorf("%s: %s", path, tag)
				}
				if a["type"] == "password" && !regexp.MustCompile(`<button type="button"[^>]* data-show aria-controls="`+a["id"]+`"`).MatchString(body) {
					t.Errorf("%s: nothing shows what is typed into %s", path, tag)
				}
			}
		}
		if found["current-password"] < 2 || found["new-password"] < 1 || found["one-time-code"] < 1 {
			t.Errorf("found only %v", found)
		}
	})
}
