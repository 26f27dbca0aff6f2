package checkout

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/money"
	"kassavalv/internal/proof"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/payment/invoice"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/stock"
)

// Alarms: why staff must look at a purchase.
const (
	AlarmMismatch = "amount_mismatch" // the provider's payment is not for what was frozen
	AlarmLate     = "late_money"      // money came after the end; it is being sent back
	AlarmGone     = "stock_gone"      // paid, but the goods were gone; it is being sent back
	AlarmSilent   = "provider_silent" // no answer by the promised time
)

// answer is what came of asking the provider.
type answer struct {
	st     payment.Status
	why    string       // for the step: begin, notification, rescuer, …
	timeUp bool         // the buyer's time is over
	ev     *event       // the notification that made us ask
	call   payment.Call // how the asking went; none when nobody was asked
	back   bool         // late money goes back whatever the rule: an order was tried and cannot be
}

// record writes what the provider said.
func (d *Desk) record(ctx context.Context, id db.ID, a answer) (Purchase, error) {
	d.at("before record")
	// The provider has spoken: that is kept, also when nobody waits for it any more.
	p, _, err := db.Write(context.WithoutCancel(ctx), d.DB, func(tx *db.Tx) (Purchase, error) {
		if a.ev != nil && !a.ev.hint.Unsigned {
			if _, err := payment.SeenEvent(tx, a.ev.method, a.ev.hint); err != nil {
				return Purchase{}, err
			}
		}
		return d.apply(tx, id, a)
	})
	if errors.Is(err, errNoOrder) {
		a.back = true
		return d.record(ctx, id, a)
	}
	d.at("after record")
	if p.State.Terminal() {
		d.at("after end")
	}
	return p, err
}

// apply is the one rule by which a purchase moves. It may be called with the
// same or an older answer any number of times: the states only go forward, and
// each piece of money is entered once.
func (d *Desk) apply(tx *db.Tx, id db.ID, a answer) (Purchase, error) {
	st, why := a.st, a.why
	// Bump the root row first: on PostgreSQL two answers take turns here.
	if err := tx.ExecOne(`UPDATE checkout_purchase SET version=version+1 WHERE id=$1`, id); err != nil {
		return Purchase{}, err
	}
	p, err := ByID(tx, id)
	if err != nil {
		return Purchase{}, err
	}
	i, err := payment.OfPurchase(tx, id)
	if err != nil {
		return Purchase{}, err
	}
	if err := payment.Spoke(tx, i.ID, a.call); err != nil {
		return Purchase{}, err
	}
	if st.State == payment.Absent {
		if p.State.Terminal() {
			return p, d.late(tx, &p, i, a) // never there, and over: not asked about for ever
		}
		return p, d.later(tx, &p, why)
	}
	paidish := st.State == payment.Captured || st.State == payment.Authorised
	if st.Reference == i.Reference && st.Ref != "" {
		err := payment.Bind(tx, i.ID, st.Ref, st.Was)
		if errors.Is(err, db.ErrConflict) && !paidish && st.Captured.Amount == 0 {
			// About another payment than the one the buyer was led to: a second call that
			// was begun while the first was slow. Its page is shown to nobody, and that it
			// is open or over says nothing about ours.
			if p.State.Terminal() {
				p.CheckAt = time.Time{}
				return p, d.save(tx, &p)
			}
			return p, d.later(tx, &p, why)
		}
		if err != nil && !errors.Is(err, db.ErrConflict) {
			return Purchase{}, err
		}
	}
	// Only whole and exact payments count, in the mode we run in.
	fits := i.Match
	if i.Authorised.Amount > 0 {
		fits = i.Same // a part of it may have been taken
	}
	if (paidish || st.Captured.Amount > 0) && !fits(st, d.Live) && !proof.Broken("match") {
		if err := raise(tx, &p, AlarmMismatch); err != nil {
			return Purchase{}, err
		}
		p.Code = st.Code
		if !p.State.Terminal() {
			p.Money = Unsure
			if i.Owed(st, d.Live) && p.AnswerBy.Before(tx.Now()) {
				return p, d.wrongSum(tx, &p, i, st)
			}
			if p.State != Unknown && p.State.can(Unknown) {
				return p, d.move(tx, &p, Unknown, AlarmMismatch)
			}
		}
		return p, d.save(tx, &p)
	}
	if p.State.Terminal() && !proof.Broken("double") {
		return p, d.late(tx, &p, i, a)
	}
	p.Code = st.Code
	if !st.State.Final() && st.State != payment.Authorised && p.Alarm == "" && p.AnswerBy.Before(tx.Now()) {
		// The provider answers, and does not know: Swish after a time-out at the banks.
		if err := raise(tx, &p, AlarmSilent); err != nil {
			return Purchase{}, err
		}
	}
	switch st.State {
	case payment.Captured:
		if st.Captured.Amount > 0 {
			if _, err := payment.Capture(tx, i, st.Captured, "capture"); err != nil {
				return Purchase{}, err
			}
		}
		return p, d.place(tx, &p, i, st.Captured, Paid, why)
	case payment.Authorised:
		if _, later := d.provider(p.Method).(payment.Capturer); later {
			if err := payment.Authorise(tx, i, st.AuthUntil); err != nil {
				return Purchase{}, err
			}
			i.Authorised = i.Amount
		}
		return p, d.place(tx, &p, i, money.New(0, p.Total.Currency), Placed, why)
	case payment.Refused:
		p.Reason = string(st.Reason)
		return p, d.end(tx, &p, Refused, why)
	case payment.Cancelled, payment.Expired:
		if a.timeUp || st.State == payment.Expired {
			p.Reason = string(payment.TimedOut)
			return p, d.end(tx, &p, Expired, why)
		}
		if p.Reason != ReasonMoved {
			p.Reason = string(payment.BuyerLeft)
		}
		return p, d.end(tx, &p, Refused, why)
	case payment.Open:
		p.Money = NotMoved
		if st.Next != nil {
			p.NextType, p.NextURL = st.Next.Type, st.Next.URL
		}
		if !st.Until.IsZero() && st.Until.Before(p.HoldUntil) {
			p.HoldUntil = st.Until // what the page promises is what the provider keeps
		}
		if p.State.can(Awaiting) {
			return p, d.move(tx, &p, Awaiting, why)
		}
	case payment.Processing:
		p.Money = Unsure
		if p.State.can(Processing) {
			return p, d.move(tx, &p, Processing, why)
		}
	}
	return p, d.later(tx, &p, why)
}

