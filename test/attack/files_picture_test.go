package attack

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kassavalv/internal/apptest"
)

// photo is an ordinary picture.
func photo(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), 90, 255})
		}
	}
	return m
}

func pngBytes(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func jpegBytes(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func gifBytes(m image.Image) []byte {
	var b bytes.Buffer
	if err := gif.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// chunk is one of a PNG.
func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// media are the addresses of a product's pictures in the back office.
func media(owner *apptest.Client, at string) (out []string) {
	owner.T.Helper()
	a := owner.Do("GET", at+"/pictures", nil)
	owner.Want(a, 200, nil)
	for _, n := range a.Find("main img[src]") {
		if s := apptest.Attr(n, "src"); strings.HasPrefix(s, "/media/") {
			out = append(out, s)
		}
	}
	return out
}

// addPicture sends pictures to a product.
func addPicture(owner *apptest.Client, at string, files ...upload) apptest.Answer {
	owner.T.Helper()
	return sendFiles(owner, at+"/pictures", map[string]string{"version": "1", "alt": "Prov"}, "picture", files...)
}

// hang is addPicture with an honest picture; it returns the picture's address.
func hang(owner *apptest.Client, at string, data []byte) string {
	owner.T.Helper()
	before := len(media(owner, at))
	if a := addPicture(owner, at, upload{"prov.png", "image/png", data}); a.Status != 303 {
		owner.T.Fatalf("an honest picture: %d %s", a.Status, a.Words())
	}
	ms := media(owner, at)
	if len(ms) != before+1 {
		owner.T.Fatalf("%d pictures, there were %d", len(ms), before)
	}
	return ms[len(ms)-1]
}

// drawings are SVG files that act, in the disguises in which they have been let in.
func drawings(can *canary) map[string]upload {
	at := "http://" + can.Addrs[0]
	body := map[string]string{
		"onload":     `<svg xmlns="http://www.w3.org/2000/svg" onload="kvx()"/>`,
		"script":     `<svg xmlns="http://www.w3.org/2000/svg"><script>kvx()</script></svg>`,
		"foreign":    `<svg xmlns="http://www.w3.org/2000/svg"><foreignObject><iframe src="` + at + `"/></foreignObject></svg>`,
		"use":        `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><use xlink:href="` + at + `/x.svg#a"/><image href="` + at + `/x.png"/></svg>`,
		"xxe":        `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "` + at + `/x"><!ENTITY f SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&x;&f;</text></svg>`,
		"laughs":     `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "kvxkvxkvx"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><svg>&b;</svg>`,
		"html":       `<!doctype html><script>kvx()</script>`,
		"stylesheet": `<?xml-stylesheet href="` + at + `/x.xsl"?><svg/>`,
	}
	out := map[string]upload{}
	for name, s := range body {
		out[name+".svg"] = upload{name + ".svg", "image/svg+xml", []byte(s)}
		out[name+" as png"] = upload{name + ".png", "image/png", []byte(s)}
		out[name+" with BOM"] = upload{name + ".png", "image/png", append([]byte("\xef\xbb\xbf"), s...)}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write([]byte(s))
		w.Close()
		out[name+".svgz"] = upload{name + ".svgz", "image/svg+xml", z.Bytes()}
	}
	out["utf-16"] = upload{"x.jpg", "image/jpeg", []byte("\xff\xfe<\x00s\x00v\x00g\x00>\x00")}
	out["a GIF in name only"] = upload{"x.gif", "image/gif", []byte("GIF89a<svg onload=kvx()>")}
	return out
}

// A picture is a picture by its content, and what is served is made anew.
var _ = attack("AC-140", func(t *testing.T, c *apptest.Client) {
	can := newCanary(t)
	can.Ping(t)
	owner := c.Staff(c, "owner")
	at := newGoods(owner, "Prov SVG", "PROV-SVG")
	for what, f := range drawings(can) {
		a := addPicture(owner, at, f)
		if a.Status != 422 {
			t.Errorf("%s: %d %s", what, a.Status, a.Words())
		}
		inert(t, what, a.HTML())
	}
	if ms := media(owner, at); len(ms) != 0 {
		t.Errorf("kept %v", ms)
	}
	// Control, and a picture that is both: what follows the picture is not served.
	both := append(pngBytes(photo(60, 40)), `<script>kvx()</script><svg onload=kvx()>`...)
	plain := pngBytes(photo(62, 40))
	text := append(append(append([]byte{}, plain[:33]...), chunk("tEXt", []byte("Comment\x00<script>kvx()</script>"))...), plain[33:]...)
	for i, data := range [][]byte{pngBytes(photo(50, 50)), both, text, append(jpegBytes(photo(70, 30)), `<?php kvx() ?><script>kvx()</script>`...)} {
		path := hang(owner, at, data)
		a := c.Do("GET", path, nil)
		c.Want(a, 200, nil)
		h := a.Header
		if h.Get("Content-Type") != "image/jpeg" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || len(h["Set-Cookie"]) > 0 {
			t.Errorf("picture %d: %v", i, h)
		}
		if _, err := jpeg.Decode(bytes.NewReader(a.Body)); err != nil || bytes.Contains(a.Body, []byte(mark)) {
			t.Errorf("picture %d is served as it was sent (%v)", i, err)
		}
	}
	if n := can.Hits(); n != 0 {
		t.Errorf("the canary was called %d times", n)
	}
})

// located is a JPEG that tells where it was taken and who owns it.
func located() []byte {
	j := jpegBytes(photo(2000, 1200))
	tiff := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00KVX-OWNER GPS 59.3293 18.0686")
	out := append([]byte{}, j[:2]...)
	for _, seg := range []struct {
		marker byte
		body   []byte
	}{{0xe1, append([]byte("Exif\x00\x00"), tiff...)}, {0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>KVX-OWNER GPS</x:xmpmeta>")}, {0xed, []byte("Photoshop 3.0\x008BIM KVX-OWNER")}, {0xfe, []byte("KVX-OWNER took this at home")}} {
		out = append(out, 0xff, seg.marker)
		out = binary.BigEndian.AppendUint16(out, uint16(len(seg.body)+2))
		out = append(out, seg.body...)
	}
	return append(out, j[2:]...)
}

// Customers send no pictures yet; those of staff lose what cameras write into them.
var _ = attack("AC-165", func(t *testing.T, c *apptest.Client) {
	owner := c.Staff(c, "owner")
	at := newGoods(owner, "Prov EXIF", "PROV-EXIF")
	b := pngBytes(photo(900, 300))
	withText := append(append(append([]byte{}, b[:33]...), chunk("eXIf", []byte("MM\x00*KVX-OWNER GPS"))...), append(chunk("iTXt", []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00KVX-OWNER")), b[33:]...)...)
	for _, f := range []struct {
		data []byte
		wide int
	}{{located(), 1600}, {withText, 900}} {
		if !bytes.Contains(f.data, []byte("KVX-OWNER")) {
			t.Fatal("the picture tells nothing")
		}
		path := hang(owner, at, f.data)
		for _, w := range []string{"-400.jpg", "-800.jpg", "-1600.jpg"} {
			a := c.Do("GET", path[:strings.LastIndexByte(path, '-')]+w, nil)
			c.Want(a, 200, nil)
			for _, bad := range []string{"KVX", "Exif", "GPS", "adobe", "8BIM", "<x:"} {
				if bytes.Contains(a.Body, []byte(bad)) {
					t.Errorf("%s holds %q", w, bad)
				}
			}
			m, err := jpeg.Decode(bytes.NewReader(a.Body))
			if err != nil {
				t.Fatal(err)
			}
			if w == "-1600.jpg" && m.Bounds().Dx() != f.wide {
				t.Errorf("%d pixels wide, not %d", m.Bounds().Dx(), f.wide)
			}
		}
	}
})

// bombs are small files that say they are huge.
func bombs() map[string]upload {
	header := func(w, h uint32, kind byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, w)
		b = binary.BigEndian.AppendUint32(b, h)
		return append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(b, 8, kind, 0, 0, 0))...)
	}
	end := append(chunk("IDAT", []byte("\x78\x9c\x63\x00\x00\x00\x01\x00\x01")), chunk("IEND", nil)...)
	out := map[string]upload{
		"png":       {"x.png", "image/png", append(header(65535, 65535, 6), end...)},
		"png most":  {"x.png", "image/png", append(header(1<<31-1, 1<<31-1, 6), end...)},
		"png wide":  {"x.png", "image/png", append(header(12_001, 1, 2), end...)},
		"png area":  {"x.png", "image/png", append(header(11_000, 11_000, 6), end...)},
		"png wrap":  {"x.png", "image/png", append(header(1<<16, 1<<16, 6), end...)},
		"png short": {"x.png", "image/png", header(65535, 65535, 6)},
	}
	g := gifBytes(photo(2, 2))
	big := append([]byte{}, g...)
	binary.LittleEndian.PutUint16(big[6:], 65535)
	binary.LittleEndian.PutUint16(big[8:], 65535)
	out["gif"] = upload{"x.gif", "image/gif", big}
	j := jpegBytes(photo(2, 2))
	for i := 0; i+9 < len(j); i++ {
		if j[i] == 0xff && j[i+1] == 0xc0 {
			huge := append([]byte{}, j...)
			binary.BigEndian.PutUint16(huge[i+5:], 65535)
			binary.BigEndian.PutUint16(huge[i+7:], 65535)
			out["jpeg"] = upload{"x.jpg", "image/jpeg", huge}
		}
	}
	// VP8X with a canvas of 16,384 by 16,384, and VP8L with as much.
	x := []byte("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\x3f\x00\xff\x3f\x00")
	riff := func(body []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4)), append([]byte("WEBP"), body...)...)
	}
	out["webp"] = upload{"x.webp", "image/webp", riff(x)}
	out["webp lossless"] = upload{"x.webp", "image/webp", riff([]byte("VP8L\x08\x00\x00\x00\x2f\xff\xff\xff\x0f\x00\x00\x00"))}
	out["webp lossy"] = upload{"x.webp", "image/webp", riff([]byte("VP8 \x0c\x00\x00\x00\x30\x01\x00\x9d\x01\x2a\xff\x3f\xff\x3f\x00\x00"))}
	return out
}

// A file that says it is huge costs no more than reading that.
var _ = alone("AC-163", func(t *testing.T, engine string) {
	s := apptest.Start(t, apptest.Options{Engine: engine})
	c := s.As(t)
	owner := s.Staff(c, "owner")
	at := newGoods(owner, "Prov bomb", "PROV-BOMB")
	hang(owner, at, pngBytes(photo(64, 64)))
	before := measure(t, s)
	most := highest(s)
	all := bombs()
	var wg sync.WaitGroup
	for range 20 {
		// Each with an address of its own, so that the budget of uploads refuses nobody.
		v := s.Staff(c, "owner")
		wg.Go(func() {
			for what, f := range all {
				a, err := v.Try("POST", at+"/pictures", apptest.Raw(multipartOf(f)), "Content-Type", "multipart/form-data; boundary=kvxkvx", "Sec-Fetch-Site", "same-origin", "Origin", s.Shop)
				if err != nil || a.Status != 422 {
					t.Errorf("%s: %d %v", what, a.Status, err)
				}
			}
		})
	}
	wg.Wait()
	if grown := most() - before.RSS; grown > 128<<20 {
		t.Errorf("the program grew by %d MB", grown>>20)
	}
	if n := len(media(owner, at)); n != 1 {
		t.Errorf("%d pictures, not the one", n)
	}
	// The same files through an import: rows come in, the pictures do not.
	images := t.TempDir()
	rows := "Handle,Title,Variant Price,Published,Variant SKU,Image Src,Image Position\n"
	n := 0
	for _, f := range all {
		name := fmt.Sprintf("bomb%d-%s", n, f.name)
		if err := os.WriteFile(filepath.Join(images, name), f.data, 0o600); err != nil {
			t.Fatal(err)
		}
		rows += fmt.Sprintf("prov-bomb-%d,Prov bomb %d,100.00,true,PB-%d,%s,1\n", n, n, n, name)
		n++
	}
	if err := os.WriteFile(filepath.Join(images, "honest.png"), pngBytes(photo(80, 60)), 0o600); err != nil {
		t.Fatal(err)
	}
	rows += "prov-honest,Prov honest,100.00,true,PB-H,honest.png,1\n"
	file := filepath.Join(t.TempDir(), "bombs.csv")
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	before = measure(t, s)
	most = highest(s)
	out, code := apptest.Command(t, databaseOf(s), "import", file, "--data", s.Dir(), "--images", images)
	if code != 0 && code != 3 {
		t.Fatalf("import: %d %s", code, out)
	}
	if grown := most() - before.RSS; grown > 128<<20 {
		t.Errorf("the import made the program grow by %d MB", grown>>20)
	}
	done := c.Query(`SELECT url FROM intake_picture WHERE state = 'done'`)
	if len(done) != 1 || done[0][0] != "honest.png" {
		t.Errorf("pictures that came in: %v\n%s", done, out)
	}
	if got := c.Count(`SELECT count(*) FROM catalog_product WHERE handle LIKE 'prov-bomb-%'`); got != n {
		t.Errorf("%d of %d products came in", got, n)
	}
	if !s.Alive() || c.Do("GET", "/", nil).Status != 200 {
		t.Error("the shop is gone")
	}
})

// multipartOf is a form with one picture; the boundary is kvxkvx.
func multipartOf(f upload) string {
	return "--kvxkvx\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n1\r\n--kvxkvx\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"" + f.name + "\"\r\nContent-Type: " + f.kind + "\r\n\r\n" + string(f.data) + "\r\n--kvxkvx--\r\n"
}

// databaseOf is the environment in which a command finds the shop's database.
func databaseOf(s *apptest.Shop) []string {
	if s.Database() == "" {
		return nil
	}
	return []string{"DATABASE_URL=" + s.Database()}
}
