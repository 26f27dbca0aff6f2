// Package checkout is the process in which goods go out and money comes in. It
// owns the purchase, one truth per attempt to buy, and is, with returns, the
// only room that speaks with payment providers.
//
// Charge and commit cannot be one step, so every purchase takes three:
//
//	tx 1    freeze what is bought, hold the stock, claim the codes, write the
//	        intent with its idempotency key (Begin)
//	no tx   ask the provider
//	tx 2    record the answer: place the order, or let go (apply)
//
// Between them the process may die at any point. What is left behind is a
// purchase without a final state, and the Rescuer asks the provider about each
// of those until it knows. Notification, return, poll and rescuer all end in
// the same function, apply, which believes only what the provider answers when
// asked, and only moves forward (see states.go).
//
// Invariants: a cart has at most one open purchase (unique index); a purchase
// has one intent, one key and at most one order; stock and codes it claimed go
// back exactly when it ends without an order; an amount or currency that is not
// the frozen one never counts as payment but raises an alarm; money that comes
// after the end goes back.
//
// Tables: checkout_purchase, checkout_step.
package checkout
