package admin

import (
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) tokenRoutes() []web.Route {
	who := web.Staff(auth.StaffWrite)
	return []web.Route{
		a.page(get, "/admin/tokens", who, (*visit).tokens),
		a.page(post, "/admin/tokens", who, (*visit).createToken),
		a.page(get, "/admin/tokens/{id}", who, (*visit).token),
		a.page(post, "/admin/tokens/{id}/revoke", who, (*visit).revokeToken),
		a.page(post, "/admin/tokens/{id}/lift", who, (*visit).liftToken),
	}
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
			rights = append(rights, v.word("right.", string(r)))
		}
		row := view.Row{Cells: []view.Cell{{Text: k.Name, Sub: v.word("reason.", k.Purpose), URL: "/admin/tokens/" + k.ID.String()}, {Text: joined(rights)}, {Text: v.day(k.Used)}, {Text: v.day(k.Expires)}, {Text: v.t("token.living"), Badge: true, Tone: ui.OK}, {}}}
		switch {
		case !k.Revoked.IsZero():
			row.Cells[4] = view.Cell{Text: v.t("token.revoked"), Badge: true}
		case !k.Expires.After(now):
			row.Cells[4] = view.Cell{Text: v.t("token.expired"), Badge: true}
		case !k.Suspended.IsZero():
			row.Cells[4] = view.Cell{Text: v.t("token.suspended"), Badge: true, Tone: ui.Stop}
		case v.fresh():
			row.Cells[5].Block = view.ButtonForm(v.l, view.Button{Action: "/admin/tokens/" + k.ID.String() + "/revoke", Text: v.t("token.revoke"), Title: v.t("token.revoke") + ": " + k.Name, Danger: true})
		}
		t.Rows = append(t.Rows, row)
	}
	make := v.locked("/admin/tokens")
	if v.fresh() || f.Failed() {
		make = view.FormBlock(v.l, view.Form{Action: "/admin/tokens", Submit: v.t("token.create.go"), Form: f, Fields: append([]view.Field{
			{Half: true, Input: ui.Input{Name: "name", Label: v.t("label.token_name"), Hint: v.t("token.name.hint"), Max: 60}},
			{Half: true, Input: ui.Input{Name: "expires", Label: v.t("col.ends"), Hint: v.t("token.expires.hint"), Type: "date", Short: true, Optional: true}},
			{Half: true, Kind: view.Select, Input: ui.Input{Name: "purpose", Label: v.t("label.purpose"), Hint: v.t("token.purpose.hint"), Value: auth.ForOther}, Options: options(v, "reason.", auth.Reasons...)},
			{Input: ui.Input{Name: "networks", Label: v.t("label.token_networks"), Hint: v.t("token.networks.hint"), Max: 400, Optional: true, NoSpell: true}},
			{Kind: view.Boxes, Input: ui.Input{Name: "rights", Label: v.t("col.rights")}, Options: v.rightBoxes(v.by.Rights(), chosen)}}, v.proofField()...)})
	}
	return v.show(code, view.Shell{Title: v.t("tokens.title"), Lead: v.t("tokens.lead")}, news, view.TableBlock(v.l, t), view.Panel("create", v.t("token.create"), make))
}

// createToken shows the new key once; it is stored nowhere.
func (v *visit) createToken() error {
	in, err := v.r.ReadForm("name", "expires", "purpose", "networks", "rights*", "totp")
	if err != nil {
		return err
	}
	n := auth.NewToken{Name: in.Get("name"), Purpose: in.Get("purpose"), Networks: strings.FieldsFunc(in.Get("networks"), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })}
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

// token shows what one key may, in sentences, and where and when it is used.
func (v *visit) token() error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	list, err := read(v, func(q *db.Reader) ([]auth.Token, error) { return v.Auth.Tokens(q, v.by) })
	if err != nil {
		return err
	}
	for _, k := range list {
		if k.ID != id {
			continue
		}
		where := v.t("token.anywhere")
		if len(k.Networks) > 0 {
			where = joined(k.Networks)
		}
		path := "/admin/tokens/" + id.String()
		blocks := []view.Block{view.Panel("", "", view.Facts(v.l, []view.Pair{{Key: v.t("label.purpose"), Value: v.word("reason.", k.Purpose)}, {Key: v.t("label.token_networks"), Value: where}, {Key: v.t("col.made"), Value: v.day(k.Created)},
			{Key: v.t("col.used_at"), Value: v.day(k.Used)}, {Key: v.t("col.ends"), Value: v.day(k.Expires)}})), view.Panel("", v.t("token.may"), v.rightTable(k.Name, k.Rights))}
		if !k.Suspended.IsZero() && k.Revoked.IsZero() {
			lift := v.locked(path)
			if v.fresh() {
				lift = view.ButtonForm(v.l, view.Button{Action: path + "/lift", Text: v.t("staff.lift.go"), Main: true})
			}
			blocks = append(blocks, view.Panel("lift", v.t("token.suspended"), view.Say(v.t("token.suspended.text")), lift))
		}
		return v.show(http.StatusOK, view.Shell{Title: k.Name, Crumbs: []ui.Link{{Text: v.t("tokens.title"), URL: "/admin/tokens"}, {Text: k.Name, URL: path}}}, blocks...)
	}
	return fault.NotFound()
}

// liftToken opens a key again that a review shut.
func (v *visit) liftToken() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do("token.lift", "auth.token", id, func(tx *db.Tx) error { return v.Auth.LiftToken(tx, v.by, id) }); err != nil {
		if f := fault.As(err); mendable(err) && f != nil {
			return v.showTokens(status(err), ui.Form{}, nil, view.Notice(ui.Stop, v.sentence(f)))
		}
		return err
	}
	return v.done("lifted", "/admin/tokens")
}
