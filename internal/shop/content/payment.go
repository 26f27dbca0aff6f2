package content

import (
	"kassavalv/internal/db"
	"kassavalv/internal/money"
)

// PaymentBarred reports whether the merchant does not offer a way to pay for this
// sum: the shop's own invoice can be turned off, and has a greatest total.
func PaymentBarred(q db.Q, method string, toPay money.Money) (bool, error) {
	if method != "invoice" {
		return false, nil
	}
	on, err := InvoiceOn.Get(q)
	if err != nil || !on {
		return true, err
	}
	most, err := InvoiceMax.Get(q)
	return toPay.Amount > most*100, err
}
