package admin

import (
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (v *visit) orderCols() []ui.Column {
	return []ui.Column{{Text: v.t("col.order")}, {Text: v.t("col.placed")}, {Text: v.t("col.goods")}, {Text: v.t("col.delivery")}, {Text: v.t("col.state")}, {Text: v.t("col.total"), Num: true}}
}

// orderRow is an order in a list. It opens nothing sealed: a list reads no names.
func (v *visit) orderRow(o order.Order, now time.Time) view.Row {
	text, tone := v.orderState(o, now)
	goods, more := "", ""
	if len(o.Lines) > 0 {
		goods = o.Lines[0].Title(v.l)
	}
	var pieces int64
	for _, l := range o.Lines {
		pieces += l.Quantity - l.Cancelled
	}
	more = lang.N(v.l, "admin.pieces", int(pieces))
	if len(o.Lines) > 1 {
		more = lang.N(v.l, "admin.more_lines", len(o.Lines)-1) + ", " + more
	}
	r := view.Row{Cells: []view.Cell{
		{Text: o.NumberString(), URL: "/admin/orders/" + o.NumberString()},
		{Text: lang.Stamp(v.l, o.PlacedAt)},
		{Text: goods, Sub: more},
		{Text: o.Draft.Shipping.Name(v.l)},
		{Text: text, Badge: true, Tone: tone},
		{Text: lang.Money(v.l, o.Total), Num: true},
	}}
	if o.State == order.Placed && !o.IsShipped() && !o.Draft.Shipping.ShipsOn.IsZero() && o.Draft.Shipping.ShipsOn.Add(24*time.Hour).Before(now) {
		r.Tone = ui.Wait // it should have left
	}
	return r
}

// orderState is where an order stands in one word: what there is to do about it
// comes before what is done.
func (v *visit) orderState(o order.Order, now time.Time) (string, ui.Tone) {
	switch {
	case o.State == order.Cancelled:
		return v.t("order.state.cancelled"), ui.Plain
	case !o.IsShipped() && partly(o):
		return v.t("order.state.partly"), ui.Wait
	case !o.IsShipped():
		return v.t("order.state.pack"), ui.Wait
	case !o.IsPaid() && !o.DueAt.IsZero() && o.DueAt.Before(now):
		return v.t("order.state.overdue"), ui.Stop
	case !o.IsPaid():
		return v.t("order.state.unpaid"), ui.Wait
	case o.Refunded.Amount > 0 && o.Refunded.Amount >= o.Paid.Amount:
		return v.t("order.state.refunded"), ui.Plain
	}
	return v.t("order.state.shipped"), ui.OK
}

func partly(o order.Order) bool {
	for _, l := range o.Lines {
		if l.Shipped > 0 {
			return true
		}
	}
	return false
}
