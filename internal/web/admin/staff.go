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

func (a *Admin) staffRoutes() []web.Route {
	who := web.Staff(auth.StaffWrite)
	return []web.Route{
		a.page(get, "/admin/staff", who, (*visit).staff),
		a.page(post, "/admin/staff", who, (*visit).inviteStaff),
		a.page(get, "/admin/staff/{id}", who, (*visit).staffMember),
		a.page(post, "/admin/staff/{id}/role", who, (*visit).setRole),
		a.page(post, "/admin/staff/{id}/invite", who, (*visit).reinvite),
		a.page(post, "/admin/staff/{id}/close", who, (*visit).closeStaff),
		a.page(get, "/admin/tokens", who, (*visit).tokens),
		a.page(post, "/admin/tokens", who, (*visit).createToken),
		a.page(post, "/admin/tokens/{id}/revoke", who, (*visit).revokeToken),
	}
}

// locked is shown in the place of forms that need a fresh proof.
func (v *visit) locked(path string) view.Block {
	return view.Notice(ui.Wait, v.t("proof.lead"), view.Go(v.l, v.t("proof.title"), query("/admin/confirm", "next", path), true))
}

func (v *visit) roleOptions() []ui.Option { return options(v, "role.", auth.RoleNames(v.by)...) }

// staff lists who may come in, and invites.
func (v *visit) staff() error { return v.showStaff(http.StatusOK, ui.Form{}, nil) }

func (v *visit) showStaff(code int, f ui.Form, news view.Block) error {
	list, err := read(v, func(q *db.Reader) ([]auth.Staff, error) { return v.Auth.List(q, v.by) })
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("staff.title"), Cols: []ui.Column{{Text: v.t("label.name")}, {Text: v.t("col.role")}, {Text: v.t("col.state")}, {Text: v.t("col.factors")}, {Text: v.t("col.signed_in")}}}
	for _, s := range list {
		factors := "–"
		switch {
		case s.Passkeys > 0:
			factors = v.n("staff.passkeys", int(s.Passkeys))
		case s.TOTP:
			factors = v.t("staff.totp")
		}
		seen := v.t("staff.never")
		if !s.SignedIn.IsZero() {
			seen = lang.Stamp(v.l, s.SignedIn)
		}
		url := "/admin/staff/" + s.ID.String()
		if s.State == "closed" {
			url = ""
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: s.Profile.Name, Sub: s.Profile.Email, URL: url}, {Text: v.word("role.", s.Role)}, {Text: v.word("staff.state.", s.State), Badge: true, Tone: map[string]ui.Tone{"active": ui.OK, "invited": ui.Wait}[s.State]}, {Text: factors}, {Text: seen}}})
	}
	invite := v.locked("/admin/staff")
	if v.fresh() || f.Failed() {
		invite = view.FormBlock(v.l, view.Form{Action: "/admin/staff", Submit: v.t("staff.invite.go"), Form: f, Fields: append([]view.Field{
			{Half: true, Input: ui.Input{Name: "name", Label: v.t("label.name"), Max: 80}}, {Half: true, Input: ui.Input{Name: "email", Label: v.t("label.email"), Type: "email", NoSpell: true, Max: 254}},
			{Kind: view.Select, Input: ui.Input{Name: "role", Label: v.t("col.role")}, Options: v.roleOptions()}}, v.proofField()...)})
	}
	roles := make([]view.Pair, 0, len(auth.Roles))
	for _, r := range []string{"owner", "catalogue", "orders", "support", "reader"} {
		roles = append(roles, view.Pair{Key: v.word("role.", r), Value: v.t("role.may." + r)})
	}
	return v.show(code, view.Shell{Title: v.t("staff.title")}, news, view.TableBlock(v.l, t), view.Panel("invite", v.t("staff.invite"), invite), view.Panel("", v.t("staff.roles"), view.Facts(v.l, roles)))
}

// inviteStaff makes a member. The link is mailed; it is shown here once, for a
// shop whose mail does not work yet.
func (v *visit) inviteStaff() error {
	in, err := v.r.ReadForm("name", "email", "role", "totp")
	if err != nil {
		return err
	}
	if err = v.prove(in.Get("totp")); err == nil {
		var made auth.Invited
		made, err = act(v, "staff.invite", "auth.staff", 0, func(tx *db.Tx) (auth.Invited, error) {
			return v.Auth.Invite(tx, v.by, auth.NewStaff{Email: in.Get("email"), Name: in.Get("name"), Role: in.Get("role")})
		})
		if err == nil {
			return v.showStaff(http.StatusOK, ui.Form{}, v.link(made))
		}
	}
	if !mendable(err) {
		return err
	}
	if fault.Is(err, "email_taken") {
		err = fault.Invalid(fault.Field{Pointer: "/email", Code: "taken"})
	}
	return v.showStaff(status(err), v.form(in, err, ""), nil)
}

