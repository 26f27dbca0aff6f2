// Package static holds what browsers fetch beside the pages: one style sheet for
// the storefront, one for the back office, two faces, one icon sprite and one
// small script. All of it is embedded, named by the hash of its content, kept
// gzipped in memory from the first time it is asked for and sent with a year's
// immutable caching. zstd packs files of this size no smaller (measured), and its
// encoder took most of a short command's time.
//
// Invariants: no file asks another host for anything; the storefront's sheet is
// under 15 kB gzipped, the script at most 150 lines, both faces together under
// 60 kB (tests hold these). A page names a file by URL("storefront.css") only,
// so a name that does not exist stops the program at once.
//
// The faces are Figtree (text) and Newsreader (display), both under the SIL Open
// Font License; the licence texts stand beside them.
//
// The package has no tables, and refuses everything but GET and HEAD.
package static
