// Package vault proves that what is personal can be read nowhere but through the shop: the
// built program is driven through everything buyers and staff do with personal data, each
// field with a marker of its own, and then every byte that it leaves (database files and
// their log, tables, search index, blobs, temporary files, output, metrics, also when it
// falls) is searched for the markers, as they are and in the usual disguises.
//
// What is outside the shop by design is the control: the mailbox of the demo must hold the
// letters, and a copy that is planted on purpose must be found.
package vault
