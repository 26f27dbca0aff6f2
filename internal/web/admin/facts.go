package admin

import (
	"net/http"
	"strconv"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

var (
	units         = []string{"", "kg", "l", "m", "piece"}
	energyClasses = []string{"", "A", "B", "C", "D", "E", "F", "G"}
)

// facts shows what a product is, apart from its words: what law and tax want told.
func (v *visit) facts() error {
	w, err := v.readWare()
	if err != nil {
		return err
	}
	return v.showFacts(http.StatusOK, w, ui.Form{})
}

func (v *visit) showFacts(code int, w ware, f ui.Form) error {
	p := w.p
	text := func(name, label, val string, max int) view.Field {
		return view.Field{Half: true, Input: ui.Input{Name: name, Label: v.t(label), Value: val, Max: max, Optional: val == ""}}
	}
	number := func(name, label, hint string, n int64) view.Field {
		val := ""
		if n != 0 {
			val = strconv.FormatInt(n, 10)
		}
		return view.Field{Half: true, Input: ui.Input{Name: name, Label: v.t(label), Hint: v.t(hint), Value: val, InputMode: "numeric", Short: true, Max: 12, Optional: true}}
	}
	head := func(key string) view.Field {
		return view.Field{Kind: view.Heading, Input: ui.Input{Label: v.t(key)}}
	}
	returnCost := ""
	if p.ReturnCost.Amount > 0 {
		returnCost = typed(p.ReturnCost.Amount)
	}
	chosen := map[catalog.Regime]bool{}
	for _, r := range p.Regimes {
		chosen[r] = true
	}
	regimes := options(v, "regime.", catalog.Regimes...)
	for i := range regimes {
		regimes[i].Selected = chosen[catalog.Regime(regimes[i].Value)]
	}
	x := view.Form{Action: productPath(p.ID) + "/facts", Submit: v.t("save"), Form: f, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(p.Version, 10)}}, Fields: []view.Field{
		{Half: true, Input: ui.Input{Name: "handle", Label: v.t("label.handle"), Hint: v.t("handle.hint"), Value: p.Handle, Max: 100, NoSpell: true}},
		text("brand", "label.brand", p.Brand, 100),
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "kind", Label: v.t("label.kind"), Value: string(p.Kind)}, Options: options(v, "kind.", catalog.Goods, catalog.Digital, catalog.Service, catalog.GiftCard)},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "vat_class", Label: v.t("label.vat_class"), Value: p.VATClass}, Options: options(v, "vat.", catalog.VATClasses...)},
		{Kind: view.Select, Input: ui.Input{Name: "withdrawal", Label: v.t("label.withdrawal"), Hint: v.t("withdrawal.hint"), Value: string(p.Withdrawal)}, Options: options(v, "withdrawal.", catalog.Withdrawals...)},
		head("facts.safety"),
		text("maker/name", "label.maker.name", p.Maker.Name, 200), text("maker/postal", "label.maker.postal", p.Maker.Postal, 300), text("maker/electronic", "label.maker.electronic", p.Maker.Electronic, 200),
		{Kind: view.Box, Half: true, Checked: p.MakerOutsideEU, Input: ui.Input{Name: "maker_outside_eu", Label: v.t("label.maker_outside_eu")}},
		text("eu_responsible/name", "label.eu.name", p.EUResponsible.Name, 200), text("eu_responsible/postal", "label.eu.postal", p.EUResponsible.Postal, 300), text("eu_responsible/electronic", "label.eu.electronic", p.EUResponsible.Electronic, 200),
		{Kind: view.Box, Checked: p.NoWarnings, Input: ui.Input{Name: "no_warnings", Label: v.t("label.no_warnings"), Hint: v.t("no_warnings.hint")}},
		{Kind: view.Boxes, Input: ui.Input{Name: "regimes", Label: v.t("label.regimes"), Hint: v.t("regimes.hint")}, Options: regimes},
		head("facts.measure"),
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "unit", Label: v.t("label.unit"), Value: p.Unit}, Options: options(v, "unit.", units...)},
		number("content", "label.content", "content.hint", p.Content),
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "energy_class", Label: v.t("label.energy_class"), Value: p.EnergyClass}, Options: options(v, "energy.", energyClasses...)},
		text("origin", "label.origin", p.Origin, 2), number("min_age", "label.min_age", "min_age.hint", p.MinAge),
		head("facts.delivery"),
		{Kind: view.Box, Half: true, Checked: p.Bulky, Input: ui.Input{Name: "bulky", Label: v.t("label.bulky")}},
		{Half: true, Input: ui.Input{Name: "return_cost", Label: v.t("label.return_cost"), Hint: v.t("return_cost.hint"), Value: returnCost, InputMode: "decimal", Short: true, Max: 16, Optional: true}},
	}}
	if f.Values != nil {
		for i := range x.Fields {
			if x.Fields[i].Kind == view.Boxes {
				x.Form.Values["regimes"] = ""
			}
		}
	}
	return v.showWare(code, w, "/facts", v.problems(p), view.Panel("", "", v.editable(x, auth.CatalogWrite)))
}

