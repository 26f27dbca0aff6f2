// Package stripesim plays Stripe for tests: the parts of its API that package stripe
// uses, the page on which a buyer pays, and its notifications, with a memory of its own.
// It shares no code with the client it is for.
//
//	POST /v1/checkout/sessions               GET /v1/checkout/sessions      GET /v1/checkout/sessions/{id}
//	POST /v1/checkout/sessions/{id}/expire
//	GET  /v1/payment_intents/{id}            POST /v1/payment_intents/{id}/capture    POST …/{id}/cancel
//	POST /v1/refunds                         GET /v1/refunds                GET /v1/refunds/{id}
//	GET  /v1/balance_transactions
//	GET  /c/pay/{id}    POST /c/pay/{id}     the buyer's page: card_number=…, then 303 to success_url
//	GET  /control/books POST /control/faults POST /control/hook POST /control/dashboard    what tests ask and set, when it runs as a process
//
// As Stripe does it: bodies are forms with brackets, errors have type, code, param and
// message, every answer a Request-Id; an idempotency key is good for 24 hours, repeats
// the first answer word for word with Idempotent-Replayed, is 400 idempotency_error
// with other parameters and 409 while it is being worked on; what fails validation is
// not kept under it. A payment intent is made when a buyer first tries, with a charge
// for each try. A session ends as complete or expired. Lists are newest first.
//
// Sources: docs.stripe.com/api, docs.stripe.com/api/idempotent_requests,
// docs.stripe.com/testing (the card numbers), docs.stripe.com/webhooks. What Stripe
// accepts and what not is judged by Stripe's own stripe-mock beside it: see Judge.
package stripesim
