package view

import (
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/web/ui"
)

// CartLine is one line, in the cart, the checkout and the order.
type CartLine struct {
	ID        string
	Path      string // of the product; empty when it is no longer there
	Title     string
	Variant   string // "24 cm"; may be empty
	Facts     string // main characteristics, a sentence; may be empty
	TextLang  lang.Lang
	Image     ui.Image
	Quantity  int
	Max       int // most that can be chosen; 0: 99
	UnitPrice money.Money
	Total     money.Money
	Notes     []string // "Specialtillverkad: ingen ångerrätt", "Skickas inom 2 veckor"
	Problem   string   // "Bara 2 kvar", or ""
}

// VATLine is the VAT contained in a total at one rate.
type VATLine struct {
	Rate   int64 // basis points
	Amount money.Money
	Base   money.Money // what it is counted on, without VAT; zero currency: not told
}

// Totals are the sums; Delivery is unknown until an option is chosen.
type Totals struct {
	Goods         money.Money
	Delivery      money.Money
	DeliveryKnown bool
	DeliveryName  string
	Discount      money.Money // ≥ 0; zero is none
	DiscountName  string
	GiftCard      money.Money // ≥ 0; zero is none
	Total         money.Money
	ToPay         money.Money
	VAT           []VATLine
}

// Cart is "/cart".
type Cart struct {
	Shell
	Lines    []CartLine
	Totals   Totals
	Problems []string    // whole sentences about the cart
	Changed  string      // "cart.changed" filled in, or ""
	Code     string      // discount code in force
	Gifts    []Gift      // gift cards that pay
	Form     ui.Form     // of the code form: field "code"
	FreeLeft money.Money // what is missing to free delivery; zero: nothing to say
	FreeFrom money.Money
	FreeNow  bool   // delivery is free already
	ReadOnly bool   // the shop takes no purchases right now
	Picks    []Card // shown when empty
}

// Gift is a gift card on the cart.
type Gift struct {
	ID    string
	Last4 string
	Use   money.Money // of it, for this cart
	Left  money.Money // on it afterwards
}

// DeliveryOption is one way to get the goods.
type DeliveryOption struct {
	ID       string
	Name     string
	Kind     string // of the delivery: what the promised days are called
	Text     string // "Hämta i ett paketskåp nära dig"
	Price    money.Money
	Earliest time.Time // promised days; zero: not said
	Latest   time.Time
	Chosen   bool
	Points   []ui.Option // places to collect, when this one is chosen
}

// promise says when the goods are there: at the buyer's, or where they are collected.
func (d DeliveryOption) promise(l lang.Lang) string {
	days := lang.DateRange(l, d.Earliest, d.Latest)
	switch d.Kind {
	case "pickup", "locker":
		return lang.T(l, "delivery.promise.point", "days", days)
	case "store":
		return lang.T(l, "delivery.promise.store", "days", days)
	}
	return lang.T(l, "delivery.promise", "days", days)
}

// PaymentOption is one way to pay. Those without credit come first; one with
// credit is never Chosen unless the buyer chose it himself.
type PaymentOption struct {
	ID     string // "card", "invoice"
	Name   string
	Text   string
	Credit bool
	Chosen bool
	Down   bool // the provider does not answer right now
	Calls  bool // can call upon the buyer's phone by number
}

// Consent is a box that the law wants ticked for one line: a B-vara's deviation,
// the start of a digital delivery. It is never prefilled.
type Consent struct {
	Name string // field name, e.g. "consent_b_123"
	Text string
}

// Checkout is "/checkout": one page, one form, one button.
//
// Field names are the API's: email, phone, name, company, org_number, reference,
// newsletter, address/line1, address/line2, address/care_of, address/postal_code,
// address/city, address/country, address/door_code, delivery/option_id,
// delivery/pickup_point_id, payment_method, payer_phone, code, expected_total, version.
// POST /checkout places the purchase; POST /checkout/update (same form) only
// counts again and answers with this page.
type Checkout struct {
	Shell
	Form       ui.Form
	Lines      []CartLine
	Totals     Totals
	Changed    string // "cart.changed" filled in; the button confirms the new sum
	Suggestion string // a better spelling of the mail address
	Delivery   []DeliveryOption
	Payment    []PaymentOption
	Countries  []ui.Option
	Consents   []Consent
	Withdrawal []string // exceptions, one sentence a line they concern; empty: all goods may be withdrawn
	PhoneAsked bool     // the chosen delivery needs a phone number
	Business   bool     // open the company fields
	Version    string
	HoldUntil  time.Time // goods are held until then; zero: not said
	ReadOnly   string    // the sentence of the read-only mode, or ""
	Open       string    // path of a purchase already under way with this cart, or ""
}

// commit is the sentence above the button before the sum (0) and after it (1).
func (p Checkout) commit(n int) string {
	var out [2]string
	i := 0
	for _, part := range lang.Parts(p.l(), "buy.commit") {
		if part.Name == "total" {
			i = 1
		} else {
			out[i] += part.Text
		}
	}
	return out[n]
}
