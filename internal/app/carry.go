package app

import (
	"context"

	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
)

// pointOf asks the method's carrier about the place that the buyer chose. A carrier
// that does not answer hinders nothing: then it is to choose the nearest itself.
func (a *App) pointOf(ctx context.Context, option db.ID, postal, point string, l lang.Lang) checkout.Point {
	ms, err := db.Read(ctx, a.DB, func(q *db.Reader) ([]delivery.Method, error) { return delivery.Methods(q) })
	if err != nil {
		return checkout.Point{ID: point}
	}
	for _, m := range ms {
		if m.ID != option || !m.HasPoints() {
			continue
		}
		p, verdict := a.Carriers.Check(ctx, m.Carrier, string(m.Kind), postal, Country, l, point)
		switch verdict {
		case fulfilment.NotOffered:
			return checkout.Point{ID: point, Refused: true}
		case fulfilment.Unknown:
			p = fulfilment.Nearest(string(m.Kind), l)
		}
		return checkout.Point{ID: p.ID, Name: p.Name, Address: p.Address()}
	}
	return checkout.Point{ID: point}
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
