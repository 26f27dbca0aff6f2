// Package money holds amounts: integers of minor units with a currency,
// checked for range and for mixed currencies, and the three rules of rounding
// the shop has: the largest remainder for spreading (Split), half up for VAT
// (VATIncluded) and half up for a ratio (MulDiv). It never uses floats.
package money
