package admin

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// folder is all that the page of an order shows.
type folder struct {
	o       order.Order
	c       order.Contact
	leave   auth.Opened // what the visitor has opened of this order
	open    bool        // c is whole, not masked
	call    call        // the caller about it
	limits  customer.Limits
	gone    bool // the buyer's details are erased
	broken  bool // they do not open
	events  []order.Event
	docs    []order.Document
	said    map[string]string // what references in reasons stand for, while the order is open
	parcels []fulfilment.Parcel
	returns []returns.Return
	refunds []payment.RefundRow
	left    money.Money     // what can still be refunded
	cards   []giftcard.Card // that the order bought
	came    []payment.Entry
	takes   []payment.TakeRow // of money that was reserved
	intent  payment.Intent
	named   []fulfilment.Named
	follow  map[db.ID]string // where each parcel is followed
	now     time.Time        // by the shop's clock of laws and prices
	letters []mail.Row
	next    string // number of the next order to pack
}

func (v *visit) readOrder(q *db.Reader, number string) (f folder, err error) {
	f.now = q.LegalNow()
	if f.o, err = order.ByNumber(q, v.by, number); err != nil {
		return f, err
	}
	if f.leave, err = v.by.Opened(q, "order", f.o.ID); err != nil {
		return f, err
	}
	if f.call, err = v.readCall(q, "order", f.o.ID); err != nil {
		return f, err
	}
	f.c, f.open, err = order.Seen(q, v.Vault, f.o, f.leave)
	switch {
	case errors.Is(err, secret.ErrErased):
		f.gone, err = true, nil
	case unreadable(err):
		f.broken, err = true, nil
	}
	if err != nil {
		return f, err
	}
	if f.limits, err = customer.LimitsOf(q, f.o.Person); err != nil {
		return f, err
	}
	if f.events, err = order.Timeline(q, f.o.ID, true); err != nil {
		return f, err
	}
	if f.docs, err = order.Documents(q, f.o.ID); err != nil {
		return f, err
	}
	if f.said, err = order.Said(q, v.Vault, f.o, f.leave); err != nil && !unreadable(err) {
		return f, err
	}
	if f.parcels, err = fulfilment.Parcels(q, f.o.ID); err != nil {
		return f, err
	}
	if f.named, err = fulfilment.NamedCarriers(q); err != nil {
		return f, err
	}
	f.follow = map[db.ID]string{}
	for _, p := range f.parcels {
		if _, f.follow[p.ID], err = v.Carriers.Follow(q, p.Carrier, p.Number); err != nil {
			return f, err
		}
	}
	if f.returns, err = returns.OfOrder(q, f.o.ID); err != nil {
		return f, err
	}
	i, err := payment.OfPurchase(q, f.o.Purchase)
	if err == nil {
		f.left = money.New(i.Refundable().Amount+f.o.GiftPaid.Amount-f.o.GiftRefunded.Amount, f.o.ToPay.Currency)
		f.intent = i
		if f.takes, err = payment.TakesOf(q, i.ID); err != nil {
			return f, err
		}
		if f.refunds, err = payment.RefundsOf(q, i.ID); err == nil {
			f.came, err = payment.Captures(q, i.ID)
		}
	}
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return f, err
	}
	if f.letters, err = mail.About(q, "order", f.o.ID); err != nil {
		return f, err
	}
	if f.o.Draft.HasGiftCards() {
		if f.cards, err = giftcard.OfOrder(q, f.o.ID); err != nil {
			return f, err
		}
	}
	waiting, err := order.List(q, v.by, order.Filter{State: order.Placed, Unshipped: true}, 0, countTo)
	if err != nil {
		return f, err
	}
	for i := len(waiting) - 1; i >= 0; i-- {
		if waiting[i].ID != f.o.ID {
			f.next = waiting[i].NumberString()
			break
		}
	}
	return f, nil
}

