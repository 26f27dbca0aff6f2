package storefront

import (
	"fmt"

	"kassavalv/internal/file"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// picture is an image of the shop's own by its file; the zero Image where there
// is none. Sizes that are not known (0) are left to the style sheet.
func picture(name, alt string, width, height int64) ui.Image {
	h, err := file.ParseHash(name)
	if err != nil {
		return ui.Image{}
	}
	p := file.Picture{Hash: h, Width: int(width), Height: int(height)}
	i := ui.Image{URL: p.URL(800), Alt: alt, SrcSet: fmt.Sprintf("%s 400w, %s 800w, %s 1600w", p.URL(400), p.URL(800), p.URL(1600))}
	if width > 0 && height > 0 {
		i.Width, i.Height = p.Size(800)
	}
	return i
}

// card shows what the search index knows of a product.
func card(l lang.Lang, c *search.Card) view.Card {
	title, tl := catalog.Localized{SV: c.TitleSV, EN: c.TitleEN}.In(l)
	alt, _ := catalog.Localized{SV: c.AltSV, EN: c.AltEN}.In(l)
	out := view.Card{Path: "/products/" + c.Handle, Title: title, TextLang: tl, Image: picture(c.Picture, alt, 0, 0), Price: c.Price, From: c.From,
		SoldOut: c.Stock == search.StockOut, Few: c.Stock == search.StockFew}
	if c.Prior != nil {
		out.Prior = *c.Prior
	}
	if c.UnitPrice != nil {
		out.Unit = view.UnitPrice{Price: *c.UnitPrice, Unit: unit(l, c.Unit)}
	}
	return out
}

func cards(l lang.Lang, list []*search.Card) []view.Card {
	out := make([]view.Card, 0, len(list))
	for _, c := range list {
		out = append(out, card(l, c))
	}
	return out
}

// unit is how people write a unit of comparison prices.
func unit(l lang.Lang, u string) string {
	if u == "piece" {
		return lang.T(l, "unit.piece")
	}
	return u
}

// awaitGoods returns when every good can be found: a list made before would be
// short. Before the read transaction, which must not wait.
func (s *Store) awaitGoods(r *web.Request) error {
	if s.Index == nil {
		return nil
	}
	return s.Index.Await(r.Context())
}

// find asks the index; a query of the program's own that it refuses finds nothing.
func (s *Store) find(q search.Query) []*search.Card {
	if s.Index == nil {
		return nil
	}
	return s.Index.Some(q)
}

// picks are goods to look at where a page has nothing else to show.
func (s *Store) picks(l lang.Lang, n int) []view.Card {
	return cards(l, s.find(search.Query{InStock: true, Limit: n}))
}
