//go:build !unix

package app

import "path/filepath"

// diskOf is the volume that a folder lies on.
func diskOf(path string) (string, error) {
	p, err := filepath.Abs(path)
	return filepath.VolumeName(p), err
}
