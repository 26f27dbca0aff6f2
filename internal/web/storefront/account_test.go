package storefront_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/web"
)

// code reads the newest mailed code, as its letter would.
func (s *shop) code(t *testing.T) string {
	t.Helper()
	m, err := db.Read(context.Background(), s.DB, func(q *db.Reader) (account.CodeMail, error) {
		var id db.ID
		if err := q.QueryRow(`SELECT ref_id FROM job_job WHERE kind=$1 ORDER BY id DESC LIMIT 1`, account.JobCode).Scan(&id); err != nil {
			return account.CodeMail{}, err
		}
		m, _, err := s.accounts.CodeMail(q, id)
		return m, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m.Code
}

// signIn goes through the door with a mailed code and returns where it leads.
func (v *visitor) signIn(t *testing.T, s *shop, mail, query string) page {
	t.Helper()
	action, f := v.get("/login"+query).form(t, "main form[action$='/login']")
	f.Set("email", mail)
	p := v.post(action, f)
	if p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/login/code") {
		t.Fatalf("%d %s", p.StatusCode, p.Header.Get("Location"))
	}
	action, f = v.follow(p).form(t, "main form[action$='/login/code']")
	f.Set("code", s.code(t))
	return v.post(action, f)
}

// Purchases show for the proven address alone, and pages of one's own are kept nowhere.
func TestOwnPurchases(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		s.put(goods{handle: "mugg", title: "Mugg", ore: 24900, stock: 9})
		buyer, action, f := s.ready(t)
		f.Set("payment_method", "invoice")
		buyer.follow(buyer.post(action, f))
		s.wait("the order is placed", func() bool {
			n, err := db.Read(context.Background(), s.DB, func(q *db.Reader) (n int, err error) {
				err = q.QueryRow(`SELECT count(*) FROM order_order WHERE number IS NOT NULL`).Scan(&n)
				return
			})
			return err == nil && n == 1
		})
		v := s.visitor()
		if p := v.get("/account"); p.StatusCode != http.StatusSeeOther || p.Header.Get("Location") != "/login" {
			t.Fatalf("without a sign-in: %d %s", p.StatusCode, p.Header.Get("Location"))
		}
		if p := v.get("/en/account/security"); p.Header.Get("Location") != "/en/login?next=%2Faccount%2Fsecurity" {
			t.Error(p.Header.Get("Location"))
		}
		if p := v.post("/account/open", url.Values{}); p.StatusCode != http.StatusUnauthorized {
			t.Errorf("a form without a sign-in: %d", p.StatusCode)
		}
		in := v.signIn(t, s, "Kopare@Example.se", "?next=/checkout")
		if in.Header.Get("Location") != "/checkout" {
			t.Error("does not come back to where one was:", in.Header.Get("Location"))
		}
		p := v.get("/account")
		if len(p.all(".own > li")) != 1 || !strings.Contains(p.words(), "Mugg") || p.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s %s", p.Header.Get("Cache-Control"), p.words())
		}
		if got := v.get(attr(p.first(t, ".own a"), "href")); got.StatusCode != http.StatusOK {
			t.Errorf("the order's own link: %d", got.StatusCode)
		}
		// Another address sees nothing of it.
		b := s.visitor()
		b.signIn(t, s, "nagon@example.se", "")
		if p := b.get("/account"); len(p.all(".own > li")) != 0 || strings.Contains(p.words(), "Mugg") {
			t.Error("another address sees the purchase")
		}
		// A page that is kept for all is rendered for who is signed in, and not kept.
		s.visitor().get("/products/mugg")
		if p := v.get("/products/mugg"); p.Header.Get("Cache-Control") != "no-store" || !strings.Contains(p.words(), "Mina sidor") {
			t.Error("a kept page for who is signed in:", p.Header.Get("Cache-Control"))
		}
		if p := s.visitor().get("/products/mugg"); strings.Contains(p.words(), "Mina sidor") {
			t.Error("a page of one who is signed in was kept")
		}
		// The checkout is filled for who has signed in, and for nobody who types the address.
		v.addOne("", "mugg")
		if _, f := v.get("/checkout").form(t, "main form[method=post]"); f.Get("name") != "Åsa Prov" || f.Get("email") != "kopare@example.se" || f.Get("address/city") != "Stockholm" {
			t.Error("not filled:", f)
		}
		x := s.visitor()
		x.addOne("", "mugg")
		a, f2 := x.get("/checkout").form(t, "main form[method=post]")
		f2.Set("email", "kopare@example.se")
		if p := x.post(strings.Replace(a, "/checkout", "/checkout/update", 1), f2); strings.Contains(p.text, "Åsa Prov") || strings.Contains(p.text, "Storgatan") {
			t.Error("a typed address fills the checkout")
		}
		// Signing out: the session is gone on the server, what the browser kept is told to go.
		old := v.cookie(web.CookieSession)
		out := v.post("/logout", url.Values{})
		if out.StatusCode != http.StatusSeeOther || out.Header.Get("Clear-Site-Data") != `"cache"` || v.cookie(web.CookieSession) != "" {
			t.Errorf("%d %q", out.StatusCode, out.Header.Get("Clear-Site-Data"))
		}
		if p := s.visitor().get("/account", "Cookie", web.CookieSession+"="+old); p.StatusCode != http.StatusSeeOther {
			t.Errorf("a session that was signed out: %d", p.StatusCode)
		}
	})
}

