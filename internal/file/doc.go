// Package file keeps bytes that are not rows: pictures of goods and sealed
// attachments.
//
// # Invariants
//
// A file is named by the SHA-256 of its bytes, so a name never changes its
// meaning; a picture by that of its largest rendition. The row is written
// first, the bytes second, "stored" last: bytes without a row are leftovers,
// rows without bytes are known. No name from outside reaches the store, only
// 64 hex digits and one of three widths.
//
// Pictures are JPEG, PNG, GIF (the first frame) or WebP, told by their content
// alone. Size, sides, pixels, number of scans and the memory a decoder would
// take are read from the header and judged before anything is decoded; one
// picture is decoded at a time. What is kept are three JPEG files made anew: no
// metadata, no colour profile, turned upright, transparent parts white. The
// bytes that came in are not kept (a staged upload lives until its job has run).
//
// Linking and collecting meet on one row. A room that stores a hash calls Link in
// the same transaction; Collect removes what has been unlinked for seven days
// and is claimed by no Keeper, in the order mark, delete bytes, delete row.
// A marked file can no longer be linked or put until it is gone.
//
// # Refuses
//
// It takes no SVG, serves no attachment, knows no user and no file name.
//
// Tables: file_file.
package file
