package admin

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// piece is a variant with its price history and its stock.
type piece struct {
	ware
	x       catalog.Variant // zero: a new one
	history []pricing.Span
	level   *stock.Level
	cost    *money.Money // nil where nobody has said, and for who may not see it
	rate    int64        // of VAT, in basis points
	legal   time.Time
}

func (v *visit) readPiece(product db.ID, variant string) (piece, error) {
	return read(v, func(q *db.Reader) (c piece, err error) {
		if c.p, err = v.ownProduct(q, product); err != nil {
			return c, err
		}
		if c.g, err = v.readGoods(q, []*catalog.Product{c.p}); err != nil {
			return c, err
		}
		c.legal = q.LegalNow()
		if variant == "new" {
			c.x.Tracked = c.p.Kind == catalog.Goods
			return c, nil
		}
		id, err := parseID(variant)
		if err != nil {
			return c, err
		}
		for _, x := range c.p.Variants {
			if x.ID == id {
				c.x = x
			}
		}
		if c.x.ID == 0 {
			return c, fault.NotFound()
		}
		if c.history, err = pricing.History(q, id, v.Currency); err != nil {
			return c, err
		}
		if err := v.readCost(q, &c); err != nil {
			return c, err
		}
		l, err := stock.One(q, id)
		if err == nil {
			c.level = &l
			c.x.Tracked, c.x.Backorder = l.Tracked, l.Backorder // a count may have begun since
		} else if fault.As(err) == nil {
			return c, err
		}
		return c, nil
	})
}

// variant is the page of one variant: what it is, what it costs, how many there are.
func (v *visit) variant() error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	qv, err := v.r.ReadQuery("was")
	if err != nil {
		return err
	}
	return v.showVariant(http.StatusOK, id, v.r.PathValue("variant"), "", ui.Form{}, qv.Get("was"))
}

func (v *visit) showVariant(code int, product db.ID, variant, of string, f ui.Form, was string) error {
	c, err := v.readPiece(product, variant)
	if err != nil {
		return err
	}
	back := func(name string) ui.Form {
		if name == of {
			return f
		}
		return ui.Form{}
	}
	path := productPath(c.p.ID) + "/variants/" + variant
	main := []view.Block{view.Panel("", v.t("variant.facts"), v.editable(v.variantForm(c, path, back("variant")), auth.CatalogWrite))}
	var side []view.Block
	if c.x.ID > 0 {
		main = append([]view.Block{v.undoCount(c, was)}, main...)
		side = append(side, v.stockPanel(c, back("stock")), v.pricePanel(c, back("price")), v.costPanel(c, back("cost")))
	}
	title := v.t("variant.new")
	if c.x.ID > 0 {
		title = v.choices(&c.x)
	}
	return v.show(code, view.Shell{Title: title, Lead: c.p.Texts.In(v.l).Title, Crumbs: []ui.Link{{Text: v.t("products.title"), URL: "/admin/products"}, {Text: c.p.Texts.In(v.l).Title, URL: productPath(c.p.ID)}, {Text: title, URL: path}}},
		view.Beside(view.Group(main...), view.Group(side...)))
}

func (v *visit) variantForm(c piece, path string, f ui.Form) view.Form {
	number := func(name string, n int64) view.Field {
		val := ""
		if n != 0 {
			val = strconv.FormatInt(n, 10)
		}
		return view.Field{Half: true, Input: ui.Input{Name: name, Label: v.t("label." + name), Value: val, InputMode: "numeric", Short: true, Max: 12, Optional: true}}
	}
	x := view.Form{Action: path, Submit: v.t("save"), Form: f, Quiet: c.x.ID > 0, Hidden: []view.Pair{{Key: "version", Value: strconv.FormatInt(c.p.Version, 10)}}}
	for i, o := range c.p.Options {
		name, _ := o.Name.In(v.l)
		val := catalog.Localized{}
		if i < len(c.x.Choices) {
			val = c.x.Choices[i].Value
		}
		n := strconv.Itoa(i)
		x.Fields = append(x.Fields, view.Field{Half: true, Input: ui.Input{Name: "choice." + n, Label: name, Value: val.SV, Max: 60}},
			view.Field{Half: true, Input: ui.Input{Name: "choice_en." + n, Label: name + ", " + v.t("lang.en"), Value: val.EN, Max: 60, Optional: true}})
	}
	x.Fields = append(x.Fields,
		view.Field{Half: true, Input: ui.Input{Name: "sku", Label: v.t("label.sku"), Value: c.x.SKU, Max: 60, NoSpell: true, Optional: true}},
		view.Field{Half: true, Input: ui.Input{Name: "gtin", Label: v.t("label.gtin"), Value: c.x.GTIN, Max: 14, InputMode: "numeric", Optional: true}},
		number("weight_g", c.x.WeightG), number("content", c.x.Content), number("length", c.x.SizeMM[0]), number("width", c.x.SizeMM[1]), number("height", c.x.SizeMM[2]),
		view.Field{Kind: view.Box, Checked: c.x.Tracked, Input: ui.Input{Name: "tracked", Label: v.t("label.tracked")}},
		view.Field{Kind: view.Box, Checked: c.x.Backorder, Input: ui.Input{Name: "backorder", Label: v.t("label.backorder")}},
		view.Field{Kind: view.Box, Checked: c.x.MadeToOrder, Input: ui.Input{Name: "made_to_order", Label: v.t("label.made_to_order"), Hint: v.t("made_to_order.hint")}},
		view.Field{Half: true, Input: ui.Input{Name: "lead_days", Label: v.t("label.lead_days"), Hint: v.t("lead_days.hint"), Value: strconv.FormatInt(cmp.Or(c.x.LeadDays, catalog.UsualLead), 10), Max: 2, InputMode: "numeric"}},
		view.Field{Half: true, Input: ui.Input{Name: "b_goods/sv", Label: v.t("label.b_goods.sv"), Hint: v.t("b_goods.hint"), Value: c.x.BGoods.SV, Max: 300, Optional: true}},
		view.Field{Half: true, Input: ui.Input{Name: "b_goods/en", Label: v.t("label.b_goods.en"), Hint: v.t("b_goods.hint"), Value: c.x.BGoods.EN, Max: 300, Optional: true}},
		view.Field{Kind: view.Select, Input: ui.Input{Name: "status", Label: v.t("label.status"), Hint: v.t("variant.removed.hint"), Value: string(c.x.Status)}, Options: options(v, "variant.state.", catalog.Active, catalog.Hidden, catalog.Removed)})
	return x
}

