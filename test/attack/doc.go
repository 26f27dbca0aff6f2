// Package attack drives real attacks on real shops over HTTP against the built
// program, on SQLite and on PostgreSQL. cases.csv lists the cases; each is either
// driven here or stands in an absent list with the feature that the shop does not have
// yet. TestEveryCase holds the three lists together.
//
// The rule of the positive control: each case also does what a rightful person does
// in the same run, and fails if that does not succeed. A shop that refuses
// everything does not pass.
//
//	attack("AC-001", func(t *testing.T, c *apptest.Client) { … })   // on the shop all share
//	alone("AC-181", func(t *testing.T, engine string) { … })        // starts what it needs itself, and floods
//	apart("AC-062", func(t *testing.T, engine string) { … })        // starts what it needs itself, and waits
//
// A case on the shared shop must not disturb its neighbours: it uses variants,
// carts, mail addresses and staff of its own and sets no faults at the bank. Run one
// with `go test ./test/attack -run 'TestAttacks/sqlite/AC-001'`.
package attack
