package attack

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// Buyers have no accounts here: they hold links. What has passwords, second
// factors, sessions and tokens is the staff, and it is driven there.

// recoverLink asks for a new password and reads the link from the n-th letter.
func recoverLink(c *apptest.Client, mail string, n int) string {
	c.T.Helper()
	c.Want(c.Form("/admin/recover", url.Values{"email": {mail}}), 200, nil)
	link := ""
	c.Wait("the letter with the link", 30*time.Second, func() bool {
		var links []string
		for _, m := range c.Mails(mail) {
			if l := invitePath.FindString(m.Text); l != "" && strings.Contains(m.Text, c.Shop.Shop) {
				links = append(links, l)
			}
		}
		if len(links) < n {
			return false
		}
		link = links[0] // newest first
		return true
	})
	return link
}

var _ = attack("AC-095", func(t *testing.T, c *apptest.Client) {
	m, _ := c.Hire(c, "reader")
	canary := "canary-" + aWord() + ".example"
	form := url.Values{"email": {m.Email}}
	// A foreign host is refused before anything happens.
	for _, path := range []string{"/admin/recover", "/admin/login", "/support"} {
		if a := c.Form(path, form, "Host", canary, "Sec-Fetch-Site", "same-origin", "Origin", "https://"+canary); a.Status != 421 {
			t.Errorf("POST %s for %s: %d", path, canary, a.Status)
		}
	}
	if n := len(c.Mails(m.Email)); n != 1 {
		t.Errorf("%d letters after the refused ones, only the invitation was due", n)
	}
	// Headers that name another host change no link.
	lies := []string{"Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop, "X-Forwarded-Host", canary, "X-Host", canary, "X-Forwarded-Server", canary, "X-Original-Host", canary,
		"X-Forwarded-Proto", "http", "X-Forwarded-Port", "81", "Forwarded", "host=" + canary + ";proto=http", "X-Original-URL", "//" + canary + "/", "Referer", c.Shop.Shop + "/"}
	c.Want(c.Form("/admin/recover", form, lies...), 200, nil)
	c.Wait("the letter", 30*time.Second, func() bool { return len(c.Mails(m.Email)) > 1 })
	for _, x := range c.Mails(m.Email) {
		text := c.RawMail(x.ID) + x.Text + x.HTML
		if strings.Contains(text, canary) || strings.Contains(text, "http://") {
			t.Error("a letter holds the canary, or an address in clear")
		}
		for _, u := range regexp.MustCompile(`https?://[^\s"<>]+`).FindAllString(x.Text+x.HTML, -1) {
			if !strings.HasPrefix(u, c.Shop.Shop+"/") && u != c.Shop.Shop {
				t.Errorf("a letter leads to %s", u)
			}
		}
	}
	// Pages and redirects neither.
	for _, path := range []string{"/", "/sitemap.xml", "/robots.txt", "/.well-known/security.txt", "/products/" + stall(c).Product, "/admin", "/orders/find"} {
		a := c.Do("GET", path, nil, lies[4:]...)
		if strings.Contains(string(a.Body), canary) || strings.Contains(fmt.Sprint(a.Header), canary) {
			t.Errorf("GET %s holds the canary", path)
		}
	}
	a := c.Do("GET", c.HTTP+"/cart?x=1", nil, lies[4:]...)
	if a.Status != 308 || a.Location() != c.Shop.Shop+"/cart?x=1" {
		t.Errorf("the plain listener leads to %q", a.Location())
	}
	// The twin: the link of the letter sets a new password.
	link := invitePath.FindString(c.Mails(m.Email)[0].Text)
	if a := c.Form(link, url.Values{"email": {m.Email}, "password": {"en annan ramsa " + aWord()}, "code": {c.Code(m)}}); a.Status != 303 {
		t.Errorf("the link of the letter: %d %s", a.Status, a.Words())
	}
})

