package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/fulfilment/local"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
	"kassavalv/internal/web"
	"kassavalv/internal/web/api"
)

// desk is the two APIs with a shop behind them; by is who calls.
type desk struct {
	*shoptest.World
	mux      *web.Mux
	by       auth.By
	carriers fulfilment.Carriers
}

func each(t *testing.T, fn func(t *testing.T, d *desk)) {
	t.Helper()
	ms := append(append([]db.Migrations{}, shoptest.Migrations...), content.Migrations)
	dbtest.Each(t, ms, func(t *testing.T, base *db.DB) {
		d := &desk{World: shoptest.New(t, base), carriers: fulfilment.Carriers{}}
		d.Do(content.Seed)
		store := &api.Store{DB: base, Vault: d.Vault, Shelf: d.Shelf, Desk: d.Desk, Currency: "SEK", Origin: "https://shop.example", Carriers: d.carriers}
		admin := &api.Admin{Store: store, By: func(context.Context) auth.By { return d.by }}
		var err error
		d.mux, err = web.NewMux("shop", slices.Concat(store.Routes(), (&api.Goods{Store: store}).Routes(), admin.Routes()), web.Deps{Origin: "https://shop.example", Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Authorize: func(_ http.ResponseWriter, r *web.Request, who web.Who) (context.Context, error) {
				if who.IsAPI() {
					if err := d.by.Need(auth.Right(who.Right())); err != nil {
						return r.Context(), err
					}
				}
				return r.Context(), nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		fn(t, d)
	})
}

// call sends a request and reads the answer into out (may be nil).
func (d *desk) call(method, path, body string, out any, header ...string) int {
	d.T.Helper()
	r := httptest.NewRequest(method, "https://shop.example"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			d.T.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	return w.Code
}

type problem struct {
	Code   string `json:"code"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Code    string `json:"code"`
	} `json:"errors"`
}

// said is the code of a problem and of its first field.
func (p problem) said() string {
	if len(p.Errors) > 0 {
		return p.Code + " " + p.Errors[0].Pointer + " " + p.Errors[0].Code
	}
	return p.Code
}

func (d *desk) billed() order.Order {
	d.T.Helper()
	p, err := d.Desk.Begin(context.Background(), checkout.Request{Cart: d.Cart(stock.Line{Variant: d.Product(20000, 5), Quantity: 1}), Method: "invoice", Accept: true, Peer: "192.0.2.1"})
	if err != nil {
		d.T.Fatal(err)
	}
	p = d.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Placed })
	o, err := db.Read(context.Background(), d.DB, func(q *db.Reader) (order.Order, error) { return order.OfPurchase(q, p.ID) })
	if err != nil {
		d.T.Fatal(err)
	}
	return o
}

func TestRecordPayment(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		o := d.billed()
		path := api.AdminBase + "/orders/" + o.NumberString() + "/payments"
		today := time.Now().In(lang.Zone).Format(time.DateOnly)
		body := func(n, day string) string {
			return `{"amount":{"amount":` + n + `,"currency":"SEK"},"paid_on":"` + day + `"}`
		}
		d.by = auth.TokenBy(3, "", []auth.Right{auth.OrdersRead, auth.RefundsWrite})
		if got := d.call("POST", path, body("100", today), nil); got != http.StatusForbidden {
			t.Errorf("a token without the scope: %d", got)
		}
		d.by = auth.TokenBy(3, "", []auth.Right{auth.OrdersRead, auth.OrdersWrite})
		for name, c := range map[string][2]string{
			"nothing":  {`{}`, "invalid /amount required"},
			"bad day":  {body("100", "i dag"), "invalid /paid_on bad_date"},
			"future":   {body("100", "2999-01-01"), "invalid /paid_on in_future"},
			"too much": {body("23901", today), "invalid /amount over_payment"},
			"unknown":  {`{"sum":1}`, "unknown_field /sum unknown_field"},
		} {
			var p problem
			if code := d.call("POST", path, c[0], &p); p.said() != c[1] || code != 422 && code != 400 {
				t.Errorf("%s: %d %s", name, code, p.said())
			}
		}
		if got := d.call("POST", api.AdminBase+"/orders/99999999/payments", body("100", today), nil); got != http.StatusNotFound {
			t.Errorf("an order that is not there: %d", got)
		}
		var out api.Order
		for range 2 {
			if code := d.call("POST", path, body("10000", today), &out, "Idempotency-Key", "a"); code != http.StatusCreated || out.Payment.Paid.Amount != 10000 || out.Payment.Left == nil || out.Payment.Left.Amount != 13900 || out.Payment.OCR != o.OCR {
				t.Errorf("a part: %d %+v", code, out.Payment)
			}
		}
		var list api.List[api.Order]
		d.call("GET", api.AdminBase+"/orders?unpaid=true", "", &list)
		if len(list.Items) != 1 {
			t.Errorf("%d unpaid orders, want 1", len(list.Items))
		}
		if code := d.call("POST", path, body("13900", today), &out); code != http.StatusCreated || out.Payment.Left.Amount != 0 {
			t.Errorf("the rest: %d %+v", code, out.Payment)
		}
		d.call("GET", api.AdminBase+"/orders?unpaid=true", "", &list)
		if len(list.Items) != 0 {
			t.Errorf("%d unpaid orders, want 0", len(list.Items))
		}
		var p problem
		if code := d.call("POST", path, body("1", today), &p); code != http.StatusConflict || p.Code != "already_paid" {
			t.Errorf("paid already: %d %s", code, p.Code)
		}
	})
}

// ready is a cart with one piece of v, ready to be bought.
func (d *desk) ready(v db.ID) string { return d.Cart(stock.Line{Variant: v, Quantity: 1}) }

// flawed is a variant that is sold as a B-vara.
func (d *desk) flawed() db.ID {
	v := d.Product(9900, 5)
	d.Do(func(tx *db.Tx) error {
		return tx.ExecOne(`UPDATE catalog_variant SET b_goods_sv='Repa i glasyren', b_goods_en='Scratch in the glaze' WHERE id=$1`, v)
	})
	return v
}

func TestConsentsOfAPurchase(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		body := func(more string) string {
			return `{"payment_method":"invoice","accept_terms":true,"expected_total":{"amount":13800,"currency":"SEK"}` + more + `}`
		}
		order := func(p api.Purchase) (o api.Order) {
			if p.Order == nil {
				t.Fatalf("no order: %+v", p)
			}
			d.call("GET", api.Base+"/orders/"+p.Order.Token, "", &o)
			return o
		}
		c := d.ready(d.flawed())
		var k api.Cart
		d.call("GET", api.Base+"/carts/"+c, "", &k, "Accept-Language", "en")
		if len(k.Consents) != 1 || k.Consents[0].Kind != "b_goods" || *k.Consents[0].LineID != k.Lines[0].ID || !strings.Contains(k.Consents[0].Text, "Scratch in the glaze") || k.Consents[0].Version == "" {
			t.Fatalf("the cart asks for %+v", k.Consents)
		}
		var bad problem
		if code := d.call("POST", api.Base+"/carts/"+c+"/purchases", body(`,"consents":["everything"]`), &bad); code != 422 || bad.said() != "invalid /consents unknown" {
			t.Errorf("a consent that is none: %d %s", code, bad.said())
		}
		var p api.Purchase
		if code := d.call("POST", api.Base+"/carts/"+c+"/purchases", body(`,"consents":["b_goods"]`), &p); code != http.StatusAccepted {
			t.Fatalf("%d %+v", code, p)
		}
		if o := order(p); len(o.Consents) != 1 || o.Consents[0].At == nil || !strings.Contains(o.Consents[0].Text, "Repa i glasyren") || o.Consents[0].VariantID != k.Lines[0].VariantID {
			t.Errorf("the order holds %+v", o.Consents)
		}
		// By its id; and a repeat with a key and other consents is another body.
		c = d.ready(d.flawed())
		d.call("GET", api.Base+"/carts/"+c, "", &k)
		if code := d.call("POST", api.Base+"/carts/"+c+"/purchases", body(`,"consents":["`+k.Consents[0].ID+`"]`), &p, "Idempotency-Key", "a"); code != http.StatusAccepted || len(order(p).Consents) != 1 {
			t.Errorf("by id: %d", code)
		}
		if code := d.call("POST", api.Base+"/carts/"+c+"/purchases", body(``), &bad, "Idempotency-Key", "a"); code != 422 || bad.Code != "idempotency_mismatch" {
			t.Errorf("the same key without: %d %s", code, bad.Code)
		}
		// A client that does not know of consents sells without, and none is stored,
		// until the shop demands them.
		c = d.ready(d.flawed())
		if code := d.call("POST", api.Base+"/carts/"+c+"/purchases", body(``), &p); code != http.StatusAccepted || len(order(p).Consents) != 0 {
			t.Errorf("without: %d", code)
		}
		d.Do(func(tx *db.Tx) error { return content.Change(tx, shoptest.By, content.ConsentsOn.Key(), "true") })
		c = d.ready(d.flawed())
		if code := d.call("POST", api.Base+"/carts/"+c+"/purchases", body(``), &bad); code != 422 || bad.said() != "invalid /consents must_consent" {
			t.Errorf("demanded: %d %s", code, bad.said())
		}
		if code := d.call("POST", api.Base+"/carts/"+c+"/purchases", body(`,"consents":["digital"]`), &bad); code != 422 {
			t.Errorf("another kind: %d", code)
		}
		// What needs none asks for none.
		d.call("GET", api.Base+"/carts/"+d.ready(d.Product(9900, 5)), "", &k)
		if len(k.Consents) != 0 {
			t.Errorf("sound goods ask for %+v", k.Consents)
		}
	})
}

// A way to pay that the merchant turned off is neither offered nor taken.
func TestInvoiceTurnedOff(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		d.Desk.Barred = content.PaymentBarred
		c := d.ready(d.Product(20000, 5))
		methods := func() (out string) {
			var list struct{ Items []api.PaymentMethod }
			d.call("GET", api.Base+"/carts/"+c+"/payment-methods", "", &list)
			for _, m := range list.Items {
				out += m.ID + " "
			}
			return out
		}
		if got := methods(); got != "card invoice " {
			t.Errorf("offered: %s", got)
		}
		buy := func() string {
			var p problem
			d.call("POST", api.Base+"/carts/"+c+"/purchases", `{"payment_method":"invoice","accept_terms":true,"expected_total":{"amount":23900,"currency":"SEK"}}`, &p)
			return p.said()
		}
		for _, set := range [][2]string{{content.InvoiceMax.Key(), "238"}, {content.InvoiceOn.Key(), "false"}} {
			d.Do(func(tx *db.Tx) error { return content.Change(tx, shoptest.By, set[0], set[1]) })
			if got := methods(); got != "card " {
				t.Errorf("%v: offered %s", set, got)
			}
			if got := buy(); got != "invalid /payment_method not_offered" {
				t.Errorf("%v: %s", set, got)
			}
			if set[1] == "238" {
				d.Do(func(tx *db.Tx) error { return content.Change(tx, shoptest.By, set[0], "239") })
				if got := methods(); got != "card invoice " {
					t.Errorf("at the limit: %s", got)
				}
			}
		}
	})
}

// A token that reads an order's buyer leaves a record; an erased buyer is no fault.
func TestReadingIsRecorded(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		o := d.billed()
		d.by = auth.TokenBy(31, "", []auth.Right{auth.OrdersRead})
		accesses := func() []audit.Access {
			got, err := db.Read(context.Background(), d.DB, func(q *db.Reader) ([]audit.Access, error) { return audit.Accesses(q, o.Person, 0, 10) })
			if err != nil {
				t.Fatal(err)
			}
			return slices.DeleteFunc(got, func(a audit.Access) bool { return a.ActorKind == "processor" }) // what a partner was told stands in the same list
		}
		var list api.List[api.Order]
		d.call("GET", api.AdminBase+"/orders", "", &list)
		if len(list.Items) != 1 || list.Items[0].Customer != nil || len(accesses()) != 0 {
			t.Errorf("a list reads buyers: %+v", list)
		}
		var out api.Order
		if code := d.call("GET", api.AdminBase+"/orders/"+o.NumberString(), "", &out); code != 200 || out.Customer != nil || len(accesses()) != 0 {
			t.Errorf("without the scope: %d %+v", code, out.Customer)
		}
		d.by = auth.TokenBy(31, "", []auth.Right{auth.OrdersRead, auth.PersonalOpen})
		if code := d.call("GET", api.AdminBase+"/orders/"+o.NumberString(), "", &out); code != 200 || out.Customer == nil || out.Customer.Email != shoptest.Contact.Email {
			t.Fatalf("%d %+v", code, out)
		}
		if got := accesses(); len(got) != 1 || got[0].ActorKind != "token" || got[0].ActorID != 31 || got[0].EntityID != o.ID {
			t.Errorf("recorded: %+v", got)
		}
		// Who has asked for restriction is opened to a machine for the parcel that he asked for alone.
		d.Do(func(tx *db.Tx) error { return customer.Restrict(tx, o.Person, true) })
		for _, c := range []struct {
			purpose string
			shipped bool
			open    bool
		}{{"", false, false}, {auth.ForLaw, false, false}, {auth.ForPacking, false, true}, {auth.ForPacking, true, false}} {
			if c.shipped {
				d.Do(func(tx *db.Tx) error {
					_, err := tx.Exec(`UPDATE order_line SET shipped=quantity-cancelled WHERE order_id=$1`, o.ID)
					return err
				})
			}
			d.by.Purpose = c.purpose
			n := len(accesses())
			out = api.Order{}
			if code := d.call("GET", api.AdminBase+"/orders/"+o.NumberString(), "", &out); code != 200 || (out.Customer != nil) != c.open || !c.open && len(accesses()) != n {
				t.Errorf("restricted, purpose %q, shipped %v: %d %+v, %d readings and %d before", c.purpose, c.shipped, code, out.Customer, len(accesses()), n)
			}
		}
		d.Do(func(tx *db.Tx) error { return customer.Restrict(tx, o.Person, false) })
		d.by.Purpose = ""
		out = api.Order{}
		if code := d.call("GET", api.AdminBase+"/orders/"+o.NumberString(), "", &out); code != 200 || out.Customer == nil {
			t.Errorf("lifted: %d %+v", code, out.Customer)
		}
		d.Do(func(tx *db.Tx) error { return d.Vault.Erase(tx, o.Person) })
		out = api.Order{}
		if code := d.call("GET", api.AdminBase+"/orders/"+o.NumberString(), "", &out); code != 200 || out.Customer != nil {
			t.Errorf("an erased buyer: %d %+v", code, out.Customer)
		}
	})
}

// A point to collect is one that the carrier offers for the cart's postal code.
func TestPointOfTheCarrier(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		c := local.New()
		d.carriers["local"] = fulfilment.NewGuard(c, fulfilment.Options{Keep: time.Nanosecond, Stale: time.Nanosecond})
		var method db.ID
		d.Do(func(tx *db.Tx) (err error) {
			method, err = delivery.Put(tx, shoptest.By, delivery.Method{Code: "ombud", Kind: delivery.Pickup, NameSV: "Ombud", NameEN: "Service point", Carrier: "local", Currency: "SEK", MaxDays: 3, CutoffMinute: 840,
				Active: true, Position: 2, Tiers: []delivery.Tier{{UpToG: 20000, Amount: 4900}}})
			return
		})
		path := api.Base + "/carts/" + d.ready(d.Product(9900, 5)) + "/delivery"
		put := func(point string) string {
			var p problem
			body := `{"option_id":"` + method.String() + `","pickup_point_id":"` + point + `"}`
			if code := d.call("PUT", path, body, &p); code == http.StatusOK {
				return "ok"
			}
			return p.said()
		}
		const refused = "invalid /pickup_point_id not_offered"
		for point, want := range map[string]string{"L11221-1": "ok", "nearest": "ok", "": "ok", "L98137-1": refused, "L11221-2": refused /* a box */, "../x": refused, "' OR 1": refused} {
			if got := put(point); got != want {
				t.Errorf("%q: %s", point, got)
			}
		}
		// A carrier that is down hinders nobody; what can be no name at all is still refused.
		c.Set(local.Faults{Down: true})
		for point, want := range map[string]string{"L98137-1": "ok", "nearest": "ok", "../x": refused} {
			if got := put(point); got != want {
				t.Errorf("down, %q: %s", point, got)
			}
		}
	})
}

// The exact number in stock is told up to the one that the merchant sets.
func TestStockIsToldUpTo(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		for _, n := range []int64{0, 5, 6, 12} {
			d.Product(9900, n)
		}
		told := func() string {
			out := ""
			for i := range 4 {
				var p api.Product
				if code := d.call("GET", api.Base+"/products/vara-"+strconv.Itoa(i+1), "", &p); code != 200 || len(p.Variants) != 1 {
					t.Fatalf("%d %+v", code, p)
				}
				v := p.Variants[0]
				if v.Available == nil {
					out += "- "
				} else {
					out += strconv.FormatInt(*v.Available, 10) + " "
				}
				if v.Sellable != (v.Available == nil || *v.Available > 0) {
					t.Errorf("%+v", v)
				}
			}
			return out
		}
		if got := told(); got != "0 5 - - " {
			t.Errorf("as it is by itself: %s", got)
		}
		for n, want := range map[string]string{"0": "0 - - - ", "6": "0 5 6 - ", "100": "0 5 6 12 "} {
			d.Do(func(tx *db.Tx) error { return content.Change(tx, shoptest.By, content.StockShowUpTo.Key(), n) })
			if got := told(); got != want {
				t.Errorf("up to %s: %s", n, got)
			}
		}
	})
}
