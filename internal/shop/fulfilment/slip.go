package fulfilment

import (
	"strconv"
	"strings"

	"kassavalv/internal/lang"
	"kassavalv/internal/pdf"
	"kassavalv/internal/shop/order"
)

// PackingSlip is the paper in the box and for who packs it: where it goes, what is
// left to send, no prices. from is the shop's name and address, one line each. The
// caller has the right to see the contact.
func PackingSlip(o order.Order, c order.Contact, from []string, l lang.Lang) pdf.Doc {
	a := c.Address
	var to []string
	for _, s := range []string{c.Name, c.Company, a.CareOf, a.Line1, a.Line2, strings.TrimSpace(a.PostalCode + " " + a.City)} {
		if s != "" {
			to = append(to, s)
		}
	}
	if a.Country != "" && a.Country != "SE" {
		to = append(to, a.Country)
	}
	title := lang.T(l, "fulfilment.slip.title", "number", o.NumberString())
	shop := ""
	if len(from) > 0 {
		shop = from[0]
	}
	d := pdf.Doc{Title: title, Lang: string(l.Or()), Date: o.PlacedAt, Author: shop, Footer: strings.Join(from, ", "), PageOf: lang.T(l, "fulfilment.slip.page")}
	facts := pdf.Pairs{{Key: lang.T(l, "fulfilment.slip.placed"), Value: lang.Stamp(l, o.PlacedAt)}, {Key: lang.T(l, "fulfilment.slip.delivery"), Value: o.Draft.Shipping.Name(l)}}
	if p := o.Draft.Shipping.PointName; p != "" {
		facts = append(facts, pdf.Pair{Key: lang.T(l, "fulfilment.slip.point"), Value: strings.TrimSuffix(p+", "+o.Draft.Shipping.PointAddress, ", ")})
	}
	if a.DoorCode != "" {
		facts = append(facts, pdf.Pair{Key: lang.T(l, "fulfilment.slip.door"), Value: a.DoorCode})
	}
	if c.Reference != "" {
		facts = append(facts, pdf.Pair{Key: lang.T(l, "fulfilment.slip.reference"), Value: c.Reference})
	}
	table := pdf.Table{Columns: []pdf.Column{{Title: lang.T(l, "fulfilment.slip.count"), Width: 0.1, Right: true}, {Title: lang.T(l, "fulfilment.slip.goods"), Width: 0.6}, {Title: lang.T(l, "fulfilment.slip.sku"), Width: 0.3}}}
	for _, x := range o.Lines {
		if x.Open() <= 0 {
			continue
		}
		name := x.Title(l)
		if x.Options != "" {
			name += ", " + x.Options
		}
		table.Rows = append(table.Rows, []string{strconv.FormatInt(x.Open(), 10), name, x.SKU})
	}
	d.Blocks = append(d.Blocks, pdf.Heading{Level: 1, Text: title},
		pdf.Sides{LeftTitle: lang.T(l, "fulfilment.slip.to"), Left: strings.Join(to, "\n"), RightTitle: lang.T(l, "fulfilment.slip.from"), Right: strings.Join(from, "\n")}, facts, table)
	if n := o.NumberString(); n != "" {
		d.Blocks = append(d.Blocks, pdf.Space(12), pdf.Code128{Value: n})
	}
	return d
}
