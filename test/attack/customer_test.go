package attack

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// customers are cases of the list driven against customers' own sign-in, beside what the
// same case asks of staff or guests.
var customers = map[string]onShared{}

// customer registers a case against customers' sign-in on the shop that all share.
func customer(id string, fn onShared) struct{} {
	if customers[id] != nil {
		panic(id + " is driven twice against customers")
	}
	customers[id] = fn
	return struct{}{}
}

// cookieOwn is a customer's session.
const cookieOwn = "__Host-session"

var mailedCode = regexp.MustCompile(`\b[0-9]{4}[ \x{a0}]?[0-9]{4}\b`)

// codes are those mailed to an address to sign in or to confirm it, newest first.
func codes(c *apptest.Client, mail string) (out []string) {
	for _, m := range c.Mails(mail) {
		if m.Subject == "Din kod för att logga in" || m.Subject == "Bekräfta din nya adress" {
			out = append(out, mailedCode.FindString(m.Text))
		}
	}
	return
}

// asksFor has a code mailed to an address and returns it.
func asksFor(c *apptest.Client, mail string) string {
	c.T.Helper()
	before := len(codes(c, mail))
	if a := c.Form("/login", url.Values{"email": {mail}}); a.Status != 303 || !strings.HasPrefix(a.Location(), "/login/code") {
		c.T.Fatalf("no code is mailed: %d %s", a.Status, a.Words())
	}
	c.Wait("a code", quietTime, func() bool { return len(codes(c, mail)) > before })
	return codes(c, mail)[0]
}

// proves signs a visitor in with a mailed code.
func proves(c *apptest.Client, mail string) *apptest.Client {
	c.T.Helper()
	code := asksFor(c, mail)
	if a := c.Form("/login/code", url.Values{"code": {code}}); a.Status != 303 || a.Location() != "/account" || c.Cookie(cookieOwn) == "" {
		c.T.Fatalf("the code does not open: %d %s", a.Status, a.Words())
	}
	return c
}

// shut reports whether a session leads to the door.
func shut(c *apptest.Client) bool {
	a := c.Do("GET", "/account", nil)
	return a.Status == 303 && strings.HasPrefix(a.Location(), "/login")
}

var _ = customer("AC-090", func(t *testing.T, c *apptest.Client) {
	a, b := apptest.NewMail(), apptest.NewMail()
	_, o := c.PaidCart(c.Complete(c.Cart(1, stall(c)).ID, apptest.Buyer(a)))
	shows := func(v *apptest.Client) bool { return strings.Contains(v.Do("GET", "/account", nil).Words(), o.Number) }
	// An address that was typed and not proven shows nothing.
	v := c.Other()
	if asksFor(v, a); !shut(v) || shows(v) {
		t.Error("a typed address opens or shows something")
	}
	// Nor does another proven one, whose owner says that he is to have this.
	proves(v, b)
	if v.Form("/account/open", url.Values{"name": {"B"}}); shows(v) {
		t.Error("another's order is shown")
	}
	before := len(codes(c, a))
	c.Want(v.Form("/account/email", url.Values{"email": {a}}), 303, nil)
	c.Wait("the letter to the address that is wanted", quietTime, func() bool { return len(codes(c, a)) > before })
	v.Form("/account/email/confirm", url.Values{"code": {"00000000"}})
	if shows(v) || shut(v) {
		t.Error("an order is shown before its address is proven, or the owner is out")
	}
	// The twin: who proves the address sees what was bought with it.
	if !shows(proves(c.Other(), a)) {
		t.Error("the owner does not see his order")
	}
})

var _ = customer("AC-095", func(t *testing.T, c *apptest.Client) {
	mail, evil, sent := apptest.NewMail(), "canary-"+strings.ToLower(aWord())+".example", 0
	for _, h := range [][]string{{"Host", evil}, {"X-Forwarded-Host", evil}, {"X-Host", evil}, {"X-Forwarded-Server", evil}, {"Forwarded", "host=" + evil}} {
		v := c.Other()
		a := v.Do("POST", "/login", apptest.Raw(url.Values{"email": {mail}}.Encode()), append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop}, h...)...)
		if a.Status != 303 && a.Status != 400 && a.Status != 421 && a.Status != 403 || strings.Contains(a.Location(), evil) {
			t.Errorf("%v: %d to %s", h, a.Status, a.Location())
		}
		if a.Status == 303 {
			sent++
		}
	}
	c.Wait("the letters of what was let in", quietTime, func() bool { return len(codes(c, mail)) == sent })
	proves(c.Other(), mail)
	for _, m := range c.Mails(mail) {
		if strings.Contains(strings.ToLower(c.RawMail(m.ID)), evil) {
			t.Errorf("a letter leads to the stranger's host: %s", m.Subject)
		}
	}
})

