package storefront

import (
	"net/http"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/web"
	"kassavalv/internal/web/richtext"
	"kassavalv/internal/web/storefront/view"
)

const (
	homeHero  = 3
	homePicks = 12
)

// home is "/": chosen goods, the categories, what is reduced.
func (s *Store) home(w http.ResponseWriter, r *web.Request) error {
	if s.Index != nil {
		if err := s.Index.AwaitFirst(r.Context()); err != nil {
			return err
		}
	}
	p, err := read(s, r.Context(), func(q *db.Reader) (view.Home, error) {
		sh, err := s.shell(q, r, "/")
		if err != nil {
			return view.Home{}, err
		}
		f, err := s.framed(q)
		if err != nil {
			return view.Home{}, err
		}
		p := view.Home{Shell: sh, Heading: sh.Company.Tagline, AnswerIn: int(f.hours)}
		if p.Heading == "" {
			p.Heading = sh.Company.Shop
		}
		if about, err := content.PageNow(q, content.About, r.Lang); err == nil {
			p.Lead = sentences(richtext.Plain(about.Body, 2000), 260)
		} else if !fault.Is(err, "not_found") {
			return view.Home{}, err
		}
		p.About = p.Lead
		ids, err := catalog.WithTag(q, catalog.ChosenTag, 0, 100)
		if err != nil {
			return view.Home{}, err
		}
		chosen := s.chosen(ids)
		p.Picks = cards(r.Lang, chosen)
		for _, c := range chosen {
			if c.Picture != "" && c.Stock != search.StockOut && len(p.Hero) < homeHero {
				p.Hero = append(p.Hero, card(r.Lang, c))
			}
		}
		p.Reduced = cards(r.Lang, s.find(search.Query{Reduced: true, InStock: true, Limit: 4}))
		p.Tiles = s.tiles(f.tree, r.Lang)
		if p.FreeFrom, err = s.freeFrom(q); err != nil {
			return view.Home{}, err
		}
		return p, s.keepList(q, r, "catalog", "content")
	})
	if err != nil {
		return err
	}
	return web.HTML(w, r, http.StatusOK, view.HomePage(p))
}

// sentences is the beginning of a text, in whole sentences of at most n bytes; the
// first is there whatever its length.
func sentences(text string, n int) string {
	at := 0
	for i := range text {
		if i > n && at > 0 {
			break
		}
		if text[i] == '.' && (i+1 == len(text) || text[i+1] == ' ') {
			at = i + 1
		}
	}
	if at == 0 {
		return text
	}
	return text[:at]
}

// chosen are the goods staff picked, filled up with the newest that can be had.
func (s *Store) chosen(ids []db.ID) []*search.Card {
	if s.Index == nil {
		return nil
	}
	list := slices.DeleteFunc(s.Index.Cards(ids), func(c *search.Card) bool { return c.Stock == search.StockOut })
	if len(list) > homePicks {
		list = list[:homePicks]
	}
	for _, c := range s.find(search.Query{InStock: true, Limit: homePicks}) {
		if len(list) < homePicks && !slices.ContainsFunc(list, func(x *search.Card) bool { return x.Product == c.Product }) {
			list = append(list, c)
		}
	}
	return list
}

// tiles are the top categories, each with the picture of one of its goods.
func (s *Store) tiles(tree *catalog.Tree, l lang.Lang) []view.Tile {
	var out []view.Tile
	for _, c := range tree.Children(0) {
		if !tree.Shown(c.ID) {
			continue
		}
		t := view.Tile{Text: c.Texts.In(l).Title, Path: "/categories/" + c.Handle}
		for _, g := range s.find(search.Query{Category: c.ID, Limit: 6}) {
			if g.Picture != "" {
				t.Image = card(l, g).Image
				break
			}
		}
		if t.Image.URL != "" { // a category without goods is not shown off
			out = append(out, t)
		}
	}
	return out
}

// freeFrom is the smallest sum from which an ordinary parcel is sent free; zero
// when there is none.
func (s *Store) freeFrom(q db.Q) (money.Money, error) {
	t, err := s.Shelf.Terms(q)
	var out money.Money
	for _, m := range t.Methods {
		if m.Active && m.FreeFrom > 0 && m.Currency == s.Currency && m.Kind != delivery.Bulky && m.Kind != delivery.Store && (out.Amount == 0 || m.FreeFrom < out.Amount) {
			out = money.New(m.FreeFrom, m.Currency)
		}
	}
	return out, err
}

// keepList keeps a page of many goods: until the next boundary of the clock, and
// briefly, because the search index follows changes a moment after the feed has
// told the cache.
func (s *Store) keepList(q db.Q, r *web.Request, tags ...string) error {
	if !r.Keeps() {
		return nil
	}
	now := q.LegalNow()
	next, err := pricing.NextBoundaryOfAll(q, s.Country, now)
	if err != nil {
		return err
	}
	r.KeepUntil(sooner(next, now.Add(listKeep)), tags...)
	return nil
}

// sooner is the earlier of two instants; zero means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
