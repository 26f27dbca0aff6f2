package checkout

import (
	"errors"
	"fmt"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// AlarmRevived tells staff that late money became an order, by the merchant's rule.
const AlarmRevived = "late_order"

// errNoOrder says that late money cannot become an order; what was tried is undone with
// the transaction, and the money goes back in the next.
var errNoOrder = errors.New("checkout: late money cannot become an order")

// revive makes the order of a purchase that had ended when its money came, by the
// merchant's rule: at the price that was agreed, when all its goods, codes and gift cards are
// there still and its cart has not gone another way. The state stays as it was told; nil
// without an error: by the rule, the money goes back.
func (d *Desk) revive(tx *db.Tx, p *Purchase, i payment.Intent, a answer) (*order.Order, error) {
	if a.back || d.Late == nil || p.Order != 0 {
		return nil, nil
	}
	if ok, err := d.Late(tx); err != nil || !ok {
		return nil, err
	}
	no := func(err error) (*order.Order, error) {
		if fault.As(err) != nil || errors.Is(err, db.ErrNotFound) || errors.Is(err, db.ErrConflict) {
			return nil, fmt.Errorf("%w: %w", errNoOrder, err)
		}
		return nil, err
	}
	if err := cart.Lock(tx, p.Cart); err != nil {
		return no(err)
	}
	c, err := cart.ByID(tx, p.Cart)
	if err != nil {
		return no(err)
	}
	_, open, err := OpenOf(tx, p.Cart)
	if err != nil {
		return nil, err
	}
	if c.Purchase != 0 || open {
		return nil, errNoOrder // the buyer tries again, or has bought: never two orders of one cart
	}
	if err := stock.Regain(tx, p.ID); err != nil {
		return no(err)
	}
	if err := pricing.Claim(tx, p.Draft.Codes, p.ID); err != nil {
		return no(err)
	}
	if err := giftcard.Regain(tx, p.ID, giftParts(p.Draft)); err != nil {
		return no(err)
	}
	if ok, err := stock.Allocate(tx, p.ID); err != nil || !ok {
		return no(errors.Join(err, errNoOrder))
	}
	p.Money = moved(i, a.st.Captured)
	o, err := d.order(tx, p, i, a.st.Captured, false)
	if err != nil {
		return no(err)
	}
	if err := raise(tx, p, AlarmRevived); err != nil {
		return nil, err
	}
	return &o, step(tx, p.ID, p.State, AlarmRevived)
}