// wrongSum ends a purchase for which the provider has, to the promised time and against
// what was asked, taken another sum than was frozen: all of it goes back.
func (d *Desk) wrongSum(tx *db.Tx, p *Purchase, i payment.Intent, st payment.Status) error {
	fresh, err := payment.Capture(tx, i, st.Captured, "capture")
	if err != nil || !fresh {
		return err
	}
	i.Captured = st.Captured
	if _, err := payment.AskRefund(tx, i, st.Captured, AlarmMismatch); err != nil {
		return err
	}
	p.Money, p.Reason = Taken, AlarmMismatch
	return d.end(tx, p, Refused, AlarmMismatch)
}

// place makes the order of a purchase whose payment stands.
func (d *Desk) place(tx *db.Tx, p *Purchase, i payment.Intent, paid money.Money, to State, why string) error {
	ok, err := giftsHeld(tx, p)
	if err != nil {
		return err
	}
	if ok {
		if ok, err = stock.Allocate(tx, p.ID); err != nil {
			return err
		}
	}
	p.Money = moved(i, paid)
	if !ok {
		// The hold was let go while the bank was thinking, and it never is while
		// a purchase is open. Should it happen all the same, the money goes back.
		if paid.Amount > 0 {
			if _, err := payment.AskRefund(tx, i, paid, AlarmGone); err != nil {
				return err
			}
		}
		if i.Authorised.Amount > 0 {
			if err := d.settleLater(tx, p.ID); err != nil {
				return err
			}
		}
		if err := raise(tx, p, AlarmGone); err != nil {
			return err
		}
		p.Reason = AlarmGone
		return d.end(tx, p, Refused, AlarmGone)
	}
	o, err := d.order(tx, p, i, paid, to == Placed)
	if err != nil {
		return err
	}
	p.CheckAt = time.Time{}
	if err := d.move(tx, p, to, why); err != nil {
		return err
	}
	// Last of all, as DECISIONS asks: the shared counters.
	return order.Draw(tx, d.Vault, &o)
}