var _ = customer("AC-097", func(t *testing.T, c *apptest.Client) {
	mail, v := apptest.NewMail(), c.Other()
	first, second, third := asksFor(v, mail), asksFor(v, mail), asksFor(v, mail)
	try := func(w *apptest.Client, code string) bool {
		a := w.Form("/login/code", url.Values{"code": {code}})
		if a.Status >= 500 || a.Status == 303 && a.Location() != "/account" {
			t.Errorf("a code: %d %s", a.Status, a.Words())
		}
		return a.Status == 303
	}
	if try(v, first) || try(v, second) || try(c.Other(), third) {
		t.Error("an older code opens, or one in another browser")
	}
	if !try(v, third) || shut(v) {
		t.Fatal("the newest does not open")
	}
	if try(v, third) {
		t.Error("a code opens twice")
	}
})

var _ = customer("AC-099", func(t *testing.T, c *apptest.Client) {
	mail := apptest.NewMail()
	at, laptop, phone := proves(c.Other(), mail), proves(c.Other(), mail), proves(c.Other(), mail)
	c.Want(at.Form("/account/open", url.Values{"name": {"Kim"}}), 303, nil)
	if shut(laptop) || shut(phone) {
		t.Fatal("the other sessions are gone before anything happened")
	}
	before := at.Cookie(cookieOwn)
	c.Want(at.Form("/account/security/password", url.Values{"username": {mail}, "password": {"en lång ramsa av ord " + aWord()}}), 303, nil)
	if !shut(laptop) || !shut(phone) {
		t.Error("a session outlives the new password")
	}
	old := c.Other()
	old.SetCookie(cookieOwn, before)
	if shut(at) || !shut(old) || at.Cookie(cookieOwn) == before {
		t.Error("the present session is not issued anew, or the old secret lives")
	}
	c.Wait("a letter about it", quietTime, func() bool {
		return len(c.Mails(mail)) > len(codes(c, mail))
	})
})

var _ = customer("AC-102", func(t *testing.T, c *apptest.Client) {
	mail, other := apptest.NewMail(), apptest.NewMail()
	_, theirs := c.PaidCart(c.Complete(c.Cart(1, stall(c)).ID, apptest.Buyer(other)))
	v := proves(c.Other(), mail)
	c.Want(v.Form("/account/open", url.Values{"name": {"Kim"}}), 303, nil)
	c.Want(v.Form("/account/email", url.Values{"email": {other}}), 303, nil)
	c.Wait("the old address is told, the new one has a code", quietTime, func() bool { return len(codes(c, other)) == 1 && len(c.Mails(mail)) >= 2 })
	if a := v.Do("GET", "/account", nil); strings.Contains(a.Words(), theirs.Number) {
		t.Error("an address that is not confirmed shows its orders")
	}
	if a := v.Form("/account/email/confirm", url.Values{"code": {"12345678"}}); a.Status < 400 || a.Status >= 500 {
		t.Errorf("a made-up code: %d", a.Status)
	}
	// The twin: confirmed, it counts.
	c.Want(v.Form("/account/email/confirm", url.Values{"code": {codes(c, other)[0]}}), 303, nil)
	if a := v.Do("GET", "/account", nil); !strings.Contains(a.Words(), theirs.Number) {
		t.Errorf("confirmed, and the orders do not show: %d %s", a.Status, a.Words())
	}
})

