package apptest

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"kassavalv/internal/db/dbtest"
)

// Disk is a place with little room: for the shop's folder on SQLite, for its tables on
// PostgreSQL.
type Disk struct {
	Dir      string // of the shop; "" : wherever
	Database string // PostgreSQL
	room     string // the small file system; "" when a limit of file sizes stands in for it
	shop     *Shop
	ballast  *os.File
}

// SmallDisk makes a file system of so many bytes in memory, where that is allowed (root).
// Elsewhere a limit of the size of files stands in for it, which a program meets in
// the same calls; the test says so.
func SmallDisk(t testing.TB, engine string, size int64) *Disk {
	t.Helper()
	d := &Disk{}
	room := t.TempDir()
	if engine == "sqlite" {
		d.Dir = filepath.Join(room, "shop")
		if err := mountSmall(room, size); err != nil {
			t.Logf("no small file system here (%v): the size of files is limited instead", err)
			return d
		}
		d.room = room
		t.Cleanup(func() { unmount(room) })
		return d
	}
	// The server's own folder is not ours to fill: the tables lie in a small place of
	// their own. That needs a server on this machine and the right to give it a folder.
	if err := mountSmall(room, size); err != nil {
		t.Logf("no small file system here (%v): the size of the program's files is limited instead, the tables have room", err)
		d.Database = dbtest.PostgresURL(t)
		return d
	}
	t.Cleanup(func() { unmount(room) })
	admin, err := sql.Open("pgx", os.Getenv(dbtest.Env))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close() })
	space := filepath.Join(room, "space")
	name := "kv" + hex.EncodeToString([]byte(filepath.Base(room))) + fmt.Sprint(os.Getpid())
	if err := os.Mkdir(space, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := giveToPostgres(admin, room, space); err == nil {
		_, err = admin.Exec("CREATE TABLESPACE " + name + " LOCATION '" + space + "'")
		if err == nil {
			d.room = room
			t.Cleanup(func() { admin.Exec("DROP TABLESPACE " + name) })
			d.Database = dbtest.PostgresURL(t) + "&default_tablespace=" + name
			return d
		}
		t.Logf("no table space: %v", err)
	} else {
		t.Logf("no table space: %v", err)
	}
	t.Log("the size of the program's files is limited instead, the tables have room")
	d.Database = dbtest.PostgresURL(t)
	return d
}

// Limited reports that a limit of file sizes stands in for a small disk.
func (d *Disk) Limited() bool { return d.room == "" }

// Fill takes the room that is left.
func (d *Disk) Fill(t testing.TB, s *Shop) {
	t.Helper()
	d.shop = s
	if d.Limited() {
		var most int64
		filepath.WalkDir(s.Dir(), func(_ string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				if i, err := e.Info(); err == nil {
					most = max(most, i.Size())
				}
			}
			return nil
		})
		if d.Database != "" {
			most = 1 << 10 // not even a letter
		}
		if err := limitFiles(s.PID, uint64(most)); err != nil {
			t.Fatalf("neither a small disk nor a limit of files can be had here: %v", err)
		}
		return
	}
	f, err := os.Create(filepath.Join(d.room, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	d.ballast = f
	d.TopUp()
}

// TopUp takes what the program has let go of meanwhile.
func (d *Disk) TopUp() {
	if d.ballast == nil {
		return
	}
	for _, n := range []int{1 << 20, 64 << 10, 4 << 10, 512} {
		b := make([]byte, n)
		for {
			if _, err := d.ballast.Write(b); err != nil {
				break
			}
		}
	}
}

// Free gives the room back.
func (d *Disk) Free(t testing.TB) {
	t.Helper()
	if d.Limited() {
		if err := limitFiles(d.shop.PID, ^uint64(0)); err != nil {
			t.Fatal(err)
		}
		return
	}
	d.ballast.Close()
	if err := os.Remove(d.ballast.Name()); err != nil {
		t.Fatal(err)
	}
	d.ballast = nil
}

// ReadOnly makes the small file system read-only, or writable again; where there is none,
// the folder at, which keeps nobody out who is root.
func (d *Disk) ReadOnly(on bool, at string) error {
	if d.Limited() {
		return os.Chmod(at, map[bool]os.FileMode{true: 0o500, false: 0o700}[on])
	}
	return remount(d.room, on)
}
