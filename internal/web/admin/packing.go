package admin

import (
	"errors"
	"net/http"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// packingRoutes: one press a parcel. The press that sends one opens the next, for
// packing and nothing else.
func (a *Admin) packingRoutes() []web.Route {
	pack := web.Staff(auth.OrdersWrite)
	return []web.Route{
		a.page(get, "/admin/packing", pack, (*visit).packing),
		a.page(post, "/admin/packing/next", pack, (*visit).packNext),
		a.page(get, "/admin/packing/{number}", pack, (*visit).parcelPage),
		a.page(post, "/admin/packing/{number}/ship", pack, (*visit).shipAndNext),
	}
}

func packPath(o order.Order) string { return "/admin/packing/" + o.NumberString() }

// packing tells how much there is to pack, and begins.
func (v *visit) packing() error {
	type queue struct {
		n    int64
		rows []order.Order
	}
	x, err := read(v, func(q *db.Reader) (x queue, err error) {
		if x.rows, err = order.ToPack(q, v.by, 0, 10); err == nil {
			x.n, err = order.CountToPack(q)
		}
		return
	})
	if err != nil {
		return err
	}
	var blocks []view.Block
	switch {
	case x.n == 0:
	case !v.by.Has(auth.PersonalOpen):
		blocks = append(blocks, view.Notice(ui.Wait, v.t("sight.hidden.no_right")))
	default:
		blocks = append(blocks, view.Panel("", v.n("packing.left", int(x.n)), view.Quiet(v.t("packing.begin.text")), view.ButtonForm(v.l, view.Button{Action: "/admin/packing/next", Text: v.t("packing.begin"), Main: true})))
	}
	t := view.Table{Caption: v.t("packing.next"), Cols: v.orderCols(), Empty: v.t("packing.none"), EmptyURL: "/admin/orders", EmptyGo: v.t("orders.title")}
	for _, o := range x.rows {
		t.Rows = append(t.Rows, v.orderRow(o, v.r.Now()))
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("packing.title")}, append(blocks, view.TableBlock(v.l, t))...)
}

// nextParcel opens the next order to pack after one, the oldest first, and begins again
// where there is none after it. What a colleague is packing is passed over, and so is what cannot be sent because its
// address is erased or does not open. ok is false when nothing is left.
func (v *visit) nextParcel(tx *db.Tx, after db.ID) (o order.Order, ok bool, err error) {
	rows, err := order.ToPack(tx, v.by, after, 100)
	if err != nil {
		return o, false, err
	}
	if after > 0 {
		first, err := order.ToPack(tx, v.by, 0, 100)
		if err != nil {
			return o, false, err
		}
		for _, x := range first {
			if x.ID <= after {
				rows = append(rows, x)
			}
		}
	}
	ids := make([]db.ID, len(rows))
	for i, x := range rows {
		ids[i] = x.ID
	}
	taken, err := auth.TakenBy(tx, v.by, "order", auth.ForPacking, ids)
	if err != nil {
		return o, false, err
	}
	for _, x := range rows {
		if taken[x.ID] {
			continue
		}
		t, err := v.thing(tx, "order", x.ID)
		if fault.Is(err, "not_found") || fault.Is(err, "does_not_open") {
			continue
		}
		if err == nil {
			_, err = v.openThing(tx, t, auth.ForPacking, "", false) // the parcel is what he asked for
		}
		return x, err == nil, err
	}
	return o, false, nil
}

// packNext opens the next parcel.
func (v *visit) packNext() error {
	in, err := v.r.ReadForm("after")
	if err != nil {
		return err
	}
	var after db.ID
	if s := in.Get("after"); s != "" {
		if after, err = parseID(s); err != nil {
			return err
		}
	}
	type next struct {
		o  order.Order
		ok bool
	}
	x, err := act(v, "personal.open", "order", 0, func(tx *db.Tx) (x next, err error) {
		x.o, x.ok, err = v.nextParcel(tx, after)
		return
	})
	if err != nil {
		return err
	}
	if !x.ok {
		return v.done("packing_done", "/admin/packing")
	}
	return web.SeeOther(v.w, v.r, packPath(x.o))
}

