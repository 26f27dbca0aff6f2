package storefront

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/web"
	"kassavalv/internal/web/richtext"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// product is "/products/{handle}". A handle that was changed leads to the new one.
func (s *Store) product(w http.ResponseWriter, r *web.Request) error {
	type result struct {
		page     view.Product
		redirect string
	}
	out, err := read(s, r.Context(), func(q *db.Reader) (result, error) {
		p, redirect, err := catalog.ByHandle(q, r.PathValue("handle"))
		if err != nil || p == nil {
			return result{redirect: redirect}, err
		}
		page, err := s.productPage(q, r, p)
		return result{page: page}, err
	})
	if err != nil {
		return err
	}
	if out.redirect != "" {
		return web.Moved(w, r, "/products/"+out.redirect)
	}
	return web.HTML(w, r, http.StatusOK, view.ProductPage(out.page))
}

// shelfState is what is for sale of one product at an instant.
type shelfState struct {
	at      time.Time
	prices  map[db.ID]pricing.Price
	levels  map[db.ID]stock.Level
	rate    int64
	methods []delivery.Method
}

func (s *Store) shelfOf(q db.Q, p *catalog.Product) (st shelfState, err error) {
	st.at = q.LegalNow()
	ids := make([]db.ID, len(p.Variants))
	for i, v := range p.Variants {
		ids[i] = v.ID
	}
	if st.prices, err = pricing.Selling(q, s.Currency, ids, st.at); err != nil {
		return
	}
	if st.levels, err = stock.Levels(q, ids); err != nil {
		return
	}
	t, err := s.Shelf.Terms(q)
	if err != nil {
		return
	}
	st.methods = t.Methods
	st.rate, err = t.Rates.At(p.VATClass, st.at)
	return
}

func (s *Store) productPage(q *db.Reader, r *web.Request, p *catalog.Product) (view.Product, error) {
	path := "/products/" + p.Handle
	sh, err := s.shell(q, r, path)
	if err != nil {
		return view.Product{}, err
	}
	f, err := s.framed(q)
	if err != nil {
		return view.Product{}, err
	}
	st, err := s.shelfOf(q, p)
	if err != nil {
		return view.Product{}, err
	}
	l := r.Lang
	t := p.Texts.In(l)
	v := view.Product{Shell: sh, Handle: p.Handle, Title: t.Title, Text: lead(t.Description), TextLang: t.Lang, Withdrawal: p.Withdrawal.Surface(), ReturnCost: p.ReturnCost}
	v.GiftCard = p.Kind == catalog.GiftCard && f.gifts
	v.Shell.Title, v.Shell.About = t.Title, v.Text
	if t.SEOTitle != "" {
		v.Shell.Title = t.SEOTitle
	}
	if t.SEODescription != "" {
		v.Shell.About = t.SEODescription
	}
	if rest := body(t.Description); rest != "" {
		v.Body = richtext.Show(rest, 3)
	}
	for _, m := range p.Pictures() {
		alt, _ := m.Alt.In(l)
		if alt == "" {
			alt = t.Title
		}
		if i := picture(m.File, alt, m.Width, m.Height); i.URL != "" {
			v.Images = append(v.Images, i)
		}
	}
	if len(v.Images) > 0 {
		v.Shell.OGImage = s.Origin + v.Images[0].URL
	}
	s.variants(&v, p, st, l)
	if v.FreeFrom, err = s.freeFrom(q); err != nil {
		return view.Product{}, err
	}
	v.Crumbs = s.crumbs(f.tree, p, t.Title, l)
	facts(&v, p, t, l)
	safety(&v, p, t)
	if len(p.Categories) > 0 {
		for _, c := range s.find(search.Query{Category: p.Categories[0], InStock: true, Limit: 5}) {
			if c.Product != p.ID && len(v.Related) < 4 {
				v.Related = append(v.Related, card(l, c))
			}
		}
	}
	v.LD = s.linked(v, p, st)
	return v, s.keepProduct(q, r, p, v)
}

// keepProduct keeps the page until what it says can change by the clock alone:
// a price, a tax, the publication, or the hour before which an order leaves
// the same day.
func (s *Store) keepProduct(q db.Q, r *web.Request, p *catalog.Product, v view.Product) error {
	if !r.Keeps() {
		return nil
	}
	until, err := pricing.NextBoundary(q, p.ID, s.Country, q.LegalNow())
	if err != nil {
		return err
	}
	tags := []string{"product:" + p.ID.String(), "catalog:frame", "content"}
	for _, x := range v.Variants {
		tags = append(tags, "stock:"+x.ID)
		until = sooner(until, x.Stock.Cutoff)
	}
	for _, c := range p.Categories {
		tags = append(tags, "category:"+c.String())
	}
	if len(v.Related) > 0 {
		// The neighbours come from the search index.
		until = sooner(until, q.LegalNow().Add(neighbourKeep))
	}
	r.KeepUntil(until, tags...)
	return nil
}

