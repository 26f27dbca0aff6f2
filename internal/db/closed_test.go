package db_test

import (
	"os"
	"path/filepath"
	"testing"
)

// A database that was closed is a file with nothing beside it: no connection stays behind,
// whatever statements were prepared on it.
func TestClosedIsAFileAlone(t *testing.T) {
	for _, w := range []*twin{nil, {}} {
		dir := t.TempDir()
		d := open(t, filepath.Join(dir, "shop.db"), nil)
		if w != nil {
			d.Close()
			d = open(t, filepath.Join(dir, "shop.db"), w)
		}
		if err := run(ctx(t), d, `CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`); err != nil {
			t.Fatal(err)
		}
		if err := run(ctx(t), d, `INSERT INTO t (id, s) VALUES (1, 'x')`); err != nil {
			t.Fatal(err)
		}
		contents(t, d)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		es, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(es) != 1 {
			t.Errorf("beside the file lie %v", es)
		}
	}
}
