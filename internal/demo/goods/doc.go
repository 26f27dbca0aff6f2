// Package goods is what the demo shop sells: forty-two goods of an invented shop
// with texts, facts, prices and drawn pictures, the ways they are delivered, a few
// campaigns and discount codes; and, for measuring, any number of made-up goods.
//
// # Invariants
//
//   - Everything is invented: the makers are marked as example companies, have
//     addresses under .example and postal codes that do not exist; no good has
//     a GTIN or an ISBN.
//   - Seed does nothing in a shop that has products. It writes in one
//     transaction, so a start that was cut short leaves no half shop.
//   - Prices have a history that began long before the legal clock's now, so
//     that reductions have the prior price that the law asks for.
//   - Fill makes the same goods for the same number, whatever the machine.
//
// The pictures are drawn by package draw and embedded here as JPEG files in the
// three widths that package file keeps.
//
// It has no tables and refuses to touch a shop that has goods of its own.
package goods

//go:generate go run ./draw/cmd -out pictures
