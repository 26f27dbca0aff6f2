package storefront_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

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

// A guest is told that a change of address belongs to an account, and how he opens one; the form there opens it.
func TestGuestAndAddress(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		v := s.visitor()
		v.signIn(t, s, "gast@example.se", "")
		for _, stale := range []bool{false, true} {
			if stale {
				s.stale()
			}
			p := v.get("/account/email")
			if p.StatusCode != http.StatusOK || !strings.Contains(p.words(), "Att byta e-postadress hör till ett konto") || len(p.all("main form[action$='/account/open']")) != 1 || len(p.all("main input[name=email]")) != 0 {
				t.Fatalf("%d %s", p.StatusCode, p.words())
			}
		}
		if p := v.get("/en/account/email"); !strings.Contains(p.words(), "A change of e-mail address belongs to an account") {
			t.Error(p.words())
		}
		if p := v.post("/account/email", url.Values{"email": {"ny@example.se"}}); p.StatusCode != http.StatusNotFound && p.StatusCode != http.StatusForbidden {
			t.Errorf("a guest's change of address: %d", p.StatusCode)
		}
		v.signIn(t, s, "gast@example.se", "?again=1")
		action, f := v.get("/account/email").form(t, "main form[action$='/account/open']")
		if p := v.post(action, f); p.StatusCode != http.StatusSeeOther {
			t.Fatalf("%d %s", p.StatusCode, p.words())
		}
		if p := v.get("/account/email"); p.StatusCode != http.StatusOK || len(p.all("main input[name=email]")) != 1 || len(p.all("main form[action$='/account/open']")) != 0 {
			t.Errorf("with an account: %d %s", p.StatusCode, p.words())
		}
	})
}

// Without app and codes: the sign-in leads to the page that tells how, who has proven the address asks, every page of who is signed in
// shows it and stops it, and so does the link of the letter.
func TestLostApp(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		owner := s.visitor()
		owner.signIn(t, s, "kim@example.se", "")
		owner.post("/account/open", url.Values{"name": {"Kim"}})
		owner.post("/account/security/app", url.Values{})
		key := strings.ReplaceAll(owner.get("/account/security/app").first(t, "code.key").FirstChild.Data, " ", "")
		code, err := totp.GenerateCode(key, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if p := owner.post("/account/security/app/confirm", url.Values{"code": {code}}); p.StatusCode != http.StatusOK {
			t.Fatal(p.words())
		}
		if p := owner.get("/account/security"); len(p.all("main a[href='/login/lost']")) != 1 || len(p.all("main form[action$='/lost/stop']")) != 0 {
			t.Error("the security page does not tell, or tells of what does not wait")
		}
		// Who has proven nothing reads how it is done, the same for all, and asks in vain.
		stranger := s.visitor()
		guest := s.visitor()
		guest.signIn(t, s, "gast@example.se", "")
		for _, v := range []*visitor{stranger, guest} {
			p := v.get("/login/lost")
			if p.StatusCode != http.StatusOK || len(p.all("main form[action$='/login/lost']")) != 0 || !strings.Contains(p.words(), "Visa först att adressen är din") {
				t.Errorf("%d %s", p.StatusCode, p.words())
			}
			if p := v.follow(v.post("/login/lost", url.Values{})); len(p.all("main form[action$='/login/lost']")) != 0 || strings.Contains(p.words(), "Appen kopplas bort") {
				t.Error("asked without proof:", p.words())
			}
		}
		v := s.visitor()
		p := v.follow(v.signIn(t, s, "kim@example.se", ""))
		if len(p.all("main a[href='/login/lost']")) != 1 {
			t.Fatal("the sign-in does not tell:", p.words())
		}
		action, f := v.get("/login/lost").form(t, "main form[action$='/login/lost']")
		if p := v.follow(v.post(action, f)); !strings.Contains(p.words(), "Appen kopplas bort") || len(p.all("main form[action$='/login/lost']")) != 0 || p.Header.Get("Cache-Control") != "no-store" {
			t.Error(p.words())
		}
		if p := v.get("/en/login/lost"); !strings.Contains(p.words(), "The app will be disconnected") {
			t.Error(p.words())
		}
		for _, path := range []string{"/account", "/account/security", "/account/data"} {
			if p := owner.get(path); !strings.Contains(p.words(), "bett oss koppla bort din kodapp") {
				t.Errorf("%s does not tell who is signed in: %s", path, p.words())
			}
		}
		if p := guest.get("/account"); strings.Contains(p.words(), "kodapp") {
			t.Error("another is told")
		}
		s.stale()
		action, f = owner.get("/account").form(t, "main form[action$='/lost/stop']")
		if p := owner.follow(owner.post(action, f)); !strings.Contains(p.words(), "Kodappen är kvar") || len(p.all("main form[action$='/lost/stop']")) != 0 {
			t.Error("not stopped:", p.words())
		}
		// Once more, and the letter's link.
		v.post("/login/lost", url.Values{})
		m, err := db.Read(context.Background(), s.DB, func(q *db.Reader) (account.LostMail, error) {
			var id db.ID
			if err := q.QueryRow(`SELECT ref_id FROM job_job WHERE kind=$1 ORDER BY id DESC LIMIT 1`, account.JobLost).Scan(&id); err != nil {
				return account.LostMail{}, err
			}
			m, _, err := s.accounts.LostMail(q, id)
			return m, err
		})
		if err != nil || !m.Waiting {
			t.Fatal(m, err)
		}
		link := "/account/lost/" + m.Stop.Reveal()
		if p := stranger.get(link); p.StatusCode != http.StatusOK || strings.Contains(p.words(), "kim@") || !strings.Contains(attr(p.first(t, "meta[name=robots]"), "content"), "noindex") {
			t.Errorf("%d %s", p.StatusCode, p.words())
		}
		if p := owner.get("/account"); len(p.all("main form[action$='/lost/stop']")) != 1 {
			t.Error("looking at the link stopped it")
		}
		action, f = stranger.get(link).form(t, "main form[action*='/account/lost/']")
		if p := stranger.post(action, f); p.StatusCode != http.StatusOK || !strings.Contains(p.words(), "Det är stoppat") {
			t.Errorf("%d %s", p.StatusCode, p.words())
		}
		for _, dead := range []string{link, "/account/lost/x"} {
			if p := stranger.get(dead); p.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", dead, p.StatusCode)
			}
		}
		// A fourth in a day is too many: told on the page.
		v.post("/login/lost", url.Values{})
		owner.post("/account/security/lost/stop", url.Values{})
		if p := v.post("/login/lost", url.Values{}); p.StatusCode != http.StatusTooManyRequests || p.Header.Get("Retry-After") == "" {
			t.Errorf("a fourth: %d", p.StatusCode)
		}
	})
}

