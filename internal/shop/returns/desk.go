package returns

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/money"
	"kassavalv/internal/proof"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// Jobs that a refund queues.
const (
	// JobRefunded tells the buyer that money is on its way; Ref is the refund.
	JobRefunded = "notice.refunded"
	// JobMoneyReturned tells the purchase that its money has gone back
	// (checkout.Desk.MoneyReturned); Ref is the purchase.
	JobMoneyReturned = "checkout.money_returned"
)

// Alarms: why staff must look at a refund.
const (
	AlarmRefused    = "refund_refused" // the provider will not pay back
	AlarmSilent     = "refund_silent"  // many tries without an answer
	AlarmNoProvider = "no_provider"    // the way to pay is not configured any more
)

// callTime is shorter than the 15 s for which payment.DueRefunds claims a refund; should a
// call outlive it all the same, the key keeps it to one refund.
const callTime = 12 * time.Second

// silentAfter is how many tries in vain raise the alarm: about ten minutes.
const silentAfter = 12

// Desk carries refunds out. It takes the database itself, because it lets go
// between the steps.
type Desk struct {
	DB        *db.DB
	Providers []payment.Provider
	Log       *slog.Logger
	// Standard tells the price of the least expensive standard delivery that was
	// offered for the order; false when it is not known. May be nil.
	Standard func(q db.Q, o order.Order) (money.Money, bool)
	Step     func(name string) // test hook between the steps; nil outside tests
}

func (d *Desk) at(name string) {
	proof.At("returns", name)
	if d.Step != nil {
		d.Step(name)
	}
}

func (d *Desk) standard(q db.Q, o order.Order) int64 {
	if d.Standard != nil {
		if m, ok := d.Standard(q, o); ok && m.Currency == o.Total.Currency {
			return m.Amount
		}
	}
	return -1
}

func (d *Desk) provider(method string) payment.Provider {
	for _, p := range d.Providers {
		if method != "" && p.Method() == method {
			return p
		}
	}
	return nil
}

// Proposal is what is to go back for a return.
type Proposal struct {
	Goods    money.Money
	Delivery money.Money
	Total    money.Money // what will be given back: at most what there is
	Falls    money.Money // of Total, what lowers an unpaid invoice
	Refund   money.Money // of Total, what is paid back
	GiftCard money.Money // of Total, what goes back to the gift cards that paid it
	Deadline time.Time
	pieces   map[db.ID]int64
}

// Propose works out what is to go back: for a return that is accepted, its accepted
// pieces; before that, all of it. Nothing is deducted.
func (d *Desk) Propose(q db.Q, by auth.By, id db.ID) (Proposal, error) {
	r, err := One(q, by, id)
	if err != nil {
		return Proposal{}, err
	}
	o, err := order.ByID(q, r.Order)
	if err != nil {
		return Proposal{}, err
	}
	return d.propose(q, r, o)
}

func (d *Desk) propose(q db.Q, r Return, o order.Order) (Proposal, error) {
	ns := map[db.ID]int64{}
	for _, l := range r.Lines {
		n := l.Quantity - l.Credited
		if r.State == Accepted || r.State == Partly || r.State == Refunded {
			n = l.Cancelled + l.Accepted - l.Credited
		}
		if n > 0 {
			ns[l.Line] = n
		}
	}
	b, err := readBook(q, o.ID)
	if err != nil {
		return Proposal{}, err
	}
	m, err := available(q, o)
	if err != nil {
		return Proposal{}, err
	}
	w := value(o, b, ns, d.standard(q, o))
	cur := o.Total.Currency
	// Of gift cards that are about to be closed, their price can go back.
	for _, l := range o.Lines {
		if l.Kind == order.KindGiftCard && r.State != Accepted && r.State != Partly && r.State != Refunded {
			m.bought -= min(m.bought, ns[l.ID]*l.Unit.Amount)
		}
	}
	total := min(w.total(), m.most())
	p := Proposal{Goods: money.New(w.goods(), cur), Delivery: money.New(w.delivery, cur), Total: money.New(total, cur), Falls: money.New(m.falls(o, total, sent(r)), cur),
		Deadline: r.RefundBy, pieces: ns}
	cash, card := m.back(total - p.Falls.Amount)
	p.Refund, p.GiftCard = money.New(cash, cur), money.New(card, cur)
	return p, nil
}

