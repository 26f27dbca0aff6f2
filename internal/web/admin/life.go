package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// purchase is the life of one attempt to buy on one page: what the shop knows of it,
// every step, every call, what happens next, and what a person can ask for.
func (v *visit) purchase() error { return v.showPurchase(http.StatusOK, "", ui.Form{}) }

func (v *visit) showPurchase(code int, act string, f ui.Form) error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	var buyer view.Block
	l, err := read(v, func(q *db.Reader) (l checkout.Life, err error) {
		if l, err = v.Desk.LifeOf(q, v.by, id); err != nil {
			return l, err
		}
		buyer, err = v.purchaseBuyer(q, l.Purchase)
		return l, err
	})
	if err != nil {
		return err
	}
	p := l.Purchase
	var main []view.Block
	if p.Alarm != "" {
		main = append(main, view.Notice(ui.Stop, v.word("alarm.", p.Alarm), view.Say(v.word("alarm.do.", p.Alarm))))
	}
	for _, c := range l.Cases {
		if c.State == "open" {
			main = append(main, view.Notice(ui.Stop, v.word("diff.kind.", c.Kind), view.Go(v.l, v.t("diff.go"), diffPath(c.ID), false)))
		}
	}
	main = append(main, view.Panel("", v.t("purchase.facts"), view.Facts(v.l, v.purchaseFacts(l))), v.planned(l.Plan))
	main = append(main, v.purchaseActs(l, act, f)...)
	if len(l.Tries) > 0 {
		main = append(main, view.Panel("moves", v.t("board.moves"), v.tryTable(l.Tries, false)))
	}
	main = append(main, view.Panel("ledger", v.t("purchase.ledger"), v.ledger(l.Entries)), view.Panel("calls", v.t("purchase.calls"), view.Quiet(v.t("purchase.calls.text")), v.calls(l.Calls)))
	if len(l.Events) > 0 {
		main = append(main, view.Panel("events", v.t("purchase.events"), v.events(l.Events)))
	}
	if len(l.Lines) > 0 {
		main = append(main, view.Panel("lines", v.t("purchase.lines"), v.lineTable("purchase.lines", l.Lines)))
	}
	entries := make([]ui.Entry, len(l.Steps))
	for i, s := range l.Steps {
		entries[i] = ui.Entry{At: lang.Stamp(v.l, s.At), ISO: lang.ISO(s.At), Text: v.word("purchase.state.", string(s.State)), More: v.why(s.Why), Now: i == len(l.Steps)-1}
	}
	return v.show(code, view.Shell{Title: v.t("purchase.title"), Crumbs: []ui.Link{{Text: v.t("purchases.title"), URL: "/admin/purchases"}, {Text: lang.Stamp(v.l, p.Created), URL: purchasePath(id)}}},
		view.Beside(view.Group(main...), view.Group(buyer, view.Panel("", v.t("purchase.steps"), view.Timeline(entries)))))
}

// purchaseBuyer is who is buying, hidden until he is opened: without an order somebody
// may yet have to write to him about his money.
func (v *visit) purchaseBuyer(q db.Q, p checkout.Purchase) (view.Block, error) {
	leave, err := v.by.Opened(q, "purchase", p.ID)
	if err != nil {
		return nil, err
	}
	shut, err := restricted(q, p.Person)
	if err != nil {
		return nil, err
	}
	c, _, err := checkout.Seen(q, v.Vault, p, leave)
	switch {
	case errors.Is(err, secret.ErrErased), errors.Is(err, secret.ErrEmpty):
		return view.Panel("buyer", v.t("buyer.title"), view.Say(v.t("buyer.erased"))), nil
	case unreadable(err):
		return view.Panel("buyer", v.t("buyer.title"), view.Facts(v.l, []view.Pair{{Key: v.t("label.name"), Value: v.t("sight.unreadable")}})), nil
	case err != nil:
		return nil, err
	}
	return view.Panel("buyer", v.t("buyer.title"), v.sight("purchase", p.ID, leave, shut), view.Facts(v.l, v.contactFacts(c))), nil
}

