package order

import (
	"embed"
	"slices"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "order", FS: migrationsFS}

var (
	fieldContact = secret.Register("order.contact", "to deliver the order and answer questions about it")
	fieldMail    = secret.Register("order.mail", "to find an order by its number and mail address")
	fieldBooks   = secret.Register("order.books", "what the bookkeeping law makes the shop keep of a sale")
)

// Contact is the buyer's details as they stood when he bought.
type Contact struct {
	Email, Phone, Name, Company, OrgNumber, Reference string
	Newsletter                                        bool
	Address                                           Address
	Billing                                           *Address `json:",omitempty"`
}

// Address is a postal address.
type Address struct {
	CareOf, Line1, Line2, PostalCode, City, Country, DoorCode string
}

// MailAddress is where the buyer is written to.
func (c Contact) MailAddress() string { return c.Email }

// Draft is what is agreed, without anything personal. checkout freezes it
// before money is asked for; Place makes it permanent. Field names are part of
// the stored form.
type Draft struct {
	Currency     string      `json:"currency"`
	Lang         lang.Lang   `json:"lang"`
	Lines        []DraftLine `json:"lines"`
	Goods        money.Money `json:"goods"`
	Discount     money.Money `json:"discount"`
	Delivery     money.Money `json:"delivery"`
	GiftCard     money.Money `json:"gift_card"`
	Total        money.Money `json:"total"`
	ToPay        money.Money `json:"to_pay"`
	VAT          []VAT       `json:"vat"`
	Codes        []string    `json:"codes,omitempty"`
	Shipping     Shipping    `json:"shipping"`
	Method       string      `json:"method"`
	TermsVersion string      `json:"terms_version"`
	Consents     []Consent   `json:"consents,omitempty"`
	// Unasked are the consents that the law wants and the buyer was not asked for
	// or did not give: what they would have changed stands as the law has it.
	Unasked []Consent `json:"unasked,omitempty"`
	// Gifts are the gift cards that pay, and how much of each: GiftCard in all.
	Gifts []Gift `json:"gifts,omitempty"`
	// Take says when money is taken that is only reserved at first: TakeShipped or
	// TakePlaced. Empty where the way to pay takes it at once, or bills it.
	Take string `json:"take,omitempty"`
}

// When reserved money is taken.
const (
	TakeShipped = "ship"   // as the goods leave
	TakePlaced  = "placed" // when the order is placed
)

// Gift is what a gift card pays of a purchase. Its code is not here.
type Gift struct {
	Card   db.ID       `json:"card"`
	Last4  string      `json:"last4"`
	Amount money.Money `json:"amount"`
}

// Consent is what the buyer agreed to apart from the terms: which words, and when.
type Consent struct {
	Kind    string    `json:"kind"` // b_goods, digital
	Variant db.ID     `json:"variant"`
	Title   string    `json:"title"`
	Text    string    `json:"text"` // as it was read, in the buyer's language
	Version string    `json:"version"`
	At      time.Time `json:"at,omitzero"`
}

// VAT is the tax contained in the total at one rate (basis points).
type VAT struct {
	RateBP int64 `json:"rate_bp"`
	Gross  int64 `json:"gross"`
	Amount int64 `json:"amount"`
}

// DraftLine is one line as sold.
type DraftLine struct {
	Product    db.ID             `json:"product"`
	Variant    db.ID             `json:"variant"`
	Handle     string            `json:"handle"`
	SKU        string            `json:"sku,omitempty"`
	Kind       string            `json:"kind,omitempty"` // gift_card; empty for all else
	TitleSV    string            `json:"title_sv"`
	TitleEN    string            `json:"title_en"`
	Options    string            `json:"options,omitempty"`
	Facts      string            `json:"facts,omitempty"` // main characteristics, in the buyer's language
	Quantity   int64             `json:"quantity"`
	Unit       money.Money       `json:"unit"`
	Total      money.Money       `json:"total"`
	Discount   int64             `json:"discount"`
	RateBP     int64             `json:"rate_bp"`
	VAT        int64             `json:"vat"`
	Withdrawal string            `json:"withdrawal"` // yes, or the ground of the exception
	Bulky      bool              `json:"bulky,omitempty"`
	WeightG    int64             `json:"weight_g,omitempty"`
	ReturnCost int64             `json:"return_cost,omitempty"`
	Extra      map[string]string `json:"extra,omitempty"`
}

// KindGiftCard is the DraftLine.Kind of cards, which are issued when they are paid.
const KindGiftCard = "gift_card"

