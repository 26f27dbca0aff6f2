package fulfilment

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/stock"
)

// JobShipped tells the buyer; Ref is the parcel.
const JobShipped = "notice.shipped"

// JobMoved is queued when pieces of an order that is not paid have left or will never
// leave: money that is reserved for it may be due. Ref is the purchase.
const JobMoved = "checkout.reserved"

func moved(tx *db.Tx, o order.Order) error {
	if o.IsPaid() || !o.DueAt.IsZero() {
		return nil
	}
	_, err := job.Enqueue(tx, job.Spec{Kind: JobMoved, Ref: o.Purchase})
	return err
}

// Shipment is the wish to send.
type Shipment struct {
	Order    db.ID
	Lines    []ShipLine // empty: everything that is left
	Carrier  string     // key; empty: handed over by the shop itself
	Tracking string     // number; may be empty
	Key      string     // the client's, so that a repeat ships nothing more; empty: none
}

// Ship sends pieces of an order in one parcel: counts them on the lines, takes them out
// of stock, tells the buyer. Faults: 403, 404, 409 wrong_state (cancelled),
// nothing_to_ship, line_quantity (fewer are left), nothing_allocated; 422 with
// fields, 422 idempotency_mismatch.
func Ship(tx *db.Tx, by auth.By, in Shipment) (Parcel, error) {
	if err := by.Need(auth.OrdersWrite); err != nil {
		return Parcel{}, err
	}
	if err := in.check(); err != nil {
		return Parcel{}, err
	}
	if in.Order <= 0 {
		return Parcel{}, fault.NotFound()
	}
	if err := order.Touch(tx, in.Order); err != nil {
		return Parcel{}, err
	}
	print := in.fingerprint()
	if in.Key != "" {
		var id db.ID
		var was []byte
		err := tx.QueryRow(`SELECT id, fingerprint FROM fulfilment_parcel WHERE order_id=$1 AND client_key=$2`, in.Order, in.Key).Scan(&id, &was)
		if err == nil && !secret.Equal(was, print) {
			return Parcel{}, &fault.Error{Kind: fault.Unprocessable, Code: "idempotency_mismatch"}
		}
		if err == nil {
			return ParcelByID(tx, id)
		}
		if !errors.Is(err, db.ErrNotFound) {
			return Parcel{}, err
		}
	}
	o, err := order.ByID(tx, in.Order)
	if err != nil {
		return Parcel{}, err
	}
	if o.State != order.Placed {
		return Parcel{}, fault.Conflict("wrong_state")
	}
	lines, err := pick(o, in.Lines)
	if err != nil {
		return Parcel{}, err
	}
	// A gift card is handed over when it is paid, by mail: no parcel has one.
	lines = slices.DeleteFunc(lines, func(l picked) bool { return l.line.Kind == order.KindGiftCard })
	if len(lines) == 0 {
		return Parcel{}, &fault.Error{Kind: fault.Clash, Code: "nothing_to_ship", Key: "fulfilment.nothing_to_ship"}
	}
	p := Parcel{ID: tx.NewID(), Order: o.ID, Carrier: in.Carrier, Number: in.Tracking, Shipped: tx.LegalNow()}
	var key any
	if in.Key != "" {
		key = in.Key
	}
	if _, err := tx.Exec(`INSERT INTO fulfilment_parcel (id, order_id, carrier, number, client_key, fingerprint, shipped_at) VALUES ($1,$2,$3,$4,$5,$6,$7)`,
		p.ID, p.Order, p.Carrier, p.Number, key, print, p.Shipped); err != nil {
		return Parcel{}, err
	}
	pieces := int64(0)
	for _, l := range lines {
		if err := order.LineShipped(tx, l.line.ID, l.n); err != nil {
			return Parcel{}, err
		}
		if err := fromStock(tx, by, o.Purchase, l, stock.Ship); err != nil {
			return Parcel{}, err
		}
		if _, err := tx.Exec(`INSERT INTO fulfilment_parcel_line (parcel_id, line_id, quantity) VALUES ($1,$2,$3)`, p.ID, l.line.ID, l.n); err != nil {
			return Parcel{}, err
		}
		p.Lines = append(p.Lines, ShipLine{l.line.ID, l.n})
		pieces += l.n
	}
	if err := order.AddEvent(tx, o.ID, "shipped", true, map[string]string{"parcel": p.ID.String(), "carrier": p.Carrier, "number": p.Number, "pieces": fmt.Sprint(pieces)}); err != nil {
		return Parcel{}, err
	}
	if o, err = order.ByID(tx, o.ID); err != nil {
		return Parcel{}, err
	}
	if o.IsShipped() {
		if err := order.MarkShipped(tx, o.ID); err != nil {
			return Parcel{}, err
		}
	}
	if err := record(tx, by, "order.ship", o.ID, fmt.Sprintf("parcel %s, %d pieces", p.ID, pieces)); err != nil {
		return Parcel{}, err
	}
	if err := moved(tx, o); err != nil {
		return Parcel{}, err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobShipped, Ref: p.ID})
	return p, err
}

