// Package klarna takes payments through Klarna: a Klarna Payments session that is shown
// on Klarna's hosted payment page, and the Order Management and Settlements APIs after
// it. The client is our own, over net/http, written from Klarna's public documents:
//
//	Klarna Payments     https://docs.klarna.com/api/payments/
//	Hosted payment page https://docs.klarna.com/api/hpp-merchant/
//	Order management    https://docs.klarna.com/api/ordermanagement/
//	Settlements         https://docs.klarna.com/api/settlements/
//	Tax rules           https://docs.klarna.com/klarna-payments/in-depth-knowledge/tax-handling/
//	Retries             https://docs.klarna.com/api/escalation-and-retry-policy/
//	Addresses           https://docs.klarna.com/api/api-urls/
//
// # Who places the order
//
// The page runs with place_order_mode PLACE_ORDER: Klarna makes the order itself in the
// moment it approves the buyer. Were we to make it (mode NONE), the buyer would be told
// that all is well while the order still hung on our call within the 60 minutes that an
// authorization token lives: a shop that is down for an hour would lose purchases which
// their buyers believe made. What PLACE_ORDER costs is small: an order can appear after
// our hold has ended. It is then found by the look-up and cancelled at Klarna, and nothing
// has been taken. CAPTURE_ORDER is never used: money is taken by a capture of ours, with a
// key of ours, also when the merchant wants it at once.
//
// # One payment for a key
//
// Klarna promises idempotency by the header Klarna-Idempotency-Key for order management
// only, and for 24 hours. So:
//
//   - Sessions. The header is sent, and nothing is built on it. There is no way to find a
//     session by our reference, and none is needed: a session whose address never reached
//     us is one that nobody can open, and it ends by itself after 48 hours. It is Absent,
//     and Begin makes another. Calls with the same key at once are joined here; a session
//     that another node made meanwhile is not the one that the purchase is bound to, and
//     its page is shown to nobody.
//   - Captures and refunds carry our key as their reference. The order is read first, and
//     one that is there is not made again, however long ago it was asked for.
//   - Cancelling and releasing are the same however often they are done.
//
// # What a payment is called
//
// Until it is approved a payment is its two sessions, "<page>.<payments>" (Ref). With the
// order it becomes the order's id, and Status.Was says what it was: the page forgets its
// order after 48 hours, and money is taken and paid back for months.
//
// # What is refused
//
// A page on which the buyer was declined can be tried again by the buyer, and a payment
// that may still be made is not over. So a declined page is closed before the payment is
// called refused. Klarna tells no reason of a decline, by policy; the table in codes.go
// holds what it does tell.
//
// Nothing personal is sent: no name, address or mail; Klarna asks the buyer. Errors hold
// the error code and the correlation id, never a message or an address.
package klarna
