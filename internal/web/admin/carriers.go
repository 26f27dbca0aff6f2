package admin

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) carrierRoutes() []web.Route {
	read, write := web.Staff(auth.SettingsRead), web.Staff(auth.SettingsWrite)
	return []web.Route{
		a.page(get, "/admin/carriers", read, (*visit).carrierList),
		a.page(get, "/admin/carriers/{key}", read, (*visit).carrier),
		a.page(post, "/admin/carriers/{key}", write, (*visit).saveCarrier),
	}
}

// numberWord stands in the form for the place of the parcel's number: people who
// never program should not have to type braces.
const numberWord = "NUMMER"

func shownTemplate(t string) string { return strings.ReplaceAll(t, "{number}", numberWord) }

// carrierName is what a carrier is called: by the merchant, else by the program.
func (v *visit) carrierName(named []fulfilment.Named, key string) string {
	for _, n := range named {
		if n.Key == key {
			return n.Name
		}
	}
	return v.word("carrier.", key)
}

// carriers are those that can be chosen: the shop's own hands first, then those the
// program speaks with and those the merchant keeps.
func (v *visit) carriers(named []fulfilment.Named) []ui.Option {
	seen := map[string]bool{}
	var out []ui.Option
	for _, n := range named {
		seen[n.Key] = true
		if n.Active {
			out = append(out, ui.Option{Value: n.Key, Label: n.Name})
		}
	}
	for k := range v.Carriers {
		if !seen[k] {
			out = append(out, ui.Option{Value: k, Label: v.word("carrier.", k)})
		}
	}
	slices.SortFunc(out, func(a, b ui.Option) int { return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value)) })
	return append([]ui.Option{{Value: "", Label: v.t("carrier.own")}}, out...)
}

// knownCarriers are the merchant's, and those of the program that he has not named yet.
func (v *visit) knownCarriers() ([]fulfilment.Named, error) {
	named, err := read(v, func(q *db.Reader) ([]fulfilment.Named, error) {
		if err := v.by.Need(auth.SettingsRead); err != nil {
			return nil, err
		}
		return fulfilment.NamedCarriers(q)
	})
	if err != nil {
		return nil, err
	}
	for k := range v.Carriers {
		if !slices.ContainsFunc(named, func(n fulfilment.Named) bool { return n.Key == k }) {
			named = append(named, fulfilment.Named{Key: k, Name: v.word("carrier.", k), Active: true})
		}
	}
	slices.SortFunc(named, func(a, b fulfilment.Named) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key)) })
	return named, nil
}

func (v *visit) carrierList() error {
	list, err := v.knownCarriers()
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("carriers.title"), Empty: v.t("carriers.none"), Cols: []ui.Column{{Text: v.t("col.carrier")}, {Text: v.t("col.tracking_page")}, {Text: v.t("col.state")}}}
	for _, n := range list {
		state := view.Cell{Text: v.t("delivery.off"), Badge: true}
		if n.Active {
			state = view.Cell{Text: v.t("delivery.on"), Badge: true, Tone: ui.OK}
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: n.Name, Sub: n.Key, URL: "/admin/carriers/" + n.Key}, {Text: orDash(shownTemplate(n.Template))}, state}})
	}
	s := view.Shell{Title: v.t("carriers.title"), Lead: v.t("carriers.lead"), Crumbs: v.carrierCrumbs()}
	if v.by.Has(auth.SettingsWrite) {
		s.Head = view.Go(v.l, v.t("carriers.new"), "/admin/carriers/new", true)
	}
	return v.show(http.StatusOK, s, view.TableBlock(v.l, t))
}

func (v *visit) carrierCrumbs() []ui.Link {
	return []ui.Link{{Text: v.t("delivery.title"), URL: "/admin/delivery"}, {Text: v.t("carriers.title"), URL: "/admin/carriers"}}
}

func (v *visit) carrier() error { return v.showCarrier(http.StatusOK, ui.Form{}) }

func (v *visit) showCarrier(code int, f ui.Form) error {
	key := v.r.PathValue("key")
	n, title := fulfilment.Named{Active: true}, v.t("carriers.new")
	if key != "new" {
		list, err := v.knownCarriers()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(n fulfilment.Named) bool { return n.Key == key })
		if i < 0 {
			return fault.NotFound()
		}
		n, title = list[i], list[i].Name
	}
	var fields []view.Field
	if key == "new" {
		fields = append(fields, view.Field{Half: true, Input: ui.Input{Name: "key", Label: v.t("label.carrier_key"), Hint: v.t("carriers.key.hint"), Max: 40, NoSpell: true, Needed: true}})
	}
	fields = append(fields, view.Field{Half: true, Input: ui.Input{Name: "name", Label: v.t("label.name"), Value: n.Name, Max: 60, Needed: true}},
		view.Field{Input: ui.Input{Name: "template", Label: v.t("col.tracking_page"), Hint: v.t("carriers.template.hint"), Value: shownTemplate(n.Template), Max: 500, NoSpell: true, Optional: true}},
		view.Field{Kind: view.Box, Checked: n.Active, Input: ui.Input{Name: "active", Label: v.t("label.carrier_active")}})
	x := view.Form{Action: "/admin/carriers/" + key, Submit: v.t("save"), Form: f, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(n.Version, 10)}}, Fields: fields}
	return v.show(code, view.Shell{Title: title, Crumbs: append(v.carrierCrumbs(), ui.Link{Text: title, URL: "/admin/carriers/" + key})}, view.Panel("", "", v.editable(x, auth.SettingsWrite)))
}

func (v *visit) saveCarrier() error {
	in, err := v.r.ReadForm("key", "name", "template", "active", "version")
	if err != nil {
		return err
	}
	n := fulfilment.Named{Key: v.r.PathValue("key"), Name: in.Get("name"), Template: strings.ReplaceAll(in.Get("template"), numberWord, "{number}"), Active: in.Has("active")}
	if n.Key == "new" {
		n.Key = in.Get("key")
	} else if n.Version, err = strconv.ParseInt(in.Get("version"), 10, 64); err != nil || n.Version < 0 {
		err = fault.Invalid(fault.Field{Pointer: "/version", Code: "bad_value"})
	}
	if err == nil {
		err = v.do("carrier.put", "carrier", 0, func(tx *db.Tx) error { return fulfilment.PutCarrier(tx, v.by, n) })
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showCarrier(status(err), v.form(in, err, ""))
	}
	return v.done("saved", "/admin/carriers")
}