func (in *Shipment) check() error {
	var f fault.Fields
	in.Tracking = strings.TrimSpace(in.Tracking)
	if in.Carrier != "" && !carrierKey.MatchString(in.Carrier) {
		f.Add("/carrier", "bad_value")
	}
	if in.Tracking != "" && !trackingNumber.MatchString(in.Tracking) {
		f.Add("/tracking", "bad_value")
	}
	if len(in.Key) > 128 || strings.ContainsFunc(in.Key, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		f.Add("/idempotency_key", "bad_idempotency_key")
	}
	checkLines(&f, in.Lines)
	return f.Err()
}

func checkLines(f *fault.Fields, lines []ShipLine) {
	seen := map[db.ID]bool{}
	for i, l := range lines {
		p := fmt.Sprintf("/lines/%d", i)
		switch {
		case l.Line <= 0:
			f.Add(p+"/line", "required")
		case seen[l.Line]:
			f.Add(p+"/line", "twice")
		case l.Quantity <= 0:
			f.Add(p+"/quantity", "too_small", "min", 1)
		}
		seen[l.Line] = true
	}
	if len(lines) > 500 {
		f.Add("/lines", "too_many")
	}
}

func (in Shipment) fingerprint() []byte {
	ls := slices.Clone(in.Lines)
	slices.SortFunc(ls, func(a, b ShipLine) int { return int(min(max(a.Line-b.Line, -1), 1)) })
	b, _ := json.Marshal([]any{ls, in.Carrier, in.Tracking}) // plain values always marshal
	h := sha256.Sum256(b)
	return h[:]
}

type picked struct {
	line order.Line
	n    int64
}

// pick finds the wished lines in the order, or all that are open, in the order in
// which levels of stock are locked everywhere: by variant.
func pick(o order.Order, wish []ShipLine) ([]picked, error) {
	var out []picked
	if len(wish) == 0 {
		for _, l := range o.Lines {
			if n := l.Open(); n > 0 {
				out = append(out, picked{l, n})
			}
		}
	}
	var f fault.Fields
	for i, w := range wish {
		at := slices.IndexFunc(o.Lines, func(l order.Line) bool { return l.ID == w.Line })
		if at < 0 {
			f.Add(fmt.Sprintf("/lines/%d/line", i), "unknown")
			continue
		}
		if o.Lines[at].Open() < w.Quantity {
			return nil, fault.Conflict("line_quantity")
		}
		out = append(out, picked{o.Lines[at], w.Quantity})
	}
	slices.SortStableFunc(out, func(a, b picked) int { return int(min(max(a.line.Variant-b.line.Variant, -1), 1)) })
	return out, f.Err()
}

// fromStock tells stock that pieces leave or stay. A variant without a level (a
// service, a good of an imported order) has nothing to tell.
func fromStock(tx *db.Tx, by auth.By, purchase db.ID, l picked, fn func(*db.Tx, auth.By, db.ID, db.ID, int64) error) error {
	if _, err := stock.One(tx, l.line.Variant); fault.Is(err, "not_found") {
		return nil
	} else if err != nil {
		return err
	}
	return fn(tx, by, purchase, l.line.Variant, l.n)
}

// Arrived records when the buyer had a parcel; when it was the last, the order's
// withdrawal period is counted from it. Recording it again changes nothing.
func Arrived(tx *db.Tx, by auth.By, parcel db.ID, at time.Time) error {
	if err := by.Need(auth.OrdersWrite); err != nil {
		return err
	}
	p, err := ParcelByID(tx, parcel)
	if errors.Is(err, db.ErrNotFound) {
		return fault.NotFound()
	}
	if err != nil {
		return err
	}
	if at.IsZero() || at.After(tx.LegalNow()) || at.Before(p.Shipped) {
		return fault.Invalid(fault.Field{Pointer: "/at", Code: "bad_date"})
	}
	if err := order.Touch(tx, p.Order); err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE fulfilment_parcel SET delivered_at=$2 WHERE id=$1 AND delivered_at IS NULL`, parcel, at)
	if err != nil || n == 0 {
		return err
	}
	if err := order.AddEvent(tx, p.Order, "delivered", true, map[string]string{"parcel": p.ID.String()}); err != nil {
		return err
	}
	if err := record(tx, by, "order.arrived", p.Order, "parcel "+p.ID.String()); err != nil {
		return err
	}
	o, err := order.ByID(tx, p.Order)
	if err != nil || !o.IsShipped() {
		return err
	}
	ps, err := Parcels(tx, p.Order)
	if err != nil {
		return err
	}
	last := at
	for _, x := range ps {
		if x.Delivered.IsZero() {
			return nil
		}
		if x.Delivered.After(last) {
			last = x.Delivered
		}
	}
	return order.MarkReceived(tx, p.Order, last)
}
