// Package asvs says, for chapters V6, V7, V8, V11 and V14 of OWASP's verification standard,
// which test shows what is demanded, and writes docs/asvs.md from it. rows.csv is the
// list; no row may name a test that is not there. What the program uses of cryptography is
// listed from its own imports beside it.
package asvs
