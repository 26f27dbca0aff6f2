package admin

import (
	"net/http"
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// codes lists the discount codes, newest first.
func (v *visit) codes() error {
	_, before, _, err := v.listQuery(nil)
	if err != nil {
		return err
	}
	type list struct {
		cs  []pricing.Code
		now time.Time
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		if err := v.by.Need(auth.CatalogRead); err != nil {
			return l, err
		}
		l.now = q.LegalNow()
		l.cs, err = pricing.ListCodes(q, before, pageSize+1)
		return l, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("codes.title"), Empty: v.t("codes.none"), Cols: []ui.Column{{Text: v.t("col.code")}, {Text: v.t("col.reduction")}, {Text: v.t("col.used"), Num: true}, {Text: v.t("col.from")}, {Text: v.t("col.to")}, {Text: v.t("col.state")}}}
	for _, c := range paged(&t, got.cs, before, func(c pricing.Code) db.ID { return c.ID }, "/admin/codes") {
		used := lang.Number(v.l, c.Used)
		if c.Limit > 0 {
			used += " / " + lang.Number(v.l, c.Limit)
		}
		state, tone := v.span(c.From, c.To, got.now)
		switch {
		case c.Disabled:
			state, tone = v.t("code.off"), ui.Plain
		case c.Limit > 0 && c.Used >= c.Limit:
			state, tone = v.t("code.used_up"), ui.Plain
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: c.Code, URL: "/admin/codes/" + c.ID.String()}, {Text: v.codeValue(c)}, {Text: used}, {Text: v.day(c.From)}, {Text: v.day(c.To)}, {Text: state, Badge: true, Tone: tone}}})
	}
	s := view.Shell{Title: v.t("codes.title")}
	if v.by.Has(auth.CatalogWrite) {
		s.Head = view.Go(v.l, v.t("code.new"), "/admin/codes/new", true)
	}
	return v.show(http.StatusOK, s, view.TableBlock(v.l, t))
}

func (v *visit) codeValue(c pricing.Code) string {
	return v.reduction(pricing.Step{Kind: c.Kind, Value: c.Value, Currency: c.Currency})
}

func (v *visit) code() error { return v.showCode(http.StatusOK, ui.Form{}) }

func (v *visit) readCode(which string) (pricing.Code, error) {
	if which == "new" {
		return pricing.Code{Kind: "percent"}, nil
	}
	id, err := parseID(which)
	if err != nil {
		return pricing.Code{}, err
	}
	return read(v, func(q *db.Reader) (pricing.Code, error) {
		if err := v.by.Need(auth.CatalogRead); err != nil {
			return pricing.Code{}, err
		}
		return pricing.CodeByID(q, id)
	})
}

