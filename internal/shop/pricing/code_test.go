package pricing

import "testing"

func TestCanonicalCode(t *testing.T) {
	for in, want := range map[string]string{
		"tio": "TIO", " Tio\t": "TIO", "ＴＩＯ": "TIO", "t\u200bi\u200do": "TIO", "T I O": "TIO", "TIO\ufeff": "TIO", "höst-10": "HÖST-10", "ho\u0308st-10": "HÖST-10",
		"": "", "ab": "", "a\u200bb": "", "<b>": "", "tio;drop": "", "\xff\xfe\xfd": "", "①②③": "123",
	} {
		if got := CanonicalCode(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func FuzzCanonicalCode(f *testing.F) {
	for _, s := range []string{"tio", "ＴＩＯ", "ŉabc", "ﬁsk", "İst", "\u0345abc"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := CanonicalCode(s)
		if again := CanonicalCode(c); again != c {
			t.Fatalf("%q is %q, and that %q", s, c, again)
		}
	})
}