// moved is what money has done when an order is made.
func moved(i payment.Intent, paid money.Money) Money {
	switch {
	case paid.Amount > 0:
		return Taken
	case i.Authorised.Amount > 0:
		return Reserved
	}
	return NotMoved
}

// order makes the order of a purchase whose goods are allocated; its number is to be
// drawn last.
func (d *Desk) order(tx *db.Tx, p *Purchase, i payment.Intent, paid money.Money, later bool) (order.Order, error) {
	contact, err := secret.OpenJSON[order.Contact](d.Vault, tx, p.Person, fieldContact, p.ID, p.contact)
	if err != nil {
		return order.Order{}, err
	}
	who, err := d.customer(tx, p.Person, contact)
	if err != nil {
		return order.Order{}, err
	}
	o, err := order.Place(tx, d.Vault, order.Placement{Purchase: p.ID, Person: p.Person, Customer: who, Draft: p.Draft, Contact: contact, Paid: paid,
		OCR: later && i.Authorised.Amount == 0, DueDays: invoice.DueDays})
	if err != nil {
		return order.Order{}, err
	}
	p.Order, p.Reason = o.ID, ""
	if err := d.gifts(tx, p, o, !later); err != nil {
		return order.Order{}, err
	}
	if err := cart.Became(tx, p.Cart, p.ID); err != nil {
		return order.Order{}, err
	}
	if proof.Broken("outbox") {
		tx.AfterCommit(func() { time.AfterFunc(time.Second, func() { d.tellLater(o.ID) }) })
	} else if _, err := job.Enqueue(tx, job.Spec{Kind: JobPlaced, Ref: o.ID}); err != nil {
		return order.Order{}, err
	}
	if p.Draft.Take == order.TakePlaced && i.Authorised.Amount > 0 {
		if _, err := payment.AskTake(tx, i, i.Amount, true, "placed"); err != nil {
			return order.Order{}, err
		}
	}
	return o, nil
}

// end lets go of what the purchase claimed.
func (d *Desk) end(tx *db.Tx, p *Purchase, to State, why string) error {
	if err := stock.Release(tx, p.ID); err != nil {
		return err
	}
	if err := pricing.Release(tx, p.ID); err != nil {
		return err
	}
	if err := giftcard.Release(tx, p.ID); err != nil {
		return err
	}
	if p.Alarm == "" || p.Alarm == AlarmSilent {
		p.Money = NotMoved // the provider has said so
	}
	p.NextType, p.NextURL = "", ""
	p.CheckAt = time.Time{}
	if to == Expired {
		// One more look later: money can arrive after the end, and then goes back.
		p.CheckAt = tx.Now().Add(lateChecks[0])
		p.Checks = 0
	}
	if err := d.move(tx, p, to, why); err != nil {
		return err
	}
	_, err := job.Enqueue(tx, job.Spec{Kind: JobUnpaid, Ref: p.ID})
	return err
}

// lateChecks are the times between looks after the provider has confirmed the end. Each
// look that is claimed counts.
var lateChecks = []time.Duration{2 * time.Minute, 20 * time.Minute, 3 * time.Hour, 24 * time.Hour}

