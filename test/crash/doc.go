// Package crash ends the program, or the database under it, while purchases are under
// way, opens it again on the same folder, and then holds the shop's books against the
// bank's, which is a process of its own and was never killed.
//
// Three ways to end:
//
//   - the program, at random moments;
//   - the program, once at each named step between bank, relay and database (package
//     proof), so that no step is missed by luck;
//   - PostgreSQL itself, orderly as by a power failure and by SIGKILL, while the program
//     goes on.
//
// What must hold when every purchase is over:
//
//   - the bank's ledger and the shop agree to the öre, refunds included;
//   - each sum that the bank took has exactly one order, or went back exactly once;
//   - what a buyer was told (an order, a refusal) before a crash is so after it;
//   - stock adds up, and nothing is held any more;
//   - each paid order got its mail; one that left twice is the same letter to the byte.
//
// broken_test.go runs the same proof against programs that are broken on purpose and
// holds that it finds each breakage.
//
// KASSAVALV_TEST_MINUTES makes it run for longer (make torture);
// KASSAVALV_TEST_SEED repeats the choices of a run, whose seed is printed.
package crash
