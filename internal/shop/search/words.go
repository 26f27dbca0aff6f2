package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of a query.
const (
	maxQuery = 200 // bytes
	maxWords = 8
	maxWord  = 40
)

// Words splits text into lower-case words. Letters and digits make words;
// everything else parts them, except a hyphen, which also yields the joined form
// in an index.
func Words(s string, limit int) []string {
	s = norm.NFC.String(strings.ToLower(s))
	var out []string
	start := -1
	flush := func(end int) {
		if start >= 0 {
			w := s[start:end]
			if utf8.RuneCountInString(w) <= maxWord && len(out) < limit {
				out = append(out, w)
			}
			start = -1
		}
	}
	for i, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			if start < 0 {
				start = i
			}
			continue
		}
		flush(i)
	}
	flush(len(s))
	return out
}

// Fold writes a word without marks: å ä → a, ö ø → o, é → e. Who has no Swedish
// keyboard finds the same goods.
func Fold(w string) string {
	if isASCII(w) {
		return w
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(w) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r == 'ø':
			b.WriteByte('o')
		case r == 'æ':
			b.WriteString("ae")
		case r == 'ß':
			b.WriteString("ss")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// irregular plurals and definite forms that no ending explains.
var irregular = map[string]string{
	"böcker": "bok", "böckerna": "bok", "händer": "hand", "händerna": "hand", "tänder": "tand", "tänderna": "tand", "fötter": "fot", "fötterna": "fot",
	"rötter": "rot", "rötterna": "rot", "nätter": "natt", "nätterna": "natt", "städer": "stad", "stränder": "strand", "ränder": "rand", "gäss": "gås", "möss": "mus",
	"män": "man", "männen": "man", "bröder": "bror", "döttrar": "dotter", "söner": "son", "öron": "öra", "öronen": "öra", "ögon": "öga", "ögonen": "öga",
	"fåglar": "fågel", "fåglarna": "fågel", "nycklar": "nyckel", "nycklarna": "nyckel", "handdukar": "handduk", "spadar": "spade", "skor": "sko", "skorna": "sko", "skon": "sko",
	"knivar": "kniv", "nypor": "nypa", "klädnypor": "klädnypa",
}

// endings of nouns and adjectives, longest first: definite and indefinite,
// singular and plural, with the genitive's s.
var endings = []string{
	"heterna", "ningarna", "ningar", "heten", "heter",
	"ornas", "arnas", "ernas", "andets", "endets",
	"orna", "arna", "erna", "arne", "ades",
	"ors", "ars", "ers", "ans", "ens", "ets", "nas",
	"or", "ar", "er", "na", "an", "en", "et", "ad", "at", "as", "es",
	"a", "e", "n", "t", "r", "s",
}

// vowels of Swedish.
const vowels = "aeiouyåäöé"

// Stem cuts a word to what its forms have in common: jacka, jackan, jackor and
// jackorna give "jack". It is no dictionary; what matters is that the forms of
// one word meet, and that different words seldom do.
func Stem(w string) string {
	if base, ok := irregular[w]; ok {
		w = base
	}
	n := utf8.RuneCountInString(w)
	if n <= 3 || strings.ContainsAny(w, "0123456789") {
		return w
	}
	for _, e := range endings {
		if !strings.HasSuffix(w, e) {
			continue
		}
		root := w[:len(w)-len(e)]
		rn := utf8.RuneCountInString(root)
		if rn < 3 || !strings.ContainsAny(root, vowels) {
			continue
		}
		if e == "s" && rn < 4 {
			continue // ljus, glas, gris are no genitives
		}
		if (e == "t" || e == "r" || e == "n") && rn < 4 {
			continue
		}
		return trim(root)
	}
	return trim(w)
}

// trim evens out what is left: doubled consonants of "mugg" and "vatten" stay,
// an -el, -er, -en that loses its vowel in the plural (nyckel, nycklar) meets.
func trim(w string) string {
	for _, e := range []string{"el", "er", "en"} {
		if r, ok := strings.CutSuffix(w, e); ok && utf8.RuneCountInString(r) >= 4 {
			return r + e[1:]
		}
	}
	return w
}

// mask has a bit for each letter of the word: two words within one edit differ
// in at most two bits.
func mask(w string) (m uint32) {
	for _, r := range w {
		switch {
		case r >= 'a' && r <= 'z':
			m |= 1 << (r - 'a')
		case r == 'å':
			m |= 1 << 26
		case r == 'ä':
			m |= 1 << 27
		case r == 'ö':
			m |= 1 << 28
		case r >= '0' && r <= '9':
			m |= 1 << 29
		default:
			m |= 1 << 30
		}
	}
	return
}

// within reports whether a and b are at most k edits apart (insertion,
// deletion, replacement, swap of neighbours).
func within(a, b []rune, k int) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > k || len(b) > maxWord {
		return false
	}
	var rows [3][maxWord + 2]uint8
	for j := range len(a) + 1 {
		rows[0][j] = uint8(j)
	}
	prev2, prev, cur := 2, 0, 1
	for i := 1; i <= len(b); i++ {
		rows[cur][0] = uint8(i)
		best := rows[cur][0]
		for j := 1; j <= len(a); j++ {
			c := uint8(1)
			if a[j-1] == b[i-1] {
				c = 0
			}
			v := min(rows[prev][j]+1, rows[cur][j-1]+1, rows[prev][j-1]+c)
			if i > 1 && j > 1 && a[j-1] == b[i-2] && a[j-2] == b[i-1] {
				v = min(v, rows[prev2][j-2]+1)
			}
			rows[cur][j] = v
			best = min(best, v)
		}
		if int(best) > k {
			return false
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return int(rows[prev][len(a)]) <= k
}
