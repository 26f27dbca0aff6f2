package returns_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
)

var (
	rooms = []db.Migrations{secret.Migrations, audit.Migrations, job.Migrations, content.Migrations, stock.Migrations, payment.Migrations, order.Migrations, fulfilment.Migrations, returns.Migrations}
	staff = auth.StaffBy(5, "", auth.AllRights)
	guest = auth.Guest("192.0.2.0/24")
	sys   = auth.System("test")
	ctx   = context.Background()
)

// bank is a provider with books of its own: it pays back once a key, and can lose
// answers or refuse.
type bank struct {
	mu       sync.Mutex
	method   string
	done     map[string]int64
	lose     int // answers still to be lost after they took effect
	refuse   bool
	refunded int64
}

func (b *bank) Method() string { return b.method }
func (b *bank) Credit() bool   { return b.method == "invoice" }
func (b *bank) Begin(context.Context, payment.Start) (payment.Status, error) {
	return payment.Status{}, payment.ErrUnknown
}
func (b *bank) Look(context.Context, payment.Handle) (payment.Status, error) {
	return payment.Status{}, payment.ErrUnknown
}
func (b *bank) Cancel(context.Context, payment.Handle) (payment.Status, error) {
	return payment.Status{}, payment.ErrUnknown
}
func (b *bank) Verify(payment.Notice) (payment.Hint, error) {
	return payment.Hint{}, payment.ErrBadSignature
}
func (b *bank) Refund(_ context.Context, r payment.Refund) (payment.RefundStatus, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse {
		return payment.RefundStatus{Refused: true, Code: "account_closed"}, nil
	}
	if _, ok := b.done[r.Key]; !ok {
		b.done[r.Key] = r.Amount.Amount
		b.refunded += r.Amount.Amount
	}
	if b.lose > 0 {
		b.lose--
		return payment.RefundStatus{}, fmt.Errorf("line broke: %w", payment.ErrUnknown)
	}
	return payment.RefundStatus{Done: true}, nil
}

// tb is what tests and properties have in common.
type tb interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

type world struct {
	t       tb
	d       *db.DB
	v       *secret.Vault
	card    *bank
	invoice *bank
	desk    *returns.Desk
	next    db.ID
}

func newWorld(t testing.TB, d *db.DB) *world {
	w := &world{t: t, d: d, v: secrettest.Vault(t, d), card: &bank{method: "card", done: map[string]int64{}}, invoice: &bank{method: "invoice", done: map[string]int64{}}, next: 1000}
	w.desk = &returns.Desk{DB: d, Providers: []payment.Provider{w.card, w.invoice}}
	return w
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) { fn(t, newWorld(t, d)) })
}

func (w *world) do(fn func(tx *db.Tx) error) error { return db.Do(ctx, w.d, fn) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// good is a line to be ordered.
type good struct {
	variant    db.ID
	n, unit    int64
	rate       int64
	discount   int64
	withdrawal string
}

// order places an order with stock, intent and money; delivery is 39 kr.
func (w *world) order(method string, goods ...good) (o order.Order) {
	w.t.Helper()
	w.next++
	purchase := w.next
	w.must(w.do(func(tx *db.Tx) error {
		p, err := w.v.NewPerson(tx)
		if err != nil {
			return err
		}
		d := order.Draft{Currency: "SEK", Lang: lang.SV, Method: method, Delivery: money.SEK(3900), GiftCard: money.SEK(0)}
		var hold []stock.Line
		var sum, discount int64
		var rates, weights []int64
		gross := map[int64]int64{}
		for _, g := range goods {
			if g.withdrawal == "" {
				g.withdrawal = "yes"
			}
			d.Lines = append(d.Lines, order.DraftLine{Product: g.variant, Variant: g.variant, TitleSV: fmt.Sprintf("Vara %d", g.variant), Quantity: g.n, Unit: money.SEK(g.unit), Total: money.SEK(g.unit * g.n), Discount: g.discount, RateBP: g.rate, Withdrawal: g.withdrawal})
			if _, err := stock.One(tx, g.variant); err != nil {
				if err := stock.Put(tx, sys, g.variant, true, false); err != nil {
					return err
				}
				if _, err := stock.SetOnHand(tx, sys, g.variant, 100); err != nil {
					return err
				}
			}
			hold = append(hold, stock.Line{Variant: g.variant, Quantity: g.n})
			sum, discount = sum+g.unit*g.n, discount+g.discount
			if !slices.Contains(rates, g.rate) {
				rates = append(rates, g.rate)
			}
			gross[g.rate] += g.unit*g.n - g.discount
		}
		for _, r := range rates {
			weights = append(weights, gross[r])
		}
		for i, a := range money.Split(3900, weights) {
			gross[rates[i]] += a
		}
		for _, r := range rates {
			d.VAT = append(d.VAT, order.VAT{RateBP: r, Gross: gross[r], Amount: money.VATIncluded(gross[r], r)})
		}
		total := money.SEK(sum - discount + 3900)
		d.Goods, d.Discount, d.Total, d.ToPay = money.SEK(sum), money.SEK(discount), total, total
		if err := stock.Hold(tx, purchase, hold); err != nil {
			return err
		}
		if _, err := stock.Allocate(tx, purchase); err != nil {
			return err
		}
		i, err := payment.NewIntent(tx, purchase, method, "ref-"+purchase.String(), total)
		if err != nil {
			return err
		}
		in := order.Placement{Purchase: purchase, Person: p.ID, Draft: d, Paid: total, Contact: order.Contact{Email: "a@example.se", Name: "Åsa Prov", Address: order.Address{Line1: "Gatan 1", PostalCode: "112 21", City: "Stockholm", Country: "SE"}}}
		if method == "invoice" {
			in.Paid, in.OCR, in.DueDays = money.SEK(0), true, 30
		} else if _, err := payment.Capture(tx, i, total, "capture"); err != nil {
			return err
		}
		if o, err = order.Place(tx, w.v, in); err != nil {
			return err
		}
		return order.Draw(tx, w.v, &o)
	}))
	return w.get(o.ID)
}

func read[T any](w *world, fn func(q *db.Reader) (T, error)) T {
	w.t.Helper()
	v, err := db.Read(ctx, w.d, fn)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func write[T any](w *world, fn func(tx *db.Tx) (T, error)) (T, error) {
	v, _, err := db.Write(ctx, w.d, fn)
	return v, err
}

func (w *world) get(id db.ID) order.Order {
	w.t.Helper()
	return read(w, func(q *db.Reader) (order.Order, error) { return order.ByID(q, id) })
}

func (w *world) level(v db.ID) stock.Level {
	w.t.Helper()
	return read(w, func(q *db.Reader) (stock.Level, error) { return stock.One(q, v) })
}

func (w *world) intent(o order.Order) payment.Intent {
	w.t.Helper()
	return read(w, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, o.Purchase) })
}

