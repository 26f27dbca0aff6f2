package sitetest

import (
	"fmt"
	"syscall"
	"testing"
)

// SmallDisk is a folder on a file system of its own with so many bytes, in memory. It is
// false where that is not allowed (no root); the test then says so and looks at the rest.
func SmallDisk(t testing.TB, size int64) (dir string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Logf("no small file system here: %v", err)
		return dir, false
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir, true
}
