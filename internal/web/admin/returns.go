package admin

import (
	"errors"
	"net/http"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

var returnTabs = []tab{{"", "returns.open"}, {"due", "returns.due"}, {"all", "returns.all"}}

func (v *visit) returnTable() view.Table {
	return view.Table{Caption: v.t("returns.title"), Empty: v.t("returns.none"),
		Cols: []ui.Column{{Text: v.t("col.return")}, {Text: v.t("col.order")}, {Text: v.t("col.pieces"), Num: true}, {Text: v.t("col.state")}, {Text: v.t("col.refund_by")}}}
}

var returnTones = map[returns.State]ui.Tone{returns.Registered: ui.Wait, returns.Received: ui.Wait, returns.Accepted: ui.Wait, returns.Partly: ui.Wait, returns.Refunded: ui.OK}

func (v *visit) returnRow(r returns.Return, number string) view.Row {
	by := view.Cell{Text: "–"}
	if r.State != returns.Refunded && r.State != returns.Cancelled {
		by.Text = lang.DateYear(v.l, r.RefundBy)
	}
	return view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, r.Stated), URL: "/admin/returns/" + r.ID.String()}, {Text: number, URL: "/admin/orders/" + number}, {Text: lang.Number(v.l, r.Pieces())},
		{Text: lang.T(v.l, "returns.state."+string(r.State)), Badge: true, Tone: returnTones[r.State]}, by}}
}

// returnsList shows what buyers want to give back; by itself what is still open.
func (v *visit) returnsList() error {
	show, before, _, err := v.listQuery(returnTabs)
	if err != nil {
		return err
	}
	type line struct {
		r      returns.Return
		number string
	}
	rows, err := read(v, func(q *db.Reader) ([]line, error) {
		rs, err := returns.List(q, v.by, returns.Filter{Open: show == "", Due: show == "due"}, before, pageSize+1)
		if err != nil {
			return nil, err
		}
		out := make([]line, len(rs))
		for i, r := range rs {
			o, err := order.ByID(q, r.Order)
			if err != nil {
				return nil, err
			}
			out[i] = line{r, o.NumberString()}
		}
		return out, nil
	})
	if err != nil {
		return err
	}
	t := v.returnTable()
	for _, x := range paged(&t, rows, before, func(x line) db.ID { return x.r.ID }, "/admin/returns", "show", show) {
		t.Rows = append(t.Rows, v.returnRow(x.r, x.number))
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("returns.title")}, v.tabs("/admin/returns", show, returnTabs...), view.TableBlock(v.l, t))
}

// claim is all that the page of a return shows.
type claim struct {
	r        returns.Return
	o        order.Order
	said     returns.Statement
	leave    auth.Opened // what the visitor has opened of this return
	shut     bool        // who declared it has asked for restriction
	broken   bool        // the statement does not open
	gone     bool        // who declared it is erased
	answer   string
	events   []returns.Event
	proposal *returns.Proposal
}

func (v *visit) readReturn(q *db.Reader, id db.ID) (c claim, err error) {
	if c.r, err = returns.One(q, v.by, id); err != nil {
		return c, err
	}
	if c.o, err = order.ByID(q, c.r.Order); err != nil {
		return c, err
	}
	if c.leave, err = v.by.Opened(q, "return", id); err != nil {
		return c, err
	}
	if c.shut, err = restricted(q, c.r.Person); err != nil {
		return c, err
	}
	c.said, _, err = returns.Seen(q, v.Vault, c.r, c.leave)
	switch {
	case unreadable(err):
		c.broken = true
	case errors.Is(err, secret.ErrErased):
		c.gone = true
	case err != nil:
		return c, err
	}
	if c.answer, err = returns.AnswerOf(q, v.Vault, c.r); unreadable(err) {
		c.answer = v.t("sight.unreadable")
	} else if err != nil && !errors.Is(err, secret.ErrErased) {
		return c, err
	}
	if c.events, err = returns.Timeline(q, v.by, id); err != nil {
		return c, err
	}
	if c.r.State != returns.Refunded && c.r.State != returns.Cancelled && c.r.State != returns.Rejected {
		p, err := v.refundDesk().Propose(q, v.by, id)
		if err != nil && fault.As(err) == nil {
			return c, err
		}
		if err == nil {
			c.proposal = &p
		}
	}
	return c, nil
}

