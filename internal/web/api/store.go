package api

import (
	"io"
	"net/http"
	"strings"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

// Base is where the Store API lives.
const Base = "/api/store/v1"

// Store is the Store API.
type Store struct {
	DB       *db.DB
	Vault    *secret.Vault
	Shelf    *cart.Shelf
	Desk     *checkout.Desk
	Currency string
	Origin   string // public origin, for absolute addresses
	Carriers fulfilment.Carriers
}

// Routes is its table of contents.
func (s *Store) Routes() []web.Route {
	ep := func(method, path, op string, who web.Who, rate shield.Class, h web.Handler) web.Route {
		return web.Route{Method: method, Path: Base + path, Who: who, Rate: rate, Face: web.Endpoint, Op: op, Handle: h}
	}
	const c, t, p = web.Cart, web.Token, web.Public
	return []web.Route{
		ep("POST", "/carts", "createCart", p, shield.API, s.newCart),
		ep("GET", "/carts/{id}", "getCart", c, shield.API, s.getCart),
		ep("POST", "/carts/{id}/lines", "addLine", c, shield.API, s.addLine),
		ep("PATCH", "/carts/{id}/lines/{line}", "changeLine", c, shield.API, s.changeLine),
		ep("DELETE", "/carts/{id}/lines/{line}", "removeLine", c, shield.API, s.removeLine),
		ep("PUT", "/carts/{id}/customer", "setCustomer", c, shield.API, s.setCustomer),
		ep("GET", "/carts/{id}/delivery-options", "cartDeliveryOptions", c, shield.API, s.cartOptions),
		ep("PUT", "/carts/{id}/delivery", "setDelivery", c, shield.API, s.setDelivery),
		ep("PUT", "/carts/{id}/discounts/{code}", "addDiscount", c, shield.API, s.addCode),
		ep("DELETE", "/carts/{id}/discounts/{code}", "removeDiscount", c, shield.API, s.removeCode),
		ep("GET", "/carts/{id}/payment-methods", "paymentMethods", c, shield.API, s.methods),
		ep("POST", "/carts/{id}/purchases", "createPurchase", c, shield.Purchase, s.purchase),
		ep("GET", "/purchases/{token}", "getPurchase", t, shield.API, s.getPurchase),
		ep("GET", "/orders/{token}", "getOrder", t, shield.API, s.getOrder),
		ep("GET", "/delivery-options", "deliveryOptions", p, shield.API, s.options),
		ep("GET", "/pickup-points", "pickupPoints", p, shield.API, s.points),
	}
}

// answer reads the cart again and writes it: after a change, what the buyer
// gets is what the next reader sees.
func (s *Store) answer(w http.ResponseWriter, r *web.Request, status int, token string) error {
	c, err := s.read(r, token)
	if err != nil {
		return err
	}
	return web.JSON(w, r, status, c)
}

func (s *Store) read(r *web.Request, token string) (Cart, error) {
	return db.Read(r.Context(), s.DB, func(q *db.Reader) (Cart, error) {
		c, err := cart.ByToken(q, s.Vault, token)
		if err != nil {
			return Cart{}, err
		}
		return s.shape(q, c, token, r.Lang)
	})
}

// shape computes the cart as it stands at q's instant.
func (s *Store) shape(q db.Q, c cart.Cart, token string, lg lang.Lang) (Cart, error) {
	v, err := s.Shelf.View(q, s.Vault, c, lg)
	if err != nil {
		return Cart{}, err
	}
	who, ok, err := cart.Contact[order.Contact](q, s.Vault, c)
	if err != nil {
		return Cart{}, err
	}
	purchase := ""
	if c.Purchase > 0 {
		p, err := checkout.ByID(q, c.Purchase)
		if err != nil {
			return Cart{}, err
		}
		purchase = p.Token(s.Vault)
	}
	var contact *order.Contact
	if ok {
		contact = &who
	}
	return cartShape(v, token, lg, contact, purchase), nil
}

// change runs one change of the cart and answers with what it made of it. The
// answer is computed in the same transaction: the writer has the pages at hand,
// and nobody else's change can come between.
func (s *Store) change(w http.ResponseWriter, r *web.Request, status int, fn func(tx *db.Tx, c *cart.Cart) error) error {
	token := r.PathValue("id")
	out, _, err := db.Write(r.Context(), s.DB, func(tx *db.Tx) (Cart, error) {
		c, err := cart.Open(tx, s.Vault, token)
		if err != nil {
			return Cart{}, err
		}
		if err := fn(tx, &c); err != nil {
			return Cart{}, err
		}
		if c, err = cart.ByID(tx, c.ID); err != nil {
			return Cart{}, err
		}
		return s.shape(tx, c, token, r.Lang)
	})
	if err != nil {
		return s.withCart(r, token, err)
	}
	return web.JSON(w, r, status, out)
}

// withCart adds the cart as it now stands to a 409, so that the caller need not
// ask again.
func (s *Store) withCart(r *web.Request, token string, err error) error {
	f := fault.As(err)
	if f == nil || f.Kind != fault.Clash {
		return err
	}
	c, rerr := s.read(r, token)
	if rerr != nil {
		return err
	}
	g := *f
	g.Extra = map[string]any{"cart": c, "total": c.Totals.Total}
	return &g
}

func (s *Store) newCart(w http.ResponseWriter, r *web.Request) error {
	if _, err := web.Decode[struct{}](r, web.Budget{Optional: true}); err != nil {
		return err
	}
	out, _, err := db.Write(r.Context(), s.DB, func(tx *db.Tx) (Cart, error) {
		c, err := cart.New(tx, s.Vault, s.Currency)
		if err != nil {
			return Cart{}, err
		}
		return s.shape(tx, c, c.Token(s.Vault), r.Lang)
	})
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusCreated, out)
}