func (w *world) docs(o order.Order) []order.Document {
	w.t.Helper()
	return read(w, func(q *db.Reader) ([]order.Document, error) { return order.Documents(q, o.ID) })
}

func (w *world) count(text string, args ...any) int {
	w.t.Helper()
	return read(w, func(q *db.Reader) (n int, err error) { err = q.QueryRow(text, args...).Scan(&n); return })
}

func (w *world) jobs(kind string) int {
	return w.count(`SELECT count(*) FROM job_job WHERE kind=$1`, kind)
}

func (w *world) withdraw(o order.Order, key string, lines ...fulfilment.ShipLine) (returns.Return, error) {
	return write(w, func(tx *db.Tx) (returns.Return, error) {
		return returns.Withdraw(tx, guest, w.v, returns.Withdrawal{Order: o.ID, Name: "Åsa Prov", Mail: "A@example.se", Statement: "Jag ångrar mig.", Lines: lines, Key: key})
	})
}

func (w *world) ship(o order.Order) {
	w.t.Helper()
	w.must(w.do(func(tx *db.Tx) error {
		_, err := fulfilment.Ship(tx, staff, fulfilment.Shipment{Order: o.ID})
		return err
	}))
}

func (w *world) refund(o order.Order, ore int64, key string) error {
	return w.do(func(tx *db.Tx) error {
		_, err := returns.Refund(tx, staff, returns.RefundIn{Order: o.ID, Amount: money.SEK(ore), Reason: "prov", Key: key})
		return err
	})
}

// run lets time pass for the refunds under way and carries them out.
func (w *world) run() int {
	w.t.Helper()
	w.must(w.do(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE payment_refund SET next_at=$1 WHERE state='asked'`, tx.Now().Add(-time.Second))
		return err
	}))
	n, err := w.desk.RunOnce(ctx, 50)
	w.must(err)
	return n
}

// check compares ledger, order and documents, and the provider's books.
func (w *world) check(o order.Order) order.Order {
	w.t.Helper()
	o = w.get(o.ID)
	i := w.intent(o)
	if i.Refunded.Amount+i.Refunding.Amount > i.Captured.Amount || o.Refunded.Amount != i.Refunded.Amount || o.Refunded.Amount > o.Paid.Amount {
		w.t.Errorf("captured %v, refunding %v, refunded %v; order says %v of %v", i.Captured, i.Refunding, i.Refunded, o.Refunded, o.Paid)
	}
	var credited, vat, gross int64
	numbers := map[int64]bool{}
	for _, d := range w.docs(o) {
		if d.Kind != "credit_note" {
			continue
		}
		if d.RefersTo == 0 || numbers[d.Number] {
			w.t.Errorf("credit note %d refers to %d", d.Number, d.RefersTo)
		}
		numbers[d.Number] = true
		credited -= d.Amount.Amount
		var g int64
		for _, v := range d.VAT {
			vat += v.Amount
			g += v.Gross
		}
		if g != -d.Amount.Amount {
			w.t.Errorf("a credit note of %v has VAT lines of %d", d.Amount, g)
		}
		gross += g
	}
	if credited != o.Refunded.Amount+o.Draft.ToPay.Amount-o.ToPay.Amount {
		w.t.Errorf("credit notes of %d, refunded %v, to pay fell from %v to %v", credited, o.Refunded, o.Draft.ToPay, o.ToPay)
	}
	if credited == o.Draft.Total.Amount {
		var sold int64
		for _, v := range o.Draft.VAT {
			sold += v.Amount
		}
		if sold != vat {
			w.t.Errorf("all is credited, VAT sold %d, credited %d", sold, vat)
		}
	}
	return o
}

// payInvoice pays what is left of an order, as staff or a bank file would record it.
func payInvoice(tx *db.Tx, id db.ID) error {
	if err := order.Touch(tx, id); err != nil {
		return err
	}
	o, err := order.ByID(tx, id)
	if err != nil || o.IsPaid() {
		return err
	}
	left := money.SEK(o.ToPay.Amount - o.Paid.Amount)
	i, err := payment.OfPurchase(tx, o.Purchase)
	if err != nil {
		return err
	}
	if _, err := payment.Capture(tx, i, left, "paid-"+tx.NewID().String()); err != nil {
		return err
	}
	return order.Paid(tx, id, left)
}
