package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/richtext"
	"kassavalv/internal/web/ui"
)

func (a *Admin) contentRoutes() []web.Route {
	see, change := web.Staff(auth.SettingsRead), web.Staff(auth.SettingsWrite)
	write := func(path string) web.Route {
		rt := a.page(post, path, change, (*visit).savePage)
		rt.Body = textMost
		return rt
	}
	return []web.Route{
		a.page(get, "/admin/company", see, (*visit).company),
		a.page(post, "/admin/company", change, (*visit).saveCompany),
		a.page(get, "/admin/pages", see, (*visit).pages),
		a.page(get, "/admin/pages/new", change, (*visit).newPage),
		write("/admin/pages/new"),
		a.page(get, "/admin/pages/{handle}", see, (*visit).editPage),
		write("/admin/pages/{handle}"),
		a.page(get, "/admin/pages/{handle}/versions/{version}", see, (*visit).pageVersion),
		a.page(get, "/admin/settings", see, (*visit).settings),
		a.page(post, "/admin/settings", change, (*visit).saveSettings),
		a.page(get, "/admin/delivery", see, (*visit).deliveries),
		a.page(get, "/admin/delivery/{id}", see, (*visit).delivery),
		a.page(post, "/admin/delivery/{id}", change, (*visit).saveDelivery),
	}
}

// textMost bounds a form with long texts in two languages.
const textMost = 256 << 10

// company shows who sells.
func (v *visit) company() error { return v.showCompany(http.StatusOK, ui.Form{}) }

func (v *visit) showCompany(code int, f ui.Form) error {
	c, err := read(v, func(q *db.Reader) (content.CompanyFacts, error) {
		if err := v.by.Need(auth.SettingsRead); err != nil {
			return content.CompanyFacts{}, err
		}
		c, err := content.Company(q)
		if errors.Is(err, db.ErrNotFound) {
			return content.CompanyFacts{Country: v.Country}, nil
		}
		return c, err
	})
	if err != nil {
		return err
	}
	field := func(name, val string, optional bool) view.Field {
		return view.Field{Half: true, Input: ui.Input{Name: name, Label: v.t("label.company." + name), Value: val, Max: 200, Optional: optional}}
	}
	x := view.Form{Action: "/admin/company", Submit: v.t("save"), Form: f, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(c.Version, 10)}}, Fields: []view.Field{
		field("shop", c.Shop, false), field("name", c.Name, false), field("org_number", c.OrgNumber, false), field("vat_number", c.VATNumber, true), field("seat", c.Seat, false),
		{Kind: view.Box, Half: true, Checked: c.FTax, Input: ui.Input{Name: "f_tax", Label: v.t("label.company.f_tax")}},
		field("street", c.Street, false), field("postal_code", c.PostalCode, false), field("city", c.City, false), field("country", c.Country, false),
		field("mail", c.Mail, false), field("phone", c.Phone, false), field("hours_sv", c.HoursSV, false), field("hours_en", c.HoursEN, false), field("bankgiro", c.Bankgiro, true),
		{Half: true, Input: ui.Input{Name: "accounts", Label: v.t("label.company.accounts"), Hint: v.t("company.accounts.hint"), Value: c.Accounts, Max: 400, Optional: true, NoSpell: true}}}}
	for _, e := range f.Errors { // the code is asked for when it is needed
		if e.Name == "totp" {
			x.Fields = append(x.Fields, v.proofField()...)
		}
	}
	if c.Example {
		x.Hidden = append(x.Hidden, view.Pair{Key: "example", Value: "yes"})
	}
	facts := []view.Block{view.Panel("", "", v.editable(x, auth.SettingsWrite))}
	if c.Version > 0 {
		facts = append(facts, view.Quiet(v.t("company.version", "n", c.Version, "at", lang.DateTime(v.l, c.ValidFrom))))
	}
	return v.show(code, view.Shell{Title: v.t("company.title"), Lead: v.t("company.lead")}, facts...)
}

