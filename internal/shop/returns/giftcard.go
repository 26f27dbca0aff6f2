package returns

import (
	"fmt"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/order"
)

// Used says of a withdrawal that some of the gift cards it is about have paid something
// since: their price does not go back by itself.
const Used = giftcard.Used

// toCards gives back to the gift cards what they paid, with its credit note; at once, for
// nobody else is asked.
func toCards(tx *db.Tx, by auth.By, o order.Order, amount money.Money, gross map[int64]int64, reason string, credit db.ID) error {
	docs, err := order.Documents(tx, o.ID)
	if err != nil {
		return err
	}
	if err := order.GiftRefunded(tx, o.ID, amount, taxOf(o, docs, gross, amount.Amount), reason); err != nil {
		return err
	}
	if err := giftcard.Refund(tx, by, giftcard.Back{Purchase: o.Purchase, Order: o.ID, Amount: amount, Ref: credit, Reason: reason}); err != nil {
		return err
	}
	return record(tx, by, "order.refund_gift_card", "order", o.ID, "", fmt.Sprintf("%s: %s", amount, reason))
}

// cardPieces completes what can be withdrawn from of lines that are gift cards: a card is
// never sent back, it is closed, and only one of which nothing was used.
func cardPieces(q db.Q, o order.Order, cs []Candidate) error {
	pending := map[db.ID]int64{}
	rows, err := q.Query(`SELECT l.line_id, l.quantity-l.cancelled FROM returns_line l JOIN returns_return r ON r.id=l.return_id WHERE r.order_id=$1 AND r.state IN ('registered','received')`, o.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id db.ID
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return err
		}
		pending[id] += n
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for i, c := range cs {
		if c.Kind != order.KindGiftCard {
			continue
		}
		cs[i].Left = max(0, c.Quantity-c.Cancelled-c.Returned-pending[c.ID])
		if cs[i].Unspent, err = giftcard.Unspent(q, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// closeCards ends the cards of pieces that are withdrawn from, and counts them as given
// back. 409 gift_card_used when one has been used between.
func closeCards(tx *db.Tx, by auth.By, closed []fulfilment.ShipLine) error {
	for _, l := range closed {
		if err := giftcard.Close(tx, by, l.Line, l.Quantity); err != nil {
			return err
		}
		if err := order.LineReturned(tx, l.Line, l.Quantity); err != nil {
			return err
		}
	}
	return nil
}
