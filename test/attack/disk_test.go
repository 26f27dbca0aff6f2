package attack

import (
	"bytes"
	"crypto/sha256"
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
)

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