func (v *visit) purchaseFacts(l checkout.Life) []view.Pair {
	p, m := l.Purchase, func(x money.Money) string { return lang.Money(v.l, x) }
	facts := []view.Pair{{Key: v.t("col.state"), Value: v.word("purchase.state.", string(p.State)), Sub: checkout.Message(v.l, p, v.methodName(p.Method))},
		{Key: v.t("col.money"), Value: v.word("purchase.money.", string(p.Money))}, {Key: v.t("col.method"), Value: v.methodName(p.Method)}, {Key: v.t("col.total"), Value: m(p.Total)}}
	if i := l.Intent; i.ID > 0 {
		if i.Authorised.Amount > 0 {
			facts = append(facts, view.Pair{Key: v.t("purchase.reserved"), Value: m(i.Authorised), Sub: v.t("purchase.takeable", "amount", m(i.Takeable()))})
		}
		facts = append(facts, view.Pair{Key: v.t("purchase.captured"), Value: m(i.Captured)}, view.Pair{Key: v.t("money.refunded"), Value: m(i.Refunded)})
		if i.Taking.Amount > 0 {
			facts = append(facts, view.Pair{Key: v.t("purchase.taking"), Value: m(i.Taking)})
		}
		if i.Refunding.Amount > 0 {
			facts = append(facts, view.Pair{Key: v.t("purchase.refunding"), Value: m(i.Refunding)})
		}
		if i.ProviderRef != "" && !strings.Contains(i.ProviderRef, i.Reference) { // some names of providers hold ours, which opens the purchase
			facts = append(facts, view.Pair{Key: v.t("purchase.ref"), Value: i.ProviderRef})
		}
	}
	if p.Reason != "" {
		facts = append(facts, view.Pair{Key: v.t("purchase.reason"), Value: strings.TrimSuffix(p.Reason+" · "+p.Code, " · ")})
	}
	if n := l.Order.NumberString(); n != "" {
		facts = append(facts, view.Pair{Key: v.t("col.order"), Value: n, URL: orderPath(l.Order)})
	}
	facts = append(facts, view.Pair{Key: v.t("col.started"), Value: lang.Stamp(v.l, p.Created)})
	if !p.State.Terminal() {
		facts = append(facts, view.Pair{Key: v.t("purchase.answer_by"), Value: lang.Stamp(v.l, p.AnswerBy)}, view.Pair{Key: v.t("purchase.check"), Value: lang.Stamp(v.l, p.CheckAt), Sub: v.t("purchase.checks", "n", p.Checks)})
	}
	return facts
}

// why is what moved a purchase, in words.
func (v *visit) why(code string) string {
	return v.word("purchase.why.", strings.ReplaceAll(code, " ", "_"))
}

// planned is what the program does next by itself.
func (v *visit) planned(ps []checkout.Planned) view.Block {
	if len(ps) == 0 {
		return view.Panel("next", v.t("purchase.next"), view.Quiet(v.t("purchase.next.none")))
	}
	facts := make([]view.Pair, len(ps))
	for i, x := range ps {
		facts[i] = view.Pair{Key: lang.Stamp(v.l, x.At), Value: v.word("plan.", x.What)}
	}
	return view.Panel("next", v.t("purchase.next"), view.Facts(v.l, facts))
}

