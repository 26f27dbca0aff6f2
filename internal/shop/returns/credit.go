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
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
)

// owed says how to credit.
type owed struct {
	reason   string
	standard int64 // of delivery; negative: not known
	deduct   int64 // kept for lost value
	key      string
}

// available is what can still be given back of an order: what is not paid yet, and
// what was paid and is not on its way back. The intent is empty for an order
// without one.
func available(q db.Q, o order.Order) (unpaid, paid int64, i payment.Intent, err error) {
	unpaid = max(0, o.ToPay.Amount-o.Paid.Amount)
	i, err = payment.OfPurchase(q, o.Purchase)
	if errors.Is(err, db.ErrNotFound) {
		return unpaid, 0, payment.Intent{}, nil
	}
	return unpaid, max(0, i.Refundable().Amount), i, err
}

// credit gives back the worth of pieces: the unpaid part of the order falls first,
// the rest is refunded. It never gives more than there is; what a gift card paid is
// not money and does not become money. The order has been touched.
func credit(tx *db.Tx, by auth.By, o order.Order, r *Return, ns map[db.ID]int64, in owed) error {
	b, err := readBook(tx, o.ID)
	if err != nil {
		return err
	}
	w := value(o, b, ns, in.standard)
	unpaid, paid, intent, err := available(tx, o)
	if err != nil {
		return err
	}
	total := max(0, min(w.total()-in.deduct, unpaid+paid))
	gross := scale(o.Draft.VAT, w.gross, total)
	fall := min(total, unpaid)
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
		if err := c.insert(tx, fall, part, 0); err != nil {
			return err
		}
		c.worth, c.key = worth{}, "" // the pieces stand in the first row
	}
	if rest := total - fall; rest > 0 {
		id, err := payment.AskRefund(tx, intent, money.New(rest, c.currency), in.reason)
		if err != nil {
			return err
		}
		if err := c.insert(tx, rest, gross, id); err != nil {
			return err
		}
		if err := record(tx, by, "order.refund", "order", o.ID, "", fmt.Sprintf("%s: %s", money.New(rest, c.currency), in.reason)); err != nil {
			return err
		}
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
	currency    string
}

func (c creditRow) insert(tx *db.Tx, amount int64, gross map[int64]int64, refund db.ID) error {
	id := tx.NewID()
	state := "done"
	var ret, ref, key any
	if c.ret > 0 {
		ret = c.ret
	}
	if refund > 0 {
		ref, state = refund, "asked"
	}
	if c.key != "" {
		key = c.key
	}
	if _, err := tx.Exec(`INSERT INTO returns_credit (id, order_id, return_id, refund_id, client_key, amount, delivery, currency, gross, reason, state, created_at, changed_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$12)`, id, c.order, ret, ref, key, amount, c.worth.delivery, c.currency, grossJSON(gross), c.reason, state, tx.Now()); err != nil {
		return err
	}
	for _, p := range c.worth.parts {
		if _, err := tx.Exec(`INSERT INTO returns_credit_line (credit_id, line_id, quantity, amount) VALUES ($1,$2,$3,$4)`, id, p.line, p.n, p.amount); err != nil {
			return err
		}
	}
	return nil
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
	Reason string // a short fact, nothing personal; it stands on the credit note
	Key    string // the client's, so that a repeat refunds nothing more; empty: none
}

// Refund asks for an amount of an order to go back in the way it was paid. The
// worker carries it out. Faults: 403, 404, 409 over_refund, 422 with fields,
// 422 idempotency_mismatch. It returns the refund's id; the same key gives the
// same.
func Refund(tx *db.Tx, by auth.By, in RefundIn) (db.ID, error) {
	if err := by.Need(auth.RefundsWrite); err != nil {
		return 0, err
	}
	reason, err := fulfilment.Reason(in.Reason)
	if err != nil {
		return 0, err
	}
	var f fault.Fields
	if reason == "" {
		f.Add("/reason", "required")
	}
	if in.Amount.Amount <= 0 || in.Amount.Amount > money.Max {
		f.Add("/amount", "bad_amount")
	}
	if len(in.Key) > 128 || strings.ContainsFunc(in.Key, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		f.Add("/idempotency_key", "bad_key")
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
		err := tx.QueryRow(`SELECT COALESCE(refund_id,0), amount, reason FROM returns_credit WHERE order_id=$1 AND client_key=$2`, o.ID, in.Key).Scan(&id, &amount, &was)
		if err == nil && (amount != in.Amount.Amount || was != reason) {
			return 0, &fault.Error{Kind: fault.Unprocessable, Code: "idempotency_mismatch"}
		}
		if err == nil || !errors.Is(err, db.ErrNotFound) {
			return id, err
		}
	}
	intent, err := payment.OfPurchase(tx, o.Purchase)
	if errors.Is(err, db.ErrNotFound) {
		return 0, fault.Conflict("over_refund")
	}
	if err != nil {
		return 0, err
	}
	id, err := payment.AskRefund(tx, intent, in.Amount, reason)
	if err != nil {
		return 0, err
	}
	if err := (creditRow{order: o.ID, reason: reason, key: in.Key, currency: in.Amount.Currency}).insert(tx, in.Amount.Amount, nil, id); err != nil {
		return 0, err
	}
	return id, record(tx, by, "order.refund", "order", o.ID, "", fmt.Sprintf("%s: %s", in.Amount, reason))
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
	if reason = strings.Join(strings.Fields(reason), " "); reason == "" {
		reason = "cancelled"
	}
	if err := credit(tx, by, c.Order, nil, pieces(c.Lines), owed{reason: reason, standard: -1}); err != nil {
		return order.Order{}, err
	}
	return order.ByID(tx, id)
}
