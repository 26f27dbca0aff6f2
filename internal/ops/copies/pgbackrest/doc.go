// Package pgbackrest keeps copies of a shop on PostgreSQL. The road is that database's own:
// pgBackRest, with two or more encrypted repositories, and the log of changes archived as it
// comes. What is ours is around it: the configuration, figures and alarms, drills, and the way
// back.
//
// # Who does what
//
// pgBackRest copies the database and brings it back: base backups, WAL, retention, encryption
// (AES-256-CBC under one pass for each repository), transport. The shop's keys, its
// configuration and its files (pictures) are no part of the database; they go to the sites of
// package copies, or as a kit that is sealed to the paper key. The passes of the repositories
// lie in that kit too: with the paper key and one repository everything of the database comes
// back.
//
// # Invariants
//
//   - pgBackRest and the servers of drills run as the owner of the configuration file where the
//     program is root, else as who calls. PostgreSQL refuses to be root.
//   - A drill's server archives nothing, listens on a socket in a folder of its own and reads no
//     settings but ours: it cannot be taken for the shop's, nor write into a repository.
//   - A drill reads one repository alone: one that is whole does not hide one that is not.
//   - What could not be looked at is inconclusive, never well.
//
// No tables.
package pgbackrest
