package checkout

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// Life is all that is known of one attempt to buy. It names nobody: who bought stands
// with the order.
type Life struct {
	Purchase Purchase
	Steps    []Step
	Intent   payment.Intent // of which ID is 0 when there is none
	Entries  []payment.Entry
	Tries    []payment.Try
	Calls    []payment.Call
	Events   []payment.Event
	Cases    []payment.Case
	Lines    []payment.BankLine
	Order    order.Order // of which ID is 0 when there is none
	Plan     []Planned
	Can      Can
}

// Planned is what the program will do by itself.
type Planned struct {
	What string // look, refund, capture, release, last_look
	At   time.Time
}

// Can is what a person may ask for as the purchase stands; rights apart.
type Can struct {
	Look, Cancel bool
	Capture      money.Money // at most so much; zero amount: no
	Refund       money.Money
}

// LifeOf reads the life of a purchase for staff. Faults: 403, 404.
func (d *Desk) LifeOf(q db.Q, by auth.By, id db.ID) (l Life, err error) {
	if err = by.Need(auth.OrdersRead); err != nil {
		return l, err
	}
	if l.Purchase, err = ByID(q, id); errors.Is(err, db.ErrNotFound) {
		return l, fault.NotFound()
	}
	if err != nil {
		return l, err
	}
	if l.Steps, err = Steps(q, id); err != nil {
		return l, err
	}
	if l.Cases, err = payment.CasesOf(q, id); err != nil {
		return l, err
	}
	if l.Purchase.Order > 0 {
		if l.Order, err = order.ByID(q, l.Purchase.Order); err != nil {
			return l, err
		}
		if l.Lines, err = payment.LinesOfOrder(q, l.Order.ID); err != nil {
			return l, err
		}
	}
	switch l.Intent, err = payment.OfPurchase(q, id); {
	case errors.Is(err, db.ErrNotFound):
		err = nil
	case err != nil:
		return l, err
	default:
		if l.Entries, err = payment.Entries(q, l.Intent.ID); err != nil {
			return l, err
		}
		if l.Tries, err = payment.TriesOf(q, l.Intent.ID); err != nil {
			return l, err
		}
		if l.Calls, err = payment.Calls(q, l.Intent.ID); err != nil {
			return l, err
		}
		if l.Events, err = payment.EventsOf(q, l.Intent); err != nil {
			return l, err
		}
	}
	l.plan()
	l.can(d)
	return l, err
}

func (l *Life) plan() {
	p := l.Purchase
	switch {
	case !p.CheckAt.IsZero() && !p.State.Terminal():
		l.Plan = append(l.Plan, Planned{"look", p.CheckAt})
	case !p.CheckAt.IsZero():
		l.Plan = append(l.Plan, Planned{"last_look", p.CheckAt})
	}
	for _, t := range l.Tries {
		if !t.Next.IsZero() {
			l.Plan = append(l.Plan, Planned{t.Kind, t.Next})
		}
	}
	if !l.Intent.AuthUntil.IsZero() && l.Intent.Takeable().Amount > 0 {
		l.Plan = append(l.Plan, Planned{"reservation_ends", l.Intent.AuthUntil})
	}
}

func (l *Life) can(d *Desk) {
	p, i := l.Purchase, l.Intent
	prov := d.provider(p.Method)
	zero := money.New(0, p.Total.Currency)
	l.Can = Can{Capture: zero, Refund: zero}
	if prov == nil || i.ID == 0 {
		return
	}
	l.Can.Look = i.Amount.Amount > 0 && p.Method != "invoice"
	l.Can.Cancel = !p.State.Terminal()
	if l.Order.ID == 0 {
		return // money without an order goes back by itself
	}
	l.Can.Refund = i.Refundable()
	if _, ok := prov.(payment.Capturer); ok {
		owed := l.Order.ToPay.Amount - l.Order.Paid.Amount - i.Taking.Amount
		l.Can.Capture = money.New(max(0, min(owed, i.Takeable().Amount)), i.Amount.Currency)
	}
}

// LookNow asks the provider because a person wants to know. The right is checked and
// the wish recorded before; the provider is asked in no transaction. Faults: 403, 404,
// 409 not_lookable, 422 field "note".
func (d *Desk) LookNow(ctx context.Context, by auth.By, id db.ID, note string) (Purchase, error) {
	_, err := auth.Act(ctx, d.DB, by, "purchase.look", "purchase", id, func(tx *db.Tx) (bool, error) {
		if err := by.Need(auth.JobsWrite); err != nil {
			return false, err
		}
		note, err := reasonGiven(note)
		if err != nil {
			return false, err
		}
		if _, err := ByID(tx, id); errors.Is(err, db.ErrNotFound) {
			return false, fault.NotFound()
		} else if err != nil {
			return false, err
		}
		return true, by.Record(tx, "purchase.look", "purchase", id, "", note)
	})
	if err != nil {
		return Purchase{}, err
	}
	return d.Look(ctx, id, "staff")
}

