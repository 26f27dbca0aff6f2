// Package swish speaks with Swish, the payment service of the Swedish banks, over its
// Commerce API: version 2 to make payment requests and refunds, version 1 to read and
// cancel them, as Swish's public merchant documents (developer.swish.nu: payment
// request, refund, trigger the app, QR codes, certificates) describe it.
//
// Both sides show a certificate: Swish ours, which the merchant fetches from Swish's
// certificate portal and renews every second year, and we verify Swish's as any
// browser would. There is no other secret.
//
// Each payment and each refund is known by an instruction UUID that we choose. It is
// derived from the shop's key and the idempotency key, so asking twice is the same
// request: Swish answers the second with RP09, and we look instead.
//
// What Swish calls back is not signed. It carries an identifier that only Swish and we
// know, which keeps strangers from making us ask; nothing else in it is read but which
// payment to ask about.
//
// Money moves at once or not at all: there is nothing to capture. DS24, a time-out
// between Swish and the banks, is no refusal: the money may have moved, and Swish does
// not know; staff settle it with the account's statement. Refunds go through the same
// service for 13 months, and take their time. Swish tells no list of what it did:
// its payments are reconciled against the bank's camt.053.
package swish
