package payment

import (
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
)

// Payout is what a provider says that it paid to the shop's account.
type Payout struct {
	Method, Payout string
	Amount         money.Money
	At             time.Time
	Line           db.ID // that shows it on the account; 0: not seen yet
}

func scanPayout(r interface{ Scan(...any) error }) (p Payout, err error) {
	err = r.Scan(&p.Method, &p.Payout, &p.Amount.Amount, &p.Amount.Currency, &p.At, &p.Line)
	return
}

const payoutCols = `method, payout, amount, currency, at, COALESCE(line_id,0)`

// NotePayout keeps what a provider says of a payout; a second time changes nothing.
func NotePayout(tx *db.Tx, p Payout) error {
	_, err := tx.Exec(`INSERT INTO payment_payout (method, payout, amount, currency, at) VALUES ($1,$2,$3,$4,$5) ON CONFLICT (method, payout) DO NOTHING`, p.Method, p.Payout, p.Amount.Amount, p.Amount.Currency, p.At)
	return err
}

// PayoutByName finds a payout by the provider's name of it. db.ErrNotFound.
func PayoutByName(q db.Q, name string) (Payout, error) {
	return scanPayout(q.QueryRow(`SELECT `+payoutCols+` FROM payment_payout WHERE payout=$1 ORDER BY method LIMIT 1`, name))
}

// PayoutSeen ties a payout to the line of the account that shows it.
func PayoutSeen(tx *db.Tx, name string, line db.ID) error {
	return tx.ExecOne(`UPDATE payment_payout SET line_id=$2 WHERE payout=$1 AND line_id IS NULL`, name, line)
}

// PayoutsUnseen lists payouts older than t that no statement has shown.
func PayoutsUnseen(q db.Q, t time.Time, n int) ([]Payout, error) {
	return db.All(q, func(r *db.Rows) (Payout, error) { return scanPayout(r) }, `SELECT `+payoutCols+` FROM payment_payout WHERE line_id IS NULL AND at < $1 ORDER BY at LIMIT $2`, t, n)
}
