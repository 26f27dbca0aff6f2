package checkout

import (
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
)

// ContactOf opens who is buying, as frozen with the purchase. The caller has
// established the right: the link's holder, staff, or a job of the purchase's own.
func ContactOf(q db.Q, v *secret.Vault, p Purchase) (order.Contact, error) {
	return secret.OpenJSON[order.Contact](v, q, p.Person, fieldContact, p.ID, p.contact)
}
