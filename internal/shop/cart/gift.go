package cart

import (
	"slices"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/giftcard"
)

// MaxGifts is the most gift cards that pay for one cart.
const MaxGifts = 5

// Gift is a gift card on the cart.
type Gift struct {
	Card  db.ID
	Last4 string
	Left  money.Money // on the card now; zero when it does not pay any more
	Use   money.Money // of it, for this cart
}

// AddGift has a card pay; twice is once. The caller has found the card by its code.
func AddGift(tx *db.Tx, c *Cart, card giftcard.Card) error {
	if slices.Contains(c.Gifts, card.ID) {
		return nil
	}
	if card.Balance.Currency != c.Currency {
		return fault.Invalid(fault.Field{Pointer: "/code", Code: "code_unknown"})
	}
	if len(c.Gifts) >= MaxGifts {
		return fault.Conflict("too_many_codes")
	}
	return setGifts(tx, c, append(slices.Clone(c.Gifts), card.ID))
}

// RemoveGift takes a card off; one that is not there is no error.
func RemoveGift(tx *db.Tx, c *Cart, card db.ID) error {
	return setGifts(tx, c, slices.DeleteFunc(slices.Clone(c.Gifts), func(id db.ID) bool { return id == card }))
}

func setGifts(tx *db.Tx, c *Cart, ids []db.ID) error {
	c.Gifts = ids
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = id.String()
	}
	return tx.ExecOne(`UPDATE cart_cart SET gifts=$2 WHERE id=$1`, c.ID, strings.Join(words, " "))
}

func parseGifts(s string) (out []db.ID, err error) {
	for w := range strings.FieldsSeq(s) {
		id, err := db.ParseID(w)
		if err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, nil
}

// gifts looks the cart's cards up, and says how much of each this cart needs: the card
// whose time ends first goes first. Gift cards in the cart are not paid by gift cards.
func (v *View) gifts(q db.Q) error {
	if len(v.Cart.Gifts) == 0 || v.Cart.Purchase != 0 { // of an order, they have paid
		return nil
	}
	cards, err := giftcard.ByIDs(q, v.Cart.Gifts)
	if err != nil {
		return err
	}
	need := v.Quote.Total.Amount
	for _, l := range v.Lines {
		if l.Info.Kind == catalog.GiftCard {
			need -= l.Quoted.Net.Amount
		}
	}
	for _, c := range cards {
		g := Gift{Card: c.ID, Last4: c.Last4, Left: money.New(0, v.Currency), Use: money.New(0, v.Currency)}
		if c.Usable(q.LegalNow()) && c.Balance.Currency == v.Currency {
			g.Left = c.Left()
			g.Use.Amount = min(need, g.Left.Amount)
			need -= g.Use.Amount
		} else {
			code := "gift_card_gone"
			if c.State == giftcard.Active && c.Held.Amount > 0 {
				code = "gift_card_held" // by a purchase under way, this cart's perhaps
			}
			v.Problems = append(v.Problems, Problem{Code: code, Key: "cart.problem." + code, Args: []any{"last4", c.Last4}})
			v.giftGone = true
		}
		v.Gifts = append(v.Gifts, g)
	}
	return nil
}

// Gifted is what the cart's gift cards pay together.
func (v View) Gifted() (n int64) {
	for _, g := range v.Gifts {
		n += g.Use.Amount
	}
	return
}

// GiftGone reports whether a card that was put on the cart pays nothing any more: the sum
// that the buyer saw may be another.
func (v View) GiftGone() bool { return v.giftGone }
