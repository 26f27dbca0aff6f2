package payment

import (
	"embed"
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/money"
	"kassavalv/internal/proof"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "payment", FS: migrationsFS}

// Intent is what is to be paid for one purchase.
type Intent struct {
	ID, Purchase                          db.ID
	Method, Reference, Key, ProviderRef   string
	Amount, Captured, Refunding, Refunded money.Money
	Authorised, Taking                    money.Money // of a payment that is taken after it is agreed
	AuthUntil                             time.Time   // when what is authorised ends; zero: not known, or nothing left
	Created                               time.Time
}

// Handle names the payment to its provider.
func (i Intent) Handle() Handle {
	return Handle{Reference: i.Reference, Ref: i.ProviderRef, Key: i.Key, Begun: i.Created}
}

// Refundable is what can still go back.
func (i Intent) Refundable() money.Money {
	return money.New(i.Captured.Amount-i.Refunding.Amount-i.Refunded.Amount, i.Amount.Currency)
}

// NewIntent stores the wish before anybody is asked for money. reference is
// what the provider repeats back to us; it must be unique.
func NewIntent(tx *db.Tx, purchase db.ID, method, reference string, amount money.Money) (Intent, error) {
	if purchase <= 0 || method == "" || reference == "" || amount.Currency == "" || amount.Amount < 0 {
		return Intent{}, errors.New("payment: incomplete intent")
	}
	zero := money.New(0, amount.Currency)
	i := Intent{ID: tx.NewID(), Purchase: purchase, Method: method, Reference: reference, Amount: amount, Captured: zero, Refunding: zero, Refunded: zero, Authorised: zero, Taking: zero, Created: tx.Now()}
	i.Key = "kv-" + i.ID.String()
	_, err := tx.Exec(`INSERT INTO payment_intent (id, purchase_id, method, reference, idem_key, amount, currency, captured, refunding, refunded, created_at, changed_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,0,0,0,$8,$8)`, i.ID, purchase, method, reference, i.Key, amount.Amount, amount.Currency, tx.Now())
	return i, err
}

const intentCols = `id, purchase_id, method, reference, idem_key, COALESCE(provider_ref,''), amount, captured, refunding, refunded, authorised, taking, auth_until, created_at, currency`

func scanIntent(r interface{ Scan(...any) error }) (i Intent, err error) {
	var cur string
	if err = r.Scan(&i.ID, &i.Purchase, &i.Method, &i.Reference, &i.Key, &i.ProviderRef, &i.Amount.Amount, &i.Captured.Amount, &i.Refunding.Amount, &i.Refunded.Amount,
		&i.Authorised.Amount, &i.Taking.Amount, &i.AuthUntil, &i.Created, &cur); err != nil {
		return Intent{}, err
	}
	i.Amount.Currency, i.Captured.Currency, i.Refunding.Currency, i.Refunded.Currency = cur, cur, cur, cur
	i.Authorised.Currency, i.Taking.Currency = cur, cur
	return i, nil
}

// OfPurchase reads the intent of a purchase. db.ErrNotFound when it has none.
func OfPurchase(q db.Q, purchase db.ID) (Intent, error) {
	return scanIntent(q.QueryRow(`SELECT `+intentCols+` FROM payment_intent WHERE purchase_id=$1`, purchase))
}

// ByReference reads the intent with our reference, for one method only.
func ByReference(q db.Q, method, reference string) (Intent, error) {
	if method == "" || reference == "" {
		return Intent{}, db.ErrNotFound
	}
	return scanIntent(q.QueryRow(`SELECT `+intentCols+` FROM payment_intent WHERE reference=$1 AND method=$2`, reference, method))
}

// ByProviderRef reads the intent with the provider's id, for one method only.
func ByProviderRef(q db.Q, method, ref string) (Intent, error) {
	if method == "" || ref == "" {
		return Intent{}, db.ErrNotFound
	}
	return scanIntent(q.QueryRow(`SELECT `+intentCols+` FROM payment_intent WHERE method=$1 AND provider_ref=$2`, method, ref))
}

