// Package handover lets a program be replaced by its successor without closing its
// doors: the listening sockets stay open in the kernel and wait there with their
// queue while the old program ends its work and the new one starts, in the same
// process, so that whoever watches it (systemd) sees no change of number.
//
// Sockets are found in two ways: handed over by a predecessor (Exec), or opened by
// systemd and passed by its documented protocol (LISTEN_PID, LISTEN_FDS,
// LISTEN_FDNAMES; sd_listen_fds(3)). Names are those of the listeners: shop, http, ops.
//
// It refuses a socket under a name that was not asked for: Leftover tells them, and they
// are closed. On Windows nothing is handed over; a restart is a stop and a start.
package handover
