package apptest

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// API is where the Store API lives, Admin the Admin API.
const (
	API      = "/api/store/v1"
	AdminAPI = "/api/admin/v1"
)

// Money in minor units.
type Money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// SEK is an amount in öre.
func SEK(ore int64) Money { return Money{ore, "SEK"} }

// Variant is something that can be bought.
type Variant struct {
	ID       string `json:"id"`
	SKU      string `json:"sku"`
	Price    Money  `json:"price"`
	Sellable bool   `json:"sellable"`
	Product  string `json:"-"` // handle
	Title    string `json:"-"` // of the product
}

// Line of a cart or an order.
type Line struct {
	ID        string `json:"id"`
	VariantID string `json:"variant_id"`
	Title     string `json:"title"`
	Quantity  int64  `json:"quantity"`
	Shipped   int64  `json:"shipped"`
	Cancelled int64  `json:"cancelled"`
	Returned  int64  `json:"returned"`
	UnitPrice Money  `json:"unit_price"`
	Total     Money  `json:"total"`
}

// Totals of a cart or an order.
type Totals struct {
	Goods    Money `json:"goods"`
	Delivery Money `json:"delivery"`
	Discount Money `json:"discount"`
	GiftCard Money `json:"gift_card"`
	Total    Money `json:"total"`
	ToPay    Money `json:"to_pay"`
	VAT      []struct {
		Rate   string `json:"rate"`
		Amount Money  `json:"amount"`
	} `json:"vat"`
}

// Cart as it stands.
type Cart struct {
	ID        string   `json:"id"`
	Version   int64    `json:"version"`
	Lines     []Line   `json:"lines"`
	Totals    Totals   `json:"totals"`
	Discounts []string `json:"discounts"`
	GiftCards []struct {
		ID     string `json:"id"`
		Last4  string `json:"last4"`
		Amount Money  `json:"amount"`
		Left   Money  `json:"left"`
	} `json:"gift_cards"`
	Purchase *string `json:"purchase"`
}

// Purchase is one attempt to buy.
type Purchase struct {
	Token string `json:"token"`
	State string `json:"state"`
	Next  *struct {
		Type string `json:"type"`
		URL  string `json:"url"`
		QR   string `json:"qr"`
	} `json:"next"`
	Reason     *string `json:"reason"`
	Message    string  `json:"message"`
	MoneyMoved string  `json:"money_moved"`
	Order      *struct {
		Number string `json:"number"`
		Token  string `json:"token"`
	} `json:"order"`
	// Admin API only.
	Alarm string `json:"alarm"`
	Total Money  `json:"total"`
}

// Terminal reports whether the state is final.
func (p Purchase) Terminal() bool {
	switch p.State {
	case "paid", "placed", "refused", "expired":
		return true
	}
	return false
}

// Order is a sale.
type Order struct {
	Number  string `json:"number"`
	Token   string `json:"token"`
	State   string `json:"state"`
	Lines   []Line `json:"lines"`
	Totals  Totals `json:"totals"`
	Payment struct {
		Method   string `json:"method"`
		Paid     Money  `json:"paid"`
		Refunded Money  `json:"refunded"`
		Parts    []struct {
			Method   string `json:"method"`
			Paid     Money  `json:"paid"`
			Refunded Money  `json:"refunded"`
		} `json:"parts"`
	} `json:"payment"`
	GiftCards []struct {
		Code   string `json:"code"`
		Last4  string `json:"last4"`
		State  string `json:"state"`
		Issued Money  `json:"issued"`
		Left   Money  `json:"left"`
	} `json:"gift_cards"`
	Timeline []struct {
		Kind string `json:"kind"`
	} `json:"timeline"`
	Customer *Customer `json:"customer"`
}

// Customer is who buys.
type Customer struct {
	Email   string  `json:"email"`
	Phone   string  `json:"phone,omitempty"`
	Name    string  `json:"name"`
	Company string  `json:"company,omitempty"`
	Address Address `json:"address"`
}

// Address is where it goes.
type Address struct {
	Line1      string `json:"line1"`
	PostalCode string `json:"postal_code"`
	City       string `json:"city"`
	Country    string `json:"country"`
}

// Buyer is an ordinary buyer with a mail address of his own.
func Buyer(mail string) Customer {
	return Customer{Email: mail, Phone: "070-174 06 05", Name: "Kim Prov", Address: Address{"Storgatan 1", "112 21", "Stockholm", "SE"}}
}

// page is one page of a list.
type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next_cursor"`
}

// All reads every page of a list of an API.
func All[T any](c *Client, path string, headers ...string) []T {
	c.T.Helper()
	var out []T
	cursor := ""
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	for {
		var p page[T]
		q := sep + "limit=100"
		if cursor != "" {
			q += "&cursor=" + url.QueryEscape(cursor)
		}
		c.Want(c.Do("GET", path+q, nil, headers...), 200, &p)
		out = append(out, p.Items...)
		if p.Next == nil || *p.Next == "" {
			return out
		}
		cursor = *p.Next
	}
}

