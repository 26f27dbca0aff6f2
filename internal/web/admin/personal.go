package admin

import (
	"errors"
	"slices"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// personalRoutes: what is personal is hidden until it is opened with a reason.
func (a *Admin) personalRoutes() []web.Route {
	open := web.Staff(auth.PersonalOpen)
	return []web.Route{
		a.page(post, "/admin/personal/open", open, (*visit).openPersonal),
		a.page(post, "/admin/personal/shut", open, (*visit).shutPersonal),
	}
}

// thing is what a person is opened through.
type thing struct {
	entity     string
	id, person db.ID
	path       string
	kinds      []string // what is shown when it is open
}

// thing finds who stands behind an entity, by the same use cases that its page reads
// with: whoever may not see the page opens nobody through it. 404 for what is not there, or erased.
func (v *visit) thing(q db.Q, entity string, id db.ID) (t thing, err error) {
	t = thing{entity: entity, id: id}
	lost := func(err error) error {
		switch {
		case errors.Is(err, db.ErrNotFound), errors.Is(err, secret.ErrErased):
			return fault.NotFound()
		case unreadable(err):
			return fault.Conflict("does_not_open")
		}
		return err
	}
	switch entity {
	case "order":
		if err := v.by.Need(auth.OrdersRead); err != nil {
			return t, err
		}
		o, err := order.ByID(q, id)
		if err != nil {
			return t, lost(err)
		}
		c, _, err := order.Seen(q, v.Vault, o, auth.Opened{})
		t.person, t.path, t.kinds = o.Person, orderPath(o), c.ContactKinds()
		return t, lost(err)
	case "purchase":
		p, err := checkout.One(q, v.by, id)
		if err != nil {
			return t, lost(err)
		}
		c, _, err := checkout.Seen(q, v.Vault, p, auth.Opened{})
		t.person, t.path, t.kinds = p.Person, purchasePath(id), c.ContactKinds()
		return t, lost(err)
	case "case":
		c, err := support.One(q, v.by, id)
		if err != nil {
			return t, err
		}
		_, _, err = support.Seen(q, v.Vault, c, auth.Opened{})
		t.person, t.path, t.kinds = c.Person, casePath(c), []string{"name", "email"}
		return t, lost(err)
	case "return":
		r, err := returns.One(q, v.by, id)
		if err != nil {
			return t, err
		}
		_, _, err = returns.Seen(q, v.Vault, r, auth.Opened{})
		t.person, t.path, t.kinds = r.Person, "/admin/returns/"+id.String(), []string{"name", "email"}
		return t, lost(err)
	case "bankline":
		if err := v.by.Need(auth.OrdersRead); err != nil {
			return t, err
		}
		l, err := payment.LineByID(q, id)
		if err != nil {
			return t, lost(err)
		}
		_, known, _, err := l.Seen(q, v.Vault, auth.Opened{})
		if err == nil && !known {
			err = fault.NotFound()
		}
		t.person, t.path, t.kinds = l.Person, linePath(id), []string{"name", "bank_account", "message"}
		return t, lost(err)
	case "gift_card":
		c, _, err := giftcard.One(q, v.by, id)
		if err != nil {
			return t, err
		}
		mail, _, err := giftcard.Seen(q, v.Vault, c, auth.Opened{})
		if err == nil && mail == "" {
			err = fault.NotFound()
		}
		t.person, t.path, t.kinds = c.Person, giftPath(id), []string{"email"}
		return t, lost(err)
	case "customer":
		c, err := customer.One(q, v.Vault, v.by, id, auth.Opened{})
		if err != nil {
			return t, lost(err)
		}
		t.person, t.path, t.kinds = c.Person, customerPath(id), c.Contact.Kinds()
		return t, nil
	}
	return t, fault.NotFound()
}

// openThing opens a thing to the visitor. limited: not for what the person himself has
// asked for, so that a restriction narrows the reasons.
func (v *visit) openThing(tx *db.Tx, t thing, reason, note string, limited bool) (auth.Opened, error) {
	minutes, err := content.OpeningMinutes.Get(tx)
	if err != nil {
		return auth.Opened{}, err
	}
	return v.Auth.Open(tx, v.by, auth.OpenIn{Person: t.person, Entity: t.entity, EntityID: t.id, Reason: reason, Note: note, Kinds: t.kinds, Minutes: minutes, Limited: limited})
}

// openPersonal shows who somebody is, for a reason that he will see.
func (v *visit) openPersonal() error {
	in, err := v.r.ReadForm("entity", "id", "for", "for_note")
	if err != nil {
		return err
	}
	id, err := parseID(in.Get("id"))
	if err != nil {
		return err
	}
	var t thing
	limited := false
	err = v.do("personal.open", in.Get("entity"), id, func(tx *db.Tx) (err error) {
		if t, err = v.thing(tx, in.Get("entity"), id); err != nil {
			return err
		}
		if limited, err = restricted(tx, t.person); err != nil {
			return err
		}
		_, err = v.openThing(tx, t, in.Get("for"), in.Get("for_note"), limited)
		return err
	})
	if err != nil {
		if !mendable(err) || t.path == "" {
			return err
		}
		return v.show(status(err), view.Shell{Title: v.t("sight.title"), Lead: v.t("sight.lead"), Crumbs: []ui.Link{{Text: v.t("sight.back"), URL: t.path}, {Text: v.t("sight.title"), URL: t.path}}},
			view.Panel("", "", view.FormBlock(v.l, v.reasonForm(t.entity, t.id, in.Get("for"), limited, v.form(in, refield(err, "/reason", "/for", "/note", "/for_note"), "")))))
	}
	return web.SeeOther(v.w, v.r, t.path)
}

// shutPersonal hides it again.
func (v *visit) shutPersonal() error {
	in, err := v.r.ReadForm("entity", "id")
	if err != nil {
		return err
	}
	id, err := parseID(in.Get("id"))
	if err != nil {
		return err
	}
	var t thing
	err = v.do("personal.shut", in.Get("entity"), id, func(tx *db.Tx) (err error) {
		if t, err = v.thing(tx, in.Get("entity"), id); err != nil {
			return err
		}
		return auth.Shut(tx, v.by, t.entity, t.id)
	})
	if err != nil {
		return err
	}
	return web.SeeOther(v.w, v.r, t.path)
}

// restricted reports whether a person has asked that his details are only kept.
func restricted(q db.Q, person db.ID) (bool, error) {
	l, err := customer.LimitsOf(q, person)
	return !l.Restricted.IsZero(), err
}

func (v *visit) reasonForm(entity string, id db.ID, chosen string, restricted bool, f ui.Form) view.Form {
	reasons := auth.Reasons
	if restricted {
		reasons = auth.ReasonsLimited
	}
	if !slices.Contains(reasons, chosen) {
		chosen = auth.ForOther
	}
	return view.Form{Action: "/admin/personal/open", Submit: v.t("sight.show"), Quiet: true, Form: f, Hidden: []view.Pair{{Key: "entity", Value: entity}, {Key: "id", Value: id.String()}}, Fields: []view.Field{
		{Half: true, Kind: view.Select, Input: ui.Input{Name: "for", Label: v.t("sight.reason"), Value: chosen}, Options: options(v, "reason.", reasons...)},
		{Half: true, Input: ui.Input{Name: "for_note", Label: v.t("sight.note"), Hint: v.t("sight.note.hint"), Max: auth.MaxOpeningNote, Optional: true}}}}
}

// quick are the reasons that stand as buttons of their own, by what is looked at.
var quick = map[string][]string{
	"order":     {auth.ForPacking, auth.ForQuestion, auth.ForPayment},
	"purchase":  {auth.ForPayment, auth.ForQuestion},
	"case":      {auth.ForQuestion, auth.ForReturn},
	"return":    {auth.ForReturn, auth.ForQuestion},
	"bankline":  {auth.ForPayment},
	"gift_card": {auth.ForQuestion, auth.ForPayment},
	"customer":  {auth.ForQuestion, auth.ForPayment},
}

// sight is the one line that stands above a person's details: hidden, with the
// reasons to show them for, or shown until when.
// Of who has asked for restriction only a note opens anything: no button stands there, and
// the form has the reasons that remain.
func (v *visit) sight(entity string, id db.ID, leave auth.Opened, restricted bool) view.Block {
	s := view.Sight{Hidden: []view.Pair{{Key: "entity", Value: entity}, {Key: "id", Value: id.String()}}}
	switch {
	case leave.Any():
		s.Open, s.Text = true, v.t("sight.until", "time", lang.Clock(v.l, leave.Until()))
	case !v.by.Has(auth.PersonalOpen):
		s.Text = v.t("sight.hidden.no_right")
	default:
		s.Text = v.t("sight.hidden")
		if !restricted {
			for _, r := range quick[entity] {
				s.Reasons = append(s.Reasons, view.Pair{Key: r, Value: v.t("reason." + r + ".go")})
			}
		}
		s.Other = view.FormBlock(v.l, v.reasonForm(entity, id, "", restricted, ui.Form{}))
	}
	return view.SightBlock(v.l, s)
}

// unreadable reports whether a sealed field does not open: that field says so, and
// the rest of the page works.
func unreadable(err error) bool { return errors.Is(err, secret.ErrBroken) }

// openFirst answers who wants to pack a parcel whose address he has not been shown.
func openFirst() error { return fault.Conflict("open_first") }
