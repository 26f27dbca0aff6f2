package admin

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// customerRoutes: what is looked for is personal and stands in no address.
func (a *Admin) customerRoutes() []web.Route {
	read := web.Staff(auth.CustomersRead)
	return []web.Route{
		a.page(get, "/admin/customers", read, (*visit).customers),
		a.page(post, "/admin/customers", read, (*visit).searchCustomers),
		a.page(get, "/admin/customers/{id}", read, (*visit).customerPage),
	}
}

func customerPath(id db.ID) string { return "/admin/customers/" + id.String() }

func (v *visit) customerSearch(text string) view.Block {
	return view.Filter(v.l, view.Form{Action: "/admin/customers", Method: "post", Submit: v.t("find"), Fields: []view.Field{{Input: ui.Input{Name: "find", Label: v.t("customers.find"), Hint: v.t("customers.find.hint"), Value: text, Max: 254, NoSpell: true}}}})
}

// customers is the search, empty.
func (v *visit) customers() error {
	return v.show(http.StatusOK, view.Shell{Title: v.t("customers.title"), Lead: v.t("customers.lead")}, v.customerSearch(""))
}

// hit is a customer in a list.
type hit struct {
	c      customer.Customer
	bought order.Bought
	broken bool
}

// hits reads customers for a list: masked, but for those that the visitor has open.
func (v *visit) hits(q db.Q, ids []db.ID) ([]hit, error) {
	leaves, err := v.by.OpenedAll(q, "customer", ids)
	if err != nil {
		return nil, err
	}
	bought, err := order.BoughtBy(q, v.by, ids)
	if err != nil {
		return nil, err
	}
	out := make([]hit, 0, len(ids))
	for _, id := range ids {
		h := hit{bought: bought[id]}
		if h.c, err = customer.One(q, v.Vault, v.by, id, leaves[id]); unreadable(err) {
			h.broken, err = true, nil
		} else if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h.c.ID = id
		out = append(out, h)
	}
	return out, nil
}

// searchCustomers finds customers by mail, phone, postal code or whole words of a name.
func (v *visit) searchCustomers() error {
	in, err := v.r.ReadForm("find", "before")
	if err != nil {
		return err
	}
	text := strings.TrimSpace(in.Get("find"))
	if text == "" {
		return web.SeeOther(v.w, v.r, "/admin/customers")
	}
	var before db.ID
	if s := in.Get("before"); s != "" {
		if before, err = parseID(s); err != nil {
			return err
		}
	}
	more := db.ID(0)
	hs, err := read(v, func(q *db.Reader) ([]hit, error) {
		found, err := v.findCustomers(q, text)
		if err != nil {
			return nil, err
		}
		var ids []db.ID
		for _, id := range found { // newest first
			switch {
			case before > 0 && id >= before:
			case len(ids) == pageSize:
				more = ids[pageSize-1]
			default:
				ids = append(ids, id)
			}
		}
		return v.hits(q, ids)
	})
	if err != nil {
		return err
	}
	blocks := []view.Block{v.customerSearch(text), v.hitTable("customers.found", hs)}
	if more > 0 {
		blocks = append(blocks, view.ButtonForm(v.l, view.Button{Action: "/admin/customers", Text: v.t("customers.more"), Hidden: []view.Pair{{Key: "find", Value: text}, {Key: "before", Value: more.String()}}}))
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("customers.title"), Crumbs: []ui.Link{{Text: v.t("customers.title"), URL: "/admin/customers"}, {Text: v.t("customers.found"), URL: "/admin/customers"}}}, blocks...)
}

func (v *visit) hitTable(caption string, hs []hit) view.Block {
	t := view.Table{Caption: v.t(caption), Empty: v.t("customers.none"), Cols: []ui.Column{{Text: v.t("col.customer")}, {Text: v.t("label.email")}, {Text: v.t("customers.town")}, {Text: v.t("customers.orders"), Num: true}, {Text: v.t("customers.last")}}}
	for _, h := range hs {
		c := h.c.Contact
		if h.broken {
			c = customer.Contact{Name: v.t("sight.unreadable")}
		}
		last := "–"
		if !h.bought.Last.IsZero() {
			last = lang.DateYear(v.l, h.bought.Last)
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: c.Name, URL: customerPath(h.c.ID)}, {Text: c.Email}, {Text: town(order.Address(c.Address))}, {Text: strconv.FormatInt(h.bought.Orders, 10)}, {Text: last}}})
	}
	return view.TableBlock(v.l, t)
}

func town(a order.Address) string {
	if a.Country != "" && a.Country != "SE" {
		return strings.TrimPrefix(a.City+", "+a.Country, ", ")
	}
	return a.City
}