// purchaseActs are the buttons that the state and the visitor's rights allow.
func (v *visit) purchaseActs(l checkout.Life, act string, f ui.Form) []view.Block {
	path := purchasePath(l.Purchase.ID)
	panel := func(name string, x view.Form, more ...view.Block) view.Block {
		x.Action, x.Submit = path+"/"+name, v.t("purchase."+name+".go")
		x.Quiet = name != "look"
		if act == name {
			x.Form = f
		}
		return view.Panel(name, v.t("purchase."+name), append([]view.Block{view.Quiet(v.t("purchase." + name + ".text")), view.FormBlock(v.l, x)}, more...)...)
	}
	var out []view.Block
	if l.Can.Look && v.by.Has(auth.JobsWrite) {
		out = append(out, panel("look", view.Form{Fields: []view.Field{v.noteField("look_note", v.t("purchase.look.note"))}}))
	}
	if l.Can.Capture.Amount > 0 && v.by.Has(auth.OrdersWrite) {
		out = append(out, panel("capture", view.Form{Fields: []view.Field{
			{Half: true, Input: ui.Input{Name: "capture_amount", Label: v.t("label.capture_amount"), Hint: v.t("amount.most", "amount", lang.Money(v.l, l.Can.Capture)), Value: typed(l.Can.Capture.Amount), InputMode: "decimal", Short: true, Max: 16, Needed: true}},
			{Kind: view.Box, Half: true, Input: ui.Input{Name: "whole", Label: v.t("label.whole")}}, v.noteField("capture_note", "")}}))
	}
	if l.Can.Refund.Amount > 0 && v.by.Has(auth.RefundsWrite) {
		out = append(out, panel("refund", view.Form{Hidden: []view.Pair{{Key: "key", Value: secret.RandomToken()}}, Fields: append([]view.Field{
			{Half: true, Input: ui.Input{Name: "amount", Label: v.t("label.amount"), Hint: v.t("amount.most", "amount", lang.Money(v.l, l.Can.Refund)), InputMode: "decimal", Short: true, Max: 16, Needed: true}}, v.noteField("note", "")}, v.proofField()...)}, v.proofLink(path)))
	}
	if l.Can.Cancel && v.by.Has(auth.OrdersWrite) {
		out = append(out, panel("cancel", view.Form{Danger: true, Fields: []view.Field{v.noteField("cancel_note", "")}}))
	}
	return out
}

func (v *visit) ledger(es []payment.Entry) view.Block {
	t := view.Table{Caption: v.t("purchase.ledger"), Empty: v.t("purchase.ledger.none"), Cols: []ui.Column{{Text: v.t("col.moved")}, {Text: v.t("col.what")}, {Text: v.t("col.amount"), Num: true}}}
	for _, e := range es {
		sum := e.Amount
		if e.Kind == "refund" {
			sum = sum.Neg()
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, e.At)}, {Text: v.word("move.", e.Kind)}, {Text: lang.Money(v.l, sum)}}})
	}
	return view.TableBlock(v.l, t)
}

var callTones = map[string]ui.Tone{"answered": ui.OK, "unknown": ui.Wait, "failed": ui.Stop}

// calls are the conversations with the provider. What is kept of them holds no secret
// and nothing personal.
func (v *visit) calls(cs []payment.Call) view.Block {
	t := view.Table{Caption: v.t("purchase.calls"), Empty: v.t("purchase.calls.none"), Cols: []ui.Column{{Text: v.t("col.call_at")}, {Text: v.t("col.call")}, {Text: v.t("col.answer")}, {Text: v.t("col.took"), Num: true}, {Text: v.t("col.times"), Num: true}}}
	for _, c := range cs {
		answer := v.word("call.outcome.", c.Outcome)
		if c.State != "" {
			answer = v.word("call.state.", string(c.State))
		}
		row := view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, c.At)}, {Text: v.word("call.", c.Op)}, {Text: answer, Sub: c.Code, Badge: true, Tone: callTones[c.Outcome]}, {Text: took(c.Took)}, {Text: lang.Number(v.l, c.Times)}}}
		if c.Times > 1 {
			row.Cells[0].Sub = v.t("call.last", "at", lang.Stamp(v.l, c.Last))
		}
		t.Rows = append(t.Rows, row)
	}
	return view.TableBlock(v.l, t)
}

// took is how long a call lasted, in milliseconds.
func took(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
}

func (v *visit) events(es []payment.Event) view.Block {
	t := view.Table{Caption: v.t("purchase.events"), Cols: []ui.Column{{Text: v.t("col.came")}, {Text: v.t("col.event")}}}
	for _, e := range es {
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, e.At)}, {Text: e.ID}}})
	}
	return view.TableBlock(v.l, t)
}

