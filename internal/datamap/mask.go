package datamap

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// hidden stands for letters that are not shown. It is always three, so that lengths tell nothing.
const hidden = "•••"

// MaskName shows the first letter of the first and of the last word: "Anna Maria Ek" is
// "A••• E•••". A name that begins with no letter is hidden whole.
func MaskName(s string) string {
	w := strings.Fields(s)
	switch len(w) {
	case 0:
		return ""
	case 1:
		return initial(w[0]) + hidden
	}
	return initial(w[0]) + hidden + " " + initial(w[len(w)-1]) + hidden
}

// initial is the first letter of a word that has more: a word of one letter would be shown whole.
func initial(w string) string {
	r, n := utf8.DecodeRuneInString(w)
	if !unicode.IsLetter(r) || n == len(w) {
		return ""
	}
	return string(r)
}

// MaskEmail shows the first letter of the name, of the domain, and the top domain:
// "anna@exempel.se" is "a•••@e•••.se". What is no address is hidden whole.
func MaskEmail(s string) string {
	if s == "" {
		return ""
	}
	at := strings.LastIndexByte(s, '@')
	dot := strings.LastIndexByte(s, '.')
	if at < 1 || dot < at+2 || dot == len(s)-1 || strings.ContainsFunc(s[dot+1:], func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' }) {
		return hidden
	}
	return initial(s[:at]) + hidden + "@" + initial(s[at+1:dot]) + hidden + s[dot:]
}

// MaskPhone shows the last two digits of a number with at least six: "••• •• 67".
func MaskPhone(s string) string {
	if s == "" {
		return ""
	}
	var d []byte
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			d = append(d, s[i])
		}
	}
	if len(d) < 6 {
		return hidden
	}
	return "••• •• " + string(d[len(d)-2:])
}

// MaskAddress shows the postal town only.
func MaskAddress(_, city string) string {
	if city == "" {
		return hidden
	}
	return hidden + ", " + city
}

// Mask masks a value of a class. What has no form of its own is hidden whole.
func Mask(c Class, s string) string {
	switch {
	case s == "":
		return ""
	case c == Name:
		return MaskName(s)
	case c == Email:
		return MaskEmail(s)
	case c == Phone:
		return MaskPhone(s)
	}
	return hidden
}
