package app

import (
	"os"
	"path/filepath"
	"testing"

	"kassavalv/internal/apptest"
)

// A demo that was killed before its first key, with an empty database or none, goes on.
func TestBrokenOffBeforeTheFirstKey(t *testing.T) {
	for _, empty := range []bool{false, true} {
		s := apptest.Prepare(t, apptest.Options{Engine: "sqlite"})
		if err := os.MkdirAll(filepath.Join(s.Dir(), "keys"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.Dir(), demoMark), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if empty {
			if err := os.WriteFile(filepath.Join(s.Dir(), DatabaseFile), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Open(); err != nil {
			t.Errorf("an empty database %v: %v", empty, err)
		}
	}
}