func (v *visit) saveCompany() error {
	in, err := v.r.ReadForm("version", "example", "shop", "name", "org_number", "vat_number", "seat", "f_tax", "street", "postal_code", "city", "country", "mail", "phone", "hours_sv", "hours_en", "bankgiro", "accounts", "totp")
	if err != nil {
		return err
	}
	ver, err := strconv.ParseInt(in.Get("version"), 10, 64)
	if err != nil || ver < 0 {
		err = fault.Conflict("changed_meanwhile")
	} else {
		err = v.setCompany(content.CompanyFacts{Shop: in.Get("shop"), Name: in.Get("name"), OrgNumber: in.Get("org_number"), VATNumber: in.Get("vat_number"), FTax: in.Has("f_tax"), Seat: in.Get("seat"),
			Street: in.Get("street"), PostalCode: in.Get("postal_code"), City: in.Get("city"), Country: in.Get("country"), Mail: in.Get("mail"), Phone: in.Get("phone"), HoursSV: in.Get("hours_sv"), HoursEN: in.Get("hours_en"),
			Bankgiro: in.Get("bankgiro"), Accounts: in.Get("accounts"), Example: in.Has("example"), Version: ver}, in.Get("totp"))
	}
	if ok, err := v.asked(err); ok {
		return err
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showCompany(status(err), v.form(in, err, ""))
	}
	return v.done("saved", "/admin/company")
}

// setCompany saves the company. Other accounts to pay to need a fresh proof and a
// second person; what else was changed is saved meanwhile.
func (v *visit) setCompany(c content.CompanyFacts, code string) error {
	set := func(c content.CompanyFacts) error {
		_, err := act(v, "company.change", "company", 1, func(tx *db.Tx) (content.CompanyFacts, error) { return content.SetCompany(tx, v.by, c) })
		return err
	}
	err := set(c)
	if fault.Is(err, "step_up") {
		if err = v.prove(code); err == nil {
			err = set(c)
		}
	}
	if !fault.Is(err, "waits_for_second") {
		return err
	}
	now, e := read(v, func(q *db.Reader) (content.CompanyFacts, error) { return content.Company(q) })
	if e != nil {
		return e
	}
	rest := c
	rest.Bankgiro, rest.Accounts, rest.ValidFrom = now.Bankgiro, now.Accounts, now.ValidFrom
	if rest != now {
		if e := set(rest); e != nil {
			return e
		}
	}
	return err
}

// pages lists the shop's own texts.
func (v *visit) pages() error {
	rows, err := read(v, func(q *db.Reader) ([]content.PageText, error) {
		if err := v.by.Need(auth.SettingsRead); err != nil {
			return nil, err
		}
		return content.Pages(q, v.l)
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("pages.title"), Empty: v.t("pages.none"), Cols: []ui.Column{{Text: v.t("col.page")}, {Text: v.t("col.kind")}, {Text: v.t("col.version"), Num: true}, {Text: v.t("col.valid_from")}}}
	for _, p := range rows {
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: p.Title, Sub: "/pages/" + p.Handle, URL: "/admin/pages/" + p.Handle, Lang: p.Lang}, {Text: v.t("page.kind." + p.Kind)}, {Text: p.VersionString()}, {Text: lang.Stamp(v.l, p.ValidFrom)}}})
	}
	s := view.Shell{Title: v.t("pages.title"), Lead: v.t("pages.lead")}
	if v.by.Has(auth.SettingsWrite) {
		s.Head = view.Go(v.l, v.t("pages.new"), "/admin/pages/new", true)
	}
	return v.show(http.StatusOK, s, view.TableBlock(v.l, t))
}

func (v *visit) newPage() error { return v.showPage(http.StatusOK, "", ui.Form{}) }

func (v *visit) editPage() error {
	return v.showPage(http.StatusOK, v.r.PathValue("handle"), ui.Form{})
}

