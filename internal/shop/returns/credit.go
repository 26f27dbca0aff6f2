package returns

import (
	"errors"
	"fmt"
	"strings"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// owed says how to credit.
type owed struct {
	reason   string
	standard int64 // of delivery; negative: not known
	sent     bool  // the pieces had been sent
	deduct   int64 // kept for lost value
	key      string
}

// means is what can still be given back of an order: what is not paid yet, what was
// paid in money and is not on its way back, and what gift cards paid and has not gone back to
// them. bought is what the order's own gift cards are worth to somebody: so much stays. The
// intent is empty for an order without one.
type means struct {
	unpaid, paid, gift, bought int64
	intent                     payment.Intent
}

// most is the greatest sum that can be given back.
func (m means) most() int64 { return max(0, m.unpaid+m.paid+m.gift-m.bought) }

// falls is how much of a sum lowers what is to be paid. An invoice that is not paid falls
// first. Of reserved money, which is taken as goods leave, the buyer has paid for what was
// sent: that comes back, and what is reserved for the rest stays.
func (m means) falls(o order.Order, amount int64, sent bool) int64 {
	if sent && o.DueAt.IsZero() {
		return min(m.unpaid, max(0, amount-m.paid))
	}
	return min(amount, m.unpaid)
}

// back splits a sum that goes back over the means it was paid with: money first, at
// most what came in as money, the rest to the gift cards.
func (m means) back(amount int64) (money, card int64) {
	money = min(amount, m.paid)
	return money, amount - money
}

func available(q db.Q, o order.Order) (m means, err error) {
	m.unpaid = max(0, o.ToPay.Amount-o.Paid.Amount)
	m.gift = max(0, o.GiftPaid.Amount-o.GiftRefunded.Amount)
	if o.Draft.HasGiftCards() {
		if m.bought, err = giftcard.Bought(q, o.ID); err != nil {
			return m, err
		}
	}
	m.intent, err = payment.OfPurchase(q, o.Purchase)
	if errors.Is(err, db.ErrNotFound) {
		return m, nil
	}
	m.paid = max(0, m.intent.Refundable().Amount)
	return m, err
}

// credit gives back the worth of pieces: the unpaid part of the order falls first,
// the rest is refunded in the way it was paid. It never gives more than there is; what a
// gift card paid is not money and does not become money. The order has been touched.
func credit(tx *db.Tx, by auth.By, o order.Order, r *Return, ns map[db.ID]int64, in owed) error {
	b, err := readBook(tx, o.ID)
	if err != nil {
		return err
	}
	w := value(o, b, ns, in.standard)
	m, err := available(tx, o)
	if err != nil {
		return err
	}
	total := max(0, min(w.total()-in.deduct, m.most()))
	gross := scale(o.Draft.VAT, w.gross, total)
	fall := m.falls(o, total, in.sent)
	c := creditRow{order: o.ID, worth: w, reason: in.reason, key: in.key, currency: o.ToPay.Currency}
	if r != nil {
		c.ret = r.ID
	}
	if fall > 0 || total == 0 {
		part := scale(o.Draft.VAT, gross, fall)
		for rate, a := range part {
			gross[rate] -= a
		}
		if fall > 0 {
			docs, err := order.Documents(tx, o.ID)
			if err != nil {
				return err
			}
			if err := order.Credited(tx, o.ID, money.New(fall, c.currency), taxOf(o, docs, part, fall), in.reason); err != nil {
				return err
			}
		}
		if _, err := c.insert(tx, fall, part, 0); err != nil {
			return err
		}
		c.worth, c.key = worth{}, "" // the pieces stand in the first row
	}
	if _, err := c.pay(tx, by, o, m, total-fall, gross); err != nil {
		return err
	}
	if r == nil {
		return nil
	}
	for line, n := range ns {
		if err := tx.ExecOne(`UPDATE returns_line SET credited=credited+$3 WHERE return_id=$1 AND line_id=$2`, r.ID, line, n); err != nil {
			return err
		}
	}
	return settle(tx, by, r.ID)
}

type creditRow struct {
	order, ret  db.ID
	worth       worth
	reason, key string
	asked       int64 // with key: the whole that was asked for
	currency    string
}

// pay gives an amount back in the way it came: a refund that the worker carries out, and
// what gift cards paid at once. It returns the refund's id; 0 when no money moves.
func (c creditRow) pay(tx *db.Tx, by auth.By, o order.Order, m means, amount int64, gross map[int64]int64) (refund db.ID, err error) {
	cash, card := m.back(amount)
	if cash > 0 {
		part := gross
		if card > 0 && gross != nil {
			part = scale(o.Draft.VAT, gross, cash)
			for rate, a := range part {
				gross[rate] -= a
			}
		}
		if refund, err = payment.AskRefund(tx, m.intent, money.New(cash, c.currency), c.reason); err != nil {
			return 0, err
		}
		if _, err := c.insert(tx, cash, part, refund); err != nil {
			return 0, err
		}
		if err := record(tx, by, "order.refund", "order", o.ID, "", fmt.Sprintf("%s: %s", money.New(cash, c.currency), c.reason)); err != nil {
			return 0, err
		}
		c.worth, c.key = worth{}, ""
	}
	if card == 0 {
		return refund, nil
	}
	id, err := c.insert(tx, card, gross, 0)
	if err != nil {
		return 0, err
	}
	return refund, toCards(tx, by, o, money.New(card, c.currency), gross, c.reason, id)
}

func (c creditRow) insert(tx *db.Tx, amount int64, gross map[int64]int64, refund db.ID) (db.ID, error) {
	id := tx.NewID()
	state := "done"
	var ret, ref, key, asked any
	if c.ret > 0 {
		ret = c.ret
	}
	if refund > 0 {
		ref, state = refund, "asked"
	}
	if c.key != "" {
		key, asked = c.key, c.asked
	}
	if _, err := tx.Exec(`INSERT INTO returns_credit (id, order_id, return_id, refund_id, client_key, amount, delivery, currency, gross, reason, state, asked, created_at, changed_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$13,$12,$12)`, id, c.order, ret, ref, key, amount, c.worth.delivery, c.currency, grossJSON(gross), c.reason, state, tx.Now(), asked); err != nil {
		return 0, err
	}
	for _, p := range c.worth.parts {
		if _, err := tx.Exec(`INSERT INTO returns_credit_line (credit_id, line_id, quantity, amount) VALUES ($1,$2,$3,$4)`, id, p.line, p.n, p.amount); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// settle ends a return when all its pieces are credited and no refund is under way.
func settle(tx *db.Tx, by auth.By, id db.ID) error {
	r, err := ByID(tx, id)
	if err != nil || r.State != Accepted && r.State != Partly {
		return err
	}
	for _, l := range r.Lines {
		if l.Credited < l.Cancelled+l.Accepted {
			return nil
		}
	}
	var open int
	if err := tx.QueryRow(`SELECT count(*) FROM returns_credit WHERE return_id=$1 AND state='asked'`, id).Scan(&open); err != nil || open > 0 {
		return err
	}
	return advance(tx, by, &r, Refunded, "")
}

// RefundIn is a refund of an amount.
type RefundIn struct {
	Order  db.ID
	Amount money.Money
	Reason string // a word of the program, or what order.Say gave for what was typed
	Key    string // the client's, so that a repeat refunds nothing more; empty: none
}

// Refund asks for an amount of an order to go back in the way it was paid: money as
// money, at most what came in so, the rest to the gift cards that paid. The worker carries the
// money out. Faults: 403, 404, 409 over_refund, 409 gift_card_used when the order bought gift
// cards and less is left on them than their price that would go back, 422 with fields, 422
// idempotency_mismatch. It returns the refund's id, 0 when no money moves; the same key gives
// the same.
func Refund(tx *db.Tx, by auth.By, in RefundIn) (db.ID, error) {
	if err := by.Need(auth.RefundsWrite); err != nil {
		return 0, err
	}
	var f fault.Fields
	reason := in.Reason
	if reason == "" {
		f.Add("/reason", "required")
	} else if err := order.Reason(reason); err != nil {
		return 0, err
	}
	if in.Amount.Amount <= 0 || in.Amount.Amount > money.Max {
		f.Add("/amount", "bad_amount")
	}
	if len(in.Key) > 128 || strings.ContainsFunc(in.Key, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		f.Add("/idempotency_key", "bad_idempotency_key")
	}
	if err := f.Err(); err != nil {
		return 0, err
	}
	if in.Order <= 0 {
		return 0, fault.NotFound()
	}
	if err := order.Touch(tx, in.Order); err != nil {
		return 0, err
	}
	o, err := order.ByID(tx, in.Order)
	if err != nil {
		return 0, err
	}
	if in.Amount.Currency != o.ToPay.Currency {
		f.Add("/amount", "bad_amount")
		return 0, f.Err()
	}
	if in.Key != "" {
		var id db.ID
		var amount int64
		var was string
		err := tx.QueryRow(`SELECT COALESCE(refund_id,0), COALESCE(asked, amount), reason FROM returns_credit WHERE order_id=$1 AND client_key=$2`, o.ID, in.Key).Scan(&id, &amount, &was)
		if err == nil && (amount != in.Amount.Amount || was != reason) {
			return 0, &fault.Error{Kind: fault.Unprocessable, Code: "idempotency_mismatch"}
		}
		if err == nil || !errors.Is(err, db.ErrNotFound) {
			return id, err
		}
	}
	m, err := available(tx, o)
	if err != nil {
		return 0, err
	}
	if in.Amount.Amount > m.paid+m.gift {
		return 0, fault.Conflict("over_refund")
	}
	// What would go back beside gift cards that somebody can still use is first taken
	// from them.
	if need := in.Amount.Amount - (m.paid + m.gift - m.bought); need > 0 && m.bought > 0 {
		if err := giftcard.TakeBack(tx, by, o.ID, min(need, m.bought), tx.NewID()); err != nil {
			return 0, err
		}
	}
	c := creditRow{order: o.ID, reason: reason, key: in.Key, asked: in.Amount.Amount, currency: in.Amount.Currency}
	return c.pay(tx, by, o, m, in.Amount.Amount, nil)
}

// Cancel takes back pieces of an order that have not been shipped (all of them when
// lines is empty) and gives their money back. Faults as of fulfilment.Cancel, and
// 403.
func Cancel(tx *db.Tx, by auth.By, id db.ID, lines []fulfilment.ShipLine, reason string) (order.Order, error) {
	if err := by.Need(auth.OrdersWrite); err != nil {
		return order.Order{}, err
	}
	return cancel(tx, by, id, lines, reason)
}

// CancelByBuyer cancels a whole order of which nothing has been shipped, for who
// holds its link. 409 not_cancellable when something was, or when the shop does not
// let buyers cancel by themselves.
func CancelByBuyer(tx *db.Tx, by auth.By, id db.ID) (order.Order, error) {
	on, err := content.CancelOnline.Get(tx)
	if err != nil {
		return order.Order{}, err
	}
	if !on {
		return order.Order{}, fault.Conflict("not_cancellable")
	}
	if id <= 0 {
		return order.Order{}, fault.NotFound()
	}
	if err := order.Touch(tx, id); err != nil {
		return order.Order{}, err
	}
	o, err := order.ByID(tx, id)
	if err != nil {
		return order.Order{}, err
	}
	shipped := int64(0)
	for _, l := range o.Lines {
		shipped += l.Shipped
	}
	if o.State != order.Placed || shipped > 0 {
		return order.Order{}, fault.Conflict("not_cancellable")
	}
	return cancel(tx, by, id, nil, "buyer")
}

func cancel(tx *db.Tx, by auth.By, id db.ID, lines []fulfilment.ShipLine, reason string) (order.Order, error) {
	c, err := fulfilment.Cancel(tx, by, id, lines, reason)
	if err != nil {
		return order.Order{}, err
	}
	if reason == "" {
		reason = "cancelled"
	}
	if err := credit(tx, by, c.Order, nil, pieces(c.Lines), owed{reason: reason, standard: -1}); err != nil {
		return order.Order{}, err
	}
	return order.ByID(tx, id)
}
