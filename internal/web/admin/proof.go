package admin

import (
	"net/http"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/fault"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/static"
	"kassavalv/internal/web/ui"
)

func (a *Admin) proofRoutes() []web.Route {
	return []web.Route{
		a.page(get, "/admin/confirm", web.AnyStaff, (*visit).confirm),
		a.page(post, "/admin/confirm", web.AnyStaff, (*visit).confirmCode),
		a.page(post, "/admin/confirm/passkey/begin", web.AnyStaff, (*visit).beginPasskeyStepUp),
		a.page(post, "/admin/confirm/passkey", web.AnyStaff, (*visit).confirmPasskey),
	}
}

// fresh reports whether dangerous acts are open without a new proof.
func (v *visit) fresh() bool { return v.by.NeedFresh(time.Now()) == nil }

// proofField asks for a code in the form of a dangerous act, while the last proof
// is too old.
func (v *visit) proofField() []view.Field {
	if v.fresh() {
		return nil
	}
	return []view.Field{{Input: ui.Input{Name: "totp", Label: v.t("label.totp"), Hint: v.t("proof.hint"), Autocomplete: "one-time-code", InputMode: "numeric", Max: 8, Short: true, NoSpell: true}}}
}

// proofLink leads to the page that takes a passkey instead of a code.
func (v *visit) proofLink(back string) view.Block {
	if v.fresh() {
		return nil
	}
	return view.Links(v.l, []ui.Link{{Text: v.t("proof.other"), URL: query("/admin/confirm", "next", back)}})
}

// prove takes the code of a form, if the act needs one, and gives the browser the
// session's new secret. A missing or wrong code is a fault at the field "totp".
func (v *visit) prove(code string) error {
	if v.fresh() {
		return nil
	}
	if code == "" {
		return fault.Invalid(fault.Field{Pointer: "/totp", Code: "code_needed"})
	}
	ses, err := v.Auth.StepUp(v.ctx(), v.in.secret, code, v.r.Peer())
	if fault.Is(err, "sign_in_failed") {
		return fault.Invalid(fault.Field{Pointer: "/totp", Code: "code_wrong"})
	}
	if err != nil {
		return err
	}
	v.renew(ses)
	return nil
}

// renew gives the browser the new secret of its session.
func (v *visit) renew(ses auth.Session) {
	web.SetCookie(v.w, web.CookieStaff, ses.Secret.Reveal(), 0)
	v.in.secret, v.in.session = ses.Secret.Reveal(), ses
	v.by.FreshUntil = ses.Fresh
}

// confirm asks for a new proof on a page of its own.
func (v *visit) confirm() error {
	qv, err := v.r.ReadQuery("next")
	if err != nil {
		return err
	}
	return v.showConfirm(http.StatusOK, ownPath(qv.Get("next")), ui.Form{})
}

func (v *visit) showConfirm(code int, next string, f ui.Form) error {
	hidden := []view.Pair{{Key: "next", Value: next}}
	form := view.Form{Action: "/admin/confirm", Submit: v.t("proof.go"), Form: f, Hidden: hidden, Fields: []view.Field{
		{Input: ui.Input{Name: "totp", Label: v.t("label.totp"), Hint: v.t("login.totp.hint"), Autocomplete: "one-time-code", InputMode: "numeric", Max: 8, Short: true, NoSpell: true}}}}
	return v.show(code, view.Shell{Title: v.t("proof.title"), Lead: v.t("proof.lead"), Script: static.URL("passkey.js")},
		view.Panel("", "", view.FormBlock(v.l, form),
			view.PasskeyDoor(v.l, "get", "/admin/confirm/passkey/begin", "/admin/confirm/passkey", v.t("proof.passkey"), v.t("passkey.failed"), hidden)))
}

func (v *visit) confirmCode() error {
	in, err := v.r.ReadForm("totp", "next")
	if err != nil {
		return err
	}
	next := ownPath(in.Get("next"))
	if err := v.prove(in.Get("totp")); err != nil {
		if !mendable(err) {
			return err
		}
		return v.showConfirm(status(err), next, v.form(nil, err, ""))
	}
	return web.SeeOther(v.w, v.r, next)
}

func (v *visit) beginPasskeyStepUp() error {
	return v.ceremony(v.Auth.BeginPasskeyStepUp(v.ctx(), v.by))
}

func (v *visit) confirmPasskey() error {
	in, err := v.r.ReadForm("token", "answer", "next")
	if err != nil {
		return err
	}
	next := ownPath(in.Get("next"))
	ses, err := v.Auth.FinishPasskeyStepUp(v.ctx(), v.by, v.passkeyAnswer(in))
	if fault.Is(err, "sign_in_failed") {
		return v.showConfirm(http.StatusUnprocessableEntity, next, v.form(nil, &fault.Error{Kind: fault.Unprocessable, Code: "passkey_failed"}, ""))
	}
	if err != nil {
		return err
	}
	v.renew(ses)
	return web.SeeOther(v.w, v.r, next)
}
