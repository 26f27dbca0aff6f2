// Package storefront answers the shop's public pages: it reads what a page needs,
// fills a struct of package view, and answers forms with redirects. One file a
// page; Routes is the table of contents.
//
// # Invariants
//
//   - Every page works without scripts. A form answers 303, or 422 with the typed
//     values and what is wrong with them.
//   - Rules of trade are those of the rooms: what a page may do to a cart goes
//     through the same functions as the Store API.
//   - A page that is kept for everybody holds nothing of a visitor: no cart count,
//     no flash message, no exact stock. What it was made of stands in its tags.
//   - The page of a purchase says what the purchase room knows, nothing else; the
//     form that buys never leads to the bank, the purchase's page does.
//   - Tokens in paths are keys: such pages are never kept, never indexed, and an
//     unknown token is 404 like any unknown path.
//
// # Tables
//
// None.
//
// It refuses to take prices, stock or states from a request, to put personal data
// into addresses, and to render text that it did not escape (richtext does).
package storefront
