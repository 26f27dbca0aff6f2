package payment

import (
	"encoding/json"
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/money"
)

// Case is a difference between two books that somebody must look at. It names the
// payment by our own key of it, and holds nothing personal.
type Case struct {
	ID       db.ID
	Method   string
	Kind     string // of a Difference, or one of those below
	Subject  string // the row that it is about, ours or theirs
	State    string // open, agreed (the books agree again), closed (by a person)
	Purchase db.ID  // 0: none is known
	Facts    CaseFacts
	About    time.Time // when the money moved
	Opened   time.Time
	Seen     time.Time // the last comparison that found it
	Closed   time.Time
	Author   string
	Reason   string
	Version  int64
}

// Kinds of cases beside those of Compare.
const (
	NotOnAccount = "not_on_account" // recorded by hand, and no statement shows it
	PayoutUnseen = "payout_unseen"  // the provider says that it paid out, and no statement shows it
)

// CaseFacts are the two sides as they stood.
type CaseFacts struct {
	Kind   string    `json:"kind"` // capture, refund, chargeback, won, payout
	Ours   *CaseSide `json:"ours,omitempty"`
	Theirs *CaseSide `json:"theirs,omitempty"`
	Ref    string    `json:"ref,omitempty"` // the provider's payment id
}

// CaseSide is a row of a book.
type CaseSide struct {
	ID     string      `json:"id"`
	Amount money.Money `json:"amount"`
	State  string      `json:"state,omitempty"`
	At     time.Time   `json:"at,omitzero"`
}

const caseCols = `id, method, kind, subject, state, purchase_id, facts, about_at, opened_at, seen_at, closed_at, author, reason, version`

func scanCase(r interface{ Scan(...any) error }) (c Case, err error) {
	var facts string
	if err = r.Scan(&c.ID, &c.Method, &c.Kind, &c.Subject, &c.State, &c.Purchase, &facts, &c.About, &c.Opened, &c.Seen, &c.Closed, &c.Author, &c.Reason, &c.Version); err == nil {
		err = json.Unmarshal([]byte(facts), &c.Facts)
	}
	return
}

// Find enters a difference. One that is open is only seen again; one that had agreed
// is open again; one that a person has closed stays closed. fresh: it is open now and
// was not before.
func Find(tx *db.Tx, c Case) (fresh bool, err error) {
	b, err := json.Marshal(c.Facts)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`INSERT INTO payment_case (id, method, kind, subject, state, purchase_id, facts, about_at, opened_at, seen_at, author, reason, version) VALUES ($1,$2,$3,$4,'open',$5,$6,$7,$8,$8,'','',1) ON CONFLICT (method, kind, subject) DO NOTHING`,
		tx.NewID(), c.Method, c.Kind, c.Subject, c.Purchase, string(b), c.About, tx.Now())
	if err != nil || n == 1 {
		return n == 1, err
	}
	n, err = tx.Exec(`UPDATE payment_case SET state='open', seen_at=$4, opened_at=$4, closed_at=NULL, author='', facts=$5, version=version+1 WHERE method=$1 AND kind=$2 AND subject=$3 AND state='agreed'`, c.Method, c.Kind, c.Subject, tx.Now(), string(b))
	if err != nil || n == 1 {
		return n == 1, err
	}
	_, err = tx.Exec(`UPDATE payment_case SET seen_at=$4 WHERE method=$1 AND kind=$2 AND subject=$3`, c.Method, c.Kind, c.Subject, tx.Now())
	return false, err
}

// openCase is what Agree and OldestCase weigh; the open ones are few, and a person
// wants them fewer.
type openCase struct {
	id          db.ID
	method      string
	about, seen time.Time
}

func openCases(q db.Q) ([]openCase, error) {
	return db.All(q, func(r *db.Rows) (c openCase, err error) {
		err = r.Scan(&c.id, &c.method, &c.about, &c.seen)
		return
	}, `SELECT id, method, about_at, seen_at FROM payment_case WHERE state='open'`)
}

