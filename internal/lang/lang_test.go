package lang

import (
	"sort"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"kassavalv/internal/money"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		ore    int64
		sv, en string
	}{
		{0, "0 kr", "0 kr"}, {100, "1 kr", "1 kr"}, {129900, "1 299 kr", "1,299 kr"}, {129950, "1 299,50 kr", "1,299.50 kr"},
		{5, "0,05 kr", "0.05 kr"}, {-4995, "−49,95 kr", "−49.95 kr"}, {100000000000, "1 000 000 000 kr", "1,000,000,000 kr"},
	} {
		sv := strings.ReplaceAll(Money(SV, money.SEK(c.ore)), nbsp, " ")
		en := strings.ReplaceAll(Money(EN, money.SEK(c.ore)), nbsp, " ")
		if sv != c.sv || en != c.en {
			t.Errorf("%d: %q %q", c.ore, sv, en)
		}
	}
	if got := Money(SV, money.SEK(129900)); got != "1\u00a0299\u00a0kr" {
		t.Errorf("the spaces are not hard: %q", got)
	}
	if got := Money(EN, money.New(1250, "EUR")); got != "12.50\u00a0EUR" {
		t.Errorf("%q", got)
	}
}

// Written money can be read back to the öre, in both languages.
func TestMoneyKeepsTheAmount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ore := rapid.Int64Range(-money.Max, money.Max).Draw(t, "ore")
		for _, l := range All {
			s := strings.NewReplacer(nbsp, "", "kr", "", minus, "-").Replace(Money(l, money.SEK(ore)))
			if l == EN {
				s = strings.ReplaceAll(s, ",", "")
			}
			whole, frac, _ := strings.Cut(strings.ReplaceAll(s, ",", "."), ".")
			if frac == "" {
				frac = "00"
			}
			got, err := strconv.ParseInt(whole+frac, 10, 64)
			if err != nil || got != ore {
				t.Fatalf("%s: %d became %q", l, ore, s)
			}
		}
	})
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Number(SV, 1234567): "1\u00a0234\u00a0567", Number(EN, -1234): "−1,234", Percent(SV, 2500): "25\u00a0%", Percent(EN, 1250): "12.5%",
		Percent(SV, 600): "6\u00a0%", Decimal(SV, 1205): "12,05", List(SV, nil): "", List(SV, []string{"a"}): "a",
		List(SV, []string{"a", "b", "c"}): "a, b och c", List(EN, []string{"a", "b"}): "a and b",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDates(t *testing.T) {
	noon := at("2026-11-25T13:05:00Z")
	for got, want := range map[string]string{
		Date(SV, noon): "onsdag 25 november", Date(EN, noon): "Wednesday 25 November", At(SV, noon): "kl. 14.05", At(EN, noon): "14:05",
		DateTime(SV, noon): "onsdag 25 november kl. 14.05", DateTime(EN, noon): "Wednesday 25 November at 14:05",
		DateYear(SV, noon): "25 november 2026", Stamp(SV, noon): "25 nov. 2026 14.05", ISO(noon): "2026-11-25T14:05:00+01:00",
		Clock(SV, at("2026-07-01T12:00:00Z")):     "14.00",                                                     // summer time
		Day(SV, noon, at("2026-11-25T00:30:00Z")): "i dag", Day(SV, noon, at("2026-11-24T23:30:00Z")): "i dag", // past midnight in Stockholm
		Day(SV, noon, at("2026-11-24T22:30:00Z")): "i morgon", Day(EN, noon, at("2026-11-26T12:00:00Z")): "yesterday",
		Day(SV, noon, at("2026-11-20T12:00:00Z")): "onsdag", Day(SV, noon, at("2026-11-01T12:00:00Z")): "onsdag 25 november",
		Day(SV, noon, at("2025-11-01T12:00:00Z")): "25 november 2026",
		DateRange(SV, noon, noon):                 "onsdag 25 november", DateRange(SV, noon, noon.AddDate(0, 0, 2)): "onsdag 25 – fredag 27 november",
		DateRange(EN, noon, noon.AddDate(0, 0, 6)): "Wednesday 25 November – Tuesday 1 December",
		Duration(SV, 125*time.Minute):              "2 timmar 5 minuter", Duration(SV, 0): "0 sekunder", Duration(EN, 24*time.Hour): "1 day",
		Duration(SV, 26*time.Hour+time.Second): "1 dygn 2 timmar", Duration(EN, 40*time.Second): "40 seconds",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestSentences(t *testing.T) {
	for got, want := range map[string]string{
		T(SV, "buy.order"): "Köp nu", T(EN, "buy.order"): "Buy now", T(SV, "withdraw.link"): "Ångra avtalet här", T(SV, "withdraw.confirm"): "Bekräfta frånträde",
		T(SV, "price.unit", "price", money.SEK(27143), "unit", "kg"):      "Jämförpris 271,43\u00a0kr/kg",
		T(SV, "cart.hold", "time", Clock(SV, at("2026-11-25T13:05:00Z"))): "Vi håller varorna åt dig till kl. 14.05.",
		N(SV, "form.errors", 1):           "1 uppgift behöver ses över",
		N(SV, "form.errors", 3):           "3 uppgifter behöver ses över",
		N(EN, "form.errors", int64(1200)): "1,200 details need your attention",
		TArgs(EN, "cart.problem.code_invalid", map[string]any{"code": "X"}): "The code X does not apply to this cart.",
		T(SV, "price.unit", "price", "1"):                                   "Jämförpris 1/{unit}",
		T(SV, "cart.added", "title", "<b>"):                                 "<b> ligger i varukorgen.",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if d := cmp.Diff([]Part{{Text: "Jämförpris "}, {Name: "price"}, {Text: "/"}, {Name: "unit"}}, Parts(SV, "price.unit")); d != "" {
		t.Error(d)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a missing key did not panic")
			}
		}()
		T(SV, "no.such.key")
	}()
}

func TestLoadRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"no such language":   `{"a": {"sv": "x"}}`,
		"empty":              `{"a": {"sv": "x", "en": " "}}`,
		"placeholders":       `{"a": {"sv": "x {n}", "en": "x {m}"}}`,
		"one plural only":    `{"a": {"sv": {"one": "x", "other": "y"}, "en": "z"}}`,
		"half a plural":      `{"a": {"sv": {"one": "x"}, "en": {"one": "x", "other": "y"}}}`,
		"stray in singular":  `{"a": {"sv": {"one": "{x}", "other": "y"}, "en": {"one": "x", "other": "y"}}}`,
		"the same key twice": `{"a": {"sv": "x", "en": "y"}, "a": {"sv": "x", "en": "y"}}`,
		"no object":          `[]`,
		"broken":             `{"a": `,
	} {
		if _, problems := load(fstest.MapFS{"words/x.json": {Data: []byte(body)}}); len(problems) == 0 {
			t.Errorf("%s: taken", name)
		}
	}
	twice := fstest.MapFS{"words/a.json": {Data: []byte(`{"k": {"sv": "x", "en": "y"}}`)}, "words/b.json": {Data: []byte(`{"k": {"sv": "x", "en": "y"}}`)}}
	if _, problems := load(twice); len(problems) != 1 {
		t.Errorf("a key in two files: %v", problems)
	}
	if _, problems := load(wordsFS); len(problems) > 0 {
		t.Error(problems)
	}
}

