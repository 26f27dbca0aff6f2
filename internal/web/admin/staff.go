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
		a.page(post, "/admin/staff/{id}/ends", who, (*visit).setEnds),
		a.page(post, "/admin/staff/{id}/lift", who, (*visit).liftStaff),
	}
}

// locked is shown in the place of forms that need a fresh proof.
func (v *visit) locked(path string) view.Block {
	return view.Notice(ui.Wait, v.t("proof.lead"), view.Go(v.l, v.t("proof.title"), query("/admin/confirm", "next", path), true))
}

// staff lists who may come in, and invites.
func (v *visit) staff() error { return v.showStaff(http.StatusOK, ui.Form{}, nil) }

func (v *visit) showStaff(code int, f ui.Form, news view.Block) error {
	x, err := v.readStaff()
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("staff.title"), Cols: []ui.Column{{Text: v.t("label.name")}, {Text: v.t("col.role")}, {Text: v.t("col.state")}, {Text: v.t("col.factors")}, {Text: v.t("col.signed_in")}}}
	for _, s := range x.list {
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
		role := view.Cell{Text: v.roleName(s.Role, s.RoleName)}
		if !s.Ends.IsZero() {
			role.Sub = v.t("staff.outside", "company", s.Profile.Company, "at", lang.DateYear(v.l, s.Ends))
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: s.Profile.Name, Sub: s.Profile.Email, URL: url}, role, {Text: v.word("staff.state.", s.State), Badge: true, Tone: stateTone[s.State]}, {Text: factors}, {Text: seen}}})
	}
	invite := v.locked("/admin/staff")
	if v.fresh() || f.Failed() {
		invite = view.FormBlock(v.l, view.Form{Action: "/admin/staff", Submit: v.t("staff.invite.go"), Form: f, Fields: append([]view.Field{
			{Half: true, Input: ui.Input{Name: "name", Label: v.t("label.name"), Max: 80}}, {Half: true, Input: ui.Input{Name: "email", Label: v.t("label.email"), Type: "email", NoSpell: true, Max: 254}},
			{Kind: view.Select, Input: ui.Input{Name: "role", Label: v.t("col.role")}, Options: x.roles},
			{Kind: view.Heading, Input: ui.Input{Label: v.t("staff.outside.title")}}, {Kind: view.Note, Input: ui.Input{Label: v.t("staff.outside.text")}},
			{Half: true, Input: ui.Input{Name: "company", Label: v.t("label.outside_company"), Max: 80, Optional: true}}, {Half: true, Input: ui.Input{Name: "ends", Label: v.t("label.outside_ends"), Type: "date", Short: true, Optional: true}},
			{Input: ui.Input{Name: "purpose", Label: v.t("label.outside_purpose"), Max: 200, Optional: true}}}, v.proofField()...)})
	}
	roles := make([]view.Pair, 0, len(auth.Roles))
	for _, r := range []string{"owner", "catalogue", "orders", "support", "reader"} {
		roles = append(roles, view.Pair{Key: v.word("role.", r), Value: v.t("role.may." + r)})
	}
	return v.show(code, view.Shell{Title: v.t("staff.title")}, news, view.TableBlock(v.l, t), view.Panel("invite", v.t("staff.invite"), invite),
		view.Panel("", v.t("staff.roles"), view.Facts(v.l, roles), view.Links(v.l, []ui.Link{{Text: v.t("roles.title"), URL: "/admin/roles"}, {Text: v.t("review.title"), URL: "/admin/review"}, {Text: v.t("approvals.title"), URL: "/admin/approvals"}})))
}

var stateTone = map[string]ui.Tone{"active": ui.OK, "invited": ui.Wait, "suspended": ui.Stop, "ended": ui.Stop}

// people are the members, and the roles that may be given to them.
type people struct {
	list  []auth.Staff
	roles []ui.Option
}

func (v *visit) readStaff() (people, error) {
	return read(v, func(q *db.Reader) (x people, err error) {
		if x.list, err = v.Auth.List(q, v.by); err != nil {
			return x, err
		}
		x.roles, err = v.roleOptions(q)
		return x, err
	})
}

