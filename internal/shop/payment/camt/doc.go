// Package camt reads what a bank tells of an account: statements (ISO 20022
// camt.053), notifications of single movements (camt.054), and Bankgirot's
// BgMax, which ended on 2026-11-27 and is read as history.
//
// It knows no orders. It answers what moved on which account, how much, when,
// under which references, and it refuses what it cannot read whole: a file that
// is cut off, that counts itself wrongly or that holds an amount with more
// decimals than its currency has is no file, and nothing of it is used.
//
// # Invariants
//
//   - Amounts are read as text to whole minor units, never through a float.
//   - The parts of an entry either add up to it (Entry.Whole) or are not to be
//     believed one by one.
//   - Keys: an entry has the same key in every file that tells of it the same
//     way (the bank's own reference, the day, the amount; without a reference
//     the account and all that is said of it, with its number among equals), so overlapping
//     files and the same file twice are recognised. A part has a key within its
//     entry.
//   - Elements are known by their local names, so all versions in use (001.02
//     and later) are read alike; the version is reported.
//
// # Bounds
//
// 32 MB, 32 levels, 100,000 entries and as many parts, 20,000 elements held at a
// time, 2,000 bytes of a text. Document types and entities of one's own are
// refused, as is every encoding but UTF-8, ISO 8859-1 and US-ASCII.
//
// # Sources
//
// ISO 20022 message definitions BankToCustomerStatement and
// BankToCustomerDebitCreditNotification; the guides of Swedish banks for them;
// Bankgirot, Bankgiro Inbetalningar, technical manual (BgMax), whose fields are
// told by their places in bgmax.go.
package camt
