package checkout

import (
	"strconv"
	"strings"

	"kassavalv/internal/money"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// reference is what a provider knows the purchase by: a number of its own that opens
// nothing. Only the sandbox bank is told the token, so that tests can hold its books
// against the shop's.
func (d *Desk) reference(p Purchase) string {
	if t, ok := d.provider(p.Method).(payment.ByToken); ok && t.ByToken() {
		return p.Token(d.Vault)
	}
	return "KV" + strings.ToUpper(strconv.FormatInt(int64(p.ID), 36))
}

// payLines is what a provider may show of what is bought. The rows add up to what is
// to pay; what rounding and codes leave over is a row of its own.
func payLines(d order.Draft) []payment.Line {
	cur := d.Currency
	out := make([]payment.Line, 0, len(d.Lines)+2)
	var sum, vat, most int64
	rate := int64(0)
	for _, l := range d.Lines {
		total := l.Total.Amount - l.Discount
		out = append(out, payment.Line{Kind: "goods", Ref: l.SKU, Name: l.Title(d.Lang), Quantity: l.Quantity, Unit: l.Unit, Total: money.New(total, cur), RateBP: l.RateBP, VAT: money.New(l.VAT, cur)})
		sum, vat = sum+total, vat+l.VAT
		if total > most {
			most, rate = total, l.RateBP
		}
	}
	if d.Delivery.Amount > 0 {
		all := int64(0)
		for _, v := range d.VAT {
			all += v.Amount
		}
		name := d.Shipping.Name(d.Lang)
		out = append(out, payment.Line{Kind: "delivery", Name: name, Quantity: 1, Unit: d.Delivery, Total: d.Delivery, RateBP: rate, VAT: money.New(max(0, all-vat), cur)})
		sum += d.Delivery.Amount
	}
	zero := money.New(0, cur)
	if d.GiftCard.Amount > 0 {
		m := d.GiftCard.Neg()
		out = append(out, payment.Line{Kind: "gift_card", Quantity: 1, Unit: m, Total: m, VAT: zero})
		sum += m.Amount
	}
	if rest := d.ToPay.Amount - sum; rest != 0 {
		m := money.New(rest, cur)
		out = append(out, payment.Line{Kind: "discount", Quantity: 1, Unit: m, Total: m, VAT: zero})
	}
	return out
}
