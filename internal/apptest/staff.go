package apptest

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"
)

// Admin calls the Admin API with the demo's token.
func (c *Client) Admin(method, path string, body any) Answer {
	c.T.Helper()
	return c.Do(method, AdminAPI+path, body, "Authorization", "Bearer "+c.AdminToken)
}

// Stock is a variant's level.
type Stock struct {
	OnHand    int64 `json:"on_hand"`
	Held      int64 `json:"held"`
	Allocated int64 `json:"allocated"`
	Available int64 `json:"available"`
}

// SetStock sets the pieces on hand.
func (c *Client) SetStock(variant string, n int64) {
	c.T.Helper()
	c.Want(c.Admin("PUT", "/variants/"+variant+"/stock", map[string]int64{"on_hand": n}), 200, nil)
}

// Stock reads a variant's level.
func (c *Client) Stock(variant string) (s Stock) {
	c.T.Helper()
	c.Want(c.Admin("GET", "/variants/"+variant+"/stock", nil), 200, &s)
	return
}

// AdminOrder reads an order as staff.
func (c *Client) AdminOrder(number string) (o Order) {
	c.T.Helper()
	c.Want(c.Admin("GET", "/orders/"+number, nil), 200, &o)
	return
}

// AdminPurchase finds a purchase as staff see it.
func (c *Client) AdminPurchase(token string) Purchase {
	c.T.Helper()
	for _, p := range All[Purchase](c, AdminAPI+"/purchases", "Authorization", "Bearer "+c.AdminToken) {
		if p.Token == token {
			return p
		}
	}
	c.T.Fatal("staff do not see the purchase")
	return Purchase{}
}

// Member finds the member of staff with a role.
func (c *Client) Member(role string) Member {
	c.T.Helper()
	for _, m := range c.Members {
		if m.Role == role {
			return m
		}
	}
	c.T.Fatalf("no member of staff is %s", role)
	return Member{}
}

// Code is a one-time code of a member that has not been used in this run. A code
// holds for its 30 s, those before and those after; when all three are used it
// waits for the next.
func (c *Client) Code(m Member) string {
	c.T.Helper()
	var step int64
	c.Wait("an unused one-time code", 40*time.Second, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		now := time.Now().Unix() / 30
		if step = max(c.steps[m.Email]+1, now); step > now+1 {
			return false
		}
		c.steps[m.Email] = step
		return true
	})
	code, err := totp.GenerateCode(m.TOTP, time.Unix(step*30, 0))
	if err != nil {
		c.T.Fatal(err)
	}
	return code
}

// CookieStaff is the name of the staff's session cookie.
const CookieStaff = "__Host-staff"

// Staff is a visitor who is signed in. All of one role share a session.
func (s *Shop) Staff(c *Client, role string) *Client {
	c.T.Helper()
	// One sign-in at a time: two at once would use up each other's code.
	s.door.Lock()
	defer s.door.Unlock()
	s.mu.Lock()
	cookie := s.sessions[role]
	s.mu.Unlock()
	v := c.Other()
	if cookie == "" {
		v.SignIn(role)
		cookie = v.Cookie(CookieStaff)
		s.mu.Lock()
		if s.sessions[role] == "" {
			s.sessions[role] = cookie
		}
		s.mu.Unlock()
		return v
	}
	v.SetCookie(CookieStaff, cookie)
	return v
}

// Opened opens what is personal on a page of the office with a reason, by the buttons of the
// page itself, and returns the page as it is then.
func (c *Client) Opened(path, reason string) Answer {
	c.T.Helper()
	a := c.Do("GET", path, nil)
	if len(a.Find(`form[action$="/admin/personal/open"]`)) == 0 {
		return a // open already, or nothing to open
	}
	action, form := c.FormOf(a, `form[action$="/admin/personal/open"]`)
	form.Set("for", reason)
	if got := c.Form(action, form); got.Status != 303 {
		c.T.Fatalf("%s was not opened: %d %s", path, got.Status, tail(got.Words(), 300))
	}
	return c.Do("GET", path, nil)
}