var _ = attack("AC-097", func(t *testing.T, c *apptest.Client) {
	m, _ := c.Hire(c, "support")
	var links []string
	for i := range 3 {
		links = append(links, recoverLink(c, m.Email, i+2))
	}
	code := c.Code(m)
	use := func(link, code string) apptest.Answer {
		return c.Other().Form(link, url.Values{"email": {m.Email}, "password": {"ny lång ramsa " + aWord()}, "code": {code}})
	}
	for i, l := range links[:2] {
		if a := use(l, code); a.Status != 404 {
			t.Errorf("link %d of 3: %d", i+1, a.Status)
		}
	}
	// 20 at once: one gets in.
	var in atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			v := c.Other()
			for {
				a := v.Form(links[2], url.Values{"email": {m.Email}, "password": {"ny lång ramsa " + aWord()}, "code": {code}})
				switch {
				case a.Status == 503: // hashing is bounded; come back as told
					time.Sleep(100 * time.Millisecond)
					continue
				case a.Status == 303:
					in.Add(1)
				case a.Status != 404 && a.Status != 422 && a.Status != 429:
					t.Errorf("the link at once: %d", a.Status)
				}
				return
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("the newest link worked %d times", in.Load())
	}
	for i, l := range links {
		if a := use(l, code); a.Status != 404 {
			t.Errorf("link %d afterwards: %d", i+1, a.Status)
		}
		if a := c.Do("GET", l, nil); a.Status != 404 {
			t.Errorf("link %d is shown afterwards: %d", i+1, a.Status)
		}
	}
	// Invitations are the same: the newest, once.
	x := apptest.NewMail()
	first := invitePath.FindString(string(c.AsOwner(c, "/admin/staff", url.Values{"name": {"Prov"}, "email": {x}, "role": {"reader"}}).Body))
	second := invitePath.FindString(string(c.AsOwner(c, "/admin/staff/"+staffID(c, x)+"/invite", nil).Body))
	if first == "" || second == "" || first == second {
		t.Fatalf("invitations %q %q", first, second)
	}
	if a := c.Do("GET", first, nil); a.Status != 404 {
		t.Errorf("the older invitation: %d", a.Status)
	}
	c.Want(c.Do("GET", second, nil), 200, nil)
})

var _ = attack("AC-099", func(t *testing.T, c *apptest.Client) {
	m, one := c.Hire(c, "owner")
	two := c.Other()
	two.SignInAs(m)
	_, key := newToken(c, one, "orders.read")
	c.Want(bearer(c, key, "GET", "/orders?limit=1", nil), 200, nil)
	old := one.Cookie(apptest.CookieStaff)
	next := "ännu en ramsa " + aWord()
	if a := one.Form("/admin/security/password", url.Values{"old_password": {"fel lösen ramsa"}, "password": {next}}); a.Status != 422 || !signedIn(two) {
		t.Errorf("a wrong old password: %d", a.Status)
	}
	if a := one.Form("/admin/security/password", url.Values{"old_password": {m.Password}, "password": {next}}); a.Status != 303 {
		t.Fatalf("the change was refused: %d %s", a.Status, a.Words())
	}
	if signedIn(two) {
		t.Error("another session outlived the new password")
	}
	if one.Cookie(apptest.CookieStaff) == old || !signedIn(one) {
		t.Error("the present session was not given a new secret")
	}
	thief := c.Other()
	thief.SetCookie(apptest.CookieStaff, old)
	if signedIn(thief) {
		t.Error("the old secret works still")
	}
	if a := bearer(c, key, "GET", "/orders?limit=1", nil); a.Status != 401 {
		t.Errorf("a token outlived the new password: %d", a.Status)
	}
	told := func(n int) {
		t.Helper()
		c.Wait("a letter tells of the new password", 30*time.Second, func() bool { return len(c.Mails(m.Email)) >= n })
	}
	told(2) // invitation, change
	if a := signIn(c.Other(), m.Email, m.Password, "000000"); a.Status != 401 {
		t.Errorf("the old password: %d", a.Status)
	}
	// A forgotten password: everything else ends too.
	x, three := c.Hire(c, "owner")
	_, key = newToken(c, three, "catalog.read")
	c.Want(bearer(c, key, "GET", "/products?limit=1", nil), 200, nil)
	link := recoverLink(c, x.Email, 2)
	if !signedIn(three) {
		t.Error("asking for a new password ended the session of who is signed in")
	}
	four := c.Other()
	if a := four.Form(link, url.Values{"email": {x.Email}, "password": {next}, "code": {c.Code(x)}}); a.Status != 303 || !signedIn(four) {
		t.Fatalf("recovery: %d %s", a.Status, a.Words())
	}
	if signedIn(three) {
		t.Error("a session outlived the recovery")
	}
	if a := bearer(c, key, "GET", "/products?limit=1", nil); a.Status != 401 {
		t.Errorf("a token outlived the recovery: %d", a.Status)
	}
	// Force out by the owner: sessions and tokens at once.
	_, key = newToken(c, four, "catalog.read")
	c.AsOwner(c, "/admin/staff/"+staffID(c, x.Email)+"/invite", nil)
	if a := bearer(c, key, "GET", "/products?limit=1", nil); signedIn(four) || a.Status != 401 {
		t.Errorf("who was put out is still in: token %d", a.Status)
	}
})

