// Package waitlist remembers who wants to know when something that is sold out can
// be had again, tells each of them once, and forgets.
//
// # Invariants
//
//   - One letter for each wish. When it has left, or could not, the address and the
//     key it was sealed with are gone; so are they when the person asks, or after 180 days.
//   - A wish is made for a variant that is for sale and cannot be had. Asking again
//     renews it; it never makes two.
//   - The answer does not tell whether an address was waiting already.
//   - What is kept after forgetting holds nothing personal: it is there so that the
//     link in the letter still leads to a page that says so.
//   - Addresses are sealed under a person of their own and found by a blind index.
//
// It does not send mail: notice does (see JobBack). It reserves nothing.
//
// Tables: waitlist_entry.
package waitlist
