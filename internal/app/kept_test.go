package app

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/privacy"
)

// spelled are numbers as sentences write them.
var spelled = map[lang.Lang]map[int]string{
	lang.SV: {2: "två", 5: "fem", 7: "sju", 10: "tio"},
	lang.EN: {2: "two", 5: "five", 7: "seven", 10: "ten"},
}

// aSpan finds what a sentence says of a time, in figures or in words.
var aSpan = map[lang.Lang]*regexp.Regexp{
	lang.SV: regexp.MustCompile(`(?i)\b(\d+|en|ett|två|tre|fyra|fem|sex|sju|åtta|nio|tio|tolv|sjunde)\s+(minut|timm|dag|dygn|veck|månad|år)`),
	lang.EN: regexp.MustCompile(`(?i)\b(\d+|one|two|three|four|five|six|seven|eight|nine|ten|twelve|seventh)\s+(minute|hour|day|week|month|year)`),
}

// unit is a number of something in a language, in figures and spelled.
func unit(l lang.Lang, n int, sv, en string) []string {
	u := map[lang.Lang]string{lang.SV: sv, lang.EN: en}[l]
	out := []string{strconv.Itoa(n) + " " + u}
	if w, ok := spelled[l][n]; ok {
		out = append(out, w+" "+u)
	}
	return out
}

// keptWords are the sentences beside fields and on pages that say a span themselves, and the
// constant that each must agree with.
func keptWords(t *testing.T, l lang.Lang) map[string][][]string {
	keep := func(category string) datamap.Keep {
		c, ok := datamap.CategoryOf(category)
		if !ok || !c.Keep.Spans() {
			t.Fatalf("the category %s has no span", category)
		}
		return c.Keep
	}
	months := func(c string) []string { return unit(l, keep(c).Months, "månader", "months") }
	years := func(c string) []string { return unit(l, keep(c).Months/12, "år", "years") }
	days := func(c string) []string { return unit(l, keep(c).Days, "dagar", "days") }
	books := secret.BooksKeptUntil(2026, time.UTC).Year() - 1 - 2026
	inYears := unit(l, books, "år", "years")
	nth := []string{map[lang.Lang]map[int]string{lang.SV: {7: "sjunde året"}, lang.EN: {7: "seventh year"}}[l][books]}
	code := unit(l, int(account.CodeLife/time.Minute), "minuter", "minutes")
	return map[string][][]string{
		"why.order": {months("order")}, "why.order.phone": {months("order")}, "why.order.address": {months("order")}, "checkout.why_data": {months("order")},
		"why.order.name": {inYears}, "why.order.company": {inYears}, "data.kept.books": {nth}, "trust.data.order.text": {nth},
		"why.support":          {years("support")},
		"why.waiting":          {days("waitlist")},
		"why.login":            {code, days("entry")},
		"data.kept.entry":      {code},
		"trust.data.cart.text": {days("cart")},
		"field.code_wrong":     {code},
		"login.code.hint":      {code},
	}
}

// What people are told of how long something is kept is what the program does: a sentence of the
// register takes its span from the map, and one that says a number itself agrees with the constant.
func TestWordsOfKeepingAgreeWithTheConstants(t *testing.T) {
	for _, l := range []lang.Lang{lang.SV, lang.EN} {
		for _, c := range datamap.Categories() {
			said := new(privacy.Desk).Describe(l, c).Kept
			if c.Keep.Spans() && !strings.Contains(said, privacy.Span(l, c.Keep)) {
				t.Errorf("%s %s: %q does not say %q", l, c.Key, said, privacy.Span(l, c.Keep))
			}
		}
		words := keptWords(t, l)
		for key, spans := range words {
			if !lang.Has(key) {
				t.Errorf("%s has no words", key)
			}
			said, found := lang.T(l, key, "span", "", "email", ""), 0
			for _, any := range spans {
				for _, s := range any {
					if regexp.MustCompile(`(?i)(^|[^\pL\d])`+regexp.QuoteMeta(s)).MatchString(said) && s != "" {
						found++
						break
					}
				}
			}
			if found != len(spans) || len(aSpan[l].FindAllString(said, -1)) != len(spans) {
				t.Errorf("%s %s says %q, and the constants are %v", l, key, said, spans)
			}
		}
		// Nothing else says one.
		for _, key := range lang.Keys() {
			ours := key == "checkout.why_data"
			for _, p := range []string{"why.", "data.kept.", "trust.data"} {
				ours = ours || strings.HasPrefix(key, p)
			}
			if _, held := words[key]; held || !ours {
				continue
			}
			if s := aSpan[l].FindString(lang.T(l, key, "span", "")); s != "" {
				t.Errorf("%s %s says %q, which is held against no constant", l, key, s)
			}
		}
	}
}

// What the operator sets is what customers are told.
func TestWordsOfReadingsFollowTheConfiguration(t *testing.T) {
	c, _ := datamap.CategoryOf("readings")
	for days, want := range map[int]string{0: "2 år efter läsningen", 200: "200 dagar efter läsningen", 3650: "10 år efter läsningen"} {
		a := &App{}
		a.Config.Audit.ReadingsDays = days
		if got := a.privacyDesk().Describe(lang.SV, c).Kept; got != want {
			t.Errorf("%d: %q, want %q", days, got, want)
		}
	}
}
