package checkout_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/klarna"
	"kassavalv/internal/shop/payment/paytest"
	"kassavalv/internal/shop/payment/paytest/klarnasim"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shoptest"
)

// lender is a small shop whose buyers pay with Klarna.
type lender struct {
	*shoptest.World
	k    *klarnasim.Sim
	back *returns.Desk
}

func eachLender(t *testing.T, atOnce bool, fn func(t *testing.T, w *lender)) {
	rooms := append(slices.Clone(shoptest.Migrations), fulfilment.Migrations, returns.Migrations)
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		w := &lender{World: shoptest.New(t, d), k: klarnasim.New(t, klarnasim.Options{})}
		w.Desk.Providers = append(w.Desk.Providers, klarna.New(klarna.Config{Username: w.k.Username(), Password: secret.Hide(w.k.Password()), Base: w.k.URL, AtOnce: atOnce}))
		w.back = &returns.Desk{DB: d, Providers: w.Desk.Providers, Log: w.Desk.Log}
		fn(t, w)
	})
}

// begin makes a purchase of some of each variant and leads the buyer to Klarna.
func (w *lender) begin(lines ...stock.Line) checkout.Purchase {
	w.T.Helper()
	p, err := w.Desk.Begin(context.Background(), checkout.Request{Cart: w.Cart(lines...), Method: "klarna", Accept: true, Lang: lang.SV, Peer: "192.0.2.1"})
	if err != nil {
		w.T.Fatal(err)
	}
	return w.Until(p.ID, true, func(p checkout.Purchase) bool { return p.State == checkout.Awaiting && p.NextURL != "" })
}

// act does what the buyer does on Klarna's page.
func (w *lender) act(p checkout.Purchase, what string) {
	w.T.Helper()
	res, err := http.Get(p.NextURL)
	if err != nil {
		w.T.Fatal(err)
	}
	res.Body.Close()
	if _, status := w.k.Act(p.NextURL[strings.LastIndexByte(p.NextURL, '/')+1:], what); status != 0 {
		w.T.Fatalf("%s at Klarna: %d", what, status)
	}
}

// approved is a purchase that Klarna has approved and that became an order.
func (w *lender) approved(lines ...stock.Line) checkout.Purchase {
	w.T.Helper()
	p := w.begin(lines...)
	w.act(p, klarnasim.Accept)
	return w.Until(p.ID, true, terminal)
}

func (w *lender) intent(p checkout.Purchase) payment.Intent {
	w.T.Helper()
	i, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, p.ID) })
	if err != nil {
		w.T.Fatal(err)
	}
	return i
}

func (w *lender) purchase(p checkout.Purchase) checkout.Purchase {
	w.T.Helper()
	p, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (checkout.Purchase, error) { return checkout.ByID(q, p.ID) })
	if err != nil {
		w.T.Fatal(err)
	}
	return p
}

// at is Klarna's order of the purchase.
func (w *lender) at(p checkout.Purchase) klarnasim.Order {
	w.T.Helper()
	i, found := w.intent(p), []klarnasim.Order{}
	for _, o := range w.k.Orders() {
		if o.Reference == i.Reference {
			found = append(found, o)
		}
	}
	if len(found) != 1 {
		w.T.Fatalf("Klarna has %d orders of %s", len(found), i.Reference)
	}
	return found[0]
}

