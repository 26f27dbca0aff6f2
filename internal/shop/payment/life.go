package payment

import (
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
)

// Try is money that is asked to move, and how often that was tried.
type Try struct {
	ID       db.ID
	Intent   db.ID
	Purchase db.ID // in lists of many
	Kind     string
	Amount   money.Money
	State    string // asked, done, refused
	Code     string // the provider's own
	Reason   string
	Attempts int64
	At       time.Time
	Next     time.Time // when it is tried again; zero: not any more
}

func scanTry(kind string) func(r *db.Rows) (Try, error) {
	return func(r *db.Rows) (x Try, err error) {
		x.Kind = kind
		err = r.Scan(&x.ID, &x.Intent, &x.Purchase, &x.Amount.Amount, &x.Amount.Currency, &x.State, &x.Code, &x.Reason, &x.Attempts, &x.At, &x.Next)
		return
	}
}

// TriesOf lists the refunds and captures that were asked for of a payment, the refunds
// first, each kind oldest first.
func TriesOf(q db.Q, intent db.ID) ([]Try, error) {
	back, err := db.All(q, scanTry("refund"), `SELECT r.id, r.intent_id, i.purchase_id, r.amount, r.currency, r.state, r.code, r.reason, r.attempts, r.created_at, r.next_at FROM payment_refund r JOIN payment_intent i ON i.id=r.intent_id WHERE r.intent_id=$1 ORDER BY r.id`, intent)
	if err != nil {
		return nil, err
	}
	in, err := db.All(q, scanTry("capture"), `SELECT t.id, t.intent_id, i.purchase_id, t.amount, t.currency, t.state, t.code, t.reason, t.attempts, t.created_at, t.next_at FROM payment_take t JOIN payment_intent i ON i.id=t.intent_id WHERE t.intent_id=$1 ORDER BY t.id`, intent)
	return append(back, in...), err
}

// OpenTries lists the refunds and captures that are asked for and not done, each kind
// with what is due first on top, at most n of each.
func OpenTries(q db.Q, n int) ([]Try, error) {
	back, err := db.All(q, scanTry("refund"), `SELECT r.id, r.intent_id, i.purchase_id, r.amount, r.currency, r.state, r.code, r.reason, r.attempts, r.created_at, r.next_at FROM payment_refund r JOIN payment_intent i ON i.id=r.intent_id WHERE r.state='asked' ORDER BY r.next_at LIMIT $1`, n)
	if err != nil {
		return nil, err
	}
	in, err := db.All(q, scanTry("capture"), `SELECT t.id, t.intent_id, i.purchase_id, t.amount, t.currency, t.state, t.code, t.reason, t.attempts, t.created_at, t.next_at FROM payment_take t JOIN payment_intent i ON i.id=t.intent_id WHERE t.state='asked' ORDER BY t.next_at LIMIT $1`, n)
	return append(back, in...), err
}

// CountTries counts what OpenTries lists, without a limit.
func CountTries(q db.Q) (refunds, captures int64, err error) {
	if err = q.QueryRow(`SELECT count(*) FROM payment_refund WHERE state='asked'`).Scan(&refunds); err != nil {
		return
	}
	err = q.QueryRow(`SELECT count(*) FROM payment_take WHERE state='asked'`).Scan(&captures)
	return
}

// Reserved lists payments with money that is authorised and not taken, the one whose
// reservation ends first on top.
func Reserved(q db.Q, n int) ([]Intent, error) {
	return db.All(q, func(r *db.Rows) (Intent, error) { return scanIntent(r) }, `SELECT `+intentCols+` FROM payment_intent WHERE auth_until IS NOT NULL ORDER BY auth_until LIMIT $1`, n)
}

// CountReserved counts them.
func CountReserved(q db.Q) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM payment_intent WHERE auth_until IS NOT NULL`).Scan(&n)
	return
}

// Event is a notification that came in.
type Event struct {
	ID string
	At time.Time
}

// EventsOf lists the notifications about a payment, oldest first, 200 at most.
func EventsOf(q db.Q, i Intent) ([]Event, error) {
	return db.All(q, func(r *db.Rows) (e Event, err error) { err = r.Scan(&e.ID, &e.At); return }, `SELECT event_id, received_at FROM payment_event WHERE method=$1 AND reference=$2 ORDER BY received_at LIMIT 200`, i.Method, i.Reference)
}

// Entries lists the ledger of a payment, in the order it was entered.
func Entries(q db.Q, intent db.ID) ([]Entry, error) {
	return db.All(q, func(r *db.Rows) (Entry, error) { return scanEntry(r) }, `SELECT `+entryCols+` FROM payment_entry WHERE intent_id=$1 ORDER BY id`, intent)
}
