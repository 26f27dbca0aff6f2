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

// irregular plurals, definite and neuter forms that no ending explains. They
// hold at the end of a compound too.
var irregular = map[string]string{
	"böcker": "bok", "böckerna": "bok", "händer": "hand", "händerna": "hand", "tänder": "tand", "tänderna": "tand", "fötter": "fot", "fötterna": "fot",
	"rötter": "rot", "rötterna": "rot", "nätter": "natt", "nätterna": "natt", "städer": "stad", "stränder": "strand", "ränder": "rand", "gäss": "gås", "möss": "mus",
	"män": "man", "männen": "man", "bröder": "bror", "döttrar": "dotter", "söner": "son", "öron": "öra", "öronen": "öra", "ögon": "öga", "ögonen": "öga",
	"skor": "sko", "skorna": "sko", "skon": "sko", "skons": "sko", "hamrar": "hammare", "hamrarna": "hammare",
	"rött": "röd", "vitt": "vit", "blått": "blå", "blåa": "blå", "grått": "grå", "gråa": "grå", "gult": "gul", "grönt": "grön", "brunt": "brun", "brett": "bred",
	"stort": "stor", "starkt": "stark", "varmt": "varm", "mjukt": "mjuk", "tunt": "tunn", "rent": "ren", "fint": "fin", "djupt": "djup", "högt": "hög", "lågt": "låg", "långt": "lång",
	"nytt": "ny", "runt": "rund", "hårt": "hård", "ljust": "ljus", "mörkt": "mörk",
}

// endings of nouns and adjectives, longest first: definite and indefinite,
// singular and plural, with the genitive's s.
var endings = []string{
	"ornas", "arnas", "ernas", "enas",
	"orna", "arna", "erna", "ades",
	"ena", "ors", "ars", "ers", "ans", "ens", "ets", "ade", "igt", "skt",
	"or", "ar", "er", "an", "en", "et", "ad", "at", "as", "es",
	"a", "e", "n", "s",
}

// vowels of Swedish.
const vowels = "aeiouyåäöé"

// Stem cuts a word to what its forms have in common: jacka, jackan, jackor and
// jackorna give "jack". It is no dictionary; what matters is that the forms of
// one word meet, and that different words seldom do. It cuts until nothing is
// left to cut, so that a form of a word that itself looks like a form (lakanet,
// lakan) goes as far as the word does.
func Stem(w string) string {
	if base, ok := irregular[w]; ok {
		w = base
	} else if front, base := irregularEnd(w); base != "" {
		w = front + base
	}
	if strings.ContainsAny(w, "0123456789") {
		return w
	}
	for range 4 {
		root := strip(w)
		if root == w {
			break
		}
		w = root
	}
	return trim(w)
}

// irregularEnd finds an irregular form at the end of a compound: vinterskor. A
// front that ends in a vowel is none before "skor": flaskor, handväskor.
func irregularEnd(w string) (front, base string) {
	for i := len(w) - 3; i >= 3; i-- {
		if !utf8.RuneStart(w[i]) {
			continue
		}
		b, ok := irregular[w[i:]]
		if !ok || utf8.RuneCountInString(w[:i]) < 3 || len(w)-i < 4 {
			continue
		}
		if r, _ := utf8.DecodeLastRuneInString(w[:i]); b == "sko" && strings.ContainsRune(vowels, r) && w[:i] != "inne" && w[:i] != "ute" {
			continue
		}
		return w[:i], b
	}
	return "", ""
}

// strip takes one ending off.
func strip(w string) string {
	n := utf8.RuneCountInString(w)
	for _, e := range endings {
		root, ok := strings.CutSuffix(w, e)
		if !ok {
			continue
		}
		rn := n - len(e) // endings are ASCII
		switch {
		case !strings.ContainsAny(root, vowels):
			continue
		case rn < 2, rn == 2 && !strings.ContainsAny(firstRune(root), vowels):
			continue // "yxa" has a root of two letters, "bra" has none
		case (e == "ad" || e == "at" || e == "as" || e == "es" || e == "ade" || e == "s") && rn < 4:
			continue // tomat is no participle; ljus, glas, gris are no genitives
		case e == "s" && strings.HasSuffix(root, "s"): // glass
			continue
		case e == "n" && (rn < 4 || !strings.ContainsAny(root[len(root)-1:], "lroiuy")):
			continue // nyckeln, datorn, radion
		case e == "igt":
			return root + "ig"
		case e == "skt":
			return root + "sk"
		}
		return root
	}
	return w
}

func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// trim evens out what loses its vowel in other forms: nyckel and nycklar,
// finger and fingrar, vatten and vattnet.
func trim(w string) string {
	if r, ok := strings.CutSuffix(w, "el"); ok && utf8.RuneCountInString(r) >= 3 && !strings.ContainsAny(r[len(r)-1:], vowels) {
		return r + "l"
	}
	r, ok := strings.CutSuffix(w, "r")
	before := "bcdfghjklmnpstvx"
	if !ok {
		r, ok = strings.CutSuffix(w, "n")
		before = "dgkpt"
	}
	if ok && utf8.RuneCountInString(r) >= 3 && strings.Contains(before, r[len(r)-1:]) {
		return r
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