// settle does what the jobs and workers do, until nothing is left to do.
func (w *lender) settle(p checkout.Purchase) {
	w.T.Helper()
	ctx := context.Background()
	for range 12 {
		if err := w.Desk.SettleReserved(ctx, p.ID); err != nil {
			w.T.Logf("not now: %v", err)
		}
		w.Do(func(tx *db.Tx) error {
			if _, err := tx.Exec(`UPDATE payment_take SET next_at=$1 WHERE state='asked'`, tx.Now()); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE payment_refund SET next_at=$1 WHERE state='asked'`, tx.Now())
			return err
		})
		a, err := w.Desk.TakeOnce(ctx, 32)
		if err != nil {
			w.T.Fatal(err)
		}
		b, err := w.back.RunOnce(ctx, 32)
		if err != nil {
			w.T.Fatal(err)
		}
		if a+b == 0 && w.intent(p).Taking.IsZero() {
			if err := w.Desk.SettleReserved(ctx, p.ID); err == nil && w.intent(p).Taking.IsZero() {
				return
			}
		}
	}
}

func (w *lender) ship(p checkout.Purchase, lines ...fulfilment.ShipLine) {
	w.T.Helper()
	o := w.OrderOf(p.ID)
	w.Do(func(tx *db.Tx) error {
		_, err := fulfilment.Ship(tx, shoptest.By, fulfilment.Shipment{Order: o.ID, Lines: lines})
		return err
	})
}

func (w *lender) cancel(p checkout.Purchase, lines ...fulfilment.ShipLine) {
	w.T.Helper()
	o := w.OrderOf(p.ID)
	w.Do(func(tx *db.Tx) error {
		_, err := returns.Cancel(tx, shoptest.By, o.ID, lines, "prov")
		return err
	})
}

func (w *lender) jobs(kind string, ref db.ID) (n int) {
	w.T.Helper()
	n, err := db.Read(context.Background(), w.DB, func(q *db.Reader) (n int, err error) {
		err = q.QueryRow(`SELECT count(*) FROM job_job WHERE kind=$1 AND ref_id=$2`, kind, ref).Scan(&n)
		return
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return n
}

// agree holds the shop's books against Klarna's, to the öre.
func (w *lender) agree(p checkout.Purchase) (klarnasim.Order, order.Order) {
	w.T.Helper()
	k, i, o := w.at(p), w.intent(p), w.OrderOf(p.ID)
	var captured, refunded int64
	if err := db.Do(context.Background(), w.DB, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COALESCE(sum(CASE WHEN kind='capture' THEN amount ELSE 0 END),0), COALESCE(sum(CASE WHEN kind='refund' THEN amount ELSE 0 END),0) FROM payment_entry WHERE intent_id=$1`, i.ID).Scan(&captured, &refunded)
	}); err != nil {
		w.T.Fatal(err)
	}
	if k.Captured != captured || k.Refunded != refunded || i.Captured.Amount != captured || i.Refunded.Amount != refunded {
		w.T.Errorf("Klarna has taken %d and paid back %d; the ledger says %d and %d, the intent %v and %v", k.Captured, k.Refunded, captured, refunded, i.Captured, i.Refunded)
	}
	if k.Remaining != i.Takeable().Amount+i.Taking.Amount {
		w.T.Errorf("Klarna holds %d, the shop thinks %v", k.Remaining, i.Takeable())
	}
	return k, o
}

var betalt = regexp.MustCompile(`(?i)betal(t|d|at)`)

// wordsOf is what the buyer reads on the purchase page and in the API.
func (w *lender) wordsOf(p checkout.Purchase) string {
	return checkout.Message(lang.SV, w.purchase(p), w.Desk.MethodName(lang.SV, "klarna"))
}

