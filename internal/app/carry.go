package app

import (
	"context"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/order"
)

// pointName asks the method's carrier what the place is called.
func (a *App) pointName(ctx context.Context, option db.ID, postal, point string, l lang.Lang) checkout.Point {
	ms, err := db.Read(ctx, a.DB, func(q *db.Reader) ([]delivery.Method, error) { return delivery.Methods(q) })
	if err != nil {
		return checkout.Point{}
	}
	for _, m := range ms {
		if m.ID == option && m.HasPoints() {
			if p, ok := a.Carriers.Point(ctx, m.Carrier, string(m.Kind), postal, Country, l, point); ok {
				return checkout.Point{Name: p.Name, Address: p.Address()}
			}
		}
	}
	return checkout.Point{}
}

// standardDelivery is the least that ordinary delivery of the order would have
// cost: what a withdrawal pays back (distansavtalslagen 2 kap. 14 and 15 §§).
func (a *App) standardDelivery(q db.Q, o order.Order) (money.Money, bool) {
	ms, err := delivery.Methods(q)
	if err != nil {
		return money.Money{}, false
	}
	g := delivery.Goods{Value: money.New(o.Draft.Goods.Amount-o.Draft.Discount.Amount, o.Draft.Currency), Shipped: true}
	for _, l := range o.Draft.Lines {
		g.WeightG += l.WeightG * l.Quantity
		g.Bulky = g.Bulky || l.Bulky
	}
	best, found := money.Money{}, false
	for _, m := range ms {
		if m.Kind == delivery.Store {
			continue // fetching is no delivery
		}
		if p, ok := m.Price(g); ok && (!found || p.Amount < best.Amount) {
			best, found = p, true
		}
	}
	return best, found
}