func (v *visit) link(i auth.Invited) view.Block {
	return view.Notice(ui.OK, v.t("staff.invited"), view.Code(v.Origin+lang.Path(v.l, "/admin/invite/"+i.Token.Reveal())))
}

func (v *visit) staffMember() error { return v.showMember(http.StatusOK, nil) }

func (v *visit) showMember(code int, news view.Block) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	list, err := read(v, func(q *db.Reader) ([]auth.Staff, error) { return v.Auth.List(q, v.by) })
	if err != nil {
		return err
	}
	var s auth.Staff
	for _, x := range list {
		if x.ID == id {
			s = x
		}
	}
	if s.ID == 0 {
		return fault.NotFound()
	}
	path := "/admin/staff/" + id.String()
	blocks := []view.Block{news, view.Panel("", "", view.Facts(v.l, []view.Pair{{Key: v.t("label.email"), Value: s.Profile.Email}, {Key: v.t("col.role"), Value: v.word("role.", s.Role), Sub: v.t("role.may." + s.Role)}, {Key: v.t("col.state"), Value: v.word("staff.state.", s.State)}, {Key: v.t("staff.since"), Value: lang.DateYear(v.l, s.Created)}}))}
	switch {
	case s.State == "closed":
	case !v.fresh():
		blocks = append(blocks, v.locked(path))
	default:
		blocks = append(blocks,
			view.Panel("", v.t("staff.role"), view.Quiet(v.t("staff.role.text")), view.FormBlock(v.l, view.Form{Action: path + "/role", Submit: v.t("save"), Fields: []view.Field{{Kind: view.Select, Input: ui.Input{Name: "role", Label: v.t("col.role"), Value: s.Role}, Options: v.roleOptions()}}})),
			view.Fold(v.t("staff.reinvite"), false, view.Say(v.t("staff.reinvite.text")), view.ButtonForm(v.l, view.Button{Action: path + "/invite", Text: v.t("staff.reinvite.go")})),
			view.Fold(v.t("staff.close"), false, view.Say(v.t("staff.close.text")), view.ButtonForm(v.l, view.Button{Action: path + "/close", Text: v.t("staff.close.go"), Danger: true})))
	}
	return v.show(code, view.Shell{Title: s.Profile.Name, Crumbs: []ui.Link{{Text: v.t("staff.title"), URL: "/admin/staff"}, {Text: s.Profile.Name, URL: path}}}, blocks...)
}

// onMember runs an act on a member and shows him again, with what was refused.
func (v *visit) onMember(action, said string, fn func(tx *db.Tx, id db.ID) error) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do(action, "auth.staff", id, func(tx *db.Tx) error { return fn(tx, id) }); err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showMember(status(err), view.Notice(ui.Stop, v.sentence(f)))
		}
		return err
	}
	if id == v.by.ID { // his own sessions ended with it
		web.ClearCookie(v.w, web.CookieStaff)
		return web.SeeOther(v.w, v.r, "/admin/login")
	}
	return v.done(said, "/admin/staff")
}

func (v *visit) setRole() error {
	in, err := v.r.ReadForm("role")
	if err != nil {
		return err
	}
	return v.onMember("staff.role", "role_set", func(tx *db.Tx, id db.ID) error { return v.Auth.SetRole(tx, v.by, id, in.Get("role")) })
}

func (v *visit) closeStaff() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	return v.onMember("staff.close", "staff_closed", func(tx *db.Tx, id db.ID) error { return v.Auth.Close(tx, v.by, id) })
}

// reinvite is for a lost phone: all ways in end, and a new link is made.
func (v *visit) reinvite() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	made, err := act(v, "staff.reinvite", "auth.staff", id, func(tx *db.Tx) (auth.Invited, error) { return v.Auth.Reinvite(tx, v.by, id) })
	if err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showMember(status(err), view.Notice(ui.Stop, v.sentence(f)))
		}
		return err
	}
	return v.showMember(http.StatusOK, v.link(made))
}

// tokens lists the keys of other programs, and makes new ones.
func (v *visit) tokens() error { return v.showTokens(http.StatusOK, ui.Form{}, nil, nil) }

