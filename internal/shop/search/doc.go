// Package search finds goods: Swedish words with their endings and compounds,
// slips of the key, facets with counts, sorting, suggestions.
//
// It is a cache of each node, held in memory, built from catalogue, prices and
// stock at start and following the change feed: nothing in it is the truth,
// and it has no tables. So it behaves the same on both engines, and a list of
// goods with its facets touches no database.
//
// How it works: each product is a slot; each facet value, category and term is
// a set of slots. Sets for filters are bitmaps, so a count is a population
// count; terms keep postings with weights. Words are folded and stemmed
// (words.go), compounds are found through the vocabulary's own beginnings and
// ends, slips through a letter mask and edit distance. Orders (price, newest,
// name) are kept sorted. A cursor names the last card's place in the order, so
// that goods that come and go between two pages neither repeat nor hide others.
//
// A whole SKU or GTIN finds what has it and nothing else.
//
// It refuses nothing it is asked, but bounds it: words, length, filters, page.
package search
