package catalog

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kassavalv/internal/fault"
)

// Bounds of what merchants write, in bytes. They are far above any real text
// and keep a row readable.
const (
	maxTitle       = 300
	maxDescription = 100_000
	maxShort       = 500
	maxLong        = 10_000
	maxSKU         = 100
	maxList        = 250 // variants, media, values of one product
)

// clean is the stored form of a text: NFC, trimmed, line ends as \n.
func clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.TrimSpace(norm.NFC.String(s))
}

// readable refuses what a database or a page chokes on: broken UTF-8 and
// control characters.
func readable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
}

// CleanText is the stored form of a line or text that a merchant wrote, and
// whether it can be stored at all.
func CleanText(s string) (string, bool) {
	s = clean(s)
	return s, readable(s)
}

// text cleans s in place and reports what is wrong with it.
func text(f *fault.Fields, pointer string, s *string, max int) {
	*s = clean(*s)
	switch {
	case !readable(*s):
		f.Add(pointer, "unreadable")
	case len(*s) > max:
		f.Add(pointer, "too_long", "max", max)
	}
}

func (c *Core) check(f *fault.Fields, at string) {
	if c.Handle != "" && !ValidHandle(c.Handle) {
		f.Add(at+"/handle", "bad_handle")
	}
	if c.Kind == "" {
		c.Kind = Goods
	}
	if !slices.Contains([]Kind{Goods, Digital, Service, GiftCard}, c.Kind) {
		f.Add(at+"/kind", "unknown")
	}
	if c.VATClass == "" {
		c.VATClass = VATStandard
		if c.Kind == GiftCard {
			c.VATClass = VATVoucher
		}
	}
	if !slices.Contains(VATClasses, c.VATClass) || (c.VATClass == VATVoucher) != (c.Kind == GiftCard) {
		f.Add(at+"/vat_class", "unknown")
	}
	if c.Withdrawal == "" {
		c.Withdrawal = WithdrawalYes
	}
	if !slices.Contains(Withdrawals, c.Withdrawal) {
		f.Add(at+"/withdrawal", "unknown")
	}
	for _, r := range c.Regimes {
		if !slices.Contains(Regimes, r) {
			f.Add(at+"/regimes", "unknown")
		}
	}
	if c.ReturnCost.Amount < 0 || c.ReturnCost.Amount > 100_000_00 || (c.ReturnCost.Amount != 0 && c.ReturnCost.Currency != "SEK") {
		f.Add(at+"/return_cost", "out_of_range")
	}
	if !slices.Contains([]string{"", "kg", "l", "m", "piece"}, c.Unit) {
		f.Add(at+"/unit", "unknown")
	}
	if (c.Unit == "") != (c.Content == 0) || c.Content < 0 || c.Content > maxContent {
		f.Add(at+"/content", "out_of_range")
	}
	text(f, at+"/brand", &c.Brand, maxShort)
	for _, p := range []struct {
		at string
		p  *Party
	}{{"/maker", &c.Maker}, {"/eu_responsible", &c.EUResponsible}} {
		text(f, at+p.at+"/name", &p.p.Name, maxShort)
		text(f, at+p.at+"/postal", &p.p.Postal, maxShort)
		text(f, at+p.at+"/electronic", &p.p.Electronic, maxShort)
	}
	if !slices.Contains([]string{"", "A", "B", "C", "D", "E", "F", "G"}, c.EnergyClass) {
		f.Add(at+"/energy_class", "unknown")
	}
	if c.Origin != "" && !upper2(c.Origin) {
		f.Add(at+"/origin", "bad_country")
	}
	if c.MinAge < 0 || c.MinAge > 120 {
		f.Add(at+"/min_age", "out_of_range")
	}
}

// maxContent is a tonne, a kilolitre, a kilometre or a million pieces.
const maxContent = 1_000_000_000

func upper2(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// check cleans the texts; a Swedish title is the one thing no product or
// category can be without.
func (t Texts) check(f *fault.Fields, at string) {
	for l, x := range t {
		p := at + "/texts/" + plain(l)
		if l != SV && l != EN {
			f.Add(at+"/texts", "unknown")
			continue
		}
		x.Lang = l
		text(f, p+"/title", &x.Title, maxTitle)
		text(f, p+"/description", &x.Description, maxDescription)
		text(f, p+"/seo_title", &x.SEOTitle, maxTitle)
		text(f, p+"/seo_description", &x.SEODescription, maxShort)
		text(f, p+"/materials", &x.Materials, maxLong)
		text(f, p+"/ingredients", &x.Ingredients, maxLong)
		text(f, p+"/allergens", &x.Allergens, maxLong)
		if len(x.Warnings) > 50 {
			f.Add(p+"/warnings", "too_many")
		}
		ws := x.Warnings
		x.Warnings = nil
		for _, w := range ws {
			text(f, p+"/warnings", &w, maxLong)
			if w != "" {
				x.Warnings = append(x.Warnings, w)
			}
		}
		t[l] = x
	}
	if t[SV].Title == "" {
		f.Add(at+"/texts/sv/title", "required")
	}
}

func checkDates(f *fault.Fields, from, to time.Time) {
	if !from.IsZero() && !to.IsZero() && !to.After(from) {
		f.Add("/publish_to", "before_from")
	}
}

func localized(f *fault.Fields, at string, l *Localized, max int) {
	text(f, at+"/sv", &l.SV, max)
	text(f, at+"/en", &l.EN, max)
}
