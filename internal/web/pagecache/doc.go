// Package pagecache keeps the bytes of pages that are the same for every
// anonymous visitor, compressed, so that a hit costs little more than writing them.
//
// # Invariants
//
//   - A key is language, path and the parameters that matter; Normal drops all
//     others and sorts the rest, so that a page has one key.
//   - A page is stored only when it was rendered wholly after the last Drop of each
//     of its tags. Whoever waited for a rendering that began before still gets it,
//     but nobody after him.
//   - An entry is never served at or after its absolute end (the next price,
//     campaign, VAT or publication boundary).
//   - One rendering a key at a time; the others wait for it.
//   - The cache holds at most its bytes; the bodies of all encodings are counted.
//   - A kept answer has no Set-Cookie.
//
// Entries are compressed without padding: the pages hold no secrets, so nothing
// can be learned from their length.
//
// # Tables
//
// None; it is each process's own memory.
//
// It refuses to decide who is anonymous (package web does) and to keep a page
// whose handler did not ask for it.
package pagecache
