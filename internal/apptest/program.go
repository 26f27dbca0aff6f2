package apptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"kassavalv/internal/shop/payment/paytest/swishsim"
)

// ProgramEnv names a program that is built already.
const ProgramEnv = "KASSAVALV_TEST_PROGRAM"

// ProofEnv is ProgramEnv for the program that can be broken (package proof).
const ProofEnv = "KASSAVALV_TEST_PROOF_PROGRAM"

// building makes a program once for the test run.
type building struct {
	env, tags string
	once      sync.Once
	dir       string
	path      string
	err       error
}

var built, builtProof = &building{env: ProgramEnv}, &building{env: ProofEnv, tags: "proof"}

// Program is the path of the program under test.
func Program(t testing.TB) string {
	t.Helper()
	return built.get(t)
}

// ProofProgram is the path of the program that can be broken and told where to die.
func ProofProgram(t testing.TB) string {
	t.Helper()
	return builtProof.get(t)
}

func (b *building) get(t testing.TB) string {
	t.Helper()
	b.once.Do(func() {
		if p := os.Getenv(b.env); p != "" {
			b.path, b.err = filepath.Abs(p)
			return
		}
		if b.dir, b.err = os.MkdirTemp("", "kassavalv-program-"); b.err != nil {
			return
		}
		b.path = filepath.Join(b.dir, "kassavalv")
		cmd := exec.Command("go", "build", "-tags", b.tags, "-o", b.path, "kassavalv/cmd/kassavalv")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}

// Main runs the tests of a package and removes the programs that were built.
func Main(m *testing.M) {
	if os.Getenv(swishEnv) != "" {
		os.Exit(swishsim.Main(os.Args[1:]))
	}
	code := m.Run()
	for _, b := range []*building{built, builtProof} {
		if b.dir != "" {
			os.RemoveAll(b.dir)
		}
	}
	os.Exit(code)
}
