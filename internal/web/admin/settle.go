package admin

import (
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// settleInvoice records that the money of an invoice has come, all of it or a part.
func (v *visit) settleInvoice() error {
	in, err := v.r.ReadForm("paid", "paid_on", "key")
	if err != nil {
		return err
	}
	number := v.r.PathValue("number")
	sum, ok := amount(in.Get("paid"), v.Currency)
	if !ok {
		err = fault.Invalid(fault.Field{Pointer: "/amount", Code: "bad_amount"})
	}
	on, ok := date(in.Get("paid_on"))
	if err == nil && !ok {
		err = fault.Invalid(fault.Field{Pointer: "/paid_on", Code: "bad_date"})
	}
	var o order.Order
	if err == nil {
		o, err = act(v, "order.settle", "order", 0, func(tx *db.Tx) (order.Order, error) {
			o, err := order.ByNumber(tx, v.by, number)
			if err != nil {
				return o, err
			}
			if err := checkout.Settle(tx, v.by, checkout.Settlement{Order: o.ID, Amount: sum, On: on, Key: in.Get("key")}); err != nil {
				return o, err
			}
			return order.ByID(tx, o.ID)
		})
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		// The page has another form with an amount.
		return v.showOrder(status(err), "settle", v.form(in, refield(err, "/amount", "/paid"), ""))
	}
	if o.IsPaid() {
		return v.done("settled", orderPath(o))
	}
	return v.done("settled_part", orderPath(o))
}

// settleForm stands filled in for the usual case: all that is left, today.
func (v *visit) settleForm(o order.Order, today time.Time, form ui.Form) view.Block {
	left := money.New(o.ToPay.Amount-o.Paid.Amount, o.ToPay.Currency)
	return view.FormBlock(v.l, view.Form{Action: orderPath(o) + "/settle", Submit: v.t("settle.go"), Form: form, Hidden: []view.Pair{{Key: "key", Value: secret.RandomToken()}}, Fields: []view.Field{
		{Half: true, Input: ui.Input{Name: "paid", Label: v.t("label.paid"), Hint: v.t("settle.left", "amount", left), Value: typed(left.Amount), InputMode: "decimal", Short: true, Max: 16, Needed: true}},
		{Half: true, Input: ui.Input{Name: "paid_on", Label: v.t("label.paid_on"), Hint: v.t("settle.on.hint"), Value: today.In(lang.Zone).Format(time.DateOnly), Type: "date", Short: true, Needed: true}}}})
}

// dueOrders are the unpaid invoices, the one that is due first on top.
func (v *visit) dueOrders(bills []order.Order) view.Block {
	t := view.Table{Caption: v.t("start.bills"), Cols: []ui.Column{{Text: v.t("col.order")}, {Text: v.t("col.placed")}, {Text: v.t("col.due_day")}, {Text: v.t("money.ocr")}, {Text: v.t("col.state")}, {Text: v.t("col.left"), Num: true}}}
	for _, o := range bills {
		state, tone := v.t("order.state.unpaid"), ui.Wait
		if o.DueAt.Before(time.Now()) {
			state, tone = v.t("order.state.overdue"), ui.Stop
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: o.NumberString(), URL: orderPath(o) + "#money"}, {Text: lang.Stamp(v.l, o.PlacedAt)}, {Text: lang.DateYear(v.l, o.DueAt)}, {Text: o.OCR}, {Text: state, Badge: true, Tone: tone},
			{Text: lang.Money(v.l, money.New(o.ToPay.Amount-o.Paid.Amount, o.ToPay.Currency)), Num: true}}})
	}
	return view.TableBlock(v.l, t)
}
