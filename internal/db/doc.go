// Package db is the one door to the database: SQLite inside the process, or a
// PostgreSQL server. Nothing else in the program opens a connection.
//
// # Writing
//
// Write runs a closure in a transaction. On SQLite one goroutine, the writer,
// owns the only writing connection and merges the closures of concurrent
// callers into one transaction (group commit): each closure has a savepoint of
// its own, all callers are answered after the one fsync. A closure that fails
// or panics is undone alone. On PostgreSQL each closure has a transaction of
// its own at READ COMMITTED, retried on 40001 and 40P01.
//
// So a closure may run twice and shares its commit with others. It MUST NOT
// use the network, sleep, start goroutines that use tx, or set captured
// variables; results are return values, time is tx.Now or tx.LegalNow. It
// touches at most about 1,000 rows; more goes in chunks through WriteBulk. An
// error undoes everything the closure did; a refusal that must leave a trace is
// a result, not an error. The caller's context is looked at until the closure's
// turn comes; from then on it runs to its end.
//
// # Reading
//
// Read runs a closure on one snapshot. After Write returned, every Read of the
// process sees its effect. A read lives 5 s at most, and readers are bounded, so
// that browsing cannot starve the writer.
//
// # SQL
//
// One text for both engines: $1 parameters, columns INTEGER, TEXT and BLOB.
// Booleans are 0/1, instants are microseconds since 1970 UTC (the zero
// time.Time is NULL). See engine.go for the few differences.
//
// Tables: db_migration, db_meta, db_change.
package db
