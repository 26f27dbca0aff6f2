// Package stripe pays through Stripe Checkout: the buyer is sent to Stripe's own page
// and comes back, so no card number is ever near the shop. One contract gives cards,
// Apple Pay, Google Pay, Klarna, Swish and more; which of them are shown is set in the
// account's dashboard, not here (no payment_method_types is sent).
//
// What is where at Stripe: the payment's Ref is the id of the Checkout Session
// (cs_…), which exists from Begin on. Its PaymentIntent (pi_…) is made when the buyer
// first tries, and has one Charge for each try. Our reference stands in the session's
// client_reference_id, and in the metadata of the intent, its charges and its refunds.
//
// Invariants:
//
//   - The client never retries by itself; only the desk does, with its own key.
//   - Stripe forgets idempotency keys after 24 hours, and repeats the first answer
//     until then. A refund and a capture carry their key in metadata as well, and are
//     looked for by it before they are asked for, so that a key is good for ever and
//     an answer is never older than the question.
//   - Amounts, currency and mode are told as Stripe tells them; nothing is converted
//     (adaptive pricing is off) and nothing is rounded.
//   - No error carries Stripe's own text, which can hold addresses: only the operation,
//     the HTTP status, Stripe's code and its request id.
//
// It stores nothing and has no tables. It refuses to start with a key of the other mode.
//
// Sources: https://docs.stripe.com/api (version stripe.APIVersion of the library),
// https://docs.stripe.com/webhooks#verify-manually, https://docs.stripe.com/declines/codes.
package stripe