func (v *visit) showTokens(code int, f ui.Form, chosen []string, news view.Block) error {
	list, err := read(v, func(q *db.Reader) ([]auth.Token, error) { return v.Auth.Tokens(q, v.by) })
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("tokens.title"), Empty: v.t("tokens.none"), Cols: []ui.Column{{Text: v.t("label.name")}, {Text: v.t("col.rights")}, {Text: v.t("col.used_at")}, {Text: v.t("col.ends")}, {Text: v.t("col.state")}, {}}}
	now := time.Now()
	for _, k := range list {
		var rights []string
		for _, r := range k.Rights {
			rights = append(rights, string(r))
		}
		row := view.Row{Cells: []view.Cell{{Text: k.Name}, {Text: joined(rights)}, {Text: v.day(k.Used)}, {Text: v.day(k.Expires)}, {Text: v.t("token.living"), Badge: true, Tone: ui.OK}, {}}}
		switch {
		case !k.Revoked.IsZero():
			row.Cells[4] = view.Cell{Text: v.t("token.revoked"), Badge: true}
		case !k.Expires.After(now):
			row.Cells[4] = view.Cell{Text: v.t("token.expired"), Badge: true}
		case v.fresh():
			row.Cells[5].Block = view.ButtonForm(v.l, view.Button{Action: "/admin/tokens/" + k.ID.String() + "/revoke", Text: v.t("token.revoke"), Title: v.t("token.revoke") + ": " + k.Name, Danger: true})
		}
		t.Rows = append(t.Rows, row)
	}
	make := v.locked("/admin/tokens")
	if v.fresh() || f.Failed() {
		rights := options(v, "right.", v.by.Rights()...)
		for i := range rights {
			for _, c := range chosen {
				rights[i].Selected = rights[i].Selected || rights[i].Value == c
			}
		}
		make = view.FormBlock(v.l, view.Form{Action: "/admin/tokens", Submit: v.t("token.create.go"), Form: f, Fields: append([]view.Field{
			{Half: true, Input: ui.Input{Name: "name", Label: v.t("label.token_name"), Hint: v.t("token.name.hint"), Max: 60}},
			{Half: true, Input: ui.Input{Name: "expires", Label: v.t("col.ends"), Hint: v.t("token.expires.hint"), Type: "date", Short: true, Optional: true}},
			{Half: true, Kind: view.Select, Input: ui.Input{Name: "purpose", Label: v.t("label.purpose"), Hint: v.t("token.purpose.hint"), Value: auth.ForOther}, Options: options(v, "reason.", auth.Reasons...)},
			{Kind: view.Boxes, Input: ui.Input{Name: "rights", Label: v.t("col.rights")}, Options: rights}}, v.proofField()...)})
	}
	return v.show(code, view.Shell{Title: v.t("tokens.title"), Lead: v.t("tokens.lead")}, news, view.TableBlock(v.l, t), view.Panel("create", v.t("token.create"), make))
}

// createToken shows the new key once; it is stored nowhere.
func (v *visit) createToken() error {
	in, err := v.r.ReadForm("name", "expires", "purpose", "rights*", "totp")
	if err != nil {
		return err
	}
	n := auth.NewToken{Name: in.Get("name"), Purpose: in.Get("purpose")}
	for _, r := range in.All("rights") {
		n.Rights = append(n.Rights, auth.Right(r))
	}
	var ok bool
	if n.Expires, ok = date(in.Get("expires")); !ok {
		err = fault.Invalid(fault.Field{Pointer: "/expires", Code: "bad_date"})
	}
	if err == nil {
		err = v.prove(in.Get("totp"))
	}
	if err == nil {
		var key string
		key, err = act(v, "token.create", "auth.token", 0, func(tx *db.Tx) (string, error) {
			_, s, err := v.Auth.CreateToken(tx, v.by, n)
			return s.Reveal(), err
		})
		if err == nil {
			return v.showTokens(http.StatusOK, ui.Form{}, nil, view.Notice(ui.OK, v.t("token.made"), view.Code(key)))
		}
	}
	if !mendable(err) {
		return err
	}
	return v.showTokens(status(err), v.form(in, err, ""), in.All("rights"), nil)
}

func (v *visit) revokeToken() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do("token.revoke", "auth.token", id, func(tx *db.Tx) error { return v.Auth.RevokeToken(tx, v.by, id) }); err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showTokens(status(err), ui.Form{}, nil, view.Notice(ui.Stop, v.sentence(f)))
		}
		return err
	}
	return v.done("token_revoked", "/admin/tokens")
}
