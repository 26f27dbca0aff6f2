package payment

import (
	"encoding/json"
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
)

var (
	fieldLine  = secret.Register("payment.bankline", "to find out whose payment to the shop's account it is")
	fieldDraft = secret.Register("payment.bankdraft", "a bank's file between its preview and its import")
)

// BankFile is a bank's file that was taken in.
type BankFile struct {
	ID       db.ID
	Hash     []byte
	Format   string
	Version  string
	Message  string
	Accounts string
	Made     time.Time // by the bank
	Report   json.RawMessage
	Whole    bool // all of it is in
	Author   string
	At       time.Time
}

const bankfileCols = `id, hash, format, version, message, accounts, made_at, report, whole, author, created_at`

func scanBankFile(r interface{ Scan(...any) error }) (f BankFile, err error) {
	var rep string
	err = r.Scan(&f.ID, &f.Hash, &f.Format, &f.Version, &f.Message, &f.Accounts, &f.Made, &rep, &f.Whole, &f.Author, &f.At)
	f.Report = json.RawMessage(rep)
	return
}

// BankFileByHash finds a file that was taken in, or begun. db.ErrNotFound.
func BankFileByHash(q db.Q, hash []byte) (BankFile, error) {
	return scanBankFile(q.QueryRow(`SELECT `+bankfileCols+` FROM payment_bankfile WHERE hash=$1`, hash))
}

// BankFileByID reads a file. db.ErrNotFound.
func BankFileByID(q db.Q, id db.ID) (BankFile, error) {
	return scanBankFile(q.QueryRow(`SELECT `+bankfileCols+` FROM payment_bankfile WHERE id=$1`, id))
}

// BankFiles lists the files, newest first.
func BankFiles(q db.Q, before db.ID, n int) ([]BankFile, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	return db.All(q, func(r *db.Rows) (BankFile, error) { return scanBankFile(r) }, `SELECT `+bankfileCols+` FROM payment_bankfile WHERE id < $1 ORDER BY id DESC LIMIT $2`, before, n)
}

// LockBank makes those who take files in take turns, on PostgreSQL too: what one reads
// of the lines, no other is writing.
func LockBank(tx *db.Tx) error {
	_, err := tx.Exec(`INSERT INTO payment_window (method, done_until, looked_at, found, trouble) VALUES ('bankfile',$1,$1,0,'') ON CONFLICT (method) DO UPDATE SET looked_at=$1`, tx.Now())
	return err
}

// BeginBankFile notes that a file is being taken in. A second time it finds the
// first: a file that broke off goes on.
func BeginBankFile(tx *db.Tx, f BankFile) (BankFile, error) {
	f.ID, f.At = tx.NewID(), tx.Now()
	if _, err := tx.Exec(`INSERT INTO payment_bankfile (id, hash, format, version, message, accounts, made_at, report, whole, author, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7,'{}',0,$8,$9) ON CONFLICT (hash) DO NOTHING`,
		f.ID, f.Hash, f.Format, f.Version, f.Message, f.Accounts, f.Made, f.Author, f.At); err != nil {
		return BankFile{}, err
	}
	return BankFileByHash(tx, f.Hash)
}

// EndBankFile notes that all of a file is in, with its report.
func EndBankFile(tx *db.Tx, id db.ID, report any) error {
	b, err := json.Marshal(report)
	if err != nil {
		return err
	}
	return tx.ExecOne(`UPDATE payment_bankfile SET whole=1, report=$2 WHERE id=$1`, id, string(b))
}

// BankStatement is what a statement says of its place among the others.
type BankStatement struct {
	Account, Statement string
	Number, Page       int64
	Opening, Closing   *int64 // minor units; nil: not told
	Currency           string
	From, To           time.Time
}

// EnterStatement notes a statement and returns the one before it, if that is known.
func EnterStatement(tx *db.Tx, file db.ID, s BankStatement) (before BankStatement, known bool, err error) {
	var o, c any
	if s.Opening != nil {
		o = *s.Opening
	}
	if s.Closing != nil {
		c = *s.Closing
	}
	if _, err = tx.Exec(`INSERT INTO payment_bankstatement (id, file_id, account, statement, number, page, opening, closing, currency, from_on, to_on) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11) ON CONFLICT (account, statement, number, page) DO NOTHING`,
		tx.NewID(), file, s.Account, s.Statement, s.Number, s.Page, o, c, s.Currency, s.From, s.To); err != nil || s.Number == 0 {
		return BankStatement{}, false, err
	}
	var cl *int64
	err = tx.QueryRow(`SELECT number, closing, currency FROM payment_bankstatement WHERE account=$1 AND number < $2 AND number > 0 ORDER BY number DESC LIMIT 1`, s.Account, s.Number).Scan(&before.Number, &cl, &before.Currency)
	if errors.Is(err, db.ErrNotFound) {
		return BankStatement{}, false, nil
	}
	before.Closing = cl
	return before, err == nil, err
}

