package wire

import "time"

// Names of the headers.
const (
	HeaderSignature   = "Sandbox-Signature"
	HeaderKey         = "Idempotency-Key"
	HeaderInstantCard = "Instant-Card"
)

// Account is the merchant account that every event of the sandbox names.
const Account = "sandbox"

// State is where a payment stands.
type State string

// The states. Captured, Refused, Cancelled and Expired are final; a captured
// payment still changes its refunded sum.
const (
	Created    State = "created"    // nobody has opened the page
	Awaiting   State = "awaiting"   // the page is open, or the second factor is asked for
	Processing State = "processing" // the buyer has paid, the bank has not settled
	Captured   State = "captured"   // the money is taken
	Refused    State = "refused"    // the bank said no; nothing was taken
	Cancelled  State = "cancelled"  // by the buyer or by the shop; nothing was taken
	Expired    State = "expired"    // the time to pay ran out; nothing was taken
)

// Final reports whether a payment in this state can never be paid any more, or
// is paid.
func (s State) Final() bool {
	switch s {
	case Captured, Refused, Cancelled, Expired:
		return true
	}
	return false
}

// Reasons of a refusal.
const (
	ReasonDeclined          = "declined"
	ReasonInsufficientFunds = "insufficient_funds"
	ReasonBankError         = "bank_error"
	ReasonAuthentication    = "authentication_failed" // the second factor was wrong three times
)

// Types of events.
const (
	EventCaptured  = "payment.captured"
	EventRefused   = "payment.refused"
	EventCancelled = "payment.cancelled"
	EventExpired   = "payment.expired"
	EventRefunded  = "payment.refunded"
)

// CreatePayment asks for a payment.
type CreatePayment struct {
	Reference   string `json:"reference"`              // the shop's name of the purchase, 1 to 128 printable ASCII
	Amount      int64  `json:"amount"`                 // minor units, 1 to 10^12
	Currency    string `json:"currency"`               // three capital letters
	Description string `json:"description,omitempty"`  // for the buyer's eye, 200 bytes at most
	ReturnURL   string `json:"return_url"`             // absolute http or https, no user, no fragment
	NotifyURL   string `json:"notify_url"`             // absolute https, no user, no fragment
	NotifyCA    string `json:"notify_ca,omitempty"`    // PEM; empty trusts the system's authorities
	Language    string `json:"language,omitempty"`     // "sv" (default) or "en"
	ExpiresIn   int64  `json:"expires_in,omitempty"`   // seconds to pay, 1 to 86,400; 0 is the bank's own 30 minutes
	InstantCard string `json:"instant_card,omitempty"` // load tests only: pay in this call
}

// Payment is what the bank believes.
type Payment struct {
	ID        string    `json:"id"`
	Reference string    `json:"reference"`
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"`
	Captured  int64     `json:"captured"`
	Refunded  int64     `json:"refunded"`
	PayURL    string    `json:"pay_url"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Refunds   []Refund  `json:"refunds,omitempty"`
}

// List is the answer to a search.
type List struct {
	Items []Payment `json:"items"`
}

// CreateRefund asks for money back. The sum of all refunds never exceeds what
// was captured.
type CreateRefund struct {
	Amount int64  `json:"amount"`           // minor units, 1 or more
	Reason string `json:"reason,omitempty"` // 200 bytes at most
	Note   string `json:"note,omitempty"`   // for the buyer; 200 bytes at most
}

// Refund is money given back.
type Refund struct {
	ID        string    `json:"id"`
	PaymentID string    `json:"payment_id"`
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	Reason    string    `json:"reason,omitempty"`
	Note      string    `json:"note,omitempty"`
	CreatedAt time.Time `json:"created_at"`
}

// Movement is a row of the bank's own books: money of one payment that moved.
type Movement struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"` // capture, refund
	PaymentID string    `json:"payment_id"`
	Reference string    `json:"reference"`
	Key       string    `json:"key,omitempty"` // Idempotency-Key of a refund
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	At        time.Time `json:"at"`
}

// Movements is a page of the books. After is where the next page begins; empty: this
// was the last.
type Movements struct {
	Items []Movement `json:"items"`
	After string     `json:"after,omitempty"`
}

// Event is the body of a notification.
type Event struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Created  int64     `json:"created"` // unix seconds
	Livemode bool      `json:"livemode"`
	Account  string    `json:"account"`
	Data     EventData `json:"data"`
}

// EventData is the payment as it stood when the event was made.
type EventData struct {
	PaymentID string `json:"payment_id"`
	Reference string `json:"reference"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	State     State  `json:"state"`
	Captured  int64  `json:"captured"`
	Refunded  int64  `json:"refunded"`
	Reason    string `json:"reason"`
}

// Problem is the body of every answer of the API that is not 2xx (RFC 9457
// with a stable code).
type Problem struct {
	Type    string   `json:"type"`
	Title   string   `json:"title"`
	Status  int      `json:"status"`
	Code    string   `json:"code"`
	Detail  string   `json:"detail,omitempty"`
	Payment *Payment `json:"payment,omitempty"`
}