// late handles answers about a purchase that is over.
func (d *Desk) late(tx *db.Tx, p *Purchase, i payment.Intent, a answer) error {
	st := a.st
	switch {
	case st.State == payment.Captured && st.Captured.Amount == 0: // there was nothing to pay
	case (p.State == Refused || p.State == Expired) && st.State == payment.Captured && !proof.Broken("late"):
		fresh, err := payment.Capture(tx, i, st.Captured, "capture")
		if err != nil {
			return err
		}
		if fresh {
			i.Captured = st.Captured
			if o, err := d.revive(tx, p, i, a); err != nil || o != nil {
				if err != nil {
					return err
				}
				p.CheckAt = time.Time{}
				if err := d.save(tx, p); err != nil {
					return err
				}
				return order.Draw(tx, d.Vault, o)
			}
			if _, err := payment.AskRefund(tx, i, st.Captured, AlarmLate); err != nil {
				return err
			}
			p.Money = Taken
			if err := raise(tx, p, AlarmLate); err != nil {
				return err
			}
			if err := step(tx, p.ID, p.State, AlarmLate); err != nil {
				return err
			}
		}
	case (p.State == Refused || p.State == Expired) && st.State == payment.Authorised:
		// Reserved after the end, for nothing: it is let go.
		if i.Authorised.Amount == 0 {
			if err := payment.Authorise(tx, i, st.AuthUntil); err != nil {
				return err
			}
			p.Money = Reserved
			if err := raise(tx, p, AlarmLate); err != nil {
				return err
			}
			if err := step(tx, p.ID, p.State, AlarmLate); err != nil {
				return err
			}
		}
		if err := d.settleLater(tx, p.ID); err != nil {
			return err
		}
	case i.Authorised.Amount > 0:
		if err := d.reserved(tx, p, i, st); err != nil {
			return err
		}
	}
	p.CheckAt = time.Time{}
	if p.State == Expired && p.Money == NotMoved && p.Checks < int64(len(lateChecks)) {
		p.CheckAt = tx.Now().Add(lateChecks[p.Checks])
	}
	return d.save(tx, p)
}

// move writes a transition with its step; the caller knows that it is allowed.
func (d *Desk) move(tx *db.Tx, p *Purchase, to State, why string) error {
	if !p.State.can(to) {
		return errors.New("checkout: no transition from " + string(p.State) + " to " + string(to))
	}
	p.State = to
	if !to.Terminal() {
		d.schedule(tx, p)
	}
	if err := step(tx, p.ID, to, why); err != nil {
		return err
	}
	return d.save(tx, p)
}

// later leaves the state and asks again after a while.
func (d *Desk) later(tx *db.Tx, p *Purchase, why string) error {
	d.schedule(tx, p)
	return d.save(tx, p)
}

// schedule sets the next look-up: quick at first, then less often; never past
// the end of the hold while the buyer is away at the bank.
func (d *Desk) schedule(tx *db.Tx, p *Purchase) {
	wait := d.Times.Check << min(p.Checks, 10)
	if wait > d.Times.CheckMax {
		wait = d.Times.CheckMax
	}
	p.CheckAt = tx.Now().Add(wait)
	if p.CheckAt.After(p.HoldUntil) && tx.Now().Before(p.HoldUntil) {
		p.CheckAt = p.HoldUntil
	}
}

func (d *Desk) save(tx *db.Tx, p *Purchase) error {
	p.Changed = tx.Now()
	var ord any
	if p.Order > 0 {
		ord = p.Order
	}
	if err := tx.ExecOne(`UPDATE checkout_purchase SET state=$2, is_open=$3, money=$4, reason=$5, code=$6, next_type=$7, next_url=$8, order_id=$9, alarm=$10, check_at=$11, checks=$12, changed_at=$13, hold_until=$14 WHERE id=$1`,
		p.ID, string(p.State), !p.State.Terminal(), string(p.Money), p.Reason, p.Code, p.NextType, p.NextURL, ord, p.Alarm, p.CheckAt, p.Checks, tx.Now(), p.HoldUntil); err != nil {
		return err
	}
	return tx.Changed("purchase", p.ID)
}

// MoneyReturned tells a purchase that all its money has gone back; the worker
// of refunds queues it.
func (d *Desk) MoneyReturned(ctx context.Context, id db.ID) error {
	return db.Do(ctx, d.DB, func(tx *db.Tx) error {
		i, err := payment.OfPurchase(tx, id)
		if err != nil {
			return err
		}
		if i.Captured.Amount == 0 || i.Refunded.Amount < i.Captured.Amount {
			return nil
		}
		if _, err := tx.Exec(`UPDATE checkout_purchase SET money='returned', changed_at=$2 WHERE id=$1 AND money <> 'returned'`, id, tx.Now()); err != nil {
			return err
		}
		return tx.Changed("purchase", id)
	})
}

// tellLater queues what tells of an order in a transaction of its own: what place must
// not do, and does only in a program that is broken on purpose.
func (d *Desk) tellLater(o db.ID) {
	db.Do(context.Background(), d.DB, func(tx *db.Tx) error {
		_, err := job.Enqueue(tx, job.Spec{Kind: JobPlaced, Ref: o})
		return err
	})
}
