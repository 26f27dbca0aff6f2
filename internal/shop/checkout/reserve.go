package checkout

import (
	"context"
	"errors"
	"sync"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/money"
	"kassavalv/internal/proof"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// JobReserved looks whether reserved money is to be taken or let go; Ref is the
// purchase. fulfilment queues it under the same name when pieces leave or are cancelled.
const JobReserved = "checkout.reserved"

// Alarms of reserved money.
const (
	AlarmReservation = "reservation_gone" // what was reserved ended before it was taken
	AlarmTake        = "capture_refused"  // the provider will not take what was reserved
	AlarmEnding      = "reservation_ends" // what is reserved ends soon, and is not taken
)

func (d *Desk) settleLater(tx *db.Tx, purchase db.ID) error {
	_, err := job.Enqueue(tx, job.Spec{Kind: JobReserved, Ref: purchase})
	return err
}

// reserved reads an answer about money that was authorised: what was taken at the
// provider behind our back is entered, and a reservation that is gone is told.
func (d *Desk) reserved(tx *db.Tx, p *Purchase, i payment.Intent, st payment.Status) error {
	if more := st.Captured.Amount - i.Captured.Amount; more > 0 && i.Taking.Amount == 0 && i.Takeable().Amount >= more {
		took := money.New(more, i.Amount.Currency)
		fresh, err := payment.Capture(tx, i, took, "elsewhere-"+tx.NewID().String())
		if err != nil || !fresh {
			return err
		}
		return d.came(tx, p, i, took)
	}
	if st.State == payment.Authorised && !st.AuthUntil.IsZero() && !i.AuthUntil.IsZero() && !st.AuthUntil.Equal(i.AuthUntil) {
		if err := payment.HeldUntil(tx, i, st.AuthUntil); err != nil {
			return err
		}
	}
	over := st.State == payment.Cancelled || st.State == payment.Expired || st.State == payment.Refused
	if over && p.Order > 0 && i.Takeable().Amount > 0 && i.Taking.Amount == 0 {
		if err := payment.Unauthorise(tx, i.ID); err != nil {
			return err
		}
		if p.Money == Reserved {
			p.Money = NotMoved
		}
		o, err := order.ByID(tx, p.Order)
		if err != nil {
			return err
		}
		if o.State == order.Cancelled || o.ToPay.Amount <= o.Paid.Amount {
			return nil // let go on purpose
		}
		return raise(tx, p, AlarmReservation)
	}
	return nil
}

// came enters captured money on the order: what it owes, and the rest goes back. The
// order may have become smaller while the provider was taking the money.
func (d *Desk) came(tx *db.Tx, p *Purchase, i payment.Intent, took money.Money) error {
	p.Money = Taken
	if p.Order == 0 {
		_, err := payment.AskRefund(tx, i, took, AlarmLate)
		return err
	}
	if err := order.Touch(tx, p.Order); err != nil {
		return err
	}
	o, err := order.ByID(tx, p.Order)
	if err != nil {
		return err
	}
	owed := min(took.Amount, max(0, o.ToPay.Amount-o.Paid.Amount))
	if owed > 0 {
		if err := order.Paid(tx, o.ID, money.New(owed, took.Currency)); err != nil {
			return err
		}
		if o.Paid.Amount+owed >= o.ToPay.Amount {
			if err := receipt(tx, o.ID); err != nil {
				return err
			}
		}
	}
	if rest := took.Amount - owed; rest > 0 {
		if _, err := payment.AskRefund(tx, i, money.New(rest, took.Currency), payment.Surplus); err != nil {
			return err
		}
	}
	return nil
}

// JobReceipt sends the receipt of an order whose reserved money has been taken; Ref is the
// order. It is sent once, however often it is queued.
const JobReceipt = "notice.receipt"

func receipt(tx *db.Tx, o db.ID) error {
	_, err := job.Enqueue(tx, job.Spec{Kind: JobReceipt, Ref: o})
	return err
}

// dueNow is how much of an order's reserved money may be taken: the worth of what has
// left the house, with the delivery, and all that is owed when nothing is left to send.
// whole says that no more will follow.
func dueNow(o order.Order) (amount int64, whole bool) {
	open, gone := int64(0), int64(0)
	worth := int64(0)
	for _, l := range o.Lines {
		sent, left := l.Shipped, l.Open()
		if l.Kind == order.KindGiftCard { // a card is handed over when it is paid
			sent, left = sent+left, 0
		}
		open += left
		gone += sent
		if l.Quantity > 0 {
			worth += (l.Total.Amount - l.Discount) * sent / l.Quantity
		}
	}
	owed := o.ToPay.Amount
	switch {
	case open == 0:
		return owed, true
	case gone == 0:
		return 0, false
	}
	return min(owed, worth+o.Draft.Delivery.Amount), false
}

// SettleReserved brings a purchase's reserved money to where its order stands: takes
// what is due, lets the rest go when nothing will follow. Any number of times.
func (d *Desk) SettleReserved(ctx context.Context, id db.ID) error {
	type found struct {
		p Purchase
		i payment.Intent
		o order.Order
	}
	f, err := db.Read(ctx, d.DB, func(q *db.Reader) (f found, err error) {
		if f.p, err = ByID(q, id); err != nil {
			return
		}
		if f.i, err = payment.OfPurchase(q, id); err != nil || f.p.Order == 0 {
			return
		}
		f.o, err = order.ByID(q, f.p.Order)
		return
	})
	if err != nil || f.i.Takeable().Amount == 0 {
		return err
	}
	due, whole := int64(0), true
	if f.p.Order != 0 && f.o.State != order.Cancelled {
		due, whole = dueNow(f.o)
	}
	if due -= f.i.Captured.Amount + f.i.Taking.Amount; due > 0 {
		if one, ok := d.provider(f.p.Method).(payment.OneTaker); ok && one.OneTake() && !whole {
			return nil // only once: when all has left
		}
		_, _, err := db.Write(ctx, d.DB, func(tx *db.Tx) (db.ID, error) {
			i, err := payment.OfPurchase(tx, id)
			if err != nil || i.Captured != f.i.Captured || i.Taking != f.i.Taking {
				return 0, err // somebody was quicker; the end of that capture asks again
			}
			return payment.AskTake(tx, i, money.New(min(due, i.Takeable().Amount), i.Amount.Currency), whole, "shipped")
		})
		if fault.Is(err, "over_capture") {
			return nil
		}
		return err
	}
	if !whole || f.i.Taking.Amount > 0 {
		return nil
	}
	prov := d.provider(f.p.Method)
	if prov == nil {
		return errors.New("checkout: purchase " + id.String() + " was made with a method that is gone")
	}
	cctx, cancel := context.WithTimeout(ctx, d.Times.Call)
	defer cancel()
	call := payment.NewCall("cancel")
	st, err := prov.Cancel(cctx, f.i.Handle())
	call = call.Ended(st.State, st.Code, err)
	if err != nil {
		d.mute(ctx, id, call)
		return err // the job tries again
	}
	return db.Do(ctx, d.DB, func(tx *db.Tx) error {
		if err := payment.Spoke(tx, f.i.ID, call); err != nil {
			return err
		}
		i, err := payment.OfPurchase(tx, id)
		if err != nil || i.Taking.Amount > 0 {
			return err
		}
		if err := payment.Unauthorise(tx, i.ID); err != nil {
			return err
		}
		if f.p.Order != 0 && i.Captured.Amount > 0 && f.o.IsPaid() && f.o.Paid.Amount > 0 {
			// The rest was not wanted any more: with it, all that is owed has been taken.
			if err := receipt(tx, f.p.Order); err != nil {
				return err
			}
		}
		if i.Captured.Amount == 0 {
			if _, err := tx.Exec(`UPDATE checkout_purchase SET money='no', changed_at=$2, version=version+1 WHERE id=$1 AND money='reserved'`, id, tx.Now()); err != nil {
				return err
			}
		}
		return tx.Changed("purchase", id)
	})
}

// endsSoon is how long before a reservation ends staff are told.
const endsSoon = 72 * time.Hour

// RunReservations watches the ends of reservations until ctx ends.
func (d *Desk) RunReservations(ctx context.Context) {
	tick := time.NewTicker(5 * time.Minute)
	defer tick.Stop()
	for {
		if err := d.WatchReservations(ctx); err != nil && ctx.Err() == nil {
			d.Log.Error("reservations", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// WatchReservations tells staff of money that will soon not be reserved any more, and asks
// the provider about reservations whose time is over.
func (d *Desk) WatchReservations(ctx context.Context) error {
	soon, err := db.Read(ctx, d.DB, func(q *db.Reader) ([]payment.Intent, error) {
		return payment.ReservedUntil(q, q.Now().Add(endsSoon), 200)
	})
	if err != nil {
		return err
	}
	for _, i := range soon {
		if i.AuthUntil.Before(time.Now()) {
			if _, err := d.Look(ctx, i.Purchase, "reservation ended"); err != nil {
				d.Log.Warn("a reservation that ended is not looked up", "purchase", i.Purchase, "err", err)
			}
			continue
		}
		if err := d.endsSoon(ctx, i.Purchase); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) endsSoon(ctx context.Context, id db.ID) error {
	p, err := d.get(ctx, id)
	if err != nil || p.Alarm != "" || p.Order == 0 {
		return err
	}
	return db.Do(ctx, d.DB, func(tx *db.Tx) error {
		if err := tx.ExecOne(`UPDATE checkout_purchase SET version=version+1 WHERE id=$1`, id); err != nil {
			return err
		}
		p, err := ByID(tx, id)
		if err != nil || p.Alarm != "" {
			return err
		}
		if err := raise(tx, &p, AlarmEnding); err != nil {
			return err
		}
		return d.save(tx, &p)
	})
}

// takeCall is shorter than the 15 s for which payment.DueTakes claims a capture.
const takeCall = 12 * time.Second

// RunTakes carries captures out as they fall due, until ctx ends.
func (d *Desk) RunTakes(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := d.TakeOnce(ctx, 32)
		if err != nil && ctx.Err() == nil {
			d.Log.Error("captures", "err", err)
		}
		if n == 32 && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// TakeOnce claims at most n captures and carries them out; it returns how many it claimed.
func (d *Desk) TakeOnce(ctx context.Context, n int) (int, error) {
	due, err := db.Read(ctx, d.DB, func(q *db.Reader) (bool, error) { return payment.TakesDue(q) })
	if err != nil || !due {
		return 0, err
	}
	rows, _, err := db.Write(ctx, d.DB, func(tx *db.Tx) ([]payment.TakeRow, error) { return payment.DueTakes(tx, n) })
	if err != nil {
		return 0, err
	}
	var wg sync.WaitGroup
	sem := make(chan struct{}, 8)
	for _, x := range rows {
		sem <- struct{}{}
		wg.Go(func() {
			defer func() { <-sem }()
			if err := d.take(ctx, x); err != nil && ctx.Err() == nil {
				d.Log.Warn("a capture waits", "capture", x.ID, "attempt", x.Attempts, "err", err)
			}
		})
	}
	wg.Wait()
	return len(rows), nil
}

func (d *Desk) take(ctx context.Context, x payment.TakeRow) error {
	if !payment.Turn(x.Attempts) {
		return nil
	}
	type found struct {
		i payment.Intent
		p Purchase
	}
	f, err := db.Read(ctx, d.DB, func(q *db.Reader) (f found, err error) {
		if f.i, err = payment.IntentByID(q, x.Intent); err == nil {
			f.p, err = ByID(q, f.i.Purchase)
		}
		return
	})
	if err != nil {
		return err
	}
	prov, ok := d.provider(f.i.Method).(payment.Capturer)
	if !ok {
		return errors.New("checkout: the way to pay of capture " + x.ID.String() + " is gone")
	}
	d.at("capture claimed")
	cctx, cancel := context.WithTimeout(ctx, takeCall)
	defer cancel()
	t := payment.Take{Key: proof.Spoil("capturekey", x.Key), Ref: f.i.ProviderRef, Reference: f.i.Reference, Amount: x.Amount, Whole: x.Whole}
	if x.Amount.Equal(f.i.Amount) {
		t.Lines = payLines(f.p.Draft)
	}
	call := payment.NewCall("capture")
	s, err := prov.Capture(cctx, t)
	call = call.EndedMove(s, err)
	d.heard(f.i.Method, err)
	d.at("capture asked")
	if err != nil || !s.Done && !s.Refused {
		d.mute(ctx, f.p.ID, call)
		return err
	}
	return db.Do(context.WithoutCancel(ctx), d.DB, func(tx *db.Tx) error {
		if err := tx.ExecOne(`UPDATE checkout_purchase SET version=version+1 WHERE id=$1`, f.p.ID); err != nil {
			return err
		}
		if err := payment.Spoke(tx, x.Intent, call); err != nil {
			return err
		}
		first, err := payment.FinishTake(tx, x, s)
		if err != nil || !first {
			return err
		}
		p, err := ByID(tx, f.p.ID)
		if err != nil {
			return err
		}
		i, err := payment.IntentByID(tx, x.Intent)
		if err != nil {
			return err
		}
		if s.Refused {
			if err := raise(tx, &p, AlarmTake); err != nil {
				return err
			}
			return d.save(tx, &p)
		}
		if err := d.came(tx, &p, i, x.Amount); err != nil {
			return err
		}
		if p.Alarm == AlarmEnding && i.Takeable().Amount == 0 {
			if err := raise(tx, &p, ""); err != nil {
				return err
			}
		}
		if err := d.save(tx, &p); err != nil {
			return err
		}
		return d.settleLater(tx, p.ID) // the order may have moved on meanwhile
	})
}