func TestReservedMoneyIsTakenAsParcelsLeave(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		a, b := w.Product(20000, 9), w.Product(10000, 9)
		p := w.approved(stock.Line{Variant: a, Quantity: 1}, stock.Line{Variant: b, Quantity: 2})
		total := int64(20000 + 2*10000 + 3900)
		o := w.OrderOf(p.ID)
		if p.State != checkout.Placed || p.Money != checkout.Reserved || o.IsPaid() || !o.DueAt.IsZero() || o.OCR != "" || o.Draft.Take != order.TakeShipped || w.intent(p).AuthUntil.IsZero() {
			t.Fatalf("%+v %+v", p, o)
		}
		if s := w.wordsOf(p); !strings.Contains(s, "Klarna har godkänt köpet. Pengarna dras när varorna skickas.") || betalt.MatchString(s) {
			t.Errorf("%s", s)
		}
		w.settle(p)
		if k, _ := w.agree(p); k.Captured != 0 || k.Remaining != total || k.Status != "AUTHORIZED" {
			t.Errorf("%+v", k)
		}
		// One of two pieces, and the delivery with it.
		w.ship(p, fulfilment.ShipLine{Line: o.Lines[1].ID, Quantity: 1})
		w.settle(p)
		k, o := w.agree(p)
		if k.Captured != 13900 || k.Status != "PART_CAPTURED" || o.Paid.Amount != 13900 || o.IsPaid() || w.purchase(p).Money != checkout.Taken {
			t.Errorf("%+v; to pay %v, paid %v", k, o.ToPay, o.Paid)
		}
		if s := w.wordsOf(p); betalt.MatchString(s) || !strings.Contains(s, "dragna") {
			t.Errorf("%s", s)
		}
		if n := w.jobs(checkout.JobReceipt, o.ID); n != 0 {
			t.Errorf("%d receipts before all was taken", n)
		}
		w.ship(p)
		w.settle(p)
		k, o = w.agree(p)
		if k.Captured != total || k.Status != "CAPTURED" || k.Captures != 2 || !o.IsPaid() {
			t.Errorf("%+v; to pay %v, paid %v", k, o.ToPay, o.Paid)
		}
		if n := w.jobs(checkout.JobReceipt, o.ID); n == 0 {
			t.Error("no receipt")
		}
		w.settle(p)
		if k, _ := w.agree(p); k.Captures != 2 {
			t.Errorf("%+v", k)
		}
	})
}

func TestReservedMoneyIsLetGo(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		a, b := w.Product(20000, 9), w.Product(10000, 9)
		p := w.approved(stock.Line{Variant: a, Quantity: 1}, stock.Line{Variant: b, Quantity: 1})
		w.cancel(p)
		w.settle(p)
		k, o := w.agree(p)
		if k.Status != "CANCELLED" || k.Captured != 0 || o.State != order.Cancelled || w.purchase(p).Money != checkout.NotMoved {
			t.Errorf("%+v; to pay %v, paid %v", k, o.ToPay, o.Paid)
		}
		if s := w.wordsOf(p); betalt.MatchString(s) || !strings.Contains(s, "Inga pengar har dragits") {
			t.Errorf("%s", s)
		}
		// A part was sent and taken; the rest is not wanted.
		p = w.approved(stock.Line{Variant: a, Quantity: 1}, stock.Line{Variant: b, Quantity: 1})
		o = w.OrderOf(p.ID)
		w.ship(p, fulfilment.ShipLine{Line: o.Lines[0].ID, Quantity: 1})
		w.settle(p)
		w.cancel(p)
		w.settle(p)
		k, o = w.agree(p)
		if k.Captured != 23900 || k.Remaining != 0 || !o.IsPaid() || o.ToPay.Amount != 23900 || w.jobs(checkout.JobReceipt, o.ID) == 0 {
			t.Errorf("%+v; to pay %v, paid %v", k, o.ToPay, o.Paid)
		}
	})
}

// What was sent and comes back is paid back, though the rest is still reserved.
func TestSentGoodsComeBackWhileTheRestIsReserved(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		a, b := w.Product(20000, 9), w.Product(30000, 9)
		p := w.approved(stock.Line{Variant: a, Quantity: 1}, stock.Line{Variant: b, Quantity: 1})
		o := w.OrderOf(p.ID)
		w.ship(p, fulfilment.ShipLine{Line: o.Lines[0].ID, Quantity: 1})
		w.settle(p)
		w.Do(func(tx *db.Tx) error {
			line := []fulfilment.ShipLine{{Line: o.Lines[0].ID, Quantity: 1}}
			r, err := returns.Withdraw(tx, shoptest.By, w.Vault, returns.Withdrawal{Order: o.ID, Name: "Åsa", Mail: "a@example.se", Lines: line, Lang: lang.SV})
			if err != nil {
				return err
			}
			if r, err = returns.Receive(tx, shoptest.By, r.ID, []returns.Arrival{{Line: line[0].Line, Quantity: 1, Condition: "new"}}); err != nil {
				return err
			}
			if r, err = returns.Accept(tx, shoptest.By, w.Vault, r.ID, returns.Verdict{Lines: []returns.Decision{{Line: line[0].Line, Accept: 1}}}); err != nil {
				return err
			}
			_, err = w.back.RefundReturn(tx, shoptest.By, r.ID, money.SEK(0), "")
			return err
		})
		w.settle(p)
		k, o := w.agree(p)
		if k.Captured != 23900 || k.Refunded != 20000 || k.Remaining != 30000 || o.ToPay.Amount != 53900 {
			t.Errorf("%+v; to pay %v, paid %v", k, o.ToPay, o.Paid)
		}
		w.ship(p)
		w.settle(p)
		if k, o = w.agree(p); k.Captured != 53900 || k.Refunded != 20000 || !o.IsPaid() {
			t.Errorf("%+v; to pay %v, paid %v", k, o.ToPay, o.Paid)
		}
	})
}