// sent reports whether a return is of pieces that had been sent.
func sent(r Return) bool {
	for _, l := range r.Lines {
		if l.Accepted > 0 || l.Received > 0 {
			return true
		}
	}
	return false
}

// RefundReturn asks for the money of an accepted return to go back: all that Propose
// says, less a deduction for goods that have lost value (distansavtalslagen 2 kap. 15 §), which
// needs a reason. Faults: 403, 404, 409 wrong_state, nothing_to_refund; 422.
func (d *Desk) RefundReturn(tx *db.Tx, by auth.By, id db.ID, deduct money.Money, reason string) (Return, error) {
	r, err := begin(tx, by, id, auth.RefundsWrite)
	if err != nil {
		return r, err
	}
	if reason != "" {
		if err := order.Reason(reason); err != nil {
			return r, err
		}
	}
	if r.State != Accepted && r.State != Partly {
		return r, fault.Conflict("wrong_state")
	}
	o, err := order.ByID(tx, r.Order)
	if err != nil {
		return r, err
	}
	p, err := d.propose(tx, r, o)
	if err != nil {
		return r, err
	}
	if len(p.pieces) == 0 {
		return r, &fault.Error{Kind: fault.Clash, Code: "nothing_to_refund", Key: "returns.nothing_to_refund"}
	}
	var f fault.Fields
	if deduct.Amount < 0 || deduct.Amount > p.Goods.Amount || deduct.Amount != 0 && deduct.Currency != p.Goods.Currency {
		f.Add("/deduct", "bad_amount")
	}
	if deduct.Amount > 0 && reason == "" {
		f.Add("/reason", "required")
	}
	if err := f.Err(); err != nil {
		return r, err
	}
	note := "return " + r.ID.String()
	if reason != "" {
		note += " " + reason
	}
	if deduct.Amount > 0 {
		if err := event(tx, by, r.ID, "deducted", deduct.String()+": "+reason); err != nil {
			return r, err
		}
	}
	if err := credit(tx, by, o, &r, p.pieces, owed{reason: note, standard: d.standard(tx, o), deduct: deduct.Amount, sent: sent(r)}); err != nil {
		return r, err
	}
	return ByID(tx, id)
}

