package klarna

import (
	"errors"

	"kassavalv/internal/shop/payment"
)

// meaning is what one of Klarna's words means to us.
type meaning struct {
	Reason payment.Reason
	// Final says of an error that asking again will not change it. The others are faults
	// of settings or passing ones: what was asked for is asked again.
	Final bool
}

// codes is the one table of Klarna's words: error codes
// (https://docs.klarna.com/resources/error-details/), the states of a page and of an
// order, and the fraud status. Klarna publishes no reasons of a decline: the buyer is
// told on its page, the shop is not.
var codes = map[string]meaning{
	// Klarna Payments and the hosted page.
	"BAD_REQUEST":       {payment.ProviderDown, true},
	"BAD_VALUE":         {payment.ProviderDown, true}, // ours to mend: the code and correlation id are kept for staff
	"INVALID_OPERATION": {payment.ProviderDown, true},
	"MERCHANT_INACTIVE": {payment.ProviderDown, false},
	"UNAUTHORIZED":      {payment.ProviderDown, false},
	"HTTP_401":          {payment.ProviderDown, false}, // Klarna's door answers without a body
	"HTTP_403":          {payment.ProviderDown, false},
	"REJECTED":          {payment.Declined, true},
	"NOT_FOUND":         {payment.TimedOut, true},
	"SESSION_COMPLETED": {payment.ProviderDown, true},
	// Order management.
	"CAPTURE_NOT_ALLOWED":  {payment.Declined, true},
	"CANCEL_NOT_ALLOWED":   {payment.Declined, true},
	"REFUND_NOT_ALLOWED":   {payment.Declined, true},
	"NOT_ALLOWED":          {payment.Declined, true},
	"NO_SUCH_ORDER":        {payment.Declined, true},
	"NO_SUCH_CAPTURE":      {payment.Declined, true},
	"REQUEST_TOO_LARGE":    {payment.ProviderDown, true},
	"UNPROCESSABLE_ENTITY": {payment.ProviderDown, true},
	"INVALID_ADDRESS":      {payment.ProviderDown, true},
	// Passing: what these leave behind is looked up.
	"CONFLICT":                {payment.ProviderDown, false},
	"TOO_MANY_REQUESTS":       {payment.ProviderDown, false},
	"INTERNAL_SERVER_ERROR":   {payment.ProviderDown, false},
	"UNEXPECTED_ERROR":        {payment.ProviderDown, false},
	"TEMPORARILY_UNAVAILABLE": {payment.ProviderDown, false},
	// States of the page in which nothing will come of it.
	"FAILED":    {payment.Declined, true},
	"ERROR":     {payment.BankError, true},
	"CANCELLED": {payment.BuyerLeft, true},
	"DISABLED":  {payment.BuyerLeft, true},
	// States of the order and of its fraud check.
	"EXPIRED":               {payment.TimedOut, true},
	"CLOSED":                {payment.Declined, true},
	"FRAUD_STATUS_REJECTED": {payment.Declined, true},
	"FRAUD_STATUS_STOPPED":  {payment.Declined, true},
}

// meant is the meaning of a word; one that is not known is a passing fault of Klarna's.
func meant(code string) meaning {
	if m, ok := codes[code]; ok {
		return m
	}
	return meaning{payment.ProviderDown, false}
}

// final is the problem when err is a refusal that asking again will not change.
func final(err error) (*problem, bool) {
	var e *problem
	if errors.Is(err, payment.ErrUnknown) || !errors.As(err, &e) {
		return nil, false
	}
	return e, meant(e.code).Final
}

// is reports whether err is Klarna's answer with one of the HTTP statuses.
func is(err error, status ...int) bool {
	var e *problem
	if !errors.As(err, &e) {
		return false
	}
	for _, s := range status {
		if e.status == s {
			return true
		}
	}
	return false
}
