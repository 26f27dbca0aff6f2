// Package datamap is the register of what the tables hold about people: each room
// declares, beside its tables, every column of every table it owns. Export, erasure,
// masking, retention, the register of processing (GDPR art. 30) and the table of the
// privacy policy are made from it.
//
// A declaration is one value a room, in a file data.go of its own:
//
//	var _ = datamap.Declare("waitlist",
//		datamap.Category{Key: "waitlist", Who: datamap.Buyer, Basis: datamap.Consent, Keep: datamap.Days("waitlist", 180),
//			From: datamap.You, To: []datamap.Recipient{datamap.Mail}, Export: true},
//		datamap.Table("waitlist_entry",
//			datamap.Plain("id variant_id token_version lang state created_at told_at forgotten_at"),
//			datamap.Person("person_id"),
//			datamap.Sealed("sealed", fieldMail, "waitlist", datamap.Email),
//			datamap.Index("mail_index", fieldMail, "waitlist"),
//			datamap.Hash("token_hash")))
//
// What a column is:
//
//	Plain      not personal: numbers, states, instants, words of the program
//	Sealed     sealed under the person's key (secret.Seal): gone with the key
//	Shop       sealed under the shop's key (secret.SealShop): no person behind it
//	Books      sealed under the financial year's key (secret.SealBooks): outlives the person
//	Index      a blind index (secret.Index): deleted when the person is erased
//	Hash       a hash, a token's hash, a fingerprint: opens nothing, finds only for who has the value
//	Person     the id of a person, customer, account or member of staff
//	Open       personal and readable, with the reason why it is not sealed
//	Left       the same, and left behind by an erasure: it tells of nobody then
//
// A Category says for what, on which ground, how long, from where and with whom shared;
// its sentences are in package lang under "data.KEY.name", "data.KEY.why" and
// "data.kept.RULE". Several rooms may use one category; one declares it.
//
// # Invariants
//
//   - A column without a declaration fails the build (internal/app, TestDataMap), and so does a
//     declaration without a column, a sealed field of package secret that no column names, and a
//     category without its sentences.
//   - Every personal column names a category, and every category with a span of time has a sweep
//     that erases (internal/shop/privacy).
//
// It imports nothing of the house, so that every room can declare. It holds no data and
// decides nothing.
package datamap
