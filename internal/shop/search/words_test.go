package search

import (
	"math/bits"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The forms of one word meet.
func TestFormsMeet(t *testing.T) {
	for _, forms := range []string{
		"jacka jackan jackor jackorna jackans jackornas",
		"tröja tröjan tröjor tröjorna",
		"sko skon skor skorna",
		"panna pannan pannor pannorna",
		"handduk handduken handdukar handdukarna",
		"mugg muggen muggar muggarna muggens",
		"stol stolen stolar stolarna",
		"lampa lampan lampor lamporna",
		"kniv kniven knivar knivarna",
		"bok boken böcker böckerna",
		"nyckel nyckeln nycklar nycklarna",
		"filt filten filtar filtarna",
		"ljus ljuset ljusen",
		"glas glaset glasen",
		"bord bordet borden",
		"klänning klänningen klänningar klänningarna",
		"kudde kudden kuddar kuddarna",
		"spade spaden spadar spadarna",
		"vas vasen vaser vaserna",
		"tallrik tallriken tallrikar tallrikarna",
		"sax saxen saxar saxarna",
		"kruka krukan krukor krukorna",
		"blå blått blåa",
		"röd rött röda",
		"stor stort stora",
		"ljusstake ljusstaken ljusstakar ljusstakarna",
		"duk duken dukar dukarna",
		"strumpa strumpan strumpor strumporna",
		"sked skeden skedar skedarna",
		"gaffel gaffeln gafflar gafflarna",
		"spegel spegeln speglar speglarna",
		"korg korgen korgar korgarna",
		"matta mattan mattor mattorna",
		"byxa byxan byxor byxorna",
		"vante vanten vantar vantarna",
		"möbel möbeln möbler möblerna",
		"soffa soffan soffor sofforna",
		"leksak leksaken leksaker leksakerna",
		"termos termosen termosar termosarna",
		"papper papperet pappren",
		"hammare hammaren hamrar hammarna",
		"såg sågen sågar sågarna",
		"yxa yxan yxor yxorna",
		"fågel fågeln fåglar fåglarna",
		"äpple äpplet äpplen äpplena",
		"finger fingret fingrar fingrarna",
		"lakan lakanet lakanen",
		"påslakan påslakanet",
		"vatten vattnet",
		"present presenten presenter presenterna",
		"flaska flaskan flaskor flaskorna",
		"väska väskan väskor väskorna",
		"vintersko vinterskon vinterskor vinterskorna",
		"handbok handboken handböcker",
		"dator datorn datorer datorerna",
		"kläder kläderna klädernas",
		"tomat tomaten tomater tomaterna",
		"paket paketet paketen",
		"billig billigt billiga",
		"svensk svenskt svenska",
		"grön grönt gröna",
		"tavla tavlan tavlor tavlorna",
		"fönster fönstret fönstren",
		"vinter vintern vintrar",
		"servett servetten servetter",
		"pläd pläden plädar plädarna",
		"gryta grytan grytor grytorna grytans",
		"stekpanna stekpannan stekpannor stekpannorna",
		"vinterjacka vinterjackan vinterjackor vinterjackorna",
		"badhandduk badhandduken badhanddukar",
	} {
		fs := strings.Fields(forms)
		for _, f := range fs[1:] {
			if Stem(f) != Stem(fs[0]) {
				t.Errorf("%s is %s, %s is %s", fs[0], Stem(fs[0]), f, Stem(f))
			}
		}
	}
}

// Words that are not one another stay apart.
func TestWordsStayApart(t *testing.T) {
	ws := strings.Fields("jacka sko skål skön panna pannå duk handduk mugg kruka krus vas vass stol stål bord bort glas gläns ljus lås lampa lamm kniv kvist bok bak hylla hall filt fil korg kork matta glass byxa box ull olja sked skida sax såg yxa spade spegel tröja tråd kudde kub röd rund blå blad stor stark")
	seen := map[string]string{}
	for _, w := range ws {
		if other := seen[Stem(w)]; other != "" {
			t.Errorf("%s and %s are both %s", w, other, Stem(w))
		}
		seen[Stem(w)] = w
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{
		"Mugg DREJ, 30 cl": "mugg drej 30 cl", "T-shirt": "t shirt", "  ": "", "!!!": "", "smo\u0308r": "smör", "50%": "50", "a\x00b": "a b", "🙂": "", "3,5kg": "3 5kg", "日本": "日本",
	} {
		if got := strings.Join(Words(in, 100), " "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if n := len(Words(strings.Repeat("ord ", 1000), maxWords)); n != maxWords {
		t.Error(n)
	}
	if n := len(Words(strings.Repeat("x", 41), 10)); n != 0 {
		t.Error("a word without end was taken")
	}
}

// slow is edit distance (with swaps of neighbours) from the book.
func slow(a, b []rune) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			c := 1
			if a[i-1] == b[j-1] {
				c = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+c)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

func TestWithinAgainstSlow(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abcåö")), 0, 9, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b, k := []rune(word.Draw(t, "a")), []rune(word.Draw(t, "b")), rapid.IntRange(0, 3).Draw(t, "k")
		if got, want := within(a, b, k), slow(a, b) <= k; got != want {
			t.Fatalf("%q %q within %d: %v, distance %d", string(a), string(b), k, got, slow(a, b))
		}
		// The mask lets no pair within k edits by.
		if slow(a, b) <= k && bits.OnesCount32(mask(string(a))^mask(string(b))) > 2*k {
			t.Fatalf("%q %q: masks differ too much", string(a), string(b))
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add("Tröjan med långa ärmar")
	f.Add("\xff\u0301\u200d")
	f.Fuzz(func(t *testing.T, s string) {
		for _, w := range Words(s, 50) {
			if w == "" || utf8.RuneCountInString(w) > maxWord || !utf8.ValidString(w) {
				t.Fatalf("%q", w)
			}
			if st := Stem(w); st == "" || !utf8.ValidString(st) {
				t.Fatalf("%q is stemmed to %q", w, st)
			}
			Fold(w)
		}
	})
}
