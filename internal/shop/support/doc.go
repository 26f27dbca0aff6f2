// Package support keeps cases with customers: a question, its answers, and a clock.
//
// # Invariants
//
//   - A case has a person of its own in the vault; name, address, subject and every
//     message are sealed under it. The row holds states, times and a blind index of the
//     address, no readable personal byte.
//   - Who holds the case's link reads it and writes in it; nobody else but staff does.
//     Its number opens nothing.
//   - While a case waits for the shop it has a time by which an answer is due: 24 hours,
//     nights and Sundays counted, unless the shop has set another figure. Four hours before it
//     and at it the case is flagged. An answer ends the clock, a new question starts it.
//   - What people write is text: bounded in length, without control characters, never
//     markup, and it leaves the shop in no mail: mails carry the link alone.
//   - A no to a claim is marked, and the page then names the board for consumer
//     disputes (lag 2015:671).
//   - An order is linked to a case only when its number and the mail address
//     belong together, or by the order's own link; the answer is the same either way.
//   - States are data (Transitions); each move leaves a row.
//
// # Tables
//
// support_case, support_message, support_event.
package support
