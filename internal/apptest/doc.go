// Package apptest drives the built program from outside, as a stranger would: it
// starts `kassavalv demo` as a process of its own on SQLite or on a fresh
// PostgreSQL schema, waits for the ready file, and speaks HTTP to it. It can kill
// the process the hard way and start it again on the same folder. For tests only.
//
//	func TestMain(m *testing.M) { apptest.Main(m) }
//
//	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Shop) {
//		c := s.As(t)
//		p := c.Buy(c.ReadyCart(c.Variant(), 1), apptest.Wish{})
//		c.Pay(p, apptest.Good)
//		c.Final(p.Token)
//	})
//
// What it knows of the program is what the surface promises outsiders: the ready
// file, the two APIs, the pages' forms, the bank's control and the mailbox. Only the
// oracles (Query, Fingerprint) look into the database, beside the program and
// read-only, because an oracle must not trust what it judges.
//
// Environment: KASSAVALV_TEST_PROGRAM names a built program; without it the
// program is built once for the test run. KASSAVALV_TEST_POSTGRES names the
// server, as in package dbtest.
//
// Each Client has an address of its own (X-Forwarded-For, which the demo trusts from
// loopback), so that the budgets of one test are not spent by another.
package apptest