// refundDesk proposes and asks; carrying out is the worker's.
func (v *visit) refundDesk() *returns.Desk {
	d := &returns.Desk{DB: v.DB, Log: v.Log, Standard: v.Standard}
	if v.Desk != nil {
		d.Providers = v.Desk.Providers
	}
	return d
}

func (v *visit) returnPage() error { return v.showReturn(http.StatusOK, "", ui.Form{}) }

func (v *visit) showReturn(code int, of string, form ui.Form) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	c, err := read(v, func(q *db.Reader) (claim, error) { return v.readReturn(q, id) })
	if err != nil {
		return err
	}
	if c.said.Text != "" && c.r.Person > 0 {
		// What the buyer declares is the work itself; who he is is opened apart, with a reason.
		if err := v.looked(c.r.Person, "return", c.r.ID, "return_handling", "message"); err != nil {
			return err
		}
	}
	path := "/admin/returns/" + id.String()
	back := func(name string) ui.Form {
		if name == of {
			return form
		}
		return ui.Form{}
	}
	var main []view.Block
	for _, d := range c.r.Disputed {
		main = append(main, view.Notice(ui.Wait, lang.T(v.l, "returns.disputed."+d)))
	}
	main = append(main, v.returnLines(c))
	write := v.by.Has(auth.OrdersWrite)
	title := func(l returns.Line) string {
		for _, x := range c.o.Lines {
			if x.ID == l.Line {
				return strings.TrimSuffix(x.Title(v.l)+", "+x.Options, ", ")
			}
		}
		return l.Line.String()
	}
	if write && (c.r.State == returns.Registered || c.r.State == returns.Received) && c.r.ToSend() > 0 {
		main = append(main, view.Panel("receive", v.t("return.receive"), view.FormBlock(v.l, v.receiveForm(path, c, title, back("receive")))))
	}
	if write && (c.r.State == returns.Registered || c.r.State == returns.Received || c.r.State == returns.Rejected) {
		main = append(main, view.Panel("accept", v.t("return.accept"), view.Quiet(v.t("return.accept.text")), view.FormBlock(v.l, v.acceptForm(path, c, title, back("accept")))))
	}
	if write && (c.r.State == returns.Registered || c.r.State == returns.Received) {
		main = append(main, view.Fold(v.t("return.reject"), of == "reject", view.FormBlock(v.l, view.Form{Action: path + "/reject", Submit: v.t("return.reject.go"), Danger: true, Form: back("reject"),
			Fields: []view.Field{{Input: ui.Input{Name: "reject_answer", Label: v.t("label.answer"), Hint: v.t("return.answer.hint"), Rows: 4, Max: 2000}}}})))
	}
	if c.proposal != nil && (c.r.State == returns.Accepted || c.r.State == returns.Partly) {
		switch {
		case c.proposal.Total.Amount == 0:
			main = append(main, view.Notice(ui.OK, v.t("return.asked")))
		case v.by.Has(auth.RefundsWrite):
			main = append(main, v.returnRefund(path, c, back("refund")))
		}
	}
	if write && (c.r.State == returns.Registered || c.r.State == returns.Received || c.r.State == returns.Rejected) {
		main = append(main, view.Fold(v.t("return.take_back"), of == "take_back", view.FormBlock(v.l, view.Form{Action: path + "/take-back", Submit: v.t("return.take_back.go"), Danger: true, Form: back("take_back"),
			Fields: []view.Field{{Input: ui.Input{Name: "take_back_reason", Label: v.t("label.reason"), Hint: v.t("reason.hint"), Max: 200}}}})))
	}
	number := c.o.NumberString()
	return v.show(code, view.Shell{Title: v.t("return.title", "number", number), Head: view.Badge(returnTones[c.r.State], lang.T(v.l, "returns.state."+string(c.r.State))),
		Crumbs: []ui.Link{{Text: v.t("returns.title"), URL: "/admin/returns"}, {Text: lang.Stamp(v.l, c.r.Stated), URL: path}}},
		view.Beside(view.Group(main...), view.Group(v.returnFacts(c), v.returnTimeline(c))))
}

