package admin

import (
	"net/http"
	"strconv"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) roleRoutes() []web.Route {
	who := web.Staff(auth.StaffWrite)
	return []web.Route{
		a.page(get, "/admin/roles", who, (*visit).roles),
		a.page(post, "/admin/roles", who, (*visit).createRole),
		a.page(get, "/admin/roles/{key}", who, (*visit).role),
		a.page(post, "/admin/roles/{key}", who, (*visit).saveRole),
		a.page(post, "/admin/roles/{key}/remove", who, (*visit).removeRole),
	}
}

func (v *visit) readRoles() ([]auth.Role, error) {
	return read(v, func(q *db.Reader) ([]auth.Role, error) { return v.Auth.RoleList(q, v.by) })
}

// roles lists the roles, and makes new ones.
func (v *visit) roles() error { return v.showRoles(http.StatusOK, ui.Form{}, nil) }

func (v *visit) showRoles(code int, f ui.Form, chosen []string) error {
	list, err := v.readRoles()
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("roles.title"), Cols: []ui.Column{{Text: v.t("col.role")}, {Text: v.t("col.kind")}, {Text: v.t("col.rights"), Num: true}, {Text: v.t("col.members"), Num: true}}}
	for _, r := range list {
		kind := v.t("role.own")
		if r.ID == 0 {
			kind = v.t("role.built_in")
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: v.roleName(r.Key, r.Name), URL: "/admin/roles/" + r.Key}, {Text: kind}, {Text: strconv.Itoa(len(r.Rights))}, {Text: strconv.FormatInt(r.Members, 10)}}})
	}
	make := v.locked("/admin/roles")
	if v.fresh() || f.Failed() {
		make = view.FormBlock(v.l, view.Form{Action: "/admin/roles", Submit: v.t("role.create.go"), Form: f, Fields: append(v.roleFields("", v.by.Rights(), chosen), v.proofField()...)})
	}
	return v.show(code, view.Shell{Title: v.t("roles.title"), Lead: v.t("roles.lead")}, view.TableBlock(v.l, t), view.Panel("create", v.t("role.create"), make))
}

func (v *visit) roleFields(name string, from []auth.Right, chosen []string) []view.Field {
	return []view.Field{
		{Input: ui.Input{Name: "name", Label: v.t("label.role_name"), Value: name, Max: 40}},
		{Kind: view.Boxes, Input: ui.Input{Name: "rights", Label: v.t("label.role_rights")}, Options: v.rightBoxes(from, chosen)}}
}

func (v *visit) createRole() error {
	in, err := v.r.ReadForm("name", "rights*", "totp")
	if err != nil {
		return err
	}
	if err = v.prove(in.Get("totp")); err == nil {
		err = v.putRole(0, 0, in)
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showRoles(status(err), v.form(in, err, ""), in.All("rights"))
	}
	return v.done("role_saved", "/admin/roles")
}

func (v *visit) putRole(id db.ID, version int64, in web.Values) error {
	var rs []auth.Right
	for _, r := range in.All("rights") {
		rs = append(rs, auth.Right(r))
	}
	return v.do("role.put", "auth.role", id, func(tx *db.Tx) error {
		_, err := v.Auth.PutRole(tx, v.by, id, version, in.Get("name"), rs)
		return err
	})
}

// findRole reads the role of the path.
func (v *visit) findRole() (auth.Role, error) {
	list, err := v.readRoles()
	if err != nil {
		return auth.Role{}, err
	}
	for _, r := range list {
		if r.Key == v.r.PathValue("key") {
			return r, nil
		}
	}
	return auth.Role{}, fault.NotFound()
}

// role shows what a role may, in sentences, and changes an own one.
func (v *visit) role() error { return v.showRole(http.StatusOK, ui.Form{}, nil, nil) }

func (v *visit) showRole(code int, f ui.Form, chosen []string, news view.Block) error {
	r, err := v.findRole()
	if err != nil {
		return err
	}
	name, path := v.roleName(r.Key, r.Name), "/admin/roles/"+r.Key
	blocks := []view.Block{news, view.Panel("", v.t("role.may.title"), v.rightTable(name, r.Rights))}
	switch {
	case r.ID == 0:
		blocks = append(blocks, view.Quiet(v.t("role.built_in.text")))
	case !v.by.Covers(r.Rights):
		blocks = append(blocks, view.Quiet(v.t("role.above")))
	case !v.fresh() && !f.Failed():
		blocks = append(blocks, v.locked(path))
	default:
		if chosen == nil {
			chosen = words(r.Rights)
		}
		blocks = append(blocks, view.Panel("", v.t("role.change"), view.Quiet(v.n("role.change.text", int(r.Members))), view.FormBlock(v.l, view.Form{Action: path, Submit: v.t("save"), Form: f,
			Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(r.Version, 10)}}, Fields: append(v.roleFields(r.Name, v.by.Rights(), chosen), v.proofField()...)})))
		if r.Members == 0 {
			blocks = append(blocks, view.Fold(v.t("role.remove"), false, view.Say(v.t("role.remove.text")), view.ButtonForm(v.l, view.Button{Action: path + "/remove", Text: v.t("role.remove.go"), Danger: true})))
		}
	}
	if r.ID > 0 {
		blocks = append(blocks, view.Quiet(v.t("role.changed", "at", lang.DateTime(v.l, r.Changed))))
	}
	return v.show(code, view.Shell{Title: name, Crumbs: []ui.Link{{Text: v.t("roles.title"), URL: "/admin/roles"}, {Text: name, URL: path}}}, blocks...)
}

func (v *visit) saveRole() error {
	in, err := v.r.ReadForm("version", "name", "rights*", "totp")
	if err != nil {
		return err
	}
	r, err := v.findRole()
	if err != nil {
		return err
	}
	ver, err := strconv.ParseInt(in.Get("version"), 10, 64)
	if err != nil || r.ID == 0 {
		err = fault.Conflict("role_built_in")
	} else if err = v.prove(in.Get("totp")); err == nil {
		err = v.putRole(r.ID, ver, in)
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showRole(status(err), v.form(in, err, ""), in.All("rights"), nil)
	}
	return v.done("role_saved", "/admin/roles/"+r.Key)
}

func (v *visit) removeRole() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	r, err := v.findRole()
	if err != nil {
		return err
	}
	if err := v.do("role.remove", "auth.role", r.ID, func(tx *db.Tx) error { return v.Auth.RemoveRole(tx, v.by, r.ID) }); err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showRole(status(err), ui.Form{}, nil, view.Notice(ui.Stop, v.sentence(f)))
		}
		return err
	}
	return v.done("role_removed", "/admin/roles")
}