// Bind keeps the provider's id of a payment. It is set once, and moves on only when the
// provider says that ref is what was was. Another id for the same intent is
// db.ErrConflict; the same id for another intent is an error.
func Bind(tx *db.Tx, intent db.ID, ref, was string) error {
	if ref == "" {
		return nil
	}
	return tx.ExecOne(`UPDATE payment_intent SET provider_ref=$2, changed_at=$3 WHERE id=$1 AND (provider_ref IS NULL OR provider_ref=$2 OR (provider_ref=$4 AND provider_ref <> ''))`,
		intent, ref, tx.Now(), was)
}

// Match checks a provider's answer against the intent. A false result means
// that the answer is about something else or about another sum, and must not
// count as payment.
func (i Intent) Match(s Status, live bool) bool {
	return i.Same(s, live) && (s.State != Captured || s.Captured.Equal(i.Amount))
}

// Same is Match for a payment of which a part may have been taken.
func (i Intent) Same(s Status, live bool) bool {
	return s.Reference == i.Reference && (i.ProviderRef == "" || i.ProviderRef == s.Ref || i.ProviderRef == s.Was) && s.Amount.Equal(i.Amount) && s.Live == live
}

// Owed reports whether a provider holds money of ours by this answer though the sum is
// not what was asked: our payment, our currency, our mode, and something taken.
func (i Intent) Owed(s Status, live bool) bool {
	return s.Reference == i.Reference && (i.ProviderRef == "" || i.ProviderRef == s.Ref) && s.Live == live && s.State == Captured &&
		s.Captured.Amount > 0 && s.Captured.Currency == i.Amount.Currency
}

// Capture enters money that came in. Entering the same money again changes
// nothing and reports false.
func Capture(tx *db.Tx, i Intent, amount money.Money, ref string) (bool, error) {
	return CaptureOn(tx, i, amount, ref, tx.LegalNow())
}

// CaptureOn is Capture of money that came at another time than now: what a bank
// account shows of an earlier day.
func CaptureOn(tx *db.Tx, i Intent, amount money.Money, ref string, at time.Time) (bool, error) {
	if amount.Currency != i.Amount.Currency || amount.Amount <= 0 || ref == "" {
		return false, errors.New("payment: bad capture")
	}
	n, err := tx.Exec(`INSERT INTO payment_entry (id, intent_id, kind, amount, currency, ref, at) VALUES ($1,$2,'capture',$3,$4,$5,$6) ON CONFLICT (intent_id, kind, ref) DO NOTHING`,
		tx.NewID(), i.ID, amount.Amount, amount.Currency, ref, at)
	if err != nil || n == 0 {
		return false, err
	}
	return true, tx.ExecOne(`UPDATE payment_intent SET captured=captured+$2, changed_at=$3 WHERE id=$1`, i.ID, amount.Amount, tx.Now())
}

// AskRefund reserves a refund: the amount counts against the capture from now
// on, the provider is asked outside the transaction. 409 over_refund when less
// than amount is left, 422 for an amount that is none.
func AskRefund(tx *db.Tx, i Intent, amount money.Money, reason string) (db.ID, error) {
	if amount.Currency != i.Amount.Currency || amount.Amount <= 0 {
		var f fault.Fields
		f.Add("/amount", "bad_amount")
		return 0, f.Err()
	}
	claim := amount.Amount
	if proof.Broken("overrefund") {
		claim = 0
	}
	n, err := tx.Exec(`UPDATE payment_intent SET refunding=refunding+$2, changed_at=$3 WHERE id=$1 AND captured-refunding-refunded >= $2`, i.ID, claim, tx.Now())
	if err != nil {
		return 0, err
	}
	if n != 1 {
		return 0, fault.Conflict("over_refund")
	}
	id := tx.NewID()
	_, err = tx.Exec(`INSERT INTO payment_refund (id, intent_id, amount, currency, reason, idem_key, state, attempts, next_at, code, created_at, changed_at)
		VALUES ($1,$2,$3,$4,$5,$6,'asked',0,$7,'',$7,$7)`, id, i.ID, amount.Amount, amount.Currency, reason, "kv-r-"+id.String(), tx.Now())
	return id, err
}

