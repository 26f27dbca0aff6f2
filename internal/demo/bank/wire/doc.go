// Package wire holds the words that a shop and the sandbox bank exchange: the
// JSON shapes, the header names, the fixed secret and the way to sign. It
// imports nothing of the project, so a client of the bank does not draw the
// bank itself into its program.
//
// # The shop calls the bank
//
// Every call carries `Authorization: Bearer <Bearer()>`. Bodies are JSON, at
// most 64 KiB, with unknown fields refused. Times are RFC 3339 in UTC, amounts
// are whole minor units.
//
//	POST /v1/payments                    CreatePayment -> Payment   201 new, 200 the same again
//	GET  /v1/payments/{id}                             -> Payment
//	GET  /v1/payments?reference=R                      -> List      all payments of that reference, oldest first
//	POST /v1/payments/{id}/cancel                      -> Payment   200: it can no longer be paid; see State for why
//	POST /v1/payments/{id}/capture                     -> Payment   200: the money is taken
//	POST /v1/payments/{id}/refunds       CreateRefund  -> Refund    201 new, 200 the same again
//
// Creating a payment and a refund needs the header Idempotency-Key: 1 to 128
// printable ASCII characters. The same key with the same body gives the same
// payment or refund for ever; with another body it is 409
// `idempotency_mismatch`. Keys of refunds are scoped to their payment.
//
// CreatePayment.InstantCard, or the header Instant-Card, pays in the same call,
// as if the buyer had typed that card at once. It exists for load tests. A card
// that needs a page of its own (the second factor) is 422 there.
//
// Answers other than 2xx carry a Problem:
//
//	400 unreadable, key_missing    401 unauthorized       404 not_found
//	409 idempotency_mismatch · already_paid (cancel) · processing (cancel, capture) · not_paid (capture, refund)
//	413 too_large                  422 invalid · refund_too_large       503 down · books_closed
//
// `already_paid`, `processing` and `not_paid` carry the payment as it stands.
//
// # The buyer's browser
//
// The shop sends the buyer to Payment.PayURL. After the decision the bank
// answers 303 to ReturnURL with the parameter payment={id} added. What the
// browser brings proves nothing: the shop asks.
//
// # The bank calls the shop
//
// POST to NotifyURL, https only, trusting only NotifyCA where that is given. The
// body is an Event, the header Sandbox-Signature is
//
//	t=<unix seconds>,v1=<lower-case hex of HMAC-SHA-256(Secret, t + "." + body)>
//
// A notification is repeated after 1, 2, 5, 15 and then every 60 seconds until
// the shop answers 2xx (three days at most). Each repetition has the same
// event id and the same body bytes and a fresh t and signature. Events may come
// twice, late, and in another order than things happened.
package wire
