package storefront

import (
	"context"
	"errors"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// frame is what stands around every page: who sells, and the menu. It is read
// once and again after a change of it.
type frame struct {
	company content.CompanyFacts
	tree    *catalog.Tree
	hours   int64 // within which customer service answers
	gifts   bool  // gift cards are taken
}

// changed drops the frame; it is registered with the change feed.
func (s *Store) changed(cs []db.Change) {
	for _, c := range cs {
		switch c.Entity {
		case catalog.EntityCategory, "company", "setting":
			s.mu.Lock()
			s.frame, s.drops, s.dropped = nil, s.drops+1, time.Now()
			s.mu.Unlock()
		}
	}
}

// framed returns the frame, reading it when there is none.
func (s *Store) framed(q db.Q) (*frame, error) {
	s.mu.Lock()
	f, drops := s.frame, s.drops
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	f = &frame{}
	var err error
	if f.company, err = content.Company(q); err != nil && !errors.Is(err, db.ErrNotFound) {
		return nil, err
	}
	if f.tree, err = catalog.Categories(q); err != nil {
		return nil, err
	}
	if f.hours, err = content.AnswerHours.Get(q); err != nil {
		return nil, err
	}
	if f.gifts, err = content.GiftCardsOn.Get(q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	// Else a change came while it was read, or the snapshot may be older than one:
	// the next reader reads again.
	if drops == s.drops && q.Now().After(s.dropped) {
		s.frame = f
	}
	s.last = f
	s.mu.Unlock()
	return f, nil
}

// shell fills what is around a page. path is the page's own, without language
// prefix. The cart's count is read only where a visitor brought a cart.
func (s *Store) shell(q db.Q, r *web.Request, path string) (view.Shell, error) {
	f, err := s.framed(q)
	if err != nil {
		return view.Shell{}, err
	}
	sh := s.bare(f, r.Lang, path)
	c, ok, err := s.ownCart(q, r)
	if err != nil {
		return view.Shell{}, err
	}
	if ok {
		sh.CartCount = int(c.Pieces())
	}
	v, err := s.who(q, r)
	sh.SignedIn = v.SignedIn()
	return sh, err
}

// bare is the shell without anything of the visitor.
func (s *Store) bare(f *frame, l lang.Lang, path string) view.Shell {
	c := f.company
	sh := view.Shell{Lang: l, Path: path, BaseURL: s.Origin, Company: view.Company{Shop: c.Shop, Name: c.Name, OrgNumber: c.OrgNumber, VATNumber: c.VATNumber,
		Street: c.Street, PostalCode: c.PostalCode, City: c.City, Email: c.Mail, Phone: c.Phone, Hours: c.Hours(l), Example: c.Example}}
	sh.Company.Tagline, _ = s.Tagline.In(l)
	if f.tree != nil {
		for _, n := range f.tree.Children(0) {
			if f.tree.Shown(n.ID) {
				p := "/categories/" + n.Handle
				sh.Categories = append(sh.Categories, ui.Link{Text: n.Texts.In(l).Title, URL: p, Current: path == p})
			}
		}
	}
	if s.Clone {
		sh.Bars = append(sh.Bars, view.Bar{Tone: ui.Stop, Text: lang.T(l, "shop.clone")})
	} else if s.Trial {
		sh.Bars = append(sh.Bars, view.Bar{Tone: ui.Wait, Text: lang.T(l, "shop.trial")})
	}
	if s.Desk != nil {
		for _, p := range s.Desk.Providers {
			sh.Methods = append(sh.Methods, s.Desk.MethodName(l, p.Method()))
		}
	}
	for _, code := range s.countries() {
		if name := country(l, code); name != "" {
			sh.Countries = append(sh.Countries, name)
		}
	}
	return sh
}

// country is the name of a country, or "" for one that the shop has no word for.
func country(l lang.Lang, code string) string {
	if key := "country." + strings.ToLower(code); lang.Has(key) {
		return lang.T(l, key)
	}
	return ""
}

// ownCart reads the visitor's cart, if he has one that can still be changed.
func (s *Store) ownCart(q db.Q, r *web.Request) (cart.Cart, bool, error) {
	token := r.CookieValue(web.CookieCart)
	if token == "" {
		return cart.Cart{}, false, nil
	}
	c, err := cart.ByToken(q, s.Vault, token)
	if fault.Is(err, "not_found") {
		return cart.Cart{}, false, nil
	}
	if err != nil {
		return cart.Cart{}, false, err
	}
	return c, c.Purchase == 0, nil
}

// read runs fn on one snapshot.
func read[T any](s *Store, ctx context.Context, fn func(q *db.Reader) (T, error)) (T, error) {
	return db.Read(ctx, s.DB, fn)
}
