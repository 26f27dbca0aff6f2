package admin_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		s := o.member("owner")
		b := o.browser()

		a := b.get("/admin/orders?show=pack")
		if a.status != http.StatusSeeOther || a.location() != "/admin/login?next=%2Fadmin%2Forders%3Fshow%3Dpack" {
			t.Fatalf("a page without a session: %d to %q", a.status, a.location())
		}
		if a := b.post("/admin/orders/1/ship"); a.status != http.StatusUnauthorized {
			t.Errorf("a form without a session: %d", a.status)
		}

		// Whatever is wrong, the answer is the same.
		code := o.code(s)
		var first string
		for name, try := range map[string][3]string{"password": {s.email, "fel lösenord här", code}, "code": {s.email, password, "000000"}, "unknown": {"ingen@butik.example", password, code}, "empty": {"", "", ""}} {
			a := o.browser().post("/admin/login", "email", try[0], "password", try[1], "totp", try[2])
			if a.status != http.StatusUnauthorized || len(a.header.Values("Set-Cookie")) != 0 {
				t.Errorf("%s: %d, cookies %v", name, a.status, a.header.Values("Set-Cookie"))
			}
			same := strings.ReplaceAll(a.body, try[0], "")
			if try[0] == "" {
				continue
			}
			if first == "" {
				first = same
			} else if first != same {
				t.Errorf("%s: the page differs", name)
			}
			if strings.Contains(a.body, try[1]) || strings.Contains(a.body, try[2]) && try[2] != "000000" {
				t.Errorf("%s: the page holds the password or the code", name)
			}
		}

		a = b.post("/admin/login", "email", s.email, "password", password, "totp", code, "next", "/admin/orders?show=pack")
		if a.status != http.StatusSeeOther || a.location() != "/admin/orders?show=pack" {
			t.Fatalf("sign-in: %d to %q: %s", a.status, a.location(), a.text())
		}
		cookie := a.header.Get("Set-Cookie")
		for _, part := range []string{"__Host-staff=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
			if !strings.Contains(cookie, part) {
				t.Errorf("the cookie lacks %s: %s", part, cookie)
			}
		}
		if a := b.page("/admin/orders"); a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("a page may be kept: %q", a.header.Get("Cache-Control"))
		}
		if a := b.get("/admin/login?next=/admin/returns"); a.status != http.StatusSeeOther || a.location() != "/admin/returns" {
			t.Errorf("signed in and at the door: %d to %q", a.status, a.location())
		}

		// A code works once.
		if a := o.browser().post("/admin/login", "email", s.email, "password", password, "totp", code); a.status != http.StatusUnauthorized {
			t.Errorf("a used code: %d", a.status)
		}

		// A session that a stranger planted is not taken over; the new one is another.
		planted := strings.Repeat("A", 43)
		c := o.browser()
		a = c.do(http.MethodPost, "/admin/login", strings.NewReader(form("email", s.email, "password", password, "totp", o.code(s)).Encode()), "Cookie", "__Host-staff="+planted)
		if a.status != http.StatusSeeOther || strings.Contains(a.header.Get("Set-Cookie"), planted) {
			t.Errorf("planted session: %d %s", a.status, a.header.Get("Set-Cookie"))
		}

		// Signing out ends it on the server.
		held := strings.SplitN(strings.SplitN(cookie, ";", 2)[0], "=", 2)[1]
		if a := b.post("/admin/logout"); a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
			t.Errorf("sign-out: %d %v", a.status, a.header.Values("Set-Cookie"))
		}
		if a := o.browser().do(http.MethodGet, "/admin", nil, "Cookie", "__Host-staff="+held); a.status != http.StatusSeeOther {
			t.Errorf("a session that was signed out: %d", a.status)
		}
	})
}

// A next that leads elsewhere leads to the start page.
func TestNextStaysHere(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("reader")
		for _, next := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "/cart", "/adminx", "/admin/login", "/admin/logout", "/admin/../cart", "/admin//x", "javascript:alert(1)", ""} {
			a := b.get("/admin/login?next=" + strings.ReplaceAll(strings.ReplaceAll(next, "\\", "%5C"), "#", "%23"))
			if a.status != http.StatusSeeOther || a.location() != "/admin" {
				t.Errorf("next=%q leads to %q (%d)", next, a.location(), a.status)
			}
		}
		if a := b.get("/en/admin/login?next=/admin/products"); a.location() != "/en/admin/products" {
			t.Errorf("in English: %q", a.location())
		}
	})
}

func TestOtherSites(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		for _, h := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "null"}} {
			if a := b.do(http.MethodPost, "/admin/logout", strings.NewReader(""), h...); a.status != http.StatusForbidden {
				t.Errorf("%v: %d", h, a.status)
			}
		}
		b.page("/admin") // still signed in
	})
}
