package catalog

import (
	"embed"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the tables of this room.
var Migrations = db.Migrations{Room: "catalog", FS: migrationsFS}

// Entities in the change feed.
const (
	EntityProduct   = "product"
	EntityCategory  = "category"
	EntityAttribute = "attribute"
)

// Languages of texts.
const (
	SV = lang.SV
	EN = lang.EN
)

// Localized is a short text in both languages.
type Localized struct{ SV, EN string }

// In returns the text for language l and the language it really is in: English falls back to Swedish, and Swedish, where only English was
// given, to English. A face puts the language on the element when it is not l.
func (t Localized) In(l lang.Lang) (string, lang.Lang) {
	if (l == EN && t.EN != "") || t.SV == "" && t.EN != "" {
		return t.EN, EN
	}
	return t.SV, SV
}

// Kind of product.
type Kind string

// Kinds. Only goods need delivery; a gift card carries no VAT when sold.
const (
	Goods    Kind = "goods"
	Digital  Kind = "digital"
	Service  Kind = "service"
	GiftCard Kind = "gift_card"
)

// Status of a product.
type Status string

// Statuses.
const (
	Draft     Status = "draft"
	Published Status = "published"
	Archived  Status = "archived"
)

// VariantStatus of a variant.
type VariantStatus string

// Statuses of variants; hidden is neither shown nor sold, removed is for good.
const (
	Active  VariantStatus = "active"
	Hidden  VariantStatus = "hidden"
	Removed VariantStatus = "removed"
)

// VAT classes that pricing seeds for Sweden. The rate of a class on a day is
// pricing's matter; the class is a property of the goods.
const (
	VATStandard   = "standard"
	VATFood       = "food"
	VATBook       = "book"
	VATServedFood = "served_food"
	VATVoucher    = "voucher" // a gift card good for several rates: no VAT when sold
)

// VATClasses are the classes a product may have.
var VATClasses = []string{VATStandard, VATFood, VATBook, VATServedFood, VATVoucher}

// Party is the maker, or the person responsible in the EU (GPSR art. 19 a, b).
// It is a company's public address, not personal data.
type Party struct {
	Name       string
	Postal     string
	Electronic string // mail address or web page
}

func (p Party) whole() bool { return p.Name != "" && p.Postal != "" && p.Electronic != "" }

// Core is what a product is, apart from texts and variants.
type Core struct {
	Handle         string
	Kind           Kind
	Brand          string
	VATClass       string
	Withdrawal     Withdrawal
	Regimes        []Regime // what the law asks of these goods, beyond what its categories say
	Bulky          bool
	ReturnCost     money.Money // what sending it back costs the buyer when it does not go by post; zero value: none stated
	Unit           string      // "", "kg", "l", "m", "piece"
	Content        int64       // thousandths of Unit: grams, millilitres, millimetres, pieces·1000; variants may differ
	Maker          Party
	MakerOutsideEU bool // outside the EU and EEA: EUResponsible is required
	EUResponsible  Party
	NoWarnings     bool   // someone has judged that no warning is needed
	EnergyClass    string // "", "A" … "G"
	Origin         string // ISO 3166 alpha-2, or ""
	MinAge         int64  // years; 0 none
}

// Text holds the words of a product or category in one language.
type Text struct {
	Lang           lang.Lang
	Title          string
	Description    string // Markdown
	SEOTitle       string
	SEODescription string
	Materials      string // fibre composition of textiles and the like
	Ingredients    string
	Allergens      string // as printed; "-" says that there are none
	Warnings       []string
}

// Texts are the texts by language.
type Texts map[lang.Lang]Text

// In returns the text for language l, or the whole of the other language's when
// there is no title in l; Text.Lang says which it is.
func (t Texts) In(l lang.Lang) Text {
	l = l.Or()
	a, b := t[l], t[l.Other()]
	if a.Title == "" && b.Title != "" {
		b.Lang = l.Other()
		return b
	}
	a.Lang = l
	return a
}

// Title is the title in both languages.
func (t Texts) Title() Localized { return Localized{t[SV].Title, t[EN].Title} }

// Product is a product with everything that hangs on it.
type Product struct {
	ID      db.ID
	Version int64
	Core
	Status      Status
	PublishFrom time.Time // zero: since always
	PublishTo   time.Time // zero: for ever
	Complete    bool
	Owed        bool
	Demands     []Regime // Regimes and those of the categories: what the page must tell
	Texts       Texts
	Options     []Option
	Variants    []Variant // by position; removed ones only through AnyByID
	Media       []Media
	Categories  []db.ID // by position; the first is the main one
	Tags        []string
	Values      []Value
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Visible reports whether the product shows at the legal instant at.
func (p *Product) Visible(at time.Time) bool {
	return visible(p.Status, p.Complete, p.Owed, p.PublishFrom, p.PublishTo, at)
}

func visible(s Status, complete, owed bool, from, to, at time.Time) bool {
	return s == Published && (complete || owed) &&
		(from.IsZero() || !at.Before(from)) && (to.IsZero() || at.Before(to))
}

// NeedsDelivery reports whether it must be sent or fetched.
func (p *Product) NeedsDelivery() bool { return p.Kind == Goods }

// Option is something to choose: size, colour.
type Option struct {
	ID     db.ID
	Name   Localized
	Values []OptionValue
}

// OptionValue is one choice of an option.
type OptionValue struct {
	ID    db.ID
	Label Localized
}

// Choice is an option with the value a variant has.
type Choice struct{ Name, Value Localized }

// Variant is the thing one can buy.
type Variant struct {
	ID          db.ID
	Product     db.ID
	Status      VariantStatus
	Position    int64
	Choices     []Choice // in the order of the options
	SKU         string
	GTIN        string
	WeightG     int64     // shipping weight, grams
	SizeMM      [3]int64  // length, width, height; 0 unknown
	Content     int64     // overrides Product.Content when not 0
	Tracked     bool      // stock is counted
	Backorder   bool      // may be sold below zero
	MadeToOrder bool      // made to the buyer's wishes: custom_made whatever the product says
	LeadDays    int64     // working days before it can leave when it is not on the shelf, or made to order
	BGoods      Localized // what is wrong with it; needs a consent of its own
	CreatedAt   time.Time
	values      []db.ID
}

// ValueIDs are the ids of the chosen option values, in the order of the options.
func (v *Variant) ValueIDs() []db.ID { return v.values }

// MediaKind says what a file is for.
type MediaKind string

// Kinds of media.
const (
	Picture      MediaKind = "picture"
	EnergyLabel  MediaKind = "energy_label"
	ProductSheet MediaKind = "product_sheet"
	Manual       MediaKind = "manual"
)

// Media is a picture or a document, by the SHA-256 of its content in hex.
type Media struct {
	ID            db.ID
	Kind          MediaKind
	File          string
	Variant       db.ID // 0: of the whole product
	Width, Height int64 // pixels, 0 unknown
	Alt           Localized
}

// Value is the value a product has for an attribute.
type Value struct {
	Attribute db.ID
	Key       string
	Type      AttributeType
	Value     string // canonical; what a filter names
	Number    int64  // thousandths, for numbers
	Label     Localized
	Name      Localized // of the attribute
	Unit      string
	Filter    bool
}

// Sound reports whether goods without a flaw are for sale among the variants. Then
// those with one (B-varor) do not tell what the product costs from. priced tells
// which variants have a price.
func (p *Product) Sound(priced func(db.ID) bool) bool {
	return slices.ContainsFunc(p.Variants, func(v Variant) bool { return v.Status == Active && v.BGoods.SV == "" && priced(v.ID) })
}

// Pictures are the media of kind picture.
func (p *Product) Pictures() []Media {
	var out []Media
	for _, m := range p.Media {
		if m.Kind == Picture {
			out = append(out, m)
		}
	}
	return out
}
