// Package shield keeps the shop answering when somebody asks too much of it.
//
// It has five walls, each usable alone:
//
//   - Limiter: a budget of requests for each client and rate class. A client is
//     an IPv4 address or an IPv6 /64; a wider IPv6 /48 has a budget of its own,
//     because one household or one attacker owns a whole /64 and often a /48.
//   - Gate: how many requests may be worked on at once, in lanes. Lanes are
//     bulkheads: browsers cannot take the places of buyers, nor sign-ins those of
//     browsers. A lane that stays
//     full for long loses its patience and refuses early.
//   - ConnGuard: how many connections may be open, in all and from one address.
//     When there are too many, the oldest connection that has never completed a
//     request goes first; a peer that sends one byte at a time therefore makes
//     room for a buyer, and not the other way round.
//   - Outbox: how many bytes of answers may wait for readers who do not read. An
//     answer gives up its place at the Gate when its first byte leaves, so that such
//     a reader holds nobody up; when there are too many, the oldest is cut.
//   - NewServer: an http.Server in which nothing is without a deadline or a size.
//
// Invariants: every table is bounded; nothing here allocates in proportion to
// what a stranger sends; nothing here blocks for longer than its patience.
//
// Tables: none. Counters that must survive a restart or hold across processes
// (wrong passwords, refused payments) live in the database, in their rooms.
//
// It refuses to read a header: who the client is, is decided before (package web).
package shield