var _ = customer("AC-107", func(t *testing.T, c *apptest.Client) {
	known, unknown := apptest.NewMail(), apptest.NewMail()
	owner := proves(c.Other(), known)
	c.Want(owner.Form("/account/open", url.Values{"name": {"Kim"}}), 303, nil)
	word := "en lång ramsa av ord " + aWord()
	c.Want(owner.Form("/account/security/password", url.Values{"username": {known}, "password": {word}}), 303, nil)
	// Only what is drawn anew for each answer, and what was typed, may differ.
	drawn := regexp.MustCompile(`[A-Za-z0-9_-]{16,}`)
	for path, form := range map[string]url.Values{"/login": {}, "/login/password": {"password": {"inte rätt ramsa alls"}}} {
		var seen []string
		for _, mail := range []string{known, unknown} {
			form.Set("email", mail)
			v := c.Other()
			a := v.Form(path, form)
			page := a
			if a.Status == 303 {
				page = v.Follow(a)
			}
			names := ""
			for _, x := range a.Header.Values("Set-Cookie") {
				names += strings.SplitN(x, "=", 2)[0] + " "
			}
			seen = append(seen, strings.Join([]string{path, a.Location(), names, page.Header.Get("Content-Type"), drawn.ReplaceAllString(strings.ReplaceAll(page.Words(), mail, "@"), "…")}, "\n"))
			if a.Status != map[string]int{"/login": 303, "/login/password": 422}[path] && a.Status != 401 {
				t.Errorf("%s: %d", path, a.Status)
			}
		}
		if seen[0] != seen[1] {
			t.Errorf("known and unknown are told apart:\n%s\n---\n%s", seen[0], seen[1])
		}
	}
	// The twin: the right password opens.
	v := c.Other()
	if a := v.Form("/login/password", url.Values{"email": {known}, "password": {word}}); a.Status != 303 || shut(v) {
		t.Errorf("the right password: %d %s", a.Status, a.Words())
	}
})

var _ = customer("AC-114", func(t *testing.T, c *apptest.Client) {
	mail, planted := apptest.NewMail(), strings.Repeat("A", 43)
	v := c.Other()
	v.SetCookie(cookieOwn, planted)
	if !shut(v) {
		t.Fatal("a made-up session opens")
	}
	v.Do("GET", "/account?session="+planted+"&__Host-session="+planted, nil)
	code := asksFor(v, mail)
	c.Want(v.Form("/login/code", url.Values{"code": {code}}), 303, nil)
	first := v.Cookie(cookieOwn)
	if first == planted || first == "" || shut(v) {
		t.Error("the planted session was taken over, or none is there")
	}
	c.Want(v.Form("/account/open", url.Values{"name": {"Kim"}}), 303, nil)
	if raised := v.Cookie(cookieOwn); raised == first || shut(v) {
		t.Error("a raised session keeps its secret")
	}
	stranger := c.Other()
	for _, x := range []string{planted, first} {
		if stranger.SetCookie(cookieOwn, x); !shut(stranger) {
			t.Error("an old or planted secret opens")
		}
	}
})

var _ = customer("AC-115", func(t *testing.T, c *apptest.Client) {
	mail := apptest.NewMail()
	v := proves(c.Other(), mail)
	held := v.Cookie(cookieOwn)
	thief := c.Other()
	if thief.SetCookie(cookieOwn, held); shut(thief) {
		t.Fatal("the session does not live")
	}
	c.Want(v.Form("/logout", url.Values{}), 303, nil)
	if thief.SetCookie(cookieOwn, held); !shut(thief) {
		t.Error("a session that was signed out lives")
	}
	// Closing the account ends what there is of it everywhere.
	at, phone := proves(c.Other(), mail), proves(c.Other(), mail)
	c.Want(at.Form("/account/open", url.Values{"name": {"Kim"}}), 303, nil)
	held = phone.Cookie(cookieOwn)
	c.Want(at.Form("/account/close", url.Values{}), 303, nil)
	if thief.SetCookie(cookieOwn, held); !shut(thief) || !shut(at) {
		t.Error("a session outlives its account")
	}
	// The twin: he may come again.
	if shut(proves(c.Other(), mail)) {
		t.Error("he cannot come back")
	}
})

var _ = customer("AC-118", func(t *testing.T, c *apptest.Client) {
	v := proves(c.Other(), apptest.NewMail())
	c.Want(v.Form("/account/open", url.Values{"name": {"Kim"}}), 303, nil)
	pages := []string{"/account", "/account/security", "/account/email", "/account/close"}
	for _, p := range pages {
		if a := v.Do("GET", p, nil); a.Status != 200 || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %q", p, a.Status, a.Header.Get("Cache-Control"))
		}
	}
	out := v.Form("/logout", url.Values{})
	if out.Status != 303 || out.Header.Get("Clear-Site-Data") == "" {
		t.Errorf("signing out: %d %v", out.Status, out.Header)
	}
	for _, p := range pages {
		if a := v.Do("GET", p, nil); a.Status != 303 || !strings.HasPrefix(a.Location(), "/login") {
			t.Errorf("%s after signing out: %d to %s", p, a.Status, a.Location())
		}
	}
})
