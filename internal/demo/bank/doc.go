// Package bank is the sandbox bank: a payment provider that lives in a server,
// a folder and a memory of its own, so that the demo and the tests meet what a
// shop meets outside: answers that are lost, notifications that come late,
// twice, never or before the buyer, and books that the shop does not write.
// No real money moves, and no real card number is kept: of a number that is
// none of the sandbox's cards nothing is stored or logged.
//
// The wire format towards the shop stands in the package wire. The rest:
//
//	GET  /pay/{id}            the payment page: one form with the field card_number
//	POST /pay/{id}            card_number=…   then 303 to the shop, or the form that asks for `code`
//	POST /pay/{id}/code       code=123456     the second factor; three wrong codes refuse the payment
//	POST /pay/{id}/cancel     the buyer's way out
//	GET  /control/payments    {"items":[{"id","reference","amount","currency","state","captured","refunded","reason","created_at"}]}, oldest first;
//	                          ?reference= filters
//	GET  /control/faults      POST /control/faults {"latency_ms","drop_rate","duplicate_rate","down","processing_ms"}
//	POST /control/payments/{id}/notify {"times","override":{"amount","currency","state","reference","livemode","account"},"age_seconds","unsigned"}
//
// # Cards
//
//	4242424242424242  paid
//	4000000000000002  refused: declined
//	4000000000009995  refused: insufficient_funds
//	4000000000003220  asks for a second factor, 123456, then paid
//	4000000000000119  refused: bank_error, nothing charged
//	4000000000005126  paid; the notification is delivered twice before the buyer is sent back
//	4000000000000341  paid; no notification about this payment is ever sent by itself
//	4000000000009987  paid; then every request about this payment hangs for 30 s. Others are served. The notification leaves after that time
//
// # Faults
//
// POST /control/faults replaces all faults; what is left out is off. They touch
// everything but /control and are forgotten at a restart. latency_ms (60,000 at
// most) delays every answer. drop_rate (0 to 1) closes the connection without an
// answer: half of those before the request is looked at, half after it was
// carried out, which is the worse one. duplicate_rate sends a delivered
// notification once more. down answers 503 and holds notifications back.
// processing_ms leaves a payment that succeeds in the state `processing` for
// that long after the buyer has been sent back.
//
// # Invariants
//
//   - captured is 0 or the amount; refunded never exceeds captured.
//   - A payment that is captured, refused, cancelled or expired stays so.
//   - What was answered as captured, refunded, refused or cancelled is on disk
//     (fsync) before the answer leaves; parallel buyers share an fsync.
//   - The books are one append-only file, books.jsonl, one record a line. At
//     start they are read from the beginning. A last line cut in the middle is
//     put aside in a file books.cut-*; damage anywhere else refuses to start.
//   - A record that cannot be written changes nothing and answers 503. After a
//     failed fsync the bank answers 503 until it is started anew: it no longer
//     knows what the disk holds.
//   - A buyer is only ever sent to the return address that the authenticated
//     shop gave with the payment.
//
// The words of the pages are the bank's own, in Swedish and English: it plays
// another company and shares nothing with the shop but the wire.
//
// # What it refuses to do
//
// It never runs in `serve`. /control asks for no token: the listener belongs on
// loopback. It keeps all payments in memory and never compacts its file.
package bank
