package factor

import (
	"crypto/sha256"
	_ "embed"
	"sort"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// leaked holds the first five bytes of the SHA-256 of each password, folded, sorted. Of passwords
// that are not in it one in twenty-three million is refused with them.
//
//go:embed leaked.bin
var leaked string

const leakedSize = 5

// LeakedCount is how many passwords the list holds.
func LeakedCount() int { return len(leaked) / leakedSize }

// fold makes the cases and the forms of a letter one.
func fold(p string) string { return strings.ToLower(norm.NFKC.String(p)) }

// Leaked reports whether p stands in the list of leaked passwords: as it is in any case, with up to five digits and
// signs before or behind it, or said several times over.
func Leaked(p string) bool {
	p = fold(p)
	if listed(p) {
		return true
	}
	bare := strings.TrimFunc(p, func(r rune) bool { return !unicode.IsLetter(r) })
	if len(bare) >= 5 && len(p)-len(bare) <= 5 && (listed(bare) || repeated(bare)) {
		return true
	}
	return repeated(p)
}

// repeated reports whether p is a listed password said twice or more.
func repeated(p string) bool {
	for n := 3; n <= len(p)/2; n++ {
		if len(p)%n == 0 && strings.Repeat(p[:n], len(p)/n) == p && listed(p[:n]) {
			return true
		}
	}
	return false
}

func listed(p string) bool {
	h := sha256.Sum256([]byte(p))
	want := string(h[:leakedSize])
	at := func(i int) string { return leaked[i*leakedSize : (i+1)*leakedSize] }
	i := sort.Search(LeakedCount(), func(i int) bool { return at(i) >= want })
	return i < LeakedCount() && at(i) == want
}
