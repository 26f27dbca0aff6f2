package fulfilment_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/pdf"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/stock"
)

var (
	rooms  = []db.Migrations{secret.Migrations, audit.Migrations, job.Migrations, stock.Migrations, order.Migrations, fulfilment.Migrations}
	packer = auth.StaffBy(5, "", []auth.Right{auth.OrdersRead, auth.OrdersWrite})
	sys    = auth.System("test")
	person = order.Contact{Email: "a@example.se", Name: "Åsa Prov", Address: order.Address{Line1: "Gatan 1", PostalCode: "112 21", City: "Stockholm", Country: "SE", DoorCode: "1234"}}
)

type world struct {
	t *testing.T
	d *db.DB
	v *secret.Vault
}

func each(t *testing.T, fn func(w world)) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) { fn(world{t, d, secrettest.Vault(t, d)}) })
}

func (w world) do(fn func(tx *db.Tx) error) error { return db.Do(context.Background(), w.d, fn) }

func (w world) must(fn func(tx *db.Tx) error) {
	w.t.Helper()
	if err := w.do(fn); err != nil {
		w.t.Fatal(err)
	}
}

// order places an order of n pieces of each variant; each has 10 on hand. The last
// line is of a variant that stock does not know.
func (w world) order(purchase db.ID, n int64, variants ...db.ID) (o order.Order) {
	w.t.Helper()
	w.must(func(tx *db.Tx) error {
		p, err := w.v.NewPerson(tx)
		if err != nil {
			return err
		}
		d := order.Draft{Currency: "SEK", Lang: lang.SV, Method: "card", Discount: money.SEK(0), Delivery: money.SEK(0), GiftCard: money.SEK(0)}
		var hold []stock.Line
		for _, v := range variants {
			d.Lines = append(d.Lines, order.DraftLine{Product: v, Variant: v, TitleSV: fmt.Sprintf("Vara %d", v), SKU: "S", Quantity: n, Unit: money.SEK(1000), Total: money.SEK(1000 * n), RateBP: 2500, Withdrawal: "yes"})
			if err := stock.Put(tx, sys, v, true, false); err != nil {
				return err
			}
			if _, err := stock.SetOnHand(tx, sys, v, 10); err != nil {
				return err
			}
			hold = append(hold, stock.Line{Variant: v, Quantity: n})
		}
		d.Lines = append(d.Lines, order.DraftLine{Product: 999, Variant: 999, TitleSV: "Tjänst", Quantity: 1, Unit: money.SEK(0), Total: money.SEK(0), RateBP: 2500, Withdrawal: "yes"})
		total := 1000 * n * int64(len(variants))
		d.Goods, d.Total, d.ToPay = money.SEK(total), money.SEK(total), money.SEK(total)
		d.VAT = []order.VAT{{RateBP: 2500, Gross: total, Amount: money.VATIncluded(total, 2500)}}
		if err := stock.Hold(tx, purchase, hold); err != nil {
			return err
		}
		if _, err := stock.Allocate(tx, purchase); err != nil {
			return err
		}
		if o, err = order.Place(tx, w.v, order.Placement{Purchase: purchase, Person: p.ID, Draft: d, Contact: person, Paid: money.SEK(total)}); err != nil {
			return err
		}
		return order.Draw(tx, w.v, &o)
	})
	return o
}

