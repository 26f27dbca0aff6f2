package view

import (
	"strings"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/web/ui"
)

// Company is who the buyer deals with; it stands on every page.
type Company struct {
	Shop       string // the name on the sign: "Förstukvist"
	Tagline    string // "Bra saker för hem och trädgård"
	Name       string // legal name: "Förstukvist Handel AB"
	OrgNumber  string // "559999-0016"
	VATNumber  string // "SE559999001601"
	Street     string
	PostalCode string // "123 45"
	City       string
	Email      string
	Phone      string // as people read it
	Hours      string // of customer service, in words, in the page's language
	Example    bool   // a demo: the page says that the company is invented
	MarkURL    string // absolute link to the certificate of a trust mark; empty: none
	MarkName   string
}

// Shell is what every page needs around itself.
type Shell struct {
	Lang       lang.Lang
	Path       string // the page's own path without language prefix, with its query: "/search?q=lin"
	BaseURL    string // "https://shop.example", without a slash at the end; empty leaves canonical and hreflang out
	Title      string // of the page; the shop's name is added
	About      string // meta description
	NoIndex    bool
	OGImage    string // absolute
	Scheme     string // "light", "dark" or ""
	ThemeURL   string // the merchant's style sheet on this host, or ""
	LogoURL    string // or "": then the name is set in the display face
	Company    Company
	Categories []ui.Link // the main menu; paths
	CartCount  int
	Query      string // what stands in the search field
	SignedIn   bool
	Flash      string        // one sentence about what was just done, or ""
	Bars       []Bar         // incidents, read-only mode
	Methods    []string      // names of the payment methods: footer and checkout
	Countries  []string      // where the shop sends to
	Again      time.Duration // without scripts the page is asked for again after this; 0: never
	Keys       bool          // the page asks the browser for passkeys: it needs their module
	Slim       bool          // checkout: no menu and no search, so that nothing draws the eye away
}

// Bar is a line above the page that everybody sees.
type Bar struct {
	Tone    ui.Tone
	Text    string
	Lang    lang.Lang // of Text when it is not the page's
	LinkURL string    // absolute or a path; may be empty
	Link    string
}

func (s Shell) l() lang.Lang { return s.Lang.Or() }

// to is a path of the shop in the page's language.
func (s Shell) to(path string) string { return lang.Path(s.l(), path) }

func (s Shell) doc() ui.Doc {
	d := ui.Doc{
		Lang: s.l(), Title: s.Title, Description: s.About, Sheet: "storefront.css",
		Scheme: s.Scheme, ThemeURL: s.ThemeURL, NoIndex: s.NoIndex, Image: s.OGImage,
	}
	if s.Again > 0 || s.Keys {
		d.Head = moreHead(s)
	}
	if s.Company.Shop != "" {
		if d.Title == "" {
			d.Title = s.Company.Shop
			if s.Company.Tagline != "" {
				d.Title += " – " + s.Company.Tagline
			}
		} else {
			d.Title += " – " + s.Company.Shop
		}
	}
	if s.BaseURL != "" && !s.NoIndex && strings.HasPrefix(s.Path, "/") {
		d.Canonical = s.BaseURL + s.to(s.Path)
		for _, l := range lang.All {
			d.Alternates = append(d.Alternates, ui.Alternate{Lang: string(l), URL: s.BaseURL + lang.Path(l, s.Path)})
		}
		d.Alternates = append(d.Alternates, ui.Alternate{Lang: "x-default", URL: s.BaseURL + s.Path})
	}
	return d
}

// mailto and tel never carry anything but the address.
func mailto(address string) string { return "mailto:" + address }

func tel(phone string) string {
	return "tel:" + strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, phone)
}