// neighbourKeep bounds how long a product's page may show an old price of a
// neighbour; the neighbour's own page is never old.
const neighbourKeep = time.Minute

// lead is the first paragraph, as plain text.
func lead(markdown string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(markdown), "\n\n")
	return richtext.Plain(first, 240)
}

// body is what comes after the first paragraph, which stands above already, or
// everything when that one had to be cut.
func body(markdown string) string {
	first, rest, _ := strings.Cut(strings.TrimSpace(markdown), "\n\n")
	if rest = strings.TrimSpace(rest); rest == "" || strings.HasSuffix(lead(markdown), "…") || strings.HasPrefix(first, "#") {
		return markdown
	}
	return rest
}

// yes writes a yes-or-no value as people say it; other values are as they are.
func yes(value string, l lang.Lang) string {
	switch value {
	case "true":
		return lang.T(l, "value.yes")
	case "false":
		return lang.T(l, "value.no")
	}
	return value
}

// variants fills what can be chosen, and the stock line of each.
func (s *Store) variants(v *view.Product, p *catalog.Product, st shelfState, l lang.Lang) {
	var names []string
	for _, o := range p.Options {
		n, _ := o.Name.In(l)
		names = append(names, n)
	}
	v.Options = strings.Join(names, ", ")
	flawed := 0
	for _, x := range p.Variants {
		price, ok := st.prices[x.ID]
		if !ok {
			continue
		}
		out := view.Variant{ID: x.ID.String(), Title: label(x.Choices, l), Price: price.Price, VATRate: st.rate, SKU: x.SKU}
		if price.Prior != nil {
			out.Prior = *price.Prior
		}
		content := x.Content
		if content == 0 {
			content = p.Content
		}
		if p.Unit != "" {
			if u, ok := pricing.UnitPrice(price.Price, content); ok {
				out.Unit = view.UnitPrice{Price: u, Unit: unit(l, p.Unit)}
			}
		}
		if defect, _ := x.BGoods.In(l); defect != "" {
			flawed++
			name := lang.T(l, "product.b")
			if out.Title != "" {
				if !strings.Contains(strings.ToLower(out.Title), strings.ToLower(name)) {
					out.Title += " (" + name + ")"
				}
				name = out.Title
			}
			v.Facts = append(v.Facts, view.Fact{Name: name, Value: defect})
		}
		if out.Title == "" {
			out.Title = v.Title
		}
		lv, counted := st.levels[x.ID]
		out.Sellable = counted && lv.Sellable(1)
		out.Stock = s.stockLine(p, x, price.Price, lv, out.Sellable, st)
		v.Variants = append(v.Variants, out)
	}
	if flawed > 0 && flawed == len(v.Variants) {
		v.Label = lang.T(l, "product.b")
	}
}