// mended shows the page again with what is wrong at the form of an act.
func (v *visit) mended(act string, in web.Values, err error) error {
	if !mendable(err) {
		return err
	}
	if act != "refund" { // whose fields have the plain names
		err = refield(err, "/note", "/"+act+"_note", "/amount", "/capture_amount")
	}
	return v.showPurchase(status(err), act, v.form(in, err, ""))
}

// refield names the fields of a fault as the form does: a page has several forms.
func refield(err error, pairs ...string) error {
	f := fault.As(err)
	if f == nil || len(f.Fields) == 0 {
		return err
	}
	c := *f
	c.Fields = append([]fault.Field{}, f.Fields...)
	for i := range c.Fields {
		for j := 0; j+1 < len(pairs); j += 2 {
			if c.Fields[i].Pointer == pairs[j] {
				c.Fields[i].Pointer = pairs[j+1]
			}
		}
	}
	return &c
}

// lookAtPurchase asks the bank now.
func (v *visit) lookAtPurchase() error {
	in, err := v.r.ReadForm("look_note")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if _, err := v.Desk.LookNow(v.ctx(), v.by, id, in.Get("look_note")); err != nil {
		return v.mended("look", in, err)
	}
	return v.done("looked", purchasePath(id))
}

// cancelPurchase ends an attempt that is under way.
func (v *visit) cancelPurchase() error {
	in, err := v.r.ReadForm("cancel_note")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	p, err := v.Desk.CancelNow(v.ctx(), v.by, id, in.Get("cancel_note"))
	if err != nil {
		return v.mended("cancel", in, err)
	}
	if !p.State.Terminal() {
		return v.done("purchase_not_cancelled", purchasePath(id))
	}
	return v.done("purchase_cancelled", purchasePath(id))
}

// capturePurchase takes money that is reserved.
func (v *visit) capturePurchase() error {
	in, err := v.r.ReadForm("capture_amount", "whole", "capture_note")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	sum, ok := amount(in.Get("capture_amount"), v.Currency)
	if !ok {
		err = fault.Invalid(fault.Field{Pointer: "/amount", Code: "bad_amount"})
	} else {
		err = v.do("purchase.capture", "purchase", id, func(tx *db.Tx) error {
			return v.Desk.CaptureNow(tx, v.by, id, sum, in.Has("whole"), in.Get("capture_note"))
		})
	}
	if err != nil {
		return v.mended("capture", in, err)
	}
	return v.done("capture_asked", purchasePath(id))
}

// refundPurchase sends an amount back. It asks for a proof that is fresh.
func (v *visit) refundPurchase() error {
	in, err := v.r.ReadForm("amount", "note", "key", "totp")
	if err != nil {
		return err
	}
	id, err := v.id("id")
	if err != nil {
		return err
	}
	if err := v.sendBack(id, in); err != nil {
		return v.mended("refund", in, err)
	}
	return v.done("refund_asked", purchasePath(id))
}

func (v *visit) sendBack(id db.ID, in web.Values) error {
	sum, ok := amount(in.Get("amount"), v.Currency)
	if !ok {
		return fault.Invalid(fault.Field{Pointer: "/amount", Code: "bad_amount"})
	}
	if len([]rune(strings.TrimSpace(in.Get("note")))) < 3 {
		return fault.Invalid(fault.Field{Pointer: "/note", Code: "required"})
	}
	if err := v.prove(in.Get("totp")); err != nil {
		return err
	}
	return v.do("order.refund", "purchase", id, func(tx *db.Tx) error {
		if err := v.by.NeedFresh(tx.Now()); err != nil {
			return err
		}
		l, err := v.Desk.LifeOf(tx, v.by, id)
		if err != nil {
			return err
		}
		if l.Order.ID == 0 {
			return fault.Conflict("wrong_state")
		}
		said, err := order.Say(tx, v.Vault, v.by, auth.RefundsWrite, l.Order.ID, in.Get("note"))
		if err != nil {
			return err
		}
		_, err = returns.Refund(tx, v.by, returns.RefundIn{Order: l.Order.ID, Amount: sum, Reason: said, Key: in.Get("key")})
		return err
	})
}
