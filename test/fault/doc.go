// Package fault makes the shop's partners misbehave while people buy: the bank, the
// database, the disk, the relay. Bytes are delayed, lost, cut and reset by a wire
// (internal/wiretest); calls are doubled, lied to and delivered late by
// a tap that understands HTTP.
//
// While a fault lasts:
//
//   - product page, cart and checkout answer, and a purchase that is posted is answered
//     too, before the bank has: with what is known, never with a refusal that nobody
//     has spoken, never with a 5xx;
//   - where the database takes nothing, the answer is an honest 503 with Retry-After,
//     and nobody is asked for money.
//
// Once it is over everything heals by itself: purchases end, letters leave, books agree
// to the öre.
//
// Nothing here is judged by a stopwatch. That the shop does not wait for the bank is seen
// by the order of events: the answer is there while the bank still holds the call.
package fault
