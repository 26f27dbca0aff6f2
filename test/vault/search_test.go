package vault

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
)

// needle is a marker in one disguise.
type needle struct {
	marker, as string
	bytes      []byte
}

// finder searches bytes for many markers in many disguises at once: as they are, in any
// case, in UTF-16, as hexadecimal digits, in base64 at any offset, percent-encoded, and in
// what gzip, zlib and zstd have packed, three deep.
type finder struct {
	folded, exact table
}

// table finds needles by their first eight bytes.
type table struct {
	maybe [1 << 16]bool
	by    map[uint64][]needle
}

func (f *table) add(marker, as string, b []byte) {
	if len(b) < 8 {
		panic("a needle of " + as + " is too short: " + string(b))
	}
	if f.by == nil {
		f.by = map[uint64][]needle{}
	}
	k := binary.LittleEndian.Uint64(b)
	for _, n := range f.by[k] {
		if bytes.Equal(n.bytes, b) {
			return
		}
	}
	f.by[k] = append(f.by[k], needle{marker, as, b})
	f.maybe[binary.LittleEndian.Uint16(b)] = true
}

func (f *table) search(b []byte, found func(needle)) {
	for i := 0; i+8 <= len(b); i++ {
		if !f.maybe[binary.LittleEndian.Uint16(b[i:])] {
			continue
		}
		for _, n := range f.by[binary.LittleEndian.Uint64(b[i:])] {
			if bytes.HasPrefix(b[i:], n.bytes) {
				found(n)
			}
		}
	}
}

// newFinder takes markers by name. Each is at least eight bytes.
func newFinder(markers map[string]string) *finder {
	f := &finder{}
	for name, m := range markers {
		low := strings.ToLower(m)
		f.folded.add(name, "plain", []byte(low))
		f.folded.add(name, "JSON for HTML", []byte(strings.NewReplacer("+", `\u002b`, "&", `\u0026`, "<", `\u003c`).Replace(low)))
		for _, c := range []string{m, low, strings.ToUpper(m)} {
			f.folded.add(name, "percent-encoded", []byte(strings.ToLower(url.QueryEscape(c))))
			f.folded.add(name, "percent-encoded", []byte(strings.ToLower(url.PathEscape(c))))
			f.folded.add(name, "hexadecimal", []byte(hex.EncodeToString([]byte(c))))
			var le, be []byte
			for _, u := range utf16.Encode([]rune(c)) {
				le, be = binary.LittleEndian.AppendUint16(le, u), binary.BigEndian.AppendUint16(be, u)
			}
			f.exact.add(name, "UTF-16LE", le)
			f.exact.add(name, "UTF-16BE", be)
			for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				for off := range 3 {
					// What the letters before and behind share a sign with is left out.
					s := enc.EncodeToString(append(make([]byte, off), c...))
					from := []int{0, 2, 3}[off]
					to := (off + len(c)) * 8 / 6
					f.exact.add(name, "base64", []byte(s[from:to]))
				}
			}
		}
	}
	return f
}

// most is how much of a packed stream is looked at.
const most = 64 << 20

// search calls found for each marker in b, packed streams included.
func (f *finder) search(b []byte, found func(marker, as string)) { f.deep(b, "", 3, found) }

func (f *finder) deep(b []byte, in string, depth int, found func(marker, as string)) {
	tell := func(n needle) { found(n.marker, n.as+in) }
	f.exact.search(b, tell)
	f.folded.search(bytes.ToLower(b), tell)
	if depth == 0 {
		return
	}
	for i := 0; i+4 <= len(b); i++ {
		var how string
		var r io.Reader
		switch {
		case b[i] == 0x1f && b[i+1] == 0x8b && b[i+2] == 8:
			how = "gzip"
			if z, err := gzip.NewReader(bytes.NewReader(b[i:])); err == nil {
				z.Multistream(false)
				r = z
			}
		case b[i] == 0x78 && (int(b[i])<<8|int(b[i+1]))%31 == 0 && b[i+1]&0x20 == 0:
			how = "zlib"
			if z, err := zlib.NewReader(bytes.NewReader(b[i:])); err == nil {
				r = z
			}
		case b[i] == 0x28 && b[i+1] == 0xb5 && b[i+2] == 0x2f && b[i+3] == 0xfd:
			how = "zstd"
			if z, err := zstd.NewReader(bytes.NewReader(b[i:]), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(most)); err == nil {
				defer z.Close()
				r = z
			}
		}
		if r == nil {
			continue
		}
		// A stream that breaks off is searched as far as it goes.
		out, _ := io.ReadAll(io.LimitReader(r, most))
		if len(out) >= 8 {
			f.deep(out, in+" in "+how, depth-1, found)
		}
	}
}

// The search finds every marker in every disguise, between bytes of chance, and nothing
// where nothing is: or a clean result would mean nothing.
func TestSearchFinds(t *testing.T) {
	markers := map[string]string{"name": "Zqwert Ypsilon", "mail": "zq-local.part@xn--exmpel.example", "phone": "0701234567", "text": "Å hej, \"du\" + jag"}
	f := newFinder(markers)
	chance := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rand.Uint32())
		}
		return b
	}
	none := func(b []byte) {
		t.Helper()
		f.search(b, func(marker, as string) { t.Errorf("%s as %s is found where it is not", marker, as) })
	}
	none(nil)
	none(chance(1 << 20))
	pack := map[string]func([]byte) []byte{
		"": func(b []byte) []byte { return b },
		"gzip": func(b []byte) []byte {
			var w bytes.Buffer
			z := gzip.NewWriter(&w)
			z.Write(b)
			z.Close()
			return w.Bytes()
		},
		"zlib": func(b []byte) []byte {
			var w bytes.Buffer
			z := zlib.NewWriter(&w)
			z.Write(b)
			z.Close()
			return w.Bytes()
		},
		"zstd": func(b []byte) []byte {
			z, _ := zstd.NewWriter(nil)
			defer z.Close()
			return z.EncodeAll(b, nil)
		},
	}
	for name, m := range markers {
		for _, c := range []string{m, strings.ToUpper(m), strings.ToLower(m)} {
			u := utf16.Encode([]rune(c))
			le := make([]byte, 0, 2*len(u))
			for _, x := range u {
				le = binary.LittleEndian.AppendUint16(le, x)
			}
			disguises := map[string][]byte{"plain": []byte(c), "UTF-16LE": le, "hex": []byte(hex.EncodeToString([]byte(c))), "HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(c)))), "percent": []byte(url.QueryEscape(c))}
			for off := range 4 {
				disguises[fmt.Sprint("base64 at ", off)] = []byte(base64.StdEncoding.EncodeToString(append(chance(off), (c + "xyz")...)))
				disguises[fmt.Sprint("base64url at ", off)] = []byte(base64.RawURLEncoding.EncodeToString(append(chance(off), (c + "xyz")...)))
			}
			for as, b := range disguises {
				for how, p := range pack {
					in := append(append(chance(1000), p(append(chance(100), b...))...), chance(50)...)
					hit := false
					f.search(in, func(marker, _ string) { hit = hit || marker == name })
					if !hit {
						t.Errorf("%s as %s in %q is not found", name, as, how)
					}
				}
			}
		}
	}
}
