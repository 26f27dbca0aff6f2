package datamap

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestMasks(t *testing.T) {
	for _, c := range []struct {
		mask     func(string) string
		in, want string
	}{
		{MaskName, "Anna Maria Ek", "A••• E•••"}, {MaskName, "Åsa", "Å•••"}, {MaskName, "李 小龍", "••• 小•••"}, {MaskName, "", ""}, {MaskName, "  ", ""}, {MaskName, "X", "•••"}, {MaskName, "070 12", "••• •••"},
		{MaskEmail, "anna@exempel.se", "a•••@e•••.se"}, {MaskEmail, "a@x.se", "•••@•••.se"}, {MaskEmail, "anna.ek@sub.example.co.uk", "a•••@s•••.uk"}, {MaskEmail, "", ""}, {MaskEmail, "anna", "•••"}, {MaskEmail, "anna@ex", "•••"},
		{MaskEmail, "a@b.se anna ek", "•••"},
		{MaskPhone, "+46701740605", "••• •• 05"}, {MaskPhone, "08-12", "•••"}, {MaskPhone, "", ""},
	} {
		if got := c.mask(c.in); got != c.want {
			t.Errorf("%q: %q, not %q", c.in, got, c.want)
		}
	}
	if got := MaskAddress("Storgatan 1", "Umeå"); got != "•••, Umeå" {
		t.Error(got)
	}
	for _, c := range Classes {
		if got := Mask(c, "hemligt 12"); strings.Contains(got, "hemligt") || strings.Contains(got, "12") {
			t.Errorf("%s: %q", c, got)
		}
	}
}

// letters are what of a masked text is not the mask's own.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("•@., ", r) {
			return -1
		}
		return r
	}, s)
}

// Whatever is masked: a name shows two letters at most, a phone two digits, an address its town, a
// mail address two letters and the top domain; and no mask tells how long the value is.
func TestMasksShowNoMoreThanDeclared(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ a-zåäö0-9.@+-]{0,40}`), rapid.StringMatching(`[a-zå.]{1,20}@[a-z.-]{1,20}\.[a-z]{2,6}`))
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "value")
		name := MaskName(s)
		if n := utf8.RuneCountInString(letters(name)); n > 2 {
			t.Fatalf("name %q: %q", s, name)
		}
		if w := strings.Fields(s); len(w) > 0 {
			for _, x := range w {
				if utf8.RuneCountInString(letters(x)) > 1 && strings.Contains(name, x) && letters(x) == x {
					t.Fatalf("the name %q shows the word %q: %q", s, x, name)
				}
			}
		}
		mail := MaskEmail(s)
		top := ""
		if i := strings.LastIndexByte(s, '.'); i >= 0 {
			top = s[i+1:]
		}
		if n := utf8.RuneCountInString(letters(mail)); n > 2+utf8.RuneCountInString(top) {
			t.Fatalf("mail %q: %q", s, mail)
		}
		if at := strings.LastIndexByte(s, '@'); at > 1 && strings.Contains(mail, s[:at]+"@") {
			t.Fatalf("mail %q shows its name: %q", s, mail)
		}
		phone := MaskPhone(s)
		if n := len(letters(phone)); n > 2 {
			t.Fatalf("phone %q: %q", s, phone)
		}
		town := rapid.StringMatching(`[A-ZÅÄÖ][a-zåäö]{1,12}`).Draw(t, "town")
		if got := MaskAddress(s, town); got != hidden+", "+town {
			t.Fatalf("address %q: %q", s, got)
		}
		if m := MaskName(s + s); strings.TrimSpace(s) != "" && !strings.ContainsAny(s, " \t\n") && utf8.RuneCountInString(m) > utf8.RuneCountInString(name)+5 {
			t.Fatalf("the mask tells of lengths: %q %q", name, m)
		}
		for _, c := range []Class{Company, Text, Letter, Bank, Goods, Network, Factor, Doing, Address} {
			if got := Mask(c, s); got != "" && got != hidden {
				t.Fatalf("%s %q: %q", c, s, got)
			}
		}
	})
}
