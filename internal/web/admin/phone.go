package admin

import (
	"net/http"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// phone is what a member prepares for the day his phone is gone: one-time codes, another
// code app, and the house's own sign-in.
func (v *visit) phone(codes int64, sso time.Time) []view.Block {
	blocks := []view.Block{view.Quiet(v.t("phone.text")), view.Say(v.n("phone.codes", int(codes)))}
	if !v.fresh() {
		return append(blocks, v.locked("/admin/security"))
	}
	blocks = append(blocks, view.ButtonForm(v.l, view.Button{Action: "/admin/security/codes", Text: v.t("phone.codes.go")}), view.ButtonForm(v.l, view.Button{Action: "/admin/security/app", Text: v.t("phone.app.go")}))
	switch {
	case !sso.IsZero():
		blocks = append(blocks, view.Say(v.t("sso.connected", "at", lang.DateYear(v.l, sso))), view.ButtonForm(v.l, view.Button{Action: "/admin/security/sso/remove", Text: v.t("sso.remove"), Danger: true}))
	case v.Auth.HasSSO():
		blocks = append(blocks, view.ButtonForm(v.l, view.Button{Action: "/admin/security/sso", Text: v.t("sso.connect")}))
	}
	return blocks
}

// refusedHere shows the security page again with what was refused.
func (v *visit) refusedHere(err error) error {
	if f := fault.As(err); mendable(err) && f != nil {
		return v.showSecurity(status(err), ui.Form{}, view.Notice(ui.Stop, v.sentence(f)))
	}
	return err
}

// makeCodes shows ten new one-time codes, once.
func (v *visit) makeCodes() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	codes, err := v.Auth.MakeRecoveryCodes(v.ctx(), v.by)
	if err != nil {
		return v.refusedHere(err)
	}
	blocks := []view.Block{view.Say(v.t("phone.codes.text"))}
	for _, c := range codes {
		blocks = append(blocks, view.Code(c.Reveal()))
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("phone.codes.title"), Crumbs: securityCrumbs(v)}, view.Panel("", "", append(blocks, view.Go(v.l, v.t("phone.codes.saved"), "/admin/security", true))...))
}

func securityCrumbs(v *visit) []ui.Link {
	return []ui.Link{{Text: v.t("security.title"), URL: "/admin/security"}, {Text: v.t("phone.title"), URL: "/admin/security"}}
}

// beginApp shows the secret of a new code app; it holds when its first code is right.
func (v *visit) beginApp() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	n, err := act(v, "staff.app", "auth.staff", v.by.ID, func(tx *db.Tx) (auth.NextApp, error) { return v.Auth.BeginApp(tx, v.by) })
	if err != nil {
		return v.refusedHere(err)
	}
	box, path, err := ui.Square(n.TOTPURL.Reveal())
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("phone.app.title"), Crumbs: securityCrumbs(v)}, view.Panel("", "", view.Say(v.t("phone.app.text")), view.QR(v.t("invite.qr"), box, path), view.Quiet(v.t("invite.key")), view.Code(grouped(n.TOTP.Reveal())),
		view.FormBlock(v.l, view.Form{Action: "/admin/security/app/code", Submit: v.t("phone.app.use"), Fields: []view.Field{
			{Input: ui.Input{Name: "code", Label: v.t("label.totp"), Autocomplete: "one-time-code", InputMode: "numeric", Max: 8, Short: true, NoSpell: true}}}})))
}

func (v *visit) finishApp() error {
	in, err := v.r.ReadForm("code")
	if err != nil {
		return err
	}
	if err := v.Auth.FinishApp(v.ctx(), v.by, in.Get("code")); err != nil {
		if fault.Is(err, "invalid") {
			err = fault.Conflict("app_code")
		}
		return v.refusedHere(err)
	}
	return v.done("app_changed", "/admin/security")
}

// beginSSO leads to the provider. The link on the page is followed by the visitor
// himself: a form of ours may not lead to another's page (form-action in the CSP).
func (v *visit) beginSSO() error {
	in, err := v.r.ReadForm("next")
	if err != nil {
		return err
	}
	return v.showSSO(auth.By{}, ownPath(in.Get("next")))
}

func (v *visit) connectSSO() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	return v.showSSO(v.by, "/admin/security")
}

func (v *visit) showSSO(by auth.By, next string) error {
	b, err := v.Auth.BeginSSO(v.ctx(), by, next)
	if err != nil {
		if by.Kind != auth.Nobody {
			return v.refusedHere(err)
		}
		return err
	}
	web.SetCookie(v.w, web.CookieSSO, b.Browser.Reveal(), 10*time.Minute)
	return v.show(http.StatusOK, view.Shell{Title: v.t("sso.title")}, view.Panel("", "", view.Say(v.t("sso.text")), view.Go(v.l, v.t("sso.on"), b.URL, true)))
}

// finishSSO is where the provider sends the browser back.
func (v *visit) finishSSO() error {
	qv, err := v.r.ReadQuery("code", "state", "iss", "session_state", "error", "error_description", "error_uri", "scope", "authuser", "prompt", "hd")
	if err != nil {
		return err
	}
	browser := v.r.CookieValue(web.CookieSSO)
	if browser != "" {
		web.ClearCookie(v.w, web.CookieSSO)
	}
	out, err := v.Auth.FinishSSO(v.ctx(), auth.SSOAnswer{State: qv.Get("state"), Code: qv.Get("code"), Iss: qv.Get("iss"), Browser: browser, Peer: v.r.Peer(), Agent: web.Agent(v.r), Lang: v.l, Old: v.r.CookieValue(web.CookieStaff)})
	if err == nil && out.Bound {
		return v.done("sso_connected", "/admin/security")
	}
	if f := fault.As(err); f != nil && f.Kind == fault.Clash {
		return v.showLogin(f.Kind.Status(), home, v.form(nil, err, ""))
	}
	return v.enter(out.Session, err, ownPath(out.Next), nil)
}

func (v *visit) removeSSO() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	if err := v.do("sso.disconnect", "auth.staff", v.by.ID, func(tx *db.Tx) error { return v.Auth.UnbindSSO(tx, v.by) }); err != nil {
		return v.refusedHere(err)
	}
	return v.done("sso_removed", "/admin/security")
}
