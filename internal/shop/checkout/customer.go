package checkout

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/order"
)

// customer keeps who bought, so that staff can find the order by mail, phone and
// name. Each purchase makes one of its own: equal addresses of guests are never merged
// before the mail is proven. A contact from before the rules of today is kept with its
// order alone: what is paid becomes an order whatever its spelling.
func (d *Desk) customer(tx *db.Tx, person db.ID, c order.Contact) (db.ID, error) {
	in := customer.Contact{Email: c.Email, Phone: c.Phone, Name: c.Name, Company: c.Company, OrgNumber: c.OrgNumber, Reference: c.Reference, Newsletter: c.Newsletter, Address: customer.Address(c.Address)}
	if c.Billing != nil {
		b := customer.Address(*c.Billing)
		in.Billing = &b
	}
	k, err := customer.NewFor(tx, d.Vault, person, in, newsletterVersion)
	if errors.Is(err, customer.ErrNotParsed) {
		return 0, nil
	}
	return k.ID, err
}

// newsletterVersion names the words beside the box of the newsletter: the same
// words, the same version.
var newsletterVersion = func() string {
	h := sha256.Sum256([]byte(lang.T(lang.SV, "consent.news") + "\n" + lang.T(lang.EN, "consent.news")))
	return hex.EncodeToString(h[:4])
}()