func (s *Store) getCart(w http.ResponseWriter, r *web.Request) error {
	return s.answer(w, r, http.StatusOK, r.PathValue("id"))
}

type addLine struct {
	VariantID string `json:"variant_id"`
	Quantity  *int64 `json:"quantity"`
}

func (s *Store) addLine(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[addLine](r, web.Budget{})
	if err != nil {
		return err
	}
	var f fault.Fields
	variant, err := db.ParseID(in.VariantID)
	if err != nil {
		f.Add("/variant_id", "unknown_variant")
	}
	n := int64(1)
	if in.Quantity != nil {
		n = *in.Quantity
	}
	if err := f.Err(); err != nil {
		return err
	}
	return s.change(w, r, http.StatusCreated, func(tx *db.Tx, c *cart.Cart) error { return AddToCart(tx, s.Shelf, c, variant, n) })
}

// AddToCart checks that the variant is sold and puts it in: the one rule under
// pages and API.
func AddToCart(tx *db.Tx, shelf *cart.Shelf, c *cart.Cart, variant db.ID, n int64) error {
	ok, err := shelf.ForSale(tx, c.Currency, variant)
	if err != nil {
		return err
	}
	if !ok {
		return fault.Invalid(fault.Field{Pointer: "/variant_id", Code: "unknown_variant"})
	}
	_, err = cart.Add(tx, c, variant, n)
	return err
}

type changeLine struct {
	Quantity *int64 `json:"quantity"`
}

func (s *Store) line(r *web.Request) (db.ID, error) {
	v, err := db.ParseID(r.PathValue("line"))
	if err != nil {
		return 0, fault.NotFound()
	}
	return v, nil
}

func (s *Store) changeLine(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[changeLine](r, web.Budget{})
	if err != nil {
		return err
	}
	line, err := s.line(r)
	if err != nil {
		return err
	}
	if in.Quantity == nil {
		return fault.Invalid(fault.Field{Pointer: "/quantity", Code: "required"})
	}
	return s.change(w, r, http.StatusOK, func(tx *db.Tx, c *cart.Cart) error { return cart.Set(tx, c, line, *in.Quantity) })
}

func (s *Store) removeLine(w http.ResponseWriter, r *web.Request) error {
	line, err := s.line(r)
	if err != nil {
		return err
	}
	return s.change(w, r, http.StatusOK, func(tx *db.Tx, c *cart.Cart) error { return cart.Remove(tx, c, line) })
}