func (v *visit) saveFacts() error {
	in, err := v.r.ReadForm("version", "handle", "brand", "kind", "vat_class", "withdrawal", "maker/name", "maker/postal", "maker/electronic", "maker_outside_eu", "eu_responsible/name", "eu_responsible/postal",
		"eu_responsible/electronic", "no_warnings", "regimes*", "unit", "content", "energy_class", "origin", "min_age", "bulky", "return_cost")
	if err != nil {
		return err
	}
	return v.saveWare(in, "product.facts", "/facts", v.showFacts, func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error) {
		var bad fault.Fields
		number := func(name string) int64 {
			n, ok := whole(orNought(in.Get(name)))
			if !ok {
				bad.Add("/"+name, "not_a_number")
			}
			return n
		}
		c := catalog.Core{Handle: in.Get("handle"), Brand: in.Get("brand"), Kind: catalog.Kind(in.Get("kind")), VATClass: in.Get("vat_class"), Withdrawal: catalog.Withdrawal(in.Get("withdrawal")),
			Maker: catalog.Party{Name: in.Get("maker/name"), Postal: in.Get("maker/postal"), Electronic: in.Get("maker/electronic")}, MakerOutsideEU: in.Has("maker_outside_eu"),
			EUResponsible: catalog.Party{Name: in.Get("eu_responsible/name"), Postal: in.Get("eu_responsible/postal"), Electronic: in.Get("eu_responsible/electronic")}, NoWarnings: in.Has("no_warnings"),
			Unit: in.Get("unit"), Content: number("content"), EnergyClass: in.Get("energy_class"), Origin: in.Get("origin"), MinAge: number("min_age"), Bulky: in.Has("bulky")}
		for _, r := range in.All("regimes") {
			c.Regimes = append(c.Regimes, catalog.Regime(r))
		}
		if s := in.Get("return_cost"); s != "" {
			m, ok := amount(s, v.Currency)
			if !ok {
				bad.Add("/return_cost", "bad_amount")
			}
			c.ReturnCost = m
		} else {
			c.ReturnCost = money.Money{}
		}
		if err := bad.Err(); err != nil {
			return catalog.Outcome{}, err
		}
		return catalog.UpdateProduct(tx, v.by, id, ver, c)
	})
}