var _ = attack("AC-102", func(t *testing.T, c *apptest.Client) {
	// An address of staff is what the letter went to; no form changes it.
	mine, other := apptest.NewMail(), apptest.NewMail()
	link := invitePath.FindString(string(c.AsOwner(c, "/admin/staff", url.Values{"name": {"Prov"}, "email": {mine}, "role": {"reader"}}).Body))
	v := c.Other()
	m := apptest.Member{Email: mine, Password: "en lång ramsa " + aWord(), Role: "reader"}
	for _, n := range v.Do("GET", link, nil).Find("code") {
		if key := strings.ReplaceAll(apptest.Words(n), " ", ""); len(key) >= 26 {
			m.TOTP = key
		}
	}
	if a := v.Form(link, url.Values{"email": {other}, "password": {m.Password}, "code": {v.Code(m)}}); a.Status != 303 {
		t.Fatalf("the invitation was not accepted: %d", a.Status)
	}
	if a := v.Form("/admin/security/password", url.Values{"old_password": {m.Password}, "password": {"ny ramsa " + aWord()}, "email": {other}}); a.Status != 400 {
		t.Errorf("an address in the form of the password: %d", a.Status)
	}
	code := v.Code(m)
	if a := signIn(c.Other(), other, m.Password, code); a.Status != 401 {
		t.Errorf("signed in by an address that nobody has proven: %d", a.Status)
	}
	if n := len(c.Mails(other)); n != 0 {
		t.Errorf("%d letters to an address of a form", n)
	}
	// The twin: the invited address signs in. The wrong one used no code.
	if a := signIn(c.Other(), mine, m.Password, code); a.Status != 303 {
		t.Errorf("the invited address: %d", a.Status)
	}
	// Whoever changes the address of a cart after it was used proves nothing with it:
	// the order's letters go to the last one, and the first finds no order.
	k := c.Cart(1, stall(c))
	c.Complete(k.ID, apptest.Buyer(mine))
	_, o := c.PaidCart(c.Complete(k.ID, apptest.Buyer(other)))
	if x := c.OneMail(other); !strings.Contains(x.Text, o.Number) {
		t.Error("the letter does not name the order")
	}
	if a := c.Form("/orders/find", url.Values{"number": {o.Number}, "email": {mine}}); a.Status != 422 {
		t.Errorf("the order is found by an address that it has not: %d", a.Status)
	}
})

var _ = attack("AC-107", func(t *testing.T, c *apptest.Client) {
	m, _ := c.Hire(c, "catalogue")
	a := settle(c)
	nobody := apptest.NewMail()
	closed, _ := c.Hire(c, "reader")
	c.AsOwner(c, "/admin/staff/"+staffID(c, closed.Email)+"/close", nil)
	invited := apptest.NewMail()
	c.AsOwner(c, "/admin/staff", url.Values{"name": {"Prov"}, "email": {invited}, "role": {"reader"}})
	lie := func(v *apptest.Client, mail string) apptest.Answer {
		return signIn(v, mail, "fel lösen ramsa", "123456")
	}
	reset := func(v *apptest.Client, mail string) apptest.Answer {
		return v.Form("/admin/recover", url.Values{"email": {mail}})
	}
	for name, ask := range map[string]func(*apptest.Client, string) apptest.Answer{"sign-in": lie, "forgotten password": reset} {
		unknown := ask(c.Other(), nobody)
		for kind, mail := range map[string]string{"active": m.Email, "closed": closed.Email, "invited": invited, "buyer": a.who.Email} {
			if d := equal(ask(c.Other(), mail), unknown, mail, nobody); d != "" {
				t.Errorf("%s tells %s from unknown: %s", name, kind, d)
			}
		}
		// Up to the limit and beyond it too.
		var last, lastUnknown apptest.Answer
		for range 5 {
			last, lastUnknown = ask(c.Other(), m.Email), ask(c.Other(), nobody)
			last.Header.Del("Retry-After")
			lastUnknown.Header.Del("Retry-After") // the seconds that are left, from each one's first try
			minutes := regexp.MustCompile(`\d+ (minut|sekund)\w*`)
			last.Body, lastUnknown.Body = minutes.ReplaceAll(last.Body, nil), minutes.ReplaceAll(lastUnknown.Body, nil)
			if d := equal(last, lastUnknown, m.Email, nobody); d != "" {
				t.Errorf("%s at the limit: %s", name, d)
			}
		}
		if last.Status != 429 {
			t.Errorf("%s has no limit: %d", name, last.Status)
		}
	}
	// The right password with a wrong code looks like a wrong password.
	n, _ := c.Hire(c, "reader")
	right, wrong := signIn(c.Other(), n.Email, n.Password, "000000"), signIn(c.Other(), n.Email, "fel lösen ramsa", "000000")
	if d := equal(right, wrong); d != "" || right.Status != 401 {
		t.Errorf("a wrong code and a wrong password: %d %s", right.Status, d)
	}
	// A buyer's address at the till, in the question box and at the withdrawal.
	till := func(mail string) (apptest.Answer, string) {
		v := c.Other()
		k := v.Cart(1, stall(c))
		who := apptest.Buyer(mail)
		return v.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", who), k.ID
	}
	x, kx := till(a.who.Email)
	y, ky := till(nobody)
	ids := regexp.MustCompile(`"id":"[0-9]+"`)
	x.Body, y.Body = ids.ReplaceAll(x.Body, nil), ids.ReplaceAll(y.Body, nil)
	if d := equal(x, y, a.who.Email, nobody, kx, ky); d != "" || x.Status != 200 {
		t.Errorf("the till: %d %s", x.Status, d)
	}
	other := stranger(a.number)
	for _, path := range []string{"/orders/find", "/withdraw"} {
		v := url.Values{"number": {a.number}, "email": {nobody}}
		w := url.Values{"number": {other}, "email": {nobody}}
		u := url.Values{"number": {other}, "email": {a.who.Email}}
		if path == "/withdraw" {
			for _, f := range []url.Values{v, w, u} {
				f.Set("name", "N N")
			}
		}
		one, two, three := c.Form(path, v), c.Form(path, w), c.Form(path, u)
		if d := equal(one, two, a.number, other); d != "" {
			t.Errorf("%s tells a number: %s", path, d)
		}
		if d := equal(three, two, a.who.Email, nobody); d != "" {
			t.Errorf("%s tells an address: %s", path, d)
		}
	}
	// The twin: who is right gets in; an invitation that clashes is told to the owner alone.
	if got := signIn(c.Other(), n.Email, n.Password, c.Code(n)); got.Status != 303 {
		t.Errorf("the right sign-in: %d", got.Status)
	}
	if len(c.Mails(m.Email)) < 2 || len(c.Mails(closed.Email)) != 1 || len(c.Mails(nobody)) != 0 {
		t.Errorf("letters: %d %d %d", len(c.Mails(m.Email)), len(c.Mails(closed.Email)), len(c.Mails(nobody)))
	}
})

