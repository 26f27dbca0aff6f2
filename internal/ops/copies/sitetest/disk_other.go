//go:build !linux

package sitetest

import "testing"

// SmallDisk is a folder on a small file system, where there is such a thing.
func SmallDisk(t testing.TB, _ int64) (dir string, ok bool) {
	t.Log("no small file system here")
	return t.TempDir(), false
}
