package payment

import (
	"context"
	"errors"
	"net/http"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
)

// State of a payment at its provider, in our words.
type State string

// The states.
const (
	Open       State = "open"       // made; the buyer has not acted
	Processing State = "processing" // the provider is working on it
	Authorised State = "authorised" // agreed or reserved; money comes later
	Captured   State = "captured"   // the buyer has paid
	Refused    State = "refused"    // final: it cannot be paid any more
	Cancelled  State = "cancelled"  // final
	Expired    State = "expired"    // final, confirmed by the provider
	Absent     State = "absent"     // the provider has never heard of it
)

// Final reports whether the provider will not change its mind, money aside.
func (s State) Final() bool {
	return s == Captured || s == Refused || s == Cancelled || s == Expired
}

// Reason is the stable code of a refusal. The provider's own code is kept
// beside it for staff.
type Reason string

// The reasons. Lost, stolen and suspected fraud are Declined, on purpose.
const (
	Declined     Reason = "declined"
	Insufficient Reason = "insufficient_funds"
	BankError    Reason = "bank_error"
	AuthFailed   Reason = "authentication_failed"
	BuyerLeft    Reason = "cancelled"
	ProviderDown Reason = "provider_down"
	TimedOut     Reason = "expired"
)

// NextAction is what the buyer's browser must do now.
type NextAction struct {
	Type string // "redirect", "qr" or "app"
	URL  string
}

// Status is what the provider says of one payment.
type Status struct {
	Ref       string // the provider's id
	Reference string // ours, as the provider repeats it
	State     State
	Amount    money.Money // what the payment is for
	Captured  money.Money // what the buyer has paid
	Refunded  money.Money
	Reason    Reason
	Code      string // the provider's own code, for staff
	Next      *NextAction
	Live      bool // true when real money moves
}

// Start is the wish for a payment.
type Start struct {
	Key         string // idempotency key, the same over all retries
	Reference   string // the purchase
	Amount      money.Money
	Description string
	ReturnURL   string // where the provider sends the buyer
	NotifyURL   string
	Lang        lang.Lang
}

// Refund is the wish to pay back.
type Refund struct {
	Key    string
	Ref    string // the provider's payment id
	Amount money.Money
	Reason string
}

// RefundStatus is the provider's answer to a refund.
type RefundStatus struct {
	Done    bool
	Refused bool // final: staff must act
	Code    string
}

// Hint is what a verified notification says; nothing in it is believed but
// which payment to ask about.
type Hint struct {
	EventID   string
	Reference string
}

// ErrUnknown is returned (wrapped) when a call may or may not have had its
// effect: a time-out, a reset, a 5xx. The caller asks with Look until it knows.
var ErrUnknown = errors.New("payment: outcome unknown")

// ErrBadSignature is returned for a notification that does not prove its origin.
var ErrBadSignature = errors.New("payment: notification not authentic")

// ErrForeign is returned, with the hint, for a notification that our secret signed
// but that is about another account or another mode than ours. It is refused like one
// that is not authentic, and is a sign of a leaked secret.
var ErrForeign = errors.New("payment: notification of another account or mode")

// Provider is one way to pay.
//
// Every method MUST respect ctx, MUST be safe for concurrent use, and MUST
// return an error wrapping ErrUnknown when the outcome is not known. Begin and
// Refund MUST be idempotent by their key: a second call with the same key and
// values has no second effect and tells the state of the first.
type Provider interface {
	// Method is the stable name in the surface, e.g. "card".
	Method() string
	// Credit reports whether the method lends the buyer money; such methods are
	// shown last and never preselected (betaltjänstlagen 7 a kap. 1 §).
	Credit() bool
	// Begin makes the payment.
	Begin(ctx context.Context, s Start) (Status, error)
	// Look asks for the truth by our reference. State Absent, without an error,
	// means that the provider is sure it has no such payment.
	Look(ctx context.Context, reference string) (Status, error)
	// Cancel ends a payment that is not paid. When it was paid after all the
	// status says so; that is no error.
	Cancel(ctx context.Context, reference string) (Status, error)
	// Refund pays back; never more than captured.
	Refund(ctx context.Context, r Refund) (RefundStatus, error)
	// Verify checks a notification's signature and age over its raw bytes, then
	// whose it is: ErrBadSignature, ErrForeign, or another error for one that is
	// malformed.
	Verify(h http.Header, body []byte, now time.Time) (Hint, error)
}
