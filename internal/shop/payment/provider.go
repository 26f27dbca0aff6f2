package payment

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
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
	Type string // "redirect", "qr", "app" or NextPhone
	URL  string // empty of NextPhone
}

// NextPhone is the type of a payment that was sent to the buyer's phone by its number:
// there is nothing to open here.
const NextPhone = "phone"

// Status is what the provider says of one payment.
type Status struct {
	Ref       string // the provider's id
	Was       string // the id it was known by until now, when Ref takes its place: a session that became an order
	Reference string // ours, as the provider repeats it
	State     State
	Amount    money.Money // what the payment is for
	Captured  money.Money // what the buyer has paid
	Refunded  money.Money // zero of a provider that does not tell it with the payment
	Reason    Reason
	Code      string // the provider's own code, for staff
	Next      *NextAction
	Live      bool      // true when real money moves
	AuthUntil time.Time // when an authorisation that is not captured ends; zero: not said
	Adrift    bool      // of a processing one: the provider will never know by itself whether money moved
	Until     time.Time // of an open one: until when the provider gives the buyer time; zero: as long as we do
}

// Start is the wish for a payment.
type Start struct {
	Key         string // idempotency key, the same over all retries
	Reference   string // the purchase, as Handle has it
	Amount      money.Money
	Description string // for the buyer's account statement: the shop's name
	ReturnURL   string // where the provider sends the buyer
	NotifyURL   string
	Lang        lang.Lang
	Until       time.Time // until when the buyer has time; a provider that cannot hold to it keeps its own
	Lines       []Line    // what is bought, for providers that show or demand it; they add up to Amount
	Phone       string    // E.164, only when the buyer asked to be called upon there
	Country     string    // ISO 3166-1 alpha-2, of delivery
}

// Line is a row of what is bought as a provider may show it. Nothing in it is
// personal. Total is what the row adds to the sum, so a discount is negative.
type Line struct {
	Kind     string // goods, delivery, discount, gift_card
	Ref      string // SKU, empty for other kinds than goods
	Name     string
	Quantity int64
	Unit     money.Money // incl. VAT
	Total    money.Money // after discount, incl. VAT
	RateBP   int64       // VAT rate in basis points
	VAT      money.Money // contained in Total
}

// Handle names a payment that was begun, or may have been.
type Handle struct {
	Reference string    // ours
	Ref       string    // the provider's id; empty when its first answer never came
	Key       string    // of Start
	Begun     time.Time // when it was stored
}

// Refund is the wish to pay back.
type Refund struct {
	Key       string
	Ref       string // the provider's payment id
	Reference string // ours, of the payment
	Amount    money.Money
	Reason    string // staff's own words: they stay in the shop
	// Note is for the buyer, with the money, where the provider passes words on: ours, of
	// at most 28 characters (Swish shows no more beside the reference). Empty: the provider's
	// usual ones.
	Note string
}

// RefundStatus is the provider's answer to a refund. Neither Done nor Refused
// means that it is on its way; it is asked again, with the same key.
type RefundStatus struct {
	Done    bool
	Refused bool // final: staff must act
	Code    string
}

// Take is the wish to capture all or a part of what is authorised.
type Take struct {
	Key       string
	Ref       string // the provider's payment id
	Reference string
	Amount    money.Money
	Whole     bool // nothing more will be captured: what is left is released
	Lines     []Line
}

// TakeStatus is the provider's answer to a capture, read as RefundStatus.
type TakeStatus = RefundStatus

// Notice is a notification as it came in.
type Notice struct {
	Header http.Header
	Query  url.Values
	Body   []byte // raw, bounded
	At     time.Time
}

// Hint is what a notification says; nothing in it is believed but which payment
// to ask about. One of Reference and Ref is enough.
type Hint struct {
	EventID   string // of a signed notification: entered once in the inbox
	Reference string
	Ref       string // the provider's payment id
	// Unsigned says that anybody could have sent it. It is then looked up only
	// when we know the payment, at most once a second for each, and leaves no row.
	Unsigned bool
}

// Movement is one row of a provider's own books, for reconciliation.
type Movement struct {
	ID        string      // the provider's id of the row, unique in its list
	Kind      string      // capture, refund, fee, payout, chargeback, won (a chargeback that came back), other
	Reference string      // ours, as the provider repeats it; empty when the row has none
	Ref       string      // the provider's payment id; empty when the row has none
	Key       string      // our key of the refund or capture where the provider keeps it
	Amount    money.Money // the sum moved, never negative; Kind says which way
	Fee       money.Money // what the provider kept of it; zero value: not said
	Payout    string      // the payout it was part of; empty: not said
	At        time.Time   // booked
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
	// Look asks for the truth. State Absent, without an error, means that the
	// provider is sure it has no such payment.
	Look(ctx context.Context, h Handle) (Status, error)
	// Cancel ends a payment that is not paid. When it was paid after all the
	// status says so; that is no error.
	// Of an authorised payment, what is not captured is released.
	Cancel(ctx context.Context, h Handle) (Status, error)
	// Refund pays back; never more than captured.
	Refund(ctx context.Context, r Refund) (RefundStatus, error)
	// Verify checks a notification's signature and age over its raw bytes, then
	// whose it is: ErrBadSignature, ErrForeign, or another error for one that is
	// malformed. Of a provider that does not sign it returns an Unsigned hint.
	Verify(n Notice) (Hint, error)
}

// Capturer is a Provider whose money is authorised first and taken later: its
// Begin or Look may say Authorised.
type Capturer interface {
	Provider
	// Capture takes authorised money; idempotent by its key.
	Capture(ctx context.Context, t Take) (TakeStatus, error)
	// AtOnce reports whether the merchant wants the whole sum taken when the order
	// is placed, not when the goods leave.
	AtOnce() bool
}

// Lister is a Provider that tells its own books.
type Lister interface {
	Provider
	// Movements calls yield for what was booked in [from, to), in any order, until
	// yield returns an error. A row may be told again in another window.
	Movements(ctx context.Context, from, to time.Time, yield func(Movement) error) error
}

// Settlement reads the files in which a provider tells its books, beside or instead of a
// Lister. The rows have the same ids in both.
type Settlement struct {
	Method string
	// Recognise reports whether a file that begins so is one; head may end anywhere.
	Recognise func(head []byte) bool
	// Read calls yield for each row until it returns an error. It bounds what it reads.
	Read func(r io.Reader, yield func(Movement) error) error
}

// Lagging is a Lister that tells of money only when it is paid out.
type Lagging interface {
	// BooksLag is how long after a movement it may be told. Until then nothing is missing there.
	BooksLag() time.Duration
}

// Pinger is a Provider that can be asked whether it is up, without any effect.
// An error means that it is not.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Expirer is a Provider with a credential that ends: staff are told in time.
type Expirer interface {
	Expires() time.Time
}

// Scannable is a Provider whose app can also be opened on another device, by scanning
// a code.
type Scannable interface {
	// QR is the text of the code for a next action that Begin or Look told; empty: none.
	QR(n NextAction) string
}

// ByPhone is a Provider that can call upon the buyer's phone: Start.Phone.
type ByPhone interface {
	ByPhone() bool
}

// OneTaker is a Capturer that may be unable to take a second time.
type OneTaker interface {
	OneTake() bool
}

// ByToken is a Provider whose reference is the purchase's token. Who reads such a
// reference can open the purchase, so no real provider is one.
type ByToken interface {
	ByToken() bool
}

// Silent is a Provider that never notifies: it gets no address to be called at.
type Silent interface {
	Notifies() bool
}
