//go:build !linux || !(amd64 || arm64)

package copies

import "os"

// sendRange leaves it to waitRange.
func sendRange(*os.File, int64, int64) error { return nil }

// waitRange writes a file to the disk: this system knows no parts.
func waitRange(f *os.File, _, _ int64) error { return f.Sync() }
