package intake

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Formats that are recognised.
const (
	Shopify     = "shopify"
	WooCommerce = "woocommerce"
)

// col is a column's meaning.
type col string

const (
	cHandle     col = "handle"
	cTitle      col = "title"
	cBody       col = "body"
	cShort      col = "short"
	cVendor     col = "vendor"
	cType       col = "type"
	cShelf      col = "shelf" // Shopify's standard category
	cTags       col = "tags"
	cPublished  col = "published"
	cStatus     col = "status"
	cVisibility col = "visibility"
	cSKU        col = "sku"
	cGTIN       col = "gtin"
	cWeight     col = "weight"
	cLength     col = "length"
	cWidth      col = "width"
	cHeight     col = "height"
	cTracker    col = "tracker"
	cQty        col = "qty"
	cInStock    col = "instock"
	cPolicy     col = "policy"
	cPrice      col = "price"
	cCompare    col = "compare"
	cCost       col = "cost"
	cSaleFrom   col = "salefrom"
	cSaleTo     col = "saleto"
	cShips      col = "ships"
	cTaxable    col = "taxable"
	cTaxClass   col = "taxclass"
	cImage      col = "image"
	cImagePos   col = "imagepos"
	cImageAlt   col = "imagealt"
	cVarImage   col = "varimage"
	cGift       col = "gift"
	cSEOTitle   col = "seotitle"
	cSEOText    col = "seotext"
	cID         col = "id"
	cParent     col = "parent"
	cUnused     col = "-" // known, and nothing is made of it
)

// The names of columns, folded by headerForm: Shopify's before and since 2024,
// WooCommerce's in English and Swedish (its files follow the site's language).
var shopifyNames = map[string]col{
	"handle": cHandle, "url handle": cHandle, "title": cTitle, "body (html)": cBody, "body html": cBody, "body": cBody, "description": cBody,
	"vendor": cVendor, "type": cType, "product type": cType, "custom product type": cType, "product category": cShelf, "standardized product type": cShelf, "standard product type": cShelf,
	"tags": cTags, "published": cPublished, "published on online store": cPublished, "status": cStatus,
	"variant sku": cSKU, "sku": cSKU, "variant barcode": cGTIN, "barcode": cGTIN,
	"variant grams": cWeight, "weight value (grams)": cWeight, "grams": cWeight,
	"variant inventory tracker": cTracker, "inventory tracker": cTracker, "variant inventory qty": cQty, "inventory quantity": cQty,
	"variant inventory policy": cPolicy, "continue selling when out of stock": cPolicy,
	"variant price": cPrice, "price": cPrice, "variant compare at price": cCompare, "compare-at price": cCompare, "compare at price": cCompare,
	"variant requires shipping": cShips, "requires shipping": cShips, "variant taxable": cTaxable, "charge tax": cTaxable,
	"image src": cImage, "product image url": cImage, "image position": cImagePos, "image alt text": cImageAlt, "variant image": cVarImage, "variant image url": cVarImage,
	"gift card": cGift, "seo title": cSEOTitle, "seo description": cSEOText,
	"variant weight unit": cUnused, "weight unit for display": cUnused, "variant fulfillment service": cUnused, "fulfillment service": cUnused,
	"variant tax code": cUnused, "tax code": cUnused, "cost per item": cCost, "template suffix": cUnused, "collection": cUnused,
	"unit price total measure": cUnused, "unit price total measure unit": cUnused, "unit price base measure": cUnused, "unit price base measure unit": cUnused,
}

