package apptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// ProgramEnv names a program that is built already.
const ProgramEnv = "KASSAVALV_TEST_PROGRAM"

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// Program is the path of the program under test.
func Program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if p := os.Getenv(ProgramEnv); p != "" {
			built.path, built.err = filepath.Abs(p)
			return
		}
		if built.dir, built.err = os.MkdirTemp("", "kassavalv-program-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "kassavalv")
		cmd := exec.Command("go", "build", "-o", built.path, "kassavalv/cmd/kassavalv")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// Main runs the tests of a package and removes the program that was built.
func Main(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}
