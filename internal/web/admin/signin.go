package admin

import (
	"net/http"

	"kassavalv/internal/auth"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/assets"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/shield"
	"kassavalv/internal/web/static"
	"kassavalv/internal/web/ui"
)

func (a *Admin) doorRoutes() []web.Route {
	return []web.Route{
		{Method: get, Path: assets.Prefix + "{file}", Who: web.Public, Rate: shield.None, Face: web.Asset, Handle: assets.Serve},
		a.door(get, "/admin/login", web.Public, (*visit).login),
		a.door(post, "/admin/login", web.Public, (*visit).signIn),
		a.door(post, "/admin/login/passkey/begin", web.Public, (*visit).beginPasskeySignIn),
		a.door(post, "/admin/login/passkey", web.Public, (*visit).passkeySignIn),
		a.door(post, "/admin/login/sso", web.Public, (*visit).beginSSO),
		a.door(get, "/admin/login/sso", web.Public, (*visit).finishSSO),
		a.page(post, "/admin/logout", web.Public, (*visit).signOut),
	}
}

// login shows the sign-in. Who is signed in already goes on.
func (v *visit) login() error {
	qv, err := v.r.ReadQuery("next")
	if err != nil {
		return err
	}
	next := ownPath(qv.Get("next"))
	if key := v.r.CookieValue(web.CookieStaff); key != "" {
		if _, _, err := v.Auth.Resolve(v.ctx(), key, v.r.Peer()); err == nil {
			return web.SeeOther(v.w, v.r, next)
		}
	}
	return v.showLogin(http.StatusOK, next, ui.Form{})
}

func (v *visit) showLogin(code int, next string, f ui.Form) error {
	var hidden []view.Pair
	if next != home {
		hidden = []view.Pair{{Key: "next", Value: next}}
	}
	form := view.Form{Action: "/admin/login", Submit: v.t("login.go"), Form: f, Hidden: hidden, Fields: []view.Field{
		{Input: ui.Input{Name: "email", Label: v.t("label.email"), Type: "email", Autocomplete: "username", InputMode: "email", NoSpell: true, Max: 254, Needed: true}},
		{Input: ui.Input{Name: "password", Label: v.t("label.password"), Type: "password", Autocomplete: "current-password", Max: 256, Needed: true}},
		{Input: ui.Input{Name: "totp", Label: v.t("label.totp"), Hint: v.t("login.totp.hint"), Autocomplete: "one-time-code", InputMode: "numeric", Max: 20, Short: true, NoSpell: true, Needed: true}},
	}}
	var sso view.Block
	if v.Auth.HasSSO() {
		sso = view.ButtonForm(v.l, view.Button{Action: "/admin/login/sso", Text: v.t("sso.go"), Hidden: hidden})
	}
	return v.show(code, view.Shell{Title: v.t("login.title"), Script: static.URL("passkey.js")},
		view.FormBlock(v.l, form), sso,
		view.PasskeyDoor(v.l, "get", "/admin/login/passkey/begin", "/admin/login/passkey", v.t("login.passkey"), v.t("passkey.failed"), hidden),
		view.Links(v.l, []ui.Link{{Text: v.t("recover.title"), URL: "/admin/recover"}}))
}

// signIn checks the three things at once, so that the answer does not tell which
// of them was wrong, or whether anybody has that address.
func (v *visit) signIn() error {
	in, err := v.r.ReadForm("email", "password", "totp", "next")
	if err != nil {
		return err
	}
	next := ownPath(in.Get("next"))
	ses, err := v.Auth.SignIn(v.ctx(), auth.SignIn{Email: in.Get("email"), Password: secret.Hide(in.Get("password")), Code: in.Get("totp"),
		Peer: v.r.Peer(), Agent: web.Agent(v.r), Lang: v.l, Old: v.r.CookieValue(web.CookieStaff)})
	return v.enter(ses, err, next, in)
}

// enter gives the browser its new session, or the sign-in again.
func (v *visit) enter(ses auth.Session, err error, next string, in web.Values) error {
	if err != nil {
		f := fault.As(err)
		if f == nil || f.Kind == fault.Unavailable {
			return err
		}
		if f.Kind == fault.TooManyKind {
			v.retryAfter(f)
		}
		return v.showLogin(f.Kind.Status(), next, v.form(in, err, ""))
	}
	web.SetCookie(v.w, web.CookieStaff, ses.Secret.Reveal(), 0)
	return web.SeeOther(v.w, v.r, next)
}

func (v *visit) retryAfter(f *fault.Error) {
	v.w.Header().Set("Retry-After", seconds(f.RetryAfter))
}

// signOut ends the session on the server, and then the cookie.
func (v *visit) signOut() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	if err := v.Auth.SignOut(v.ctx(), v.r.CookieValue(web.CookieStaff), v.r.Peer()); err != nil {
		return err
	}
	web.ClearCookie(v.w, web.CookieStaff)
	// What browsers kept of these pages goes with the session.
	v.w.Header().Set("Clear-Site-Data", `"cache"`)
	return web.SeeOther(v.w, v.r, "/admin/login")
}