// The link to the old address shows what it would stop, stops it once, and needs no sign-in.
func TestStopMovePage(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		owner, stranger := s.visitor(), s.visitor()
		owner.signIn(t, s, "kim@example.se", "")
		owner.post("/account/open", url.Values{"name": {"Kim"}})
		if p := owner.follow(owner.post("/account/email", url.Values{"email": {"ny@example.se"}})); !strings.Contains(p.words(), "ny@example.se") {
			t.Fatal(p.words())
		}
		m, err := db.Read(context.Background(), s.DB, func(q *db.Reader) (account.MoveMail, error) {
			var id db.ID
			if err := q.QueryRow(`SELECT ref_id FROM job_job WHERE kind=$1 ORDER BY id DESC LIMIT 1`, account.JobMove).Scan(&id); err != nil {
				return account.MoveMail{}, err
			}
			m, _, err := s.accounts.MoveMail(q, id)
			return m, err
		})
		if err != nil {
			t.Fatal(err)
		}
		link := "/account/moves/" + m.Stop.Reveal()
		p := stranger.get(link)
		if p.StatusCode != http.StatusOK || strings.Contains(p.words(), "ny@") || !strings.Contains(p.words(), "Stoppar du bytet händer inget mer") {
			t.Errorf("%d %s", p.StatusCode, p.words())
		}
		action, f := p.form(t, "main form[action*='/account/moves/']")
		if p := stranger.post(action, f); p.StatusCode != http.StatusOK || !strings.Contains(p.words(), "Bytet är stoppat") {
			t.Errorf("%d %s", p.StatusCode, p.words())
		}
		if p := owner.post("/account/email/confirm", url.Values{"code": {m.Code}}); p.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("the code of a stopped change: %d", p.StatusCode)
		}
		for _, dead := range []string{link, "/account/moves/x", "/account/lost/" + m.Stop.Reveal()} {
			if p := stranger.get(dead); p.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", dead, p.StatusCode)
			}
		}
	})
}
