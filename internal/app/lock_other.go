//go:build !unix

package app

import "os"

// locksHold tells whether a lock keeps another process out.
const locksHold = false

// Production is Linux; elsewhere the port of the listeners keeps a second
// process out.
func flock(*os.File) error { return nil }
