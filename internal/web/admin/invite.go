package admin

import (
	"net/http"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) inviteRoutes() []web.Route {
	return []web.Route{
		a.door(get, "/admin/invite/{token}", web.Token, (*visit).invite),
		a.door(post, "/admin/invite/{token}", web.Token, (*visit).acceptInvite),
		a.door(get, "/admin/recover", web.Public, (*visit).recover),
		a.door(post, "/admin/recover", web.Public, (*visit).askRecovery),
	}
}

// invite shows an invitation (choose a password, add the code app) or a recovery
// (a new password, the code of the app there is).
func (v *visit) invite() error { return v.showInvite(http.StatusOK, ui.Form{}) }

func (v *visit) showInvite(code int, f ui.Form) error {
	token := v.r.PathValue("token")
	i, err := read(v, func(q *db.Reader) (auth.InviteInfo, error) { return v.Auth.LookInvite(q, token) })
	if err != nil {
		return err
	}
	var blocks []view.Block
	title, lead := v.t("invite.title"), v.t("invite.lead", "role", v.roleName(i.Role, i.RoleName), "name", i.Profile.Name)
	if i.Kind == "invite" {
		box, path, err := ui.Square(i.TOTPURL.Reveal())
		if err != nil {
			return err
		}
		blocks = append(blocks, view.Panel("", v.t("invite.app"), view.Say(v.t("invite.app.text")), view.QR(v.t("invite.qr"), box, path),
			view.Quiet(v.t("invite.key")), view.Code(grouped(i.TOTP.Reveal()))))
	} else {
		title, lead = v.t("recover.title"), v.t("recover.set")
	}
	form := view.Form{Action: "/admin/invite/" + token, Submit: v.t("invite.go"), Form: f, Fields: []view.Field{
		{Input: ui.Input{Name: "email", Label: v.t("label.email"), Value: i.Profile.Email, Autocomplete: "username", NoSpell: true}},
		{Input: ui.Input{Name: "password", Label: v.t("label.new_password"), Hint: v.t("password.hint"), Type: "password", Autocomplete: "new-password", Max: 256}},
		{Input: ui.Input{Name: "code", Label: v.t("label.totp"), Hint: v.t("login.totp.hint"), Autocomplete: "one-time-code", InputMode: "numeric", Max: 8, Short: true, NoSpell: true}}}}
	blocks = append(blocks, view.FormBlock(v.l, form), view.Quiet(v.t("invite.until", "at", lang.DateTime(v.l, i.Expires))))
	return v.show(code, view.Shell{Title: title, Lead: lead}, blocks...)
}

func (v *visit) acceptInvite() error {
	// The address is there for password managers; it decides nothing.
	in, err := v.r.ReadForm("email", "password", "code")
	if err != nil {
		return err
	}
	ses, err := v.Auth.AcceptInvite(v.ctx(), auth.Accept{Token: v.r.PathValue("token"), Password: secret.Hide(in.Get("password")), Code: in.Get("code"), Peer: v.r.Peer(), Agent: web.Agent(v.r), Lang: v.l})
	if err != nil {
		f := fault.As(err)
		if !mendable(err) || f == nil {
			return err
		}
		if f.Kind == fault.TooManyKind {
			v.retryAfter(f)
		}
		c := *f
		c.Fields = append([]fault.Field{}, f.Fields...)
		for i := range c.Fields {
			if c.Fields[i].Pointer == "/code" {
				c.Fields[i].Code = "code_wrong"
			}
		}
		return v.showInvite(status(err), v.form(nil, &c, ""))
	}
	web.SetCookie(v.w, web.CookieStaff, ses.Secret.Reveal(), 0)
	return v.done("welcome", home)
}

// recover asks for the address of who has lost the password.
func (v *visit) recover() error { return v.showRecover(http.StatusOK, ui.Form{}) }

func (v *visit) showRecover(code int, f ui.Form) error {
	return v.show(code, view.Shell{Title: v.t("recover.title"), Lead: v.t("recover.lead")},
		view.FormBlock(v.l, view.Form{Action: "/admin/recover", Submit: v.t("recover.go"), Form: f, Fields: []view.Field{{Input: ui.Input{Name: "email", Label: v.t("label.email"), Type: "email", Autocomplete: "username", NoSpell: true, Max: 254}}}}),
		view.Links(v.l, []ui.Link{{Text: v.t("login.title"), URL: "/admin/login"}}))
}

// askRecovery answers the same whatever the address.
func (v *visit) askRecovery() error {
	in, err := v.r.ReadForm("email")
	if err != nil {
		return err
	}
	if err := v.Auth.RequestRecovery(v.ctx(), in.Get("email"), v.r.Peer()); err != nil {
		f := fault.As(err)
		if f == nil || f.Kind != fault.TooManyKind {
			return err
		}
		v.retryAfter(f)
		return v.showRecover(http.StatusTooManyRequests, v.form(nil, err, ""))
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("recover.title")}, view.Notice(ui.OK, v.t("recover.sent")), view.Links(v.l, []ui.Link{{Text: v.t("login.title"), URL: "/admin/login"}}))
}

// grouped parts a key into fours, for who types it.
func grouped(s string) string {
	var out []string
	for len(s) > 4 {
		out, s = append(out, s[:4]), s[4:]
	}
	return strings.Join(append(out, s), " ")
}