func (s *Store) options(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("postal_code", "cart")
	if err != nil {
		return err
	}
	postal := qv.Get("postal_code")
	if !delivery.ValidPostal(postal) {
		return fault.Invalid(fault.Field{Pointer: "/postal_code", Code: "bad_postal_code"})
	}
	token := qv.Get("cart")
	out, err := db.Read(r.Context(), s.DB, func(q *db.Reader) ([]delivery.Option, error) {
		if token == "" {
			ms, err := delivery.Methods(q)
			if err != nil {
				return nil, err
			}
			// Without a cart: what an ordinary small parcel would get.
			return delivery.Offer(ms, delivery.Goods{WeightG: 1000, SideMM: 300, Value: money.New(1, s.Currency), Shipped: true}, postal, q.LegalNow()), nil
		}
		c, err := cart.ByToken(q, s.Vault, token)
		if err != nil {
			return nil, err
		}
		c.PostalCode = postal
		v, err := s.Shelf.View(q, s.Vault, c, r.Lang)
		return v.Options, err
	})
	if err != nil {
		return err
	}
	return s.writeOptions(w, r, out, postal)
}

func (s *Store) writeOptions(w http.ResponseWriter, r *web.Request, opts []delivery.Option, postal string) error {
	items := []DeliveryOption{}
	for _, o := range opts {
		items = append(items, optionShape(o, r.Lang, s.pointsURL(o, postal)))
	}
	return web.JSON(w, r, http.StatusOK, map[string]any{"items": items})
}

func (s *Store) points(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("option", "postal_code")
	if err != nil {
		return err
	}
	postal := qv.Get("postal_code")
	if !delivery.ValidPostal(postal) {
		return fault.Invalid(fault.Field{Pointer: "/postal_code", Code: "bad_postal_code"})
	}
	option, err := db.ParseID(qv.Get("option"))
	if err != nil {
		return fault.Invalid(fault.Field{Pointer: "/option", Code: "not_offered"})
	}
	ms, err := db.Read(r.Context(), s.DB, func(q *db.Reader) ([]delivery.Method, error) { return delivery.Methods(q) })
	if err != nil {
		return err
	}
	items := []Point{}
	for _, m := range ms {
		if m.ID == option && m.Active && m.HasPoints() {
			for _, p := range s.Carriers.Points(r.Context(), m.Carrier, string(m.Kind), postal, s.Shelf.Country, r.Lang) {
				items = append(items, Point{p.ID, p.Name, p.Address(), p.Hours})
			}
			return web.JSON(w, r, http.StatusOK, map[string]any{"items": items})
		}
	}
	return fault.Invalid(fault.Field{Pointer: "/option", Code: "not_offered"})
}

func (s *Store) pointsURL(o delivery.Option, postal string) string {
	if postal == "" {
		return ""
	}
	return s.Origin + Base + "/pickup-points?option=" + id(o.Method.ID) + "&postal_code=" + strings.ReplaceAll(postal, " ", "")
}

func (s *Store) cartOptions(w http.ResponseWriter, r *web.Request) error {
	type result struct {
		opts   []delivery.Option
		postal string
	}
	out, err := db.Read(r.Context(), s.DB, func(q *db.Reader) (result, error) {
		c, err := cart.ByToken(q, s.Vault, r.PathValue("id"))
		if err != nil {
			return result{}, err
		}
		v, err := s.Shelf.View(q, s.Vault, c, r.Lang)
		return result{v.Options, c.PostalCode}, err
	})
	if err != nil {
		return err
	}
	return s.writeOptions(w, r, out.opts, out.postal)
}

type setDelivery struct {
	OptionID      string `json:"option_id"`
	PickupPointID string `json:"pickup_point_id"`
}

func (s *Store) setDelivery(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[setDelivery](r, web.Budget{Text: 200})
	if err != nil {
		return err
	}
	option, err := db.ParseID(in.OptionID)
	if err != nil {
		return fault.Invalid(fault.Field{Pointer: "/option_id", Code: "not_offered"})
	}
	if in.PickupPointID != "" {
		offered, err := s.pointOffered(r, option, in.PickupPointID)
		if err != nil {
			return err
		}
		if !offered {
			return fault.Invalid(fault.Field{Pointer: "/pickup_point_id", Code: "not_offered"})
		}
	}
	return s.change(w, r, http.StatusOK, func(tx *db.Tx, c *cart.Cart) error {
		return ChooseDelivery(tx, s.Shelf, s.Vault, c, option, in.PickupPointID)
	})
}

