// Package invoice is the way to pay that needs no partner: the goods go first,
// the buyer pays to the shop's bank account within 30 days, with an OCR number
// that says which order it is for.
//
// There is no one to ask: Begin agrees at once (Authorised), and staff or a
// bank file tell when the money has come. Cancel ends it; a refund is a bank
// transfer that staff make, so Refund reports done when staff asked for it.
package invoice

import (
	"context"
	"net/http"
	"strconv"
	"time"

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

// Begin agrees at once.
func (Provider) Begin(_ context.Context, s payment.Start) (payment.Status, error) {
	return payment.Status{Ref: "inv-" + s.Reference, Reference: s.Reference, State: payment.Authorised, Amount: s.Amount,
		Captured: money.New(0, s.Amount.Currency), Refunded: money.New(0, s.Amount.Currency)}, nil
}

// Look cannot ask anybody: what is not recorded here did not begin.
func (Provider) Look(_ context.Context, reference string) (payment.Status, error) {
	return payment.Status{Reference: reference, State: payment.Absent}, nil
}

// Cancel always succeeds while nothing is paid.
func (Provider) Cancel(_ context.Context, reference string) (payment.Status, error) {
	return payment.Status{Reference: reference, State: payment.Cancelled}, nil
}

// Refund is a bank transfer made by staff, who ask for it here.
func (Provider) Refund(context.Context, payment.Refund) (payment.RefundStatus, error) {
	return payment.RefundStatus{Done: true, Code: "bank_transfer"}, nil
}

// Verify refuses: invoices have no notifications.
func (Provider) Verify(http.Header, []byte, time.Time) (payment.Hint, error) {
	return payment.Hint{}, payment.ErrBadSignature
}

// OCR makes a reference number of an order's row of digits: the digits, their
// length check (total length modulo 10) and a check digit by the Luhn rule, as
// Bankgirot's "variable length with length check" has it.
func OCR(n int64) string {
	s := strconv.FormatInt(n, 10)
	s += strconv.Itoa((len(s) + 2) % 10)
	return s + strconv.Itoa(luhn(s))
}

// ValidOCR checks a number as typed by a buyer or found in a bank file.
func ValidOCR(s string) bool {
	if len(s) < 3 || len(s) > 25 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	n := len(s)
	return int(s[n-2]-'0') == n%10 && int(s[n-1]-'0') == luhn(s[:n-1])
}

// luhn is the check digit of s.
func luhn(s string) int {
	sum, double := 0, true
	for i := len(s) - 1; i >= 0; i-- {
		d := int(s[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return (10 - sum%10) % 10
}
