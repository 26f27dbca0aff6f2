// Package admin is the back office: pages for those who pack parcels, answer
// mail and keep the goods in order.
//
// # Invariants
//
//   - Every page but the door (sign-in, invitation, recovery) asks Authorize for a
//     living staff session and the right that stands in the route table. The use
//     cases check the right again: a page that forgot it shows nothing.
//   - State changes by POST alone; the walls refuse other sites' POSTs.
//   - The session cookie is new at each sign-in and each new proof, and gone from
//     browser and database at sign-out.
//   - Dangerous acts (money back, staff, tokens, keys) ask for a fresh proof; the
//     code is a field of the same form, so nothing typed is lost.
//   - What a form refuses comes back with the typed values and a sentence at the
//     field; never with a password or a code.
//   - Everything works without scripts; the one module adds passkeys.
//   - Nothing personal stands in an address: orders go by number, the rest by id.
//
// # Tables
//
// None. It has no rules of trade: it reads and acts through the rooms.
package admin