// Kinds of a BankLine.
const (
	LineIn   = "in"   // money to the shop
	LineOut  = "out"  // money from it that may be a refund
	LineBack = "back" // a payment to the shop that the bank took back
)

// States of a BankLine.
const (
	LineOpen     = "open"      // somebody must decide
	LineSettled  = "settled"   // all of it is payment of orders
	LineKnown    = "known"     // the same money is entered already
	LineRefund   = "refund"    // a refund of ours, as the bank saw it
	LinePayout   = "payout"    // what a payment company paid out
	LineForeign  = "foreign"   // staff say that it is not about an order
	LinePayback  = "payback"   // staff say that it goes back to who paid
	LinePaidBack = "paid_back" // and it has
	LineSplit    = "split"     // later told payment by payment
)

// BankLine is one payment on the shop's account.
type BankLine struct {
	ID, File    db.ID
	Account     string
	Format      string
	Entry, Part string // keys
	EntryAmount int64
	Parts       int64
	Kind        string
	Amount      money.Money
	Settled     money.Money // entered on orders
	On          time.Time   // day
	Reference   string      // the OCR number, or what comes nearest to one; no free text
	State       string
	Reason      string // why it is open; why staff decided
	Order       db.ID  // that it was entered on, or may be about
	Twin        db.ID  // a line that may be the same money
	Refund      db.ID
	Person      db.ID
	Note        string
	Author      string
	At, Changed time.Time
	Version     int64
	sealed      []byte
}

// Rest is what nobody has decided about.
func (l BankLine) Rest() money.Money {
	return money.New(l.Amount.Amount-l.Settled.Amount, l.Amount.Currency)
}

// LineDetails are what the bank tells of who paid and why. They are sealed, and kept
// only until somebody has decided.
type LineDetails struct {
	Payer string   `json:"payer,omitempty"`
	From  string   `json:"from,omitempty"`
	Text  []string `json:"text,omitempty"`
	Refs  []string `json:"refs,omitempty"`
}

const lineCols = `id, file_id, account, format, entry_key, part_key, entry_amount, parts, kind, amount, settled, currency, booked_on, reference, state, reason, COALESCE(order_id,0), COALESCE(twin_id,0), COALESCE(refund_id,0), COALESCE(person_id,0), note, author, created_at, changed_at, version, details`

func scanLine(r interface{ Scan(...any) error }) (l BankLine, err error) {
	err = r.Scan(&l.ID, &l.File, &l.Account, &l.Format, &l.Entry, &l.Part, &l.EntryAmount, &l.Parts, &l.Kind, &l.Amount.Amount, &l.Settled.Amount, &l.Amount.Currency, &l.On, &l.Reference, &l.State, &l.Reason,
		&l.Order, &l.Twin, &l.Refund, &l.Person, &l.Note, &l.Author, &l.At, &l.Changed, &l.Version, &l.sealed)
	l.Settled.Currency = l.Amount.Currency
	return
}

func listLines(q db.Q, text string, args ...any) ([]BankLine, error) {
	return db.All(q, func(r *db.Rows) (BankLine, error) { return scanLine(r) }, text, args...)
}

