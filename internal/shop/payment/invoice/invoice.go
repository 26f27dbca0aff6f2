// Package invoice is the way to pay that needs no partner: the goods go first,
// the buyer pays to the shop's bank account within 30 days, with the OCR
// number of the order.
//
// There is no one to ask: Begin agrees at once (Authorised), and staff or a
// bank file tell when the money has come. Cancel ends it; a refund is a bank
// transfer that staff make, so Refund reports done when staff asked for it.
package invoice

import (
	"context"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// DueDays is the time to pay: 30 days, the longest a consumer invoice of our
// own is given.
const DueDays = 30

// Provider implements payment.Provider.
type Provider struct{}

// Method is "invoice".
func (Provider) Method() string { return "invoice" }

// Credit is true: the buyer gets the goods before paying.
func (Provider) Credit() bool { return true }

// Notifies is false: nobody calls us about an invoice.
func (Provider) Notifies() bool { return false }

// Begin agrees at once.
func (Provider) Begin(_ context.Context, s payment.Start) (payment.Status, error) {
	return payment.Status{Ref: "inv-" + s.Reference, Reference: s.Reference, State: payment.Authorised, Amount: s.Amount,
		Captured: money.New(0, s.Amount.Currency), Refunded: money.New(0, s.Amount.Currency)}, nil
}

// Look cannot ask anybody: what is not recorded here did not begin.
func (Provider) Look(_ context.Context, h payment.Handle) (payment.Status, error) {
	return payment.Status{Reference: h.Reference, State: payment.Absent}, nil
}

// Cancel always succeeds while nothing is paid.
func (Provider) Cancel(_ context.Context, h payment.Handle) (payment.Status, error) {
	return payment.Status{Reference: h.Reference, State: payment.Cancelled}, nil
}

// Refund is a bank transfer made by staff, who ask for it here.
func (Provider) Refund(context.Context, payment.Refund) (payment.RefundStatus, error) {
	return payment.RefundStatus{Done: true, Code: "bank_transfer"}, nil
}

// Verify refuses: invoices have no notifications.
func (Provider) Verify(payment.Notice) (payment.Hint, error) {
	return payment.Hint{}, payment.ErrBadSignature
}
