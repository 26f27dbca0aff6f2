package admin

import (
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// orderSearch is the field above the orders. It is a POST: what is looked for is
// personal, and addresses are kept in histories and logs.
func (v *visit) orderSearch(text string) view.Block {
	return view.Filter(v.l, view.Form{Action: "/admin/orders/search", Method: "post", Submit: v.t("find"), Fields: []view.Field{{Input: ui.Input{Name: "find", Label: v.t("orders.find"), Hint: v.t("orders.find.hint"), Value: text, Max: 254, NoSpell: true}}}})
}

// searchOrders finds orders by their number, or by who bought: mail, phone,
// postal code, or whole words of a name or company. One order is opened.
func (v *visit) searchOrders() error {
	in, err := v.r.ReadForm("find")
	if err != nil {
		return err
	}
	text := strings.TrimSpace(in.Get("find"))
	if text == "" {
		return web.SeeOther(v.w, v.r, "/admin/orders")
	}
	var names map[db.ID]string
	rows, err := read(v, func(q *db.Reader) (os []order.Order, err error) {
		if os, err = v.findOrders(q, text); err == nil && len(os) > 1 {
			names, err = v.orderNames(q, os)
		}
		return
	})
	if err != nil {
		return err
	}
	if len(rows) == 1 {
		return web.SeeOther(v.w, v.r, orderPath(rows[0]))
	}
	t := view.Table{Caption: v.t("orders.found"), Cols: v.named(v.orderCols(), names), Empty: v.t("orders.found.none"), EmptyURL: "/admin/orders", EmptyGo: v.t("show_all")}
	for _, o := range rows {
		t.Rows = append(t.Rows, v.namedRow(v.orderRow(o, time.Now()), names, o.ID))
	}
	return v.show(http.StatusOK, view.Shell{Title: v.t("orders.title"), Crumbs: []ui.Link{{Text: v.t("orders.title"), URL: "/admin/orders"}, {Text: v.t("orders.found"), URL: "/admin/orders"}}},
		v.orderSearch(text), view.TableBlock(v.l, t))
}

func (v *visit) findOrders(q db.Q, text string) ([]order.Order, error) {
	if err := v.by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	if _, ok := order.ParseNumber(text); ok {
		o, err := order.ByNumber(q, v.by, text)
		if err == nil {
			return []order.Order{o}, nil
		}
		if f := fault.As(err); f == nil || f.Kind != fault.Missing {
			return nil, err
		}
	}
	if !v.by.Has(auth.CustomersRead) {
		return nil, nil
	}
	ids, err := v.findCustomers(q, text)
	if err != nil {
		return nil, err
	}
	return order.OfCustomers(q, v.by, ids, countTo)
}

// findCustomers finds customers by mail, phone, postal code or whole words of a name:
// the first that finds anybody.
func (v *visit) findCustomers(q db.Q, text string) ([]db.ID, error) {
	for _, find := range []func() ([]db.ID, error){
		func() ([]db.ID, error) { return customer.FindByEmail(q, v.Vault, v.by, text) },
		func() ([]db.ID, error) { return customer.FindByPhone(q, v.Vault, v.by, text) },
		func() ([]db.ID, error) { return customer.FindByPostalCode(q, v.Vault, v.by, v.Country, text) },
		func() ([]db.ID, error) { return customer.FindByName(q, v.Vault, v.by, text) },
	} {
		found, err := find()
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	return nil, nil
}

// looked records that the visitor has read a buyer's details.
func (v *visit) looked(person db.ID, entity string, id db.ID, reason string, kinds ...string) error {
	return db.Do(v.ctx(), v.DB, func(tx *db.Tx) error { return v.by.Looked(tx, person, entity, id, reason, kinds...) })
}