// parcelPage is one parcel to pack: what goes into it and where it goes.
func (v *visit) parcelPage() error { return v.showParcel(http.StatusOK, ui.Form{}) }

func (v *visit) showParcel(code int, form ui.Form) error {
	type page struct {
		folder
		left int64
	}
	p, err := read(v, func(q *db.Reader) (p page, err error) {
		if p.o, err = order.ByNumber(q, v.by, v.r.PathValue("number")); err != nil {
			return p, err
		}
		if p.leave, err = v.by.Opened(q, "order", p.o.ID); err != nil {
			return p, err
		}
		p.c, p.open, err = order.Seen(q, v.Vault, p.o, p.leave)
		switch {
		case errors.Is(err, secret.ErrErased):
			p.gone, err = true, nil
		case unreadable(err):
			p.broken, err = true, nil
		}
		if err != nil {
			return p, err
		}
		if p.named, err = fulfilment.NamedCarriers(q); err != nil {
			return p, err
		}
		p.left, err = order.CountToPack(q)
		return p, err
	})
	if err != nil {
		return err
	}
	o := p.o
	var head []view.Block
	main := []view.Block{}
	if o.State == order.Placed && !o.IsShipped() && p.leave.For(auth.ForPacking) {
		head = append(head, view.Go(v.l, v.t("order.slip"), orderPath(o)+"/slip.pdf", false))
		x := v.parcelForm(p.folder, form)
		x.Action, x.Submit = packPath(o)+"/ship", v.t("packing.ship")
		main = append(main, v.pickList(o), view.Panel("ship", v.t("ship.title"), view.FormBlock(v.l, x), view.Quiet(v.t("ship.mails"))))
	} else if o.State == order.Placed && !o.IsShipped() {
		main = append(main, v.packFirst(p.folder, form))
	} else {
		main = append(main, view.Notice(ui.OK, v.t("packing.sent_already")))
	}
	head = append(head, view.ButtonForm(v.l, view.Button{Action: "/admin/packing/next", Text: v.t("packing.skip"), Hidden: []view.Pair{{Key: "after", Value: o.ID.String()}}}))
	return v.show(code, view.Shell{Title: v.t("packing.parcel", "number", o.NumberString()), Lead: v.n("packing.left", int(p.left)), Head: view.Group(head...),
		Crumbs: []ui.Link{{Text: v.t("packing.title"), URL: "/admin/packing"}, {Text: o.NumberString(), URL: packPath(o)}}},
		view.Beside(view.Group(main...), v.buyerPanel(p.folder)))
}

// pickList is what goes into the parcel.
func (v *visit) pickList(o order.Order) view.Block {
	t := view.Table{Caption: v.t("packing.pick"), Cols: []ui.Column{{Text: v.t("col.goods")}, {Text: v.t("col.sku")}, {Text: v.t("col.quantity"), Num: true}}}
	for _, l := range o.Lines {
		if l.Open() > 0 {
			t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: l.Title(v.l), Sub: strings.TrimSpace(l.Options)}, {Text: l.SKU}, {Text: lang.Number(v.l, l.Open())}}})
		}
	}
	return view.Panel("pick", v.t("packing.pick"), view.TableBlock(v.l, t))
}

// shipAndNext sends the parcel and opens the next one, in one press and one
// transaction.
func (v *visit) shipAndNext() error {
	in, err := v.r.ReadForm("pieces.", "carrier", "tracking", "key")
	if err != nil {
		return err
	}
	type next struct {
		o  order.Order
		ok bool
	}
	var x next
	lines, err := pieces(in)
	if err == nil {
		x, err = act(v, "order.ship", "order", 0, func(tx *db.Tx) (x next, err error) {
			o, err := v.shipParcel(tx, v.r.PathValue("number"), lines, in)
			if err != nil {
				return x, err
			}
			x.o, x.ok, err = v.nextParcel(tx, o.ID)
			return x, err
		})
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showParcel(status(err), v.form(in, err, ""))
	}
	if !x.ok {
		return v.done("packing_done", "/admin/packing")
	}
	return v.done("packed", packPath(x.o))
}
