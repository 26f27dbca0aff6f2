package checkout

import (
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// Settlement is money that has come for an invoice, as the bank account shows it.
type Settlement struct {
	Order  db.ID
	Amount money.Money
	On     time.Time // the day it came, any instant of it in the shop's zone
	Key    string    // a second settlement with the same key changes nothing; empty: none
}

// Settle records money for an invoice: an entry in the ledger, what the order has
// been paid, a line of its timeline and an audit row. Part payments add up; paid is
// derived. Faults: 403; 404; 422 fields "amount" (bad_amount, over_payment with
// what is left) and "paid_on" (required, in_future, before_order); 409 not_invoice,
// wrong_state (cancelled), already_paid; 422 idempotency_mismatch.
//
// More than what is left is refused: the shop owes it back and it is no payment of
// this order, so a person at the bank decides where it goes.
func Settle(tx *db.Tx, by auth.By, in Settlement) error {
	if err := by.Need(auth.OrdersWrite); err != nil {
		return err
	}
	var f fault.Fields
	if in.Amount.Amount <= 0 || in.Amount.Amount > money.Max {
		f.Add("/amount", "bad_amount")
	}
	if in.On.IsZero() {
		f.Add("/paid_on", "required")
	}
	if in.Key != "" && !ValidKey(in.Key) {
		f.Add("/idempotency_key", "bad_idempotency_key")
	}
	if err := f.Err(); err != nil {
		return err
	}
	if in.Order <= 0 {
		return fault.NotFound()
	}
	if err := order.Touch(tx, in.Order); err != nil {
		return err
	}
	o, err := order.ByID(tx, in.Order)
	if err != nil {
		return err
	}
	i, err := payment.OfPurchase(tx, o.Purchase)
	if errors.Is(err, db.ErrNotFound) || err == nil && o.DueAt.IsZero() {
		return fault.Conflict("not_invoice")
	}
	if err != nil {
		return err
	}
	day, today, placed := midnight(in.On), midnight(tx.LegalNow()), midnight(o.PlacedAt)
	left := money.New(o.ToPay.Amount-o.Paid.Amount, o.ToPay.Currency)
	ref := "bank-" + tx.NewID().String()
	if in.Key != "" {
		ref = "bank-key-" + in.Key
		was, err := payment.EntryByRef(tx, i.ID, "capture", ref)
		if err == nil {
			if !was.Amount.Equal(in.Amount) || !midnight(was.At).Equal(day) {
				return &fault.Error{Kind: fault.Unprocessable, Code: "idempotency_mismatch"}
			}
			return nil
		}
		if !errors.Is(err, db.ErrNotFound) {
			return err
		}
	}
	switch {
	case o.State == order.Cancelled:
		return fault.Conflict("wrong_state")
	case left.Amount <= 0:
		return fault.Conflict("already_paid")
	case in.Amount.Currency != left.Currency:
		f.Add("/amount", "bad_amount")
	case in.Amount.Amount > left.Amount:
		f.Add("/amount", "over_payment", "left", left)
	}
	switch {
	case day.After(today):
		f.Add("/paid_on", "in_future")
	case day.Before(placed):
		f.Add("/paid_on", "before_order")
	}
	if err := f.Err(); err != nil {
		return err
	}
	at := tx.LegalNow()
	if day.Before(today) {
		at = day
	}
	if _, err := payment.CaptureOn(tx, i, in.Amount, ref, at); err != nil {
		return err
	}
	if err := order.Paid(tx, o.ID, in.Amount); err != nil {
		return err
	}
	if _, err := tx.Exec(`UPDATE checkout_purchase SET money='taken', changed_at=$2, version=version+1 WHERE id=$1 AND money='no'`, o.Purchase, tx.Now()); err != nil {
		return err
	}
	if err := tx.Changed("purchase", o.Purchase); err != nil {
		return err
	}
	return by.Record(tx, "order.settle", "order", o.ID, "left "+left.String(), fmt.Sprintf("paid %s on %s", in.Amount, day.Format(time.DateOnly)))
}

// midnight is the beginning of the day in the shop's zone.
func midnight(t time.Time) time.Time {
	y, m, d := t.In(lang.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, lang.Zone)
}

// SettledAt is when the last money of an order came; the zero time when none did.
// The caller has established the right to read the order.
func SettledAt(q db.Q, o order.Order) (time.Time, error) {
	i, err := payment.OfPurchase(q, o.Purchase)
	if errors.Is(err, db.ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	es, err := payment.Captures(q, i.ID)
	var last time.Time
	for _, e := range es {
		if e.At.After(last) {
			last = e.At
		}
	}
	return last, err
}
