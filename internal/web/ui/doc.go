// Package ui holds the parts that storefront and back office share: the HTML
// document, form fields and the error summary, money and dates, badges, notices,
// pager, tabs, tables, empty states, timelines and charts drawn as SVG.
//
// Invariants, held by tests: no inline script, style or event handler; no raw
// HTML; every field has a label, its hint and error are tied to it with
// aria-describedby, and what was typed is kept; every word comes from lang.
//
// A part takes plain values and renders them; it knows no room of the shop, reads
// nothing and decides nothing.
package ui