// inviteStaff makes a member. The link is mailed; it is shown here once, for a
// shop whose mail does not work yet.
func (v *visit) inviteStaff() error {
	in, err := v.r.ReadForm("name", "email", "role", "company", "purpose", "ends", "totp")
	if err != nil {
		return err
	}
	n := auth.NewStaff{Email: in.Get("email"), Name: in.Get("name"), Role: in.Get("role")}
	out := auth.Outside{Company: in.Get("company"), Purpose: in.Get("purpose")}
	var ok bool
	if out.Ends, ok = date(in.Get("ends")); !ok {
		err = fault.Invalid(fault.Field{Pointer: "/ends", Code: "bad_date"})
	}
	if err == nil {
		err = v.prove(in.Get("totp"))
	}
	if err == nil {
		var made auth.Invited
		made, err = act(v, "staff.invite", "auth.staff", 0, func(tx *db.Tx) (auth.Invited, error) {
			if out != (auth.Outside{}) {
				return v.Auth.InviteOutside(tx, v.by, n, out)
			}
			return v.Auth.Invite(tx, v.by, n)
		})
		if err == nil && made.Waits != nil {
			return v.done("asked", "/admin/approvals")
		}
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
	x, err := v.readStaff()
	if err != nil {
		return err
	}
	var s auth.Staff
	for _, m := range x.list {
		if m.ID == id {
			s = m
		}
	}
	if s.ID == 0 {
		return fault.NotFound()
	}
	path := "/admin/staff/" + id.String()
	facts := []view.Pair{{Key: v.t("label.email"), Value: s.Profile.Email}, {Key: v.t("col.role"), Value: v.roleName(s.Role, s.RoleName)}, {Key: v.t("col.state"), Value: v.word("staff.state.", s.State)}, {Key: v.t("staff.since"), Value: lang.DateYear(v.l, s.Created)}}
	if !s.Ends.IsZero() {
		facts = append(facts, view.Pair{Key: v.t("label.outside_company"), Value: s.Profile.Company}, view.Pair{Key: v.t("label.outside_purpose"), Value: s.Profile.Purpose}, view.Pair{Key: v.t("label.outside_ends"), Value: lang.DateYear(v.l, s.Ends)})
	}
	blocks := []view.Block{news, view.Panel("", "", view.Facts(v.l, facts)), view.Fold(v.t("staff.may"), false, v.rightTable(v.t("staff.may"), s.Rights))}
	switch {
	case s.State == "closed":
	case !v.by.Covers(s.Rights):
		blocks = append(blocks, view.Quiet(v.t("role.above")))
	case !v.fresh():
		blocks = append(blocks, v.locked(path))
	default:
		if s.State == "suspended" {
			blocks = append(blocks, view.Panel("lift", v.t("staff.lift"), view.Say(v.t("staff.lift.text")), view.ButtonForm(v.l, view.Button{Action: path + "/lift", Text: v.t("staff.lift.go"), Main: true})))
		}
		blocks = append(blocks,
			view.Panel("", v.t("staff.role"), view.Quiet(v.t("staff.role.text")), view.FormBlock(v.l, view.Form{Action: path + "/role", Submit: v.t("save"), Fields: []view.Field{{Kind: view.Select, Input: ui.Input{Name: "role", Label: v.t("col.role"), Value: s.Role}, Options: x.roles}}})))
		if !s.Ends.IsZero() {
			blocks = append(blocks, view.Panel("", v.t("staff.ends"), view.Quiet(v.t("staff.ends.text")), view.FormBlock(v.l, view.Form{Action: path + "/ends", Submit: v.t("save"), Quiet: true, Fields: []view.Field{{Input: ui.Input{Name: "ends", Label: v.t("label.outside_ends"), Type: "date", Short: true, Value: s.Ends.In(lang.Zone).Format(time.DateOnly)}}}})))
		}
		blocks = append(blocks,
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
		if ok, err := v.asked(err); ok {
			return err
		}
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

// setEnds gives an outside person another end date.
func (v *visit) setEnds() error {
	in, err := v.r.ReadForm("ends")
	if err != nil {
		return err
	}
	ends, ok := date(in.Get("ends"))
	return v.onMember("staff.ends", "ends_set", func(tx *db.Tx, id db.ID) error {
		if !ok || ends.IsZero() {
			return fault.Conflict("bad_end")
		}
		err := v.Auth.SetEnds(tx, v.by, id, ends)
		if fault.Is(err, "invalid") {
			return fault.Conflict("bad_end")
		}
		return err
	})
}

// liftStaff lets a suspended member in again.
func (v *visit) liftStaff() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	return v.onMember("staff.lift", "lifted", func(tx *db.Tx, id db.ID) error { return v.Auth.Lift(tx, v.by, id) })
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
	if ok, err := v.asked(err); ok {
		return err
	}
	if err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showMember(status(err), view.Notice(ui.Stop, v.sentence(f)))
		}
		return err
	}
	return v.showMember(http.StatusOK, v.link(made))
}
