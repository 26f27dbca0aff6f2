package admin

import (
	"net/http"
	"strconv"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) shelfRoutes() []web.Route {
	see, change := web.Staff(auth.CatalogRead), web.Staff(auth.CatalogWrite)
	return []web.Route{
		a.page(get, "/admin/categories", see, (*visit).categories),
		a.page(get, "/admin/categories/{id}", see, (*visit).category),
		a.page(post, "/admin/categories/{id}", change, (*visit).saveCategory),
		a.page(post, "/admin/categories/{id}/delete", change, (*visit).deleteCategory),
		a.page(get, "/admin/campaigns", see, (*visit).campaigns),
		a.page(get, "/admin/campaigns/{id}", see, (*visit).campaign),
		a.page(post, "/admin/campaigns/{id}", change, (*visit).saveCampaign),
		a.page(post, "/admin/campaigns/{id}/end", change, (*visit).endCampaign),
		a.page(post, "/admin/campaigns/{id}/delete", change, (*visit).deleteCampaign),
		a.page(get, "/admin/codes", see, (*visit).codes),
		a.page(get, "/admin/codes/{id}", see, (*visit).code),
		a.page(post, "/admin/codes/{id}", change, (*visit).saveCode),
		a.page(post, "/admin/codes/{id}/end", change, (*visit).endCode),
	}
}

func (v *visit) tree() (*catalog.Tree, error) {
	return read(v, func(q *db.Reader) (*catalog.Tree, error) {
		if err := v.by.Need(auth.CatalogRead); err != nil {
			return nil, err
		}
		return catalog.Categories(q)
	})
}

// categories shows the tree of shelves.
func (v *visit) categories() error {
	tree, err := v.tree()
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("categories.title"), Empty: v.t("categories.none"), Cols: []ui.Column{{Text: v.t("col.category")}, {Text: v.t("label.handle")}, {Text: v.t("col.state")}}}
	for _, c := range tree.All {
		text := c.Texts.In(v.l)
		state := view.Cell{Text: v.t("category.shown"), Badge: true, Tone: ui.OK}
		if !tree.Shown(c.ID) {
			state = view.Cell{Text: v.t("category.hidden"), Badge: true}
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: indent(c.Depth) + text.Title, URL: "/admin/categories/" + c.ID.String(), Lang: text.Lang}, {Text: c.Handle}, state}})
	}
	s := view.Shell{Title: v.t("categories.title")}
	if v.by.Has(auth.CatalogWrite) {
		s.Head = view.Go(v.l, v.t("category.new"), "/admin/categories/new", true)
	}
	return v.show(http.StatusOK, s, view.TableBlock(v.l, t))
}

func (v *visit) category() error { return v.showCategory(http.StatusOK, ui.Form{}, nil) }

func (v *visit) showCategory(code int, f ui.Form, refused view.Block) error {
	tree, err := v.tree()
	if err != nil {
		return err
	}
	which := v.r.PathValue("id")
	c := &catalog.Category{Texts: catalog.Texts{}}
	if which != "new" {
		id, err := parseID(which)
		if err != nil {
			return err
		}
		if c = tree.Get(id); c == nil {
			return fault.NotFound()
		}
	}
	below := map[db.ID]bool{}
	if c.ID > 0 {
		for _, id := range tree.Below(c.ID) {
			below[id] = true
		}
	}
	parents := []ui.Option{{Value: "0", Label: v.t("category.top")}}
	for _, x := range tree.All {
		if !below[x.ID] {
			parents = append(parents, ui.Option{Value: x.ID.String(), Label: indent(x.Depth) + x.Texts.In(v.l).Title})
		}
	}
	chosen := map[catalog.Regime]bool{}
	for _, r := range c.Regimes {
		chosen[r] = true
	}
	regimes := options(v, "regime.", catalog.Regimes...)
	for i := range regimes {
		regimes[i].Selected = chosen[catalog.Regime(regimes[i].Value)]
	}
	x := view.Form{Action: "/admin/categories/" + which, Submit: v.t("save"), Form: f, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(c.Version, 10)}}, Fields: []view.Field{
		{Half: true, Input: ui.Input{Name: "texts/sv/title", Label: v.t("label.name.sv"), Value: c.Texts[lang.SV].Title, Max: 200}},
		{Half: true, Input: ui.Input{Name: "texts/en/title", Label: v.t("label.name.en"), Value: c.Texts[lang.EN].Title, Max: 200, Optional: true}},
		{Half: true, Input: ui.Input{Name: "texts/sv/description", Label: v.t("label.description") + ", " + v.t("lang.sv"), Value: c.Texts[lang.SV].Description, Rows: 5, Optional: true}},
		{Half: true, Input: ui.Input{Name: "texts/en/description", Label: v.t("label.description") + ", " + v.t("lang.en"), Value: c.Texts[lang.EN].Description, Rows: 5, Optional: true}},
		{Half: true, Input: ui.Input{Name: "handle", Label: v.t("label.handle"), Hint: v.t("category.handle.hint"), Value: c.Handle, Max: 100, NoSpell: true, Optional: c.ID == 0}},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "parent", Label: v.t("label.parent"), Value: c.Parent.String()}, Options: parents},
		{Half: true, Input: ui.Input{Name: "position", Label: v.t("label.position"), Value: strconv.FormatInt(c.Position, 10), InputMode: "numeric", Short: true, Max: 6}},
		{Kind: view.Box, Checked: c.Hidden, Input: ui.Input{Name: "hidden", Label: v.t("label.hidden")}},
		{Kind: view.Boxes, Input: ui.Input{Name: "regimes", Label: v.t("label.regimes"), Hint: v.t("category.regimes.hint")}, Options: regimes}}}
	title := v.t("category.new")
	blocks := []view.Block{refused, view.Panel("", "", v.editable(x, auth.CatalogWrite))}
	if c.ID > 0 {
		title = c.Texts.In(v.l).Title
		if v.by.Has(auth.CatalogWrite) {
			blocks = append(blocks, view.Fold(v.t("category.delete"), false, view.Say(v.t("category.delete.text")), view.ButtonForm(v.l, view.Button{Action: "/admin/categories/" + which + "/delete", Text: v.t("category.delete.go"), Danger: true})))
		}
	}
	return v.show(code, view.Shell{Title: title, Crumbs: []ui.Link{{Text: v.t("categories.title"), URL: "/admin/categories"}, {Text: title, URL: "/admin/categories/" + which}}}, blocks...)
}

