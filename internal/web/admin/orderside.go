package admin

import (
	"strconv"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/lang"
	"kassavalv/internal/mail"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// buyerPanel is who bought and where it goes. What the buyer wrote is text.
func (v *visit) buyerPanel(f folder) view.Block {
	s := f.o.Draft.Shipping
	delivery := []view.Pair{{Key: v.t("buyer.method"), Value: s.Name(v.l)}}
	if s.PointName != "" {
		delivery = append(delivery, view.Pair{Key: v.t("buyer.point"), Value: s.PointName, Sub: s.PointAddress})
	}
	if !s.ShipsOn.IsZero() {
		delivery = append(delivery, view.Pair{Key: v.t("buyer.ships"), Value: lang.Date(v.l, s.ShipsOn)}, view.Pair{Key: v.t("buyer.promised"), Value: lang.DateRange(v.l, s.Earliest, s.Latest)})
	}
	switch {
	case f.gone:
		return view.Panel("", v.t("buyer.title"), view.Say(v.t("buyer.erased")), view.Facts(v.l, delivery))
	case f.broken:
		return view.Panel("buyer", v.t("buyer.title"), view.Facts(v.l, append([]view.Pair{{Key: v.t("label.name"), Value: v.t("sight.unreadable")}, {Key: v.t("label.address"), Value: v.t("sight.unreadable")}}, delivery...)))
	}
	facts := append(v.contactFacts(f.c), view.Pair{Key: v.t("label.lang"), Value: lang.T(v.l, "admin.lang."+string(f.o.Lang.Or()))})
	var all view.Block
	if f.o.Customer > 0 && v.by.Has(auth.CustomersRead) {
		all = view.Link(v.l, v.t("customer.go"), customerPath(f.o.Customer))
	}
	blocks := append(v.limitMarks(f.limits), v.sight("order", f.o.ID, f.leave, !f.limits.Restricted.IsZero()), view.Facts(v.l, append(facts, delivery...)), all)
	return view.Panel("buyer", v.t("buyer.title"), blocks...)
}

// contactFacts are who somebody is, whole or masked as c is.
func (v *visit) contactFacts(c order.Contact) []view.Pair {
	facts := []view.Pair{{Key: v.t("label.name"), Value: c.Name}}
	add := func(key, val string) {
		if val != "" {
			facts = append(facts, view.Pair{Key: v.t(key), Value: val})
		}
	}
	add("label.company", c.Company)
	add("label.org_number", c.OrgNumber)
	add("label.reference", c.Reference)
	facts = append(facts, view.Pair{Key: v.t("label.address"), Block: view.Words(address(c.Address))})
	if c.Billing != nil {
		facts = append(facts, view.Pair{Key: v.t("label.billing"), Block: view.Words(address(*c.Billing))})
	}
	add("label.door_code", c.Address.DoorCode)
	add("label.phone", c.Phone)
	add("label.email", c.Email)
	return facts
}

func address(a order.Address) string {
	var lines []string
	for _, s := range []string{a.CareOf, a.Line1, a.Line2, strings.TrimSpace(a.PostalCode + " " + a.City)} {
		if s != "" {
			lines = append(lines, s)
		}
	}
	if a.Country != "" && a.Country != "SE" {
		lines = append(lines, a.Country)
	}
	return strings.Join(lines, "\n")
}

// consentPanel is what the buyer agreed to besides the terms, and what he was not
// asked: an API's client may leave that out.
func (v *visit) consentPanel(d order.Draft) view.Block {
	var facts []view.Pair
	for _, c := range d.Consents {
		facts = append(facts, view.Pair{Key: c.Title, Block: view.Words(c.Text), Sub: v.t("consents.given", "at", lang.Stamp(v.l, c.At), "version", c.Version)})
	}
	for _, c := range d.Unasked {
		facts = append(facts, view.Pair{Key: c.Title, Block: view.Words(c.Text), Sub: v.t("consents.not")})
	}
	return view.Panel("consents", v.t("consents.title"), view.Facts(v.l, facts))
}

func (v *visit) timelinePanel(f folder) view.Block {
	entries := make([]ui.Entry, len(f.events))
	for i, e := range f.events {
		more := ""
		if n, err := strconv.ParseInt(e.Data["amount"], 10, 64); err == nil {
			more = lang.Money(v.l, money.New(n, e.Data["currency"]))
		} else if n, err := strconv.ParseInt(e.Data["pieces"], 10, 64); err == nil {
			more = lang.N(v.l, "admin.pieces", n)
		}
		if e.Data["number"] != "" {
			more = strings.TrimPrefix(more+", "+e.Data["number"], ", ")
		}
		entries[i] = ui.Entry{At: lang.Stamp(v.l, e.At), ISO: lang.ISO(e.At), Text: v.word("event.", e.Kind), More: more, Now: i == len(f.events)-1}
	}
	return view.Panel("", v.t("timeline.title"), view.Timeline(entries))
}

var letterTones = map[string]ui.Tone{"sent": ui.OK, "queued": ui.Wait, "failed": ui.Stop, "dead": ui.Stop}

func (v *visit) letterPanel(rows []mail.Row) view.Block {
	t := view.Table{Caption: v.t("letters.title"), Cols: []ui.Column{{Text: v.t("col.letter")}, {Text: v.t("col.state")}}}
	for _, x := range rows {
		at := x.Queued
		if !x.Sent.IsZero() {
			at = x.Sent
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: v.word("letter.", x.Kind), Sub: lang.Stamp(v.l, at)}, {Text: v.word("letter.state.", x.State), Badge: true, Tone: letterTones[x.State]}}})
	}
	return view.Panel("letters", v.t("letters.title"), view.TableBlock(v.l, t))
}
