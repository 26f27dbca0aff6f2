package admin

import (
	"errors"
	"net/http"
	"sort"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/pdf"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/web"
)

// slip is the packing slip as a paper, in the language of the buyer.
func (v *visit) slip() error {
	type paper struct {
		o    order.Order
		c    order.Contact
		from []string
		open bool
	}
	p, err := read(v, func(q *db.Reader) (p paper, err error) {
		if p.o, err = order.ByNumber(q, v.by, v.r.PathValue("number")); err != nil {
			return p, err
		}
		leave, err := v.by.Opened(q, "order", p.o.ID)
		if err != nil {
			return p, err
		}
		if p.open = leave.For(auth.ForPacking); !p.open {
			return p, nil
		}
		if p.c, err = order.ContactOf(q, v.Vault, p.o, leave); errors.Is(err, secret.ErrErased) {
			return p, fault.NotFound()
		}
		if err != nil {
			return p, err
		}
		c, err := content.Company(q)
		if err != nil {
			return p, err
		}
		p.from = append([]string{c.Shop}, c.AddressLines()...)
		return p, nil
	})
	if err != nil {
		return err
	}
	if !p.open {
		return v.done("open_first", orderPath(p.o))
	}
	b, err := pdf.Render(fulfilment.PackingSlip(p.o, p.c, p.from, p.o.Lang.Or()))
	if err != nil {
		return err
	}
	web.Attach(v.w, "foljesedel-"+p.o.NumberString()+".pdf")
	return web.Bytes(v.w, v.r, http.StatusOK, "application/pdf", b)
}

// ship sends a parcel. The buyer hears of it by mail.
func (v *visit) ship() error {
	in, err := v.r.ReadForm("pieces.", "carrier", "tracking", "key")
	if err != nil {
		return err
	}
	number := v.r.PathValue("number")
	lines, err := pieces(in)
	var o order.Order
	if err == nil {
		o, err = act(v, "order.ship", "order", 0, func(tx *db.Tx) (order.Order, error) { return v.shipParcel(tx, number, lines, in) })
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showOrder(status(err), "ship", v.form(in, err, ""))
	}
	if o.IsShipped() {
		return v.done("shipped", orderPath(o))
	}
	return v.done("shipped_part", orderPath(o))
}

// shipParcel sends pieces of an order whose address the visitor has opened to pack it.
func (v *visit) shipParcel(tx *db.Tx, number string, lines []fulfilment.ShipLine, in web.Values) (order.Order, error) {
	o, err := order.ByNumber(tx, v.by, number)
	if err != nil {
		return o, err
	}
	leave, err := v.by.Opened(tx, "order", o.ID)
	if err != nil {
		return o, err
	}
	if !leave.For(auth.ForPacking) {
		return o, openFirst()
	}
	if _, err = fulfilment.Ship(tx, v.by, fulfilment.Shipment{Order: o.ID, Lines: lines, Carrier: in.Get("carrier"), Tracking: in.Get("tracking"), Key: in.Get("key")}); err != nil {
		return o, err
	}
	return order.ByID(tx, o.ID)
}

// pieces reads the counts of a parcel, in the order of the lines. Nought and empty
// leave a line out.
func pieces(in web.Values) ([]fulfilment.ShipLine, error) {
	var out []fulfilment.ShipLine
	var bad fault.Fields
	for id, s := range in.Prefixed("pieces.") {
		line, err := db.ParseID(id)
		if err != nil {
			return nil, fault.Bad("unknown_field")
		}
		n, ok := int64(0), s == ""
		if !ok {
			n, ok = whole(s)
		}
		switch {
		case !ok || n < 0:
			bad.Add("/pieces."+id, "bad_quantity")
		case n > 0:
			out = append(out, fulfilment.ShipLine{Line: line, Quantity: n})
		}
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		// To the use case no line means all of them; to the person it means none.
		return nil, &fault.Error{Kind: fault.Clash, Code: "nothing_chosen"}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Line < out[j].Line })
	return out, nil
}

// arrived records that the buyer has the parcel: his time to withdraw is counted
// from it.
func (v *visit) arrived() error {
	if _, err := v.r.ReadForm(); err != nil {
		return err
	}
	parcel, err := v.id("parcel")
	if err != nil {
		return err
	}
	number := v.r.PathValue("number")
	o, err := act(v, "order.arrived", "parcel", parcel, func(tx *db.Tx) (order.Order, error) {
		o, err := order.ByNumber(tx, v.by, number)
		if err != nil {
			return o, err
		}
		p, err := fulfilment.ParcelByID(tx, parcel)
		if err != nil || p.Order != o.ID {
			return o, fault.NotFound()
		}
		return o, fulfilment.Arrived(tx, v.by, parcel, tx.LegalNow())
	})
	if err != nil {
		return err
	}
	return v.done("arrived", orderPath(o))
}

// cancelOrder takes back what has not left, and the money with it.
func (v *visit) cancelOrder() error {
	in, err := v.r.ReadForm("cancel_reason")
	if err != nil {
		return err
	}
	number := v.r.PathValue("number")
	o, err := act(v, "order.cancel", "order", 0, func(tx *db.Tx) (order.Order, error) {
		o, err := order.ByNumber(tx, v.by, number)
		if err != nil {
			return o, err
		}
		said, err := order.Say(tx, v.Vault, v.by, auth.OrdersWrite, o.ID, in.Get("cancel_reason"))
		if err != nil {
			return o, err
		}
		return returns.Cancel(tx, v.by, o.ID, nil, said)
	})
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showOrder(status(err), "cancel", v.form(in, err, "cancel_"))
	}
	return v.done("cancelled", orderPath(o))
}

// refund sends an amount back. It asks for a proof that is fresh.
func (v *visit) refund() error {
	in, err := v.r.ReadForm("amount", "reason", "key", "totp")
	if err != nil {
		return err
	}
	number := v.r.PathValue("number")
	o, err := v.refundOrder(number, in)
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showOrder(status(err), "refund", v.form(in, err, ""))
	}
	return v.done("refund_asked", orderPath(o))
}

func (v *visit) refundOrder(number string, in web.Values) (order.Order, error) {
	sum, ok := amount(in.Get("amount"), v.Currency)
	if !ok {
		return order.Order{}, fault.Invalid(fault.Field{Pointer: "/amount", Code: "bad_amount"})
	}
	if err := v.prove(in.Get("totp")); err != nil {
		return order.Order{}, err
	}
	return act(v, "order.refund", "order", 0, func(tx *db.Tx) (order.Order, error) {
		if err := v.by.NeedFresh(tx.Now()); err != nil {
			return order.Order{}, err
		}
		o, err := order.ByNumber(tx, v.by, number)
		if err != nil {
			return o, err
		}
		said, err := order.Say(tx, v.Vault, v.by, auth.RefundsWrite, o.ID, in.Get("reason"))
		if err != nil {
			return o, err
		}
		_, err = returns.Refund(tx, v.by, returns.RefundIn{Order: o.ID, Amount: sum, Reason: said, Key: in.Get("key")})
		return o, err
	})
}
