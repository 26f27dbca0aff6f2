// Package crash kills the whole program while purchases are under way, again and again
// at random moments, opens it on the same folder, and then holds the shop's books
// against the bank's, which is a process of its own and was never killed.
//
// What must hold when every purchase is over:
//
//   - the bank's ledger and the shop agree to the öre;
//   - each sum that the bank took has exactly one order, or went back exactly once;
//   - what a buyer was told (an order, a refusal) before a crash is so after it;
//   - stock adds up, and nothing is held any more;
//   - each paid order got its mail; one that left twice is the same letter.
//
// KASSAVALV_TEST_CRASH_MINUTES makes it run for longer (make torture);
// KASSAVALV_TEST_CRASH_SEED repeats the choices of a run, whose seed is printed.
package crash
