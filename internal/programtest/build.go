// Package programtest gives tests the programs of others: it builds them once, at the versions of
// test/scripts/programs.txt, and runs those that serve as processes of their own.
package programtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

var build sync.Mutex

// Program is the path of a program that stands in test/scripts/programs.txt.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := Build(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Build builds a program of test/scripts/programs.txt under .cache, if it is not there.
func Build(name string) (path string, err error) {
	build.Lock()
	defer build.Unlock()
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "../..")
	cache := filepath.Join(root, ".cache")
	list, err := os.ReadFile(filepath.Join(root, "test/scripts/programs.txt"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(list)) {
		is, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if is != name || name == "" || name == "#" {
			continue
		}
		path = filepath.Join(cache, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		cmd := exec.Command("go", "install", what)
		cmd.Env = append(os.Environ(), "GOBIN="+cache, "GOFLAGS=", "CGO_ENABLED=0")
		cmd.Dir = os.TempDir()
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s cannot be built (test/scripts/setup.sh does it): %w: %s", name, err, out)
		}
		return path, nil
	}
	return "", fmt.Errorf("%s is not among test/scripts/programs.txt", name)
}
