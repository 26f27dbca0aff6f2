// Package secret is the vault: it keeps the keys, seals personal fields, makes
// blind indexes and tokens, and destroys the key of a person who is erased.
//
// # Keys
//
// A Keeper holds the root keys, one line of text each, outside the database and
// outside the stream of copies:
//
//	link         signs tokens that work without sign-in
//	index        root of the blind-index keys, one derived per field
//	cookie       root of the short-lived keys of cookies and flash messages
//	shop         seals secrets of the shop itself (credentials of providers)
//	epoch-N      wraps the data keys of persons; a new one every 30 days
//	books-YYYY   seals bookkeeping fields of that financial year
//
// Each person (every guest purchase makes one) has a data key of 256 random
// bits, a row wrapped by the epoch key. At each turn of the epoch all living
// data keys are wrapped anew, and an epoch key is destroyed 35 days after it was
// made. So the row of an erased person in an old copy can be opened by nobody 35
// days after the erasure at the latest.
//
// # Sealed values
//
// version byte, key id (8 bytes), nonce (24 bytes), ciphertext with its tag.
// The cipher is XChaCha20-Poly1305: a 192-bit nonce can be drawn at random for
// every value of a key's life without a counter or a limit to watch (96-bit
// nonces of AES-GCM set one at 2^32 values, which a financial year of a big
// shop can come near), and it runs in constant time on machines without AES
// instructions. The associated data are the header, the registered field id and
// the row id, so a value moved to another row, field or person does not open.
// Field ids are names of our own ("customer.contact"), never table or column names, so
// tables may be renamed. A field that is not registered cannot be sealed.
//
// # Invariants
//
//   - Only Init (kassavalv init, demo, tests) makes the first keys. Open refuses
//     a database without its keys, or with another's.
//   - Nothing never equals nothing: an empty value has no index, an empty token
//     no hash, id 0 no key.
//   - Erase makes every sealed field of the person unreadable at once, on this
//     node when Erase commits, on others within the change feed's 250 ms.
//   - Keys never appear in errors, logs or the database.
//
// It does not decide who may read what; rooms do, before they call Open.
//
// Tables: secret_person (wrapped data keys), secret_check (a fingerprint of each
// key, by which database and keys recognise each other).
package secret
