package checkout

import (
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
)

// ContactOf opens who is buying, as frozen with the purchase, to who brings leave to: the
// link's holder, or a job of the purchase's own. A 403 fault "masked" otherwise.
func ContactOf(q db.Q, v *secret.Vault, p Purchase, leave auth.Opened) (order.Contact, error) {
	if err := leave.Need(p.Person, "purchase", p.ID); err != nil {
		return order.Contact{}, err
	}
	return contactOf(q, v, p)
}

// Seen is who is buying as the office may see him: whole where he is opened, masked
// otherwise.
func Seen(q db.Q, v *secret.Vault, p Purchase, leave auth.Opened) (c order.Contact, open bool, err error) {
	if c, err = contactOf(q, v, p); err != nil {
		return order.Contact{}, false, err
	}
	if leave.Opens(p.Person, "purchase", p.ID) {
		return c, true, nil
	}
	return c.Masked(), false, nil
}

func contactOf(q db.Q, v *secret.Vault, p Purchase) (order.Contact, error) {
	return secret.OpenJSON[order.Contact](v, q, p.Person, fieldContact, p.ID, p.contact)
}
