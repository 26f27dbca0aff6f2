package secret

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCanonicalEmail(t *testing.T) {
	good := map[string]string{
		"anna@example.com":                   "anna@example.com",
		"  Anna.Ek+shop@Example.COM ":        "anna.ek+shop@example.com",
		"a@räksmörgås.se":                    "a@xn--rksmrgs-5wao1o.se",
		"a@xn--rksmrgs-5wao1o.se":            "a@xn--rksmrgs-5wao1o.se",
		"a@ra\u0308ksmo\u0308rga\u030as.se":  "a@xn--rksmrgs-5wao1o.se",
		"o'brien@sub.example.co.uk":          "o'brien@sub.example.co.uk",
		"x@123.example":                      "x@123.example",
		strings.Repeat("l", 64) + "@exam.se": strings.Repeat("l", 64) + "@exam.se",
		"a@почта.рф":                         "a@xn--80a1acny.xn--p1ai",
	}
	for in, want := range good {
		got, err := CanonicalEmail(in)
		if err != nil || got != want {
			t.Errorf("%q: %q %v", in, got, err)
		}
		if again, err := CanonicalEmail(got); err != nil || again != got {
			t.Errorf("%q is not stable: %q %v", got, again, err)
		}
	}
	bad := []string{"", "@", "a", "a@", "@b.se", "a@b", "a@b.", "a@.b.se", "a@b..se", "a@b.se.", "a@x.se,b@y.se", "a@x.se;b@y.se",
		`"a@evil"@x.se`, `"a"@x.se`, "a(b)@x.se", "a@x.se(evil)", "<a@x.se>", `"x" <a@x.se>`, "x <a@x.se>", "a@[1.2.3.4]", "a@1.2.3.4",
		"a@[IPv6:::1]", "a b@x.se", "a@x .se", "a@x.se\r\nBcc: b@y.se", "a\n@x.se", "a@x.se\x00", "a@@x.se", "a@b@x.se", "a＠x.se",
		".a@x.se", "a.@x.se", "a..b@x.se", "test\u043e@x.se", "åsa@x.se", "a@p\u0430ypal.com", "a@ｅxample.com", "a@ex\u200bample.com", "a@exam\u00adple.com",
		"a@x\u3002se", "a@x\u202ese.com", "a@-x.se", "a@x-.se", "a@x_y.se", "a@xn--a.se", "a@xn--pypal-4ve.com",
		"a@" + strings.Repeat("x", 64) + ".se", strings.Repeat("l", 65) + "@x.se", "a@" + strings.Repeat("x.", 160) + "se",
		strings.Repeat("l", 64) + "@" + strings.Repeat("abcdefgh.", 21) + "se", "mailto:a@x.se", "a%@x.se\xff", "a\\@x.se", "a%b.se@x.se", "b.se!a@x.se", "=?utf-8?q?a?=@x.se"}
	for _, in := range bad {
		if got, err := CanonicalEmail(in); err == nil {
			t.Errorf("took %q as %q", in, got)
		}
	}
}

// What we store, every other parser must read as the same one mailbox.
func FuzzCanonicalEmail(f *testing.F) {
	for _, s := range []string{"a@example.com", "a@räksmörgås.se", `"a@b"@c.se`, "a(b)@c.se", "a@c.se(b)", "A+b@C.se", "a@p\u0430y.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := CanonicalEmail(s)
		if err != nil {
			return
		}
		if again, err := CanonicalEmail(got); err != nil || again != got {
			t.Fatalf("%q gives %q gives %q %v", s, got, again, err)
		}
		if len(got) > MaxEmail || strings.Count(got, "@") != 1 {
			t.Fatal(got)
		}
		for i := range len(got) {
			if got[i] <= ' ' || got[i] >= 0x7f {
				t.Fatalf("%q", got)
			}
		}
		a, err := mail.ParseAddress(got)
		if err != nil || a.Address != got || a.Name != "" {
			t.Fatalf("net/mail reads %q as %v %v", got, a, err)
		}
	})
}

