package checkout

import (
	"context"
	"fmt"
	"slices"

	"kassavalv/internal/db"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// CartMoved ends the open attempt of a cart that has become another one since the buyer
// pressed the button: in another tab, on another device. What is paid is what was agreed,
// or nothing. The same goods, address, delivery and codes again (a form sent twice) change
// nothing. If the attempt turns out paid, it stands as it was agreed.
func (d *Desk) CartMoved(ctx context.Context, id db.ID) error {
	p, err := db.Read(ctx, d.DB, func(q *db.Reader) (Purchase, error) {
		p, open, err := OpenOf(q, id)
		if err != nil || !open {
			return Purchase{}, err
		}
		c, err := cart.ByID(q, id)
		if err != nil {
			return Purchase{}, err
		}
		same, err := d.same(q, p, c)
		if err != nil || same {
			return Purchase{}, err
		}
		return p, nil
	})
	if err != nil || p.ID == 0 {
		return err
	}
	// Said first: whoever hears of the end, by whatever way, tells the reason.
	if err := db.Do(ctx, d.DB, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE checkout_purchase SET reason=$2, version=version+1 WHERE id=$1 AND is_open=1`, p.ID, ReasonMoved)
		return err
	}); err != nil {
		return err
	}
	if p, err = d.cancel(ctx, p.ID, whyMoved); err != nil {
		return err
	}
	if !p.State.Terminal() && p.State != Processing {
		return fmt.Errorf("%w: the attempt of a changed cart is not ended yet", payment.ErrUnknown) // the job asks again
	}
	return nil
}

// whyMoved is the step of an attempt that ended because its cart was changed.
const whyMoved = "cart changed"

// ReasonMoved is the reason of such an end.
const ReasonMoved = "cart_changed"

// same reports whether a cart holds what a purchase froze.
func (d *Desk) same(q db.Q, p Purchase, c cart.Cart) (bool, error) {
	if c.Version == p.CartVersion {
		return true, nil
	}
	if c.Purchase != 0 || c.Option != p.Draft.Shipping.Method || len(c.Lines) != len(p.Draft.Lines) {
		return false, nil
	}
	if c.Point != "" && p.Draft.Shipping.PointID != "" && c.Point != p.Draft.Shipping.PointID {
		return false, nil
	}
	for _, l := range c.Lines {
		if !slices.ContainsFunc(p.Draft.Lines, func(x order.DraftLine) bool { return x.Variant == l.Variant && x.Quantity == l.Quantity }) {
			return false, nil
		}
	}
	if len(c.Gifts) != len(p.Draft.Gifts) {
		return false, nil
	}
	for _, g := range p.Draft.Gifts {
		if !slices.Contains(c.Gifts, g.Card) {
			return false, nil
		}
	}
	v, err := d.Shelf.View(q, d.Vault, c, p.Lang)
	if err != nil || !slices.Equal(v.CodesHeld(), p.Draft.Codes) {
		return false, err
	}
	now, ok, err := cart.Contact[order.Contact](q, d.Vault, c)
	if err != nil || !ok {
		return false, err
	}
	was, err := secret.OpenJSON[order.Contact](d.Vault, q, p.Person, fieldContact, p.ID, p.contact)
	if err != nil {
		return false, err
	}
	a, b := now, was
	a.Billing, b.Billing = nil, nil
	same := a == b && (now.Billing == nil) == (was.Billing == nil) && (now.Billing == nil || *now.Billing == *was.Billing)
	return same, nil
}
