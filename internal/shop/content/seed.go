package content

import (
	"embed"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
)

// The texts a shop begins with, one Markdown file a page and language. {name} is
// filled with the company's facts when they are stored; from then on they are the
// merchant's to change.
//
//go:embed pages/*.md
var pagesFS embed.FS

// Example is the company of the demo: invented, with numbers that pass their checks,
// a telephone number kept for fiction and a bank account of zeros.
func Example() CompanyFacts {
	return CompanyFacts{Name: "Förstukvist Handel AB", Shop: "Förstukvist", OrgNumber: "559999-0016", VATNumber: "SE559999001601", FTax: true, Seat: "Göteborg",
		Street: "Förstukvistgränd 3", PostalCode: "411 00", City: "Göteborg", Country: "SE", Mail: "kundtjanst@forstukvist.example", Phone: "031-390 06 00",
		HoursSV: "Vi svarar i telefon vardagar kl. 9–16", HoursEN: "We answer the telephone on weekdays 9:00–16:00", Bankgiro: "000-0000", Accounts: "SE4550000000058398257466", Example: true}
}

// Words are the sentences of the first pages that differ from shop to shop.
type Words struct {
	AboutSV, AboutEN       string
	DeliverySV, DeliveryEN string // Markdown; what delivery costs
}

var exampleWords = Words{
	AboutSV: "Förstukvist är en påhittad butik som visar hur programmet Kassavalv fungerar. Här finns bra saker för hem och trädgård: en stekpanna som håller, en kruka som står stadigt, ljus till kvällen och kaffe till morgonen. Inga riktiga pengar byter ägare, och inga varor lämnar magasinet.",
	AboutEN: "Förstukvist is an invented shop that shows how the program Kassavalv works. It sells good things for home and garden: a frying pan that lasts, a pot that stands firm, candles for the evening and coffee for the morning. No real money changes hands, and no goods leave the storehouse.",
	DeliverySV: `| Leveranssätt | Pris | För |
| --- | --- | --- |
| Paketbox | 39 kr | paket upp till 10 kg |
| Ombud | 49 kr | paket upp till 20 kg |
| Hem på kvällen | 79 kr | paket upp till 20 kg |
| Skrymmande | 249 kr | varor som inte går som paket |
| Hämta i butiken | 0 kr | allt |

Handlar du för mer än 599 kr är frakten fri, utom för skrymmande varor.`,
	DeliveryEN: `| Kind | Price | For |
| --- | --- | --- |
| Parcel box | 39 kr | parcels up to 10 kg |
| Service point | 49 kr | parcels up to 20 kg |
| Home in the evening | 79 kr | parcels up to 20 kg |
| Bulky goods | 249 kr | goods that do not go as a parcel |
| Collect in the shop | 0 kr | everything |

Delivery is free for orders over 599 kr, except for bulky goods.`,
}

// Seed makes the demo's company and its pages. It does nothing where a company is
// stored already.
func Seed(tx *db.Tx) error { return SeedShop(tx, auth.System("seed"), Example(), exampleWords) }

// SeedShop makes a new shop's company and its first pages; empty Words get plain
// sentences that are true of any shop. It does nothing where a company is stored
// already.
func SeedShop(tx *db.Tx, by auth.By, c CompanyFacts, w Words) error {
	if _, err := Company(tx); err == nil || !errors.Is(err, db.ErrNotFound) {
		return err
	}
	c.Version = 0
	c, err := SetCompany(tx, by, c)
	if err != nil {
		return err
	}
	if w.AboutSV == "" {
		w.AboutSV, w.AboutEN = c.Shop+" drivs av "+c.Name+".", c.Shop+" is run by "+c.Name+"."
	}
	if w.DeliverySV == "" {
		w.DeliverySV, w.DeliveryEN = "Leveranssätten och deras priser visas i varukorgen.", "The kinds of delivery and their prices are shown in the cart."
	}
	for _, p := range firstPages {
		in := NewPage{Handle: p.handle, Kind: p.kind, Texts: map[lang.Lang]Text{}}
		for _, l := range lang.All {
			t, err := first(p.handle, l, c, w)
			if err != nil {
				return err
			}
			in.Texts[l] = t
		}
		if _, err := PutPage(tx, by, in); err != nil {
			return err
		}
	}
	return nil
}

var firstPages = []struct{ handle, kind string }{{Terms, Legal}, {Withdrawal, Legal}, {WithdrawalForm, Legal}, {Privacy, Legal}, {Accessibility, Legal},
	{Delivery, Info}, {About, Info}, {Security, Info}, {Cookies, Legal}}

var gap = regexp.MustCompile(`\{[a-z_]+\}`)

// first reads one of the first texts and fills its gaps.
func first(handle string, l lang.Lang, c CompanyFacts, w Words) (Text, error) {
	b, err := pagesFS.ReadFile("pages/" + handle + "." + string(l) + ".md")
	if err != nil {
		return Text{}, err
	}
	ftaxSV, ftaxEN := "", ""
	if c.FTax {
		ftaxSV, ftaxEN = "Godkänd för F-skatt", "Approved for Swedish F-tax"
	}
	vat := c.VATNumber
	if vat == "" {
		vat = "–"
	}
	s := strings.NewReplacer("{company}", c.Name, "{shop}", c.Shop, "{org}", c.OrgNumber, "{vat}", vat, "{seat}", c.Seat, "{street}", c.Street, "{postal}", c.PostalCode,
		"{city}", c.City, "{mail}", c.Mail, "{phone}", c.Phone, "{hours_sv}", c.HoursSV, "{hours_en}", c.HoursEN, "{ftax_sv}", ftaxSV, "{ftax_en}", ftaxEN,
		"{about_sv}", w.AboutSV, "{about_en}", w.AboutEN, "{delivery_sv}", w.DeliverySV, "{delivery_en}", w.DeliveryEN).Replace(string(b))
	if g := gap.FindString(s); g != "" {
		return Text{}, fmt.Errorf("content: the page %s has a gap nobody fills: %s", handle, g)
	}
	title, rest, ok := strings.Cut(strings.TrimPrefix(s, "# "), "\n")
	if !ok || !strings.HasPrefix(s, "# ") {
		return Text{}, fmt.Errorf("content: the page %s has no title", handle)
	}
	return Text{Title: title, Body: hardBreaks(rest)}, nil
}

// hardBreaks keeps the lines of an address apart: a line that ends without a full
// stop and is followed by another plain line gets Markdown's line break.
func hardBreaks(s string) string {
	lines := strings.Split(s, "\n")
	plain := func(t string) bool {
		return t != "" && !strings.ContainsAny(t[:1], "#|>-*0123456789") && !strings.HasSuffix(t, ".")
	}
	for i := range len(lines) - 1 {
		if plain(lines[i]) && lines[i+1] != "" && !strings.ContainsAny(lines[i+1][:1], "#|>-*") {
			lines[i] += "\\"
		}
	}
	return strings.Join(lines, "\n")
}
