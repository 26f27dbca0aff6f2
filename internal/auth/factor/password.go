package factor

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/fault"
)

// Shortest passwords (NIST SP 800-63B-4, 3.1.1.2: at least 15 characters where the password is all there is, at least 8
// beside a second factor, and no rules about its signs).
const (
	Alone  = 15
	Beside = 8
)

// Failed is the one answer to every failed sign-in.
func Failed() error { return &fault.Error{Kind: fault.Unauthenticated, Code: "sign_in_failed"} }

// CheckPassword says what is wrong with a new password of at least min characters: a 422 fault at
// "/password". about is what it must not be made of: the mail address, the name, the shop's names and address (see
// words). The codes: bad_password, too_short {min}, too_long {max}, weak_password, leaked_password.
func CheckPassword(p string, min int, about ...string) error {
	field := func(code string, args map[string]any) error {
		return fault.Invalid(fault.Field{Pointer: "/password", Code: code, Args: args})
	}
	switch {
	case !utf8.ValidString(p) || strings.IndexFunc(p, unicode.IsControl) >= 0:
		return field("bad_password", nil)
	case utf8.RuneCountInString(p) < min:
		return field("too_short", map[string]any{"min": min})
	case len(p) > MaxPassword:
		return field("too_long", map[string]any{"max": MaxPassword})
	case weak(p, about):
		return field("weak_password", nil)
	case Leaked(p):
		return field("leaked_password", nil)
	}
	return nil
}

// weak finds what anybody would try: few different signs, signs in a row, or a word about the
// shop or the person and a little more.
func weak(p string, about []string) bool {
	low := fold(p)
	seen := map[rune]bool{}
	inRow, last := 0, rune(-9)
	for _, r := range low {
		seen[r] = true
		if d := r - last; d >= -1 && d <= 1 || last == '9' && r == '0' {
			inRow++
		}
		last = r
	}
	if len(seen) < 5 || inRow >= utf8.RuneCountInString(low)-3 {
		return true
	}
	// Nothing but such words, in any order and number, and a little more.
	rest := low
	for _, w := range words(about) {
		rest = strings.ReplaceAll(rest, w, "")
	}
	return rest != low && len(rest) < LeastOwn
}

// LeastOwn is how many bytes of a password must be something else than words about the person and the shop.
const LeastOwn = 6

// ContextWords are words that anybody would try at any shop made with this program. docs/sign-in.md lists them.
var ContextWords = []string{"kassavalv", "password", "lösenord", "losenord", "qwerty", "123456789", "admin", "administrator", "webshop", "webbutik", "butik", "shop", "kassa"}

// words are what a password must not be made of, the longest first: everything of about as it stands, and each of its
// runs of letters and digits, if of four bytes or more; and ContextWords.
func words(about []string) []string {
	out := slices.Clone(ContextWords)
	for _, a := range about {
		a = fold(a)
		out = append(out, a)
		out = append(out, strings.FieldsFunc(a, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })...)
	}
	out = slices.DeleteFunc(out, func(w string) bool { return len(w) < 4 })
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return out
}
