package customer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// invisible characters come along when people paste from letters, address books and
// web pages (telephones put U+202A around numbers). They mean nothing in a name, and
// in a list or a mail header they turn or hide what stands beside them: they are dropped, not refused.
var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00ad, Hi: 0x00ad, Stride: 1}, // soft hyphen
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // grapheme joiner
		{Lo: 0x061c, Hi: 0x061c, Stride: 1}, // Arabic letter mark
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1},
		{Lo: 0x180b, Hi: 0x180f, Stride: 1},
		{Lo: 0x200b, Hi: 0x200b, Stride: 1}, // zero width space
		{Lo: 0x200e, Hi: 0x200f, Stride: 1}, // direction marks
		{Lo: 0x202a, Hi: 0x202e, Stride: 1}, // embeddings and overrides
		{Lo: 0x2060, Hi: 0x206f, Stride: 1}, // word joiner, isolates
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler
		{Lo: 0xfeff, Hi: 0xfeff, Stride: 1}, // byte order mark
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1},
		{Lo: 0xfff0, Hi: 0xfffb, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1bca0, Hi: 0x1bca3, Stride: 1}, {Lo: 0x1d173, Hi: 0x1d17a, Stride: 1}, {Lo: 0xe0000, Hi: 0xe0fff, Stride: 1}},
}

// clean makes one line of text canonical: NFC, white space as single spaces,
// none at the ends, without invisible characters. It is false for what cannot be text of
// one line: line breaks, control characters, broken UTF-8, code points that
// are nobody's letters, and towers of more than four marks. Letters of all scripts,
// apostrophes, hyphens, emoji and mark-up are text.
//
// Dropping a character may bring others together that compose, or that are to be dropped in
// turn; so it passes over the text until nothing changes.
func clean(s string) (string, bool) {
	if !utf8.ValidString(s) {
		return "", false
	}
	for range 5 {
		next, ok := pass(s)
		if !ok {
			return "", false
		}
		if next == s {
			return s, true
		}
		s = next
	}
	return "", false
}

func pass(s string) (string, bool) {
	// The ends may hold line breaks: a pasted cell of a table has one.
	s = strings.TrimFunc(norm.NFC.String(s), func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(invisible, r) })
	var b strings.Builder
	space, marks := false, 0
	rs := []rune(s)
	for i, r := range rs {
		switch {
		case r == '\t', unicode.Is(unicode.Zs, r):
			space = b.Len() > 0
			marks = 0
			continue
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == unicode.ReplacementChar, unicode.Is(unicode.Co, r), r&0xfffe == 0xfffe:
			return "", false
		case unicode.Is(invisible, r):
			continue
		case r == '\u200c', r == '\u200d': // joiners: part of Persian and Indic words and of emoji, nowhere else
			if i == 0 || i == len(rs)-1 || rs[i-1] < 0x500 || rs[i+1] < 0x500 || rs[i-1] == '\u200c' || rs[i-1] == '\u200d' {
				continue
			}
		}
		if unicode.In(r, unicode.Mn, unicode.Me) {
			if marks++; marks > 4 {
				return "", false
			}
		} else {
			marks = 0
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return norm.NFC.String(b.String()), true
}
