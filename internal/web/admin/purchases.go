package admin

import (
	"net/http"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

var purchaseTabs = []tab{{"", "purchases.all"}, {"alarm", "purchases.alarm"}, {"unknown", "purchases.unknown"}, {"processing", "purchases.processing"}, {"awaiting_customer", "purchases.awaiting"}, {"refused", "purchases.refused"}}

var purchaseTones = map[checkout.State]ui.Tone{checkout.Received: ui.Wait, checkout.Awaiting: ui.Wait, checkout.Processing: ui.Wait, checkout.Unknown: ui.Wait, checkout.Paid: ui.OK, checkout.Placed: ui.OK}

// purchases lists the attempts to buy with their true states.
func (v *visit) purchases() error {
	show, before, _, err := v.listQuery(purchaseTabs)
	if err != nil {
		return err
	}
	f := checkout.Filter{State: checkout.State(show)}
	if show == "alarm" {
		f = checkout.Filter{Alarm: true}
	}
	type list struct {
		ps     []checkout.Purchase
		alarms []returns.Alarm
	}
	got, err := read(v, func(q *db.Reader) (l list, err error) {
		if l.ps, err = checkout.List(q, v.by, f, before, pageSize+1); err != nil {
			return l, err
		}
		if show == "alarm" || show == "" {
			l.alarms, err = returns.Alarms(q, v.by, countTo)
		}
		return l, err
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("purchases.title"), Empty: v.t("purchases.none." + map[bool]string{true: "alarm", false: "all"}[show == "alarm"]),
		Cols: []ui.Column{{Text: v.t("col.started")}, {Text: v.t("col.state")}, {Text: v.t("col.money")}, {Text: v.t("col.method")}, {Text: v.t("col.goods")}, {Text: v.t("col.total"), Num: true}}}
	for _, p := range paged(&t, got.ps, before, func(p checkout.Purchase) db.ID { return p.ID }, "/admin/purchases", "show", show) {
		row := view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, p.Created), URL: "/admin/purchases/" + p.ID.String()}, {Text: v.word("purchase.state.", string(p.State)), Badge: true, Tone: purchaseTones[p.State]},
			{Text: v.word("purchase.money.", string(p.Money))}, {Text: v.methodName(p.Method)}, {Text: goodsOf(p.Draft, v.l)}, {Text: lang.Money(v.l, p.Total)}}}
		if p.Alarm != "" {
			row.Tone = ui.Stop
			row.Cells[1].Sub = v.word("alarm.", p.Alarm)
		}
		t.Rows = append(t.Rows, row)
	}
	blocks := []view.Block{v.tabs("/admin/purchases", show, purchaseTabs...)}
	if len(got.alarms) > 0 {
		blocks = append(blocks, v.refundAlarms(got.alarms))
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("purchases.title"), Lead: v.t("purchases.lead")}, append(blocks, view.TableBlock(v.l, t))...)
}

func goodsOf(d order.Draft, l lang.Lang) string {
	if len(d.Lines) == 0 {
		return ""
	}
	s := d.Lines[0].Title(l)
	if len(d.Lines) > 1 {
		s += ", " + lang.N(l, "admin.more_lines", len(d.Lines)-1)
	}
	return s
}

// refundAlarms are refunds that somebody must look at.
func (v *visit) refundAlarms(as []returns.Alarm) view.Block {
	t := view.Table{Caption: v.t("refund.alarms"), Cols: []ui.Column{{Text: v.t("col.refund")}, {Text: v.t("col.what")}, {Text: v.t("col.purchase")}, {}}}
	for _, a := range as {
		do := view.Cell{}
		if v.by.Has(auth.RefundsWrite) {
			do.Block = view.ButtonForm(v.l, view.Button{Action: "/admin/refunds/" + a.Refund.String() + "/clear", Text: v.t("refund.alarm.clear")})
		}
		t.Rows = append(t.Rows, view.Row{Tone: ui.Stop, Cells: []view.Cell{{Text: lang.Stamp(v.l, a.At)}, {Text: lang.T(v.l, "returns.alarm."+a.Code)}, {Text: v.t("money.purchase.go"), URL: "/admin/purchases/" + a.Purchase.String()}, do}})
	}
	return view.Panel("", v.t("refund.alarms"), view.TableBlock(v.l, t))
}

// clearAlarm says that somebody has dealt with a refund.
func (v *visit) clearAlarm() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.do("refund.clear", "refund", id, func(tx *db.Tx) error { return returns.ClearAlarm(tx, v.by, id) }); err != nil {
		return err
	}
	return v.done("alarm_cleared", "/admin/purchases?show=alarm")
}
