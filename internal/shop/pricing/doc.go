// Package pricing says what things cost: the history of regular prices,
// campaigns, dated VAT, discount codes, and the one pure function, Quote, that
// turns lines into totals. Cart, checkout, order and returns take their amounts
// from here and from nowhere else.
//
// # Invariants
//
//   - Prices include VAT and are whole minor units with a currency.
//   - The history of a variant's price never overlaps and, once in force, never
//     changes: a new price closes the open row and begins one of its own.
//     Campaigns that have begun can be ended, or lowered by a further step, but
//     not rewritten. So what was asked on any past day can be computed again.
//   - The prior price that the law wants beside a reduction
//     (prisinformationslagen 7 a §) is computed from that history, and cannot
//     be typed: see prior.go.
//   - A VAT rate that is not in the table is an error, never 0. A new rate keeps
//     the gross price.
//   - Quote is pure and total: the same Input gives the same Quote; amounts are
//     checked for range; the discount is at most the goods, the total at least 0.
//     VAT is computed once per rate on the sum after discount, half up, and
//     spread over the lines by the largest remainder.
//   - A code is used at most as often as its limit says: Claim is one
//     conditional update, once per purchase.
//   - Validity is half-open, by the legal clock.
//
// # Entities of the change feed
//
// Prices change their "product" (package catalog); "campaign", "code".
//
// # Tables
//
// pricing_price, pricing_root, pricing_vat_rate, pricing_campaign,
// pricing_step, pricing_target, pricing_code, pricing_code_exclusion,
// pricing_code_use.
//
// # What it refuses
//
// A compare-at price typed by a person; a price per customer; a price in a
// request. Delivery prices come from the delivery room as a Charge.
package pricing
