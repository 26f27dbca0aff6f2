package admin

import (
	"errors"
	"net/http"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/file"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/shield"
	"kassavalv/internal/web/ui"
)

func (a *Admin) productRoutes() []web.Route {
	see, change, count := web.Staff(auth.CatalogRead), web.Staff(auth.CatalogWrite), web.Staff(auth.StockWrite)
	upload := a.page(post, "/admin/products/{id}/pictures", change, (*visit).addPictures)
	upload.Rate, upload.Body, upload.BodyTime = shield.Upload, uploadMost, 2*time.Minute
	write := a.page(post, "/admin/products/{id}/texts", change, (*visit).saveTexts)
	write.Body = textMost
	return []web.Route{
		a.page(get, "/admin/products", see, (*visit).products),
		a.page(get, "/admin/products/new", change, (*visit).newProduct),
		a.page(post, "/admin/products/new", change, (*visit).createProduct),
		a.page(get, "/admin/products/{id}", see, (*visit).product),
		a.page(post, "/admin/products/{id}/publish", change, (*visit).publish),
		a.page(post, "/admin/products/{id}/unpublish", change, (*visit).unpublish),
		a.page(post, "/admin/products/{id}/archive", change, (*visit).archive),
		a.page(get, "/admin/products/{id}/texts", see, (*visit).texts),
		write,
		a.page(get, "/admin/products/{id}/facts", see, (*visit).facts),
		a.page(post, "/admin/products/{id}/facts", change, (*visit).saveFacts),
		a.page(get, "/admin/products/{id}/shelves", see, (*visit).shelves),
		a.page(post, "/admin/products/{id}/shelves", change, (*visit).saveShelves),
		a.page(post, "/admin/products/{id}/values", change, (*visit).saveValues),
		a.page(get, "/admin/products/{id}/pictures", see, (*visit).pictures),
		upload,
		a.page(post, "/admin/products/{id}/media", change, (*visit).saveMedia),
		a.page(get, "/admin/products/{id}/variants/{variant}", see, (*visit).variant),
		a.page(post, "/admin/products/{id}/variants/{variant}", change, (*visit).saveVariant),
		a.page(post, "/admin/products/{id}/options", change, (*visit).addOption),
		a.page(post, "/admin/variants/{variant}/price", change, (*visit).setPrice),
		a.page(post, "/admin/variants/{variant}/price/cancel", change, (*visit).cancelPrice),
		a.page(post, "/admin/variants/{variant}/cost", web.Staff(auth.CostsRead), (*visit).setCost),
		a.page(post, "/admin/variants/{variant}/stock", count, (*visit).setStock),
		a.page(get, "/admin/stock", see, (*visit).stockList),
	}
}

var productTabs = []tab{{"", "products.all"}, {"published", "products.published"}, {"draft", "products.draft"}, {"lacking", "products.lacking"}, {"archived", "products.archived"}}

// goods are products with what other rooms say of them.
type goods struct {
	ps     []*catalog.Product
	prices map[db.ID]pricing.Span
	levels map[db.ID]stock.Level
	pics   map[string]file.Picture
}

func (v *visit) readGoods(q *db.Reader, ps []*catalog.Product) (g goods, err error) {
	g.ps, g.pics = ps, map[string]file.Picture{}
	var ids []db.ID
	for _, p := range ps {
		for _, x := range p.Variants {
			ids = append(ids, x.ID)
		}
		for _, m := range p.Pictures() {
			if _, ok := g.pics[m.File]; ok {
				continue
			}
			pic, err := file.Look(q, file.Hash(m.File))
			if fault.As(err) != nil {
				continue // the row names a file that is gone; the page says so by its absence
			}
			if err != nil {
				return g, err
			}
			g.pics[m.File] = pic
			if len(ps) > 1 {
				break // lists show the first one
			}
		}
	}
	if g.prices, err = pricing.At(q, v.Currency, ids, q.LegalNow()); err != nil {
		return g, err
	}
	g.levels, err = stock.Levels(q, ids)
	return g, err
}

func (g goods) image(p *catalog.Product) ui.Image {
	if ms := p.Pictures(); len(ms) > 0 {
		return g.picture(ms[0], 400)
	}
	return ui.Image{}
}

func (g goods) picture(m catalog.Media, width int) ui.Image {
	pic, ok := g.pics[m.File]
	if !ok {
		return ui.Image{}
	}
	w, h := pic.Size(width)
	return ui.Image{URL: pic.URL(width), Alt: m.Alt.SV, Width: w, Height: h}
}