var _ = alone("AC-109", func(t *testing.T, engine string) {
	c := apptest.Start(t, apptest.Options{Engine: engine}).As(t)
	m, _ := c.Hire(c, "orders")
	// A hundred wrong ones at once, on all that take a password.
	var told401, told429 atomic.Int64
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			v := c.Other()
			path := []string{"/admin/login", "/en/admin/login"}[i%2]
			for {
				a := v.Form(path, url.Values{"email": {m.Email}, "password": {fmt.Sprintf("fel lösen ramsa %d", i)}, "totp": {"000000"}})
				switch a.Status {
				case 401:
					told401.Add(1)
				case 429:
					if told429.Add(1); a.Header.Get("Retry-After") == "" {
						t.Error("429 without Retry-After")
					}
				case 503:
					time.Sleep(100 * time.Millisecond)
					continue
				default:
					t.Errorf("a wrong sign-in: %d", a.Status)
				}
				return
			}
		})
	}
	wg.Wait()
	if told401.Load() != 5 || told429.Load() != 95 {
		t.Errorf("%d were evaluated, %d put off; the limit is 5", told401.Load(), told429.Load())
	}
	code := c.Code(m)
	if a := signIn(c.Other(), m.Email, m.Password, code); a.Status != 429 {
		t.Errorf("the right password while locked: %d", a.Status)
	}
	if n := c.Audited("staff.sign_in", "refused"); n != 101 {
		t.Errorf("%d refusals in the audit log of 101", n)
	}
	// Strangers lock nobody out for good: a letter lifts it, and so does time.
	link := recoverLink(c, m.Email, 2)
	next := "en tredje ramsa " + aWord()
	if a := c.Form(link, url.Values{"email": {m.Email}, "password": {next}, "code": {code}}); a.Status != 303 || !signedIn(c) {
		t.Errorf("recovery while locked: %d %s", a.Status, a.Words())
	}
	n, _ := c.Hire(c, "reader")
	for range 6 {
		signIn(c.Other(), n.Email, "fel lösen ramsa", "000000")
	}
	meddle(c, `UPDATE auth_try SET since = since - 901000000`)
	if a := signIn(c.Other(), n.Email, n.Password, c.Code(n)); a.Status != 303 {
		t.Errorf("after the lock's quarter of an hour: %d", a.Status)
	}
	for _, bad := range c.Books() {
		t.Error(bad)
	}
})