// showPage shows the newest version in both languages, and the ones before it.
func (v *visit) showPage(code int, handle string, f ui.Form) error {
	var all []content.PageText
	if handle != "" {
		var err error
		if all, err = read(v, func(q *db.Reader) ([]content.PageText, error) { return content.History(q, v.by, handle) }); err != nil {
			return err
		}
		if len(all) == 0 {
			return fault.NotFound()
		}
	}
	now := map[lang.Lang]content.PageText{}
	kind, base := content.Info, int64(0)
	for _, p := range all {
		if base = max(base, p.Version); p.Version == all[0].Version {
			now[p.Lang], kind = p, p.Kind
		}
	}
	path, title := "/admin/pages/new", v.t("pages.new")
	x := view.Form{Submit: v.t("page.publish"), Form: f, Hidden: []view.Pair{{Key: "base", Value: strconv.FormatInt(base, 10)}}}
	if handle == "" {
		x.Fields = append(x.Fields, view.Field{Input: ui.Input{Name: "handle", Label: v.t("label.handle"), Hint: v.t("page.handle.hint"), Max: 60, NoSpell: true}})
	} else {
		path, title = "/admin/pages/"+handle, now[lang.SV].Title
	}
	x.Action = path
	x.Hidden = append(x.Hidden, view.Pair{Key: "kind", Value: kind})
	for _, l := range lang.All {
		x.Fields = append(x.Fields, view.Field{Kind: view.Heading, Input: ui.Input{Label: v.t("lang." + string(l))}},
			view.Field{Input: ui.Input{Name: "texts/" + string(l) + "/title", Label: v.t("label.title"), Value: now[l].Title, Max: 200, Optional: l == lang.EN}},
			view.Field{Input: ui.Input{Name: "texts/" + string(l) + "/body", Label: v.t("label.body"), Hint: v.t("texts.markdown"), Value: now[l].Body, Rows: 18, Optional: l == lang.EN}})
	}
	x.Fields = append(x.Fields, view.Field{Input: ui.Input{Name: "valid_from", Label: v.t("label.valid_from"), Hint: v.t("page.valid.hint"), Type: "date", Short: true, Optional: true}})
	blocks := []view.Block{view.Panel("", "", v.editable(x, auth.SettingsWrite))}
	if len(all) > 0 {
		t := view.Table{Caption: v.t("page.versions"), Cols: []ui.Column{{Text: v.t("col.version")}, {Text: v.t("col.languages")}, {Text: v.t("col.valid_from")}, {Text: v.t("col.written")}}}
		for i, p := range all {
			if i > 0 && all[i-1].Version == p.Version {
				continue
			}
			langs := v.t("lang.sv_only")
			if slices.ContainsFunc(all, func(x content.PageText) bool { return x.Version == p.Version && x.Lang == lang.EN }) {
				langs = v.t("lang.both")
			}
			t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: p.VersionString(), URL: path + "/versions/" + p.VersionString()}, {Text: langs}, {Text: lang.Stamp(v.l, p.ValidFrom)}, {Text: lang.Stamp(v.l, p.Created)}}})
		}
		blocks = append(blocks, view.Panel("versions", v.t("page.versions"), view.TableBlock(v.l, t)))
	}
	s := view.Shell{Title: title, Lead: v.t("page.lead"), Crumbs: []ui.Link{{Text: v.t("pages.title"), URL: "/admin/pages"}, {Text: title, URL: path}}}
	if handle != "" {
		s.Head = view.Go(v.l, v.t("page.see"), "/pages/"+handle, false)
	}
	return v.show(code, s, blocks...)
}