func TestReservedMoneyIsTakenAtOnce(t *testing.T) {
	eachLender(t, true, func(t *testing.T, w *lender) {
		a := w.Product(20000, 9)
		p := w.approved(stock.Line{Variant: a, Quantity: 1})
		if s := w.wordsOf(p); !strings.Contains(s, "Pengarna dras inom kort") || betalt.MatchString(s) {
			t.Errorf("%s", s)
		}
		w.settle(p)
		k, o := w.agree(p)
		if k.Captured != 23900 || k.Captures != 1 || !o.IsPaid() || w.jobs(checkout.JobReceipt, o.ID) == 0 {
			t.Errorf("%+v; to pay %v, paid %v", k, o.ToPay, o.Paid)
		}
		w.cancel(p)
		w.settle(p)
		if k, _ = w.agree(p); k.Refunded != 23900 || w.purchase(p).Money == checkout.Reserved {
			t.Errorf("%+v", k)
		}
		// Cancelled while Klarna was taking the money: what nobody owes any more goes back.
		p = w.approved(stock.Line{Variant: a, Quantity: 1})
		w.k.Set(paytest.Fault{LoseAfter: true, Writes: true})
		if _, err := w.Desk.TakeOnce(context.Background(), 32); err != nil {
			t.Fatal(err)
		}
		w.k.Set(paytest.Fault{})
		w.cancel(p)
		w.settle(p)
		if k, o = w.agree(p); k.Captured != 23900 || k.Refunded != 23900 || o.Paid.Amount != 0 {
			t.Errorf("%+v; paid %v", k, o.Paid)
		}
	})
}

// The answer to a capture is lost, in every way: it is taken once.
func TestCaptureWhoseAnswerIsLost(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		for _, f := range []paytest.Fault{{LoseAfter: true, Writes: true}, {LoseAfter: true}, {Garbage: true}, {Status: 503}, {Down: true}} {
			p := w.approved(stock.Line{Variant: w.Product(20000, 9), Quantity: 1})
			w.ship(p)
			w.k.Set(f)
			if err := w.Desk.SettleReserved(context.Background(), p.ID); err != nil {
				t.Fatal(err)
			}
			if n, err := w.Desk.TakeOnce(context.Background(), 32); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			if i := w.intent(p); i.Captured.Amount != 0 || i.Taking.Amount != 23900 {
				t.Errorf("%+v: %+v", f, i)
			}
			w.k.Set(paytest.Fault{})
			w.settle(p)
			if k, o := w.agree(p); k.Captured != 23900 || k.Captures != 1 || !o.IsPaid() {
				t.Errorf("%+v: %+v", f, k)
			}
		}
	})
}