// SignIn signs this visitor in with a session of his own.
func (c *Client) SignIn(role string) {
	c.T.Helper()
	c.SignInAs(c.Member(role))
}

// SignInAs is SignIn for a certain member.
func (c *Client) SignInAs(m Member) {
	c.T.Helper()
	a := c.Form("/admin/login", url.Values{"email": {m.Email}, "password": {m.Password}, "totp": {c.Code(m)}})
	if a.Status != 303 || c.Cookie(CookieStaff) == "" {
		c.T.Fatalf("%s could not sign in: %d %s", m.Role, a.Status, a.Words())
	}
}

// AsOwner sends a form of a dangerous act as the demo's owner, which must answer
// 200 or 303. When the last proof is too old it proves anew, and all who share
// the owner's session from then on get its new secret.
func (s *Shop) AsOwner(c *Client, path string, v url.Values) Answer {
	c.T.Helper()
	s.owner.Lock()
	defer s.owner.Unlock()
	owner := s.Staff(c, "owner")
	a := owner.Form(path, v)
	if a.Status != 200 && a.Status != 303 {
		if p := owner.Form("/admin/confirm", url.Values{"totp": {owner.Code(owner.Member("owner"))}}); p.Status != 303 {
			c.T.Fatalf("the owner could not prove himself: %d %s", p.Status, p.Words())
		}
		s.mu.Lock()
		s.sessions["owner"] = owner.Cookie(CookieStaff)
		s.mu.Unlock()
		a = owner.Form(path, v)
	}
	if a.Status != 200 && a.Status != 303 {
		c.T.Fatalf("the owner was refused: %d %s", a.Status, a.Words())
	}
	return a
}

// Hire invites a new member of staff by mail, who accepts: a member that belongs to
// one test, with his session in the client that is returned.
func (s *Shop) Hire(c *Client, role string) (Member, *Client) {
	c.T.Helper()
	m := Member{Email: NewMail(), Password: "en lång ramsa " + NewMail(), Role: role}
	invite := url.Values{"name": {"Prov"}, "email": {m.Email}, "role": {role}}
	s.AsOwner(c, "/admin/staff", invite)
	link := regexp.MustCompile(`/admin/invite/[A-Za-z0-9_-]+`).FindString(c.OneMail(m.Email).Text)
	v := c.Other()
	p := v.Do("GET", link, nil)
	for _, n := range p.Find("code") {
		if key := strings.ReplaceAll(Words(n), " ", ""); len(key) >= 26 {
			m.TOTP = key
		}
	}
	a := v.Form(link, url.Values{"email": {m.Email}, "password": {m.Password}, "code": {v.Code(m)}})
	if a.Status != 303 || v.Cookie(CookieStaff) == "" {
		c.T.Fatalf("the invitation was not accepted: %d %s", a.Status, a.Words())
	}
	return m, v
}

// Cookie is the value of one of the visitor's cookies.
func (c *Client) Cookie(name string) string {
	u, _ := url.Parse(c.Shop.Shop)
	for _, k := range c.jar.Cookies(u) {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// SetCookie puts a cookie into the visitor's browser.
func (c *Client) SetCookie(name, value string) {
	u, _ := url.Parse(c.Shop.Shop)
	c.jar.SetCookies(u, cookies(name, value))
}

// Fill replaces the variables of a route's pattern; {$} is nothing, what is not
// named gets "x".
func Fill(pattern string, vars map[string]string) string {
	out := strings.TrimSuffix(pattern, "{$}")
	for {
		i := strings.IndexByte(out, '{')
		if i < 0 {
			return out
		}
		j := i + strings.IndexByte(out[i:], '}')
		name := strings.TrimSuffix(out[i+1:j], "...")
		v, ok := vars[name]
		if !ok {
			v = "x"
		}
		out = out[:i] + v + out[j+1:]
	}
}
