package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

// AdminBase is where the Admin API lives.
const AdminBase = "/api/admin/v1"

// Admin is the Admin API.
type Admin struct {
	*Store
	By      func(ctx context.Context) auth.By // who calls, as the wall established
	Refunds func(ctx context.Context, by auth.By, number string, amount money.Money, reason, key string) error
	Cancel  func(ctx context.Context, by auth.By, number, reason string) error
}

// Routes is its table of contents.
func (a *Admin) Routes() []web.Route {
	ep := func(method, path, op string, right auth.Right, h web.Handler) web.Route {
		return web.Route{Method: method, Path: AdminBase + path, Who: web.API(right), Rate: shield.Admin, Face: web.Endpoint, Op: op, Handle: h}
	}
	return []web.Route{
		ep("GET", "/orders", "adminListOrders", auth.OrdersRead, a.orders),
		ep("GET", "/orders/{number}", "adminGetOrder", auth.OrdersRead, a.order),
		ep("POST", "/orders/{number}/refunds", "adminRefund", auth.RefundsWrite, a.refund),
		ep("POST", "/orders/{number}/payments", "adminSettle", auth.OrdersWrite, a.settle),
		ep("POST", "/orders/{number}/cancel", "adminCancel", auth.OrdersWrite, a.cancel),
		ep("POST", "/orders/{number}/shipments", "adminShip", auth.OrdersWrite, a.ship),
		ep("GET", "/purchases", "adminListPurchases", auth.OrdersRead, a.purchases),
		ep("GET", "/purchases/{id}", "adminGetPurchase", auth.OrdersRead, a.purchase),
		ep("POST", "/purchases/{id}/look", "adminLookAtPurchase", auth.JobsWrite, a.lookAtPurchase),
		ep("POST", "/purchases/{id}/cancel", "adminCancelPurchase", auth.OrdersWrite, a.cancelPurchase),
		ep("POST", "/purchases/{id}/capture", "adminCapture", auth.OrdersWrite, a.capture),
		ep("GET", "/variants", "adminFindVariant", auth.CatalogRead, a.variants),
		ep("GET", "/variants/{id}/stock", "adminGetStock", auth.CatalogRead, a.stock),
		ep("PUT", "/variants/{id}/stock", "adminSetStock", auth.StockWrite, a.setStock),
		ep("PUT", "/variants/{id}/cost", "adminSetCost", auth.CostsRead, a.setCost),
		ep("GET", "/products", "adminListProducts", auth.CatalogRead, a.products),
	}
}

// page reads limit and cursor: keys below the cursor, newest first.
func page(r *web.Request, more ...string) (web.Values, db.ID, int, error) {
	qv, err := r.ReadQuery(append(more, "limit", "cursor")...)
	if err != nil {
		return nil, 0, 0, err
	}
	n := 24
	if qv.Has("limit") {
		var ok bool
		if n, ok = Whole(qv.Get("limit")); !ok || n < 1 || n > 100 {
			return nil, 0, 0, fault.Invalid(fault.Field{Pointer: "/limit", Code: "out_of_range", Args: map[string]any{"min": 1, "max": 100}})
		}
	}
	var before db.ID
	if c := qv.Get("cursor"); c != "" {
		if before, err = db.ParseID(c); err != nil {
			return nil, 0, 0, fault.Invalid(fault.Field{Pointer: "/cursor", Code: "bad_cursor"})
		}
	}
	return qv, before, n, nil
}

func next[T any](items []T, n int, key func(T) db.ID) string {
	if len(items) < n {
		return ""
	}
	return key(items[len(items)-1]).String()
}

