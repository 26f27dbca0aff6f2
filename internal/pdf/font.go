package pdf

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// face measures one font; advances are in thousandths of the size.
type face struct {
	name string
	data []byte

	mu   sync.Mutex
	font *sfnt.Font
	buf  sfnt.Buffer
	adv  map[rune]float64 // −1: no glyph
}

var (
	regular = &face{name: "regular", data: goregular.TTF}
	bold    = &face{name: "bold", data: gobold.TTF}
)

// advance of r, and whether the font has it.
func (f *face) advance(r rune) (float64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.font == nil {
		fn, err := sfnt.Parse(f.data)
		if err != nil {
			panic(err) // embedded: cannot fail at a user's hand
		}
		f.font, f.adv = fn, map[rune]float64{}
	}
	a, ok := f.adv[r]
	if !ok {
		a = -1
		if i, err := f.font.GlyphIndex(&f.buf, r); err == nil && i != 0 {
			if w, err := f.font.GlyphAdvance(&f.buf, i, fixed.I(1000), font.HintingNone); err == nil {
				a = float64(w) / 64
			}
		}
		if len(f.adv) < 1<<16 {
			f.adv[r] = a
		}
	}
	return a, a >= 0
}

func (f *face) width(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		a, _ := f.advance(r)
		w += a
	}
	return w * size / 1000
}

// box stands for what the fonts do not have.
const box = '□'

// clean makes s showable: composed, without what only steers, a box for each
// character the font lacks. Line ends stay, other white space becomes a space.
func (f *face) clean(s string) string {
	s = norm.NFC.String(strings.ToValidUTF8(s, string(box)))
	var b strings.Builder
	b.Grow(len(s))
	for i, r := range s {
		switch {
		case r == '\n' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			b.WriteByte('\n')
		case r == '\r':
			if i+1 >= len(s) || s[i+1] != '\n' {
				b.WriteByte('\n')
			}
		case r == '\u00a0' || r == '\u202f' || r == '\u2007':
			b.WriteRune('\u00a0')
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || r >= 0xfe00 && r <= 0xfe0f:
		default:
			if _, ok := f.advance(r); !ok {
				r = box
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// wrap breaks cleaned text into lines at most width wide. It breaks at spaces,
// and inside a word only where the word alone is too long. There is always at
// least one line, and each line holds at least one character.
func (f *face) wrap(s string, size, width float64) []string {
	var out []string
	for para := range strings.SplitSeq(s, "\n") {
		line, w := "", 0.0
		space := f.width(" ", size)
		for word := range strings.SplitSeq(para, " ") {
			if word == "" {
				continue
			}
			ww := f.width(word, size)
			if line != "" && w+space+ww <= width {
				line, w = line+" "+word, w+space+ww
				continue
			}
			if line != "" {
				out = append(out, line)
			}
			for ww > width {
				n := f.fitting(word, size, width)
				if n == len(word) {
					break
				}
				out = append(out, word[:n])
				word = word[n:]
				ww = f.width(word, size)
			}
			line, w = word, ww
		}
		out = append(out, line)
	}
	return out
}

// fitting is how many bytes of s fit, at least one character with its marks.
func (f *face) fitting(s string, size, width float64) int {
	w := 0.0
	for i, r := range s {
		a, _ := f.advance(r)
		w += a * size / 1000
		if i > 0 && w > width && !unicode.Is(unicode.Mn, r) {
			return i
		}
		if i == 0 && w > width {
			n := utf8.RuneLen(r)
			for n < len(s) {
				m, k := utf8.DecodeRuneInString(s[n:])
				if !unicode.Is(unicode.Mn, m) {
					break
				}
				n += k
			}
			return n
		}
	}
	return len(s)
}
