// Package proof lets the proofs of test/crash, test/race and test/fault do two things
// to the program that nobody else can: end it at a named step, and break one of its
// rules on purpose, so that a proof is seen to fail.
//
// An ordinary build has none of it: without the build tag `proof` every function here
// is empty, the compiler leaves nothing of the calls, and the program refuses the
// environment's words below like any other it does not know.
//
// With the tag the program reads
//
//	KASSAVALV_PROOF_KILL=checkout.stored:3   it kills itself (SIGKILL) when the step is passed for the third time
//	KASSAVALV_PROOF_BREAK=hold,refundkey     these rules are broken
//
// and refuses to start on a name it does not know. Steps and Breaks (on.go) list the
// names; each stands in one place of the program, at the rule it breaks.
package proof
