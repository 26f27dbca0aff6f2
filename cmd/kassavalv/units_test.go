package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// What the units of deploy run are commands and flags that this program has.
func TestUnitsRunWhatThereIs(t *testing.T) {
	files, err := filepath.Glob("../../deploy/*.service")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, line, ok := strings.Cut(string(b), "\nExecStart=")
		line, _, _ = strings.Cut(line, "\n")
		args := strings.Fields(line)
		if !ok || args[0] != "/usr/local/bin/kassavalv" {
			t.Errorf("%s runs %q", f, line)
			continue
		}
		var c cli
		p, err := kong.New(&c, kong.Exit(func(int) { t.Errorf("%s: it asks for help", f) }))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Parse(args[1:]); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if !strings.HasPrefix(c.Data, "/var/lib/kassavalv") {
			t.Errorf("%s: the data lie in %q", f, c.Data)
		}
	}
}
