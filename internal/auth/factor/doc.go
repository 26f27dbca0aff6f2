// Package factor holds the pieces of signing in that staff and customers share: passwords, passkeys, codes of
// authenticator apps, the list of leaked passwords, and the count of tries. There is one rule for both sides; how long
// a password must be, and how many tries there are, is said by who asks.
//
// # Invariants
//
//   - A password is hashed with argon2id (19 MiB, two passes), the cost in the hash. Verifying is in constant time, and a
//     row cannot make the program spend more than 256 MiB.
//   - Hashing is bounded by one gate for the whole program: all cores but one, a short queue, a wait that ends. A flood of
//     sign-ins leaves the shop a core to sell with.
//   - A password that stands in the list of leaked ones is refused, in any case, repeated, or with a few digits and signs around it.
//   - A code belongs to a time step, so that the caller can use a step once.
//   - A try is counted BEFORE it is evaluated, by one conditional update: however many come at once, on however many
//     nodes, no more than the limit get through.
//   - A passkey's answer is to one question, asked by the same side for the same purpose, once. The two sides have tables
//     and user handles of their own: a passkey of one opens nothing at the other.
//
// leaked.bin is made by gen.go from the list of common passwords of zxcvbn (MIT); see docs/dependencies.md.
//
// Table: auth_try, which the room above owns; passkeys and their challenges lie in tables of the side (see Side).
package factor
