package admin

import (
	"net/http"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) orderRoutes() []web.Route {
	read, write, money := web.Staff(auth.OrdersRead), web.Staff(auth.OrdersWrite), web.Staff(auth.RefundsWrite)
	return []web.Route{
		a.page(get, "/admin/orders", read, (*visit).orders),
		a.page(post, "/admin/orders/search", read, (*visit).searchOrders),
		a.page(get, "/admin/orders/{number}", read, (*visit).order),
		a.page(get, "/admin/orders/{number}/slip.pdf", read, (*visit).slip),
		a.page(post, "/admin/orders/{number}/ship", write, (*visit).ship),
		a.page(post, "/admin/orders/{number}/parcels/{parcel}/arrived", write, (*visit).arrived),
		a.page(post, "/admin/orders/{number}/cancel", write, (*visit).cancelOrder),
		a.page(post, "/admin/orders/{number}/settle", write, (*visit).settleInvoice),
		a.page(post, "/admin/orders/{number}/refund", money, (*visit).refund),
		a.page(get, "/admin/returns", read, (*visit).returnsList),
		a.page(get, "/admin/returns/{id}", read, (*visit).returnPage),
		a.page(post, "/admin/returns/{id}/receive", write, (*visit).receiveReturn),
		a.page(post, "/admin/returns/{id}/accept", write, (*visit).acceptReturn),
		a.page(post, "/admin/returns/{id}/reject", write, (*visit).rejectReturn),
		a.page(post, "/admin/returns/{id}/take-back", write, (*visit).takeBackReturn),
		a.page(post, "/admin/returns/{id}/refund", money, (*visit).refundReturn),
		a.page(get, "/admin/purchases", read, (*visit).purchases),
		a.page(get, "/admin/purchases/{id}", read, (*visit).purchase),
		a.page(post, "/admin/purchases/{id}/look", web.Staff(auth.JobsWrite), (*visit).lookAtPurchase),
		a.page(post, "/admin/purchases/{id}/cancel", write, (*visit).cancelPurchase),
		a.page(post, "/admin/purchases/{id}/capture", write, (*visit).capturePurchase),
		a.page(post, "/admin/purchases/{id}/refund", money, (*visit).refundPurchase),
		a.page(post, "/admin/refunds/{id}/clear", money, (*visit).clearAlarm),
	}
}

// pageSize is how many rows a list shows.
const pageSize = 50

// tab is one way to filter a list.
type tab struct{ key, word string }

// tabs draws the filters of a list; the first is the list as it stands by itself.
func (v *visit) tabs(path, now string, ts ...tab) view.Block {
	links := make([]ui.Link, len(ts))
	for i, t := range ts {
		links[i] = ui.Link{Text: v.t(t.word), URL: query(path, "show", t.key), Current: t.key == now}
	}
	return view.Tabs(v.l, v.t("filter"), links)
}

// listQuery reads the filter and the place of a list. An unknown filter is the
// first one, and a place that is none the beginning: addresses are typed too.
func (v *visit) listQuery(tabs []tab, more ...string) (show string, before db.ID, qv web.Values, err error) {
	if qv, err = v.r.ReadQuery(append(more, "show", "before")...); err != nil {
		return "", 0, nil, err
	}
	for _, t := range tabs {
		if t.key == qv.Get("show") {
			show = t.key
		}
	}
	if s := qv.Get("before"); s != "" {
		if id, e := db.ParseID(s); e == nil && id > 0 {
			before = id
		}
	}
	return show, before, qv, nil
}

// paged gives a table its way on: rows were asked for one more than fits.
func paged[T any](t *view.Table, rows []T, before db.ID, key func(T) db.ID, path string, kv ...string) []T {
	if len(rows) > pageSize {
		rows = rows[:pageSize]
		t.Next = query(path, append(kv, "before", key(rows[pageSize-1]).String())...)
	}
	if before > 0 {
		t.First = query(path, kv...)
	}
	return rows
}

var orderTabs = []tab{{"", "orders.all"}, {"pack", "orders.pack"}, {"unpaid", "orders.unpaid"}, {"closed", "orders.closed"}, {"cancelled", "orders.cancelled"}}

