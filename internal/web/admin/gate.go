package admin

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/fault"
	"kassavalv/internal/web"
)

// signed is what Authorize found out about a request.
type signed struct {
	by      auth.By
	session auth.Session
	secret  string // of the session, as the browser holds it
}

type signedKey struct{}

func signedIn(ctx context.Context) signed {
	s, _ := ctx.Value(signedKey{}).(signed)
	return s
}

// Authorize is the door of staff pages. Without a living session a page leads to
// the sign-in and comes back afterwards; a form is 401. Without the right it is
// 403, and the refusal is in the audit log. The returned context belongs to the
// handler.
func (a *Admin) Authorize(w http.ResponseWriter, r *web.Request, who web.Who) (context.Context, auth.By, error) {
	ctx := r.Context()
	if !who.IsStaff() {
		return ctx, auth.By{}, fault.Denied()
	}
	key := r.CookieValue(web.CookieStaff)
	by, ses, err := a.Auth.Resolve(ctx, key, r.Peer())
	if f := fault.As(err); f != nil && f.Kind == fault.Unauthenticated {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return ctx, auth.By{}, err
		}
		if len(r.CookiesNamed(web.CookieStaff)) > 0 {
			web.ClearCookie(w, web.CookieStaff)
		}
		if err := web.SeeOther(w, r, loginPath(r)); err != nil {
			return ctx, auth.By{}, err
		}
		return ctx, auth.By{}, web.ErrAnswered
	}
	if err != nil {
		return ctx, auth.By{}, err
	}
	if who != web.AnyStaff {
		if err := by.Need(auth.Right(who.Right())); err != nil {
			// The route's pattern, never its path: that may hold a number.
			if e := auth.RecordRefusal(ctx, a.DB, by, "route.denied", "route", 0, who.Right()+" at "+r.Method+" "+r.Route.Path); e != nil {
				return ctx, auth.By{}, e
			}
			return ctx, by, err
		}
	}
	return context.WithValue(ctx, signedKey{}, signed{by, ses, key}), by, nil
}

// loginPath is the sign-in that comes back to the page of r.
func loginPath(r *web.Request) string {
	path := r.CanonicalPath()
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	if next := ownPath(path); next != home {
		return "/admin/login?next=" + url.QueryEscape(next)
	}
	return "/admin/login"
}

const home = "/admin"

// ownPath returns s when it is a path of the back office, otherwise the start
// page. Nothing that a browser could read as another host passes.
func ownPath(s string) string {
	if !web.LocalPath(s) || s != home && !strings.HasPrefix(s, home+"/") && !strings.HasPrefix(s, home+"?") {
		return home
	}
	for _, door := range []string{"/admin/login", "/admin/logout", "/admin/invite", "/admin/recover", "/admin/assets"} {
		if s == door || strings.HasPrefix(s, door+"/") || strings.HasPrefix(s, door+"?") {
			return home
		}
	}
	return s
}
