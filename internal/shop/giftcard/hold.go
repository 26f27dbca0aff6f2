package giftcard

import (
	"errors"
	"slices"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/proof"
)

// Part is what one card pays of a purchase.
type Part struct {
	Card   db.ID
	Last4  string
	Amount money.Money
}

var system = auth.System("checkout")

// Hold keeps sums of cards for a purchase, all or none: 409 total_changed when one is
// not there any more. It is the one place that decides who gets the last krona.
func Hold(tx *db.Tx, purchase db.ID, parts []Part) error {
	if purchase <= 0 {
		return errors.New("giftcard: hold without a purchase")
	}
	for _, p := range sorted(parts) {
		if err := p.hold(tx, purchaseRef(purchase)); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO giftcard_hold (purchase_id, card_id, amount, state, refunded, at) VALUES ($1,$2,$3,'held',0,$4)`, purchase, p.Card, p.Amount.Amount, tx.Now()); err != nil {
			return err
		}
	}
	return nil
}

// Regain holds again what a purchase let go when it ended, because its money came after
// all: once, all or none. 409 total_changed when a sum is not there any more.
func Regain(tx *db.Tx, purchase db.ID, parts []Part) error {
	for _, p := range sorted(parts) {
		n, err := tx.Exec(`UPDATE giftcard_hold SET state='held' WHERE purchase_id=$1 AND card_id=$2 AND amount=$3 AND state='released'`, purchase, p.Card, p.Amount.Amount)
		if err != nil {
			return err
		}
		if n != 1 {
			return gone()
		}
		if err := p.hold(tx, purchaseRef(purchase)+" again"); err != nil {
			return err
		}
	}
	return nil
}

func (p Part) hold(tx *db.Tx, ref string) error {
	if p.Amount.Amount <= 0 {
		return errors.New("giftcard: hold of nothing")
	}
	if proof.Broken("gift") {
		return nil
	}
	n, err := tx.Exec(`UPDATE giftcard_card SET held=held+$2, version=version+1, changed_at=$5
		WHERE id=$1 AND state='active' AND currency=$3 AND expires_at > $4 AND balance-held >= $2`, p.Card, p.Amount.Amount, p.Amount.Currency, tx.LegalNow(), tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return gone() // the caller's closure fails, so what was held goes back
	}
	_, err = (Entry{Card: p.Card, Kind: "hold", Held: p.Amount.Amount, Ref: ref}).write(tx, system)
	return err
}

// sorted is one order of locks.
func sorted(parts []Part) []Part {
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b Part) int { return int(min(max(a.Card-b.Card, -1), 1)) })
	return parts
}

// Held is the sum that a purchase holds and has neither used nor let go.
func Held(q db.Q, purchase db.ID) (n int64, err error) {
	err = q.QueryRow(`SELECT COALESCE(CAST(sum(amount) AS BIGINT),0) FROM giftcard_hold WHERE purchase_id=$1 AND state='held'`, purchase).Scan(&n)
	return
}

// moved turns the purchase's holds from held to another state and tells which: only
// the call that moved them gets them.
func moved(tx *db.Tx, purchase db.ID, to string) ([]Part, error) {
	parts, err := db.All(tx, func(r *db.Rows) (p Part, err error) { err = r.Scan(&p.Card, &p.Amount.Amount); return },
		`UPDATE giftcard_hold SET state=$2 WHERE purchase_id=$1 AND state='held' RETURNING card_id, amount`, purchase, to)
	return sorted(parts), err
}

// Use pays with what the purchase holds, and returns the sum; 0 when it was used or
// let go before. A card that was cancelled meanwhile pays what it had promised.
func Use(tx *db.Tx, purchase, order db.ID) (sum int64, err error) {
	parts, err := moved(tx, purchase, "used")
	if err != nil {
		return 0, err
	}
	for _, p := range parts {
		n := p.Amount.Amount
		if err := tx.ExecOne(`UPDATE giftcard_card SET balance=balance-$2, held=held-$2, version=version+1, changed_at=$3 WHERE id=$1 AND held >= $2`, p.Card, n, tx.Now()); err != nil {
			return 0, err
		}
		if _, err := (Entry{Card: p.Card, Kind: "use", Amount: -n, Held: -n, Ref: purchaseRef(purchase), Order: order}).write(tx, system); err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Release lets the purchase's holds go. Releasing twice is harmless. What comes back
// to a card that was cancelled meanwhile goes the way of the rest of it.
func Release(tx *db.Tx, purchase db.ID) error {
	parts, err := moved(tx, purchase, "released")
	if err != nil {
		return err
	}
	for _, p := range parts {
		n := p.Amount.Amount
		var state string
		if err := tx.QueryRow(`UPDATE giftcard_card SET held=held-$2, version=version+1, changed_at=$3 WHERE id=$1 AND held >= $2 RETURNING state`, p.Card, n, tx.Now()).Scan(&state); err != nil {
			return errors.Join(errLost, err)
		}
		if _, err := (Entry{Card: p.Card, Kind: "release", Held: -n, Ref: purchaseRef(purchase)}).write(tx, system); err != nil {
			return err
		}
		if state != Cancelled {
			continue
		}
		if err := tx.ExecOne(`UPDATE giftcard_card SET balance=balance-$2 WHERE id=$1 AND balance-held >= $2`, p.Card, n); err != nil {
			return err
		}
		if _, err := (Entry{Card: p.Card, Kind: "cancel", Amount: -n, Ref: purchaseRef(purchase)}).write(tx, system); err != nil {
			return err
		}
	}
	return nil
}

// PaidBy lists what cards paid of a purchase, and what of it has gone back.
func PaidBy(q db.Q, purchase db.ID) (parts []Part, refunded int64, err error) {
	us, err := uses(q, purchase)
	for _, u := range us {
		parts = append(parts, Part{Card: u.card.ID, Last4: u.card.Last4, Amount: money.New(u.amount, u.card.Balance.Currency)})
		refunded += u.refunded
	}
	return parts, refunded, err
}

type use struct {
	card             Card
	amount, refunded int64
}

// uses are what a purchase used, in the order of the cards' keys.
func uses(q db.Q, purchase db.ID) ([]use, error) {
	us, err := db.All(q, func(r *db.Rows) (u use, err error) { err = r.Scan(&u.card.ID, &u.amount, &u.refunded); return },
		`SELECT card_id, amount, refunded FROM giftcard_hold WHERE purchase_id=$1 AND state='used' ORDER BY card_id`, purchase)
	if err != nil {
		return nil, err
	}
	for i := range us {
		if us[i].card, err = ByID(q, us[i].card.ID); err != nil {
			return nil, err
		}
	}
	return us, nil
}
