// Package copies keeps copies of the shop in several places and brings it back.
//
// # Two roads
//
// The first road is continuous. The database's one writer hands over the pages of each
// group commit (db.Tap); they become segments in the LTX format, first in a spool in the
// data directory, then, sealed and signed, at every site. Sites are fed beside each
// other: each has its own queue and its own chain, so that a slow or dead one holds back
// nobody. Segments are merged into longer ones by age (levels), and a full snapshot is
// taken now and then; a restore is a snapshot and the shortest row of segments after it.
//
// The second road is made by SQLite alone, each night: VACUUM INTO, zstd, age. It shares
// nothing with the first but the sites, so a fault in one cannot spoil both.
//
// # What a site sees
//
// Objects that are sealed to the paper key and the drill key, with a header that tells
// shop, epoch, place in the chain, positions, time and hashes, signed by the shop. A site
// can lose objects but not change, reorder, replay or mix them unseen.
//
// # Invariants
//
//   - A page is read only by the writer that has just appended it. The log is not
//     checkpointed before the spool has it on disk.
//   - Nothing here writes to the database on the way of a copy: state lies in files
//     (folder copies), or each copy would make another.
//   - Nothing is called ok by silence: what could not be looked at is inconclusive.
//   - The shop holds the public half of the paper key only.
//
// Commerce is not known here: what must hold in a shop, what "paid" is and how a gap with
// the bank is closed come from outside (package app).
package copies