// Agree closes the cases of a method about money of [from, to) that no comparison has
// found since began. It returns how many.
func Agree(tx *db.Tx, method string, from, to, began time.Time) (int, error) {
	cs, err := openCases(tx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, c := range cs {
		if c.method != method || c.about.Before(from) || !c.about.Before(to) || !c.seen.Before(began) {
			continue
		}
		k, err := tx.Exec(`UPDATE payment_case SET state='agreed', closed_at=$2, author='reconcile', version=version+1 WHERE id=$1 AND state='open'`, c.id, tx.Now())
		if err != nil {
			return n, err
		}
		n += int(k)
	}
	return n, nil
}

// OldestCase is when the oldest money moved that an open case of a method is about;
// the zero time when there is none.
func OldestCase(q db.Q, method string) (oldest time.Time, err error) {
	cs, err := openCases(q)
	for _, c := range cs {
		if c.method == method && (oldest.IsZero() || c.about.Before(oldest)) {
			oldest = c.about
		}
	}
	return oldest, err
}

// Cases lists them, newest first: those that are open, or all.
func Cases(q db.Q, all bool, before db.ID, n int) ([]Case, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	where := `state='open' AND id < $1`
	if all {
		where = `id < $1`
	}
	return db.All(q, func(r *db.Rows) (Case, error) { return scanCase(r) }, `SELECT `+caseCols+` FROM payment_case WHERE `+where+` ORDER BY id DESC LIMIT $2`, before, n)
}

// CountCases counts the open ones.
func CountCases(q db.Q) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM payment_case WHERE state='open'`).Scan(&n)
	return
}

// CasesOf lists the cases about a purchase.
func CasesOf(q db.Q, purchase db.ID) ([]Case, error) {
	return db.All(q, func(r *db.Rows) (Case, error) { return scanCase(r) }, `SELECT `+caseCols+` FROM payment_case WHERE purchase_id=$1 ORDER BY id LIMIT 50`, purchase)
}

// CaseByID reads one. db.ErrNotFound.
func CaseByID(q db.Q, id db.ID) (Case, error) {
	return scanCase(q.QueryRow(`SELECT `+caseCols+` FROM payment_case WHERE id=$1`, id))
}

// CloseCase closes an open case by a person's word. db.ErrConflict when it is not open.
func CloseCase(tx *db.Tx, id db.ID, author, reason string) error {
	return tx.ExecOne(`UPDATE payment_case SET state='closed', closed_at=$2, author=$3, reason=$4, version=version+1 WHERE id=$1 AND state='open'`, id, tx.Now(), author, reason)
}

// Window is how far a method's books have been compared.
type Window struct {
	Method    string
	DoneUntil time.Time
	Looked    time.Time
	Found     int64  // differences in the last comparison
	Trouble   string // why the last one broke off; empty: it did not
}

// WindowOf reads it; the zero Window before the first comparison.
func WindowOf(q db.Q, method string) (w Window, err error) {
	err = q.QueryRow(`SELECT method, done_until, looked_at, found, trouble FROM payment_window WHERE method=$1`, method).Scan(&w.Method, &w.DoneUntil, &w.Looked, &w.Found, &w.Trouble)
	if errors.Is(err, db.ErrNotFound) {
		return Window{}, nil
	}
	return
}

// SaveWindow keeps how far a comparison came. DoneUntil never goes back.
func SaveWindow(tx *db.Tx, w Window) error {
	_, err := tx.Exec(`INSERT INTO payment_window (method, done_until, looked_at, found, trouble) VALUES ($1,$2,$3,$4,$5) ON CONFLICT (method) DO UPDATE SET
		done_until=CASE WHEN $2 > payment_window.done_until THEN $2 ELSE payment_window.done_until END, looked_at=$3, found=$4, trouble=$5`, w.Method, w.DoneUntil, w.Looked, w.Found, clip(w.Trouble))
	return err
}

// Book is an intent with what our books say of it.
type Book struct {
	Intent  Intent
	Entries []Entry
	Refunds []RefundRow
	Takes   []TakeRow
}

// BookOf reads the book of an intent.
func BookOf(q db.Q, i Intent) (b Book, err error) {
	b.Intent = i
	if b.Entries, err = db.All(q, func(r *db.Rows) (Entry, error) { return scanEntry(r) }, `SELECT `+entryCols+` FROM payment_entry WHERE intent_id=$1 ORDER BY id`, i.ID); err != nil {
		return
	}
	if b.Refunds, err = RefundsOf(q, i.ID); err != nil {
		return
	}
	b.Takes, err = TakesOf(q, i.ID)
	return
}

// Moved is a place in the ledger by time.
type Moved struct {
	At     time.Time
	ID     db.ID // of the entry
	Intent db.ID
}

// MovedIn lists the entries of [after.At, to) behind the place after, in the order of
// their time, at most n.
func MovedIn(q db.Q, after Moved, to time.Time, n int) ([]Moved, error) {
	return db.All(q, func(r *db.Rows) (m Moved, err error) { err = r.Scan(&m.At, &m.ID, &m.Intent); return },
		`SELECT at, id, intent_id FROM payment_entry WHERE (at, id) > ($1, $2) AND at < $3 ORDER BY at, id LIMIT $4`, after.At, after.ID, to, n)
}
