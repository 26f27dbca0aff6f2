package storefront

import (
	"errors"
	"net/http"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/storefront/view"
	"kassavalv/internal/web/ui"
)

// giftCard is "/gift-card": the form that asks for a code. 404 while the shop takes no
// gift cards.
func (s *Store) giftCard(w http.ResponseWriter, r *web.Request) error {
	return s.showGiftCard(w, r, http.StatusOK, ui.Form{}, nil)
}

func (s *Store) showGiftCard(w http.ResponseWriter, r *web.Request, status int, form ui.Form, c *giftcard.Card) error {
	p, err := read(s, r.Context(), func(q *db.Reader) (p view.GiftCard, err error) {
		on, err := content.GiftCardsOn.Get(q)
		if err != nil {
			return p, err
		}
		if !on {
			return p, fault.NotFound()
		}
		p.Form = form
		if c != nil {
			p.Found, p.Last4, p.Left, p.Expires, p.Held = true, c.Last4, c.Left(), c.Expires, c.Held
		}
		p.Shell, err = s.shell(q, r, "/gift-card")
		return
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.HTML(w, r, status, view.GiftCardPage(p))
}

// askGiftCard is POST /gift-card: what is left on a card, for who has its code. The code
// comes back on no page. Unknown, empty, ended: one answer.
func (s *Store) askGiftCard(w http.ResponseWriter, r *web.Request) error {
	in, err := r.ReadForm("code")
	if err != nil {
		return err
	}
	code := in.Get("code")
	wrong := func(key string) error {
		form := ui.Form{Errors: []ui.FieldError{{Name: "code", Label: lang.T(r.Lang, "gift_card.code"), Text: lang.T(r.Lang, key)}}}
		return s.showGiftCard(w, r, http.StatusUnprocessableEntity, form, nil)
	}
	if code == "" {
		return wrong("field.required")
	}
	var c giftcard.Card
	err = s.tries().Do(r.Context(), r.Network().String(), code, func() (err error) {
		c, err = read(s, r.Context(), func(q *db.Reader) (giftcard.Card, error) { return giftcard.Find(q, code) })
		if errors.Is(err, db.ErrNotFound) {
			return fault.Invalid(fault.Field{Pointer: "/code", Code: "code_unknown"})
		}
		return err
	})
	if f := fault.As(err); f != nil && f.Kind == fault.Unprocessable {
		return wrong("field.code_unknown")
	}
	if err != nil {
		return err
	}
	return s.showGiftCard(w, r, http.StatusOK, ui.Form{}, &c)
}

// boughtCards are the gift cards of an order, for who holds its link.
func (s *Store) boughtCards(q db.Q, o order.Order) (out []view.BoughtCard, err error) {
	if !o.Draft.HasGiftCards() {
		return nil, nil
	}
	cards, err := giftcard.OfOrder(q, o.ID)
	for _, c := range cards {
		out = append(out, view.BoughtCard{Code: c.Code(s.Vault), Issued: c.Issued, Left: c.Left(), Expires: c.Expires, Ended: c.State != giftcard.Active})
	}
	return out, err
}
