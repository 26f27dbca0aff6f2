// Package klarnasim is a stand-in for Klarna, for tests: the parts of Klarna Payments, the
// hosted payment page, Order Management and Settlements that a shop uses, with a memory of
// its own, written from Klarna's public API documents (package klarna lists them).
//
// It is stern where Klarna is: Basic authentication, order lines that add up to the
// amount and taxes that agree with their rates (BAD_VALUE otherwise), no capture above
// what is left, no cancelling after a capture, no refund above what was captured. Keys are
// honoured in order management for 24 hours, by the key alone; for sessions only when
// Options say so, since Klarna does not promise it. Orders end after 28 days, sessions
// after 48 hours. The page is a plain form on which a test's buyer accepts, is declined,
// goes back or cancels, and each step posts the unsigned status update.
//
// It runs in a test (New) or as a process (Main), and misbehaves as paytest.Fault says.
// /control, which faults never touch, shows the books and moves the clock.
package klarnasim
