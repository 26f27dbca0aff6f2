// Package copies takes a shop's machine away, and its processes, disks and sites, and then
// holds what comes back from the copies against what buyers were promised.
//
//   - The machine lost: under full load the program is killed and its data directory is
//     removed. The shop is restored from its sites, together and from each alone, goes on
//     there, and is lost again. Where a site must have an order before it is shown as paid,
//     not one such order may be missing; where none must, it is told how many were lost and
//     how old the newest that came back was.
//   - The rig: the program is killed at random and at each named step between commit,
//     spool and site (package proof); the disk under the data directory and under a site
//     are filled, a site becomes read-only or is not mounted. Afterwards the shop goes on,
//     the copies go on by themselves, and every site gives back the database that the shop
//     has, byte for byte.
//
// broken_test.go runs the first against programs that are broken on purpose.
//
// KASSAVALV_TEST_MINUTES makes it run for longer (make torture); KASSAVALV_TEST_SEED
// repeats the choices of a run.
package copies
