package admin

import (
	"net/http"
	"strconv"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// textFields are the words of a product in one language.
var textFields = []struct {
	name      string
	rows, max int
}{{"title", 0, 200}, {"description", 12, 0}, {"seo_title", 0, 200}, {"seo_description", 2, 400}, {"materials", 2, 1000}, {"ingredients", 3, 0}, {"allergens", 2, 1000}, {"warnings", 3, 0}}

func textValue(t catalog.Text, name string) string {
	switch name {
	case "title":
		return t.Title
	case "description":
		return t.Description
	case "seo_title":
		return t.SEOTitle
	case "seo_description":
		return t.SEODescription
	case "materials":
		return t.Materials
	case "ingredients":
		return t.Ingredients
	case "allergens":
		return t.Allergens
	}
	return strings.Join(t.Warnings, "\n")
}

// texts shows the words of a product, Swedish first.
func (v *visit) texts() error {
	w, err := v.readWare()
	if err != nil {
		return err
	}
	return v.showTexts(http.StatusOK, w, ui.Form{})
}

func (v *visit) showTexts(code int, w ware, f ui.Form) error {
	x := view.Form{Action: productPath(w.p.ID) + "/texts", Submit: v.t("save"), Form: f, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(w.p.Version, 10)}}}
	for _, l := range lang.All {
		x.Fields = append(x.Fields, view.Field{Kind: view.Heading, Input: ui.Input{Label: v.t("lang." + string(l))}})
		if l == lang.EN {
			x.Fields = append(x.Fields, view.Field{Kind: view.Note, Input: ui.Input{Label: v.t("texts.en.hint")}})
		}
		for _, n := range textFields {
			in := ui.Input{Name: "texts/" + string(l) + "/" + n.name, Label: v.word("label.", n.name), Rows: n.rows, Max: n.max, Value: textValue(w.p.Texts[l], n.name), Optional: n.name != "title" && n.name != "description"}
			switch n.name {
			case "description":
				in.Hint = v.t("texts.markdown")
			case "warnings":
				in.Hint = v.t("texts.warnings.hint")
			case "allergens":
				in.Hint = v.t("texts.allergens.hint")
			}
			x.Fields = append(x.Fields, view.Field{Input: in})
		}
	}
	return v.showWare(code, w, "/texts", v.problems(w.p), view.Panel("", "", v.editable(x, auth.CatalogWrite)))
}

// editable is the form for who may send it, and the same words to read for others.
func (v *visit) editable(f view.Form, right auth.Right) view.Block {
	if v.by.Has(right) {
		return view.FormBlock(v.l, f)
	}
	var facts []view.Pair
	for _, x := range f.Fields {
		val := x.Value
		for _, o := range x.Options {
			if o.Selected || o.Value == x.Value {
				val = o.Label
			}
		}
		if x.Kind == view.Box {
			val = v.t(map[bool]string{true: "yes", false: "no"}[x.Checked])
		}
		if x.Label != "" && val != "" && x.Kind != view.Heading && x.Kind != view.Note {
			facts = append(facts, view.Pair{Key: x.Label, Block: view.Words(val)})
		}
	}
	return view.Group(view.Quiet(v.t("read_only")), view.Facts(v.l, facts))
}

func (v *visit) saveTexts() error {
	names := []string{"version"}
	for _, l := range lang.All {
		for _, n := range textFields {
			names = append(names, "texts/"+string(l)+"/"+n.name)
		}
	}
	in, err := v.r.ReadForm(names...)
	if err != nil {
		return err
	}
	return v.saveWare(in, "product.texts", "/texts", v.showTexts, func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error) {
		ts := catalog.Texts{}
		for _, l := range lang.All {
			get := func(n string) string { return in.Get("texts/" + string(l) + "/" + n) }
			t := catalog.Text{Lang: l, Title: get("title"), Description: get("description"), SEOTitle: get("seo_title"), SEODescription: get("seo_description"), Materials: get("materials"), Ingredients: get("ingredients"), Allergens: get("allergens"), Warnings: lines(get("warnings"))}
			ts[l] = t
		}
		return catalog.SetTexts(tx, v.by, id, ver, ts)
	})
}

// saveWare runs a change of a product and shows the page again, with what is
// wrong if it was not taken.
func (v *visit) saveWare(in web.Values, action, part string, again func(int, ware, ui.Form) error, fn func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error)) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	ver, err := version(in.Get("version"))
	if err == nil {
		_, err = act(v, action, catalog.EntityProduct, id, func(tx *db.Tx) (catalog.Outcome, error) { return fn(tx, id, ver) })
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		w, e := v.readWare()
		if e != nil {
			return e
		}
		return again(status(err), w, v.form(in, err, ""))
	}
	return v.done("saved", productPath(id)+part)
}

// lines splits a text into its lines; empty ones are left out.
func lines(s string) []string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}
