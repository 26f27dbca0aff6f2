package file

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"runtime"
	"testing"

	"golang.org/x/image/draw"

	"kassavalv/internal/fault"
)

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// quarters is red, green / blue, white.
func quarters(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{255, 255, 255, 255}
			switch {
			case x < w/2 && y < h/2:
				c = color.RGBA{255, 0, 0, 255}
			case y < h/2:
				c = color.RGBA{0, 255, 0, 255}
			case x < w/2:
				c = color.RGBA{0, 0, 255, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

// letters reads the four quarters of a JPEG as R, G, B, W.
func letters(t *testing.T, data []byte) string {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	s, w, h := "", m.Bounds().Dx(), m.Bounds().Dy()
	for _, p := range []image.Point{{w / 4, h / 4}, {3 * w / 4, h / 4}, {w / 4, 3 * h / 4}, {3 * w / 4, 3 * h / 4}} {
		r, g, b, _ := m.At(p.X, p.Y).RGBA()
		switch {
		case r > 0xc000 && g > 0xc000 && b > 0xc000:
			s += "W"
		case r > 0xc000:
			s += "R"
		case g > 0xc000:
			s += "G"
		case b > 0xc000:
			s += "B"
		default:
			s += "?"
		}
	}
	return s
}

func exif(o byte) []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00")
	return append(append(b, o), "\x00\x00\x00\x00\x00\x00GPS-CANARY 59.3293 18.0686"...)
}

func withExif(j []byte, o byte) []byte {
	body := append([]byte("Exif\x00\x00"), exif(o)...)
	seg := append([]byte{0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return append(append(append([]byte{}, j[:2]...), append(seg, body...)...), j[2:]...)
}

func render(t *testing.T, data []byte) ([][]byte, int, int) {
	t.Helper()
	h, err := judge(data, true)
	if err != nil {
		t.Fatal(err)
	}
	blobs, w, ht, err := renditions(data, h)
	if err != nil {
		t.Fatal(err)
	}
	return blobs, w, ht
}

func TestOrientationAndMetadata(t *testing.T) {
	src := jpegOf(t, quarters(2000, 1000))
	for o, want := range map[byte]string{1: "RGBW", 2: "GRWB", 3: "WBGR", 4: "BWRG", 5: "RBGW", 6: "BRWG", 7: "WGBR", 8: "GWRB", 9: "RGBW", 0: "RGBW"} {
		blobs, w, h := render(t, withExif(src, o))
		ww, wh := 1600, 800
		if o >= 5 && o <= 8 {
			ww, wh = 1000, 2000
		}
		if w != ww || h != wh {
			t.Errorf("orientation %d: %dx%d", o, w, h)
		}
		for i, b := range blobs {
			if got := letters(t, b); got != want {
				t.Errorf("orientation %d, rendition %d: %s, want %s", o, Widths[i], got, want)
			}
			if bytes.Contains(b, []byte("CANARY")) || bytes.Contains(b, []byte("Exif")) {
				t.Error("metadata came through")
			}
			cfg, _ := jpeg.DecodeConfig(bytes.NewReader(b))
			if fw, fh := fit(w, h, Widths[i]); cfg.Width != fw || cfg.Height != fh {
				t.Errorf("rendition %d is %dx%d", Widths[i], cfg.Width, cfg.Height)
			}
		}
	}
	// PNG carries the same block as a chunk.
	p := pngOf(t, quarters(100, 60))
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(len(exif(6)))), "eXIf"...)
	p = append(append(append([]byte{}, p[:33]...), append(append(chunk, exif(6)...), 0, 0, 0, 0)...), p[33:]...)
	if h, err := readHeader(p); err != nil || h.orientation != 6 {
		t.Fatal(h, err)
	}
}

func TestFormats(t *testing.T) {
	pal := image.NewPaletted(image.Rect(0, 0, 60, 40), color.Palette{color.RGBA{255, 0, 0, 255}, color.RGBA{0, 0, 255, 255}})
	second := image.NewPaletted(pal.Rect, pal.Palette)
	for i := range second.Pix {
		second.Pix[i] = 1
	}
	var g bytes.Buffer
	if err := gif.EncodeAll(&g, &gif.GIF{Image: []*image.Paletted{pal, second}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	webp, _ := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	clear := image.NewNRGBA(image.Rect(0, 0, 50, 50)) // wholly transparent
	for name, c := range map[string]struct {
		data []byte
		w, h int
		want string
	}{
		"png":         {pngOf(t, quarters(500, 300)), 500, 300, "RGBW"},
		"jpeg":        {jpegOf(t, quarters(1700, 2)), 1600, 2, "RGBW"},
		"gif":         {g.Bytes(), 60, 40, "RRRR"},
		"transparent": {pngOf(t, clear), 50, 50, "WWWW"},
		"gray":        {pngOf(t, image.NewGray(image.Rect(0, 0, 30, 30))), 30, 30, "????"},
		"16 bit":      {pngOf(t, image.NewRGBA64(image.Rect(0, 0, 30, 30))), 30, 30, "WWWW"},
		"webp":        {webp, 1, 1, ""},
	} {
		blobs, w, h := render(t, c.data)
		if w != c.w || h != c.h || len(blobs) != 3 {
			t.Errorf("%s: %dx%d", name, w, h)
		}
		for _, b := range blobs {
			if c.want != "" && c.w > 2 && c.h > 2 && letters(t, b) != c.want {
				t.Errorf("%s: %s", name, letters(t, b))
			}
		}
	}
}

// bombs declare far more than they hold.
func bombs() map[string][]byte {
	ihdr := func(w, h uint32, depth, kind byte) []byte {
		b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)...)
		return append(b, depth, kind, 0, 0, 0, 0, 0, 0, 0)
	}
	sof := func(m byte, w, h uint16, comps ...byte) []byte {
		b := append([]byte{0xff, 0xd8, 0xff, m, 0, byte(8 + 3*len(comps)), 8}, binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, h), w)...)
		b = append(b, byte(len(comps)))
		for i, c := range comps {
			b = append(b, byte(i+1), c, 0)
		}
		return append(b, 0xff, 0xda)
	}
	riff := func(s string) []byte { return []byte("RIFF\x00\x00\x00\x00WEBP" + s + string(make([]byte, 20))) }
	return map[string][]byte{
		"png":           ihdr(65535, 65535, 8, 6),
		"png 2^31":      ihdr(1<<31, 1<<31, 8, 6),
		"png long":      ihdr(12001, 1, 8, 6),
		"png 41 MP":     ihdr(6400, 6406, 8, 2),
		"png 16 bit":    ihdr(6000, 6000, 16, 6),
		"gif":           []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"),
		"jpeg":          sof(0xc0, 65535, 65535, 0x11, 0x11, 0x11),
		"progressive":   sof(0xc2, 6000, 6000, 0x11, 0x11, 0x11),
		"cmyk":          sof(0xc0, 6300, 6300, 0x11, 0x11, 0x11, 0x11),
		"webp lossless": riff("VP8L\x00\x00\x00\x00\x2f\xff\xff\xff\x0f"),
		"webp extended": riff("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff"),
		"webp lossy":    riff("VP8 \x00\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\xff\x3f\xff\x3f"),
	}
}

