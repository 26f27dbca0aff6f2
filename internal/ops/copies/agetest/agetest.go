// Package agetest gives tests the stock program age (filippo.io/age), which opens the copies of the
// second road without us.
package agetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Version is what is built, here and in test/scripts/setup.sh.
const Version = "v1.3.2"

var build struct {
	sync.Once
	path string
	err  error
}

// Program is the path of the program, built once under .cache.
func Program(t testing.TB) string {
	t.Helper()
	build.Do(func() {
		_, file, _, _ := runtime.Caller(0)
		cache := filepath.Join(filepath.Dir(file), "../../../../.cache")
		build.path = filepath.Join(cache, "age")
		if _, err := os.Stat(build.path); err == nil {
			return
		}
		cmd := exec.Command("go", "install", "filippo.io/age/cmd/age@"+Version)
		cmd.Env = append(os.Environ(), "GOBIN="+cache, "GOFLAGS=", "CGO_ENABLED=0")
		cmd.Dir = os.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("age cannot be built (test/scripts/setup.sh does it): %w: %s", err, out)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.path
}
