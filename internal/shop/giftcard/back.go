package giftcard

import (
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
)

// Back is money that goes back to the cards that paid a purchase.
type Back struct {
	Purchase, Order db.ID
	Amount          money.Money
	Ref             db.ID // of the refund: once for each
	Reason          string
}

// JobMove gives the buyer a new card for what went back to one that had ended; Ref is
// the entry.
const JobMove = "giftcard.move"

// Refund puts money back where it came from: each card gets at most what the purchase
// used of it. To a card that was cancelled or is past its time it goes too, and from there, by
// JobMove, to a new one that is mailed to the buyer. 409 over_refund when less was used than is to go
// back. The caller has taken the order's row and recorded the act.
func Refund(tx *db.Tx, by auth.By, in Back) error {
	us, err := uses(tx, in.Purchase)
	if err != nil {
		return err
	}
	left := in.Amount.Amount
	if left <= 0 {
		return errors.New("giftcard: refund of nothing")
	}
	for _, u := range us {
		n := min(left, u.amount-u.refunded)
		if n <= 0 {
			continue
		}
		got, err := tx.Exec(`UPDATE giftcard_hold SET refunded=refunded+$3 WHERE purchase_id=$1 AND card_id=$2 AND state='used' AND refunded+$3 <= amount`, in.Purchase, u.card.ID, n)
		if err != nil {
			return err
		}
		if got != 1 {
			return fault.Conflict("over_refund")
		}
		if err := in.give(tx, by, u.card.ID, n); err != nil {
			return err
		}
		left -= n
	}
	if left > 0 {
		return fault.Conflict("over_refund")
	}
	return nil
}

func (in Back) give(tx *db.Tx, by auth.By, card db.ID, n int64) error {
	var state string
	var expires time.Time
	if err := tx.QueryRow(`UPDATE giftcard_card SET balance=balance+$2, version=version+1, changed_at=$3 WHERE id=$1 RETURNING state, expires_at`, card, n, tx.Now()).Scan(&state, &expires); err != nil {
		return err
	}
	id, err := (Entry{Card: card, Kind: "refund", Amount: n, Ref: "refund " + in.Ref.String(), Order: in.Order, Note: in.Reason}).write(tx, by)
	if err != nil {
		return err
	}
	kind := JobBack
	if state != Active || !tx.LegalNow().Before(expires) {
		kind = JobMove
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: kind, Ref: id})
	return err
}

// Move issues a new card, good for years, for what went back to one that had ended, and
// has it mailed to the buyer of the order. Once for each entry.
func Move(tx *db.Tx, v *secret.Vault, entry db.ID, years int64) error {
	by := auth.System(JobMove)
	e, err := EntryByID(tx, entry)
	if err != nil {
		return err
	}
	old, err := ByID(tx, e.Card)
	if err != nil {
		return err
	}
	ref := "moved " + entry.String()
	var done int
	if err := tx.QueryRow(`SELECT count(*) FROM giftcard_entry WHERE card_id=$1 AND kind='cancel' AND ref=$2`, e.Card, ref).Scan(&done); err != nil || done > 0 {
		return err
	}
	n, err := tx.Exec(`UPDATE giftcard_card SET balance=balance-$2, version=version+1, changed_at=$3 WHERE id=$1 AND balance-held >= $2`, e.Card, e.Amount, tx.Now())
	if err != nil || n != 1 { // staff have ended it since, with what had come back
		return err
	}
	fresh := Card{Origin: OfRefund, Order: e.Order, Issued: money.New(e.Amount, old.Issued.Currency), Lang: old.Lang, Reason: "instead of " + old.Last4, Expires: tx.LegalNow().AddDate(int(years), 0, 0)}
	if _, err := fresh.insert(tx, v, 0); err != nil {
		return err
	}
	// The unique key of this row is what makes it once, should two workers come here.
	if _, err := (Entry{Card: e.Card, Kind: "cancel", Amount: -e.Amount, Ref: ref, Order: e.Order, Note: "to " + fresh.Last4}).write(tx, by); err != nil {
		return err
	}
	if _, err := (Entry{Card: fresh.ID, Kind: "issue", Amount: e.Amount, Ref: "refund", Order: e.Order, Note: "instead of " + old.Last4}).write(tx, by); err != nil {
		return err
	}
	if err := by.Record(tx, "gift_card.issue", "gift_card", fresh.ID, "", fresh.Issued.String()+" instead of one that had ended"); err != nil {
		return err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobIssued, Ref: fresh.ID})
	return err
}