// dossier is all that the page of a customer shows.
type dossier struct {
	hit
	leave    auth.Opened
	gone     bool // erased
	limits   customer.Limits
	call     call
	orders   []order.Order
	returns  []returns.Return
	numbers  map[db.ID]string
	cases    []support.Case
	like     []hit // who may be the same person
	likeCase []support.Case
	consents []customer.Given
	readings []audit.Access
	names    map[db.ID]string
}

func (v *visit) readCustomer(q *db.Reader, id db.ID) (x dossier, err error) {
	if x.leave, err = v.by.Opened(q, "customer", id); err != nil {
		return x, err
	}
	if x.call, err = v.readCall(q, "customer", id); err != nil {
		return x, err
	}
	if x.c, err = customer.One(q, v.Vault, v.by, id, x.leave); unreadable(err) {
		x.broken, err = true, nil
	} else if errors.Is(err, secret.ErrErased) {
		x.gone, err = true, nil
	}
	if err != nil {
		return x, err
	}
	if x.limits, err = customer.LimitsOf(q, x.c.Person); err != nil {
		return x, err
	}
	x.numbers = map[db.ID]string{}
	if v.by.Has(auth.OrdersRead) {
		if x.orders, err = order.OfCustomers(q, v.by, []db.ID{id}, pageSize); err != nil {
			return x, err
		}
	}
	for _, o := range x.orders {
		x.numbers[o.ID] = o.NumberString()
		rs, err := returns.OfOrder(q, o.ID)
		if err != nil {
			return x, err
		}
		x.returns = append(x.returns, rs...)
		if v.by.Has(auth.CasesRead) {
			cs, err := support.List(q, v.by, support.Filter{Order: o.ID}, 0, pageSize)
			if err != nil {
				return x, err
			}
			x.cases = append(x.cases, cs...)
		}
	}
	like, err := customer.SameMail(q, v.by, id)
	if err != nil {
		return x, err
	}
	if x.like, err = v.hits(q, like); err != nil {
		return x, err
	}
	if v.by.Has(auth.CasesRead) && !x.broken && !x.gone {
		if x.likeCase, err = v.casesLike(q, id, x.cases); err != nil {
			return x, err
		}
	}
	if x.consents, err = customer.Consents(q, v.by, id); err != nil {
		return x, err
	}
	if x.readings, err = audit.Accesses(q, x.c.Person, 0, pageSize); err != nil {
		return x, err
	}
	var ids []db.ID
	for _, a := range x.readings {
		if a.ActorKind == "staff" {
			ids = append(ids, a.ActorID)
		}
	}
	x.names, err = v.Auth.Names(q, v.by, ids)
	return x, err
}

