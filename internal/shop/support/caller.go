package support

import (
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/order"
)

// OnFile is the mail address on file behind an order, a case or a customer, for the
// program's own letters. 404 for anything else.
func OnFile(q db.Q, v *secret.Vault, entity string, id db.ID) (person db.ID, mail string, l lang.Lang, err error) {
	switch entity {
	case "order":
		o, err := order.ByID(q, id)
		if err != nil {
			return 0, "", "", err
		}
		c, err := order.ContactOf(q, v, o, auth.OwnWork())
		return o.Person, c.Email, o.Lang, err
	case "case":
		k, err := ByID(q, id)
		if err != nil {
			return 0, "", "", err
		}
		c, err := contactOf(q, v, k)
		return k.Person, c.Mail, k.Lang, err
	case "customer":
		c, err := customer.Load(q, v, id)
		return c.Person, c.Contact.Email, lang.SV, err
	}
	return 0, "", "", fault.NotFound()
}

// SendCode mails a code to the address on file behind an order, a case or a customer,
// for somebody who says that he is calling. The address is shown to nobody. The time to wait is set when the
// address has had its codes of the hour.
func SendCode(tx *db.Tx, a *auth.Auth, v *secret.Vault, by auth.By, entity string, id db.ID) (wait time.Duration, err error) {
	switch entity {
	case "order":
		err = by.Need(auth.OrdersRead)
	case "case":
		err = by.Need(auth.CasesRead)
	default:
		err = by.Need(auth.CustomersRead)
	}
	if err != nil {
		return 0, err
	}
	person, mail, _, err := OnFile(tx, v, entity, id)
	if err != nil {
		return 0, err
	}
	return a.SendCallerCode(tx, by, auth.Call{Person: person, Entity: entity, EntityID: id, Mail: mail})
}
