package giftcard

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

// Ten thousand codes share no beginning beyond chance, and no two are one.
func TestCodesAreSpread(t *testing.T) {
	v := secrettest.Vault(t, dbtest.SQLite(t, []db.Migrations{secret.Migrations}))
	seen, heads := map[string]bool{}, map[string]int{}
	var used [codeLen]map[byte]bool
	for i := range used {
		used[i] = map[byte]bool{}
	}
	const n = 10_000
	for i := range n {
		c := code(v, db.ID(i+1), 1)
		if len(c) != codeLen || Canonical(c) != c || seen[c] {
			t.Fatalf("%d: %s", i, c)
		}
		seen[c] = true
		heads[c[:5]]++ // 2^25 of them: two in one are likely, four are not
		for j := range c {
			used[j][c[j]] = true
		}
	}
	for h, k := range heads {
		if k > 4 {
			t.Errorf("%d codes begin with %s", k, h)
		}
	}
	for i, u := range used {
		if len(u) != len(alphabet) {
			t.Errorf("place %d has %d different characters", i, len(u))
		}
	}
	if a, b := code(v, 7, 1), code(v, 7, 2); a == b {
		t.Error("a new version has the old code")
	}
}

// Any one wrong character and any two that have changed places are seen, however the
// code is written.
func TestCheckCharacter(t *testing.T) {
	v := secrettest.Vault(t, dbtest.SQLite(t, []db.Migrations{secret.Migrations}))
	rapid.Check(t, func(t *rapid.T) {
		c := code(v, db.ID(rapid.Int64Range(1, 1<<62).Draw(t, "id")), rapid.Int64Range(1, 9).Draw(t, "version"))
		typed := strings.ToLower(spaced(c))
		typed = strings.NewReplacer("-", rapid.SampledFrom([]string{"-", " ", "", " - ", "–"}).Draw(t, "between"), "0", rapid.SampledFrom([]string{"0", "o", "O"}).Draw(t, "nought"),
			"1", rapid.SampledFrom([]string{"1", "i", "L"}).Draw(t, "one"), "v", rapid.SampledFrom([]string{"v", "u"}).Draw(t, "v")).Replace(typed)
		if Canonical(typed) != c || !Shaped(typed) {
			t.Fatalf("%q is not read as %s", typed, c)
		}
		i, j := rapid.IntRange(0, codeLen-1).Draw(t, "i"), rapid.IntRange(0, codeLen-1).Draw(t, "j")
		b := []byte(c)
		b[i] = alphabet[rapid.IntRange(0, len(alphabet)-1).Draw(t, "c")]
		if string(b) != c && (Canonical(string(b)) != "" || !Shaped(string(b))) {
			t.Fatalf("%s for %s is taken", b, c)
		}
		b = []byte(c)
		b[i], b[j] = b[j], b[i]
		if string(b) != c && Canonical(string(b)) != "" {
			t.Fatalf("%s for %s is taken", b, c)
		}
	})
}

func TestNoCodes(t *testing.T) {
	for _, s := range []string{"", "VÄLKOMMEN10", "FIKA50", strings.Repeat("0", 19), strings.Repeat("0", 21), strings.Repeat("É", 20), strings.Repeat("-", 40), strings.Repeat("A", 300), "0000-0000-0000-0000-000\x00"} {
		if Shaped(s) || Canonical(s) != "" {
			t.Errorf("%q has the form of a code", s)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add("7KQ2-0000-0000-0000-0000")
	f.Add("ſſſſſſſſſſſſſſſſſſſſ")
	f.Fuzz(func(t *testing.T, s string) {
		c := Canonical(s)
		if c != "" && (len(c) != codeLen || Canonical(c) != c || !Shaped(s)) {
			t.Errorf("%q: %q", s, c)
		}
	})
}