// Unspent counts, of the cards of an order line, those of which nothing was used or is
// held: their pieces can go back.
// An ended card has no balance beyond what is held.
func Unspent(q db.Q, line db.ID) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM giftcard_card WHERE line_id=$1 AND held=0 AND balance=issued`, line).Scan(&n)
	return
}

// Used is the code of a refund of a card that has paid something since.
const Used = "gift_card_used"

func errUsed() error { return fault.Conflict(Used) }

// Close ends n cards of an order line because their price goes back: whole cards of
// which nothing was used, each by one conditional update. 409 gift_card_used when there are
// fewer.
func Close(tx *db.Tx, by auth.By, line db.ID, n int64) error {
	ids, err := db.All(tx, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
		`SELECT id FROM giftcard_card WHERE line_id=$1 AND held=0 AND balance=issued ORDER BY id`, line)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if n == 0 {
			break
		}
		var issued int64
		err := tx.QueryRow(`UPDATE giftcard_card SET state='cancelled', balance=0, version=version+1, changed_at=$2 WHERE id=$1 AND state='active' AND held=0 AND balance=issued RETURNING issued`, id, tx.Now()).Scan(&issued)
		if errors.Is(err, db.ErrNotFound) {
			continue // used in the meantime
		}
		if err != nil {
			return err
		}
		if _, err := (Entry{Card: id, Kind: "return", Amount: -issued, Ref: "whole"}).write(tx, by); err != nil {
			return err
		}
		if err := by.Record(tx, "gift_card.return", "gift_card", id, Active, Cancelled); err != nil {
			return err
		}
		n--
	}
	if n > 0 {
		return errUsed()
	}
	return nil
}

// Bought is what the cards that an order bought are worth to somebody: issued, and not
// taken back since. So much of the order's money cannot go back beside them.
func Bought(q db.Q, order db.ID) (n int64, err error) {
	err = q.QueryRow(`SELECT COALESCE(CAST(sum(c.issued) AS BIGINT),0) + COALESCE((SELECT CAST(sum(e.amount) AS BIGINT) FROM giftcard_entry e JOIN giftcard_card d ON d.id=e.card_id
		WHERE d.order_id=$1 AND d.origin='sold' AND e.kind='return'),0) FROM giftcard_card c WHERE c.order_id=$1 AND c.origin='sold'`, order).Scan(&n)
	return
}

// TakeBack lowers the cards that an order bought by a sum whose price goes back, the
// unspent part of one after the other; a card without a rest ends. 409 gift_card_used when
// less is left on them.
func TakeBack(tx *db.Tx, by auth.By, order db.ID, amount int64, ref db.ID) error {
	cards, err := OfOrder(tx, order)
	if err != nil {
		return err
	}
	for _, c := range cards {
		n := min(amount, c.Left().Amount)
		if n <= 0 || c.State != Active {
			continue
		}
		got, err := tx.Exec(`UPDATE giftcard_card SET balance=balance-$2, state=CASE WHEN balance=$2 THEN 'cancelled' ELSE state END, version=version+1, changed_at=$3
			WHERE id=$1 AND state='active' AND balance-held >= $2`, c.ID, n, tx.Now())
		if err != nil {
			return err
		}
		if got != 1 {
			return errUsed() // used between the two: the caller tries anew
		}
		if _, err := (Entry{Card: c.ID, Kind: "return", Amount: -n, Ref: "refund " + ref.String()}).write(tx, by); err != nil {
			return err
		}
		if err := by.Record(tx, "gift_card.return", "gift_card", c.ID, c.Balance.String(), money.New(c.Balance.Amount-n, c.Balance.Currency).String()); err != nil {
			return err
		}
		amount -= n
	}
	if amount > 0 {
		return errUsed()
	}
	return nil
}
