// Package view renders the pages of the back office: one frame, and blocks that
// pages are put together from (tables, facts, forms, notices, timelines).
//
// Invariants, held by tests: no inline script, style or handler and no raw HTML;
// every form works without scripts and changes nothing by GET; every field has a
// label and an id of its own on the page; what was typed is kept; what customers
// wrote is text.
//
// Paths in these structs are paths of the shop without language prefix; the
// templates put them into the page's language.
//
// The package imports lang and ui only: it decides nothing and reads nothing.
package view