// EnterLine stores a line. It is an error to store the same part of an entry twice:
// look with LinesOfEntry first.
func EnterLine(tx *db.Tx, v *secret.Vault, l BankLine, d *LineDetails) (BankLine, error) {
	l.ID, l.At, l.Changed, l.Version = tx.NewID(), tx.Now(), tx.Now(), 1
	var sealed any
	if d != nil {
		p, err := v.NewPerson(tx)
		if err != nil {
			return l, err
		}
		l.Person = p.ID
		if l.sealed, err = secret.SealJSON(v, tx, p.ID, fieldLine, l.ID, *d); err != nil {
			return l, err
		}
		sealed = l.sealed
	}
	_, err := tx.Exec(`INSERT INTO payment_bankline (id, file_id, account, format, entry_key, part_key, entry_amount, parts, kind, amount, settled, currency, booked_on, reference, state, reason, order_id, twin_id, refund_id, person_id, details, note, author, created_at, changed_at, version)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$24,1)`,
		l.ID, l.File, l.Account, l.Format, l.Entry, l.Part, l.EntryAmount, l.Parts, l.Kind, l.Amount.Amount, l.Settled.Amount, l.Amount.Currency, l.On, l.Reference, l.State, l.Reason,
		orNull(l.Order), orNull(l.Twin), orNull(l.Refund), orNull(l.Person), sealed, l.Note, l.Author, l.At)
	return l, err
}

func orNull(id db.ID) any {
	if id == 0 {
		return nil
	}
	return id
}

// SaveLine writes what was decided about a line, if nobody else has in the meantime:
// db.ErrConflict. Details of who paid go when they are not needed any more.
func SaveLine(tx *db.Tx, v *secret.Vault, l BankLine) error {
	keep := l.State == LineOpen || l.State == LinePayback
	if !keep && l.Person != 0 {
		if err := v.Erase(tx, l.Person); err != nil {
			return err
		}
	}
	return tx.ExecOne(`UPDATE payment_bankline SET settled=$3, state=$4, reason=$5, order_id=$6, twin_id=$7, refund_id=$8, note=$9, author=$10, changed_at=$11, version=version+1,
		details=CASE WHEN $12=1 THEN details ELSE NULL END, person_id=CASE WHEN $12=1 THEN person_id ELSE NULL END WHERE id=$1 AND version=$2`,
		l.ID, l.Version, l.Settled.Amount, l.State, l.Reason, orNull(l.Order), orNull(l.Twin), orNull(l.Refund), l.Note, l.Author, tx.Now(), keep)
}

// LineByID reads a line. db.ErrNotFound.
func LineByID(q db.Q, id db.ID) (BankLine, error) {
	return scanLine(q.QueryRow(`SELECT `+lineCols+` FROM payment_bankline WHERE id=$1`, id))
}

// Details opens what the bank tells of a line, to who brings leave to: matching, or
// staff who have opened it. A 403 fault "masked" otherwise. ok is false when nothing is kept.
func (l BankLine) Details(q db.Q, v *secret.Vault, leave auth.Opened) (d LineDetails, ok bool, err error) {
	if len(l.sealed) == 0 {
		return d, false, nil
	}
	if err := leave.Need(l.Person, "bankline", l.ID); err != nil {
		return d, false, err
	}
	return l.details(q, v)
}

// Seen is what the bank tells of a line as the office may see it: of who paid the
// initials, unless he is opened. What strangers wrote to their payment is hidden with him: it holds names as
// often as not. known is false when nothing is kept.
func (l BankLine) Seen(q db.Q, v *secret.Vault, leave auth.Opened) (d LineDetails, known, open bool, err error) {
	if d, known, err = l.details(q, v); err != nil || !known {
		return LineDetails{}, false, false, err
	}
	if leave.Opens(l.Person, "bankline", l.ID) {
		return d, true, true, nil
	}
	return LineDetails{Payer: datamap.MaskName(d.Payer)}, true, false, nil
}

func (l BankLine) details(q db.Q, v *secret.Vault) (d LineDetails, ok bool, err error) {
	if len(l.sealed) == 0 {
		return d, false, nil
	}
	d, err = secret.OpenJSON[LineDetails](v, q, l.Person, fieldLine, l.ID, l.sealed)
	return d, err == nil, err
}

// LinesOfEntry are the parts of a movement that are known.
func LinesOfEntry(q db.Q, entry string) ([]BankLine, error) {
	return listLines(q, `SELECT `+lineCols+` FROM payment_bankline WHERE entry_key=$1 ORDER BY id`, entry)
}

// LinesOfOrder are the lines that were entered on an order, or may be about it.
func LinesOfOrder(q db.Q, order db.ID) ([]BankLine, error) {
	return listLines(q, `SELECT `+lineCols+` FROM payment_bankline WHERE order_id=$1 ORDER BY id LIMIT 100`, order)
}

// LinesOfSum are the lines of movements of a day with that amount.
func LinesOfSum(q db.Q, on time.Time, amount int64) ([]BankLine, error) {
	return listLines(q, `SELECT `+lineCols+` FROM payment_bankline WHERE booked_on=$1 AND entry_amount=$2 ORDER BY id LIMIT 100`, on, amount)
}