// Approved in the moment in which the purchase is ended: it is an order after all.
func TestApprovedWhileThePurchaseEnds(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		p := w.begin(stock.Line{Variant: w.Product(20000, 9), Quantity: 1})
		w.k.BeforeDisable(func() { w.act(p, klarnasim.Accept) })
		p, err := w.Desk.Cancel(context.Background(), p.ID)
		if err != nil || p.State != checkout.Placed || p.Money != checkout.Reserved {
			t.Fatalf("%+v %v", p, err)
		}
		w.agree(p)
		// And a buyer who leaves, or whom Klarna declines, has no order, and owes nothing.
		for what, reason := range map[string]string{klarnasim.Leave: "cancelled", klarnasim.Decline: "declined", klarnasim.Suspect: "declined"} {
			p := w.begin(stock.Line{Variant: w.Product(20000, 9), Quantity: 1})
			w.act(p, what)
			if p = w.Until(p.ID, true, terminal); p.State != checkout.Refused || p.Reason != reason || p.Money != checkout.NotMoved {
				t.Errorf("%s: %+v", what, p)
			}
		}
	})
}

func TestReservationsEnd(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		ctx := context.Background()
		v := w.Product(20000, 9)
		p := w.approved(stock.Line{Variant: v, Quantity: 1})
		until := func(d time.Duration) {
			w.Do(func(tx *db.Tx) error { return payment.HeldUntil(tx, w.intent(p), time.Now().Add(d)) })
		}
		watch := func() checkout.Purchase {
			t.Helper()
			if err := w.Desk.WatchReservations(ctx); err != nil {
				t.Fatal(err)
			}
			return w.purchase(p)
		}
		if q := watch(); q.Alarm != "" {
			t.Errorf("%+v", q)
		}
		until(48 * time.Hour)
		if q := watch(); q.Alarm != checkout.AlarmEnding {
			t.Errorf("%+v", q)
		}
		// Sent in time, it is taken, and there is nothing to tell any more.
		w.ship(p)
		w.settle(p)
		if q := watch(); q.Alarm != "" {
			t.Errorf("%+v", q)
		}
		// Ours says that the time is over, Klarna that it is not: Klarna knows.
		p = w.approved(stock.Line{Variant: v, Quantity: 1})
		until(-time.Minute)
		if q := watch(); q.Alarm != "" || w.intent(p).AuthUntil.Before(time.Now().Add(24*time.Hour)) {
			t.Errorf("%+v %+v", q, w.intent(p))
		}
		w.k.Forward(29 * 24 * time.Hour)
		until(-time.Minute)
		if q := watch(); q.Alarm != checkout.AlarmReservation || q.Money != checkout.NotMoved || !w.intent(p).Takeable().IsZero() {
			t.Errorf("%+v %+v", q, w.intent(p))
		}
	})
}

// Whatever is sent, cancelled and withdrawn in whatever order, with answers lost in
// between: in the end the books agree, nothing is held, and the buyer has paid for what
// was sent.
func TestReservedMoneyInAnyOrder(t *testing.T) {
	eachLender(t, false, func(t *testing.T, w *lender) {
		seed := uint64(time.Now().UnixNano())
		rnd := rand.New(rand.NewPCG(seed, 1))
		vs := []db.ID{w.Product(10100, 1000), w.Product(3333, 1000), w.Product(49900, 1000)}
		for n := range 8 {
			var lines []stock.Line
			for _, v := range vs[:1+rnd.IntN(len(vs))] {
				lines = append(lines, stock.Line{Variant: v, Quantity: 1 + rnd.Int64N(3)})
			}
			p := w.approved(lines...)
			did := []string{}
			for range 12 {
				o := w.OrderOf(p.ID)
				if o.State != order.Placed {
					break
				}
				l := o.Lines[rnd.IntN(len(o.Lines))]
				if l.Open() == 0 {
					continue
				}
				one := fulfilment.ShipLine{Line: l.ID, Quantity: 1 + rnd.Int64N(l.Open())}
				switch rnd.IntN(6) {
				case 0, 1:
					did = append(did, fmt.Sprint("ship ", l.Position, " ", one.Quantity))
					w.ship(p, one)
				case 2:
					did = append(did, fmt.Sprint("cancel ", l.Position, " ", one.Quantity))
					w.cancel(p, one)
				case 3:
					did = append(did, "settle")
					w.settle(p)
				case 4:
					did = append(did, "lose")
					w.k.Set(paytest.Fault{LoseAfter: true, Writes: true})
					if err := w.Desk.SettleReserved(context.Background(), p.ID); err == nil {
						if _, err := w.Desk.TakeOnce(context.Background(), 32); err != nil {
							t.Fatal(err)
						}
					}
					w.k.Set(paytest.Fault{})
				}
			}
			if o := w.OrderOf(p.ID); o.State == order.Placed && !o.IsShipped() {
				if rnd.IntN(2) == 0 {
					w.ship(p)
				} else {
					w.cancel(p)
				}
			}
			w.settle(p)
			k, o := w.agree(p)
			sent := int64(0)
			for _, l := range o.Lines {
				if l.Quantity > 0 {
					sent += l.Shipped
				}
			}
			if k.Remaining != 0 || o.Paid.Amount-o.Refunded.Amount != o.ToPay.Amount && !(sent == 0 && o.ToPay.Amount == 0) || k.Captured-k.Refunded != o.Paid.Amount-o.Refunded.Amount || sent == 0 && k.Captured != k.Refunded || sent > 0 && k.Captured == k.Refunded {
				t.Fatalf("seed %d, purchase %d, %v:\n%+v\nto pay %v, paid %v, refunded %v, sent %d", seed, n, did, k, o.ToPay, o.Paid, o.Refunded, sent)
			}
		}
	})
}