// CancelNow ends an open purchase because a person wants it; one that was paid after
// all comes back as paid. One whose provider will never know is over by the person's
// word, once the promised time is. Faults: 403, 404, 409 wrong_state, 422 field "note".
func (d *Desk) CancelNow(ctx context.Context, by auth.By, id db.ID, note string) (Purchase, error) {
	_, err := auth.Act(ctx, d.DB, by, "purchase.cancel", "purchase", id, func(tx *db.Tx) (bool, error) {
		if err := by.Need(auth.OrdersWrite); err != nil {
			return false, err
		}
		note, err := reasonGiven(note)
		if err != nil {
			return false, err
		}
		p, err := ByID(tx, id)
		if errors.Is(err, db.ErrNotFound) {
			return false, fault.NotFound()
		}
		if err != nil {
			return false, err
		}
		if p.State.Terminal() {
			return false, fault.Conflict("wrong_state")
		}
		return true, by.Record(tx, "purchase.cancel", "purchase", id, string(p.State), note)
	})
	if err != nil {
		return Purchase{}, err
	}
	return d.cancel(ctx, id, byStaff)
}

// CaptureNow asks for a part of what is reserved, or all that is owed, because a
// person wants it; the worker of captures asks the provider. whole: nothing more will
// be taken. Faults: 403; 404; 409 over_capture (more than is reserved, or than the
// order owes); 422 fields "amount", "note".
func (d *Desk) CaptureNow(tx *db.Tx, by auth.By, id db.ID, amount money.Money, whole bool, note string) error {
	if err := by.Need(auth.OrdersWrite); err != nil {
		return err
	}
	note, err := reasonGiven(note)
	if err != nil {
		return err
	}
	if err := tx.ExecOne(`UPDATE checkout_purchase SET version=version+1 WHERE id=$1`, id); errors.Is(err, db.ErrConflict) {
		return fault.NotFound()
	} else if err != nil {
		return err
	}
	l, err := d.LifeOf(tx, auth.System("checkout"), id)
	if err != nil {
		return err
	}
	if l.Can.Capture.Amount == 0 || amount.Currency == l.Can.Capture.Currency && amount.Amount > l.Can.Capture.Amount {
		return fault.Conflict("over_capture")
	}
	if _, err := payment.AskTake(tx, l.Intent, amount, whole, note); err != nil {
		return err
	}
	return by.Record(tx, "purchase.capture", "purchase", id, "", amount.String()+": "+note)
}

// UnknownMoney lists open purchases whose money is not known, the oldest first.
func UnknownMoney(q db.Q, by auth.By, n int) ([]Purchase, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	// By the index of what is under way, which is little, and put in order here.
	ps, err := db.All(q, func(r *db.Rows) (Purchase, error) { return scan(r) }, `SELECT `+cols+` FROM checkout_purchase WHERE is_open=1 AND money='unknown' ORDER BY cart_id LIMIT 1000`)
	slices.SortFunc(ps, func(a, b Purchase) int { return cmp.Compare(a.ID, b.ID) })
	return ps[:min(len(ps), n)], err
}

// Unsettled counts the money that is not settled, for the board and for the meters.
type Unsettled struct {
	Unknown  map[string]int64 // by age: hour, day, older
	Alarms   int64
	Refunds  int64
	Captures int64
	Reserved int64
	Cases    int64
	Lines    int64
	Overdue  int64 // invoices
}

// Count reads them.
func Count(q db.Q) (u Unsettled, err error) {
	u.Unknown = map[string]int64{"hour": 0, "day": 0, "older": 0}
	began, err := db.All(q, func(r *db.Rows) (t time.Time, err error) { err = r.Scan(&t); return }, `SELECT created_at FROM checkout_purchase WHERE is_open=1 AND money='unknown'`)
	if err != nil {
		return u, err
	}
	for _, t := range began {
		u.Unknown[age(q.Now().Sub(t))]++
	}
	if err = q.QueryRow(`SELECT count(*) FROM checkout_purchase WHERE alarm <> ''`).Scan(&u.Alarms); err != nil {
		return u, err
	}
	if u.Refunds, u.Captures, err = payment.CountTries(q); err != nil {
		return u, err
	}
	if u.Reserved, err = payment.CountReserved(q); err != nil {
		return u, err
	}
	if u.Cases, err = payment.CountCases(q); err != nil {
		return u, err
	}
	if u.Lines, err = payment.CountOpenLines(q); err != nil {
		return u, err
	}
	u.Overdue, err = order.CountOverdue(q)
	return u, err
}

func age(d time.Duration) string {
	switch {
	case d < time.Hour:
		return "hour"
	case d < 24*time.Hour:
		return "day"
	}
	return "older"
}
