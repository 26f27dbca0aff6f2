package view

import (
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/web/ui"
)

// UnitPrice is a comparison price: 202,94 kr per kg. A zero Price is none.
type UnitPrice struct {
	Price money.Money
	Unit  string // "kg", "l", "m", "st" in the page's language
}

// Card is one good in a list.
type Card struct {
	Path     string // "/products/handle"
	Title    string
	Text     string // one sentence
	TextLang lang.Lang
	Image    ui.Image
	Price    money.Money
	From     bool        // variants differ in price: "från"
	Prior    money.Money // lowest price of the 30 days before the reduction; zero: not reduced
	Unit     UnitPrice
	SoldOut  bool
	Few      bool   // few left
	Label    string // a word of the merchant's: "B-vara", "Nyhet"; empty: none
}

// Home is "/".
type Home struct {
	Shell
	Heading    string // the shop's sentence
	Lead       string
	Hero       []Card // one to three goods whose pictures open the page
	Picks      []Card // chosen goods
	PicksTitle string // empty: "Utvalt just nu"
	Reduced    []Card // goods with a reduced price; may be empty
	Tiles      []Tile
	FreeFrom   money.Money // free delivery from this sum; zero: never
	AnswerIn   int         // hours within which customer service answers
}

// Tile is a category with a picture.
type Tile struct {
	Text, Path string
	Image      ui.Image
}

// Listing is a category or a search result.
type Listing struct {
	Shell
	Heading  string
	Lead     string
	LeadLang lang.Lang
	Crumbs   []ui.Link // paths; the last is the page
	Total    int
	Cards    []Card
	Facets   []Facet
	Active   []ui.Link // chosen filters; the path takes one away
	ClearAll string    // path without filters, or ""
	Sorts    []ui.Option
	SortForm []Hidden // the query's other values, kept by the sort form
	Pager    ui.Pager // made with full paths (language included)
	Sub      []ui.Link
	// Only for a search:
	Search     bool
	Query      string
	DidYouMean *ui.Link // another spelling with results
	Popular    []Card   // shown when nothing was found
}

// Hidden is a value that a form carries along.
type Hidden struct{ Name, Value string }

// Facet is one property to filter by; every choice is a link.
type Facet struct {
	Name    string
	Choices []FacetChoice
}

// FacetChoice adds or takes away one filter.
type FacetChoice struct {
	Text   string
	Path   string // the list with this choice turned
	Count  int
	Chosen bool
}

// Product is "/products/{handle}".
type Product struct {
	Shell
	Handle   string
	Crumbs   []ui.Link
	Title    string
	Text     string // the short description: what it is
	TextLang lang.Lang
	Body     ui.Rich // longer description, already safe; may be nil
	Images   []ui.Image
	Label    string // "B-vara" and the like

	Options      string    // legend of the variants: "Storlek", "Färg"
	Variants     []Variant // at least one
	Quantity     int       // prefilled; 0 is 1
	FreeFrom     money.Money
	Withdrawal   string      // "yes", "custom_made", "perishable", "sealed", "dated"
	ReturnCost   money.Money // when goods cannot go by post; zero: not said
	Personalised bool        // the price was set for this buyer by an automatic decision
	Guarantee    string      // in words, or ""

	Facts     []Fact // weight, measure, origin …
	Safety    Safety
	Allergens []string // "råg"; shown in bold
	Contents  string   // ingredients or fibre content
	Energy    *Energy
	Updates   string // security updates until, for goods with digital parts
	GiftCard  bool   // of the shop's own: leads to what is left on one
	Digital   string // function, protection and compatibility of digital goods
	Care      string
	Related   []Card

	LD any // linked data for search engines (schema.org Product), or nil
}

// Variant is one thing that can be bought.
type Variant struct {
	ID       string
	Title    string // "24 cm"; empty when there is only one
	Price    money.Money
	Prior    money.Money // lowest price of the 30 days before the reduction; zero: not reduced
	Unit     UnitPrice
	VATRate  int64 // basis points
	Sellable bool
	Chosen   bool
	Stock    Stock
	SKU      string
}

// Stock is what is said beside the button.
type Stock struct {
	Kind     string    // "in", "few", "backorder", "made" (to the buyer's wishes), "out"
	Left     int       // with "few"; 0: the number is not told
	Cutoff   time.Time // order before this moment …
	ShipDay  time.Time // … and it leaves on this day; both zero: not said
	Earliest time.Time // delivery, first and last day; zero: not said
	Latest   time.Time
	MinDays  int // delivery in days; used when no dates are given
	MaxDays  int
}

// Fact is a named property.
type Fact struct{ Name, Value string }

// Safety is what the product-safety regulation demands.
type Safety struct {
	Maker        string // name
	MakerAddress string // postal address
	MakerContact string // e-mail or web address
	Responsible  string // in the EU, when the maker is outside
	RespAddress  string
	RespContact  string
	Identifiers  string // type, batch, GTIN
	Warnings     []string
	Complaints   bool // name the channel for safety complaints
}

// Energy is the energy label of a good.
type Energy struct {
	Class    string // "F"
	Range    string // "A–G"
	LabelURL string // the label, a file of the shop; or ""
	SheetURL string // the product information sheet
}
