package admin

import (
	"net/http"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/static"
	"kassavalv/internal/web/ui"
)

func (a *Admin) securityRoutes() []web.Route {
	return []web.Route{
		a.page(get, "/admin/security", web.AnyStaff, (*visit).security),
		a.page(post, "/admin/security/password", web.AnyStaff, (*visit).changePassword),
		a.page(post, "/admin/security/sessions/{id}/end", web.AnyStaff, (*visit).endSession),
		a.page(post, "/admin/security/sessions/end-others", web.AnyStaff, (*visit).endOtherSessions),
		a.page(post, "/admin/security/passkeys/begin", web.AnyStaff, (*visit).beginPasskey),
		a.page(post, "/admin/security/passkeys", web.AnyStaff, (*visit).addPasskey),
		a.page(post, "/admin/security/passkeys/{id}/remove", web.AnyStaff, (*visit).removePasskey),
		a.page(post, "/admin/security/codes", web.AnyStaff, (*visit).makeCodes),
		a.page(post, "/admin/security/app", web.AnyStaff, (*visit).beginApp),
		a.page(post, "/admin/security/app/code", web.AnyStaff, (*visit).finishApp),
		a.page(post, "/admin/security/sso", web.AnyStaff, (*visit).connectSSO),
		a.page(post, "/admin/security/sso/remove", web.AnyStaff, (*visit).removeSSO),
	}
}

// security is the member's own page: where he is signed in, his passkeys, his
// password.
func (v *visit) security() error { return v.showSecurity(http.StatusOK, ui.Form{}, nil) }

func (v *visit) showSecurity(code int, f ui.Form, news view.Block) error {
	type own struct {
		sessions []auth.Session
		keys     []factor.Passkey
		codes    int64
		sso      time.Time
	}
	o, err := read(v, func(q *db.Reader) (o own, err error) {
		if o.sessions, err = v.Auth.Sessions(q, v.by); err != nil {
			return o, err
		}
		if o.keys, err = v.Auth.Passkeys(q, v.by); err != nil {
			return o, err
		}
		if o.codes, _, err = v.Auth.RecoveryLeft(q, v.by); err != nil {
			return o, err
		}
		o.sso, err = v.Auth.SSOBound(q, v.by)
		return o, err
	})
	if err != nil {
		return err
	}
	st := view.Table{Caption: v.t("sessions.title"), Cols: []ui.Column{{Text: v.t("col.browser")}, {Text: v.t("col.network")}, {Text: v.t("col.began")}, {Text: v.t("col.seen")}, {}}}
	for _, s := range o.sessions {
		do := view.Cell{Text: v.t("session.this"), Badge: true, Tone: ui.OK}
		if s.ID != v.by.Session {
			do = view.Cell{Block: view.ButtonForm(v.l, view.Button{Action: "/admin/security/sessions/" + s.ID.String() + "/end", Text: v.t("session.end"), Link: true})}
		}
		st.Rows = append(st.Rows, view.Row{Cells: []view.Cell{{Text: orDash(s.Agent)}, {Text: s.Peer}, {Text: lang.Stamp(v.l, s.Created)}, {Text: lang.Stamp(v.l, s.Seen)}, do}})
	}
	sessions := []view.Block{view.TableBlock(v.l, st)}
	if len(o.sessions) > 1 {
		sessions = append(sessions, view.ButtonForm(v.l, view.Button{Action: "/admin/security/sessions/end-others", Text: v.t("session.end_others")}))
	}
	kt := view.Table{Caption: v.t("passkeys.title"), Empty: v.t("passkeys.none"), Cols: []ui.Column{{Text: v.t("label.name")}, {Text: v.t("col.made")}, {Text: v.t("col.used_at")}, {}}}
	for _, k := range o.keys {
		row := view.Row{Cells: []view.Cell{{Text: k.Name}, {Text: lang.Stamp(v.l, k.Created)}, {Text: v.day(k.Used)}, {}}}
		if v.fresh() {
			row.Cells[3].Block = view.ButtonForm(v.l, view.Button{Action: "/admin/security/passkeys/" + k.ID.String() + "/remove", Text: v.t("passkey.remove"), Title: v.t("passkey.remove") + ": " + k.Name, Danger: true})
		}
		kt.Rows = append(kt.Rows, row)
	}
	keys := []view.Block{view.Quiet(v.t("passkeys.text")), view.TableBlock(v.l, kt)}
	if v.fresh() {
		keys = append(keys, view.PasskeyDoor(v.l, "create", "/admin/security/passkeys/begin", "/admin/security/passkeys", v.t("passkey.add"), v.t("passkey.failed"), nil))
	} else {
		keys = append(keys, v.locked("/admin/security"))
	}
	password := view.FormBlock(v.l, view.Form{Action: "/admin/security/password", Submit: v.t("password.change"), Quiet: true, Form: f, Fields: []view.Field{
		{Input: ui.Input{Name: "old_password", Label: v.t("label.old_password"), Type: "password", Autocomplete: "current-password", Max: 256}},
		{Input: ui.Input{Name: "password", Label: v.t("label.new_password"), Hint: v.t("password.hint"), Type: "password", Autocomplete: "new-password", Max: 256}}}})
	return v.show(code, view.Shell{Title: v.t("security.title"), Script: static.URL("passkey.js")}, news,
		view.Panel("sessions", v.t("sessions.title"), sessions...), view.Panel("passkeys", v.t("passkeys.title"), keys...), view.Panel("phone", v.t("phone.title"), v.phone(o.codes, o.sso)...), view.Panel("password", v.t("password.title"), view.Quiet(v.t("password.text")), password))
}

