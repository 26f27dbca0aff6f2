package api

import (
	"net/http"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/file"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

// Product is a product as buyers see it.
type Product struct {
	Handle      string       `json:"handle"`
	Title       string       `json:"title"`
	Description string       `json:"description"`
	URL         string       `json:"url"`
	Images      []Image      `json:"images"`
	Price       money.Money  `json:"price"`
	PriorPrice  *money.Money `json:"prior_price"`
	UnitPrice   *UnitPrice   `json:"unit_price"`
	VATRate     string       `json:"vat_rate"`
	Delivery    Days         `json:"delivery"`
	Safety      Safety       `json:"safety"`
	Withdrawal  string       `json:"withdrawal"`
	Brand       string       `json:"brand,omitempty"`
	Categories  []string     `json:"categories"`
	Tags        []string     `json:"tags"`
	Variants    []Variant    `json:"variants"`
}

// Image is a picture.
type Image struct {
	URL string `json:"url"`
	Alt string `json:"alt"`
}

// UnitPrice is the price of one kilo, litre, metre or piece.
type UnitPrice struct {
	Price money.Money `json:"price"`
	Unit  string      `json:"unit"`
}

// Days is the time from order to delivery, in days.
type Days struct {
	MinDays int `json:"min_days"`
	MaxDays int `json:"max_days"`
}

// Safety is what the product-safety regulation wants told.
type Safety struct {
	Maker         *Party   `json:"maker"`
	EUResponsible *Party   `json:"eu_responsible"`
	Warnings      []string `json:"warnings"`
}

// Party is a maker or responsible person.
type Party struct {
	Name       string `json:"name"`
	Postal     string `json:"postal"`
	Electronic string `json:"electronic"`
}

// Variant is the thing one can buy.
type Variant struct {
	ID         string            `json:"id"`
	SKU        string            `json:"sku"`
	Title      string            `json:"title"`
	Options    map[string]string `json:"options"`
	Price      money.Money       `json:"price"`
	PriorPrice *money.Money      `json:"prior_price"`
	Available  *int64            `json:"available"`
	Sellable   bool              `json:"sellable"`
}

// Category is a node of the tree.
type Category struct {
	Handle   string     `json:"handle"`
	Title    string     `json:"title"`
	Children []Category `json:"children"`
}

// Goods is the part of the Store API that shows what is sold.
type Goods struct {
	*Store
	Index *search.Index
}

// Routes is its table of contents.
func (g *Goods) Routes() []web.Route {
	ep := func(path, op string, rate shield.Class, h web.Handler) web.Route {
		return web.Route{Method: "GET", Path: Base + path, Who: web.Public, Rate: rate, Face: web.Endpoint, Op: op, Handle: h}
	}
	return []web.Route{
		ep("/products", "listProducts", shield.API, g.list),
		ep("/products/{handle}", "getProduct", shield.API, g.product),
		ep("/categories", "listCategories", shield.API, g.categories),
	}
}

func (g *Goods) list(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("category", "q", "filter.", "sort", "limit", "cursor")
	if err != nil {
		return err
	}
	q := search.Query{Text: qv.Get("q"), Sort: qv.Get("sort"), Cursor: qv.Get("cursor")}
	if qv.Has("limit") {
		n, ok := Whole(qv.Get("limit"))
		if !ok || n < 1 || n > 100 {
			return fault.Invalid(fault.Field{Pointer: "/limit", Code: "out_of_range", Args: map[string]any{"min": 1, "max": 100}})
		}
		q.Limit = n
	}
	for name, v := range qv {
		if key, ok := strings.CutPrefix(name, "filter."); ok {
			if q.Filters == nil {
				q.Filters = map[string][]string{}
			}
			// Alternatives of one key are separated by commas.
			q.Filters[key] = strings.Split(v[0], ",")
		}
	}
	if err := g.Index.Await(r.Context()); err != nil {
		return err
	}
	out, err := db.Read(r.Context(), g.DB, func(rd *db.Reader) (List[Product], error) {
		terms, err := g.Shelf.Terms(rd)
		if err != nil {
			return List[Product]{}, err
		}
		if h := qv.Get("category"); h != "" {
			c := terms.Tree.ByHandle(h)
			if c == nil {
				return List[Product]{}, fault.Invalid(fault.Field{Pointer: "/category", Code: "unknown"})
			}
			q.Category = c.ID
		}
		res, err := g.Index.List(q)
		if err != nil {
			return List[Product]{}, err
		}
		ids := make([]db.ID, len(res.Cards))
		for i, c := range res.Cards {
			ids[i] = c.Product
		}
		by, err := g.Shelf.Wares(rd, g.Currency, ids)
		if err != nil {
			return List[Product]{}, err
		}
		wares := make([]cart.Ware, 0, len(ids))
		for _, id := range ids {
			if w, ok := by[id]; ok {
				wares = append(wares, w)
			}
		}
		items, err := g.shapes(rd, wares, terms, r.Lang)
		return list(items, res.Next), err
	})
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, out)
}