// saveVariant adds a variant ("new") or replaces what one is.
func (v *visit) saveVariant() error {
	in, err := v.r.ReadForm("version", "choice.", "choice_en.", "sku", "gtin", "weight_g", "content", "length", "width", "height", "tracked", "backorder", "made_to_order", "lead_days", "b_goods/sv", "b_goods/en", "status")
	if err != nil {
		return err
	}
	product, err := v.id("id")
	if err != nil {
		return err
	}
	which := v.r.PathValue("variant")
	id, err := v.putVariant(product, which, in)
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showVariant(status(err), product, which, "variant", v.form(in, renamed(err, "/choices", "/choice.0"), ""), "")
	}
	return v.done("saved", productPath(product)+"/variants/"+id.String())
}

func (v *visit) putVariant(product db.ID, which string, in web.Values) (db.ID, error) {
	var id db.ID
	if which != "new" {
		var err error
		if id, err = parseID(which); err != nil {
			return 0, err
		}
	}
	ver, err := version(in.Get("version"))
	if err != nil {
		return 0, err
	}
	var bad fault.Fields
	number := func(name string) int64 {
		n, ok := whole(orNought(in.Get(name)))
		if !ok {
			bad.Add("/"+name, "not_a_number")
		}
		return n
	}
	n := catalog.NewVariant{Status: catalog.VariantStatus(in.Get("status")), SKU: in.Get("sku"), GTIN: in.Get("gtin"), WeightG: number("weight_g"), Content: number("content"), SizeMM: [3]int64{number("length"), number("width"), number("height")},
		Tracked: in.Has("tracked"), Backorder: in.Has("backorder"), MadeToOrder: in.Has("made_to_order"), LeadDays: number("lead_days"), BGoods: catalog.Localized{SV: in.Get("b_goods/sv"), EN: in.Get("b_goods/en")}}
	if err := bad.Err(); err != nil {
		return 0, err
	}
	return act(v, "variant.put", catalog.EntityProduct, product, func(tx *db.Tx) (db.ID, error) {
		p, err := v.ownProduct(tx, product)
		if err != nil {
			return 0, err
		}
		if id > 0 && !contains(p, id) {
			return 0, fault.NotFound()
		}
		for i, o := range p.Options {
			k := strconv.Itoa(i)
			if s := strings.TrimSpace(in.Get("choice." + k)); s != "" {
				n.Choices = append(n.Choices[:i:i], catalog.Choice{Name: o.Name, Value: catalog.Localized{SV: s, EN: in.Get("choice_en." + k)}})
			} else {
				return 0, fault.Invalid(fault.Field{Pointer: "/choice." + k, Code: "required"})
			}
		}
		made, _, err := catalog.PutVariant(tx, v.by, product, ver, id, n)
		if err != nil {
			return 0, err
		}
		return made, stock.Put(tx, v.by, made, n.Tracked, n.Backorder)
	})
}

func contains(p *catalog.Product, variant db.ID) bool {
	for _, x := range p.Variants {
		if x.ID == variant {
			return true
		}
	}
	return false
}

// addOption gives a product one more thing to choose.
func (v *visit) addOption() error {
	in, err := v.r.ReadForm("version", "name/sv", "name/en", "first/sv", "first/en")
	if err != nil {
		return err
	}
	again := func(code int, w ware, f ui.Form) error { return v.showOverview(code, w, f, nil) }
	return v.saveWare(in, "product.option", "", again, func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error) {
		var bad fault.Fields
		for _, n := range []string{"name/sv", "first/sv"} {
			if strings.TrimSpace(in.Get(n)) == "" {
				bad.Add("/"+n, "required")
			}
		}
		if err := bad.Err(); err != nil {
			return catalog.Outcome{}, err
		}
		return catalog.AddOption(tx, v.by, id, ver, catalog.Localized{SV: in.Get("name/sv"), EN: in.Get("name/en")}, catalog.Localized{SV: in.Get("first/sv"), EN: in.Get("first/en")})
	})
}

func (v *visit) day(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return lang.Stamp(v.l, t)
}
