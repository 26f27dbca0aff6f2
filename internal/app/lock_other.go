//go:build !unix

package app

import "os"

// Production is Linux; elsewhere the port of the listeners keeps a second
// process out.
func flock(*os.File) error { return nil }