// pointOffered asks the carrier of an option about a point, before any
// transaction. Without a postal code, or when the carrier does not answer, it is
// taken as it stands: the purchase asks again.
func (s *Store) pointOffered(r *web.Request, option db.ID, point string) (bool, error) {
	type chosen struct {
		postal string
		ms     []delivery.Method
	}
	c, err := db.Read(r.Context(), s.DB, func(q *db.Reader) (x chosen, err error) {
		k, err := cart.ByToken(q, s.Vault, r.PathValue("id"))
		if err != nil {
			return x, err
		}
		x.postal = k.PostalCode
		x.ms, err = delivery.Methods(q)
		return x, err
	})
	if err != nil {
		return false, err
	}
	for _, m := range c.ms {
		if m.ID == option && m.HasPoints() {
			_, verdict := s.Carriers.Check(r.Context(), m.Carrier, string(m.Kind), c.postal, s.Shelf.Country, r.Lang, point)
			return verdict != fulfilment.NotOffered, nil
		}
	}
	return true, nil // the option itself is judged by ChooseDelivery
}

// ChooseDelivery takes only what is offered for this cart: the one rule under
// pages and API.
func ChooseDelivery(tx *db.Tx, shelf *cart.Shelf, v *secret.Vault, c *cart.Cart, option db.ID, point string) error {
	view, err := shelf.View(tx, v, *c, lang.SV)
	if err != nil {
		return err
	}
	o, ok := delivery.Find(view.Options, option)
	if !ok {
		return fault.Invalid(fault.Field{Pointer: "/option_id", Code: "not_offered"})
	}
	if point != "" && !o.Method.HasPoints() {
		return fault.Invalid(fault.Field{Pointer: "/pickup_point_id", Code: "not_offered"})
	}
	return cart.SetDelivery(tx, c, option, point)
}

