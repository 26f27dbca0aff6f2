package attack

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"io/fs"
	"mime/multipart"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
	"kassavalv/internal/db/dbtest"
)

// disk is a place with little room: for the shop's folder on SQLite, for its tables on
// PostgreSQL.
type disk struct {
	dir      string // of the shop; "" : wherever
	database string // PostgreSQL
	room     string // the small file system; "" when a limit of file sizes stands in for it
	shop     *apptest.Shop
	ballast  *os.File
}

// smallDisk makes a file system of so many bytes in memory, where that is allowed (root).
// Elsewhere a limit of the size of files stands in for it, which a program meets in
// the same calls; the test says so.
func smallDisk(t *testing.T, engine string, size int64) *disk {
	t.Helper()
	d := &disk{}
	room := t.TempDir()
	if engine == "sqlite" {
		d.dir = filepath.Join(room, "shop")
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
		d.database = dbtest.PostgresURL(t)
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
			d.database = dbtest.PostgresURL(t) + "&default_tablespace=" + name
			return d
		}
		t.Logf("no table space: %v", err)
	} else {
		t.Logf("no table space: %v", err)
	}
	t.Log("the size of the program's files is limited instead, the tables have room")
	d.database = dbtest.PostgresURL(t)
	return d
}

// limited reports that a limit of file sizes stands in for a small disk.
func (d *disk) limited() bool { return d.room == "" }

// fill takes the room that is left.
func (d *disk) fill(t *testing.T, c *apptest.Client) {
	t.Helper()
	d.shop = c.Shop
	if d.limited() {
		var most int64
		filepath.WalkDir(c.Dir(), func(_ string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				if i, err := e.Info(); err == nil {
					most = max(most, i.Size())
				}
			}
			return nil
		})
		if d.database != "" {
			most = 1 << 10 // not even a letter
		}
		if err := limitFiles(c.PID, uint64(most)); err != nil {
			t.Fatalf("neither a small disk nor a limit of files can be had here: %v", err)
		}
		return
	}
	f, err := os.Create(filepath.Join(d.room, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	d.ballast = f
	d.topUp()
}

// topUp takes what the program has let go of meanwhile.
func (d *disk) topUp() {
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

// free gives the room back.
func (d *disk) free(t *testing.T) {
	t.Helper()
	if d.limited() {
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

// copyDir copies a data directory.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	err := filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := filepath.Join(to, strings.TrimPrefix(p, from))
		if e.IsDir() {
			return os.MkdirAll(at, 0o700)
		}
		if !e.Type().IsRegular() { // the socket of a program that was killed
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(at, b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// hashDir tells what stands in the database's files and the keys of a folder.
func hashDir(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	add := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil || strings.HasSuffix(path, "-wal") && len(b) == 0 {
			return
		}
		sum := sha256.Sum256(b)
		out = append(out, fmt.Sprintf("%s %d %x", filepath.Base(path), len(b), sum[:4]))
	}
	add(filepath.Join(dir, "shop.db"))
	add(filepath.Join(dir, "shop.db-wal"))
	keys, _ := filepath.Glob(filepath.Join(dir, "keys", "*"))
	for _, k := range keys {
		add(k)
	}
	return strings.Join(out, ", ")
}

// poisonPictures are files that claim to be pictures.
func poisonPictures() map[string][]byte {
	var b bytes.Buffer
	jpeg.Encode(&b, image.NewRGBA(image.Rect(0, 0, 64, 64)), nil)
	good := b.Bytes()
	exif := append([]byte{0xff, 0xd8, 0xff, 0xe1, 0x00, 0x20}, []byte("Exif\x00\x00MM\x00*\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")...)
	return map[string][]byte{
		"half": good[:len(good)/2], "broken-exif": append(exif, good[2:]...), "exif-without-end": exif, "text": []byte("inte en bild"), "empty": {},
		"head-alone": good[:20], "long-segment": append([]byte{0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff}, good[2:]...),
	}
}

// uploadPicture sends a file as the back office's form would.
func uploadPicture(c *apptest.Client, to, name string, data []byte) apptest.Answer {
	c.T.Helper()
	page := c.Do("GET", to, nil)
	_, form := c.FormOf(page, `form[enctype="multipart/form-data"]`)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, vs := range form {
		for _, v := range vs {
			if k != "picture" {
				w.WriteField(k, v)
			}
		}
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="picture"; filename=%q`, name))
	h.Set("Content-Type", "image/jpeg")
	p, err := w.CreatePart(h)
	if err != nil {
		c.T.Fatal(err)
	}
	p.Write(data)
	w.Close()
	return c.Do("POST", to, apptest.Raw(b.String()), "Content-Type", w.FormDataContentType(), "Sec-Fetch-Site", "same-origin", "Origin", c.Shop.Shop)
}