func orNought(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// shelves shows where a product stands: categories, tags, and the properties it
// can be filtered by.
func (v *visit) shelves() error {
	w, err := v.readWare()
	if err != nil {
		return err
	}
	return v.showShelves(http.StatusOK, w, ui.Form{})
}

func (v *visit) showShelves(code int, w ware, f ui.Form) error {
	type shop struct {
		tree  *catalog.Tree
		attrs []catalog.Attribute
	}
	s, err := read(v, func(q *db.Reader) (s shop, err error) {
		if s.tree, err = catalog.Categories(q); err != nil {
			return s, err
		}
		s.attrs, err = catalog.Attributes(q)
		return s, err
	})
	if err != nil {
		return err
	}
	in := map[db.ID]bool{}
	for _, c := range w.p.Categories {
		in[c] = true
	}
	var opts []ui.Option
	for _, c := range s.tree.All {
		opts = append(opts, ui.Option{Value: c.ID.String(), Label: indent(c.Depth) + c.Texts.In(v.l).Title, Selected: in[c.ID]})
	}
	hidden := []view.Pair{{Key: "version", Value: strconv.FormatInt(w.p.Version, 10)}}
	main := ""
	if len(w.p.Categories) > 0 {
		main = w.p.Categories[0].String()
	}
	mains := append([]ui.Option{{Value: "", Label: v.t("category.first")}}, opts...)
	for i := range mains {
		mains[i].Selected = false
	}
	place := view.Form{Action: productPath(w.p.ID) + "/shelves", Submit: v.t("save"), Form: f, Hidden: hidden, Fields: []view.Field{
		{Kind: view.Boxes, Input: ui.Input{Name: "categories", Label: v.t("label.categories")}, Options: opts},
		{Kind: view.Select, Input: ui.Input{Name: "main", Label: v.t("label.main_category"), Hint: v.t("main_category.hint"), Value: main}, Options: mains},
		{Input: ui.Input{Name: "tags", Label: v.t("label.tags"), Hint: v.t("tags.hint"), Value: joined(w.p.Tags), Max: 2000, Optional: true}}}}
	have := map[string]catalog.Value{}
	for _, x := range w.p.Values {
		have[x.Key] = x
	}
	values := view.Form{Action: productPath(w.p.ID) + "/values", Submit: v.t("save"), Quiet: true, Hidden: hidden}
	for _, x := range s.attrs {
		values.Fields = append(values.Fields, v.valueFields(x, have[x.Key])...)
	}
	blocks := []view.Block{view.Panel("", v.t("shelves.title"), v.editable(place, auth.CatalogWrite))}
	if len(values.Fields) > 0 {
		blocks = append(blocks, view.Panel("values", v.t("values.title"), v.editable(values, auth.CatalogWrite)))
	}
	return v.showWare(code, w, "/shelves", blocks...)
}

func (v *visit) valueFields(a catalog.Attribute, x catalog.Value) []view.Field {
	name, _ := a.Name.In(v.l)
	if a.Unit != "" {
		name += " (" + a.Unit + ")"
	}
	sv := ui.Input{Name: "value." + a.Key, Label: name, Value: x.Label.SV, Max: 200, Optional: true}
	switch a.Type {
	case catalog.Yes:
		return []view.Field{{Half: true, Kind: view.Select, Input: ui.Input{Name: sv.Name, Label: name, Value: x.Value}, Options: []ui.Option{{Value: "", Label: "–"}, {Value: "true", Label: v.t("yes")}, {Value: "false", Label: v.t("no")}}}}
	case catalog.Number:
		sv.InputMode, sv.Short = "decimal", true
		if x.Key != "" {
			sv.Value = thousandths(x.Number)
		}
		return []view.Field{{Half: true, Input: sv}}
	}
	en := sv
	en.Name, en.Label, en.Value = "value_en."+a.Key, name+", "+v.t("lang.en"), x.Label.EN
	return []view.Field{{Half: true, Input: sv}, {Half: true, Input: en}}
}

func (v *visit) saveShelves() error {
	in, err := v.r.ReadForm("version", "categories*", "main", "tags")
	if err != nil {
		return err
	}
	return v.saveWare(in, "product.shelves", "/shelves", v.showShelves, func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error) {
		var ids []db.ID
		main, _ := db.ParseID(in.Get("main"))
		for _, s := range in.All("categories") {
			c, err := db.ParseID(s)
			if err != nil {
				return catalog.Outcome{}, fault.Invalid(fault.Field{Pointer: "/categories", Code: "unknown"})
			}
			if c == main {
				ids = append([]db.ID{c}, ids...)
			} else {
				ids = append(ids, c)
			}
		}
		out, err := catalog.SetCategories(tx, v.by, id, ver, ids)
		if err != nil {
			return out, err
		}
		return catalog.SetTags(tx, v.by, id, out.Version, split(in.Get("tags")))
	})
}

func (v *visit) saveValues() error {
	in, err := v.r.ReadForm("version", "value.", "value_en.")
	if err != nil {
		return err
	}
	en := in.Prefixed("value_en.")
	return v.saveWare(in, "product.values", "/shelves", v.showShelves, func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error) {
		attrs, err := catalog.Attributes(tx)
		if err != nil {
			return catalog.Outcome{}, err
		}
		var vs []catalog.NewValue
		for _, a := range attrs { // in the order of the list, so that faults are the same each time
			if s := in.Get("value." + a.Key); s != "" {
				vs = append(vs, catalog.NewValue{Key: a.Key, Label: catalog.Localized{SV: s, EN: en[a.Key]}})
			}
		}
		return catalog.SetValues(tx, v.by, id, ver, vs)
	})
}

func indent(depth int) string {
	s := ""
	for range max(0, depth-1) {
		s += "– "
	}
	return s
}

func thousandths(n int64) string {
	s := lang.Decimal(lang.SV, n/10)
	if n%10 != 0 {
		s = strconv.FormatInt(n/1000, 10) + "," + strconv.FormatInt(n%1000+1000, 10)[1:]
	}
	return s
}