func (v *visit) changePassword() error {
	in, err := v.r.ReadForm("old_password", "password")
	if err != nil {
		return err
	}
	ses, err := v.Auth.ChangePassword(v.ctx(), v.by, secret.Hide(in.Get("old_password")), secret.Hide(in.Get("password")))
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showSecurity(status(err), v.form(nil, err, ""), nil)
	}
	v.renew(ses)
	return v.done("password_changed", "/admin/security")
}

func (v *visit) endSession() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do("staff.session_end", "auth.session", id, func(tx *db.Tx) error { return v.Auth.EndSession(tx, v.by, id) }); err != nil {
		return err
	}
	return v.done("session_ended", "/admin/security")
}

func (v *visit) endOtherSessions() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	if err := v.do("staff.session_end_others", "auth.staff", v.by.ID, func(tx *db.Tx) error { return v.Auth.EndOtherSessions(tx, v.by) }); err != nil {
		return err
	}
	return v.done("session_ended", "/admin/security")
}

func (v *visit) beginPasskey() error { return v.ceremony(v.Auth.BeginPasskey(v.ctx(), v.by)) }

func (v *visit) addPasskey() error {
	in, err := v.r.ReadForm("token", "answer")
	if err != nil {
		return err
	}
	_, err = v.Auth.FinishPasskey(v.ctx(), v.by, in.Get("token"), []byte(in.Get("answer")), web.Agent(v.r))
	if f := fault.As(err); f != nil && (mendable(err) || f.Code == "sign_in_failed") {
		said := &fault.Error{Kind: fault.Unprocessable, Code: "passkey_failed"}
		if f.Kind == fault.Clash {
			said = f // known already, or too many of them
		}
		return v.showSecurity(status(said), ui.Form{}, view.Notice(ui.Stop, v.sentence(said)))
	}
	if err != nil {
		return err
	}
	return v.done("passkey_added", "/admin/security")
}

func (v *visit) removePasskey() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do("passkey.remove", "auth.passkey", id, func(tx *db.Tx) error { return v.Auth.RemovePasskey(tx, v.by, id) }); err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showSecurity(status(err), ui.Form{}, view.Notice(ui.Stop, v.sentence(f)))
		}
		return err
	}
	return v.done("passkey_removed", "/admin/security")
}