func (v *visit) returnLines(c claim) view.Block {
	t := view.Table{Caption: v.t("return.lines"), Cols: []ui.Column{{Text: v.t("col.goods")}, {Text: v.t("col.quantity"), Num: true}, {Text: v.t("col.received"), Num: true}, {Text: v.t("col.condition")}, {Text: v.t("col.accepted"), Num: true}}}
	for _, l := range c.r.Lines {
		name := l.Line.String()
		for _, x := range c.o.Lines {
			if x.ID == l.Line {
				name = strings.TrimSuffix(x.Title(v.l)+", "+x.Options, ", ")
			}
		}
		sub := ""
		if l.Cancelled > 0 {
			sub = v.t("return.never_left", "n", l.Cancelled)
		}
		condition := "–"
		if l.Condition != "" {
			condition = lang.T(v.l, "returns.condition."+l.Condition)
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: name, Sub: sub}, {Text: lang.Number(v.l, l.Quantity)}, {Text: lang.Number(v.l, l.Received)}, {Text: condition}, {Text: lang.Number(v.l, l.Accepted+l.Cancelled)}}})
	}
	return view.Panel("", v.t("return.lines"), view.TableBlock(v.l, t))
}

func (v *visit) receiveForm(path string, c claim, title func(returns.Line) string, form ui.Form) view.Form {
	x := view.Form{Action: path + "/receive", Submit: v.t("return.receive.go"), Form: form}
	var conditions []ui.Option
	for _, k := range returns.Conditions {
		conditions = append(conditions, ui.Option{Value: k, Label: lang.T(v.l, "returns.condition."+k)})
	}
	for _, l := range c.r.Lines {
		left := l.Quantity - l.Cancelled - l.Received
		if left <= 0 {
			continue
		}
		x.Fields = append(x.Fields,
			view.Field{Half: true, Input: ui.Input{Name: "received." + l.Line.String(), Label: title(l), Hint: v.t("return.awaited", "n", left), Value: lang.Number(lang.SV, left), InputMode: "numeric", Short: true, Max: 6}},
			view.Field{Half: true, Kind: view.Select, Input: ui.Input{Name: "condition." + l.Line.String(), Label: v.t("label.condition")}, Options: conditions})
	}
	return x
}

func (v *visit) acceptForm(path string, c claim, title func(returns.Line) string, form ui.Form) view.Form {
	x := view.Form{Action: path + "/accept", Submit: v.t("return.accept.go"), Form: form}
	for _, l := range c.r.Lines {
		most := l.Quantity - l.Cancelled
		if most <= 0 {
			continue
		}
		restock := int64(0)
		if l.Condition == "new" {
			restock = l.Received
		}
		x.Fields = append(x.Fields,
			view.Field{Half: true, Input: ui.Input{Name: "accept." + l.Line.String(), Label: title(l), Hint: v.t("return.accept.of", "n", most), Value: lang.Number(lang.SV, most), InputMode: "numeric", Short: true, Max: 6}},
			view.Field{Half: true, Input: ui.Input{Name: "restock." + l.Line.String(), Label: v.t("label.restock"), Hint: v.t("return.restock.of", "n", l.Received), Value: lang.Number(lang.SV, restock), InputMode: "numeric", Short: true, Max: 6}})
	}
	x.Fields = append(x.Fields, view.Field{Input: ui.Input{Name: "answer", Label: v.t("label.answer"), Hint: v.t("return.answer.part"), Rows: 3, Max: 2000, Optional: true}})
	return x
}

// returnRefund shows what goes back, worked out by the law's rules, and asks for a
// deduction and its reason if there is one.
func (v *visit) returnRefund(path string, c claim, form ui.Form) view.Block {
	p, m := c.proposal, func(x money.Money) string { return lang.Money(v.l, x) }
	facts := []view.Pair{{Key: v.t("money.goods"), Value: m(p.Goods)}, {Key: v.t("money.delivery"), Value: m(p.Delivery)}, {Key: v.t("return.total"), Value: m(p.Total)}}
	if p.Falls.Amount > 0 {
		facts = append(facts, view.Pair{Key: v.t("return.falls"), Value: m(p.Falls)})
	}
	if p.GiftCard.Amount > 0 {
		facts = append(facts, view.Pair{Key: v.t("return.gift_card"), Value: m(p.GiftCard)})
	}
	facts = append(facts, view.Pair{Key: v.t("return.refund"), Value: m(p.Refund)})
	fields := []view.Field{{Half: true, Input: ui.Input{Name: "deduct", Label: v.t("label.deduct"), Hint: v.t("return.deduct.hint"), InputMode: "decimal", Short: true, Max: 16, Optional: true}},
		{Half: true, Input: ui.Input{Name: "reason", Label: v.t("label.reason"), Hint: v.t("return.deduct.reason"), Max: 200, Optional: true}}}
	return view.Panel("refund", v.t("return.refund.title"), view.Facts(v.l, facts),
		view.FormBlock(v.l, view.Form{Action: path + "/refund", Submit: v.t("return.refund.go"), Form: form, Fields: append(fields, v.proofField()...)}), v.proofLink(path))
}