func label(cs []catalog.Choice, l lang.Lang) string {
	var words []string
	for _, c := range cs {
		w, _ := c.Value.In(l)
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

// stockLine says whether it is there, as a class, and when it can be with the buyer.
func (s *Store) stockLine(p *catalog.Product, x catalog.Variant, price money.Money, lv stock.Level, sellable bool, st shelfState) view.Stock {
	out := view.Stock{Kind: "in"}
	switch {
	case !sellable:
		return view.Stock{Kind: "out"}
	case x.MadeToOrder:
		out.Kind = "made"
	case lv.Tracked && lv.Available() <= 0:
		out.Kind = "backorder"
	case lv.Tracked && lv.Available() <= search.FewLeft:
		out.Kind = "few"
	}
	g := delivery.Goods{WeightG: x.WeightG, SideMM: max(x.SizeMM[0], x.SizeMM[1], x.SizeMM[2]), Value: price, Bulky: p.Bulky, Shipped: p.NeedsDelivery(),
		Lead: cart.Lead(catalog.VariantInfo{MadeToOrder: x.MadeToOrder, LeadDays: x.LeadDays}, lv, 1)}
	for _, o := range delivery.Offer(st.methods, g, "", st.at) {
		if o.Method.Kind == delivery.Store || o.Method.Kind == delivery.Digital {
			continue
		}
		out.Cutoff, out.ShipDay, out.Earliest, out.Latest = o.Cutoff, o.ShipsOn, o.Earliest, o.Latest
		break
	}
	return out
}

func (s *Store) crumbs(tree *catalog.Tree, p *catalog.Product, title string, l lang.Lang) []ui.Link {
	out := []ui.Link{{Text: lang.T(l, "crumbs.home"), URL: "/"}}
	for _, id := range p.Categories {
		if tree.Shown(id) {
			for _, c := range tree.Path(id) {
				out = append(out, ui.Link{Text: c.Texts.In(l).Title, URL: "/categories/" + c.Handle})
			}
			break
		}
	}
	return append(out, ui.Link{Text: title})
}

// facts are the properties; attributes that staff filled, then what the product
// itself knows.
func facts(v *view.Product, p *catalog.Product, t catalog.Text, l lang.Lang) {
	add := func(name, value string) {
		if name != "" && value != "" && !slices.ContainsFunc(v.Facts, func(f view.Fact) bool { return f.Name == name }) {
			v.Facts = append(v.Facts, view.Fact{Name: name, Value: value})
		}
	}
	add(lang.T(l, "product.brand"), p.Brand)
	for _, x := range p.Values {
		name, _ := x.Name.In(l)
		value, _ := x.Label.In(l)
		if value == "" {
			value = x.Value
		}
		switch {
		case x.Type == catalog.Yes:
			value = yes(x.Value, l)
		case x.Type == catalog.Number && l != lang.EN:
			value = strings.Replace(value, ".", ",", 1)
		}
		if x.Unit != "" {
			value += "\u00a0" + x.Unit
		}
		add(name, value)
	}
	add(lang.T(l, "product.origin"), country(l, p.Origin))
	if p.MinAge > 0 {
		add(lang.T(l, "product.min_age"), lang.N(l, "product.years", p.MinAge))
	}
	if t.Ingredients != "" {
		v.Contents = t.Ingredients
		add(lang.T(l, "product.materials"), t.Materials)
	} else {
		v.Contents = t.Materials
	}
	if t.Allergens != "" && t.Allergens != "-" {
		for _, a := range strings.FieldsFunc(t.Allergens, func(r rune) bool { return r == ',' || r == ';' }) {
			if a = strings.TrimSpace(a); a != "" {
				v.Allergens = append(v.Allergens, a)
			}
		}
	}
	if p.EnergyClass != "" {
		v.Energy = &view.Energy{Class: p.EnergyClass, Range: "A–G"} // Regulation (EU) 2017/1369, art. 11
		for _, m := range p.Media {
			if m.Kind == catalog.EnergyLabel {
				v.Energy.LabelURL = picture(m.File, "", m.Width, m.Height).URL
			}
		}
	}
}

// safety is what regulation (EU) 2023/988, article 19, wants told beside the offer.
func safety(v *view.Product, p *catalog.Product, t catalog.Text) {
	v.Safety = view.Safety{Maker: p.Maker.Name, MakerAddress: p.Maker.Postal, MakerContact: p.Maker.Electronic, Responsible: p.EUResponsible.Name,
		RespAddress: p.EUResponsible.Postal, RespContact: p.EUResponsible.Electronic, Warnings: t.Warnings, Complaints: true}
	var ids []string
	for _, x := range p.Variants {
		if x.GTIN != "" {
			ids = append(ids, x.GTIN)
		} else if x.SKU != "" {
			ids = append(ids, x.SKU)
		}
	}
	v.Safety.Identifiers = strings.Join(ids, ", ")
}

// linked is the product as schema.org knows it, for search engines.
func (s *Store) linked(v view.Product, p *catalog.Product, st shelfState) any {
	url := s.Origin + lang.Path(v.Lang, "/products/"+p.Handle)
	ld := map[string]any{"@context": "https://schema.org", "@type": "Product", "name": v.Title, "description": v.Text, "url": url}
	if len(v.Images) > 0 {
		var list []string
		for _, i := range v.Images {
			list = append(list, s.Origin+i.URL)
		}
		ld["image"] = list
	}
	if p.Brand != "" {
		ld["brand"] = map[string]any{"@type": "Brand", "name": p.Brand}
	}
	var offers []any
	for _, x := range p.Variants {
		price, ok := st.prices[x.ID]
		if !ok {
			continue
		}
		state, condition := "OutOfStock", "NewCondition"
		if lv, ok := st.levels[x.ID]; ok && lv.Sellable(1) {
			state = "InStock"
			if lv.Tracked && lv.Available() <= 0 {
				state = "BackOrder"
			}
		}
		if x.BGoods.SV != "" {
			condition = "DamagedCondition"
		}
		o := map[string]any{"@type": "Offer", "url": url, "price": decimal(price.Price), "priceCurrency": price.Price.Currency,
			"availability": "https://schema.org/" + state, "itemCondition": "https://schema.org/" + condition}
		if !price.Until.IsZero() {
			o["priceValidUntil"] = price.Until.In(lang.Zone).Format(time.DateOnly)
		}
		if x.SKU != "" {
			o["sku"] = x.SKU
		}
		if x.GTIN != "" {
			o["gtin"] = x.GTIN
		}
		offers = append(offers, o)
	}
	ld["offers"] = offers
	return ld
}

// decimal writes an amount as programs read it: "129.00".
func decimal(m money.Money) string {
	a, sign := m.Amount, ""
	if a < 0 {
		a, sign = -a, "-"
	}
	s := strconv.FormatInt(a%100, 10)
	if len(s) < 2 {
		s = "0" + s
	}
	return sign + strconv.FormatInt(a/100, 10) + "." + s
}
