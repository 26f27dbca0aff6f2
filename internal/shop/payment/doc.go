// Package payment is money in and out: what is to be paid (intent), what moved
// (ledger), what providers told us (inbox), and the contract every provider
// fulfils.
//
// Authentic is not valid: a signed notification is only a hint to ask the
// provider. Money counts when the provider's own answer names our reference,
// the exact amount and currency, in the mode we run in.
//
// Invariants: one intent per purchase and one purchase per provider payment
// (unique constraints); ledger entries are never changed; refunded never
// exceeds captured, and captured never what was authorised where money is taken
// after it was agreed (conditional updates in AskRefund and AskTake); the idempotency key of an
// intent or refund is made before the provider is asked and never changes.
//
// Tables: payment_intent, payment_entry, payment_refund, payment_take, payment_event,
// payment_call.
package payment