// No exclamation marks but after "Tack": the shop does not shout.
func TestTone(t *testing.T) {
	for k, e := range catalogue {
		for _, ps := range [][]Part{e.sv[0], e.sv[1], e.en[0], e.en[1]} {
			for _, p := range ps {
				s := strings.NewReplacer("Tack!", "", "Thank you!", "", "Varning!", "", "Warning!", "").Replace(p.Text)
				if strings.Contains(s, "!") {
					t.Errorf("%s shouts: %q", k, p.Text)
				}
			}
		}
	}
}

func TestMatch(t *testing.T) {
	for header, want := range map[string]Lang{
		"": SV, "sv": SV, "en": EN, "en-GB,en;q=0.9": EN, "sv-SE,sv;q=0.9,en;q=0.8": SV, "de": SV, "de,en;q=0.5": EN,
		"*": SV, ";;;": SV, "fi,sv;q=0.2": SV, strings.Repeat("en,", 200): SV,
	} {
		if got := Match(header); got != want {
			t.Errorf("%q: %s", header, got)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("en;q=0.1,*")
	f.Fuzz(func(t *testing.T, s string) {
		if l := Match(s); l != SV && l != EN {
			t.Errorf("%q: %q", s, l)
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(`{"a": {"sv": {"one": "{n} x", "other": "{n} y"}, "en": {"one": "x", "other": "{n}"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _ := load(fstest.MapFS{"words/x.json": {Data: b}})
		for k, e := range c {
			if k != "" && fill(SV, e.form(SV, other), nil) == "" {
				t.Errorf("%q is empty", k)
			}
		}
	})
}

func TestCompare(t *testing.T) {
	words := []string{"Östen", "zebra", "ärta", "Åsa", "apa", "Zorro", "åka"}
	sort.SliceStable(words, func(a, b int) bool { return Compare(SV, words[a], words[b]) < 0 })
	if got := strings.Join(words, " "); got != "apa zebra Zorro åka Åsa ärta Östen" {
		t.Error(got)
	}
}

func TestPaths(t *testing.T) {
	for _, p := range []string{"/", "/cart", "/products/x?y=1"} {
		for _, l := range All {
			if gl, gp := Split(Path(l, p)); gl != l || gp != p {
				t.Errorf("%s %s became %s %s", l, p, gl, gp)
			}
		}
	}
	for _, p := range []string{"https://x.example/", "//x.example", "#main", "", "mailto:a@b.example"} {
		if Path(EN, p) != p {
			t.Errorf("%q became %q", p, Path(EN, p))
		}
	}
	if l, p := Split("/english"); l != SV || p != "/english" {
		t.Errorf("%s %s", l, p)
	}
}