// order is the page of one order.
func (v *visit) order() error { return v.showOrder(http.StatusOK, "", ui.Form{}) }

// showOrder shows the order; form is what came back from the form of that name.
func (v *visit) showOrder(code int, of string, form ui.Form) error {
	f, err := read(v, func(q *db.Reader) (folder, error) { return v.readOrder(q, v.r.PathValue("number")) })
	if err != nil {
		return err
	}
	o := f.o
	back := func(name string) ui.Form {
		if name == of {
			return form
		}
		return ui.Form{}
	}
	state, tone := v.orderState(o, time.Now())
	var head []view.Block
	if o.State == order.Placed && !o.IsShipped() && f.leave.For(auth.ForPacking) {
		head = append(head, view.Go(v.l, v.t("order.slip"), orderPath(o)+"/slip.pdf", false))
	}
	if f.next != "" {
		head = append(head, view.Go(v.l, v.t("order.next"), "/admin/orders/"+f.next, false))
	}
	main := []view.Block{v.orderLines(o)}
	if v.by.Has(auth.OrdersWrite) && o.State == order.Placed && !o.IsShipped() {
		if f.leave.For(auth.ForPacking) {
			main = append(main, v.shipForm(f, back("ship")))
		} else if v.by.Has(auth.PersonalOpen) && !f.gone {
			main = append(main, v.packFirst(f, back("ship")))
		}
	}
	if len(f.parcels) > 0 {
		main = append(main, v.parcelList(f))
	}
	if len(f.returns) > 0 {
		t := v.returnTable()
		for _, r := range f.returns {
			t.Rows = append(t.Rows, v.returnRow(r, o.NumberString()))
		}
		main = append(main, view.Panel("returns", v.t("returns.title"), view.TableBlock(v.l, t)))
	}
	main = append(main, v.moneyPanel(f, back, of))
	if v.by.Has(auth.OrdersWrite) && o.State == order.Placed && !o.IsShipped() {
		main = append(main, view.Fold(v.t("order.cancel"), of == "cancel", view.Say(v.t("order.cancel.text")), view.FormBlock(v.l, view.Form{
			Action: orderPath(o) + "/cancel", Submit: v.t("order.cancel.go"), Danger: true, Form: back("cancel"),
			Fields: []view.Field{{Input: ui.Input{Name: "cancel_reason", Label: v.t("label.reason"), Hint: v.t("reason.hint"), Max: 200, Optional: true}}}})))
	}
	side := []view.Block{v.buyerPanel(f)}
	if !f.gone && !f.broken {
		side = append(side, v.callPanel("order", o.ID, f.call))
		if v.by.Has(auth.OrdersWrite) && o.State == order.Placed && !o.IsShipped() && !partly(o) && o.Draft.Shipping.PointName == "" && !f.call.verified.Until().IsZero() && (f.open || of == "readdress") {
			side = append(side, view.Fold(v.t("readdress"), of == "readdress", v.readdressForm(f, back("readdress"))))
		}
	}
	side = append(side, v.timelinePanel(f))
	if len(o.Draft.Consents)+len(o.Draft.Unasked) > 0 {
		side = append(side, v.consentPanel(o.Draft))
	}
	if len(f.letters) > 0 {
		side = append(side, v.letterPanel(f.letters))
	}
	return v.show(code, view.Shell{Title: v.t("order.title", "number", o.NumberString()), Head: view.Group(append([]view.Block{view.Badge(tone, state)}, head...)...),
		Crumbs: []ui.Link{{Text: v.t("orders.title"), URL: "/admin/orders"}, {Text: o.NumberString(), URL: orderPath(o)}}},
		view.Beside(view.Group(main...), view.Group(side...)))
}

