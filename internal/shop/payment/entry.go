package payment

import (
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
)

// Entry is a row of the ledger; it is never changed.
type Entry struct {
	ID     db.ID
	Kind   string // capture, refund
	Amount money.Money
	Ref    string    // once per intent and kind
	At     time.Time // when the money moved
}

func scanEntry(r interface{ Scan(...any) error }) (e Entry, err error) {
	err = r.Scan(&e.ID, &e.Kind, &e.Amount.Amount, &e.Amount.Currency, &e.Ref, &e.At)
	return
}

const entryCols = `id, kind, amount, currency, ref, at`

// Captures lists the money that came in for an intent, in the order it was entered.
func Captures(q db.Q, intent db.ID) ([]Entry, error) {
	return db.All(q, func(r *db.Rows) (Entry, error) { return scanEntry(r) }, `SELECT `+entryCols+` FROM payment_entry WHERE intent_id=$1 AND kind='capture' ORDER BY id`, intent)
}

// EntryByRef finds an entry by what names it. db.ErrNotFound.
func EntryByRef(q db.Q, intent db.ID, kind, ref string) (Entry, error) {
	return scanEntry(q.QueryRow(`SELECT `+entryCols+` FROM payment_entry WHERE intent_id=$1 AND kind=$2 AND ref=$3`, intent, kind, ref))
}
