package pricing

import "kassavalv/internal/money"

// Margin is what is left of a price when VAT and what the goods cost to buy are taken off it.
type Margin struct {
	Net  money.Money // the price without VAT
	Left money.Money // negative where they are sold below what they cost
	// Percent of Net that is left, rounded half away from nought; 0 where Net is 0.
	Percent int64
}

// MarginOf computes a margin; cost is without VAT. False where the two are not in one
// currency.
func MarginOf(price money.Money, rateBP int64, cost money.Money) (Margin, bool) {
	if price.Currency != cost.Currency {
		return Margin{}, false
	}
	net := money.New(price.Amount-money.VATIncluded(price.Amount, rateBP), price.Currency)
	m := Margin{Net: net, Left: money.New(net.Amount-cost.Amount, price.Currency)}
	// MulDiv knows no negative factors.
	m.Percent = money.MulDiv(m.Left.Amount, 100, net.Amount) - money.MulDiv(-m.Left.Amount, 100, net.Amount)
	return m, true
}
