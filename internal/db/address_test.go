package db_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// The database lies where it was asked for, whatever the folder is called, and is found
// there again.
func TestFoldersOfAnyName(t *testing.T) {
	for _, name := range []string{"nr#2", "100%", "a%41b", "vad?", "två ord", "?#%"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "shop.db")
		d := dbtest.OpenOptions(t, db.Options{Path: path, Create: true}, nil)
		if err := db.Do(context.Background(), d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE db_meta SET value=4711 WHERE name='node'`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		d.Close()
		if st, err := os.Stat(path); err != nil || st.Size() == 0 {
			t.Errorf("%s: the database is not in its folder: %v", name, err)
		}
		beside, err := os.ReadDir(filepath.Dir(dir))
		if err != nil || len(beside) != 1 {
			t.Errorf("%s: there are files beside the folder: %v, %v", name, beside, err)
		}
		again := dbtest.OpenOptions(t, db.Options{Path: path, Existing: true}, nil)
		got, err := db.Read(context.Background(), again, func(q *db.Reader) (n int, err error) {
			err = q.QueryRow(`SELECT value FROM db_meta WHERE name='node'`).Scan(&n)
			return
		})
		if err != nil || got != 4711 {
			t.Errorf("%s: opened again: %d, %v", name, got, err)
		}
		again.Close()
	}
}
