// Package mailbox is where the demo's and the tests' mail ends: an SMTP server
// that takes every message for every recipient and a page that shows them.
// Nothing leaves the machine.
//
//	GET    /                                  the list; ?to= filters by recipient
//	GET    /messages/{id}                     one message, its HTML in a sandboxed frame, its links beside it
//	GET    /messages/{id}/html                the HTML alone, inert
//	GET    /messages/{id}/attachments/{n}     always as a download
//	GET    /api/messages?to=&limit=           {"items":[Message]}, newest first; limit 1 to 5,000, default 500
//	GET    /api/messages/{id}                 Message
//	GET    /api/messages/{id}/raw             the bytes as they came
//	DELETE /api/messages?to=                  204; all, or those to one recipient
//	GET    /control/faults
//	POST   /control/faults                    {"reject_rate","down","temporary"}
//
// `to` holds the recipients of the envelope, so hidden copies are seen; `?to=`
// compares one whole address without regard to case. Everything that arrives
// is stored, the same Message-ID twice too: whoever tests must see doubles.
//
// # Faults
//
// POST replaces all faults; what is left out is off. reject_rate (0 to 1)
// refuses that share of messages after their last byte, down refuses every
// session and message. Both answer 5xx, or 4xx where temporary is set. What was
// refused is not stored.
//
// # Invariants
//
//   - One file a message in the folder, {id}.eml: a first line
//     X-Mailbox-Envelope with the envelope, then the bytes as they came. The file
//     has its name only when it is whole. There is no fsync: a power failure may
//     take the newest messages of a test's sink.
//   - Ids are times in microseconds and grow: their order is the order of arrival.
//   - HTML of a message runs no script, loads nothing from anywhere and cannot
//     leave its frame.
//   - No address and no subject is logged.
//
// # What it refuses to do
//
// It relays nothing, asks for no password and never runs in `serve`; both
// listeners belong on loopback.
package mailbox