// stranger answers about another payment than the one the buyer was led to.
type stranger struct {
	payment.Provider
	st payment.Status
}

func (s *stranger) Method() string { return "stranger" }

func (s *stranger) Credit() bool { return false }

func (s *stranger) Begin(_ context.Context, w payment.Start) (payment.Status, error) {
	s.st = payment.Status{Ref: "a", Reference: w.Reference, State: payment.Open, Amount: w.Amount, Captured: money.SEK(0), Refunded: money.SEK(0), Next: &payment.NextAction{Type: "redirect", URL: "https://bank.example/a"}}
	return s.st, nil
}

func (s *stranger) Look(context.Context, payment.Handle) (payment.Status, error) { return s.st, nil }

func TestAnswerAboutAnotherPayment(t *testing.T) {
	shoptest.Each(t, func(t *testing.T, w *shoptest.World) {
		s := &stranger{}
		w.Desk.Providers = append(w.Desk.Providers, s)
		ctx := context.Background()
		p, err := w.Desk.Begin(ctx, checkout.Request{Cart: w.Cart(stock.Line{Variant: w.Product(11900, 5), Quantity: 1}), Method: "stranger", Accept: true, Lang: lang.SV, Peer: "192.0.2.1"})
		if err != nil || p.State != checkout.Awaiting {
			t.Fatalf("%+v %v", p, err)
		}
		look := func(change func(st *payment.Status)) checkout.Purchase {
			t.Helper()
			keep := s.st
			defer func() { s.st = keep }()
			change(&s.st)
			p, err := w.Desk.Look(ctx, p.ID, "test")
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		for _, st := range []payment.State{payment.Open, payment.Processing, payment.Cancelled, payment.Refused, payment.Expired} {
			if p := look(func(x *payment.Status) {
				x.Ref, x.State, x.Next = "b", st, &payment.NextAction{Type: "redirect", URL: "https://bank.example/b"}
			}); p.State != checkout.Awaiting || p.NextURL != "https://bank.example/a" {
				t.Errorf("another payment is %s: %+v", st, p)
			}
		}
		// Its money is nothing that passes in silence.
		if p := look(func(x *payment.Status) { x.Ref, x.State, x.Captured = "b", payment.Captured, x.Amount }); p.State.Terminal() || p.Alarm != checkout.AlarmMismatch {
			t.Errorf("%+v", p)
		}
		// Ours, under the name that it has now.
		if p := look(func(x *payment.Status) {
			x.Ref, x.Was, x.State, x.Captured = "order-1", "a", payment.Captured, x.Amount
		}); p.State != checkout.Paid {
			t.Errorf("%+v", p)
		}
	})
}