// orders lists the orders, newest first. A number leads to its order.
func (v *visit) orders() error {
	show, before, qv, err := v.listQuery(orderTabs, "number")
	if err != nil {
		return err
	}
	if n, ok := order.ParseNumber(qv.Get("number")); ok {
		number := order.Order{Number: n}.NumberString()
		_, err := read(v, func(q *db.Reader) (order.Order, error) { return order.ByNumber(q, v.by, number) })
		if err == nil {
			return web.SeeOther(v.w, v.r, "/admin/orders/"+number)
		}
	}
	var f order.Filter
	switch show {
	case "pack":
		f = order.Filter{State: order.Placed, Unshipped: true}
	case "unpaid":
		f = order.Filter{Unpaid: true}
	case "closed":
		f = order.Filter{State: order.Closed}
	case "cancelled":
		f = order.Filter{State: order.Cancelled}
	}
	var names map[db.ID]string
	rows, err := read(v, func(q *db.Reader) (os []order.Order, err error) {
		if os, err = order.List(q, v.by, f, before, pageSize+1); err == nil {
			names, err = v.orderNames(q, os)
		}
		return
	})
	if err != nil {
		return err
	}
	t := view.Table{Caption: v.t("orders.title"), Cols: v.named(v.orderCols(), names), Empty: v.t("orders.none")}
	if show != "" {
		t.EmptyURL, t.EmptyGo = "/admin/orders", v.t("show_all")
	}
	rows = paged(&t, rows, before, func(o order.Order) db.ID { return o.ID }, "/admin/orders", "show", show)
	for _, o := range rows {
		t.Rows = append(t.Rows, v.namedRow(v.orderRow(o, time.Now()), names, o.ID))
	}
	blocks := []view.Block{v.tabs("/admin/orders", show, orderTabs...), v.orderSearch("")}
	if qv.Get("number") != "" {
		blocks = append(blocks, view.Notice(ui.Wait, v.t("orders.number.none")))
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("orders.title")}, append(blocks, view.TableBlock(v.l, t))...)
}

func (v *visit) orderCols() []ui.Column {
	return []ui.Column{{Text: v.t("col.order")}, {Text: v.t("col.placed")}, {Text: v.t("col.goods")}, {Text: v.t("col.delivery")}, {Text: v.t("col.state")}, {Text: v.t("col.total"), Num: true}}
}

// orderNames are the names of who bought, for those who may find customers: masked,
// but for the orders that the visitor has open. What is masked is no reading (docs/decisions/0015). nil: the
// list has no names.
func (v *visit) orderNames(q db.Q, os []order.Order) (map[db.ID]string, error) {
	if !v.by.Has(auth.CustomersRead) {
		return nil, nil
	}
	ids := make([]db.ID, len(os))
	for i, o := range os {
		ids[i] = o.ID
	}
	leaves, err := v.by.OpenedAll(q, "order", ids)
	if err != nil {
		return nil, err
	}
	cs, broken, err := order.SeenAll(q, v.Vault, os, leaves)
	if err != nil {
		return nil, err
	}
	names := make(map[db.ID]string, len(os))
	for id, c := range cs {
		names[id] = c.Name
	}
	for _, id := range broken {
		names[id] = v.t("sight.unreadable")
	}
	return names, nil
}

// named adds the column of names after the day.
func (v *visit) named(cols []ui.Column, names map[db.ID]string) []ui.Column {
	if names == nil {
		return cols
	}
	return slices.Insert(cols, 2, ui.Column{Text: v.t("col.customer")})
}

func (v *visit) namedRow(r view.Row, names map[db.ID]string, id db.ID) view.Row {
	if names == nil {
		return r
	}
	name := names[id]
	if name == "" {
		name = "–"
	}
	r.Cells = slices.Insert(r.Cells, 2, view.Cell{Text: name})
	return r
}

// orderRow is an order in a list. It opens nothing sealed.
func (v *visit) orderRow(o order.Order, now time.Time) view.Row {
	text, tone := v.orderState(o, now)
	goods := ""
	if len(o.Lines) > 0 {
		goods = o.Lines[0].Title(v.l)
	}
	var pieces int64
	for _, l := range o.Lines {
		pieces += l.Quantity - l.Cancelled
	}
	more := lang.N(v.l, "admin.pieces", int(pieces))
	if len(o.Lines) > 1 {
		more = lang.N(v.l, "admin.more_lines", len(o.Lines)-1) + ", " + more
	}
	r := view.Row{Cells: []view.Cell{
		{Text: o.NumberString(), URL: orderPath(o)},
		{Text: lang.Stamp(v.l, o.PlacedAt)},
		{Text: goods, Sub: more},
		{Text: o.Draft.Shipping.Name(v.l)},
		{Text: text, Badge: true, Tone: tone},
		{Text: lang.Money(v.l, o.Total), Num: true},
	}}
	if late(o, now) {
		r.Tone = ui.Wait
	}
	return r
}

// late reports whether the order should have left by now.
func late(o order.Order, now time.Time) bool {
	ships := o.Draft.Shipping.ShipsOn
	return o.State == order.Placed && !o.IsShipped() && !ships.IsZero() && ships.AddDate(0, 0, 1).Before(now)
}

func orderPath(o order.Order) string { return "/admin/orders/" + o.NumberString() }

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
	case !o.IsPaid() && o.DueAt.IsZero():
		return v.t("order.state.reserved"), ui.Wait
	case !o.IsPaid():
		return v.t("order.state.unpaid"), ui.Wait
	case o.RefundedInAll().Amount > 0 && o.RefundedInAll().Amount >= o.PaidInAll().Amount:
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
