package checkout

import (
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/order"
)

// Point is the place to collect that the buyer chose, as its carrier names it.
type Point struct {
	ID            string // the one that was chosen, or the carrier's stand-in
	Name, Address string
	Refused       bool // the carrier does not offer it for the postal code

	of string // what was asked about
}

// pointKey is what a point is checked for: another option or postal code has others.
func pointKey(c cart.Cart) string { return c.Option.String() + "/" + c.PostalCode + "/" + c.Point }

// freeze turns the view into what is agreed. Ready has been asked.
func freeze(v cart.View, lg lang.Lang, method, terms string, at Point) order.Draft {
	d := order.Draft{Currency: v.Currency, Lang: lg.Or(), Goods: v.Quote.Goods, Discount: v.Quote.Discount, Delivery: v.Quote.Delivery, GiftCard: v.Quote.GiftCard,
		Total: v.Quote.Total, ToPay: v.Quote.ToPay, Method: method, TermsVersion: terms}
	for _, l := range v.Lines {
		label := l.Info.Label()
		opt, facts := label.SV, l.Facts.SV
		if lg == lang.EN && label.EN != "" {
			opt = label.EN
		}
		if lg == lang.EN && l.Facts.EN != "" {
			facts = l.Facts.EN
		}
		dl := order.DraftLine{Product: l.Info.Product, Variant: l.Variant, Handle: l.Info.Handle, SKU: l.Info.SKU, TitleSV: l.Info.Title.SV, TitleEN: l.Info.Title.EN, Options: opt, Facts: facts,
			Quantity: l.Quantity, Unit: l.Price.Price, Total: l.Quoted.Total, Discount: l.Quoted.Discount.Amount, RateBP: l.Quoted.VATRateBP, VAT: l.Quoted.VAT.Amount,
			Withdrawal: l.Info.Withdrawal.Surface(), Bulky: l.Info.Bulky, WeightG: l.Info.WeightG, ReturnCost: l.Info.ReturnCost.Amount}
		if l.Info.Kind == catalog.GiftCard {
			dl.Kind = order.KindGiftCard
		}
		d.Lines = append(d.Lines, dl)
	}
	for _, s := range v.Quote.VAT {
		d.VAT = append(d.VAT, order.VAT{RateBP: s.RateBP, Gross: s.Gross.Amount, Amount: s.Amount.Amount})
	}
	d.Codes = v.CodesHeld()
	for _, g := range v.Gifts {
		if g.Use.Amount > 0 {
			d.Gifts = append(d.Gifts, order.Gift{Card: g.Card, Last4: g.Last4, Amount: g.Use})
		}
	}
	if o := v.Chosen; o != nil {
		d.Shipping = order.Shipping{Method: o.Method.ID, Code: o.Method.Code, Kind: string(o.Method.Kind), NameSV: o.Method.NameSV, NameEN: o.Method.NameEN, Carrier: o.Method.Carrier,
			PointID: at.ID, PointName: at.Name, PointAddress: at.Address, ShipsOn: o.ShipsOn, Earliest: o.Earliest, Latest: o.Latest}
	}
	return d
}
