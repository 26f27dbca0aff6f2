package goods

import (
	"slices"

	"kassavalv/internal/shop/catalog"
)

// loc is a text in both languages.
type loc = catalog.Localized

// words are the texts of a good in one language.
type words struct {
	title, text string
	materials   string
	ingredients string
	allergens   string
	warnings    []string
}

// good is one of the forty-two. Amounts are öre, weights grams, sizes
// millimetres, contents thousandths of the unit.
type good struct {
	handle     string
	sv, en     words
	categories []string // handles, the main one first
	tags       []string
	core       catalog.Core // handle and kind may be left out
	options    []loc        // names, in the order of the choices
	variants   []variant
	pictures   []picture
	values     []catalog.NewValue
	hold       bool // a safety fact is missing: it stays a draft
}

// variant is what one can buy of a good.
type variant struct {
	sku     string
	choices []loc
	price   int64
	weight  int64
	size    [3]int64
	content int64
	stock   int64
	mode    mode
	custom  bool
	flaw    loc
}

// mode says how stock is kept.
type mode int

const (
	counted   mode = iota
	backorder      // may be sold below zero
	untracked
)

// earlier is a price that held from so many days before now.
type earlier struct {
	days  int
	price int64
}

// picture is a drawing by its name; of are the places of variants, from 1, or
// none for the whole good.
type picture struct {
	name string
	alt  loc
	of   []int
	kind catalog.MediaKind
}

// Facets that goods share.
const (
	facetMaterial = "material"
	facetColour   = "farg"
	facetMade     = "tillverkad_i"
	facetWash     = "diskmaskin"
)

var attributes = []catalog.Attribute{
	{Key: facetMaterial, Type: catalog.Choose, Filterable: true, Position: 1, Name: loc{SV: "Material", EN: "Material"}},
	{Key: facetColour, Type: catalog.Choose, Filterable: true, Position: 2, Name: loc{SV: "Färg", EN: "Colour"}},
	{Key: facetMade, Type: catalog.Choose, Filterable: true, Position: 3, Name: loc{SV: "Tillverkad i", EN: "Made in"}},
	{Key: facetWash, Type: catalog.Yes, Filterable: true, Position: 4, Name: loc{SV: "Tål diskmaskin", EN: "Dishwasher-safe"}},
}

// Names of options.
var (
	optColour = loc{SV: "Färg", EN: "Colour"}
	optSize   = loc{SV: "Storlek", EN: "Size"}
	optGlaze  = loc{SV: "Glasyr", EN: "Glaze"}
	optName   = loc{SV: "Namn", EN: "Name"}
	optKind   = loc{SV: "Sort", EN: "Kind"}
	optRuling = loc{SV: "Linjering", EN: "Ruling"}
	optAge    = loc{SV: "Ålder", EN: "Age"}
	optAmount = loc{SV: "Belopp", EN: "Amount"}
	optDate   = loc{SV: "Datum", EN: "Date"}
	optPart   = loc{SV: "Del", EN: "Part"}
)

func made(country loc) catalog.NewValue { return catalog.NewValue{Key: facetMade, Label: country} }

var (
	sweden  = loc{SV: "Sverige", EN: "Sweden"}
	finland = loc{SV: "Finland", EN: "Finland"}
	latvia  = loc{SV: "Lettland", EN: "Latvia"}
	turkey  = loc{SV: "Turkiet", EN: "Turkey"}
	poland  = loc{SV: "Polen", EN: "Poland"}
)

func of(material ...loc) []catalog.NewValue { return values(facetMaterial, material) }
func in(colour ...loc) []catalog.NewValue   { return values(facetColour, colour) }

func values(key string, labels []loc) []catalog.NewValue {
	var out []catalog.NewValue
	for _, l := range labels {
		out = append(out, catalog.NewValue{Key: key, Label: l})
	}
	return out
}

func washable(yes bool) catalog.NewValue {
	v := "false"
	if yes {
		v = "true"
	}
	return catalog.NewValue{Key: facetWash, Label: loc{SV: v, EN: v}}
}

// facts joins values of several facets.
func facts(single []catalog.NewValue, lists ...[]catalog.NewValue) []catalog.NewValue {
	return append(slices.Concat(lists...), single...)
}

// Materials and colours, named once.
var (
	castIron   = loc{SV: "Gjutjärn", EN: "Cast iron"}
	oakWood    = loc{SV: "Ek", EN: "Oak"}
	juniper    = loc{SV: "En", EN: "Juniper"}
	linenCloth = loc{SV: "Lin", EN: "Linen"}
	cotton     = loc{SV: "Bomull", EN: "Cotton"}
	stoneware  = loc{SV: "Stengods", EN: "Stoneware"}
	glassware  = loc{SV: "Glas", EN: "Glass"}
	wool       = loc{SV: "Ull", EN: "Wool"}
	stearin    = loc{SV: "Stearin", EN: "Stearin"}
	zincSheet  = loc{SV: "Plåt", EN: "Sheet metal"}
	paperStuff = loc{SV: "Papper", EN: "Paper"}
	terracotta = loc{SV: "Terrakotta", EN: "Terracotta"}
	steel      = loc{SV: "Stål", EN: "Steel"}
	ash        = loc{SV: "Ask", EN: "Ash"}
	pineWood   = loc{SV: "Furu", EN: "Pine"}
	birchWood  = loc{SV: "Björk", EN: "Birch"}
	beech      = loc{SV: "Bok", EN: "Beech"}
	willow     = loc{SV: "Vide", EN: "Willow"}
	beeswax    = loc{SV: "Bivax", EN: "Beeswax"}
	pvc        = loc{SV: "Vaxduk", EN: "Oilcloth"}

	blue     = loc{SV: "Blå", EN: "Blue"}
	red      = loc{SV: "Röd", EN: "Red"}
	natural  = loc{SV: "Natur", EN: "Natural"}
	green    = loc{SV: "Grön", EN: "Green"}
	grey     = loc{SV: "Grå", EN: "Grey"}
	whiteCol = loc{SV: "Vit", EN: "White"}
	yellow   = loc{SV: "Gul", EN: "Yellow"}
	black    = loc{SV: "Svart", EN: "Black"}
	brown    = loc{SV: "Brun", EN: "Brown"}
)