// cookie is the value of a cookie that the browser holds.
func (v *visitor) cookie(name string) string {
	u, _ := url.Parse(v.s.srv.URL)
	for _, c := range v.c.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// No answer of the door tells whether an address is known, or echoes it where it is not the form's own.
func TestDoorIsUniform(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		known := s.visitor()
		known.signIn(t, s, "kund@example.se", "")
		known.post("/account/open", url.Values{"name": {"Kund"}})
		same := func(what string, ask func(mail string) page) {
			t.Helper()
			a, b := ask("kund@example.se"), ask("okand@example.se")
			bare := func(p page) string {
				return strings.NewReplacer("kund@example.se", "X", "okand@example.se", "X").Replace(p.text)
			}
			if a.StatusCode != b.StatusCode || a.Header.Get("Location") != b.Header.Get("Location") || len(a.Header.Values("Set-Cookie")) != len(b.Header.Values("Set-Cookie")) || bare(a) != bare(b) {
				t.Errorf("%s: %d %q and %d %q", what, a.StatusCode, a.Header.Get("Location"), b.StatusCode, b.Header.Get("Location"))
			}
		}
		same("a code", func(mail string) page { return s.visitor().post("/login", url.Values{"email": {mail}}) })
		same("the code's page", func(mail string) page {
			v := s.visitor()
			return v.follow(v.post("/login", url.Values{"email": {mail}}))
		})
		same("a wrong code", func(mail string) page {
			v := s.visitor()
			v.post("/login", url.Values{"email": {mail}})
			return v.post("/login/code", url.Values{"code": {"00000000"}})
		})
		same("a password", func(mail string) page {
			return s.visitor().post("/login/password", url.Values{"email": {mail}, "password": {"fel lösenord här"}})
		})
		// Where one comes back to is a page of the shop, whatever is asked.
		for _, next := range []string{"//evil.example", "https://evil.example/", "/\\evil.example", "/%2fevil.example", "/login", "/logout", "/admin", "javascript:alert(1)", "/en/account", "/..//x", " /x", "/x\ny", ""} {
			v := s.visitor()
			if p := v.signIn(t, s, "vart@example.se", "?"+url.Values{"next": {next}}.Encode()); p.Header.Get("Location") != "/account" {
				t.Errorf("next %q leads to %s", next, p.Header.Get("Location"))
			}
			s.Do(func(tx *db.Tx) error { _, err := tx.Exec(`DELETE FROM auth_try`); return err })
		}
		// Fields that nobody asked for are refused (a role in the profile form).
		for _, extra := range []string{"role", "is_admin", "account_id", "verified", "email"} {
			if p := known.post("/account/open", url.Values{"name": {"X"}, extra: {"1"}}); p.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %d", extra, p.StatusCode)
			}
		}
	})
}