func (s *Store) methods(w http.ResponseWriter, r *web.Request) error {
	gift := false
	barred, err := db.Read(r.Context(), s.DB, func(q *db.Reader) (map[string]bool, error) {
		c, err := cart.ByToken(q, s.Vault, r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		v, err := s.Shelf.View(q, s.Vault, c, r.Lang)
		if err != nil {
			return nil, err
		}
		gift = checkout.OfferGiftCard(v)
		out := map[string]bool{}
		for _, p := range s.Desk.Providers {
			if out[p.Method()], err = content.PaymentBarred(q, p.Method(), v.Quote.ToPay); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	out := Methods{Items: []PaymentMethod{}, Unavailable: []MethodDown{}}
	if gift { // cards pay all of it
		out.Items = append(out.Items, PaymentMethod{giftcard.Method, lang.T(r.Lang, "method."+giftcard.Method+".name")})
		return web.JSON(w, r, http.StatusOK, out)
	}
	for _, p := range s.Desk.Providers {
		if barred[p.Method()] {
			continue
		}
		m := PaymentMethod{p.Method(), s.Desk.MethodName(r.Lang, p.Method())}
		if s.Desk.Up(m.ID) {
			out.Items = append(out.Items, m)
		} else {
			out.Unavailable = append(out.Unavailable, MethodDown{m.ID, m.Name, s.Desk.DownMessage(r.Lang, m.ID)})
		}
	}
	return web.JSON(w, r, http.StatusOK, out)
}

type newPurchase struct {
	PaymentMethod string       `json:"payment_method"`
	AcceptTerms   bool         `json:"accept_terms"`
	ExpectedTotal *money.Money `json:"expected_total"`
	ExpectedToPay *money.Money `json:"expected_to_pay"` // what gift cards leave to pay, as the buyer saw it
	ReturnURL     string       `json:"return_url"`
	PayerPhone    string       `json:"payer_phone"` // of Swish: the phone that shall open the payment, when it is not this device
	Consents      []string     `json:"consents"`    // kinds or ids of the cart's consents that the buyer gave
}

func (s *Store) purchase(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[newPurchase](r, web.Budget{Text: 2000, Items: 400})
	if err != nil {
		return err
	}
	req := checkout.Request{Cart: r.PathValue("id"), Method: in.PaymentMethod, Accept: in.AcceptTerms, ReturnURL: in.ReturnURL, PayerPhone: in.PayerPhone, Lang: r.Lang, Peer: r.Network().String(), Consents: in.Consents}
	if vs, ok := r.Header["Idempotency-Key"]; ok {
		if len(vs) != 1 || !checkout.ValidKey(vs[0]) {
			return fault.Invalid(fault.Field{Pointer: "/idempotency_key", Code: "bad_idempotency_key"})
		}
		req.Key = vs[0]
	}
	if in.ExpectedTotal == nil {
		return fault.Invalid(fault.Field{Pointer: "/expected_total", Code: "required"})
	}
	req.Expected = *in.ExpectedTotal
	if in.ExpectedToPay != nil {
		req.ExpectedToPay = *in.ExpectedToPay
	}
	if req.Demand, err = db.Read(r.Context(), s.DB, func(q *db.Reader) (bool, error) { return content.ConsentsOn.Get(q) }); err != nil {
		return err
	}
	p, err := s.Desk.Begin(r.Context(), req)
	if err != nil {
		return s.withCart(r, req.Cart, err)
	}
	return s.writePurchase(w, r, http.StatusAccepted, p)
}

func (s *Store) writePurchase(w http.ResponseWriter, r *web.Request, status int, p checkout.Purchase) error {
	s.Desk.Promise(r.Context(), p)
	var o *order.Order
	if p.Order > 0 || p.NextType == payment.NextPhone {
		got, err := db.Read(r.Context(), s.DB, func(q *db.Reader) (order.Order, error) {
			s.Desk.Called(q, &p)
			if p.Order == 0 {
				return order.Order{}, nil
			}
			return order.ByID(q, p.Order)
		})
		if err != nil {
			return err
		}
		if p.Order > 0 {
			o = &got
		}
	}
	return web.JSON(w, r, status, s.purchaseShape(p, o, r.Lang))
}

func (s *Store) getPurchase(w http.ResponseWriter, r *web.Request) error {
	p, err := db.Read(r.Context(), s.DB, func(q *db.Reader) (checkout.Purchase, error) {
		return checkout.ByToken(q, s.Vault, r.PathValue("token"))
	})
	if err != nil {
		return err
	}
	return s.writePurchase(w, r, http.StatusOK, p)
}

func (s *Store) getOrder(w http.ResponseWriter, r *web.Request) error {
	type result struct {
		o     order.Order
		ev    []order.Event
		cards []GiftCard
	}
	out, err := db.Read(r.Context(), s.DB, func(q *db.Reader) (x result, err error) {
		if x.o, err = order.ByToken(q, s.Vault, r.PathValue("token")); err != nil {
			return
		}
		if x.ev, err = order.Timeline(q, x.o.ID, false); err == nil {
			x.cards, err = s.bought(q, x.o)
		}
		return
	})
	if err == db.ErrNotFound {
		return fault.NotFound()
	}
	if err != nil {
		return err
	}
	o := orderShape(out.o, out.ev, r.Lang)
	o.Token, o.GiftCards = out.o.Token(s.Vault), out.cards
	return web.JSON(w, r, http.StatusOK, o)
}

// Hooks are the addresses that providers call.
func (s *Store) Hooks() []web.Route {
	var out []web.Route
	for _, p := range s.Desk.Providers {
		if h, ok := p.(payment.Silent); ok && !h.Notifies() {
			continue
		}
		method := p.Method()
		out = append(out, web.Route{Method: "POST", Path: "/hooks/" + method, Who: web.Public, Rate: shield.Hook, Face: web.Callback, Handle: func(w http.ResponseWriter, r *web.Request) error {
			body, err := io.ReadAll(r.Body) // bounded by the route
			if err != nil {
				return err
			}
			if err := s.Desk.Hook(r.Context(), method, payment.Notice{Header: r.Header, Query: r.URL.Query(), Body: body}); err != nil {
				return err
			}
			return web.NoContent(w)
		}})
	}
	return out
}