// HasGiftCards reports whether cards are among what is bought.
func (d Draft) HasGiftCards() bool {
	return slices.ContainsFunc(d.Lines, func(l DraftLine) bool { return l.Kind == KindGiftCard })
}

// Title in the language, Swedish when there is no other.
func (l DraftLine) Title(lg lang.Lang) string {
	if lg == lang.EN && l.TitleEN != "" {
		return l.TitleEN
	}
	return l.TitleSV
}

// Shipping is how the goods reach the buyer, as promised.
type Shipping struct {
	Method       db.ID     `json:"method,omitzero"`
	Code         string    `json:"code"`
	Kind         string    `json:"kind"`
	NameSV       string    `json:"name_sv"`
	NameEN       string    `json:"name_en"`
	Carrier      string    `json:"carrier,omitempty"`
	PointID      string    `json:"point_id,omitempty"`
	PointName    string    `json:"point_name,omitempty"`
	PointAddress string    `json:"point_address,omitempty"`
	ShipsOn      time.Time `json:"ships_on"`
	Earliest     time.Time `json:"earliest"`
	Latest       time.Time `json:"latest"`
}

// Name in the language.
func (s Shipping) Name(lg lang.Lang) string {
	if lg == lang.EN && s.NameEN != "" {
		return s.NameEN
	}
	return s.NameSV
}

// State of an order.
type State string

// The states; paid and shipped are derived.
const (
	Placed    State = "placed"
	Closed    State = "closed"
	Cancelled State = "cancelled"
)

// Order is the record.
type Order struct {
	ID, Purchase, Person db.ID
	Customer             db.ID // in the room of customers; 0: from before they were kept
	Number               int64
	TokenVersion         int64
	State                State
	Lang                 lang.Lang
	Method               string
	Total, ToPay         money.Money
	Paid, Refunded       money.Money // by the provider or the bank
	GiftPaid             money.Money // by gift cards
	GiftRefunded         money.Money // back to gift cards
	Draft                Draft
	OCR                  string
	DueAt                time.Time
	ShippedAt            time.Time // when the last parcel left
	ReceivedAt           time.Time // when the buyer had the last piece, if known
	PlacedAt             time.Time
	Version              int64
	Lines                []Line
}

// Line is a draft line with what has happened to it since.
type Line struct {
	ID       db.ID
	Position int64
	DraftLine
	Shipped, Cancelled, Returned int64
}

// Open is how many pieces are still to be shipped.
func (l Line) Open() int64 { return l.Quantity - l.Shipped - l.Cancelled }

// NumberString is the number as people see it.
func (o Order) NumberString() string {
	if o.Number == 0 {
		return ""
	}
	return itoa(o.Number)
}

// PaidInAll is what has been paid by all means.
func (o Order) PaidInAll() money.Money {
	return money.New(o.Paid.Amount+o.GiftPaid.Amount, o.Paid.Currency)
}

// RefundedInAll is what has gone back by all means.
func (o Order) RefundedInAll() money.Money {
	return money.New(o.Refunded.Amount+o.GiftRefunded.Amount, o.Refunded.Currency)
}

// IsPaid reports whether all that was to be paid has been.
func (o Order) IsPaid() bool { return o.Paid.Amount >= o.ToPay.Amount }

// Left is what is still to be paid.
func (o Order) Left() money.Money {
	return money.New(max(0, o.ToPay.Amount-o.Paid.Amount), o.ToPay.Currency)
}

// Paper is what a document is called now. The receipt of an order whose money is
// reserved is drawn when the order is placed and confirms it; a receipt it is when all
// that is owed has been taken.
func (o Order) Paper(d Document) string {
	if d.Kind == "receipt" && o.Draft.Take != "" && (!o.IsPaid() || o.Paid.Amount == 0) {
		return Confirmation
	}
	return d.Kind
}

// Confirmation is the paper of an order whose money is not taken yet.
const Confirmation = "confirmation"

// IsShipped reports whether nothing is left to ship.
func (o Order) IsShipped() bool {
	for _, l := range o.Lines {
		if l.Open() > 0 {
			return false
		}
	}
	return len(o.Lines) > 0
}

// Event is one row of the timeline.
type Event struct {
	ID     db.ID
	Kind   string
	Public bool
	Data   map[string]string
	At     time.Time
}

// Document is a receipt, invoice or credit note.
type Document struct {
	ID, Order db.ID
	Kind      string
	Number    int64
	RefersTo  int64
	Amount    money.Money
	VAT       []VAT
	Reason    string
	At        time.Time
}