func (a *Admin) orders(w http.ResponseWriter, r *web.Request) error {
	qv, before, n, err := page(r, "state", "unpaid")
	if err != nil {
		return err
	}
	f := order.Filter{State: order.State(qv.Get("state")), Unpaid: qv.Get("unpaid") == "true"}
	switch f.State {
	case "", order.Placed, order.Closed, order.Cancelled:
	default:
		return fault.Invalid(fault.Field{Pointer: "/state", Code: "choose"})
	}
	type row struct {
		o  order.Order
		ev []order.Event
	}
	rows, err := db.Read(r.Context(), a.DB, func(q *db.Reader) ([]row, error) {
		os, err := order.List(q, a.By(r.Context()), f, before, n)
		if err != nil {
			return nil, err
		}
		out := make([]row, len(os))
		for i, o := range os {
			out[i].o = o
			if out[i].ev, err = order.Timeline(q, o.ID, true); err != nil {
				return nil, err
			}
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	items := make([]Order, len(rows))
	for i, x := range rows {
		items[i] = orderShape(x.o, x.ev, r.Lang)
	}
	return web.JSON(w, r, http.StatusOK, list(items, next(rows, n, func(x row) db.ID { return x.o.ID })))
}

func (a *Admin) order(w http.ResponseWriter, r *web.Request) error {
	return a.writeOrder(w, r, http.StatusOK, r.PathValue("number"))
}

func (a *Admin) writeOrder(w http.ResponseWriter, r *web.Request, status int, number string) error {
	by := a.By(r.Context())
	read := func(q db.Q) (o order.Order, shape Order, err error) {
		if o, err = order.ByNumber(q, by, number); err != nil {
			return o, shape, err
		}
		ev, err := order.Timeline(q, o.ID, true)
		if err != nil {
			return o, shape, err
		}
		return o, orderShape(o, ev, r.Lang), nil
	}
	var out Order
	var err error
	if by.Has(auth.PersonalOpen) {
		// Recorded in the transaction that opens: what cannot be recorded is not read.
		out, _, err = db.Write(r.Context(), a.DB, func(tx *db.Tx) (Order, error) {
			o, shape, err := read(tx)
			if err != nil {
				return Order{}, err
			}
			shape.Customer, err = a.buyer(tx, by, o)
			return shape, err
		})
	} else {
		out, err = db.Read(r.Context(), a.DB, func(q *db.Reader) (Order, error) { _, shape, err := read(q); return shape, err })
	}
	if err != nil {
		return err
	}
	return web.JSON(w, r, status, out)
}

// buyer is who bought, for a token that may know; nil for every other one: a machine
// must not take a mask for an address. It is nil too when the details are erased or do not open, and when
// the person has asked that they are only kept.
func (a *Admin) buyer(tx *db.Tx, by auth.By, o order.Order) (*Customer, error) {
	masked, _, err := order.Seen(tx, a.Vault, o, auth.Opened{})
	if errors.Is(err, secret.ErrErased) || errors.Is(err, secret.ErrBroken) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	limits, err := customer.LimitsOf(tx, o.Person)
	if err != nil {
		return nil, err
	}
	// As in the office: what opens a restricted person is a note, and packing the parcel that he asked for.
	packing := by.Purpose == auth.ForPacking && o.State == order.Placed && !o.IsShipped()
	leave, err := auth.ReadByToken(tx, by, auth.OpenIn{Person: o.Person, Entity: "order", EntityID: o.ID, Kinds: masked.ContactKinds(), Limited: !limits.Restricted.IsZero() && !packing})
	if err != nil || !leave.Any() {
		return nil, err
	}
	c, err := order.ContactOf(tx, a.Vault, o, leave)
	if err != nil {
		return nil, err
	}
	return customerShape(c), nil
}

type refundIn struct {
	Amount *money.Money `json:"amount"`
	Reason string       `json:"reason"`
}

func (a *Admin) refund(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[refundIn](r, web.Budget{Text: 500})
	if err != nil {
		return err
	}
	if in.Amount == nil {
		return fault.Invalid(fault.Field{Pointer: "/amount", Code: "required"})
	}
	if err := a.Refunds(r.Context(), a.By(r.Context()), r.PathValue("number"), *in.Amount, in.Reason, r.Header.Get("Idempotency-Key")); err != nil {
		return err
	}
	return a.writeOrder(w, r, http.StatusAccepted, r.PathValue("number"))
}

type settleIn struct {
	Amount *money.Money `json:"amount"`
	PaidOn string       `json:"paid_on"` // YYYY-MM-DD, in the shop's zone
}

// settle records that money for an invoice has come.
func (a *Admin) settle(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[settleIn](r, web.Budget{Text: 100})
	if err != nil {
		return err
	}
	var f fault.Fields
	if in.Amount == nil {
		f.Add("/amount", "required")
	}
	on, err := time.ParseInLocation(time.DateOnly, in.PaidOn, lang.Zone)
	if in.PaidOn == "" {
		f.Add("/paid_on", "required")
	} else if err != nil {
		f.Add("/paid_on", "bad_date")
	}
	if err := f.Err(); err != nil {
		return err
	}
	by, number := a.By(r.Context()), r.PathValue("number")
	_, err = auth.Act(r.Context(), a.DB, by, "order.settle", "order", 0, func(tx *db.Tx) (bool, error) {
		o, err := order.ByNumber(tx, by, number)
		if err != nil {
			return false, err
		}
		return true, checkout.Settle(tx, by, checkout.Settlement{Order: o.ID, Amount: *in.Amount, On: on, Key: r.Header.Get("Idempotency-Key")})
	})
	if err != nil {
		return err
	}
	return a.writeOrder(w, r, http.StatusCreated, number)
}

type cancelIn struct {
	Reason string `json:"reason"`
}

func (a *Admin) cancel(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[cancelIn](r, web.Budget{Text: 500, Optional: true})
	if err != nil {
		return err
	}
	if err := a.Cancel(r.Context(), a.By(r.Context()), r.PathValue("number"), in.Reason); err != nil {
		return err
	}
	return a.writeOrder(w, r, http.StatusOK, r.PathValue("number"))
}

type shipIn struct {
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking_number"`
	Key      string `json:"key"`
	Lines    []struct {
		LineID   string `json:"line_id"`
		Quantity int64  `json:"quantity"`
	} `json:"lines"`
}

func (a *Admin) ship(w http.ResponseWriter, r *web.Request) error {
	in, err := web.Decode[shipIn](r, web.Budget{Text: 200, Items: 200, Optional: true})
	if err != nil {
		return err
	}
	number := r.PathValue("number")
	err = db.Do(r.Context(), a.DB, func(tx *db.Tx) error {
		by := a.By(r.Context())
		o, err := order.ByNumber(tx, by, number)
		if err != nil {
			return err
		}
		s := fulfilment.Shipment{Order: o.ID, Carrier: in.Carrier, Tracking: in.Tracking, Key: in.Key}
		for _, l := range in.Lines {
			line, err := db.ParseID(l.LineID)
			if err != nil {
				return fault.Invalid(fault.Field{Pointer: "/lines", Code: "unknown"})
			}
			s.Lines = append(s.Lines, fulfilment.ShipLine{Line: line, Quantity: l.Quantity})
		}
		if len(in.Lines) == 0 { // everything that is left
			for _, l := range o.Lines {
				if l.Open() > 0 {
					s.Lines = append(s.Lines, fulfilment.ShipLine{Line: l.ID, Quantity: l.Open()})
				}
			}
		}
		_, err = fulfilment.Ship(tx, by, s)
		return err
	})
	if err != nil {
		return err
	}
	return a.writeOrder(w, r, http.StatusCreated, number)
}

// AdminPurchase is a purchase as staff see it.
type AdminPurchase struct {
	ID string `json:"id"` // of this API
	Purchase
	Method    string      `json:"method"`
	Total     money.Money `json:"total"`
	Alarm     string      `json:"alarm,omitempty"`
	Code      string      `json:"provider_code,omitempty"`
	CreatedAt string      `json:"created_at"`
	ChangedAt string      `json:"changed_at"`
}

var purchaseStates = map[string]bool{"": true, "received": true, "awaiting_customer": true, "processing": true, "unknown": true, "paid": true, "placed": true, "refused": true, "expired": true}

func (a *Admin) purchases(w http.ResponseWriter, r *web.Request) error {
	qv, before, n, err := page(r, "state", "alarm")
	if err != nil {
		return err
	}
	if !purchaseStates[qv.Get("state")] {
		return fault.Invalid(fault.Field{Pointer: "/state", Code: "choose"})
	}
	type row struct {
		p checkout.Purchase
		o *order.Order
	}
	rows, err := db.Read(r.Context(), a.DB, func(q *db.Reader) ([]row, error) {
		ps, err := checkout.List(q, a.By(r.Context()), checkout.Filter{State: checkout.State(qv.Get("state")), Alarm: qv.Get("alarm") == "true"}, before, n)
		if err != nil {
			return nil, err
		}
		out := make([]row, len(ps))
		for i, p := range ps {
			out[i].p = p
			if p.Order > 0 {
				o, err := order.ByID(q, p.Order)
				if err != nil {
					return nil, err
				}
				out[i].o = &o
			}
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	items := make([]AdminPurchase, len(rows))
	for i, x := range rows {
		items[i] = AdminPurchase{ID: x.p.ID.String(), Purchase: a.purchaseShape(x.p, x.o, r.Lang), Method: x.p.Method, Total: x.p.Total, Alarm: x.p.Alarm, Code: x.p.Code, CreatedAt: stamp(x.p.Created), ChangedAt: stamp(x.p.Changed)}
	}
	return web.JSON(w, r, http.StatusOK, list(items, next(rows, n, func(x row) db.ID { return x.p.ID })))
}

// AdminVariant is a variant as staff see it.
type AdminVariant struct {
	ID      string `json:"id"`
	SKU     string `json:"sku"`
	Product string `json:"product"` // handle
	Title   string `json:"title"`
	Stock   Stock  `json:"stock"`
	// What it costs to buy, without VAT: for a token with costs.read, where somebody has said.
	Cost *money.Money `json:"cost,omitempty"`
}

// Stock is the level of a variant: available = on_hand − held − allocated.
type Stock struct {
	OnHand    int64 `json:"on_hand"`
	Held      int64 `json:"held"`
	Allocated int64 `json:"allocated"`
	Available int64 `json:"available"`
}

func stockShape(l stock.Level) Stock { return Stock{l.OnHand, l.Held, l.Allocated, l.Available()} }

func (a *Admin) variants(w http.ResponseWriter, r *web.Request) error {
	qv, err := r.ReadQuery("sku", "limit", "cursor")
	if err != nil {
		return err
	}
	sku := qv.Get("sku")
	if sku == "" {
		return fault.Invalid(fault.Field{Pointer: "/sku", Code: "required"})
	}
	items, err := db.Read(r.Context(), a.DB, func(q *db.Reader) ([]AdminVariant, error) {
		by := a.By(r.Context())
		if err := by.Need(auth.CatalogRead); err != nil {
			return nil, err
		}
		v, err := catalog.VariantBySKU(q, sku)
		if f := fault.As(err); (f != nil && f.Kind == fault.Missing) || err == db.ErrNotFound || (err == nil && v == 0) {
			return []AdminVariant{}, nil
		}
		if err != nil {
			return nil, err
		}
		infos, err := catalog.VariantForSale(q, []db.ID{v})
		if err != nil {
			return nil, err
		}
		lv, err := stock.Levels(q, []db.ID{v})
		if err != nil {
			return nil, err
		}
		i := infos[v]
		out := AdminVariant{ID: id(v), SKU: i.SKU, Product: i.Handle, Title: pick(r.Lang, i.Title.SV, i.Title.EN), Stock: stockShape(lv[v])}
		if by.Has(auth.CostsRead) {
			costs, err := catalog.Costs(q, by, []db.ID{v})
			if err != nil {
				return nil, err
			}
			if m, ok := costs[v]; ok {
				out.Cost = &m
			}
		}
		return []AdminVariant{out}, nil
	})
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, list(items, ""))
}

func (a *Admin) stock(w http.ResponseWriter, r *web.Request) error {
	v, err := db.ParseID(r.PathValue("id"))
	if err != nil {
		return fault.NotFound()
	}
	l, err := db.Read(r.Context(), a.DB, func(q *db.Reader) (stock.Level, error) {
		if err := a.By(r.Context()).Need(auth.CatalogRead); err != nil {
			return stock.Level{}, err
		}
		return stock.One(q, v)
	})
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, stockShape(l))
}

type stockIn struct {
	OnHand *int64 `json:"on_hand"`
}

func (a *Admin) setStock(w http.ResponseWriter, r *web.Request) error {
	v, err := db.ParseID(r.PathValue("id"))
	if err != nil {
		return fault.NotFound()
	}
	in, err := web.Decode[stockIn](r, web.Budget{})
	if err != nil {
		return err
	}
	if in.OnHand == nil {
		return fault.Invalid(fault.Field{Pointer: "/on_hand", Code: "required"})
	}
	by := a.By(r.Context())
	l, err := auth.Act(r.Context(), a.DB, by, "stock.count", "variant", v, func(tx *db.Tx) (stock.Level, error) { return stock.SetOnHand(tx, by, v, *in.OnHand) })
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, stockShape(l))
}

// costIn says what a variant costs to buy, without VAT; null: nobody knows.
type costIn struct {
	Cost *money.Money `json:"cost"`
}

func (a *Admin) setCost(w http.ResponseWriter, r *web.Request) error {
	v, err := db.ParseID(r.PathValue("id"))
	if err != nil {
		return fault.NotFound()
	}
	in, err := web.Decode[costIn](r, web.Budget{})
	if err != nil {
		return err
	}
	if in.Cost != nil && in.Cost.Currency != a.Currency {
		return fault.Invalid(fault.Field{Pointer: "/cost", Code: "out_of_range"})
	}
	by := a.By(r.Context())
	if _, err := auth.Act(r.Context(), a.DB, by, "cost.set", "variant", v, func(tx *db.Tx) (int, error) {
		return catalog.SetCosts(tx, by, []catalog.Cost{{Variant: v, Cost: in.Cost}})
	}); err != nil {
		if f := fault.As(err); f != nil && len(f.Fields) > 0 && f.Fields[0].Pointer == "/0/variant" {
			return fault.NotFound()
		}
		return err
	}
	return web.JSON(w, r, http.StatusOK, in)
}

// AdminProduct is a product as staff see it in a list.
type AdminProduct struct {
	ID       string   `json:"id"`
	Handle   string   `json:"handle"`
	Title    string   `json:"title"`
	Status   string   `json:"status"`
	Problems []string `json:"problems"`
}

func (a *Admin) products(w http.ResponseWriter, r *web.Request) error {
	_, before, n, err := page(r)
	if err != nil {
		return err
	}
	ps, err := db.Read(r.Context(), a.DB, func(q *db.Reader) ([]*catalog.Product, error) {
		if err := a.By(r.Context()).Need(auth.CatalogRead); err != nil {
			return nil, err
		}
		return catalog.ListStaff(q, catalog.Filter{}, before, n)
	})
	if err != nil {
		return err
	}
	items := make([]AdminProduct, len(ps))
	for i, p := range ps {
		items[i] = AdminProduct{ID: id(p.ID), Handle: p.Handle, Title: p.Texts.In(r.Lang).Title, Status: string(p.Status), Problems: []string{}}
		for _, f := range catalog.Problems(p) {
			items[i].Problems = append(items[i].Problems, f.Code)
		}
	}
	return web.JSON(w, r, http.StatusOK, list(items, next(ps, n, func(p *catalog.Product) db.ID { return p.ID })))
}