func TestBombsAreRefusedByTheirHeader(t *testing.T) {
	for name, b := range bombs() {
		if _, err := judge(b, false); !fault.Is(err, "picture_too_large") {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := jpegOf(t, quarters(16, 16))
	many = append(many, bytes.Repeat([]byte{0xff, 0xda, 0, 8}, 100)...)
	if _, err := judge(many, true); !fault.Is(err, "picture_damaged") {
		t.Error("a hundred scans:", err)
	}
}

func TestWhatIsNoPicture(t *testing.T) {
	for _, s := range []string{"", "<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>", "\xef\xbb\xbf<?xml version='1.0'?><svg/>",
		"\x1f\x8b\x08svgz", "<html><script>", "BM6\x00", "II*\x00", "%PDF-1.7", "RIFF\x00\x00\x00\x00WAVEfmt ", "\xff\xd8", "GIF88a",
		"\x00\x00\x00\x18ftypheic", "\x00\x00\x00\x18ftypavif"} {
		if _, err := judge([]byte(s), true); !fault.Is(err, "picture_format") {
			t.Errorf("%q: %v", s, err)
		}
	}
	animated := []byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02" + string(make([]byte, 20)))
	if _, err := judge(animated, true); !fault.Is(err, "picture_format") {
		t.Error(err)
	}
	whole := jpegOf(t, quarters(64, 64))
	for n := 3; n < len(whole); n += 7 { // cut anywhere
		h, err := judge(whole[:n], true)
		if err == nil {
			_, _, _, err = renditions(whole[:n], h)
		}
		if err != nil && fault.As(err) == nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

// The twin: x/image/draw does the same, with all its memory.
func TestScaleAgreesWithLibrary(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ sw, sh, dw, dh int }{{300, 200, 100, 67}, {301, 199, 37, 24}, {64, 900, 16, 225}, {50, 50, 49, 49}, {7, 5, 1, 1}} {
		src := image.NewRGBA(image.Rect(0, 0, c.sw, c.sh))
		for i := range src.Pix {
			src.Pix[i] = uint8(rnd.IntN(256))
			if i%4 == 3 {
				src.Pix[i] = 255
			}
		}
		want := image.NewRGBA(image.Rect(0, 0, c.dw, c.dh))
		draw.CatmullRom.Scale(want, want.Rect, src, src.Rect, draw.Src, nil)
		got := scale(src, c.dw, c.dh)
		for i := range want.Pix {
			if d := int(want.Pix[i]) - int(got.Pix[i]); d < -2 || d > 2 {
				t.Fatalf("%+v at %d: %d, library %d", c, i, got.Pix[i], want.Pix[i])
			}
		}
	}
}

func TestScaleKeepsFewRows(t *testing.T) {
	src := image.NewGray(image.Rect(0, 0, 3000, 12000))
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	scale(src, 1600, 6400)
	runtime.ReadMemStats(&b)
	// The result is 41 MB; the library would take another 614.
	if used := (b.TotalAlloc - a.TotalAlloc) >> 20; used > 60 {
		t.Fatalf("%d MiB", used)
	}
}

func FuzzPicture(f *testing.F) {
	f.Add(jpegOf(f, quarters(8, 8)))
	f.Add(withExif(jpegOf(f, quarters(8, 8)), 6))
	f.Add(pngOf(f, quarters(8, 8)))
	for _, b := range bombs() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := judge(b, false); err != nil && !errors.Is(err, errMore) && fault.As(err) == nil {
			t.Fatal(err)
		}
		h, err := judge(b, true)
		if err != nil {
			return
		}
		if h.pixels() > 1<<16 { // keep the fuzzing quick
			return
		}
		if _, w, ht, err := renditions(b, h); err == nil && (w < 1 || ht < 1 || w > 1600) {
			t.Fatal(w, ht)
		} else if err != nil && fault.As(err) == nil {
			t.Fatal(err)
		}
	})
}
