package secret

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Canonical forms: what is indexed, and for mail also what is stored and
// mailed, byte for byte. Two parsers that disagree about an address are a known
// way into other people's accounts, so there is one parser, and it is narrow.
var (
	ErrEmail  = errors.New("secret: not a plain mail address")
	ErrPhone  = errors.New("secret: not a phone number")
	ErrPostal = errors.New("secret: not a postal code")
)

// MaxEmail is the longest address SMTP can carry in a path (RFC 5321, 4.5.3.1.3 less the brackets).
const MaxEmail = 254

// domainProfile maps to lower case and NFC as UTS 46 says, then checks.
var domainProfile = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true),
	idna.CheckHyphens(true), idna.CheckJoiners(true), idna.VerifyDNSLength(true), idna.Transitional(false))

// CanonicalEmail reads one bare addr-spec: lower case, the domain in its ASCII
// (punycode) form, dots and plus kept. White space around it is cut. Refused:
// quoted local parts, comments, lists, display names, address literals, routes through
// other hosts, encoded words, control and invisible characters, local parts beyond ASCII (they cannot be relayed reliably
// and hide look-alikes), full-width forms, labels that mix scripts, domains
// without a dot, more than 254 characters.
func CanonicalEmail(s string) (string, error) {
	if len(s) > 4*MaxEmail || !utf8.ValidString(s) {
		return "", ErrEmail
	}
	s = strings.Trim(s, " \t")
	local, domain, ok := strings.Cut(s, "@")
	if !ok || !dotAtom(local) {
		return "", ErrEmail
	}
	ascii, err := canonicalDomain(domain)
	if err != nil {
		return "", ErrEmail
	}
	out := strings.ToLower(local) + "@" + ascii
	if len(out) > MaxEmail {
		return "", ErrEmail
	}
	return out, nil
}

// dotAtom is RFC 5322's dot-atom of at most 64 characters, without what relays read
// something into: "%" and "!" are old routes to another host, and "=?" begins an
// encoded word, which some parsers decode even here.
func dotAtom(s string) bool {
	if len(s) == 0 || len(s) > 64 || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") || strings.Contains(s, "=?") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".#$&'*+-/=?^_`{|}~", c) >= 0) {
			return false
		}
	}
	return true
}

func canonicalDomain(s string) (string, error) {
	s = norm.NFC.String(s)
	// NFKC would turn full-width letters, dots and at-signs into plain ones:
	// what needs that was not typed by an honest keyboard.
	if s == "" || norm.NFKC.String(s) != s || strings.ContainsAny(s, "@ \t[]()<>,;:\\\"\u3002\uff0e\uff61") {
		return "", ErrEmail
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) {
			return "", ErrEmail
		}
	}
	ascii, err := domainProfile.ToASCII(s)
	if err != nil || strings.HasSuffix(ascii, ".") || len(ascii) > 253 {
		return "", ErrEmail
	}
	uni, err := domainProfile.ToUnicode(ascii)
	if err != nil {
		return "", ErrEmail
	}
	labels := strings.Split(uni, ".")
	if len(labels) < 2 {
		return "", ErrEmail
	}
	for _, l := range labels {
		if l == "" || !oneScript(l) {
			return "", ErrEmail
		}
	}
	// An all-numeric last label would be an IPv4 address.
	tld := labels[len(labels)-1]
	if strings.Trim(tld, "0123456789") == "" {
		return "", ErrEmail
	}
	return strings.ToLower(ascii), nil
}

// oneScript reports whether the letters of a label come from one script, Japanese
// and Korean counting as one with Han.
func oneScript(label string) bool {
	seen := ""
	for _, r := range label {
		if r < 0x80 && !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			continue
		}
		s := script(r)
		if s == "" {
			continue // common and inherited: digits, marks
		}
		if seen == "" {
			seen = s
		} else if seen != s {
			return false
		}
	}
	return true
}

func script(r rune) string {
	switch {
	case unicode.Is(unicode.Latin, r):
		return "Latin"
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo):
		return "Han"
	case unicode.In(r, unicode.Common, unicode.Inherited):
		return ""
	}
	for name, t := range unicode.Scripts {
		if unicode.Is(t, r) {
			return name
		}
	}
	return "?"
}

// CanonicalPhone gives E.164 ("+46701234567"). A number without a country code
// is Swedish. Spaces, hyphens, dots, slashes and brackets are ignored;
// "+46 (0)70 …" is understood.
func CanonicalPhone(s string) (string, error) {
	if len(s) > 60 {
		return "", ErrPhone
	}
	var b strings.Builder
	for i, r := range strings.TrimSpace(s) {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && i == 0:
			b.WriteRune(r)
		case strings.ContainsRune(" -./()\u00a0\u2010\u2011\u2012\u2013", r):
		default:
			return "", ErrPhone
		}
	}
	n := b.String()
	switch {
	case strings.HasPrefix(n, "+"):
		n = n[1:]
	case strings.HasPrefix(n, "00"):
		n = n[2:]
	case strings.HasPrefix(n, "0"):
		n = "46" + n[1:]
	default:
		return "", ErrPhone // neither national nor international: a digit was lost
	}
	if rest, ok := strings.CutPrefix(n, "46"); ok {
		rest = strings.TrimPrefix(rest, "0")
		// Swedish numbers have 7 to 9 digits after the zero (PTS numbering plan).
		if len(rest) < 7 || len(rest) > 9 || rest[0] == '0' {
			return "", ErrPhone
		}
		return "+46" + rest, nil
	}
	if len(n) < 8 || len(n) > 15 || n[0] == '0' {
		return "", ErrPhone
	}
	return "+" + n, nil
}

// CanonicalPostal gives "SE 12345": the country, then letters and digits in
// upper case. Swedish codes are five digits, not beginning with 0; others 2 to 10
// letters and digits.
func CanonicalPostal(country, s string) (string, error) {
	if len(country) != 2 || country != strings.ToUpper(country) || len(s) > 40 {
		return "", ErrPostal
	}
	var b strings.Builder
	for _, r := range strings.TrimSpace(s) {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
		case r == ' ', r == '-', r == '\u00a0':
		default:
			return "", ErrPostal
		}
	}
	code := b.String()
	if country == "SE" {
		// "SE-123 45" and "S-123 45" are old habits.
		code = strings.TrimPrefix(strings.TrimPrefix(code, "SE"), "S")
		if len(code) != 5 || code[0] == '0' || strings.Trim(code, "0123456789") != "" {
			return "", ErrPostal
		}
	}
	if len(code) < 2 || len(code) > 10 {
		return "", ErrPostal
	}
	return country + " " + code, nil
}

// letters that do not fall apart into a base letter and a mark
var foldLetters = strings.NewReplacer("ø", "o", "æ", "ae", "œ", "oe", "ß", "ss", "đ", "d", "ð", "d", "ł", "l", "þ", "th", "ı", "i")

// FoldWords gives the words of a name or company for a blind index: lower case,
// without accents, each once, in order; at most 12 words of at most 40
// letters. "Åsa O'Brien-Öberg" gives asa, obrien, oberg.
func FoldWords(s string) []string {
	s = strings.ToLower(norm.NFKD.String(s))
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’':
		case unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	var out []string
	seen := map[string]bool{}
	for _, w := range strings.Fields(foldLetters.Replace(b.String())) {
		if r := []rune(w); len(r) > 40 {
			w = string(r[:40])
		}
		if !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
		if len(out) == 12 {
			break
		}
	}
	return out
}
