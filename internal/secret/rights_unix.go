//go:build unix

package secret

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// checkRights refuses what others could read or what another user owns.
func checkRights(path string, st fs.FileInfo, want string) error {
	if st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("secret: others have rights on %s (mode %04o); run: chmod %s %s", path, st.Mode().Perm(), want, path)
	}
	if s, ok := st.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("secret: %s belongs to another user", path)
	}
	return nil
}

// syncDir makes new and removed names durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