// LinesOfFile lists what a file brought, in its order.
func LinesOfFile(q db.Q, file, after db.ID, n int) ([]BankLine, error) {
	return listLines(q, `SELECT `+lineCols+` FROM payment_bankline WHERE file_id=$1 AND id > $2 ORDER BY id LIMIT $3`, file, after, n)
}

// OpenLines lists what somebody must decide about or pay back, oldest first.
func OpenLines(q db.Q, after db.ID, n int) ([]BankLine, error) {
	return listLines(q, `SELECT `+lineCols+` FROM payment_bankline WHERE state IN ('open','payback') AND id > $1 ORDER BY id LIMIT $2`, after, n)
}

// CountOpenLines counts what OpenLines lists.
func CountOpenLines(q db.Q) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM payment_bankline WHERE state IN ('open','payback')`).Scan(&n)
	return
}

// LineOfRefund is the line that shows a refund. db.ErrNotFound.
func LineOfRefund(q db.Q, refund db.ID) (BankLine, error) {
	return scanLine(q.QueryRow(`SELECT `+lineCols+` FROM payment_bankline WHERE refund_id=$1`, refund))
}

// RefundByKey finds a refund by the key under which it was asked for. db.ErrNotFound.
func RefundByKey(q db.Q, key string) (RefundRow, error) {
	return scanRefund(q.QueryRow(`SELECT `+refundCols+` FROM payment_refund WHERE idem_key=$1`, key))
}

// NewDraft keeps a file between its preview and its import, sealed, and forgets those
// of yesterday.
func NewDraft(tx *db.Tx, v *secret.Vault, content []byte, author string) (db.ID, error) {
	if err := SweepDrafts(tx, v, tx.Now().Add(-24*time.Hour)); err != nil {
		return 0, err
	}
	p, err := v.NewPerson(tx)
	if err != nil {
		return 0, err
	}
	id := tx.NewID()
	sealed, err := v.Seal(tx, p.ID, fieldDraft, id, content)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(`INSERT INTO payment_bankdraft (id, person_id, content, author, created_at) VALUES ($1,$2,$3,$4,$5)`, id, p.ID, sealed, author, tx.Now())
	return id, err
}

// Draft opens a file that waits. db.ErrNotFound.
func Draft(q db.Q, v *secret.Vault, id db.ID) ([]byte, error) {
	var person db.ID
	var sealed []byte
	if err := q.QueryRow(`SELECT person_id, content FROM payment_bankdraft WHERE id=$1`, id).Scan(&person, &sealed); err != nil {
		return nil, err
	}
	return v.Open(q, person, fieldDraft, id, sealed)
}

// DropDraft forgets a file; a second time is no error.
func DropDraft(tx *db.Tx, v *secret.Vault, id db.ID) error {
	return dropDrafts(tx, v, `SELECT id, person_id FROM payment_bankdraft WHERE id=$1`, id)
}

// SweepDrafts forgets the files that nobody took in before t.
func SweepDrafts(tx *db.Tx, v *secret.Vault, t time.Time) error {
	return dropDrafts(tx, v, `SELECT id, person_id FROM payment_bankdraft WHERE created_at < $1 LIMIT 20`, t)
}

func dropDrafts(tx *db.Tx, v *secret.Vault, text string, arg any) error {
	type row struct{ id, person db.ID }
	rows, err := db.All(tx, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.person); return }, text, arg)
	if err != nil {
		return err
	}
	for _, x := range rows {
		if err := v.Erase(tx, x.person); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM payment_bankdraft WHERE id=$1`, x.id); err != nil {
			return err
		}
	}
	return nil
}

// Span is a stretch of days that a statement covers.
type Span struct{ From, To time.Time }

// StatementSpans lists what the statements of a format cover that end after since.
func StatementSpans(q db.Q, format string, since time.Time) ([]Span, error) {
	return db.All(q, func(r *db.Rows) (s Span, err error) { err = r.Scan(&s.From, &s.To); return },
		`SELECT s.from_on, s.to_on FROM payment_bankstatement s JOIN payment_bankfile f ON f.id=s.file_id WHERE s.to_on >= $1 AND s.from_on IS NOT NULL AND f.format=$2 ORDER BY s.to_on DESC LIMIT 500`, since, format)
}