func (w world) get(id db.ID) order.Order {
	w.t.Helper()
	o, err := db.Read(context.Background(), w.d, func(q *db.Reader) (order.Order, error) { return order.ByID(q, id) })
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w world) level(v db.ID) stock.Level {
	w.t.Helper()
	l, err := db.Read(context.Background(), w.d, func(q *db.Reader) (stock.Level, error) { return stock.One(q, v) })
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w world) jobs(kind string) (n int) {
	w.t.Helper()
	n, err := db.Read(context.Background(), w.d, func(q *db.Reader) (n int, err error) {
		err = q.QueryRow(`SELECT count(*) FROM job_job WHERE kind=$1`, kind).Scan(&n)
		return
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w world) ship(in fulfilment.Shipment) (p fulfilment.Parcel, err error) {
	p, _, err = db.Write(context.Background(), w.d, func(tx *db.Tx) (fulfilment.Parcel, error) { return fulfilment.Ship(tx, packer, in) })
	return
}

func TestShipInTwoParcels(t *testing.T) {
	each(t, func(w world) {
		o := w.order(100, 3, 1, 2)
		first, err := w.ship(fulfilment.Shipment{Order: o.ID, Lines: []fulfilment.ShipLine{{o.Lines[0].ID, 2}}, Carrier: "local", Tracking: "LK123", Key: "k1"})
		if err != nil {
			w.t.Fatal(err)
		}
		if l := w.level(1); l.OnHand != 8 || l.Allocated != 1 {
			w.t.Errorf("%+v", l)
		}
		if !w.get(o.ID).ShippedAt.IsZero() {
			w.t.Error("shipped in full")
		}
		// The same again ships nothing more.
		again, err := w.ship(fulfilment.Shipment{Order: o.ID, Lines: []fulfilment.ShipLine{{o.Lines[0].ID, 2}}, Carrier: "local", Tracking: "LK123", Key: "k1"})
		if err != nil || again.ID != first.ID || len(again.Lines) != 1 {
			w.t.Error(again, err)
		}
		if _, err := w.ship(fulfilment.Shipment{Order: o.ID, Key: "k1"}); !fault.Is(err, "idempotency_mismatch") {
			w.t.Error(err)
		}
		if _, err := w.ship(fulfilment.Shipment{Order: o.ID, Lines: []fulfilment.ShipLine{{o.Lines[0].ID, 2}}}); !fault.Is(err, "line_quantity") {
			w.t.Error(err)
		}
		rest, err := w.ship(fulfilment.Shipment{Order: o.ID})
		if err != nil || len(rest.Lines) != 3 {
			w.t.Fatal(rest, err)
		}
		if _, err := w.ship(fulfilment.Shipment{Order: o.ID}); !fault.Is(err, "nothing_to_ship") {
			w.t.Error(err)
		}
		if l := w.level(2); l.OnHand != 7 || l.Allocated != 0 || w.jobs(fulfilment.JobShipped) != 2 {
			w.t.Errorf("%+v, %d jobs", l, w.jobs(fulfilment.JobShipped))
		}
		if got := w.get(o.ID); got.ShippedAt.IsZero() || !got.ReceivedAt.IsZero() {
			w.t.Error("not shipped, or received already")
		}
		now := time.Now().Add(-time.Millisecond)
		arrive := func(p fulfilment.Parcel) error {
			return w.do(func(tx *db.Tx) error { return fulfilment.Arrived(tx, packer, p.ID, tx.LegalNow()) })
		}
		if err := arrive(first); err != nil || !w.get(o.ID).ReceivedAt.IsZero() {
			w.t.Error("received before the last parcel", err)
		}
		if err := arrive(rest); err != nil || w.get(o.ID).ReceivedAt.Before(now) {
			w.t.Error(err)
		}
		when := w.get(o.ID).ReceivedAt
		if err := arrive(rest); err != nil || !w.get(o.ID).ReceivedAt.Equal(when) {
			w.t.Error("a second arrival moved the period", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	each(t, func(w world) {
		o := w.order(100, 1, 1)
		line := o.Lines[0].ID
		for name, c := range map[string]struct {
			in   fulfilment.Shipment
			code string
		}{
			"unknown order": {fulfilment.Shipment{Order: 12345}, "not_found"},
			"no order":      {fulfilment.Shipment{}, "not_found"},
			"other's line":  {fulfilment.Shipment{Order: o.ID, Lines: []fulfilment.ShipLine{{777, 1}}}, "invalid"},
			"negative":      {fulfilment.Shipment{Order: o.ID, Lines: []fulfilment.ShipLine{{line, -1}}}, "invalid"},
			"twice":         {fulfilment.Shipment{Order: o.ID, Lines: []fulfilment.ShipLine{{line, 1}, {line, 1}}}, "invalid"},
			"carrier":       {fulfilment.Shipment{Order: o.ID, Carrier: "a/b"}, "invalid"},
			"tracking":      {fulfilment.Shipment{Order: o.ID, Tracking: "x\"><script>"}, "invalid"},
			"key":           {fulfilment.Shipment{Order: o.ID, Key: "a\nb"}, "invalid"},
		} {
			if _, err := w.ship(c.in); !fault.Is(err, c.code) {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.do(func(tx *db.Tx) error {
			_, err := fulfilment.Ship(tx, auth.Guest(""), fulfilment.Shipment{Order: o.ID})
			return err
		}); !fault.Is(err, "denied") {
			w.t.Error(err)
		}
		if l := w.level(1); l.OnHand != 10 || l.Allocated != 1 || w.jobs(fulfilment.JobShipped) != 0 {
			w.t.Errorf("a refusal left a trace: %+v", l)
		}
	})
}

func TestCancel(t *testing.T) {
	each(t, func(w world) {
		cancel := func(id db.ID, ls ...fulfilment.ShipLine) (c fulfilment.Cancelled, err error) {
			c, _, err = db.Write(context.Background(), w.d, func(tx *db.Tx) (fulfilment.Cancelled, error) {
				return fulfilment.Cancel(tx, packer, id, ls, "buyer")
			})
			return
		}
		whole := w.order(100, 2, 1)
		c, err := cancel(whole.ID)
		if err != nil || !c.Whole || c.Order.State != order.Cancelled {
			w.t.Fatalf("%+v %v", c, err)
		}
		if l := w.level(1); l.OnHand != 10 || l.Allocated != 0 {
			w.t.Errorf("%+v", l)
		}
		if _, err := cancel(whole.ID); !fault.Is(err, "wrong_state") {
			w.t.Error(err)
		}
		if _, err := w.ship(fulfilment.Shipment{Order: whole.ID}); !fault.Is(err, "wrong_state") {
			w.t.Error("a cancelled order was shipped", err)
		}
		part := w.order(101, 3, 2)
		if _, err := w.ship(fulfilment.Shipment{Order: part.ID, Lines: []fulfilment.ShipLine{{part.Lines[0].ID, 1}, {part.Lines[1].ID, 1}}}); err != nil {
			w.t.Fatal(err)
		}
		if c, err = cancel(part.ID, fulfilment.ShipLine{Line: part.Lines[0].ID, Quantity: 1}); err != nil || c.Whole || c.Order.State != order.Placed || !c.Order.ShippedAt.IsZero() {
			w.t.Fatalf("%+v %v", c, err)
		}
		if c, err = cancel(part.ID); err != nil || c.Whole || c.Order.ShippedAt.IsZero() {
			w.t.Fatalf("the rest cancelled: %+v %v", c, err)
		}
		if l := w.level(2); l.OnHand != 9 || l.Allocated != 0 {
			w.t.Errorf("%+v", l)
		}
		if _, err := cancel(part.ID); !fault.Is(err, "nothing_to_cancel") {
			w.t.Error(err)
		}
	})
}

// Two packers and one who cancels, all at once: each piece goes one way.
func TestRace(t *testing.T) {
	each(t, func(w world) {
		for round := range 6 {
			v := db.ID(10 + round)
			o := w.order(db.ID(200+round), 4, v)
			var wg sync.WaitGroup
			for i := range 6 {
				wg.Go(func() {
					var err error
					if i == 0 {
						err = w.do(func(tx *db.Tx) error { _, err := fulfilment.Cancel(tx, packer, o.ID, nil, ""); return err })
					} else {
						_, err = w.ship(fulfilment.Shipment{Order: o.ID, Lines: []fulfilment.ShipLine{{o.Lines[0].ID, 1}}})
					}
					if err != nil && fault.As(err) == nil {
						w.t.Error(err)
					}
				})
			}
			wg.Wait()
			l := w.get(o.ID).Lines[0]
			lv := w.level(v)
			if l.Open() != 0 || l.Shipped+l.Cancelled != 4 || lv.Allocated != 0 || lv.OnHand != 10-l.Shipped {
				w.t.Errorf("round %d: %+v %+v", round, l, lv)
			}
		}
	})
}

func TestPackingSlip(t *testing.T) {
	w := world{t, dbtest.SQLite(t, rooms), nil}
	w.v = secrettest.Vault(t, w.d)
	o := w.order(100, 2, 1)
	for _, l := range lang.All {
		d := fulfilment.PackingSlip(o, person, []string{"Förstukvist Handel AB", "Gränd 3"}, l)
		b, err := pdf.Render(d)
		if err != nil || len(b) < 1000 {
			t.Fatal(len(b), err)
		}
		text := fmt.Sprintf("%+v", d)
		for _, want := range []string{"Vara 1", "1234", o.NumberString(), "Åsa Prov"} {
			if !strings.Contains(text, want) {
				t.Errorf("slip lacks %q", want)
			}
		}
		if strings.Contains(text, "kr") && strings.Contains(text, "10,00") {
			t.Error("a packing slip shows no prices")
		}
	}
}
