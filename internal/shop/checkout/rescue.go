package checkout

import (
	"context"
	"errors"
	"sync"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/proof"
	"kassavalv/internal/shop/payment"
)

// Look asks the provider about a purchase now: the buyer came back, a page
// polls, staff press the button. An unreachable provider is no error here: the
// purchase tells that it is being looked up.
func (d *Desk) Look(ctx context.Context, id db.ID, why string) (Purchase, error) {
	p, err := d.look(ctx, id, why, nil)
	if err != nil && errors.Is(err, payment.ErrUnknown) {
		return d.get(ctx, id)
	}
	return p, err
}

func (d *Desk) get(ctx context.Context, id db.ID) (Purchase, error) {
	return db.Read(context.WithoutCancel(ctx), d.DB, func(q *db.Reader) (Purchase, error) { return ByID(q, id) })
}

// look joins look-ups of one purchase that run at once, and records the answer. Who
// joined one that had begun before may have been answered with what was true before the
// buyer acted, and asks once more.
func (d *Desk) look(ctx context.Context, id db.ID, why string, ev *event) (p Purchase, err error) {
	if a := d.shut(); a != nil { // who notifies does so again
		return p, a
	}
	for range 2 {
		mine := false
		v, e, _ := d.flight.Do(id.String(), func() (any, error) {
			mine = true
			cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.Times.Call)
			defer cancel()
			return d.lookOnce(cctx, id, why, ev)
		})
		p, _ = v.(Purchase)
		if err = e; mine || err != nil || p.State.Terminal() {
			break
		}
	}
	return p, err
}

func (d *Desk) lookOnce(ctx context.Context, id db.ID, why string, ev *event) (Purchase, error) {
	type both struct {
		p Purchase
		i payment.Intent
	}
	b, err := db.Read(ctx, d.DB, func(q *db.Reader) (b both, err error) {
		if b.p, err = ByID(q, id); err == nil {
			b.i, err = payment.OfPurchase(q, id)
		}
		return
	})
	if err != nil {
		return Purchase{}, err
	}
	if b.i.Amount.Amount == 0 { // nobody knows of it but us
		if b.p.State.Terminal() {
			return b.p, nil
		}
		return d.ask(ctx, b.p, b.i)
	}
	prov := d.provider(b.p.Method)
	if prov == nil {
		return b.p, errors.New("checkout: purchase " + id.String() + " was made with a method that is gone")
	}
	d.at("before look")
	call := payment.NewCall("look")
	st, err := prov.Look(ctx, b.i.Handle())
	call = call.Ended(st.State, st.Code, err)
	d.heard(b.p.Method, err)
	if err != nil {
		return d.silent(ctx, id, call, err)
	}
	if proof.Broken("look") && ev != nil {
		st.State, st.Captured = payment.Captured, st.Amount
	}
	if b.p.State.Terminal() {
		return d.record(ctx, id, answer{st: st, why: why, ev: ev, call: call})
	}
	now := time.Now()
	switch {
	case st.State == payment.Absent && now.Before(b.p.HoldUntil):
		// The provider never heard of it: the first call was lost. Ask again
		// with the same key.
		return d.ask(ctx, b.p, b.i)
	case st.State == payment.Absent:
		st = payment.Status{Reference: b.i.Reference, State: payment.Expired}
		return d.record(ctx, id, answer{st: st, why: "never reached the provider", timeUp: true, ev: ev, call: call})
	case st.State == payment.Open && !now.Before(b.p.HoldUntil):
		// Time is up. Only the provider can say that it is over.
		call = payment.NewCall("cancel")
		st, err = prov.Cancel(ctx, b.i.Handle())
		call = call.Ended(st.State, st.Code, err)
		if err != nil {
			return d.silent(ctx, id, call, err)
		}
		return d.record(ctx, id, answer{st: st, why: "time is up", timeUp: true, ev: ev, call: call})
	}
	return d.record(ctx, id, answer{st: st, why: why, ev: ev, call: call})
}

// silent notes that the provider did not answer. Once the buyer may have been
// there, that means unknown.
func (d *Desk) silent(ctx context.Context, id db.ID, call payment.Call, cause error) (Purchase, error) {
	p, _, err := db.Write(context.WithoutCancel(ctx), d.DB, func(tx *db.Tx) (Purchase, error) {
		if err := tx.ExecOne(`UPDATE checkout_purchase SET version=version+1 WHERE id=$1`, id); err != nil {
			return Purchase{}, err
		}
		p, err := ByID(tx, id)
		if err != nil {
			return p, err
		}
		i, err := payment.OfPurchase(tx, id)
		if err != nil {
			return p, err
		}
		if err := payment.Spoke(tx, i.ID, call); err != nil || p.State.Terminal() {
			return p, err
		}
		if p.AnswerBy.Before(tx.Now()) && p.Alarm == "" {
			if err := raise(tx, &p, AlarmSilent); err != nil {
				return p, err
			}
		}
		if (p.State == Awaiting || p.State == Processing) && p.State.can(Unknown) {
			p.Money = Unsure
			return p, d.move(tx, &p, Unknown, "no answer")
		}
		return p, d.later(tx, &p, "no answer")
	})
	if err != nil {
		return p, err
	}
	return p, cause
}

