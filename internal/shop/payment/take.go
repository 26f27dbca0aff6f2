package payment

import (
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
)

// Authorise notes that the provider has reserved the whole sum. A second time it
// only moves the end of the reservation.
func Authorise(tx *db.Tx, i Intent, until time.Time) error {
	return tx.ExecOne(`UPDATE payment_intent SET authorised=amount, auth_until=$2, changed_at=$3 WHERE id=$1`, i.ID, until, tx.Now())
}

// HeldUntil notes that a reservation ends at another time than was known.
func HeldUntil(tx *db.Tx, i Intent, until time.Time) error {
	return tx.ExecOne(`UPDATE payment_intent SET auth_until=$2, changed_at=$3 WHERE id=$1`, i.ID, until, tx.Now())
}

// Unauthorise notes that nothing is reserved any more: it was released, or it ended.
// What was taken stays taken.
func Unauthorise(tx *db.Tx, intent db.ID) error {
	return tx.ExecOne(`UPDATE payment_intent SET authorised=captured, auth_until=NULL, changed_at=$2 WHERE id=$1 AND taking=0`, intent, tx.Now())
}

// Takeable is what is reserved and not yet taken, or on its way.
func (i Intent) Takeable() money.Money {
	return money.New(max(0, i.Authorised.Amount-i.Captured.Amount-i.Taking.Amount), i.Amount.Currency)
}

// Surplus is the reason of a refund of money that came in and that the order never owed,
// because it had become smaller meanwhile: the order counts neither its coming nor its
// going.
const Surplus = "taken_after_cancel"

// TakeRow is a capture on its way.
type TakeRow struct {
	ID, Intent db.ID
	Amount     money.Money
	Whole      bool
	Reason     string
	Key        string
	State      string // asked, done, refused
	Code       string
	Attempts   int64
	At         time.Time
}

const takeCols = `id, intent_id, amount, currency, whole, reason, idem_key, state, code, attempts, created_at`

func scanTake(r interface{ Scan(...any) error }) (x TakeRow, err error) {
	err = r.Scan(&x.ID, &x.Intent, &x.Amount.Amount, &x.Amount.Currency, &x.Whole, &x.Reason, &x.Key, &x.State, &x.Code, &x.Attempts, &x.At)
	return
}

// AskTake asks for a part of what is reserved, or all: it counts against the
// reservation from now on; the provider is asked outside the transaction. 409
// over_capture when less is reserved, 422 for an amount that is none.
func AskTake(tx *db.Tx, i Intent, amount money.Money, whole bool, reason string) (db.ID, error) {
	if amount.Currency != i.Amount.Currency || amount.Amount <= 0 {
		var f fault.Fields
		f.Add("/amount", "bad_amount")
		return 0, f.Err()
	}
	n, err := tx.Exec(`UPDATE payment_intent SET taking=taking+$2, changed_at=$3 WHERE id=$1 AND authorised-captured-taking >= $2`, i.ID, amount.Amount, tx.Now())
	if err != nil {
		return 0, err
	}
	if n != 1 {
		return 0, fault.Conflict("over_capture")
	}
	id := tx.NewID()
	_, err = tx.Exec(`INSERT INTO payment_take (id, intent_id, amount, currency, whole, reason, idem_key, state, attempts, next_at, code, created_at, changed_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,'asked',0,$8,'',$8,$8)`, id, i.ID, amount.Amount, amount.Currency, whole, reason, "kv-c-"+id.String(), tx.Now())
	return id, err
}

// TakesDue reports whether DueTakes would find something.
func TakesDue(q db.Q) (bool, error) {
	var n int
	err := q.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM payment_take WHERE state='asked' AND next_at <= $1 LIMIT 1) x`, q.Now()).Scan(&n)
	return n > 0, err
}

// DueTakes claims captures whose time has come, as DueRefunds does.
func DueTakes(tx *db.Tx, n int) ([]TakeRow, error) {
	return db.All(tx, func(r *db.Rows) (TakeRow, error) { return scanTake(r) },
		`UPDATE payment_take SET attempts=attempts+1, next_at=$1, changed_at=$2
		WHERE id IN (SELECT id FROM payment_take WHERE state='asked' AND next_at <= $2 ORDER BY next_at LIMIT $3) AND state='asked' AND next_at <= $2
		RETURNING `+takeCols, tx.Now().Add(15*time.Second), tx.Now(), n)
}

// TakesOf lists the captures asked for, oldest first.
func TakesOf(q db.Q, intent db.ID) ([]TakeRow, error) {
	return db.All(q, func(r *db.Rows) (TakeRow, error) { return scanTake(r) }, `SELECT `+takeCols+` FROM payment_take WHERE intent_id=$1 ORDER BY id`, intent)
}

// FinishTake records the provider's answer; only the first final one has effect.
func FinishTake(tx *db.Tx, x TakeRow, s TakeStatus) (bool, error) {
	state := "done"
	if s.Refused {
		state = "refused"
	} else if !s.Done {
		return false, nil
	}
	n, err := tx.Exec(`UPDATE payment_take SET state=$2, code=$3, next_at=NULL, changed_at=$4 WHERE id=$1 AND state='asked'`, x.ID, state, clip(s.Code), tx.Now())
	if err != nil || n == 0 {
		return false, err
	}
	if s.Refused {
		return true, tx.ExecOne(`UPDATE payment_intent SET taking=taking-$2, changed_at=$3 WHERE id=$1`, x.Intent, x.Amount.Amount, tx.Now())
	}
	if _, err := tx.Exec(`INSERT INTO payment_entry (id, intent_id, kind, amount, currency, ref, at) VALUES ($1,$2,'capture',$3,$4,$5,$6)`,
		tx.NewID(), x.Intent, x.Amount.Amount, x.Amount.Currency, x.Key, tx.LegalNow()); err != nil {
		return false, err
	}
	// The end of a reservation stops to matter when nothing of it is left to take.
	return true, tx.ExecOne(`UPDATE payment_intent SET taking=taking-$2, captured=captured+$2, changed_at=$3,
		auth_until=CASE WHEN $4=1 OR captured+taking >= authorised THEN NULL ELSE auth_until END WHERE id=$1`, x.Intent, x.Amount.Amount, tx.Now(), x.Whole)
}

// ReservedUntil lists payments whose reservation ends before t with money still to
// take, the first to end first.
func ReservedUntil(q db.Q, t time.Time, n int) ([]Intent, error) {
	return db.All(q, func(r *db.Rows) (Intent, error) { return scanIntent(r) },
		`SELECT `+intentCols+` FROM payment_intent WHERE auth_until IS NOT NULL AND auth_until < $1 ORDER BY auth_until LIMIT $2`, t, n)
}