var _ = attack("AC-110", func(t *testing.T, c *apptest.Client) {
	// The demo believes X-Forwarded-For of a proxy on its own machine: the last hop
	// is the client, whatever stands before it or beside it.
	find := func(v *apptest.Client, from string, more ...string) int {
		h := append([]string{"Sec-Fetch-Site", "same-origin", "X-Forwarded-For", from}, more...)
		return v.Form("/orders/find", url.Values{"number": {"12345678"}, "email": {"n@example.se"}}, h...).Status
	}
	flood := func(name string, at func(i int) (string, []string)) {
		v := c.Other()
		for i := range 500 { // a hundred at once and one a second: slow machines get some more
			from, more := at(i)
			switch s := find(v, from, more...); {
			case s == 429 && i >= 99:
				return
			case s != 422:
				t.Errorf("%s: try %d is %d", name, i, s)
				return
			}
		}
		t.Errorf("%s: 500 tries without an end", name)
	}
	own := c.Other().IP
	var wg sync.WaitGroup
	wg.Go(func() {
		flood("addresses before the last hop", func(i int) (string, []string) {
			lie := fmt.Sprintf("198.51.100.%d", i)
			return lie + ", " + own, []string{"X-Real-IP", lie, "True-Client-IP", lie, "CF-Connecting-IP", lie, "X-Client-IP", lie, "Forwarded", "for=" + lie, "X-Forwarded", lie, "Client-IP", lie}
		})
	})
	wg.Go(func() {
		flood("one /64", func(i int) (string, []string) { return fmt.Sprintf("2001:db8:77:1::%x", i+1), nil })
	})
	wg.Wait()
	// The twins: another address, another /64 and the same office an hour later are not hindered.
	for _, from := range []string{c.Other().IP, "2001:db8:78:1::1", own[:strings.LastIndex(own, ".")] + ".250"} {
		if s := find(c.Other(), from); s != 422 {
			t.Errorf("%s: %d", from, s)
		}
	}
	// The audit log has the network of the last hop.
	m := apptest.NewMail()
	v := c.Other()
	signIn(v, m, "fel lösen ramsa", "000000", "X-Forwarded-For", "203.0.113.9, 192.0.2.77", "X-Real-IP", "203.0.113.9")
	want := "192.0.2.0/24"
	if n := c.Count(`SELECT count(*) FROM audit_entry WHERE action='staff.sign_in' AND peer=$1`, want); n != 1 {
		t.Errorf("%d rows of the peer %s", n, want)
	}
	if n := c.Count(`SELECT count(*) FROM audit_entry WHERE peer LIKE '203.0.113%' OR peer LIKE '198.51.100%'`); n != 0 {
		t.Errorf("%d rows of an address that only a header named", n)
	}
})

