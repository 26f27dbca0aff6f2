// Package race sets buyers, staff and the bank against each other on the same piece, code,
// krona or purchase, over the real HTTP API: on SQLite in one process, on PostgreSQL in
// two processes on one database.
//
//   - the last piece: of fifty buyers one gets it;
//   - stock as a whole: every answer about it fits a model that knows only one number,
//     in some order that respects time (linearizability, checked by porcupine);
//   - the last use of a discount code, and the last krona of a gift card: one gets it;
//   - refunds of one order against each other: no more goes back than came in;
//   - one purchase: return page, notifications, polls, double clicks and an impatient
//     "cancel" at the same time make one order, one payment, one letter; and a
//     notification that lies moves nothing.
//
// broken_test.go runs the same proofs against programs that are broken on purpose.
package race