func (v *visit) returnFacts(c claim) view.Block {
	number := c.o.NumberString()
	facts := []view.Pair{{Key: v.t("col.order"), Value: number, URL: "/admin/orders/" + number}, {Key: v.t("return.stated"), Value: lang.Stamp(v.l, c.r.Stated)},
		{Key: v.t("return.send_by"), Value: lang.DateYear(v.l, c.r.SendBackBy())}, {Key: v.t("col.refund_by"), Value: lang.DateYear(v.l, c.r.RefundBy)}}
	var blocks []view.Block
	switch {
	case c.broken:
		facts = append(facts, view.Pair{Key: v.t("label.name"), Value: v.t("sight.unreadable")}, view.Pair{Key: v.t("label.email"), Value: v.t("sight.unreadable")})
	case c.said.Name != "":
		blocks = append(blocks, v.sight("return", c.r.ID, c.leave, c.shut))
		facts = append(facts, view.Pair{Key: v.t("label.name"), Value: c.said.Name}, view.Pair{Key: v.t("label.email"), Value: c.said.Mail})
	case c.gone:
		blocks = append(blocks, view.Say(v.t("buyer.erased")))
	}
	blocks = append(blocks, view.Facts(v.l, facts))
	if c.said.Text != "" {
		blocks = append(blocks, view.Words(c.said.Text))
	}
	if c.answer != "" {
		blocks = append(blocks, view.Notice(ui.Plain, v.t("return.answered"), view.Words(c.answer)))
	}
	return view.Panel("buyer", v.t("return.facts"), blocks...)
}

// note is what stands beside a step: an amount, a reason, or both.
func (v *visit) note(s string) string {
	sum, reason, ok := strings.Cut(s, ": ")
	if !ok {
		return v.reasonOf(nil, s)
	}
	return sum + ": " + v.reasonOf(nil, reason)
}

func (v *visit) returnTimeline(c claim) view.Block {
	out := make([]ui.Entry, len(c.events))
	for i, e := range c.events {
		out[i] = ui.Entry{At: lang.Stamp(v.l, e.At), ISO: lang.ISO(e.At), Text: v.word("return.event.", e.Kind), More: v.note(e.Note), Now: i == len(c.events)-1}
	}
	return view.Panel("", v.t("timeline.title"), view.Timeline(out))
}

// settle runs a step of a return and shows it again, with what is wrong if it
// was not taken.
func (v *visit) settle(name, prefix string, in web.Values, err error, said string, step func(tx *db.Tx, id db.ID) error) error {
	id, e := v.id("id")
	if e != nil {
		return e
	}
	if err == nil {
		err = v.do("return."+name, "return", id, func(tx *db.Tx) error { return step(tx, id) })
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showReturn(status(err), name, v.form(in, err, prefix))
	}
	return v.done(said, "/admin/returns/"+id.String())
}

// counts reads whole numbers by line; an empty one is nought.
func counts(in web.Values, prefix string) (map[db.ID]int64, error) {
	out, bad := map[db.ID]int64{}, fault.Fields{}
	for key, s := range in.Prefixed(prefix) {
		id, err := db.ParseID(key)
		if err != nil {
			return nil, fault.Bad("unknown_field")
		}
		n, ok := int64(0), s == ""
		if !ok {
			n, ok = whole(s)
		}
		if !ok || n < 0 {
			bad.Add("/"+prefix+key, "bad_quantity")
		}
		out[id] = n
	}
	return out, bad.Err()
}
