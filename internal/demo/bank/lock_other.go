//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package bank

import "os"

// lockFile does nothing where there is no flock; there two banks on one folder
// are the user's to avoid.
func lockFile(*os.File) error { return nil }
