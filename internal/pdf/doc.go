// Package pdf writes the papers of a shop (receipts, packing slips, terms, the
// withdrawal form) from a small document model, with fonts that are embedded.
//
// # Invariants
//
// The same Doc gives the same bytes: dates and identifiers come from the Doc and
// its content, none from the clock or from chance. Text stays text: it never
// becomes an operator of the page, and no link, script, form or attachment is
// ever written. What a font cannot show is shown as a box, never left out in
// silence; characters that only steer (bidirectional overrides, zero width) are
// left out. Long words are broken, long tables repeat their head, and every page
// says which of how many it is. Text, pages and barcodes are bounded.
//
// The words, the language of the page line included, come from the caller. The
// fonts (Go Regular and Go Bold) hold Latin, Greek and Cyrillic.
//
// # Refuses
//
// It lays out no pictures, reads no PDF, and does not write tagged PDF: papers
// are copies of pages that are accessible.
//
// Tables: none.
package pdf