type product struct {
	Handle   string    `json:"handle"`
	Title    string    `json:"title"`
	Variants []Variant `json:"variants"`
}

// GiftProduct is the demo's gift card.
const GiftProduct = "presentkort"

// GiftCards lists the demo's gift cards for sale, the cheapest first: 200, 500 and
// 1,000 kr.
func (c *Client) GiftCards() []Variant {
	c.T.Helper()
	var p product
	c.Want(c.Do("GET", API+"/products/"+GiftProduct, nil), 200, &p)
	slices.SortFunc(p.Variants, func(a, b Variant) int { return int(a.Price.Amount - b.Price.Amount) })
	return p.Variants
}

var giftCode = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){4}\b`)

// BuyGift buys n gift cards and pays them, and reads their codes from the mail.
func (c *Client) BuyGift(v Variant, n int64) (codes []string, p Purchase, o Order, m Mail) {
	c.T.Helper()
	to := NewMail()
	p, o = c.PaidCart(c.Complete(c.Cart(n, v).ID, Buyer(to)))
	m = c.OneMail(to)
	for _, code := range giftCode.FindAllString(m.Text, -1) {
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	if int64(len(codes)) != n {
		c.T.Fatalf("%d codes of %d in the mail", len(codes), n)
	}
	return
}

// Goods lists what can be bought and shipped in an ordinary parcel.
func (c *Client) Goods() []Variant {
	c.T.Helper()
	c.mu.Lock()
	got := c.goods
	c.mu.Unlock()
	if got != nil {
		return got
	}
	for _, p := range All[product](c, API+"/products") {
		if p.Handle == GiftProduct {
			continue // is sent by mail alone
		}
		for _, v := range p.Variants {
			if v.Sellable && v.Price.Amount > 0 {
				v.Product, v.Title = p.Handle, p.Title
				got = append(got, v)
			}
		}
	}
	if len(got) == 0 {
		c.T.Fatal("the demo sells nothing")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.goods == nil {
		c.goods = got
	}
	return c.goods
}

// Variant is one that no other test has been given, with a hundred pieces in stock.
func (c *Client) Variant() Variant { return c.Scarce(100) }

// Scarce is Variant with so many pieces.
func (c *Client) Scarce(n int64) Variant {
	c.T.Helper()
	goods := c.Goods()
	for {
		c.mu.Lock()
		i := c.taken
		c.taken++
		c.mu.Unlock()
		if i >= len(goods) {
			c.T.Fatalf("the demo has only %d variants; start it with more goods", len(goods))
		}
		v := goods[i]
		// Only what an ordinary parcel carries, so that delivery can be chosen, and
		// cheap enough that a purchase without delivery fee is no surprise.
		k := c.NewCart()
		if a := c.Do("POST", API+"/carts/"+k.ID+"/lines", map[string]any{"variant_id": v.ID, "quantity": 1}); a.Status != 201 {
			continue
		}
		parcel := false
		for _, o := range c.options(k.ID, true) {
			parcel = parcel || o.Kind != "digital" && o.Kind != "bulky"
		}
		if !parcel {
			continue
		}
		c.SetStock(v.ID, n)
		return v
	}
}

// NewCart makes an empty cart.
func (c *Client) NewCart() (k Cart) {
	c.T.Helper()
	c.Want(c.Do("POST", API+"/carts", nil), 201, &k)
	return
}

// Cart makes a cart with so many pieces of each variant.
func (c *Client) Cart(n int64, vs ...Variant) (k Cart) {
	c.T.Helper()
	k = c.NewCart()
	for _, v := range vs {
		c.Want(c.Do("POST", API+"/carts/"+k.ID+"/lines", map[string]any{"variant_id": v.ID, "quantity": n}), 201, &k)
	}
	return
}

// GetCart reads a cart.
func (c *Client) GetCart(id string) (k Cart) {
	c.T.Helper()
	c.Want(c.Do("GET", API+"/carts/"+id, nil), 200, &k)
	return
}

// Option is a way to deliver.
type Option struct {
	ID       string  `json:"id"`
	Kind     string  `json:"kind"`
	Price    Money   `json:"price"`
	Earliest string  `json:"earliest_date"` // 2026-12-01
	Latest   string  `json:"latest_date"`
	Points   *string `json:"pickup_points_url"`
}

func (c *Client) options(cart string, before bool) []Option {
	c.T.Helper()
	path := API + "/carts/" + cart + "/delivery-options"
	if before {
		path = API + "/delivery-options?postal_code=11221&cart=" + cart
	}
	var p page[Option]
	c.Want(c.Do("GET", path, nil), 200, &p)
	return p.Items
}

// Options are those of a cart with a customer.
func (c *Client) Options(cart string) []Option { return c.options(cart, false) }

// ReadyCart makes a cart that can be bought: goods, buyer, delivery.
func (c *Client) ReadyCart(v Variant, n int64) Cart {
	c.T.Helper()
	return c.Complete(c.Cart(n, v).ID, Buyer(NewMail()))
}

// Complete gives a cart its buyer and its first way of delivery.
func (c *Client) Complete(cart string, who Customer) (k Cart) {
	c.T.Helper()
	c.Want(c.Do("PUT", API+"/carts/"+cart+"/customer", who), 200, nil)
	opts := c.Options(cart)
	if len(opts) == 0 {
		c.T.Fatal("no way to deliver")
	}
	c.Want(c.Do("PUT", API+"/carts/"+cart+"/delivery", c.choice(opts[0])), 200, &k)
	return
}

// choice takes an option, with its first pickup point where it has such.
func (c *Client) choice(o Option) map[string]any {
	body := map[string]any{"option_id": o.ID}
	if o.Points != nil {
		var p page[struct {
			ID string `json:"id"`
		}]
		if a := c.Do("GET", *o.Points, nil); a.Status == 200 && a.JSON(&p) == nil && len(p.Items) > 0 {
			body["pickup_point_id"] = p.Items[0].ID
		}
	}
	return body
}

// Wish is how to post a purchase; zero fields take what is usual.
type Wish struct {
	Method string // card
	Key    string // Idempotency-Key
	Total  *Money // the cart's
	Return string
	Phone  string // payer_phone
}

// Post posts a purchase and returns the answer as it is.
func (c *Client) Post(k Cart, w Wish) Answer {
	c.T.Helper()
	a, err := c.TryPost(k, w)
	if err != nil {
		c.T.Fatal(err)
	}
	return a
}

// TryPost is Post with the error of a connection that broke.
func (c *Client) TryPost(k Cart, w Wish) (Answer, error) {
	if w.Method == "" {
		w.Method = "card"
	}
	if w.Total == nil {
		w.Total = &k.Totals.Total
	}
	body := map[string]any{"payment_method": w.Method, "accept_terms": true, "expected_total": w.Total}
	if w.Return != "" {
		body["return_url"] = w.Return
	}
	if w.Phone != "" {
		body["payer_phone"] = w.Phone
	}
	var h []string
	if w.Key != "" {
		h = []string{"Idempotency-Key", w.Key}
	}
	return c.Try("POST", API+"/carts/"+k.ID+"/purchases", body, h...)
}

// Buy posts a purchase, which must be taken, and waits until the bank has it.
func (c *Client) Buy(k Cart, w Wish) (p Purchase) {
	c.T.Helper()
	c.Want(c.Post(k, w), 202, &p)
	if p.State == "received" {
		p = c.Until(p.Token, 30*time.Second, func(p Purchase) bool { return p.State != "received" })
	}
	return
}

// Purchase reads a purchase.
func (c *Client) Purchase(token string) (p Purchase) {
	c.T.Helper()
	c.Want(c.Do("GET", API+"/purchases/"+token, nil), 200, &p)
	return
}

// Until polls a purchase.
func (c *Client) Until(token string, atMost time.Duration, ok func(Purchase) bool) (p Purchase) {
	c.T.Helper()
	if err := Poll(atMost, func() bool { p = c.Purchase(token); return ok(p) }); err != nil {
		c.T.Fatalf("purchase still %s (%s) after %s", p.State, p.MoneyMoved, atMost)
	}
	return
}

// Final polls a purchase until it is over.
func (c *Client) Final(token string) Purchase {
	c.T.Helper()
	return c.Until(token, 60*time.Second, Purchase.Terminal)
}

// Paid buys and pays: the legitimate twin of most attacks.
func (c *Client) Paid(v Variant, n int64) (Purchase, Order) {
	c.T.Helper()
	return c.PaidCart(c.ReadyCart(v, n))
}

// PaidCart buys a cart and pays it with a good card.
func (c *Client) PaidCart(k Cart) (Purchase, Order) {
	c.T.Helper()
	p := c.Buy(k, Wish{})
	c.Pay(p, Good)
	p = c.Final(p.Token)
	if p.State != "paid" || p.Order == nil || p.MoneyMoved != "taken" {
		c.T.Fatalf("the legitimate purchase ended %s: %s", p.State, p.Message)
	}
	return p, c.Order(p.Order.Token)
}

// Order reads an order by its link.
func (c *Client) Order(token string) (o Order) {
	c.T.Helper()
	c.Want(c.Do("GET", API+"/orders/"+token, nil), 200, &o)
	return
}
