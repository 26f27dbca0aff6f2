package db_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kassavalv/internal/db"
)

// A stop in order leaves everything in the file itself; what is damaged, or holds
// nothing, is refused before anything is written to it.
func TestDamagedFileIsRefusedAsFound(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "shop.db")
	open := func(o db.Options) error {
		o.Path = path
		d, err := db.Open(ctx, o)
		if err != nil {
			return err
		}
		return d.Close()
	}
	d, err := db.Open(ctx, db.Options{Path: path, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Do(ctx, d, func(tx *db.Tx) error { return tx.Changed("thing", 1) }); err != nil {
		t.Fatal(err)
	}
	if err := d.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path + "-wal"); err == nil && st.Size() > 0 {
		t.Errorf("a log of %d bytes is left beside the file", st.Size())
	}
	if err := open(db.Options{Existing: true}); err != nil {
		t.Fatal("whole:", err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string][]byte{"cut": good[:len(good)/2], "empty": {}, "zeroes": make([]byte, len(good)), "other": []byte("no database at all, but a text")} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		err := open(db.Options{Existing: true})
		if err == nil || what == "empty" && !errors.Is(err, db.ErrEmpty) {
			t.Errorf("%s: %v", what, err)
		}
		if now, _ := os.ReadFile(path); string(now) != string(bad) {
			t.Errorf("%s: the file was changed", what)
		}
	}
}
