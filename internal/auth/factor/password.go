package factor

import (
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
// "/password". about are words it must not be made of: the address, the name. The codes: bad_password, too_short
// {min}, too_long {max}, weak_password, leaked_password.
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
	for _, w := range append(about, "kassavalv", "password", "lösenord", "qwerty", "123456789") {
		// The word itself, or the word and a little more.
		if w = fold(w); len(w) >= 4 && strings.Contains(low, w) && len(low)-len(w) < 6 {
			return true
		}
	}
	return false
}
