package api

import (
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// List is one page of anything; NextCursor is null on the last page.
type List[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

func list[T any](items []T, next string) List[T] {
	if items == nil {
		items = []T{}
	}
	l := List[T]{Items: items}
	if next != "" {
		l.NextCursor = &next
	}
	return l
}

// Cart is a cart as it stands now.
type Cart struct {
	ID        string        `json:"id"`
	Version   int64         `json:"version"`
	Currency  string        `json:"currency"`
	Lines     []CartLine    `json:"lines"`
	Totals    Totals        `json:"totals"`
	Customer  *Customer     `json:"customer"`
	Delivery  *CartDelivery `json:"delivery"`
	Discounts []string      `json:"discounts"`
	GiftCards []CartGift    `json:"gift_cards"` // that pay, in the order in which they do
	Problems  []Problem     `json:"problems"`
	Purchase  *string       `json:"purchase"` // token of the purchase it became
	Consents  []Consent     `json:"consents"` // what the buyer is asked to agree to besides the terms
}

// CartGift is a gift card on a cart. Its code is not told: take it off by code or by id.
type CartGift struct {
	ID     string      `json:"id"`
	Last4  string      `json:"last4"`
	Amount money.Money `json:"amount"` // of it, for this cart
	Left   money.Money `json:"left"`   // on the card now
}

// Consent is something that the law wants agreed to expressly. Send its id, or its
// kind for all of the kind, with the purchase. Of an order: what was agreed to.
type Consent struct {
	ID        string  `json:"id,omitempty"`
	Kind      string  `json:"kind"` // b_goods, digital
	LineID    *string `json:"line_id,omitempty"`
	VariantID string  `json:"variant_id"`
	Text      string  `json:"text"`
	Version   string  `json:"version"` // of the wording
	At        *string `json:"at,omitempty"`
}

// CartLine is a number of pieces of one variant.
type CartLine struct {
	ID        string      `json:"id"`
	VariantID string      `json:"variant_id"`
	Title     string      `json:"title"`
	Options   string      `json:"options,omitempty"`
	SKU       string      `json:"sku,omitempty"`
	Quantity  int64       `json:"quantity"`
	UnitPrice money.Money `json:"unit_price"`
	Total     money.Money `json:"total"`
}

// Totals add up: total = goods + delivery − discount, to_pay = total −
// gift_card; VAT is contained in total.
type Totals struct {
	Goods    money.Money `json:"goods"`
	Delivery money.Money `json:"delivery"`
	Discount money.Money `json:"discount"`
	GiftCard money.Money `json:"gift_card"`
	Total    money.Money `json:"total"`
	ToPay    money.Money `json:"to_pay"`
	VAT      []VAT       `json:"vat"`
}

// VAT is the tax contained at one rate; the rate is a decimal string.
type VAT struct {
	Rate   string      `json:"rate"`
	Amount money.Money `json:"amount"`
}

// CartDelivery is the chosen option.
type CartDelivery struct {
	OptionID      string  `json:"option_id"`
	PickupPointID *string `json:"pickup_point_id"`
}

// Problem is something the buyer must know before a purchase.
type Problem struct {
	Code    string  `json:"code"`
	LineID  *string `json:"line_id,omitempty"`
	Message string  `json:"message"`
}

// Customer is who buys.
type Customer struct {
	Email          string   `json:"email"`
	Phone          string   `json:"phone,omitempty"`
	Name           string   `json:"name"`
	Company        string   `json:"company,omitempty"`
	OrgNumber      string   `json:"org_number,omitempty"`
	Reference      string   `json:"reference,omitempty"`
	Newsletter     bool     `json:"newsletter,omitempty"`
	Address        Address  `json:"address"`
	BillingAddress *Address `json:"billing_address,omitempty"`
}

// Address is a postal address.
type Address struct {
	CareOf     string `json:"care_of,omitempty"`
	Line1      string `json:"line1"`
	Line2      string `json:"line2,omitempty"`
	PostalCode string `json:"postal_code"`
	City       string `json:"city"`
	Country    string `json:"country"`
	DoorCode   string `json:"door_code,omitempty"`
}

// DeliveryOption is one way the goods can come.
type DeliveryOption struct {
	ID              string      `json:"id"`
	Name            string      `json:"name"`
	Kind            string      `json:"kind"`
	Price           money.Money `json:"price"`
	EarliestDate    string      `json:"earliest_date"`
	LatestDate      string      `json:"latest_date"`
	PhoneRequired   bool        `json:"phone_required"`
	PickupPointsURL *string     `json:"pickup_points_url"`
}

// PaymentMethod is one way to pay.
type PaymentMethod struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// MethodDown is a way to pay whose partner does not answer; it comes back by itself.
type MethodDown struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Message string `json:"message"`
}

// Methods are the ways to pay for a cart.
type Methods struct {
	Items       []PaymentMethod `json:"items"`
	Unavailable []MethodDown    `json:"unavailable"`
}

// Purchase is the true state of one attempt to buy.
type Purchase struct {
	Token      string    `json:"token"`
	State      string    `json:"state"`
	Next       *Next     `json:"next"`
	Reason     *string   `json:"reason"`
	Message    string    `json:"message"`
	MoneyMoved string    `json:"money_moved"`
	AnswerBy   *string   `json:"answer_by"`
	Order      *OrderRef `json:"order"`
}

// Next is what the buyer must do now: go to the address of a "redirect", or open that
// of an "app" on a device that has it. QR is the text of a code that opens the same app
// when another device scans it. Of a "phone" there is nothing to open here: the payment
// waits on the phone whose number was given, and the purchase's message says so.
type Next struct {
	Type string `json:"type"`
	URL  string `json:"url,omitempty"`
	QR   string `json:"qr,omitempty"`
}

// OrderRef points at the order.
type OrderRef struct {
	Number string `json:"number"`
	Token  string `json:"token"`
}

// Order is the record of a sale.
type Order struct {
	Number   string       `json:"number"`
	Token    string       `json:"token,omitempty"`
	State    string       `json:"state"`
	PlacedAt string       `json:"placed_at"`
	Lines    []OrderLine  `json:"lines"`
	Totals   Totals       `json:"totals"`
	Payment  OrderPayment `json:"payment"`
	Timeline []OrderEvent `json:"timeline"`
	Consents []Consent    `json:"consents"` // what the buyer agreed to besides the terms
	// Of the order's link alone: the gift cards that it bought.
	GiftCards []GiftCard `json:"gift_cards,omitempty"`
	Customer  *Customer  `json:"customer,omitempty"` // Admin API only
}

// GiftCard is a gift card that an order bought, for who holds the order's link.
type GiftCard struct {
	Code      string      `json:"code"`
	Last4     string      `json:"last4"`
	State     string      `json:"state"` // active, cancelled
	Issued    money.Money `json:"issued"`
	Left      money.Money `json:"left"`
	ExpiresAt string      `json:"expires_at"`
}

// PaymentPart is what one means paid of an order, and what has gone back by it.
type PaymentPart struct {
	Method   string      `json:"method"`
	Paid     money.Money `json:"paid"`
	Refunded money.Money `json:"refunded"`
}

// OrderPayment is the money of an order: paid and refunded are what the provider or the
// bank moved, of to_pay; parts has gift cards beside it.
type OrderPayment struct {
	Method   string        `json:"method"`
	Paid     money.Money   `json:"paid"`
	Refunded money.Money   `json:"refunded"`
	Parts    []PaymentPart `json:"parts"`
	// Of an invoice: its OCR number, the day it is due, and what is left to pay.
	OCR     string       `json:"ocr,omitempty"`
	DueDate string       `json:"due_date,omitempty"`
	Left    *money.Money `json:"left,omitempty"`
}

// OrderLine is a line as sold.
type OrderLine struct {
	ID        string      `json:"id"`
	VariantID string      `json:"variant_id"`
	Title     string      `json:"title"`
	Options   string      `json:"options,omitempty"`
	SKU       string      `json:"sku,omitempty"`
	Quantity  int64       `json:"quantity"`
	Shipped   int64       `json:"shipped"`
	Cancelled int64       `json:"cancelled"`
	Returned  int64       `json:"returned"`
	UnitPrice money.Money `json:"unit_price"`
	Total     money.Money `json:"total"`
	VATRate   string      `json:"vat_rate"`
}

// OrderEvent is one row of the timeline.
type OrderEvent struct {
	Kind string            `json:"kind"`
	At   string            `json:"at"`
	Data map[string]string `json:"data,omitempty"`
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func id(v db.ID) string { return v.String() }

func cartShape(v cart.View, token string, lg lang.Lang, who *order.Contact, purchase string) Cart {
	c := Cart{ID: token, Version: v.Version, Currency: v.Currency, Lines: []CartLine{}, Discounts: v.Codes, GiftCards: []CartGift{}, Problems: []Problem{}}
	if c.Discounts == nil {
		c.Discounts = []string{}
	}
	for _, l := range v.Lines {
		c.Lines = append(c.Lines, CartLine{ID: id(l.ID), VariantID: id(l.Variant), Title: pick(lg, l.Info.Title.SV, l.Info.Title.EN), Options: pick(lg, l.Info.Label().SV, l.Info.Label().EN),
			SKU: l.Info.SKU, Quantity: l.Quantity, UnitPrice: l.Price.Price, Total: l.Quoted.Total})
	}
	for _, g := range v.Gifts {
		c.GiftCards = append(c.GiftCards, CartGift{ID: id(g.Card), Last4: g.Last4, Amount: g.Use, Left: g.Left})
	}
	q := v.Quote
	c.Totals = Totals{Goods: q.Goods, Delivery: q.Delivery, Discount: q.Discount, GiftCard: q.GiftCard, Total: q.Total, ToPay: q.ToPay, VAT: []VAT{}}
	for _, s := range q.VAT {
		c.Totals.VAT = append(c.Totals.VAT, VAT{money.RateString(s.RateBP), s.Amount})
	}
	if who != nil {
		c.Customer = customerShape(*who)
	}
	if v.Chosen != nil {
		c.Delivery = &CartDelivery{OptionID: id(v.Chosen.Method.ID)}
		if v.Point != "" {
			c.Delivery.PickupPointID = &v.Point
		}
	}
	c.Consents = []Consent{}
	for _, x := range v.Consents(lg) {
		line := id(x.Line)
		c.Consents = append(c.Consents, Consent{ID: x.Key(), Kind: x.Kind, LineID: &line, VariantID: id(x.Variant), Text: x.Text, Version: x.Version})
	}
	for _, p := range v.Problems {
		out := Problem{Code: p.Code, Message: lang.T(lg, p.Key, p.Args...)}
		if p.Line > 0 {
			s := id(p.Line)
			out.LineID = &s
		}
		c.Problems = append(c.Problems, out)
	}
	if purchase != "" {
		c.Purchase = &purchase
	}
	return c
}

func pick(lg lang.Lang, sv, en string) string {
	if lg == lang.EN && en != "" {
		return en
	}
	return sv
}

func customerShape(c order.Contact) *Customer {
	out := &Customer{Email: c.Email, Phone: c.Phone, Name: c.Name, Company: c.Company, OrgNumber: c.OrgNumber, Reference: c.Reference, Newsletter: c.Newsletter, Address: Address(c.Address)}
	if c.Billing != nil {
		b := Address(*c.Billing)
		out.BillingAddress = &b
	}
	return out
}

func optionShape(o delivery.Option, lg lang.Lang, pointsURL string) DeliveryOption {
	out := DeliveryOption{ID: id(o.Method.ID), Name: pick(lg, o.Method.NameSV, o.Method.NameEN), Kind: string(o.Method.Kind), Price: o.Price,
		EarliestDate: o.Earliest.Format(time.DateOnly), LatestDate: o.Latest.Format(time.DateOnly), PhoneRequired: o.Method.PhoneRequired}
	if o.Method.HasPoints() && pointsURL != "" {
		out.PickupPointsURL = &pointsURL
	}
	return out
}

func (s *Store) purchaseShape(p checkout.Purchase, o *order.Order, lg lang.Lang) Purchase {
	out := Purchase{Token: p.Token(s.Vault), State: string(p.State), MoneyMoved: string(p.Money), Message: checkout.Message(lg, p, s.Desk.MethodName(lg, p.Method))}
	if (p.NextURL != "" || p.NextType == payment.NextPhone) && p.State == checkout.Awaiting {
		out.Next = &Next{p.NextType, p.NextURL, s.Desk.QR(p)}
	}
	if p.Reason != "" && (p.State == checkout.Refused || p.State == checkout.Expired) {
		out.Reason = &p.Reason
	}
	if !p.State.Terminal() {
		at := stamp(p.AnswerBy)
		out.AnswerBy = &at
	}
	if o != nil && (p.State == checkout.Paid || p.State == checkout.Placed) {
		out.Order = &OrderRef{o.NumberString(), o.Token(s.Vault)}
	}
	return out
}

// bought are the gift cards of an order, for who holds its link.
func (s *Store) bought(q db.Q, o order.Order) (out []GiftCard, err error) {
	if !o.Draft.HasGiftCards() {
		return nil, nil
	}
	cards, err := giftcard.OfOrder(q, o.ID)
	for _, c := range cards {
		out = append(out, GiftCard{Code: c.Code(s.Vault), Last4: c.Last4, State: c.State, Issued: c.Issued, Left: c.Left(), ExpiresAt: stamp(c.Expires)})
	}
	return out, err
}

func orderShape(o order.Order, events []order.Event, lg lang.Lang) Order {
	d := o.Draft
	out := Order{Number: o.NumberString(), State: string(o.State), PlacedAt: stamp(o.PlacedAt), Lines: []OrderLine{}, Timeline: []OrderEvent{},
		Payment: OrderPayment{Method: o.Method, Paid: o.Paid, Refunded: o.Refunded, OCR: o.OCR},
		Totals:  Totals{Goods: d.Goods, Delivery: d.Delivery, Discount: d.Discount, GiftCard: d.GiftCard, Total: d.Total, ToPay: d.ToPay, VAT: []VAT{}}}
	out.Payment.Parts = []PaymentPart{}
	if d.ToPay.Amount > 0 || o.GiftPaid.Amount == 0 {
		out.Payment.Parts = append(out.Payment.Parts, PaymentPart{o.Method, o.Paid, o.Refunded})
	}
	if o.GiftPaid.Amount > 0 {
		out.Payment.Parts = append(out.Payment.Parts, PaymentPart{giftcard.Method, o.GiftPaid, o.GiftRefunded})
	}
	if !o.DueAt.IsZero() {
		left := money.New(max(0, o.ToPay.Amount-o.Paid.Amount), o.ToPay.Currency)
		out.Payment.DueDate, out.Payment.Left = o.DueAt.In(lang.Zone).Format(time.DateOnly), &left
	}
	for _, v := range d.VAT {
		out.Totals.VAT = append(out.Totals.VAT, VAT{money.RateString(v.RateBP), money.New(v.Amount, d.Currency)})
	}
	for _, l := range o.Lines {
		out.Lines = append(out.Lines, OrderLine{ID: id(l.ID), VariantID: id(l.Variant), Title: l.Title(lg), Options: l.Options, SKU: l.SKU, Quantity: l.Quantity, Shipped: l.Shipped,
			Cancelled: l.Cancelled, Returned: l.Returned, UnitPrice: l.Unit, Total: l.Total, VATRate: money.RateString(l.RateBP)})
	}
	out.Consents = []Consent{}
	for _, x := range d.Consents {
		at := stamp(x.At)
		out.Consents = append(out.Consents, Consent{Kind: x.Kind, VariantID: id(x.Variant), Text: x.Text, Version: x.Version, At: &at})
	}
	for _, e := range events {
		out.Timeline = append(out.Timeline, OrderEvent{e.Kind, stamp(e.At), e.Data})
	}
	return out
}