var _ = attack("AC-111", func(t *testing.T, c *apptest.Client) {
	m, _ := c.Hire(c, "owner")
	code := c.Code(m)
	one, two := c.Other(), c.Other()
	if a := signIn(one, m.Email, m.Password, code); a.Status != 303 {
		t.Fatalf("the first use: %d", a.Status)
	}
	for name, v := range map[string]*apptest.Client{"another device": two, "the same browser": one.Other()} {
		if a := signIn(v, m.Email, m.Password, code); a.Status != 401 || v.Cookie(apptest.CookieStaff) != "" {
			t.Errorf("second use on %s: %d", name, a.Status)
		}
	}
	// For a step-up too, and at the same moment on two.
	meddle(c, `UPDATE auth_session SET fresh_until = created_at - 1 WHERE staff_id=$1`, staffID(c, m.Email))
	step := func(v *apptest.Client, code string) apptest.Answer {
		return v.Form("/admin/confirm", url.Values{"totp": {code}})
	}
	if a := step(one, code); a.Status != 422 {
		t.Errorf("the code of the sign-in as a step-up: %d", a.Status)
	}
	if a := one.Form("/admin/tokens", url.Values{"name": {"x"}, "rights": {"catalog.read"}, "totp": {code}}); a.Status != 422 {
		t.Errorf("the used code in the form of a dangerous act: %d", a.Status)
	}
	n, raised := c.Hire(c, "reader")
	meddle(c, `UPDATE auth_session SET fresh_until = created_at - 1 WHERE staff_id=$1`, staffID(c, n.Email))
	next, old := c.Code(n), raised.Cookie(apptest.CookieStaff)
	var good atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			v := c.Other()
			v.SetCookie(apptest.CookieStaff, old)
			if a := step(v, next); a.Status == 303 && strings.HasSuffix(a.Location(), "/admin") {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	if good.Load() != 1 {
		t.Errorf("one code stepped up %d times", good.Load())
	}
	if a := signIn(c.Other(), n.Email, n.Password, next); a.Status != 401 {
		t.Errorf("the code of the step-up at the door: %d", a.Status)
	}
})

var _ = attack("AC-114", func(t *testing.T, c *apptest.Client) {
	m, first := c.Hire(c, "reader")
	planted := strings.Repeat("A", 43)
	v := c.Other()
	v.SetCookie(apptest.CookieStaff, planted)
	if signedIn(v) {
		t.Fatal("an unknown session is one")
	}
	for _, q := range []string{"__Host-staff", "session", "sid", "PHPSESSID", "staff", "token"} {
		if a := c.Other().Do("GET", "/admin/security?"+q+"="+first.Cookie(apptest.CookieStaff), nil); a.Status != 303 {
			t.Errorf("a session was read from the address (%s): %d", q, a.Status)
		}
	}
	v.SetCookie(apptest.CookieStaff, planted)
	v.SignInAs(m)
	got := v.Cookie(apptest.CookieStaff)
	if got == planted || got == first.Cookie(apptest.CookieStaff) || len(got) < 40 {
		t.Errorf("the session after the sign-in: %q", got)
	}
	thief := c.Other()
	thief.SetCookie(apptest.CookieStaff, planted)
	if signedIn(thief) || !signedIn(v) {
		t.Error("the planted session came alive")
	}
	// A new secret at each new proof: see AC-111 for the code; here the old one is dead.
	o, raised := c.Hire(c, "owner")
	before := raised.Cookie(apptest.CookieStaff)
	meddle(c, `UPDATE auth_session SET fresh_until = created_at - 1 WHERE staff_id=$1`, staffID(c, o.Email))
	if a := raised.Form("/admin/confirm", url.Values{"totp": {c.Code(o)}}); a.Status != 303 || raised.Cookie(apptest.CookieStaff) == before || !signedIn(raised) {
		t.Errorf("step-up: %d", a.Status)
	}
	thief.SetCookie(apptest.CookieStaff, before)
	if signedIn(thief) {
		t.Error("the secret from before the step-up works still")
	}
	if a := raised.Form("/admin/logout", nil); a.Status != 303 || raised.Cookie(apptest.CookieStaff) != "" {
		t.Errorf("sign-out: %d, cookie %q", a.Status, raised.Cookie(apptest.CookieStaff))
	}
	// A cart's cookie that nobody was given is not adopted either.
	k := c.Other()
	k.SetCookie("__Host-cart", planted)
	if a := k.Form("/cart/lines", url.Values{"variant_id": {stall(c).ID}, "quantity": {"1"}}); a.Status != 303 || k.Cookie("__Host-cart") == planted {
		t.Errorf("a planted cart: %d", a.Status)
	}
})

var _ = attack("AC-115", func(t *testing.T, c *apptest.Client) {
	m, v := c.Hire(c, "orders")
	id := staffID(c, m.Email)
	sessions := func() int { return c.Count(`SELECT count(*) FROM auth_session WHERE staff_id=$1`, id) }
	dead := func(what, cookie string) {
		t.Helper()
		x := c.Other()
		x.SetCookie(apptest.CookieStaff, cookie)
		if a := x.Do("GET", "/admin/orders", nil); a.Status != 303 || !strings.HasPrefix(a.Location(), "/admin/login") {
			t.Errorf("%s: a page is %d", what, a.Status)
		}
		x.SetCookie(apptest.CookieStaff, cookie)
		if a := x.Form("/admin/security/sessions/end-others", nil); a.Status != 401 {
			t.Errorf("%s: a form is %d", what, a.Status)
		}
	}
	if !signedIn(v) || sessions() != 1 {
		t.Fatal("not signed in")
	}
	kept := v.Cookie(apptest.CookieStaff)
	if a := v.Form("/admin/logout", nil); a.Status != 303 || a.Header.Get("Clear-Site-Data") == "" {
		t.Errorf("sign-out: %d %q", a.Status, a.Header.Get("Clear-Site-Data"))
	}
	if dead("signed out", kept); sessions() != 0 {
		t.Error("the row outlived the sign-out")
	}
	// Idle, then absolute.
	idle, total := c.Other(), c.Other()
	idle.SignInAs(m)
	if !signedIn(idle) {
		t.Error("the twin is not signed in")
	}
	meddle(c, `UPDATE auth_session SET seen_at = seen_at - 3601000000 WHERE staff_id=$1`, id)
	dead("idle for an hour", idle.Cookie(apptest.CookieStaff))
	n, first := c.Hire(c, "reader")
	total = first
	meddle(c, `UPDATE auth_session SET expires_at = created_at + 1 WHERE staff_id=$1`, staffID(c, n.Email))
	dead("twelve hours old", total.Cookie(apptest.CookieStaff))
	// Closed: at once.
	x, open := c.Hire(c, "support")
	if !signedIn(open) {
		t.Error("the twin is not signed in")
	}
	kept, xid := open.Cookie(apptest.CookieStaff), staffID(c, x.Email)
	c.AsOwner(c, "/admin/staff/"+xid+"/close", nil)
	dead("closed", kept)
	if k := c.Count(`SELECT count(*) FROM auth_session WHERE staff_id=$1`, xid); k != 0 {
		t.Errorf("%d sessions of who is closed", k)
	}
	if a := signIn(c.Other(), x.Email, x.Password, c.Code(x)); a.Status != 401 {
		t.Errorf("who is closed signs in: %d", a.Status)
	}
	// A role that was changed: anew.
	y, old := c.Hire(c, "reader")
	kept = old.Cookie(apptest.CookieStaff)
	c.AsOwner(c, "/admin/staff/"+staffID(c, y.Email)+"/role", url.Values{"role": {"support"}})
	dead("of another role", kept)
})

var _ = attack("AC-117", func(t *testing.T, c *apptest.Client) {
	_, owner := c.Hire(c, "owner")
	all := []string{"catalog.read", "stock.write", "orders.read", "orders.write"}
	aid, good := newToken(c, owner, all...)
	eid, expired := newToken(c, owner, all...)
	rid, revoked := newToken(c, owner, all...)
	meddle(c, `UPDATE auth_token SET expires_at = created_at + 1 WHERE id=$1`, eid)
	if a := owner.Form("/admin/tokens/"+rid+"/revoke", nil); a.Status != 303 {
		t.Fatalf("revoke: %d", a.Status)
	}
	key := strings.TrimPrefix(good, "kv_")
	bad := map[string]string{"expired": "Bearer " + expired, "revoked": "Bearer " + revoked, "cut": "Bearer " + good[:len(good)-1], "longer": "Bearer " + good + "A", "upper case": "Bearer " + strings.ToUpper(good), "lower case": "Bearer " + strings.ToLower(good),
		"no prefix": "Bearer " + key, "another shop's": "Bearer kv_" + strings.Repeat("B", len(key)), "empty": "Bearer ", "only the prefix": "Bearer kv_", "another scheme": "Basic " + good, "no scheme": good, "twice": "Bearer " + good + " " + good,
		"jwt none": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJvd25lciJ9.", "hash": "Bearer kv_" + c.Query(`SELECT hash FROM auth_token WHERE id=$1`, aid)[0][0], "id": "Bearer kv_" + aid, "list": "Bearer " + good + ", Bearer " + good, "none": ""}
	used := func() string { return c.Query(`SELECT COALESCE(used_at, 0) FROM auth_token WHERE id=$1`, aid)[0][0] }
	n := 0
	for _, l := range table(t) {
		if !l.api() {
			continue
		}
		n++
		path := apptest.Fill(l.Path, map[string]string{"number": "1", "id": "1"})
		for name, h := range bad {
			a := c.Do(l.Method, path, nil, "Authorization", h)
			if a.Status != 401 || a.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s %s with a token that is %s: %d", l.Method, l.Path, name, a.Status)
			}
		}
		if a := c.Do(l.Method, path+"?access_token="+good+"&token="+good, nil); a.Status != 401 {
			t.Errorf("%s %s with the token in the address: %d", l.Method, l.Path, a.Status)
		}
		x := c.Other()
		x.SetCookie(apptest.CookieStaff, owner.Cookie(apptest.CookieStaff))
		if a := x.Do(l.Method, path, nil); a.Status != 401 {
			t.Errorf("%s %s with the owner's cookie: %d", l.Method, l.Path, a.Status)
		}
	}
	if n < 8 || used() != "0" {
		t.Errorf("%d routes; last use %s before the first", n, used())
	}
	// The twin: the living one works, and its use is on record.
	c.Want(bearer(c, good, "GET", "/orders?limit=1", nil), 200, nil)
	c.Want(c.Do("GET", apptest.AdminAPI+"/products?limit=1", nil, "Authorization", "bearer "+good), 200, nil)
	if used() == "0" {
		t.Error("the use is not on record")
	}
})

var _ = attack("AC-118", func(t *testing.T, c *apptest.Client) {
	a := settle(c)
	_, v := c.Hire(c, "owner")
	a.SetCookie("__Host-cart", a.cart)
	ids := map[string]string{"token": a.order, "number": a.number, "id": a.returnID, "document": a.document, "handle": "villkor", "version": "1"}
	pages, shown := 0, map[string]bool{}
	check := func(who *apptest.Client, path string) {
		got := who.Do("GET", path, nil)
		if got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s (%d): Cache-Control %q", path, got.Status, got.Header.Get("Cache-Control"))
		}
		if pages++; got.Status == 200 {
			shown[path] = true
		}
	}
	for _, l := range table(t) {
		if l.Method == "GET" && (l.staff() || strings.HasPrefix(strings.TrimPrefix(l.Path, "/en"), "/admin") && !strings.Contains(l.Path, "assets")) {
			check(v, apptest.Fill(l.Path, ids))
		}
	}
	for _, p := range []string{"/cart", "/checkout", "/login", "/login/code", "/login/password", "/orders/find", "/orders/" + a.order, "/orders/" + a.order + "/documents/" + a.document, "/orders/" + a.order + "/documents/" + a.document + "/pdf", "/purchases/" + a.purchase,
		"/cases/" + a.talk, "/withdraw?order=" + a.order, "/support?order=" + a.order, "/withdraw/received/" + a.back, apptest.API + "/carts/" + a.cart, apptest.API + "/orders/" + a.order, apptest.API + "/purchases/" + a.purchase} {
		check(a.Client, p)
		check(a.Client, "/en"+p)
		if !shown[p] {
			t.Errorf("%.30s is not shown", p)
		}
	}
	if pages < 90 || len(shown) < 60 {
		t.Errorf("%d pages, %d shown", pages, len(shown))
	}
	// Back after the sign-out: the browser has kept nothing and asks; the answer is the door.
	got := v.Form("/admin/logout", nil)
	if got.Status != 303 || !strings.Contains(got.Header.Get("Clear-Site-Data"), "cache") {
		t.Errorf("sign-out: %d %q", got.Status, got.Header.Get("Clear-Site-Data"))
	}
	for _, p := range []string{"/admin", "/admin/orders/" + a.number, "/admin/staff"} {
		if got := v.Do("GET", p, nil); got.Status != 303 || !strings.HasPrefix(got.Location(), "/admin/login") || len(a.seen(got)) > 0 {
			t.Errorf("%s after the sign-out: %d", p, got.Status)
		}
	}
})