var wooNames = map[string]col{
	"id": cID, "type": cType, "typ": cType, "sku": cSKU, "artikelnr": cSKU, "artikelnummer": cSKU, "gtin, upc, ean, or isbn": cGTIN, "gtin, upc, ean eller isbn": cGTIN, "gtin": cGTIN, "ean": cGTIN,
	"name": cTitle, "namn": cTitle, "published": cPublished, "publicerad": cPublished, "visibility in catalog": cVisibility, "synlighet i katalog": cVisibility,
	"short description": cShort, "kort beskrivning": cShort, "description": cBody, "beskrivning": cBody,
	"date sale price starts": cSaleFrom, "datum när reapriset börjar": cSaleFrom, "date sale price ends": cSaleTo, "datum när reapriset upphör": cSaleTo,
	"tax status": cTaxable, "momsstatus": cTaxable, "tax class": cTaxClass, "momsgrupp": cTaxClass, "in stock?": cInStock, "i lager?": cInStock, "stock": cQty, "lagersaldo": cQty, "lager": cQty,
	"backorders allowed?": cPolicy, "tillåt restnoteringar?": cPolicy, "weight": cWeight, "vikt": cWeight, "length": cLength, "längd": cLength, "width": cWidth, "bredd": cWidth, "height": cHeight, "höjd": cHeight,
	"sale price": cCompare, "reapris": cCompare, "regular price": cPrice, "ordinarie pris": cPrice, "categories": cShelf, "kategorier": cShelf, "tags": cTags, "taggar": cTags, "etiketter": cTags,
	"images": cImage, "bilder": cImage, "parent": cParent, "förälder": cParent, "brands": cVendor, "varumärken": cVendor,
	"is featured?": cUnused, "sold individually?": cUnused, "low stock amount": cUnused, "allow customer reviews?": cUnused, "purchase note": cUnused, "shipping class": cUnused,
	"download limit": cUnused, "download expiry days": cUnused, "grouped products": cUnused, "upsells": cUnused, "cross-sells": cUnused, "external url": cUnused, "button text": cUnused, "position": cUnused,
	"cost of goods": cCost, "lågt lagerantal": cUnused, "säljes styckvis?": cUnused, "tillåt kundrecensioner?": cUnused, "köpmeddelande": cUnused, "fraktklass": cUnused,
	"nedladdningsgräns": cUnused, "grupperade produkter": cUnused, "merförsäljning": cUnused, "korsförsäljning": cUnused, "extern url": cUnused, "knapptext": cUnused,
	"commodity code (hs code)": cUnused, "country of origin": cUnused, "customs description": cUnused,
}

var (
	optionName = regexp.MustCompile(`^option ?([1-3]) (name|value|linked to)$`)
	attribute  = regexp.MustCompile(`^(?:attribute|attribut|egenskap) ([0-9]{1,2}) (name|namn|value\(s\)|värde\(n\)|värden|visible|synlig|global|globalt|default|standard)$`)
	download   = regexp.MustCompile(`^(?:download|nedladdning) [0-9]+ (id|name|url|namn)$`)
	inUnit     = regexp.MustCompile(`^(.*) \(([a-z]+)\)$`)
)

// sheet is a recognised header.
type sheet struct {
	format  string
	header  []string       // as written
	at      map[col]int    // where a column is
	unit    map[col]string // of weights and lengths, as the header says
	names   [100]int       // where "Attribute n name" or "Option n name" is, plus one
	values  [100]int
	Unknown []string
	unused  map[int]bool // columns that nothing is made of; true once one has something in it
}

func headerForm(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\ufeff' || r == '\u200b' {
			return -1
		}
		return r
	}, norm.NFC.String(s))
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}

// recognise reads a header; nil when it is neither's.
func recognise(cells []string) *sheet {
	var forms []string
	has := map[string]bool{}
	for _, c := range cells {
		f := headerForm(c)
		forms = append(forms, f)
		if has[f] = true; inUnit.MatchString(f) {
			has[inUnit.FindStringSubmatch(f)[1]] = true
		}
	}
	any := func(names ...string) bool {
		for _, n := range names {
			if has[n] {
				return true
			}
		}
		return false
	}
	switch {
	case any("handle", "url handle") && any("title", "variant price", "price", "variant sku", "sku", "variant inventory qty", "inventory quantity"),
		any("title") && any("variant price", "body (html)", "variant sku"):
		return index(Shopify, cells, forms)
	case any("type", "typ") && any("name", "namn") && any("regular price", "ordinarie pris", "sku", "artikelnr", "artikelnummer", "id"),
		any("sku", "artikelnr", "artikelnummer", "id") && any("regular price", "ordinarie pris") && !any("title"):
		return index(WooCommerce, cells, forms)
	}
	return nil
}

