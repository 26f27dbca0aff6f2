//go:build linux || darwin

package app

import "syscall"

// freeOf is how many bytes may still be written on the disk that a folder lies on; -1 where
// the system does not tell.
func freeOf(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