var _ = alone("AC-120", func(t *testing.T, engine string) {
	c := apptest.Start(t, apptest.Options{Engine: engine}).As(t)
	m, _ := c.Hire(c, "reader")
	v := c.Variant()
	paths := []string{"/", "/products/" + v.Product, "/search?q=mugg", "/cart", apptest.API + "/products?limit=10"}
	done := make(chan struct{})
	var flood, shoppers sync.WaitGroup
	var pages, refused, put atomic.Int64
	// Who was shopping before the flood came: twenty browsers, each with a connection of
	// its own. (A new connection from the address of the flood may be one too many.)
	browsers := make([]*apptest.Client, 20)
	for i := range browsers {
		browsers[i] = c.Apart()
		c.Want(browsers[i].Do("GET", "/", nil), 200, nil)
	}
	for i := range 500 {
		flood.Go(func() {
			mail := apptest.NewMail()
			if i%2 == 0 {
				mail = m.Email
			}
			a, err := c.Other().Try("POST", "/admin/login", apptest.Raw(url.Values{"email": {mail}, "password": {"fel lösen ramsa"}, "totp": {"000000"}}.Encode()),
				"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
			switch {
			case err != nil:
				put.Add(1) // the connection itself was one too many
			case a.Status == 401:
				refused.Add(1)
			case (a.Status == 429 || a.Status == 503) && a.Header.Get("Retry-After") != "":
				put.Add(1)
			default:
				t.Errorf("a sign-in of the flood: %d", a.Status)
			}
		})
	}
	for i, s := range browsers {
		shoppers.Go(func() {
			for n := 0; ; n++ {
				if a := s.Do("GET", paths[(i+n)%len(paths)], nil); a.Status != 200 {
					t.Errorf("a shopper meanwhile: %s %d", paths[(i+n)%len(paths)], a.Status)
					return
				}
				pages.Add(1)
				select {
				case <-done:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	flood.Wait()
	close(done)
	shoppers.Wait()
	if pages.Load() < 40 || refused.Load() == 0 || put.Load() == 0 || refused.Load()+put.Load() != 500 {
		t.Errorf("%d pages, %d refused, %d put off", pages.Load(), refused.Load(), put.Load())
	}
	// The twins: buying and signing in go on.
	c.Paid(v, 1)
	n, _ := c.Hire(c, "reader")
	if a := signIn(c.Other(), n.Email, n.Password, c.Code(n)); a.Status != 303 || !c.Alive() {
		t.Errorf("a sign-in after the flood: %d", a.Status)
	}
})
