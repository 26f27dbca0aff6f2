package checkout

import (
	"context"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/stock"
)

// Gift cards in a purchase: their sums are held in tx 1, used when the order is placed,
// let go when it ends. What is bought of them is issued when it has been paid.

// giftsAsSeen refuses a purchase whose buyer would pay more with another means than he
// saw: a card was emptied by another purchase, ended, or never paid the whole. 409
// total_changed.
func giftsAsSeen(r Request, v cart.View) error {
	toPay := v.Quote.ToPay
	said := r.ExpectedToPay.Currency != ""
	switch {
	case r.Method == giftcard.Method && len(v.Gifts) == 0:
		return fault.Invalid(fault.Field{Pointer: "/payment_method", Code: "choose"})
	case said && !r.ExpectedToPay.Equal(toPay), !said && v.GiftGone(), r.Method == giftcard.Method && toPay.Amount > 0:
		return fault.Conflict("total_changed")
	}
	return nil
}

func holdGifts(tx *db.Tx, purchase db.ID, d order.Draft) error {
	return giftcard.Hold(tx, purchase, giftParts(d))
}

func giftParts(d order.Draft) []giftcard.Part {
	parts := make([]giftcard.Part, len(d.Gifts))
	for i, g := range d.Gifts {
		parts[i] = giftcard.Part(g)
	}
	return parts
}

// giftsHeld reports whether the cards still hold what was frozen, as they do until a
// purchase ends.
func giftsHeld(tx *db.Tx, p *Purchase) (bool, error) {
	if len(p.Draft.Gifts) == 0 {
		return true, nil
	}
	n, err := giftcard.Held(tx, p.ID)
	return n == p.Draft.GiftCard.Amount, err
}

// gifts pays with the cards that the purchase holds, and issues those that it bought
// when it is paid: otherwise when the money comes (IssueGiftCards), which reserved money
// is asked for now.
func (d *Desk) gifts(tx *db.Tx, p *Purchase, o order.Order, paid bool) error {
	if len(p.Draft.Gifts) > 0 {
		if _, err := giftcard.Use(tx, p.ID, o.ID); err != nil {
			return err
		}
	}
	if !p.Draft.HasGiftCards() {
		return nil
	}
	if !paid {
		return d.settleLater(tx, p.ID)
	}
	_, err := d.issue(tx, o)
	return err
}

// issue makes the cards that an order bought and has paid, once, and counts their lines as
// handed over: the letter and the order's page have the codes.
func (d *Desk) issue(tx *db.Tx, o order.Order) (made int64, err error) {
	years, err := content.GiftCardYears.Get(tx)
	if err != nil {
		return 0, err
	}
	for _, l := range o.Lines {
		if l.Kind != order.KindGiftCard || l.Quantity == l.Cancelled {
			continue
		}
		n, err := giftcard.IssueSold(tx, d.Vault, giftcard.Sold{Order: o.ID, Line: l.ID, Person: o.Person, Pieces: l.Quantity - l.Cancelled, Amount: l.Unit, Lang: o.Lang, Years: years})
		if err != nil {
			return made, err
		}
		if n == 0 {
			continue
		}
		made += n
		if err := order.Delivered(tx, o.ID, l.ID, n); err != nil {
			return made, err
		}
		if err := stock.Ship(tx, auth.System("giftcard"), o.Purchase, l.Variant, n); err != nil {
			return made, err
		}
	}
	if made > 0 {
		err = order.AddEvent(tx, o.ID, "gift_cards", true, nil)
	}
	return made, err
}

// IssueGiftCards issues what an order bought of cards, when it has been paid since it was
// placed, and has them mailed. Any number of times; it is the work of order.JobPaid.
func (d *Desk) IssueGiftCards(ctx context.Context, id db.ID) error {
	return db.Do(ctx, d.DB, func(tx *db.Tx) error {
		if err := order.Touch(tx, id); err != nil {
			return err
		}
		o, err := order.ByID(tx, id)
		if err != nil || !o.IsPaid() || o.State == order.Cancelled || !o.Draft.HasGiftCards() {
			return err
		}
		made, err := d.issue(tx, o)
		if err != nil || made == 0 {
			return err
		}
		_, err = job.Enqueue(tx, job.Spec{Kind: giftcard.JobSold, Ref: id})
		return err
	})
}

// paidWith says what was paid and how, gift cards beside another means.
func paidWith(lg lang.Lang, p Purchase, method string) string {
	gift := p.Draft.GiftCard
	switch {
	case gift.Amount == 0:
		return lang.T(lg, "state.paid", "amount", lang.Money(lg, p.Total), "method", method)
	case p.Total.Amount == 0:
		return lang.T(lg, "state.paid", "amount", lang.Money(lg, gift), "method", lang.T(lg, "method."+giftcard.Method))
	}
	return lang.T(lg, "state.paid.both", "amount", lang.Money(lg, p.Total), "method", method, "gift", lang.Money(lg, gift))
}

// OfferGiftCard reports whether cards pay all of a cart: then they are the way to pay.
func OfferGiftCard(v cart.View) bool {
	return v.Gifted() > 0 && v.Quote.ToPay.Equal(money.New(0, v.Currency))
}