// RunRefunds carries out refunds as they fall due, until ctx ends.
func (d *Desk) RunRefunds(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		n, err := d.RunOnce(ctx, 32)
		if err != nil && ctx.Err() == nil {
			d.log().Error("refunds", "err", err)
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

func (d *Desk) log() *slog.Logger {
	if d.Log != nil {
		return d.Log
	}
	return slog.New(slog.DiscardHandler)
}

// RunOnce claims at most n refunds and carries them out; it returns how many it claimed.
func (d *Desk) RunOnce(ctx context.Context, n int) (int, error) {
	// A read first: most beats find nothing, and a write would wait its turn.
	due, err := db.Read(ctx, d.DB, func(q *db.Reader) (bool, error) { return payment.RefundsDue(q) })
	if err != nil || !due {
		return 0, err
	}
	rows, _, err := db.Write(ctx, d.DB, func(tx *db.Tx) ([]payment.RefundRow, error) { return payment.DueRefunds(tx, n) })
	if err != nil {
		return 0, err
	}
	var wg sync.WaitGroup
	sem := make(chan struct{}, 8)
	for _, x := range rows {
		sem <- struct{}{}
		wg.Go(func() {
			defer func() { <-sem }()
			if err := d.carry(ctx, x); err != nil && ctx.Err() == nil {
				d.log().Warn("a refund waits", "refund", x.ID, "attempt", x.Attempts, "err", err)
			}
		})
	}
	wg.Wait()
	return len(rows), nil
}

// carry asks the provider for one refund and records what it says.
func (d *Desk) carry(ctx context.Context, x payment.RefundRow) error {
	if !payment.Turn(x.Attempts) {
		return nil
	}
	i, err := db.Read(ctx, d.DB, func(q *db.Reader) (payment.Intent, error) { return payment.IntentByID(q, x.Intent) })
	if err != nil {
		return err
	}
	p := d.provider(i.Method)
	if p == nil {
		return d.alarm(ctx, x.ID, i.Purchase, AlarmNoProvider)
	}
	d.at("claimed")
	c, cancel := context.WithTimeout(ctx, callTime)
	call := payment.NewCall("refund")
	s, err := p.Refund(c, payment.Refund{Key: proof.Spoil("refundkey", x.Key), Ref: i.ProviderRef, Reference: i.Reference, Amount: x.Amount, Reason: x.Reason})
	call = call.EndedMove(s, err)
	cancel()
	d.at("asked")
	if err != nil || !s.Done && !s.Refused {
		if nerr := db.Do(context.WithoutCancel(ctx), d.DB, func(tx *db.Tx) error { return payment.Spoke(tx, i.ID, call) }); nerr != nil {
			return nerr
		}
		if x.Attempts >= silentAfter {
			if aerr := d.alarm(ctx, x.ID, i.Purchase, AlarmSilent); aerr != nil {
				return aerr
			}
		}
		return err
	}
	// The provider has acted: its answer is recorded even when the program is stopping.
	_, _, err = db.Write(context.WithoutCancel(ctx), d.DB, func(tx *db.Tx) (bool, error) {
		if err := payment.Spoke(tx, i.ID, call); err != nil {
			return false, err
		}
		return d.finish(tx, x, i, s)
	})
	d.at("recorded")
	return err
}

// finish records the provider's answer: ledger, credit note, timeline, return,
// jobs. Only the first call has effect.
func (d *Desk) finish(tx *db.Tx, x payment.RefundRow, i payment.Intent, s payment.RefundStatus) (bool, error) {
	by := auth.System("returns.refund")
	o, err := order.OfPurchase(tx, i.Purchase)
	has := err == nil
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return false, err
	}
	if has {
		if err := order.Touch(tx, o.ID); err != nil {
			return false, err
		}
	}
	first, err := payment.FinishRefund(tx, x, s)
	if err != nil || !first {
		return false, err
	}
	state := "done"
	if s.Refused {
		state = "refused"
	}
	c, err := creditOf(tx, x.ID)
	known := err == nil
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return false, err
	}
	if known {
		if err := tx.ExecOne(`UPDATE returns_credit SET state=$2, changed_at=$3 WHERE refund_id=$1 AND state='asked'`, x.ID, state, tx.Now()); err != nil {
			return false, err
		}
	}
	if s.Refused {
		if has {
			if err := order.AddEvent(tx, o.ID, "refund_refused", false, map[string]string{"refund": x.ID.String()}); err != nil {
				return false, err
			}
		}
		if known && c.ret > 0 { // its pieces are owed again
			if _, err := tx.Exec(`UPDATE returns_line SET credited=credited-(SELECT l.quantity FROM returns_credit_line l WHERE l.credit_id=$2 AND l.line_id=returns_line.line_id)
				WHERE return_id=$1 AND line_id IN (SELECT line_id FROM returns_credit_line WHERE credit_id=$2)`, c.ret, c.id); err != nil {
				return false, err
			}
		}
		if err := record(tx, by, "refund.refused", "purchase", i.Purchase, "", x.Amount.String()); err != nil {
			return false, err
		}
		return true, raise(tx, x.ID, i.Purchase, AlarmRefused)
	}
	if has && x.Reason != payment.Surplus {
		docs, err := order.Documents(tx, o.ID)
		if err != nil {
			return false, err
		}
		if err := order.Refunded(tx, o.ID, x.Amount, taxOf(o, docs, c.gross, x.Amount.Amount), x.Reason); err != nil {
			return false, err
		}
	}
	if known && c.ret > 0 {
		if err := settle(tx, by, c.ret); err != nil {
			return false, err
		}
	}
	if _, err := tx.Exec(`UPDATE returns_alarm SET cleared_at=$2 WHERE refund_id=$1 AND cleared_at IS NULL`, x.ID, tx.Now()); err != nil {
		return false, err
	}
	if err := record(tx, by, "refund.done", "purchase", i.Purchase, "", x.Amount.String()); err != nil {
		return false, err
	}
	if _, err := job.Enqueue(tx, job.Spec{Kind: JobRefunded, Ref: x.ID}); err != nil {
		return false, err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobMoneyReturned, Ref: i.Purchase})
	return true, err
}

type stored struct {
	id, ret db.ID
	gross   map[int64]int64
}

func creditOf(q db.Q, refund db.ID) (c stored, err error) {
	var g string
	if err = q.QueryRow(`SELECT id, COALESCE(return_id,0), gross FROM returns_credit WHERE refund_id=$1`, refund).Scan(&c.id, &c.ret, &g); err != nil {
		return
	}
	c.gross, err = parseGross(g)
	return
}
