// Package audit is the record of who did what (acts: staff, tokens, jobs and the program
// itself, refusals included), and of who has read whose personal details (readings), processors to
// whom details were handed among them. Rows are written in the transaction of the act, and a
// reading is written before it is shown.
//
// # The log
//
// Acts and readings are the leaves of one append-only Merkle tree in the C2SP formats: tiles of
// height 8 (tlog-tiles), checkpoints signed with Ed25519 (tlog-checkpoint, signed-note),
// proofs (tlog-proof), cosignatures of other machines (tlog-cosignature). A leaf is a
// line of text with kind, id, instant and the SHA-256 of the row, so leaves say nothing of what
// the row holds and may be shown to anyone.
//
//   - Rows are inserted with their leaf and without a place, so no transaction waits for the head
//     of the log. Each second one sealer gives new leaves their places (0, 1, 2 … without a gap), writes
//     the tiles that grew and signs the tree, all in one transaction.
//   - The sealer signs nothing that does not continue what was signed: it checks the newest
//     checkpoint, and the newest it knows of by itself (its memory, a file beside the database).
//   - Verify computes all of it anew and names the places where rows, leaves, tiles and checkpoints do not
//     agree. It needs the shop's key to know its signature; whoever kept a checkpoint elsewhere sees
//     a log that was cut off or written anew, too.
//
// # Invariants
//
//   - Append-only: a test reads the text of this package and lists every statement that
//     changes or removes something, with its reason.
//   - A reading may expire (Expire). Its leaf stays, and what the leaf commits to is hidden by a random
//     salt that went with the row. That it expired is an act; younger rows than the floor of half a year
//     cannot expire.
//   - No personal data and no secrets: actors, persons and entities are ids, old and new values are
//     short facts ("price 12900 → 9900", "role orders"), never names, addresses or
//     credentials. Of an erased person nothing but ids is here.
//   - The chain that sealed acts before there was a log (audit_seal) is not added to. Its end is the
//     first leaf, and it is verified with the rest.
//
// Tables: audit_entry, audit_access, audit_seal, audit_log_tree, audit_log_leaf, audit_log_tile,
// audit_log_checkpoint, audit_log_cosignature, audit_log_verified, audit_log_counted, audit_turn (empty
// between transactions).
package audit