// products lists the goods, newest first.
func (v *visit) products() error {
	show, before, qv, err := v.listQuery(productTabs, "find")
	if err != nil {
		return err
	}
	find := qv.Get("find")
	f := catalog.Filter{Find: find, Incomplete: show == "lacking"}
	if show != "lacking" {
		f.Status = catalog.Status(show)
	}
	g, err := read(v, func(q *db.Reader) (goods, error) {
		if err := v.by.Need(auth.CatalogRead); err != nil {
			return goods{}, err
		}
		ps, err := catalog.ListStaff(q, f, before, pageSize+1)
		if err != nil {
			return goods{}, err
		}
		return v.readGoods(q, ps)
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("products.title"), Empty: v.t("products.none"), Cols: []ui.Column{{Text: v.t("col.goods")}, {Text: v.t("col.state")}, {Text: v.t("col.variants"), Num: true}, {Text: v.t("col.price"), Num: true}, {Text: v.t("col.stock"), Num: true}}}
	if show != "" || find != "" {
		t.EmptyURL, t.EmptyGo = "/admin/products", v.t("show_all")
	}
	for _, p := range paged(&t, g.ps, before, func(p *catalog.Product) db.ID { return p.ID }, "/admin/products", "show", show, "find", find) {
		t.Rows = append(t.Rows, v.productRow(g, p))
	}
	filter := view.Form{Action: "/admin/products", Submit: v.t("find"), Fields: []view.Field{{Input: ui.Input{Name: "find", Label: v.t("products.find"), Value: find, Max: 100, NoSpell: true}}}}
	if show != "" {
		filter.Hidden = []view.Pair{{Key: "show", Value: show}}
	}
	shell := view.Shell{Title: v.t("products.title")}
	if v.by.Has(auth.CatalogWrite) {
		shell.Head = view.Go(v.l, v.t("products.new"), "/admin/products/new", true)
	}
	return v.show(http.StatusOK, shell, v.tabs("/admin/products", show, productTabs...), view.Filter(v.l, filter), view.TableBlock(v.l, t))
}

func (v *visit) productRow(g goods, p *catalog.Product) view.Row {
	text := p.Texts.In(v.l)
	state, tone := v.productState(p)
	var low, high money.Money
	var have int64
	tracked, priced := false, 0
	for _, x := range p.Variants {
		if s, ok := g.prices[x.ID]; ok {
			if priced++; priced == 1 || s.Price.Amount < low.Amount {
				low = s.Price
			}
			if s.Price.Amount > high.Amount {
				high = s.Price
			}
		}
		if l, ok := g.levels[x.ID]; ok && l.Tracked {
			tracked = true
			have += l.Available()
		}
	}
	price, left := "–", "–"
	switch {
	case priced > 0 && low.Amount != high.Amount:
		price = v.t("price.from", "price", low)
	case priced > 0:
		price = lang.Money(v.l, low)
	}
	if tracked {
		left = lang.Number(v.l, have)
	}
	r := view.Row{Cells: []view.Cell{{Text: text.Title, Sub: p.Handle, URL: "/admin/products/" + p.ID.String(), Image: g.image(p), Lang: text.Lang}, {Text: state, Badge: true, Tone: tone},
		{Text: lang.Number(v.l, int64(len(p.Variants)))}, {Text: price}, {Text: left}}}
	if n := len(catalog.Problems(p)); n > 0 && p.Status != catalog.Archived {
		r.Cells[1].Sub = v.n("product.lacks", n)
		if p.Status == catalog.Published {
			r.Tone = ui.Wait
		}
	}
	return r
}

func (v *visit) productState(p *catalog.Product) (string, ui.Tone) {
	switch {
	case p.Status == catalog.Published && p.Visible(time.Now()):
		return v.t("product.state.published"), ui.OK
	case p.Status == catalog.Published:
		return v.t("product.state.hidden"), ui.Wait
	}
	return v.t("product.state." + string(p.Status)), ui.Plain
}

// newProduct asks for what no product can do without.
func (v *visit) newProduct() error { return v.showNewProduct(http.StatusOK, ui.Form{}) }

func (v *visit) showNewProduct(code int, f ui.Form) error {
	x := view.Form{Action: "/admin/products/new", Submit: v.t("products.new.go"), Form: f, Fields: []view.Field{
		{Input: ui.Input{Name: "texts/sv/title", Label: v.t("label.title.sv"), Max: 200, Needed: true}},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "kind", Label: v.t("label.kind")}, Options: options(v, "kind.", catalog.Goods, catalog.Digital, catalog.Service, catalog.GiftCard)},
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "vat_class", Label: v.t("label.vat_class")}, Options: options(v, "vat.", catalog.VATClasses...)},
		{Half: true, Input: ui.Input{Name: "sku", Label: v.t("label.sku"), Max: 60, NoSpell: true, Optional: true}},
		{Half: true, Input: ui.Input{Name: "price", Label: v.t("label.price"), Hint: v.t("price.hint"), InputMode: "decimal", Short: true, Max: 16, Optional: true}},
		{Half: true, Input: ui.Input{Name: "on_hand", Label: v.t("label.on_hand"), InputMode: "numeric", Short: true, Max: 9, Optional: true}},
	}}
	return v.show(code, view.Shell{Title: v.t("products.new"), Lead: v.t("products.new.lead"), Crumbs: []ui.Link{{Text: v.t("products.title"), URL: "/admin/products"}, {Text: v.t("products.new"), URL: "/admin/products/new"}}},
		view.Panel("", "", view.FormBlock(v.l, x)))
}