// casesLike are cases with the customer's address beside those about his orders.
func (v *visit) casesLike(q db.Q, id db.ID, known []support.Case) ([]support.Case, error) {
	cs, err := support.LikeCustomer(q, v.by, v.Vault, id)
	if err != nil {
		return nil, err
	}
	var out []support.Case
next:
	for _, c := range cs {
		for _, k := range known {
			if k.ID == c.ID {
				continue next
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// customerPage is one customer: what he has bought and asked, what he agreed to, and who
// has read his details.
func (v *visit) customerPage() error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	x, err := read(v, func(q *db.Reader) (dossier, error) { return v.readCustomer(q, id) })
	if err != nil {
		return err
	}
	main := v.limitMarks(x.limits)
	if v.by.Has(auth.OrdersRead) {
		t := view.Table{Caption: v.t("orders.title"), Cols: v.orderCols(), Empty: v.t("customer.orders.none")}
		for _, o := range x.orders {
			t.Rows = append(t.Rows, v.orderRow(o, time.Now()))
		}
		main = append(main, view.Panel("orders", v.t("orders.title"), view.TableBlock(v.l, t)))
		if len(x.returns) > 0 {
			t := v.returnTable()
			for _, r := range x.returns {
				t.Rows = append(t.Rows, v.returnRow(r, x.numbers[r.Order]))
			}
			main = append(main, view.Panel("returns", v.t("returns.title"), view.TableBlock(v.l, t)))
		}
	}
	if len(x.cases) > 0 {
		main = append(main, view.Panel("cases", v.t("cases.title"), v.caseLines("cases.title", x.cases)))
	}
	if len(x.like)+len(x.likeCase) > 0 {
		blocks := []view.Block{view.Quiet(v.t("customer.like.text"))}
		if len(x.like) > 0 {
			blocks = append(blocks, v.hitTable("customer.like", x.like))
		}
		if len(x.likeCase) > 0 {
			blocks = append(blocks, v.caseLines("customer.like.cases", x.likeCase))
		}
		main = append(main, view.Panel("like", v.t("customer.like"), blocks...))
	}
	main = append(main, view.Panel("readings", v.t("customer.readings"), v.readings(x)))
	var facts []view.Pair
	switch {
	case x.gone:
	case x.broken:
		facts = []view.Pair{{Key: v.t("label.name"), Value: v.t("sight.unreadable")}, {Key: v.t("label.email"), Value: v.t("sight.unreadable")}}
	default:
		facts = v.contactFacts(orderContact(x.c.Contact))
	}
	facts = append(facts, view.Pair{Key: v.t("customer.since"), Value: lang.DateYear(v.l, x.c.Created)})
	for _, g := range x.consents {
		word := map[bool]string{true: "customer.consent.given", false: "customer.consent.withdrawn"}[g.Given]
		facts = append(facts, view.Pair{Key: v.word("consent.", g.Kind), Value: v.t(word, "date", lang.DateYear(v.l, g.At)), Sub: g.Version})
	}
	var about view.Block
	if x.gone {
		about = view.Say(v.t("customer.erased"))
	} else {
		about = v.sightUnless(x.broken, "customer", id, x.leave, !x.limits.Restricted.IsZero())
	}
	side := []view.Block{view.Panel("buyer", v.t("customer.facts"), about, view.Facts(v.l, facts))}
	if !x.broken && !x.gone {
		side = append(side, v.callPanel("customer", id, x.call))
	}
	title := x.c.Contact.Name
	if title == "" {
		title = v.t("col.customer")
	}
	return v.show(http.StatusOK, view.Shell{Title: title, Crumbs: []ui.Link{{Text: v.t("customers.title"), URL: "/admin/customers"}, {Text: title, URL: customerPath(id)}}},
		view.Beside(view.Group(main...), view.Group(side...)))
}

// limitMarks say what a person has asked not to be done with his details.
func (v *visit) limitMarks(l customer.Limits) (out []view.Block) {
	if !l.Restricted.IsZero() {
		out = append(out, view.Notice(ui.Wait, v.t("limit.title")+": "+v.t("limit.restricted", "date", lang.DateYear(v.l, l.Restricted))))
	}
	if !l.Objected.IsZero() {
		out = append(out, view.Notice(ui.Plain, v.t("limit.objected", "date", lang.DateYear(v.l, l.Objected))))
	}
	return out
}

func (v *visit) sightUnless(broken bool, entity string, id db.ID, leave auth.Opened, restricted bool) view.Block {
	if broken {
		return nil
	}
	return v.sight(entity, id, leave, restricted)
}

func orderContact(c customer.Contact) order.Contact {
	out := order.Contact{Email: c.Email, Phone: c.Phone, Name: c.Name, Company: c.Company, OrgNumber: c.OrgNumber, Reference: c.Reference, Newsletter: c.Newsletter, Address: order.Address(c.Address)}
	if c.Billing != nil {
		b := order.Address(*c.Billing)
		out.Billing = &b
	}
	return out
}

// caseLines are cases without their words.
func (v *visit) caseLines(caption string, cs []support.Case) view.Block {
	t := view.Table{Caption: v.t(caption), Cols: []ui.Column{{Text: v.t("col.case")}, {Text: v.t("col.about")}, {Text: v.t("case.opened")}, {Text: v.t("col.state")}}}
	for _, c := range cs {
		state, tone := v.caseState(c)
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: "#" + strconv.FormatInt(c.Number, 10), URL: casePath(c)}, {Text: v.word("case.kind.", c.Kind)}, {Text: lang.Stamp(v.l, c.Opened)}, {Text: state, Badge: true, Tone: tone}}})
	}
	return view.TableBlock(v.l, t)
}

// readings are who has read the customer's details, as he sees it on his own page, but with names.
func (v *visit) readings(x dossier) view.Block {
	t := view.Table{Caption: v.t("customer.readings"), Empty: v.t("customer.readings.none"), Cols: []ui.Column{{Text: v.t("col.at")}, {Text: v.t("col.who")}, {Text: v.t("label.reason")}, {Text: v.t("col.what")}}}
	for _, a := range x.readings {
		who := v.word("actor.", a.ActorKind)
		if n := x.names[a.ActorID]; n != "" && a.ActorKind == "staff" {
			who = n
		}
		kinds := make([]string, len(a.Kinds))
		for i, k := range a.Kinds {
			kinds[i] = v.word("kind.", k)
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: lang.Stamp(v.l, a.At)}, {Text: who}, {Text: v.word("reason.", a.Reason)}, {Text: strings.Join(kinds, ", ")}}})
	}
	return view.TableBlock(v.l, t)
}