// mute notes a conversation that moved nothing. Only a note: that it could not be
// written is told, and hinders nothing.
func (d *Desk) mute(ctx context.Context, id db.ID, call payment.Call) {
	err := db.Do(context.WithoutCancel(ctx), d.DB, func(tx *db.Tx) error {
		i, err := payment.OfPurchase(tx, id)
		if err != nil {
			return err
		}
		return payment.Spoke(tx, i.ID, call)
	})
	if err != nil {
		d.Log.Warn("a call to a provider was not noted", "purchase", id, "err", err)
	}
}

// cancel ends an open purchase at its provider.
func (d *Desk) cancel(ctx context.Context, id db.ID, why string) (Purchase, error) {
	if a := d.shut(); a != nil {
		return Purchase{}, a
	}
	b, err := d.get(ctx, id)
	if err != nil || b.State.Terminal() {
		return b, err
	}
	i, err := db.Read(ctx, d.DB, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, id) })
	if err != nil {
		return b, err
	}
	if i.Amount.Amount == 0 { // nobody was asked: it ends here, or has ended with an order
		return d.record(ctx, id, answer{st: payment.Status{Reference: i.Reference, State: payment.Cancelled, Live: d.Live}, why: why})
	}
	cctx, cancel := context.WithTimeout(ctx, d.Times.Answer)
	defer cancel()
	prov := d.provider(b.Method)
	if prov == nil {
		return b, errors.New("checkout: purchase " + id.String() + " was made with a method that is gone")
	}
	call := payment.NewCall("cancel")
	st, err := prov.Cancel(cctx, i.Handle())
	call = call.Ended(st.State, st.Code, err)
	if err != nil {
		d.mute(ctx, id, call)
		return d.get(ctx, id) // not known: it stays open
	}
	if st.State == payment.Absent {
		// Not there, but a call may still be under way: make it known first, so
		// that it can be cancelled for good.
		if b, err = d.ask(cctx, b, i); err != nil || b.State.Terminal() {
			return b, err
		}
		if i, err = db.Read(ctx, d.DB, func(q *db.Reader) (payment.Intent, error) { return payment.OfPurchase(q, id) }); err != nil {
			return b, err
		}
		call = payment.NewCall("cancel")
		st, err = prov.Cancel(cctx, i.Handle())
		call = call.Ended(st.State, st.Code, err)
		if err != nil {
			d.mute(ctx, id, call)
			return d.get(ctx, id)
		}
	}
	if why == byStaff && st.State == payment.Processing && st.Adrift && b.AnswerBy.Before(time.Now()) {
		// Its provider will never know. Staff do: they have looked in the account, and
		// should money come all the same, it is late money.
		st.State, st.Reason, why = payment.Expired, payment.BankError, "staff decided"
	}
	return d.record(ctx, id, answer{st: st, why: why, call: call})
}

// byStaff is why a purchase is cancelled when a person of the shop wants it.
const byStaff = "staff"

// Cancel ends an open purchase on the buyer's own wish.
func (d *Desk) Cancel(ctx context.Context, id db.ID) (Purchase, error) {
	return d.cancel(ctx, id, "buyer")
}

// Rescue asks about every purchase whose time has come, until ctx ends. It is
// the loop that makes the three steps safe: whatever died in between is found
// here.
func (d *Desk) Rescue(ctx context.Context) {
	if err := d.wake(ctx); err != nil && ctx.Err() == nil {
		d.Log.Error("rescuer", "err", err)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for beat := 1; ; beat++ {
		if n, err := d.RescueOnce(ctx, 64); err != nil && ctx.Err() == nil {
			d.Log.Error("rescuer", "err", err)
		} else if n == 64 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if beat%5 == 0 {
				d.probe()
			}
		}
	}
}

// wake makes every open purchase due. Who asked about one before may have died with
// its claim, and notifications were lost while nobody listened; a second look does no
// harm.
func (d *Desk) wake(ctx context.Context) error {
	return db.Do(ctx, d.DB, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE checkout_purchase SET check_at=$1 WHERE is_open=1 AND check_at > $1`, tx.Now())
		return err
	})
}

// RescueOnce claims at most n due purchases and asks about them; it returns how
// many it claimed.
func (d *Desk) RescueOnce(ctx context.Context, n int) (int, error) {
	if proof.Broken("rescue") {
		return 0, nil
	}
	due, err := db.Read(ctx, d.DB, func(q *db.Reader) ([]db.ID, error) {
		return db.All(q, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
			`SELECT id FROM checkout_purchase WHERE check_at <= $1 ORDER BY check_at LIMIT $2`, q.Now(), n)
	})
	if err != nil || len(due) == 0 {
		return 0, err
	}
	// The claim moves the time ahead, so that another node lets them be.
	mine, _, err := db.Write(ctx, d.DB, func(tx *db.Tx) ([]db.ID, error) {
		return db.All(tx, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
			`UPDATE checkout_purchase SET check_at=$1, checks=checks+1 WHERE check_at <= $2 AND id IN (`+db.Placeholders(3, len(due))+`) RETURNING id`,
			append([]any{tx.Now().Add(d.Times.Call + d.Times.Check), tx.Now()}, db.Args(due)...)...)
	})
	if err != nil {
		return 0, err
	}
	sem := make(chan struct{}, 16)
	var wg sync.WaitGroup
	for _, id := range mine {
		sem <- struct{}{}
		wg.Go(func() {
			defer func() { <-sem }()
			if _, err := d.look(ctx, id, "rescuer", nil); err != nil && ctx.Err() == nil {
				d.Log.Warn("rescuer: no answer", "purchase", id, "err", err)
			}
		})
	}
	wg.Wait()
	return len(mine), nil
}