// options are the words of a closed list.
func options[T ~string](v *visit, prefix string, list ...T) []ui.Option {
	out := make([]ui.Option, len(list))
	for i, k := range list {
		out[i] = ui.Option{Value: string(k), Label: v.word(prefix, string(k))}
	}
	return out
}

// createProduct makes a draft with one variant, its price and its first count.
func (v *visit) createProduct() error {
	in, err := v.r.ReadForm("texts/sv/title", "kind", "vat_class", "sku", "price", "on_hand")
	if err != nil {
		return err
	}
	id, err := v.makeProduct(in)
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showNewProduct(status(err), v.form(in, err, ""))
	}
	return v.done("product_made", "/admin/products/"+id.String()+"/texts")
}

func (v *visit) makeProduct(in web.Values) (db.ID, error) {
	var bad fault.Fields
	price, priced := money.Money{}, in.Get("price") != ""
	if priced {
		var ok bool
		if price, ok = amount(in.Get("price"), v.Currency); !ok {
			bad.Add("/price", "bad_amount")
		}
	}
	count, counted := int64(0), in.Get("on_hand") != ""
	if counted {
		var ok bool
		if count, ok = whole(in.Get("on_hand")); !ok || count < 0 {
			bad.Add("/on_hand", "bad_quantity")
		}
	}
	if err := bad.Err(); err != nil {
		return 0, err
	}
	kind := catalog.Kind(in.Get("kind"))
	return act(v, "product.create", catalog.EntityProduct, 0, func(tx *db.Tx) (db.ID, error) {
		made, err := catalog.CreateProduct(tx, v.by, catalog.NewProduct{
			Core:     catalog.Core{Kind: kind, VATClass: in.Get("vat_class"), Withdrawal: catalog.WithdrawalYes},
			Texts:    catalog.Texts{lang.SV: {Lang: lang.SV, Title: in.Get("texts/sv/title")}},
			Variants: []catalog.NewVariant{{SKU: in.Get("sku"), Tracked: kind == catalog.Goods}}})
		if err != nil {
			return 0, err
		}
		if kind == catalog.Goods {
			if err := stock.Put(tx, v.by, made.Variants[0], true, false); err != nil {
				return 0, err
			}
			if counted {
				if _, err := stock.SetOnHand(tx, v.by, made.Variants[0], count); err != nil {
					return 0, err
				}
			}
		}
		if priced {
			if err := pricing.SetPrice(tx, v.by, made.Variants[0], price, time.Time{}); err != nil {
				return 0, renamed(err, "/0/price", "/price")
			}
		}
		return made.ID, nil
	})
}

// renamed points a fault at the field of our form.
func renamed(err error, kv ...string) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	c := *f
	c.Fields = append([]fault.Field{}, f.Fields...)
	for i := range c.Fields {
		for j := 0; j+1 < len(kv); j += 2 {
			if c.Fields[i].Pointer == kv[j] {
				c.Fields[i].Pointer = kv[j+1]
			}
		}
	}
	return &c
}

// own reads a product for staff; 404 for an id that is none.
func (v *visit) ownProduct(q db.Q, id db.ID) (*catalog.Product, error) {
	if err := v.by.Need(auth.CatalogRead); err != nil {
		return nil, err
	}
	p, err := catalog.AnyByID(q, id)
	if errors.Is(err, db.ErrNotFound) {
		return nil, fault.NotFound()
	}
	return p, err
}