// Whole reads digits and nothing else, at most nine.
func Whole(s string) (int, bool) {
	if len(s) == 0 || len(s) > 9 {
		return 0, false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

func (g *Goods) product(w http.ResponseWriter, r *web.Request) error {
	out, err := db.Read(r.Context(), g.DB, func(rd *db.Reader) (Product, error) {
		p, redirect, err := catalog.ByHandle(rd, r.PathValue("handle"))
		if err != nil {
			return Product{}, err
		}
		if p == nil && redirect != "" {
			if p, _, err = catalog.ByHandle(rd, redirect); err != nil {
				return Product{}, err
			}
		}
		if p == nil {
			return Product{}, fault.NotFound()
		}
		terms, err := g.Shelf.Terms(rd)
		if err != nil {
			return Product{}, err
		}
		variants := make([]db.ID, len(p.Variants))
		for i, v := range p.Variants {
			variants[i] = v.ID
		}
		prices, err := pricing.Selling(rd, g.Currency, variants, rd.LegalNow())
		if err != nil {
			return Product{}, err
		}
		items, err := g.shapes(rd, []cart.Ware{{Product: p, Prices: prices}}, terms, r.Lang)
		if err != nil {
			return Product{}, err
		}
		if len(items) == 0 {
			return Product{}, fault.NotFound()
		}
		return items[0], nil
	})
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, out)
}

// shapes shows wares as buyers see them, with the stock of this moment.
func (g *Goods) shapes(q db.Q, wares []cart.Ware, terms cart.Terms, lg lang.Lang) ([]Product, error) {
	at := q.LegalNow()
	var variants []db.ID
	for _, w := range wares {
		for _, v := range w.Product.Variants {
			variants = append(variants, v.ID)
		}
	}
	levels, err := stock.Levels(q, variants)
	if err != nil {
		return nil, err
	}
	show, err := content.StockShowUpTo.Get(q)
	if err != nil {
		return nil, err
	}
	var out []Product
	for _, w := range wares {
		p, prices := w.Product, w.Prices
		if !p.Visible(at) {
			continue
		}
		rate, err := terms.Rates.At(p.VATClass, at)
		if err != nil {
			return nil, err
		}
		t := p.Texts.In(lg)
		o := Product{Handle: p.Handle, Title: t.Title, Description: t.Description, URL: g.Origin + lang.Path(lg, "/products/"+p.Handle), Images: []Image{}, VATRate: money.RateString(rate),
			Withdrawal: p.Withdrawal.Surface(), Brand: p.Brand, Categories: []string{}, Tags: p.Tags, Variants: []Variant{}, Safety: Safety{Maker: party(p.Maker), EUResponsible: party(p.EUResponsible), Warnings: t.Warnings}}
		if o.Tags == nil {
			o.Tags = []string{}
		}
		if o.Safety.Warnings == nil {
			o.Safety.Warnings = []string{}
		}
		o.Delivery = days(terms.Methods, p)
		for _, m := range p.Pictures() {
			o.Images = append(o.Images, Image{g.Origin + file.Picture{Hash: file.Hash(m.File), Width: int(m.Width), Height: int(m.Height)}.URL(800), pick(lg, m.Alt.SV, m.Alt.EN)})
		}
		for _, c := range p.Categories {
			if n := terms.Tree.Get(c); n != nil {
				o.Categories = append(o.Categories, n.Handle)
			}
		}
		first, sound := true, p.Sound(func(v db.ID) bool { _, ok := prices[v]; return ok })
		for _, v := range p.Variants {
			price, ok := prices[v.ID]
			if !ok || v.Status != catalog.Active {
				continue
			}
			vo := Variant{ID: id(v.ID), SKU: v.SKU, Options: map[string]string{}, Price: price.Price, PriorPrice: price.Prior}
			var words []string
			for _, c := range v.Choices {
				name, val := pick(lg, c.Name.SV, c.Name.EN), pick(lg, c.Value.SV, c.Value.EN)
				vo.Options[name] = val
				words = append(words, val)
			}
			vo.Title = strings.Join(words, ", ")
			if vo.Title == "" {
				vo.Title = t.Title
			}
			if lv, ok := levels[v.ID]; ok {
				vo.Sellable = lv.Sellable(1)
				if lv.Tracked {
					if n := max(0, lv.Available()); n <= show {
						vo.Available = &n
					}
				}
			}
			if (first || price.Price.Amount < o.Price.Amount) && (!sound || v.BGoods.SV == "") {
				first = false
				o.Price, o.PriorPrice, o.UnitPrice = price.Price, price.Prior, nil
				content := v.Content
				if content == 0 {
					content = p.Content
				}
				if p.Unit != "" {
					if u, ok := pricing.UnitPrice(price.Price, content); ok {
						o.UnitPrice = &UnitPrice{u, p.Unit}
					}
				}
			}
			o.Variants = append(o.Variants, vo)
		}
		if len(o.Variants) > 0 {
			out = append(out, o)
		}
	}
	return out, nil
}

func party(p catalog.Party) *Party {
	if p.Name == "" {
		return nil
	}
	return &Party{p.Name, p.Postal, p.Electronic}
}

// days is the widest promise of the methods that carry such goods.
func days(ms []delivery.Method, p *catalog.Product) (d Days) {
	first := true
	for _, m := range ms {
		if !m.Active || m.Kind == delivery.Store || m.Kind == delivery.Digital || m.TakesBulky != p.Bulky {
			continue
		}
		if first || m.MinDays < d.MinDays {
			d.MinDays = m.MinDays
		}
		d.MaxDays = max(d.MaxDays, m.MaxDays)
		first = false
	}
	return
}

func (g *Goods) categories(w http.ResponseWriter, r *web.Request) error {
	out, err := db.Read(r.Context(), g.DB, func(q *db.Reader) ([]Category, error) {
		terms, err := g.Shelf.Terms(q)
		if err != nil {
			return nil, err
		}
		tree := terms.Tree
		var below func(id db.ID) []Category
		below = func(id db.ID) []Category {
			items := []Category{}
			for _, c := range tree.Children(id) {
				if tree.Shown(c.ID) {
					items = append(items, Category{c.Handle, c.Texts.In(r.Lang).Title, below(c.ID)})
				}
			}
			return items
		}
		return below(0), nil
	})
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, list(out, ""))
}
