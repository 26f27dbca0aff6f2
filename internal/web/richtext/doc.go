// Package richtext turns the markdown that merchants write into HTML. It is the
// only place of the program that emits HTML which templ did not escape.
//
// # Invariants
//
//   - Text is sanitised twice: Clean when it is written, and again each time it is
//     shown, so that neither an old row nor a new rule lets anything through.
//   - What may come out is a short list: paragraphs, headings from h2 down, lists,
//     emphasis, quotations, code, tables, line breaks, and links. No attribute but
//     href (with rel set here) and the first number of a list.
//   - Links lead to http, https, mailto or tel addresses or to paths of the shop.
//   - Raw HTML in the source is shown as text or dropped, never passed on.
//   - Input is bounded: MaxSource bytes; deep nesting is refused.
//
// # Tables
//
// None.
//
// It refuses pictures (product pictures come from the catalogue, re-encoded),
// frames, forms, styles, classes, ids and scripts.
package richtext