func (v *visit) orderLines(o order.Order) view.Block {
	t := view.Table{Caption: v.t("order.lines"), Cols: []ui.Column{{Text: v.t("col.goods")}, {Text: v.t("col.sku")}, {Text: v.t("col.quantity"), Num: true}, {Text: v.t("col.shipped"), Num: true}, {Text: v.t("col.unit"), Num: true}, {Text: v.t("col.total"), Num: true}}}
	for _, l := range o.Lines {
		note := l.Options
		if l.Cancelled > 0 {
			note = strings.TrimPrefix(note+" · "+v.t("order.line.cancelled", "n", l.Cancelled), " · ")
		}
		if l.Returned > 0 {
			note = strings.TrimPrefix(note+" · "+v.t("order.line.returned", "n", l.Returned), " · ")
		}
		url := ""
		if v.by.Has(auth.CatalogRead) {
			url = "/admin/products/" + l.Product.String()
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: l.Title(v.l), Sub: note, URL: url}, {Text: l.SKU}, {Text: lang.Number(v.l, l.Quantity)}, {Text: lang.Number(v.l, l.Shipped)},
			{Text: lang.Money(v.l, l.Unit)}, {Text: lang.Money(v.l, l.Total)}}})
	}
	return view.Panel("", v.t("order.lines"), view.TableBlock(v.l, t))
}

// packFirst stands where the parcel is sent, until its address is shown.
func (v *visit) packFirst(f folder, form ui.Form) view.Block {
	return view.Panel("ship", v.t("ship.title"), view.Quiet(v.t("ship.first")), view.FormBlock(v.l, view.Form{Action: "/admin/personal/open", Submit: v.t("reason.packing.go"), Form: form,
		Hidden: []view.Pair{{Key: "entity", Value: "order"}, {Key: "id", Value: f.o.ID.String()}, {Key: "for", Value: auth.ForPacking}}}))
}

// shipForm asks what goes into the parcel; it stands filled in for the usual
// case, that all of it does.
func (v *visit) shipForm(f folder, form ui.Form) view.Block {
	return view.Panel("ship", v.t("ship.title"), view.FormBlock(v.l, v.parcelForm(f, form)), view.Quiet(v.t("ship.mails")))
}

func (v *visit) parcelForm(f folder, form ui.Form) view.Form {
	x := view.Form{Action: orderPath(f.o) + "/ship", Submit: v.t("ship.go"), Form: form, Hidden: []view.Pair{{Key: "key", Value: secret.RandomToken()}}}
	for _, l := range f.o.Lines {
		if l.Open() > 0 {
			x.Fields = append(x.Fields, view.Field{Half: true, Input: ui.Input{Name: "pieces." + l.ID.String(), Label: strings.TrimSuffix(l.Title(v.l)+", "+l.Options, ", "), Hint: v.t("ship.of", "n", l.Open()), Value: lang.Number(lang.SV, l.Open()), InputMode: "numeric", Short: true, Max: 6}})
		}
	}
	x.Fields = append(x.Fields,
		view.Field{Kind: view.Select, Half: true, Input: ui.Input{Name: "carrier", Label: v.t("label.carrier"), Value: f.o.Draft.Shipping.Carrier}, Options: v.carriers(f.named)},
		view.Field{Half: true, Input: ui.Input{Name: "tracking", Label: v.t("label.tracking"), Max: 60, NoSpell: true, Optional: true}})
	return x
}

func (v *visit) parcelList(f folder) view.Block {
	t := view.Table{Caption: v.t("parcels.title"), Cols: []ui.Column{{Text: v.t("col.sent")}, {Text: v.t("col.pieces"), Num: true}, {Text: v.t("col.carrier")}, {Text: v.t("col.tracking")}, {Text: v.t("col.arrived")}}}
	for _, p := range f.parcels {
		var n int64
		for _, l := range p.Lines {
			n += l.Quantity
		}
		carrier := v.t("carrier.own")
		if p.Carrier != "" {
			carrier = v.carrierName(f.named, p.Carrier)
		}
		arrived := view.Cell{Text: "–"}
		if !p.Delivered.IsZero() {
			arrived.Text = lang.Stamp(v.l, p.Delivered)
		} else if v.by.Has(auth.OrdersWrite) {
			arrived.Block = view.ButtonForm(v.l, view.Button{Action: orderPath(f.o) + "/parcels/" + p.ID.String() + "/arrived", Text: v.t("parcel.arrived"), Link: true})
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, p.Shipped)}, {Text: lang.Number(v.l, n)}, {Text: carrier}, {Text: p.Number, URL: f.follow[p.ID]}, arrived}})
	}
	return view.Panel("parcels", v.t("parcels.title"), view.TableBlock(v.l, t))
}