// savePage publishes a new version; nothing is written over.
func (v *visit) savePage() error {
	in, err := v.r.ReadForm("handle", "kind", "base", "valid_from", "texts/sv/title", "texts/sv/body", "texts/en/title", "texts/en/body")
	if err != nil {
		return err
	}
	handle := v.r.PathValue("handle")
	if handle == "" {
		handle = in.Get("handle")
	}
	base, err := strconv.ParseInt(in.Get("base"), 10, 64)
	from, ok := date(in.Get("valid_from"))
	switch {
	case err != nil || base < 0:
		err = fault.Conflict("changed_meanwhile")
	case !ok:
		err = fault.Invalid(fault.Field{Pointer: "/valid_from", Code: "bad_date"})
	default:
		texts := map[lang.Lang]content.Text{lang.SV: {Title: in.Get("texts/sv/title"), Body: in.Get("texts/sv/body")}}
		if in.Get("texts/en/title") != "" || in.Get("texts/en/body") != "" {
			texts[lang.EN] = content.Text{Title: in.Get("texts/en/title"), Body: in.Get("texts/en/body")}
		}
		_, err = act(v, "page.publish", "page", 0, func(tx *db.Tx) (int64, error) {
			kind := in.Get("kind")
			if have, e := content.Page(tx, handle, lang.SV, tx.LegalNow()); e == nil {
				kind = have.Kind // the kind of a page that is there is not the form's to say
			} else if kind != content.Info {
				return 0, fault.Denied()
			}
			return content.PutPage(tx, v.by, content.NewPage{Handle: handle, Kind: kind, ValidFrom: from, Texts: texts, Base: base})
		})
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showPage(status(err), v.r.PathValue("handle"), v.form(in, err, ""))
	}
	return v.done("page_published", "/admin/pages/"+handle)
}

// pageVersion shows one version as buyers saw it.
func (v *visit) pageVersion() error {
	handle, n := v.r.PathValue("handle"), v.r.PathValue("version")
	p, err := read(v, func(q *db.Reader) (content.PageText, error) {
		if err := v.by.Need(auth.SettingsRead); err != nil {
			return content.PageText{}, err
		}
		return content.PageVersion(q, handle, v.l, n)
	})
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, view.Shell{Title: p.Title, Lead: v.t("page.version", "n", p.Version, "at", lang.DateTime(v.l, p.ValidFrom)), Crumbs: []ui.Link{{Text: v.t("pages.title"), URL: "/admin/pages"}, {Text: handle, URL: "/admin/pages/" + handle}, {Text: n, URL: "/admin/pages/" + handle + "/versions/" + n}}},
		view.Panel("", "", view.Prose(richtext.Show(p.Body, 2))))
}

// settings shows what the merchant may decide.
func (v *visit) settings() error { return v.showSettings(http.StatusOK, ui.Form{}) }

func (v *visit) showSettings(code int, f ui.Form) error {
	list, err := read(v, func(q *db.Reader) ([]content.Valued, error) { return content.Settings(q, v.by) })
	if err != nil {
		return err
	}
	x := view.Form{Action: "/admin/settings", Submit: v.t("save"), Form: f}
	for _, s := range list {
		label := lang.T(v.l, "content.setting."+s.Key)
		if s.Type == "bool" {
			x.Fields = append(x.Fields, view.Field{Half: true, Kind: view.Select, Input: ui.Input{Name: "value." + s.Key, Label: label, Value: s.Value}, Options: []ui.Option{{Value: "true", Label: v.t("yes")}, {Value: "false", Label: v.t("no")}}})
			continue
		}
		x.Fields = append(x.Fields, view.Field{Half: true, Input: ui.Input{Name: "value." + s.Key, Label: label, Hint: v.t("setting.range", "min", s.Min, "max", s.Max, "default", s.Default), Value: s.Value, InputMode: "numeric", Short: true, Max: 12}})
	}
	return v.show(code, view.Shell{Title: v.t("settings.title")}, view.Panel("", "", v.editable(x, auth.SettingsWrite)))
}

func (v *visit) saveSettings() error {
	in, err := v.r.ReadForm("value.")
	if err != nil {
		return err
	}
	got := in.Prefixed("value.")
	err = v.do("settings.change", "setting", 1, func(tx *db.Tx) error {
		list, err := content.Settings(tx, v.by)
		if err != nil {
			return err
		}
		var bad fault.Fields
		for _, s := range list {
			val, sent := got[s.Key]
			if !sent || val == s.Value {
				continue
			}
			err := content.Change(tx, v.by, s.Key, val)
			if e := fault.As(err); e != nil && len(e.Fields) > 0 {
				x := e.Fields[0]
				x.Pointer = "/value." + s.Key
				bad = append(bad, x)
			} else if err != nil {
				return err
			}
		}
		return bad.Err()
	})
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showSettings(status(err), v.form(in, err, ""))
	}
	return v.done("saved", "/admin/settings")
}
