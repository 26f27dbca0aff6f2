// Package returns is the process in which goods come back and money goes out:
// withdrawal, cancellation before shipping, returns and claims, refunds.
//
// # Withdrawal
//
// Withdraw receives the buyer's statement and never turns it down: what the shop
// thinks is late, or excepted from the right, is received with a flag for staff. It is
// stamped with the server's clock and acknowledged by mail at once. Pieces that have
// not left yet are cancelled there and then, and their money goes back.
//
// # Money
//
// A refund is asked for in one transaction (payment.AskRefund reserves the amount,
// so that no interleaving can give back more than came in), carried out by the worker
// outside any transaction with a key that never changes, and recorded in a third step:
// ledger, credit note, timeline, mail. The worker may die between any two of these; the
// next claim asks the provider with the same key and learns the truth. A provider's
// no raises an alarm for staff and frees the amount.
//
// What is owed for an order on invoice that is not paid falls by a credit note instead, and no
// money moves; only what exceeds the unpaid part is refunded.
//
// # What goes back (distansavtalslagen 2 kap. 14–15 §§)
//
// The price of each piece after its share of the discount, to the öre: the parts of a
// line sum to the line. When the whole order is undone, delivery too: all of it when
// nothing was shipped, otherwise up to the least expensive standard delivery (what was
// paid more for express is kept). When part of the order stays, so does the delivery,
// which that part needed anyway. Nothing else is deducted but what staff deduct with
// a reason.
//
// # Invariants
//
//   - Each use case bumps the order's version first.
//   - Σ refunded + refunding ≤ captured (CHECK and conditional update in payment).
//   - A piece is credited once, and comes back into stock at most once, only after
//     it was received.
//   - States are data (Transitions); each move leaves a line in the timeline and in
//     the audit log.
//
// # Tables
//
// returns_return, returns_line, returns_event, returns_credit, returns_credit_line,
// returns_alarm.
package returns
