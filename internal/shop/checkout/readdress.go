package checkout

import (
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/order"
)

// Readdress sends an order that has not left to another address in the same country, for a
// caller whom this member has verified: a parcel that goes elsewhere is what who pretends to be somebody wants. It needs orders.write. Faults: 404; 409
// caller_unverified, and wrong_state for what has left, is cancelled, or goes to a pickup point; 422 at the
// address's fields (/line1, /postal_code …).
func Readdress(tx *db.Tx, v *secret.Vault, by auth.By, caller auth.Verified, id db.ID, a customer.Address) error {
	if err := by.Need(auth.OrdersWrite); err != nil {
		return err
	}
	if err := order.Touch(tx, id); err != nil {
		return err
	}
	o, err := order.ByID(tx, id)
	if err != nil {
		return err
	}
	if err := caller.Need(o.Person, "order", o.ID); err != nil {
		return err
	}
	if o.State != order.Placed || !o.ShippedAt.IsZero() || o.Draft.Shipping.PointName != "" {
		return fault.Conflict("wrong_state")
	}
	for _, l := range o.Lines {
		if l.Shipped > 0 {
			return fault.Conflict("wrong_state")
		}
	}
	was, err := order.ContactOf(tx, v, o, auth.OwnWork())
	if err != nil {
		return err
	}
	a.Country = was.Address.Country
	got, err := customer.ParseAddress(a)
	if err != nil {
		return err
	}
	return order.Readdress(tx, v, by, o, order.Address(got))
}
