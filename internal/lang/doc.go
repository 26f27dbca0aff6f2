// Package lang holds every word people read, in Swedish and English, and writes
// money, numbers, dates and lists as each language does.
//
// Words are data: words/*.json, one file an area, embedded. An entry is
//
//	"buy.add": {"sv": "Lägg i varukorgen", "en": "Add to cart"}
//	"cart.count": {"sv": {"one": "{n} vara", "other": "{n} varor"}, "en": {…}}
//
// Invariants, each held by a test: a key stands in one file only; both languages
// are there; both have the same placeholders; every key named in the sources
// exists. A missing key panics in a test binary; in a running shop the key itself
// is returned and counted (Missing).
//
// Values put into placeholders become text, never markup: escaping is the
// template's work. All times are shown in Europe/Stockholm; the zone is built in.
//
// The package has no tables, does no I/O after start, and refuses to guess: there
// is no third language and no fallback from one language to the other.
package lang
