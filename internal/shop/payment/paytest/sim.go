// Package paytest is the shared suite that every payment provider passes, against a
// simulator of its partner: a separate HTTP server with a memory of its own that
// speaks as the partner's public documents say, and misbehaves on purpose.
//
// It is for tests only. A provider's own test makes a Sim and calls Run; what its
// partner alone does (a certificate, a settlement file, an error table) it tests beside.
package paytest

import (
	"net/http"
	"testing"
	"time"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/payment"
)

// Fault is how the partner's server misbehaves, until it is set again. The zero value
// is good behaviour. Faults never touch the methods of Sim.
type Fault struct {
	Delay     time.Duration // before each answer
	LoseAfter bool          // the call takes effect, then the connection is reset without an answer
	Half      bool          // the answer stops half way, the connection stays open until the client leaves
	Garbage   bool          // the answer is 200 and no JSON
	Status    int           // every call is answered with this HTTP status (500, 503, 429) and has no effect
	Down      bool          // connections are refused or reset before anything happens
	Writes    bool          // all of the above only to requests that change something, not to GET
	Amount    int64         // added to every amount the partner tells of a payment
	Currency  string        // told instead of the real one
	Account   string        // told instead of the merchant's own account, where the partner tells one
}

// Notice is a notification as the partner would send it: an HTTP request's parts.
type Notice struct {
	Header http.Header
	Query  string
	Body   []byte
}

// Sim is a partner's simulator with a client of ours connected to it.
type Sim interface {
	// Provider is ours, configured for this simulator.
	Provider() payment.Provider
	// Pay does what a buyer does who pays the payment with the partner's id ref.
	Pay(t *testing.T, ref string)
	// Refuse makes the partner refuse it, with the partner's own code.
	Refuse(t *testing.T, ref, code string)
	// Leave does what a buyer does who gives up; false when the partner has no such act.
	Leave(t *testing.T, ref string) bool
	// Expire lets the partner's own time for the payment run out; false when it has none.
	Expire(t *testing.T, ref string) bool
	// Set makes the partner misbehave.
	Set(f Fault)
	// Notice is what the partner would post about the payment now; signed where it signs.
	Notice(t *testing.T, ref string) Notice
	// Forge is Notice for a foreign account or mode, rightly signed; false when the
	// partner signs nothing.
	Forge(t *testing.T, ref string) (Notice, bool)
	// Books is what the partner believes of every payment.
	Books(t *testing.T) []Book
	// Codes is the partner's refusal codes that can be made to happen, with our reasons.
	Codes() map[string]payment.Reason
	// Calls counts the requests that the partner has had.
	Calls() int
}

// Book is one payment as the partner has it. Authorised is what is reserved and can
// still be taken; Captured and Refunded are all that ever moved.
type Book struct {
	Ref, Reference                 string
	Authorised, Captured, Refunded money.Money
}

// A Sim MAY have more methods; the suite asks for each of these by its interface.

// Fitter is a Sim that wants something else in a wish: the address that its own
// server posts to, a shorter text.
type Fitter interface {
	Fit(s payment.Start) payment.Start
}

// Slow is a Sim whose partner may do a refund later. From Hold on refunds wait; Release
// ends the waiting, well or with the partner's refusal.
type Slow interface {
	Hold(t *testing.T)
	Release(t *testing.T, ok bool)
}

// Signer is a Sim that can sign any bytes as the partner would.
type Signer interface {
	Sign(t *testing.T, body []byte) Notice
}

// Secretive is a Sim that knows what no error may carry.
type Secretive interface {
	Secrets() []string
}

// Forgetful is a Sim whose partner does not tell, with a payment, what of it went back:
// each refund is asked about by itself.
type Forgetful interface {
	TellsNoRefunds()
}

// Unlisted is a Sim whose partner cannot be asked by our reference, and lets nobody pay
// who was not given the payment's address. What was begun without an answer is then
// Absent, and is begun again; of what has expired the partner tells nothing any more.
type Unlisted interface {
	Unlisted() bool
}

// Accountable is a Sim whose partner names the merchant's account with a payment.
type Accountable interface {
	TellsAccount() bool
}

// Lively is a Sim whose provider is configured for real money.
type Lively interface {
	Live() bool
}