// moneyPanel is what was to be paid, what was, and what went back.
func (v *visit) moneyPanel(f folder, back func(string) ui.Form, of string) view.Block {
	o, m := f.o, func(x money.Money) string { return lang.Money(v.l, x) }
	d := o.Draft
	facts := []view.Pair{{Key: v.t("money.goods"), Value: m(d.Goods)}}
	if d.Discount.Amount > 0 {
		facts = append(facts, view.Pair{Key: v.t("money.discount"), Value: m(d.Discount.Neg()), Sub: strings.Join(d.Codes, ", ")})
	}
	facts = append(facts, view.Pair{Key: v.t("money.delivery"), Value: m(d.Delivery)}, view.Pair{Key: v.t("money.total"), Value: m(o.Total)})
	for _, x := range d.VAT {
		facts = append(facts, view.Pair{Key: v.t("money.vat", "rate", lang.Percent(v.l, x.RateBP)), Value: m(money.New(x.Amount, d.Currency))})
	}
	facts = append(facts, view.Pair{Key: v.t("money.paid"), Value: m(o.Paid), Sub: v.methodName(o.Method)})
	if x := f.intent.Takeable(); x.Amount > 0 {
		p := view.Pair{Key: v.t("money.reserved"), Value: m(x)}
		if !f.intent.AuthUntil.IsZero() {
			p.Sub = v.t("money.reserved_until", "date", lang.DateYear(v.l, f.intent.AuthUntil))
		}
		facts = append(facts, p)
	}
	if f.intent.Taking.Amount > 0 {
		facts = append(facts, view.Pair{Key: v.t("money.taking"), Value: m(f.intent.Taking)})
	}
	if o.OCR != "" {
		facts = append(facts, view.Pair{Key: v.t("money.ocr"), Value: o.OCR})
	}
	if !o.DueAt.IsZero() && !o.IsPaid() {
		facts = append(facts, view.Pair{Key: v.t("money.due"), Value: lang.DateYear(v.l, o.DueAt)})
	}
	for _, g := range d.Gifts {
		facts = append(facts, view.Pair{Key: v.t("money.gift_card"), Value: m(g.Amount), Sub: v.t("gift_card.last4", "last4", g.Last4), URL: giftPath(g.Card)})
	}
	if o.Refunded.Amount > 0 {
		facts = append(facts, view.Pair{Key: v.t("money.refunded"), Value: m(o.Refunded)})
	}
	if o.GiftRefunded.Amount > 0 {
		facts = append(facts, view.Pair{Key: v.t("money.gift_refunded"), Value: m(o.GiftRefunded)})
	}
	for _, c := range f.cards {
		facts = append(facts, view.Pair{Key: v.t("money.gift_bought"), Value: v.t("gift_card.last4", "last4", c.Last4), Sub: v.giftState(c, f.now).Text, URL: giftPath(c.ID)})
	}
	facts = append(facts, view.Pair{Key: v.t("money.purchase"), Value: v.t("money.purchase.go"), URL: "/admin/purchases/" + o.Purchase.String()})
	blocks := []view.Block{view.Facts(v.l, facts)}
	if len(f.docs) > 0 {
		t := view.Table{Caption: v.t("docs.title"), Cols: []ui.Column{{Text: v.t("col.document")}, {Text: v.t("col.at")}, {Text: v.t("col.reason")}, {Text: v.t("col.total"), Num: true}}}
		for _, x := range f.docs {
			t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: v.word("doc.", o.Paper(x)) + " " + lang.Number(lang.SV, x.Number)}, {Text: lang.Stamp(v.l, x.At)}, {Text: v.reasonOf(f.said, x.Reason)}, {Text: m(x.Amount)}}})
		}
		blocks = append(blocks, view.TableBlock(v.l, t))
	}
	if len(f.takes) > 0 {
		t := view.Table{Caption: v.t("takes.title"), Cols: []ui.Column{{Text: v.t("col.take")}, {Text: v.t("col.state")}, {Text: v.t("col.total"), Num: true}}}
		for _, x := range f.takes {
			tone := map[string]ui.Tone{"asked": ui.Wait, "done": ui.OK, "refused": ui.Stop}[x.State]
			t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, x.At)}, {Text: v.word("take.state.", x.State), Badge: true, Tone: tone, Sub: x.Code}, {Text: m(x.Amount)}}})
		}
		blocks = append(blocks, view.TableBlock(v.l, t))
	}
	if len(f.refunds) > 0 {
		t := view.Table{Caption: v.t("refunds.title"), Cols: []ui.Column{{Text: v.t("col.refund")}, {Text: v.t("col.state")}, {Text: v.t("col.reason")}, {Text: v.t("col.total"), Num: true}}}
		for _, x := range f.refunds {
			tone := map[string]ui.Tone{"asked": ui.Wait, "done": ui.OK, "refused": ui.Stop}[x.State]
			t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, x.At)}, {Text: v.word("refund.state.", x.State), Badge: true, Tone: tone}, {Text: v.reasonOf(f.said, x.Reason)}, {Text: m(x.Amount)}}})
		}
		blocks = append(blocks, view.TableBlock(v.l, t))
	}
	if !o.DueAt.IsZero() && len(f.came) > 0 {
		t := view.Table{Caption: v.t("settle.list"), Cols: []ui.Column{{Text: v.t("label.paid_on")}, {Text: v.t("label.amount"), Num: true}}}
		for _, x := range f.came {
			t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.DateYear(v.l, x.At)}, {Text: m(x.Amount), Num: true}}})
		}
		blocks = append(blocks, view.TableBlock(v.l, t))
	}
	if v.by.Has(auth.OrdersWrite) && !o.DueAt.IsZero() && !o.IsPaid() && o.State != order.Cancelled {
		blocks = append(blocks, view.Fold(v.t("settle.title"), of == "settle", v.settleForm(o, f.now, back("settle"))))
	}
	if v.by.Has(auth.RefundsWrite) && f.left.Amount > 0 {
		blocks = append(blocks, view.Fold(v.t("refund.title"), of == "refund", v.refundForm(f, back("refund"))))
	}
	return view.Panel("money", v.t("money.title"), blocks...)
}

func (v *visit) refundForm(f folder, form ui.Form) view.Block {
	fields := []view.Field{
		{Half: true, Input: ui.Input{Name: "amount", Label: v.t("label.amount"), Hint: v.t("refund.left", "amount", f.left), InputMode: "decimal", Short: true, Max: 16, Needed: true}},
		{Half: true, Input: ui.Input{Name: "reason", Label: v.t("label.reason"), Hint: v.t("refund.reason.hint"), Max: 200, Needed: true}}}
	return view.Group(view.FormBlock(v.l, view.Form{Action: orderPath(f.o) + "/refund", Submit: v.t("refund.go"), Danger: true, Form: form,
		Hidden: []view.Pair{{Key: "key", Value: secret.RandomToken()}}, Fields: append(fields, v.proofField()...)}), v.proofLink(orderPath(f.o)))
}

func (v *visit) methodName(method string) string {
	if v.Desk == nil {
		return method
	}
	return v.Desk.MethodName(v.l, method)
}