// RefundRow is a refund on its way.
type RefundRow struct {
	ID, Intent db.ID
	Amount     money.Money
	Reason     string
	Key        string
	State      string // asked, done, refused
	Attempts   int64
	At         time.Time
}

const refundCols = `id, intent_id, amount, currency, reason, idem_key, state, attempts, created_at`

func scanRefund(r interface{ Scan(...any) error }) (x RefundRow, err error) {
	err = r.Scan(&x.ID, &x.Intent, &x.Amount.Amount, &x.Amount.Currency, &x.Reason, &x.Key, &x.State, &x.Attempts, &x.At)
	return
}

// DueRefunds claims refunds whose time has come: each gets its next try set
// ahead, so that two workers do not ask at once.
func DueRefunds(tx *db.Tx, n int) ([]RefundRow, error) {
	return db.All(tx, func(r *db.Rows) (RefundRow, error) { return scanRefund(r) },
		`UPDATE payment_refund SET attempts=attempts+1, next_at=$1, changed_at=$2
		WHERE id IN (SELECT id FROM payment_refund WHERE state='asked' AND next_at <= $2 ORDER BY next_at LIMIT $3) AND state='asked' AND next_at <= $2
		RETURNING `+refundCols, tx.Now().Add(15*time.Second), tx.Now(), n)
}

// IntentByID reads one intent.
func IntentByID(q db.Q, id db.ID) (Intent, error) {
	return scanIntent(q.QueryRow(`SELECT `+intentCols+` FROM payment_intent WHERE id=$1`, id))
}

// RefundsOf lists the refunds of an intent, oldest first.
func RefundsOf(q db.Q, intent db.ID) ([]RefundRow, error) {
	return db.All(q, func(r *db.Rows) (RefundRow, error) { return scanRefund(r) }, `SELECT `+refundCols+` FROM payment_refund WHERE intent_id=$1 ORDER BY id`, intent)
}

// FinishRefund records the provider's answer; only the first call has effect.
func FinishRefund(tx *db.Tx, x RefundRow, s RefundStatus) (bool, error) {
	state := "done"
	if s.Refused {
		state = "refused"
	} else if !s.Done {
		return false, nil
	}
	n, err := tx.Exec(`UPDATE payment_refund SET state=$2, code=$3, next_at=NULL, changed_at=$4 WHERE id=$1 AND state='asked'`, x.ID, state, s.Code, tx.Now())
	if err != nil || n == 0 {
		return false, err
	}
	if s.Refused {
		return true, tx.ExecOne(`UPDATE payment_intent SET refunding=refunding-$2, changed_at=$3 WHERE id=$1`, x.Intent, x.Amount.Amount, tx.Now())
	}
	if _, err := tx.Exec(`INSERT INTO payment_entry (id, intent_id, kind, amount, currency, ref, at) VALUES ($1,$2,'refund',$3,$4,$5,$6)`,
		tx.NewID(), x.Intent, x.Amount.Amount, x.Amount.Currency, x.Key, tx.LegalNow()); err != nil {
		return false, err
	}
	return true, tx.ExecOne(`UPDATE payment_intent SET refunding=refunding-$2, refunded=refunded+$2, changed_at=$3 WHERE id=$1`, x.Intent, x.Amount.Amount, tx.Now())
}

// SeenEvent enters a notification in the inbox; false when it was there.
func SeenEvent(tx *db.Tx, method string, h Hint) (bool, error) {
	if h.EventID == "" {
		return false, errors.New("payment: event without id")
	}
	n, err := tx.Exec(`INSERT INTO payment_event (method, event_id, reference, received_at) VALUES ($1,$2,$3,$4) ON CONFLICT (method, event_id) DO NOTHING`,
		method, h.EventID, h.Reference, tx.Now())
	return n == 1, err
}

// HasEvent reports whether the notification was entered before.
func HasEvent(q db.Q, method, eventID string) (bool, error) {
	var n int
	err := q.QueryRow(`SELECT count(*) FROM payment_event WHERE method=$1 AND event_id=$2`, method, eventID).Scan(&n)
	return n > 0, err
}
