package storefront

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// loginKeep is how long a browser is known as one that has signed in.
const loginKeep = 180 * 24 * time.Hour

// step is a page of the sign-in with where it leads to.
type step struct {
	name  string // "email", "code", "factor", "password"
	next  string
	again bool // who is signed in proves himself anew
}

// query is what a link within the sign-in carries.
func (x step) keep() (out []view.Hidden) {
	if x.next != "/account" {
		out = append(out, view.Hidden{Name: "next", Value: x.next})
	}
	if x.again {
		out = append(out, view.Hidden{Name: "again", Value: "1"})
	}
	return out
}

func (x step) to(path string) string {
	q := url.Values{}
	for _, h := range x.keep() {
		q.Set(h.Name, h.Value)
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func stepOf(name string, in web.Values) step {
	return step{name, ownNext(in.Get("next")), in.Get("again") == "1"}
}

// showLogin writes a page of the sign-in. No page of it says whether an address is known.
func (s *Store) showLogin(w http.ResponseWriter, r *web.Request, status int, x step, form ui.Form) error {
	flash := r.TakeFlash(w)
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.Login, err error) {
		p.Step, p.Again, p.Form, p.Keep = x.name, x.again, form, x.keep()
		if p.Shell, err = s.shell(q, r, "/login"); err != nil {
			return p, err
		}
		p.Shell.BaseURL = ""
		v, err := s.who(q, r)
		if err != nil {
			return p, err
		}
		if v.SignedIn() && x.again && form.Value("email") == "" {
			p.Form.Set("email", v.Email)
		}
		if x.name == "code" {
			pending, err := s.Accounts.Pending(q, r.CookieValue(web.CookieLogin))
			p.Email = pending.Email
			return p, err
		}
		return p, nil
	})
	if err != nil {
		return err
	}
	if flash != "" {
		p.Shell.Flash = lang.T(r.Lang, flash)
	}
	return web.HTML(w, r, status, view.LoginPage(p))
}

// login is "/login". Who is signed in goes on, unless he is to prove himself anew.
func (s *Store) login(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("next", "again")
	if err != nil {
		return err
	}
	x := stepOf("email", qv)
	if key := r.CookieValue(web.CookieSession); key != "" && !x.again {
		if _, err := s.Accounts.Resolve(r.Context(), key, r.Peer()); err == nil {
			return web.SeeOther(w, r, x.next)
		}
	}
	return s.showLogin(w, r, http.StatusOK, x, ui.Form{})
}

func (s *Store) loginStep(name string) web.Handler {
	return func(w http.ResponseWriter, r *web.Request) error {
		qv, err := r.ReadQuery("next", "again")
		if err != nil {
			return err
		}
		return s.showLogin(w, r, http.StatusOK, stepOf(name, qv), ui.Form{})
	}
}

// refused shows a page of the sign-in again with what stood in the way.
func (s *Store) refused(w http.ResponseWriter, r *web.Request, x step, email string, err error) error {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Unavailable {
		return err
	}
	retryAfter(w, f)
	return s.showLogin(w, r, f.Kind.Status(), x, ui.FormOf(r.Lang, url.Values{"email": {email}}, err))
}

func retryAfter(w http.ResponseWriter, f *fault.Error) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
	}
}

// askCode is POST /login: a code to the address, whoever it belongs to.
func (s *Store) askCode(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("email", "next", "again")
	if err != nil {
		return err
	}
	x := stepOf("email", in)
	browser, err := s.Accounts.RequestCode(r.Context(), in.Get("email"), from(r))
	if err != nil {
		return s.refused(w, r, x, in.Get("email"), err)
	}
	web.SetCookie(w, web.CookieLogin, browser, loginKeep)
	return web.SeeOther(w, r, x.to("/login/code"))
}

// askAgain is POST /login/again: another code to where the last one went.
func (s *Store) askAgain(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("next", "again")
	if err != nil {
		return err
	}
	x := stepOf("email", in)
	browser, err := s.Accounts.Again(r.Context(), from(r))
	if err != nil {
		return s.refused(w, r, x, "", err)
	}
	web.SetCookie(w, web.CookieLogin, browser, loginKeep)
	return web.SeeOther(w, r, x.to("/login/code"))
}

