package order

import (
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
)

// GiftRefunded records money that went back to gift cards, with a credit note that names
// the document it corrects. 409 over_refund when the cards paid less than what would have
// gone back to them.
func GiftRefunded(tx *db.Tx, id db.ID, amount money.Money, vat []VAT, reason string) error {
	n, err := tx.Exec(`UPDATE order_order SET gift_refunded=gift_refunded+$2 WHERE id=$1 AND currency=$3 AND $2 > 0 AND gift_refunded+$2 <= gift_paid`, id, amount.Amount, amount.Currency)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("over_refund")
	}
	if err := AddEvent(tx, id, "refunded_gift_card", true, map[string]string{"amount": itoa(amount.Amount), "currency": amount.Currency}); err != nil {
		return err
	}
	return creditNote(tx, id, amount, vat, reason)
}

// creditNote is the document of money that goes back, or is no longer owed.
func creditNote(tx *db.Tx, id db.ID, amount money.Money, vat []VAT, reason string) error {
	var first int64
	if err := tx.QueryRow(`SELECT number FROM order_document WHERE order_id=$1 AND kind IN ('receipt','invoice') ORDER BY id LIMIT 1`, id).Scan(&first); err != nil {
		return err
	}
	if err := Touch(tx, id); err != nil {
		return err
	}
	return document(tx, id, "credit_note", first, amount.Neg(), vat, reason)
}

// Delivered counts n pieces of a line as handed over without a parcel: what is sent by
// mail alone. When nothing is left to send, the order is sent and received.
func Delivered(tx *db.Tx, id, line db.ID, n int64) error {
	if err := LineShipped(tx, line, n); err != nil {
		return err
	}
	o, err := ByID(tx, id)
	if err != nil || !o.IsShipped() {
		return err
	}
	return MarkShipped(tx, id)
}
