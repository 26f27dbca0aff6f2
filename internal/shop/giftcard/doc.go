// Package giftcard is the shop's own gift cards: what was issued, to what worth, and
// where each öre of it went.
//
// A card is a debt of the shop to whoever knows its code. It is issued when it has been
// paid for (one card a piece), when a refund has nowhere else to go, or by staff with a
// reason. It pays for goods like money that the shop has received already: its sum is
// held when a purchase is stored, used when the order is placed, let go when the purchase
// ends without one. VAT is counted on what is bought, never on the card, which is good for
// goods at several rates (a multi-purpose voucher, flerfunktionsvoucher, of mervärdesskattelagen
// 2023:200).
//
// # Invariants
//
//   - Of each card: balance = Σ entries' amount, held = Σ entries' held,
//     0 ≤ held ≤ balance. CHECKs hold the last, one conditional update moves each sum.
//   - Each entry of a kind is made once for what it is about (unique key): a purchase
//     holds, uses or releases once, a refund goes back once, a piece of an order line is
//     issued once.
//   - What goes back to a card is at most what the purchase used of it.
//   - The code stands nowhere: it is made from the link key, the card's id and its
//     version, for the letter and the page of who bought it. The row keeps its SHA-256 and the
//     last four characters. A code has 95 bits and a check character.
//   - Whether a code is unknown, empty, cancelled or past its time is told to nobody
//     who tries one; wrong tries are counted by client and in all, in the database.
//
// # Refuses
//
// A card pays for no other card (its time would never end, and the way back of the money
// would be lost). It is never paid out in money: refunds go back in the way they came.
// Which order a card paid is known by the purchase's id alone; this room reads no order.
//
// # Tables
//
// giftcard_card, giftcard_entry, giftcard_hold, giftcard_try.
package giftcard
