package checkout_test

import (
	"context"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// The place to collect is looked up before the purchase is frozen: one that is not
// offered stops it, one that cannot be looked up becomes the carrier's nearest.
func TestPointOfAPurchase(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		v := w.Product(9900, 9)
		buy := func() (checkout.Purchase, error) {
			token := w.Cart(stock.Line{Variant: v, Quantity: 1})
			w.Do(func(tx *db.Tx) error {
				c, err := cart.ByToken(tx, w.Vault, token)
				if err != nil {
					return err
				}
				return cart.SetDelivery(tx, &c, w.Method, "P1")
			})
			return w.Desk.Begin(context.Background(), checkout.Request{Cart: token, Method: "invoice", Accept: true, Peer: "192.0.2.1"})
		}
		var answer checkout.Point
		w.Desk.Points = func(_ context.Context, option db.ID, postal, point string, _ lang.Lang) checkout.Point {
			if option != w.Method || postal != "11221" && postal != "112 21" || point != "P1" {
				t.Errorf("asked about %v %q %q", option, postal, point)
			}
			return answer
		}
		answer = checkout.Point{ID: "P1", Refused: true}
		if _, err := buy(); !fault.Is(err, "invalid") || fault.As(err).Fields[0].Pointer != "/delivery/pickup_point_id" {
			t.Errorf("a point that is not offered: %v", err)
		}
		for _, answer = range []checkout.Point{{ID: "P1", Name: "Hörnbutiken", Address: "Kolligatan 1"}, {ID: "nearest", Name: "Närmaste ombud"}} {
			p, err := buy()
			if err != nil {
				t.Fatal(err)
			}
			o := orderOf(t, w, w.Until(p.ID, true, terminal).ID)
			if s := o.Draft.Shipping; s.PointID != answer.ID || s.PointName != answer.Name || s.PointAddress != answer.Address {
				t.Errorf("%+v, want %+v", s, answer)
			}
		}
	})
}
