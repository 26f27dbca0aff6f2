//go:build unix

package app

import (
	"os"
	"strconv"
	"syscall"
)

// diskOf is an identity of the disk that a folder lies on.
func diskOf(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return strconv.FormatUint(uint64(s.Dev), 10), nil
	}
	return "", nil
}
