package web

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxPath is the longest path; longer is 404, as nothing of the shop is so long.
const maxPath = 1024

// canonical reports whether the path, as it was sent, is the one way to write it:
// no empty, "." or ".." segment, no trailing slash, no encoded byte that needs no
// encoding, no separator or control byte in disguise. The rest is 404; tidying by
// redirect is how open redirects and cache deception begin.
func canonical(u *url.URL) bool {
	p := u.EscapedPath()
	if p == "/" {
		return true
	}
	if p == "" || p[0] != '/' || p[len(p)-1] == '/' || len(p) > maxPath {
		return false
	}
	start, escaped := 1, false
	for i := 1; i <= len(p); i++ {
		if i == len(p) || p[i] == '/' {
			seg := p[start:i]
			if seg == "" || seg == "." || seg == ".." {
				return false
			}
			start = i + 1
			continue
		}
		switch c := p[i]; {
		case c == '%':
			if i+2 >= len(p) {
				return false
			}
			b, ok := unhex(p[i+1], p[i+2])
			if !ok || b < 0x20 || b == 0x7f || strings.IndexByte(`/\.;%`, b) >= 0 || unreserved(b) {
				return false
			}
			escaped = true
			i += 2
		case c == '\\' || c == ';' || c < 0x20 || c >= 0x7f:
			return false
		}
	}
	return !escaped || utf8.ValidString(u.Path)
}

func unreserved(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_' || b == '~'
}

func unhex(a, b byte) (byte, bool) {
	hi, lo := hexDigit(a), hexDigit(b)
	if hi > 15 || lo > 15 {
		return 0, false
	}
	return hi<<4 | lo, true
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// LocalPath reports whether s is a path (with an optional query) of the shop
// itself, as values like ?next= must be: it begins with one slash, and no browser
// can read another host, a scheme or a line break into it. Empty is not local.
func LocalPath(s string) bool {
	if len(s) == 0 || len(s) > maxPath || s[0] != '/' || strings.ContainsAny(s, "\\#") {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "" && u.Host == "" && u.User == nil && u.Opaque == "" && canonical(u)
}