// enter gives the browser its session, or leads to the second factor, or shows the page again.
func (s *Store) enter(w http.ResponseWriter, r *web.Request, x step, email string, e account.Entered, err error) error {
	if err != nil {
		return s.refused(w, r, x, email, err)
	}
	web.SetCookie(w, web.CookieLogin, e.Browser, loginKeep)
	if e.Second {
		return web.SeeOther(w, r, x.to("/login/factor"))
	}
	rekeyed(w, e.Secret)
	return web.SeeOther(w, r, x.next)
}

func (s *Store) tryCode(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("code", "next", "again")
	if err != nil {
		return err
	}
	e, err := s.Accounts.TryCode(r.Context(), in.Get("code"), from(r))
	return s.enter(w, r, stepOf("code", in), "", e, err)
}

func (s *Store) trySecond(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("code", "next", "again")
	if err != nil {
		return err
	}
	e, err := s.Accounts.Second(r.Context(), in.Get("code"), from(r))
	return s.enter(w, r, stepOf("factor", in), "", e, err)
}

func (s *Store) tryPassword(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("email", "password", "next", "again")
	if err != nil {
		return err
	}
	e, err := s.Accounts.SignIn(r.Context(), in.Get("email"), secret.Hide(in.Get("password")), from(r))
	return s.enter(w, r, stepOf("password", in), in.Get("email"), e, err)
}

func (s *Store) beginPasskeySignIn(w http.ResponseWriter, r *web.Request) error {
	c, err := s.Accounts.BeginPasskeySignIn(r.Context())
	return ceremony(w, r, c, err)
}

func ceremony(w http.ResponseWriter, r *web.Request, c factor.Ceremony, err error) error {
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, c)
}

func (s *Store) passkeySignIn(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("token", "answer", "next", "again")
	if err != nil {
		return err
	}
	e, err := s.Accounts.FinishPasskeySignIn(r.Context(), in.Get("token"), []byte(in.Get("answer")), from(r))
	return s.enter(w, r, stepOf("email", in), "", e, err)
}

// lostApp is "/login/lost": who has lost both the app and the recovery codes. It says the same to everybody who has not proven
// the address of an account with an app.
func (s *Store) lostApp(w http.ResponseWriter, r *web.Request) error {
	return s.showLost(w, r, http.StatusOK, "")
}

func (s *Store) showLost(w http.ResponseWriter, r *web.Request, status int, trouble string) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.LostApp, err error) {
		x, err := s.Accounts.LookLost(q, r.CookieValue(web.CookieLogin))
		if err != nil {
			return p, err
		}
		p.May, p.Due, p.Trouble, p.Keep = x.May, x.Due, trouble, []view.Hidden{{Name: "next", Value: "/account/security"}}
		p.Shell, err = s.shell(q, r, "/login/lost")
		p.Shell.BaseURL = ""
		return p, err
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, status, view.LostAppPage(p))
}

// askLost is POST /login/lost: the app is to fall away.
func (s *Store) askLost(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	_, err := s.Accounts.AskLost(r.Context(), from(r))
	f := fault.As(err)
	switch {
	case f != nil && f.Kind == fault.TooManyKind:
		retryAfter(w, f)
		return s.showLost(w, r, f.Kind.Status(), lang.TArgs(r.Lang, f.SentenceKey(), f.Args))
	case err != nil && !fault.Is(err, "unauthenticated"):
		return err
	}
	return web.SeeOther(w, r, "/login/lost")
}

// signOut ends the session on the server, and then the cookie.
func (s *Store) signOut(w http.ResponseWriter, r *web.Request) error {
	if _, err := r.ReadForm(); err != nil {
		return err
	}
	if err := s.Accounts.SignOut(r.Context(), r.CookieValue(web.CookieSession), r.Peer()); err != nil {
		return err
	}
	leave(w)
	web.SetFlash(w, "flash.signed_out")
	return web.SeeOther(w, r, "/login")
}

// leave takes the session from the browser, and what it kept of these pages.
func leave(w http.ResponseWriter) {
	web.ClearCookie(w, web.CookieSession)
	w.Header().Set("Clear-Site-Data", `"cache"`)
}
