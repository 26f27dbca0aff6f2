package order

import (
	"errors"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/money"
)

// Credited lowers what is to be paid of an order that is not paid in full (an
// invoice whose goods were cancelled or given back), with a credit note that names the
// invoice. 409 over_credit when less than amount is unpaid: what has been paid goes back
// by Refunded.
func Credited(tx *db.Tx, id db.ID, amount money.Money, vat []VAT, reason string) error {
	var paid, left int64
	err := tx.QueryRow(`UPDATE order_order SET to_pay=to_pay-$2 WHERE id=$1 AND currency=$3 AND $2 > 0 AND to_pay-$2 >= paid RETURNING paid, to_pay-paid`, id, amount.Amount, amount.Currency).Scan(&paid, &left)
	if errors.Is(err, db.ErrNotFound) {
		return fault.Conflict("over_credit")
	}
	if err != nil {
		return err
	}
	if left == 0 && paid > 0 { // what had been paid in part is paid in full now
		if _, err := job.Enqueue(tx, job.Spec{Kind: JobPaid, Ref: id}); err != nil {
			return err
		}
	}
	if err := AddEvent(tx, id, "credited", true, map[string]string{"amount": itoa(amount.Amount), "currency": amount.Currency}); err != nil {
		return err
	}
	var first int64
	if err := tx.QueryRow(`SELECT number FROM order_document WHERE order_id=$1 AND kind IN ('receipt','invoice') ORDER BY id LIMIT 1`, id).Scan(&first); err != nil {
		return err
	}
	if err := Touch(tx, id); err != nil {
		return err
	}
	return document(tx, id, "credit_note", first, amount.Neg(), vat, reason)
}
