package admin

import (
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// callerRoutes: who calls shows who he is with a code that is mailed to the address on
// file, never with a personnummer or with what anybody could have read on a parcel.
func (a *Admin) callerRoutes() []web.Route {
	read := web.Staff(auth.CustomersRead)
	return []web.Route{
		a.page(post, "/admin/callers/send", read, (*visit).sendCaller),
		a.page(post, "/admin/callers/check", read, (*visit).checkCaller),
		a.page(post, "/admin/orders/{number}/address", web.Staff(auth.OrdersWrite), (*visit).readdress),
	}
}

// callable are the entities whose pages have the panel.
func callable(entity string) bool {
	return entity == "order" || entity == "case" || entity == "customer"
}

// call is the state of a caller on a page.
type call struct {
	verified auth.Verified
	code     auth.Caller
}

func (v *visit) readCall(q db.Q, entity string, id db.ID) (c call, err error) {
	if !v.by.Has(auth.CustomersRead) {
		return c, nil
	}
	if c.verified, err = v.by.Verified(q, entity, id); err != nil {
		return c, err
	}
	c.code, err = v.by.CallerOf(q, entity, id)
	return c, err
}

// callPanel is where a caller is verified.
func (v *visit) callPanel(entity string, id db.ID, c call) view.Block {
	if !v.by.Has(auth.CustomersRead) {
		return nil
	}
	hidden := []view.Pair{{Key: "entity", Value: entity}, {Key: "id", Value: id.String()}}
	if until := c.verified.Until(); !until.IsZero() {
		return view.Panel("caller", v.t("caller.title"), view.Badge(ui.OK, v.t("caller.verified", "time", lang.Clock(v.l, until))))
	}
	blocks := []view.Block{view.Say(v.t("caller.advice"))}
	send := view.Button{Action: "/admin/callers/send", Text: v.t("caller.send"), Hidden: hidden}
	switch {
	case c.code.Open:
		blocks = append(blocks, view.Quiet(v.t("caller.sent", "time", lang.Clock(v.l, c.code.Sent), "until", lang.Clock(v.l, c.code.Expires))+" "+v.n("caller.left", c.code.Left)),
			view.FormBlock(v.l, view.Form{Action: "/admin/callers/check", Submit: v.t("caller.check"), Quiet: true, Hidden: hidden, Fields: []view.Field{
				{Input: ui.Input{Name: "code", Label: v.t("caller.code"), Hint: v.t("caller.code.hint"), InputMode: "numeric", Max: 8, Short: true, NoSpell: true}}}}))
		send.Text = v.t("caller.send_again")
	case !c.code.Sent.IsZero() && c.code.Left == 0:
		blocks = append(blocks, view.Quiet(v.t("caller.used_up")))
	}
	return view.Panel("caller", v.t("caller.title"), append(blocks, view.ButtonForm(v.l, send), view.Quiet(v.t("caller.mail_only")))...)
}

// sendCaller mails a code to the address on file.
func (v *visit) sendCaller() error {
	in, err := v.r.ReadForm("entity", "id")
	if err != nil {
		return err
	}
	id, err := parseID(in.Get("id"))
	if err != nil {
		return err
	}
	if !callable(in.Get("entity")) {
		return fault.NotFound()
	}
	type sent struct {
		t    thing
		wait bool
	}
	x, err := act(v, "caller.send", in.Get("entity"), id, func(tx *db.Tx) (x sent, err error) {
		if x.t, err = v.thing(tx, in.Get("entity"), id); err != nil {
			return x, err
		}
		wait, err := support.SendCode(tx, v.Auth, v.Vault, v.by, x.t.entity, id)
		x.wait = wait > 0
		return x, err
	})
	if err != nil {
		return err
	}
	if x.wait {
		return v.done("caller_too_many", x.t.path)
	}
	return v.done("caller_sent", x.t.path)
}

// checkCaller takes what the caller reads out.
func (v *visit) checkCaller() error {
	in, err := v.r.ReadForm("entity", "id", "code")
	if err != nil {
		return err
	}
	id, err := parseID(in.Get("id"))
	if err != nil {
		return err
	}
	if !callable(in.Get("entity")) {
		return fault.NotFound()
	}
	type checked struct {
		t  thing
		ok bool
	}
	x, err := act(v, "caller.verify", in.Get("entity"), id, func(tx *db.Tx) (x checked, err error) {
		if x.t, err = v.thing(tx, in.Get("entity"), id); err != nil {
			return x, err
		}
		x.ok, _, err = v.Auth.CheckCallerCode(tx, v.by, x.t.entity, id, in.Get("code"))
		return x, err
	})
	switch {
	case fault.Is(err, "caller_code_gone"):
		t, e := read(v, func(q *db.Reader) (thing, error) { return v.thing(q, in.Get("entity"), id) })
		if e != nil {
			return e
		}
		return v.done("caller_code_gone", t.path)
	case err != nil:
		return err
	case !x.ok:
		return v.done("caller_wrong", x.t.path)
	}
	return v.done("caller_verified", x.t.path)
}

// readdressForm changes where the parcel goes, for a caller who is verified.
func (v *visit) readdressForm(f folder, form ui.Form) view.Block {
	a := f.c.Address
	in := func(name, value string, max int, half bool) view.Field {
		return view.Field{Half: half, Input: ui.Input{Name: name, Label: v.fieldLabel(name), Value: value, Max: max, Optional: name == "care_of" || name == "line2" || name == "door_code", NoSpell: true}}
	}
	return view.FormBlock(v.l, view.Form{Action: orderPath(f.o) + "/address", Submit: v.t("readdress.go"), Quiet: true, Form: form, Fields: []view.Field{
		in("care_of", a.CareOf, 100, false), in("line1", a.Line1, 100, false), in("line2", a.Line2, 100, false), in("postal_code", a.PostalCode, 12, true), in("city", a.City, 60, true), in("door_code", a.DoorCode, 20, true)}})
}

// readdress sends an order that has not left to another address.
func (v *visit) readdress() error {
	in, err := v.r.ReadForm("care_of", "line1", "line2", "postal_code", "city", "door_code")
	if err != nil {
		return err
	}
	number := v.r.PathValue("number")
	o, err := act(v, "order.readdress", "order", 0, func(tx *db.Tx) (order.Order, error) {
		o, err := order.ByNumber(tx, v.by, number)
		if err != nil {
			return o, err
		}
		caller, err := v.by.Verified(tx, "order", o.ID)
		if err != nil {
			return o, err
		}
		return o, checkout.Readdress(tx, v.Vault, v.by, caller, o.ID, customer.Address{CareOf: in.Get("care_of"), Line1: in.Get("line1"), Line2: in.Get("line2"), PostalCode: in.Get("postal_code"), City: in.Get("city"), DoorCode: in.Get("door_code")})
	})
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showOrder(status(err), "readdress", v.form(in, err, ""))
	}
	return v.done("readdressed", orderPath(o))
}
