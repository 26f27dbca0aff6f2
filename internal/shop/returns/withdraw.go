package returns

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
)

// JobWithdrawal acknowledges a withdrawal; Ref is the return.
const JobWithdrawal = "notice.withdrawal"

// MaxStatement is the most characters of a statement.
const MaxStatement = 2000

// Withdrawal is the buyer's statement. The face has shown it to him and he has
// confirmed it; Order was found by its link, or by number and mail address.
type Withdrawal struct {
	Order     db.ID
	Name      string
	Mail      string                // where the acknowledgement goes
	Statement string                // may be empty: no reason is asked for
	Lines     []fulfilment.ShipLine // empty: everything that is left
	Key       string                // of the form, so that a second click is the same statement; empty: none
	Lang      lang.Lang
}

// Withdraw receives a withdrawal. It is not turned down for being late or for the
// kind of goods; it asks for no more pieces than are left, and when none are left it
// answers with the withdrawal that took them. Pieces that have not been shipped are
// cancelled and their money goes back. Faults: 404, 422 with fields, 409
// nothing_to_withdraw when all was cancelled before.
func Withdraw(tx *db.Tx, by auth.By, v *secret.Vault, in Withdrawal) (Return, error) {
	if err := in.check(); err != nil {
		return Return{}, err
	}
	if in.Order <= 0 {
		return Return{}, fault.NotFound()
	}
	if err := order.Touch(tx, in.Order); err != nil {
		return Return{}, err
	}
	if in.Key != "" {
		r, err := scan(tx.QueryRow(`SELECT `+cols+` FROM returns_return WHERE order_id=$1 AND client_key=$2`, in.Order, in.Key))
		if err == nil || !errors.Is(err, db.ErrNotFound) {
			return withLines(tx, r, err)
		}
	}
	o, err := order.ByID(tx, in.Order)
	if err != nil {
		return Return{}, err
	}
	found, err := Look(tx, o)
	if err != nil {
		return Return{}, err
	}
	r, now, closed, err := draw(found, in)
	if err != nil {
		return Return{}, err
	}
	if len(r.Lines) == 0 {
		last, err := scan(tx.QueryRow(`SELECT `+cols+` FROM returns_return WHERE order_id=$1 AND state <> 'cancelled' ORDER BY id DESC LIMIT 1`, o.ID))
		if errors.Is(err, db.ErrNotFound) {
			return Return{}, &fault.Error{Kind: fault.Clash, Code: "nothing_to_withdraw", Key: "returns.nothing_to_withdraw"}
		}
		return withLines(tx, last, err)
	}
	if err := r.store(tx, v, in); err != nil {
		return Return{}, err
	}
	if err := event(tx, by, r.ID, string(Registered), strings.Join(r.Disputed, " ")); err != nil {
		return Return{}, err
	}
	if err := order.AddEvent(tx, o.ID, "withdrawn", true, map[string]string{"return": r.ID.String(), "pieces": fmt.Sprint(r.Pieces())}); err != nil {
		return Return{}, err
	}
	if err := record(tx, by, "return.register", "order", o.ID, "", fmt.Sprintf("return %s, %d pieces %s", r.ID, r.Pieces(), strings.Join(r.Disputed, " "))); err != nil {
		return Return{}, err
	}
	if len(now)+len(closed) > 0 {
		if err := r.undo(tx, by, now, closed); err != nil {
			return Return{}, err
		}
	}
	if _, err := job.Enqueue(tx, job.Spec{Kind: JobWithdrawal, Ref: r.ID}); err != nil {
		return Return{}, err
	}
	return ByID(tx, r.ID)
}

func (in *Withdrawal) check() error {
	var f fault.Fields
	in.Name = strings.Join(strings.Fields(in.Name), " ")
	in.Statement = strings.TrimSpace(strings.ReplaceAll(in.Statement, "\r\n", "\n"))
	in.Lang = in.Lang.Or()
	text := func(pointer, s string, limit int, newline bool) {
		if utf8.RuneCountInString(s) > limit {
			f.Add(pointer, "too_long")
		} else if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
			return r == utf8.RuneError || r < 0x20 && !(newline && (r == '\n' || r == '\t')) || r >= 0x7f && r <= 0x9f
		}) {
			f.Add(pointer, "bad_characters")
		}
	}
	if in.Name == "" {
		f.Add("/name", "required")
	}
	text("/name", in.Name, 100, false)
	text("/statement", in.Statement, MaxStatement, true)
	if m, err := secret.CanonicalEmail(in.Mail); err != nil {
		f.Add("/email", "bad_email")
	} else {
		in.Mail = m
	}
	if len(in.Key) > 128 {
		f.Add("/idempotency_key", "bad_idempotency_key")
	}
	if len(in.Lines) > 500 {
		f.Add("/lines", "too_many")
	}
	for i, l := range in.Lines {
		if l.Quantity <= 0 {
			f.Add(fmt.Sprintf("/lines/%d/quantity", i), "too_small", "min", 1)
		}
	}
	return f.Err()
}

