// Package outpost is the other machine: it takes a shop's copies and keeps them against the
// shop's own mistakes and against who has taken the shop over.
//
// # What it does not do
//
// There is no verb to remove or change an object. It does not believe the shop's clock: when
// something was stored and as which it was stored is its own word. It cannot read what it
// keeps: copies are sealed to the paper key and the drill key.
//
// # What it refuses
//
//   - What is not signed by the shop that is enrolled, is not what its header says, or does
//     not lie under the name that follows from the header.
//   - What belongs to an epoch before the newest one of which it has taken something that the
//     shop has signed (answer 410): two machines that both think they are the shop are kept
//     apart here.
//   - More than a shop may send at a time, and what is too large.
//
// # Retention
//
// As the shop's own at other sites (copies.Retain): raw segments 72 hours, five-minute ones
// 30 days, hourly ones 90, daily ones and snapshots 400, and nothing goes that a promised
// moment still needs. Of that, nothing goes but what the shop's newest head has told need not
// be there, where it tells anything. Nothing goes at all while something looks wrong, because then what is
// old may be all there is: the shop is silent, its newest snapshot or dump is less than half
// of the one before, a chain is broken, the newest position cannot be reached, the newest
// object is not of now, more than half of everything would go at once, or the head tells more
// than any age lets go. A shrunken snapshot, a broken chain and such a head stop it until a person has looked (kassavalv outpost release),
// which also lets more than half go, once.
//
// # Silence
//
// The shop tells its head every half minute. That it has stopped is noticed here, by this
// machine's clock, and stands in the log and in /status.
//
// # On disk
//
//	ca.pem ca.key              the authority, made by Init; server certificates are made of it at each start
//	tokens/<hash>              tokens that are still good, in JSON
//	shops/<id>/shop.json       who is enrolled: charter, fingerprints of certificates
//	shops/<id>/objects/        the objects, a site of the kind dir
//	shops/<id>/seq             one line an object: count, name
//	shops/<id>/state.json      epoch, chains, what is frozen
package outpost