func TestCanonicalPhone(t *testing.T) {
	good := map[string]string{"070-123 45 67": "+46701234567", "0046701234567": "+46701234567", "+46 (0)70 123 45 67": "+46701234567",
		"+46701234567": "+46701234567", "08-123 456 78": "+46812345678", "+47 22 12 34 56": "+4722123456", " 0701234567 ": "+46701234567",
		"(070) 123.45/67": "+46701234567"}
	for in, want := range good {
		if got, err := CanonicalPhone(in); err != nil || got != want {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, in := range []string{"", "0", "070", "701234567", "07012345678901", "+0701234567", "++46701234567", "070+1234567", "070123456x",
		"070-1234567 ext 3", "+4670\u0661234567", "0700\n1234567", "+1234567", "+1234567890123456", strings.Repeat("0", 70), "000701234567"} {
		if got, err := CanonicalPhone(in); err == nil {
			t.Errorf("took %q as %q", in, got)
		}
	}
}

func FuzzCanonicalPhone(f *testing.F) {
	f.Add("070-123 45 67")
	f.Add("+46 (0)8 123 456")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := CanonicalPhone(s)
		if err != nil {
			return
		}
		if again, err := CanonicalPhone(got); err != nil || again != got || len(got) > 16 || strings.Trim(got[1:], "0123456789") != "" {
			t.Fatalf("%q gives %q gives %q %v", s, got, again, err)
		}
	})
}

func TestCanonicalPostal(t *testing.T) {
	good := [][3]string{{"SE", "123 45", "SE 12345"}, {"SE", "SE-123 45", "SE 12345"}, {"SE", "S-12345", "SE 12345"}, {"SE", " 123\u00a045 ", "SE 12345"},
		{"NL", "1234 ab", "NL 1234AB"}, {"DK", "2100", "DK 2100"}}
	for _, c := range good {
		if got, err := CanonicalPostal(c[0], c[1]); err != nil || got != c[2] {
			t.Errorf("%v: %q %v", c, got, err)
		}
	}
	for _, c := range [][2]string{{"SE", ""}, {"SE", "1234"}, {"SE", "123456"}, {"SE", "02345"}, {"SE", "12a45"}, {"se", "12345"}, {"", "12345"},
		{"SE", "１2345"}, {"NL", "1"}, {"NL", "12345678901"}, {"DK", "21\n00"}} {
		if got, err := CanonicalPostal(c[0], c[1]); err == nil {
			t.Errorf("took %v as %q", c, got)
		}
	}
}

func FuzzCanonicalPostal(f *testing.F) {
	f.Add("SE", "123 45")
	f.Add("NL", "1234 AB")
	f.Fuzz(func(t *testing.T, c, s string) {
		got, err := CanonicalPostal(c, s)
		if err != nil {
			return
		}
		if again, err := CanonicalPostal(c, got[3:]); err != nil || again != got {
			t.Fatalf("%q %q gives %q gives %q %v", c, s, got, again, err)
		}
	})
}

func TestFoldWords(t *testing.T) {
	for in, want := range map[string][]string{
		"Åsa O'Brien-Öberg":   {"asa", "obrien", "oberg"},
		"Carl von Linné":      {"carl", "von", "linne"},
		"ANNA  anna Ek":       {"anna", "ek"},
		"Ljungqvist & Co. AB": {"ljungqvist", "co", "ab"},
		"Łukasz Sørensen":     {"lukasz", "sorensen"},
		" - ":                 nil,
		"":                    nil,
	} {
		if d := cmp.Diff(want, FoldWords(in)); d != "" {
			t.Errorf("%q: %s", in, d)
		}
	}
	if got := FoldWords(strings.Repeat("a b c d e f g h i j k l m n ", 9)); len(got) != 12 {
		t.Error(got)
	}
	if got := FoldWords(strings.Repeat("å", 100)); len([]rune(got[0])) != 40 {
		t.Error(got)
	}
}