// draw works out the pieces of a withdrawal, and which of them are undone now: those
// that were not shipped and whose withdrawal is not in dispute are cancelled, and gift cards of
// which nothing was used are closed.
func draw(found Found, in Withdrawal) (r Return, now, closed []fulfilment.ShipLine, err error) {
	o := found.Order
	r = Return{Order: o.ID, Person: o.Person, State: Registered, Lang: in.Lang}
	wish := map[db.ID]int64{}
	var f fault.Fields
	for i, w := range in.Lines {
		if !slices.ContainsFunc(found.Lines, func(c Candidate) bool { return c.ID == w.Line }) {
			f.Add(fmt.Sprintf("/lines/%d/line", i), "unknown")
		}
		wish[w.Line] = w.Quantity
	}
	if err := f.Err(); err != nil {
		return r, nil, nil, err
	}
	var left, exempt, used int64
	for _, c := range found.Lines {
		n := c.Left
		if len(in.Lines) > 0 {
			n = min(n, wish[c.ID])
		}
		left += c.Left
		if n == 0 {
			continue
		}
		l := Line{Line: c.ID, Quantity: n}
		if c.Exempt {
			exempt++
		} else if o.State == order.Placed {
			if l.Cancelled = min(n, c.Open()); l.Cancelled > 0 {
				now = append(now, fulfilment.ShipLine{Line: c.ID, Quantity: l.Cancelled})
			}
		}
		if c.Kind == order.KindGiftCard && !c.Exempt && !found.Late {
			if back := min(n-l.Cancelled, c.Unspent); back > 0 {
				closed = append(closed, fulfilment.ShipLine{Line: c.ID, Quantity: back})
				l.Cancelled += back
			}
			used += n - l.Cancelled
		}
		r.Lines = append(r.Lines, l)
	}
	r.Whole = r.Pieces() == left
	if found.Late {
		r.Disputed = append(r.Disputed, Late)
	}
	if exempt > 0 {
		r.Disputed = append(r.Disputed, Exempt)
	}
	if used > 0 {
		r.Disputed = append(r.Disputed, Used)
	}
	return r, now, closed, nil
}

func (r *Return) store(tx *db.Tx, v *secret.Vault, in Withdrawal) (err error) {
	r.ID, r.Stated = tx.NewID(), tx.LegalNow()
	r.RefundBy = endOfDay(r.Stated, 14)
	if r.statement, err = secret.SealJSON(v, tx, r.Person, fieldStatement, r.ID, Statement{Name: in.Name, Mail: in.Mail, Text: in.Statement}); err != nil {
		return err
	}
	var key any
	if in.Key != "" {
		key = in.Key
	}
	if _, err := tx.Exec(`INSERT INTO returns_return (id, order_id, person_id, client_key, state, lang, disputed, whole, statement, stated_at, refund_by, created_at, changed_at, version)
		VALUES ($1,$2,$3,$4,'registered',$5,$6,$7,$8,$9,$10,$11,$11,1)`, r.ID, r.Order, r.Person, key, string(r.Lang), strings.Join(r.Disputed, " "), r.Whole, r.statement, r.Stated, r.RefundBy, tx.Now()); err != nil {
		return err
	}
	for _, l := range r.Lines {
		if _, err := tx.Exec(`INSERT INTO returns_line (return_id, line_id, quantity, cancelled, received, accepted, restocked, credited, condition) VALUES ($1,$2,$3,$4,0,0,0,0,'')`,
			r.ID, l.Line, l.Quantity, l.Cancelled); err != nil {
			return err
		}
	}
	return nil
}

// undo cancels the pieces that have not left, closes the gift cards that are given up,
// and gives their money back.
func (r *Return) undo(tx *db.Tx, by auth.By, now, closed []fulfilment.ShipLine) error {
	if err := closeCards(tx, by, closed); err != nil {
		return err
	}
	if len(now) > 0 {
		if _, err := fulfilment.Cancel(tx, by, r.Order, now, "withdrawal"); err != nil {
			return err
		}
	}
	o, err := order.ByID(tx, r.Order)
	if err != nil {
		return err
	}
	if r.ToSend() == 0 {
		if err := advance(tx, by, r, Accepted, "nothing had been shipped"); err != nil {
			return err
		}
	}
	return credit(tx, by, o, r, pieces(append(now, closed...)), owed{reason: "withdrawal", standard: -1})
}

func pieces(ls []fulfilment.ShipLine) map[db.ID]int64 {
	out := map[db.ID]int64{}
	for _, l := range ls {
		out[l.Line] += l.Quantity
	}
	return out
}

// endOfDay is the last second of the day that is n days after t's, in the shop's zone.
func endOfDay(t time.Time, n int) time.Time {
	t = t.In(lang.Zone)
	return time.Date(t.Year(), t.Month(), t.Day()+n, 23, 59, 59, 0, lang.Zone)
}
