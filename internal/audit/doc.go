// Package audit is the record of who did what: staff, tokens, jobs and the
// program itself, refusals included. It is written in the transaction of the act.
//
// # Invariants
//
//   - Append-only: this package holds no statement that changes or removes an
//     entry or a seal, and a test reads its text to keep it so.
//   - Entries are inserted unsealed, so no transaction waits for the head of the
//     log. Each second one sealer gives new entries their place (1, 2, 3 … without a gap)
//     and chains them: hash = SHA-256(place, previous hash, entry). An entry that is
//     changed, removed or slipped in afterwards breaks the chain; Verify says where.
//   - A log cut off at its end is seen by comparing with a Head that was taken
//     earlier and kept elsewhere (the outpost keeps them).
//   - No personal data and no secrets: actors and entities are ids, old and new values are
//     short facts ("price 12900 → 9900", "role orders"), never names, addresses or
//     credentials.
//
// Beside the acts it keeps who has read whose personal details (Access), without
// the chain: such rows go with the person's history and are told to him.
//
// Tables: audit_entry, audit_seal, audit_access.
package audit
