package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
)

// What a merchant chose to keep is what comes of it, from the file and from the environment;
// what he left out is as usual.
func TestKeeps(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte("[copies]\nkeep_raw = \"12h\"\nkeep_days = \"730d\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(dir, []string{"KASSAVALV_COPIES_KEEP_DUMPS=60d"})
	if err != nil {
		t.Fatal(err)
	}
	want := copies.DefaultPolicy()
	want.Raw, want.Days, want.Dumps = 12*time.Hour, 730*24*time.Hour, 60*24*time.Hour
	if got, key, err := c.Copies.policy(); got != want || err != nil {
		t.Errorf("%+v, %s %v", got, key, err)
	}
	var none Config
	if got, _, err := none.Copies.policy(); got != copies.DefaultPolicy() || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}