func (v *visit) saveCategory() error {
	in, err := v.r.ReadForm("version", "texts/sv/title", "texts/en/title", "texts/sv/description", "texts/en/description", "handle", "parent", "position", "hidden", "regimes*")
	if err != nil {
		return err
	}
	id, err := v.putCategory(in)
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showCategory(status(err), v.form(in, err, ""), nil)
	}
	return v.done("saved", "/admin/categories/"+id.String())
}

func (v *visit) putCategory(in web.Values) (db.ID, error) {
	c := catalog.Category{Handle: in.Get("handle"), Hidden: in.Has("hidden"), Texts: catalog.Texts{lang.SV: {Lang: lang.SV, Title: in.Get("texts/sv/title"), Description: in.Get("texts/sv/description")}}}
	if in.Get("texts/en/title") != "" || in.Get("texts/en/description") != "" {
		c.Texts[lang.EN] = catalog.Text{Lang: lang.EN, Title: in.Get("texts/en/title"), Description: in.Get("texts/en/description")}
	}
	for _, r := range in.All("regimes") {
		c.Regimes = append(c.Regimes, catalog.Regime(r))
	}
	var bad fault.Fields
	parent, err := db.ParseID(in.Get("parent"))
	if err != nil && in.Get("parent") != "0" && in.Get("parent") != "" {
		bad.Add("/parent", "unknown")
	}
	at, ok := whole(orNought(in.Get("position")))
	if !ok || at < 0 || at > 100_000 {
		bad.Add("/position", "not_a_number")
	}
	if err := bad.Err(); err != nil {
		return 0, err
	}
	c.Parent, c.Position = parent, at
	if which := v.r.PathValue("id"); which != "new" {
		if c.ID, err = parseID(which); err != nil {
			return 0, err
		}
		if c.Version, err = version(in.Get("version")); err != nil {
			return 0, err
		}
	}
	return act(v, "category.put", catalog.EntityCategory, c.ID, func(tx *db.Tx) (db.ID, error) {
		var was catalog.Category
		if c.ID > 0 {
			tree, err := catalog.Categories(tx)
			if err != nil {
				return 0, err
			}
			if x := tree.Get(c.ID); x != nil {
				was = *x
			}
		}
		id, err := catalog.PutCategory(tx, v.by, c)
		if err != nil {
			return 0, err
		}
		if c.ID > 0 && (was.Parent != parent || was.Position != at) {
			err = catalog.MoveCategory(tx, v.by, id, parent, at)
		}
		return id, err
	})
}

func (v *visit) deleteCategory() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do("category.delete", catalog.EntityCategory, id, func(tx *db.Tx) error { return catalog.DeleteCategory(tx, v.by, id) }); err != nil {
		if !mendable(err) {
			return err
		}
		return v.showCategory(status(err), ui.Form{}, view.Notice(ui.Stop, v.sentence(fault.As(err))))
	}
	return v.done("category_deleted", "/admin/categories")
}
