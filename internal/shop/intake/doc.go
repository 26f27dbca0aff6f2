// Package intake brings goods in from another shop: Shopify's and WooCommerce's
// product files (CSV), recognised by their headers.
//
// # Invariants
//
//   - A file is read row by row; what is wrong is reported with its line, its
//     column and a reason, and never keeps good rows out.
//   - A variant is known by its SKU, else its GTIN, else its product and its
//     option values; a product by the file's handle (WooCommerce files have none:
//     by its variants, by the number or code it had there, by its name). So the
//     same file a second time changes nothing, and a changed one changes, never adds.
//   - A column that a file does not carry changes nothing, nor does an empty
//     cell, with one exception: an empty inventory tracker says "not counted".
//     What stands in the shop and not in the file stays.
//   - Prices are read as text to whole öre, VAT included; what can be read two
//     ways is reported and not guessed. A compare-at price never becomes a prior
//     price: that is computed from the shop's own history.
//   - HTML becomes Markdown; scripts, styles, frames and pictures in it are dropped.
//   - A dry run goes the same way, and each of its transactions is rolled back.
//
// # Bounds
//
// 200 MB, 1,000,000 rows, 300 columns, 64 kB a cell, 1 MB a row, 250 variants a
// product, 10,000 problems listed (all are counted). The database is written in
// chunks of at most 50 products in the low-priority lane.
//
// # Pictures
//
// Addresses are kept in a table and fetched later by jobs "intake.picture",
// through the guarded client; files of a folder are taken at once. Each picture
// is made anew by package file. One that fails is listed (Failed) and changes
// neither rows nor products.
//
// # Tables
//
// intake_picture, intake_source.
//
// # What it refuses
//
// Cost prices: they are not read into anything. Sale prices, tax classes and
// stock that variations share are reported and left to a person.
package intake
