// Package privacy carries out people's rights over their own details (GDPR art. 15 to 22):
// to see, export, correct, restrict, object, take back a consent and be erased, for whoever has proven a mail
// address, with an account or without. It also keeps the register of processing (art. 30) and
// lets go of what is out of time.
//
// It knows no room that holds details. Each meets hold.Holder; app wires them, and the data map
// (internal/datamap) says what there is to be found. Its tests prove that every personal table of the map
// has a holder, and that what the export shows is what the erasure takes.
//
// # A request
//
// Every use of a right is a row with a clock: a month to answer (art. 12.3), two more with a
// reason that the person is told. What can be done at once is done at once, and the row says so. The
// row has a person of its own in the vault for the address and the words; when the answer has been there for
// 60 days (after an erasure: when the last letter has left) that key is destroyed and the row stays as dates.
//
//	asked ──> done │ refused │ cancelled
//	asked ──> waiting ──> done │ refused │ cancelled     (an erasure while something is open)
//
// # An erasure
//
// It covers all persons that share the proven address. What is open (a purchase, a delivery, an
// invoice, a return, a question) is finished first: the request waits, and goes by itself within minutes of the
// last. Then, in one transaction: what finds the persons is deleted, letters that wait are dropped,
// sessions end, and the keys are destroyed. Who else had the details is listed on the
// request and is to be told (art. 19). What the bookkeeping law makes the shop keep stays under the year's key.
//
// # Invariants
//
//   - Nothing is given, changed or erased but for the scope of one mail address that its owner has
//     proven (Subject), or that staff with privacy.write have been asked about; staff are shown no
//     details here: the answer is the person's page.
//   - An export is fetched once, by its maker, within 15 minutes; at most 5 a day.
//   - An erasure is asked for and confirmed in two steps, with fresh proof, and told of before.
//   - Restricted persons are not swept: they asked that their details be kept.
//
// Tables: privacy_request, privacy_subject, privacy_notice, privacy_download.
package privacy