func (v *visit) showCode(code int, f ui.Form) error {
	which := v.r.PathValue("id")
	c, err := v.readCode(which)
	if err != nil {
		return err
	}
	val, min, limit := "", "", ""
	if c.Value > 0 {
		val = typed(c.Value)
	}
	if c.MinGoods > 0 {
		min = typed(c.MinGoods)
	}
	if c.Limit > 0 {
		limit = strconv.FormatInt(c.Limit, 10)
	}
	path := "/admin/codes/" + which
	x := view.Form{Action: path, Submit: v.t("save"), Form: f, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(c.Version, 10)}}, Fields: []view.Field{
		{Input: ui.Input{Name: "code", Label: v.t("col.code"), Hint: v.t("code.hint"), Value: c.Code, Max: 40, NoSpell: true}},
		{Half: true, Input: ui.Input{Name: "label/sv", Label: v.t("label.name.sv"), Value: c.Label.SV, Max: 200, Optional: true}}, {Half: true, Input: ui.Input{Name: "label/en", Label: v.t("label.name.en"), Value: c.Label.EN, Max: 200, Optional: true}},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "kind", Label: v.t("label.reduction"), Value: c.Kind}, Options: options(v, "reduction.", "percent", "amount")},
		{Half: true, Input: ui.Input{Name: "value", Label: v.t("label.value"), Hint: v.t("reduction.hint"), Value: val, InputMode: "decimal", Short: true, Max: 16}},
		{Half: true, Input: ui.Input{Name: "from", Label: v.t("label.first_day"), Type: "date", Value: dayField(c.From), Short: true, Optional: true}}, {Half: true, Input: ui.Input{Name: "to", Label: v.t("label.last_day"), Type: "date", Value: dayField(lastDay(c.To)), Short: true, Optional: true}},
		{Half: true, Input: ui.Input{Name: "min_goods", Label: v.t("label.min_goods"), Value: min, InputMode: "decimal", Short: true, Max: 16, Optional: true}}, {Half: true, Input: ui.Input{Name: "limit", Label: v.t("label.limit"), Hint: v.t("limit.hint"), Value: limit, InputMode: "numeric", Short: true, Max: 9, Optional: true}},
		{Kind: view.Box, Checked: c.Combinable, Input: ui.Input{Name: "combinable", Label: v.t("label.combinable")}},
		{Kind: view.Box, Checked: c.Disabled, Input: ui.Input{Name: "disabled", Label: v.t("label.disabled")}}}}
	blocks := []view.Block{view.Panel("", "", v.editable(x, auth.CatalogWrite))}
	title := v.t("code.new")
	if c.ID > 0 {
		title = c.Code
		if !c.Disabled && v.by.Has(auth.CatalogWrite) {
			blocks = append(blocks, view.ButtonForm(v.l, view.Button{Action: path + "/end", Text: v.t("code.end"), Danger: true}))
		}
	}
	return v.show(code, view.Shell{Title: title, Crumbs: []ui.Link{{Text: v.t("codes.title"), URL: "/admin/codes"}, {Text: title, URL: path}}}, blocks...)
}

func (v *visit) saveCode() error {
	in, err := v.r.ReadForm("version", "code", "label/sv", "label/en", "kind", "value", "from", "to", "min_goods", "limit", "combinable", "disabled")
	if err != nil {
		return err
	}
	which := v.r.PathValue("id")
	c, err := v.readCode(which) // what the form does not show stays: exclusions
	if err != nil {
		return err
	}
	var bad fault.Fields
	from, to := days(in, &bad)
	if dayField(c.From) != in.Get("from") {
		c.From = from // a day that was not touched keeps its hour
	}
	m, ok := amount(in.Get("value"), v.Currency)
	if !ok {
		bad.Add("/value", "bad_amount")
	}
	min, ok := amount(orNought(in.Get("min_goods")), v.Currency)
	if !ok {
		bad.Add("/min_goods", "bad_amount")
	}
	limit, ok := whole(orNought(in.Get("limit")))
	if !ok {
		bad.Add("/limit", "not_a_number")
	}
	c.Code, c.Label, c.Kind, c.Value, c.Currency = in.Get("code"), catalog.Localized{SV: in.Get("label/sv"), EN: in.Get("label/en")}, in.Get("kind"), m.Amount, v.Currency
	c.To, c.MinGoods, c.Limit, c.Combinable, c.Disabled = to, min.Amount, limit, in.Has("combinable"), in.Has("disabled")
	err = bad.Err()
	if err == nil && which != "new" {
		c.Version, err = version(in.Get("version"))
	}
	if err == nil {
		_, err = act(v, "code.put", pricing.EntityCode, c.ID, func(tx *db.Tx) (db.ID, error) { return pricing.PutCode(tx, v.by, c) })
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showCode(status(err), v.form(in, err, ""))
	}
	return v.done("saved", "/admin/codes")
}

// endCode stops a code at once; the box on its page brings it back.
func (v *visit) endCode() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do("code.disable", pricing.EntityCode, id, func(tx *db.Tx) error { return pricing.DisableCode(tx, v.by, id) }); err != nil {
		return err
	}
	return v.done("code_ended", "/admin/codes/"+id.String())
}