func index(format string, cells, forms []string) *sheet {
	s := &sheet{format: format, header: cells, at: map[col]int{}, unit: map[col]string{}, unused: map[int]bool{}}
	names := shopifyNames
	if format == WooCommerce {
		names = wooNames
	}
	for i, f := range forms {
		if f == "" {
			continue
		}
		c, ok := names[f]
		if m := inUnit.FindStringSubmatch(f); !ok && m != nil && format == WooCommerce {
			if c, ok = names[m[1]]; ok {
				s.unit[c] = m[2]
			}
		}
		if !ok && s.numbered(format, f, i) {
			continue
		}
		if !ok && s.passing(format, f) {
			c, ok = cUnused, true
		}
		switch _, twice := s.at[c]; {
		case !ok:
			s.Unknown = append(s.Unknown, cells[i])
		case c == cUnused:
			s.unused[i] = false
		case twice:
			s.unused[i] = false
		default:
			s.at[c] = i
		}
	}
	return s
}

// numbered takes "Option1 Name" and "Attribute 1 value(s)".
func (s *sheet) numbered(format, f string, i int) bool {
	m := optionName.FindStringSubmatch(f)
	if format == WooCommerce {
		m = attribute.FindStringSubmatch(f)
	}
	if m == nil {
		return false
	}
	n, _ := count(m[1])
	switch m[2] {
	case "name", "namn":
		s.names[n] = i + 1
	case "value", "value(s)", "värde(n)", "värden":
		s.values[n] = i + 1
	}
	return true
}

// passing are columns that come by the dozen and mean nothing here.
func (s *sheet) passing(format, f string) bool {
	if format == Shopify {
		for _, p := range []string{"google shopping /", "included /", "price /", "compare-at price /", "compare at price /"} {
			if strings.HasPrefix(f, p) {
				return true
			}
		}
		return strings.Contains(f, ".metafields.") || strings.HasPrefix(f, "metafield:")
	}
	return strings.HasPrefix(f, "meta:") || download.MatchString(f)
}

// idle notes which of the unused columns have something in them, and idleNames
// are their names.
func (s *sheet) idle(r row) {
	for i, seen := range s.unused {
		if !seen && i < len(r.cells) && r.cells[i] != "" {
			s.unused[i] = true
		}
	}
}

func (s *sheet) idleNames() (out []string) {
	for i, h := range s.header {
		if s.unused[i] {
			out = append(out, h)
		}
	}
	return
}

// carries reports whether the file has the column.
func (s *sheet) carries(c col) bool { _, ok := s.at[c]; return ok }

// get is the cell, trimmed.
func (s *sheet) get(r row, c col) string {
	i, ok := s.at[c]
	if !ok || i >= len(r.cells) {
		return ""
	}
	return s.tidy(r.cells[i])
}

func (s *sheet) cell(r row, plusOne int) string {
	if plusOne == 0 || plusOne > len(r.cells) {
		return ""
	}
	return s.tidy(r.cells[plusOne-1])
}

// tidy trims, and takes off the apostrophe that WooCommerce puts before what a
// spreadsheet could take for a formula, and before numbers that Excel would bend.
func (s *sheet) tidy(c string) string {
	c = strings.TrimSpace(c)
	if len(c) > 1 && c[0] == '\'' && strings.IndexByte("=+-@0123456789", c[1]) >= 0 {
		c = c[1:]
	}
	return c
}

// name is how the file writes the column, for reports.
func (s *sheet) name(c col) string {
	if i, ok := s.at[c]; ok {
		return s.header[i]
	}
	return ""
}
