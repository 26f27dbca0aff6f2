package programtest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What is not in the list is not looked for elsewhere.
func TestOnlyWhatIsListed(t *testing.T) {
	for _, name := range []string{"nothing", "#", "age filippo.io/age", ""} {
		if p, err := Build(name); err == nil {
			t.Errorf("%q is built: %s", name, p)
		}
	}
}

// A program that ends is told with its own words.
func TestOneThatEnds(t *testing.T) {
	s := &Server{Addr: "127.0.0.1:1", command: func(string) (*exec.Cmd, error) { return exec.Command(os.Args[0], "-no-such-flag"), nil },
		ready: func(string) bool { return false }}
	if err := s.Open(); err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Error(err)
	}
}
