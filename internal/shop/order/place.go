package order

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
)

// Placement is what Place needs.
type Placement struct {
	Purchase, Person db.ID
	Customer         db.ID // 0: none
	Draft            Draft
	Contact          Contact
	Paid             money.Money // zero amount for an invoice
	OCR              bool        // give it an OCR number and a due date
	DueDays          int
}

// Place makes the order without its number; Draw must follow as the last
// statements of the transaction. A second order of the same purchase violates
// a unique key.
func Place(tx *db.Tx, v *secret.Vault, in Placement) (Order, error) {
	d := in.Draft
	if in.Purchase <= 0 || in.Person <= 0 || len(d.Lines) == 0 || d.Currency == "" || in.Paid.Currency != d.Currency || !d.Total.Equal(money.New(d.Total.Amount, d.Currency)) {
		return Order{}, errors.New("order: incomplete placement")
	}
	o := Order{ID: tx.NewID(), Purchase: in.Purchase, Person: in.Person, Customer: in.Customer, TokenVersion: 1, State: Placed, Lang: d.Lang, Method: d.Method,
		Total: d.Total, ToPay: d.ToPay, Paid: in.Paid, Refunded: money.New(0, d.Currency), GiftPaid: money.New(d.GiftCard.Amount, d.Currency), GiftRefunded: money.New(0, d.Currency), Draft: d, PlacedAt: tx.LegalNow(), Version: 1}
	if in.OCR {
		o.DueAt = o.PlacedAt.AddDate(0, 0, in.DueDays)
	}
	contact, err := secret.SealJSON(v, tx, in.Person, fieldContact, o.ID, in.Contact)
	if err != nil {
		return Order{}, err
	}
	hash := secret.TokenHash(o.Token(v))
	mail, err := v.Index(fieldMail, in.Contact.Email)
	if err != nil {
		return Order{}, err
	}
	draft, err := json.Marshal(d)
	if err != nil {
		return Order{}, err
	}
	var customer any
	if in.Customer > 0 {
		customer = in.Customer
	}
	if _, err := tx.Exec(`INSERT INTO order_order (id, purchase_id, person_id, token_version, token_hash, mail_index, state, lang, method, currency, total, to_pay, paid, refunded,
		contact, draft, due_at, placed_at, changed_at, version, customer_id, gift_paid) VALUES ($1,$2,$3,1,$4,$5,'placed',$6,$7,$8,$9,$10,$11,0,$12,$13,$14,$15,$16,1,$17,$18)`,
		o.ID, in.Purchase, in.Person, hash, mail, string(d.Lang), d.Method, d.Currency, d.Total.Amount, d.ToPay.Amount, in.Paid.Amount,
		contact, string(draft), o.DueAt, o.PlacedAt, tx.Now(), customer, o.GiftPaid.Amount); err != nil {
		return Order{}, err
	}
	for i, l := range d.Lines {
		ln := Line{ID: tx.NewID(), Position: int64(i), DraftLine: l}
		if _, err := tx.Exec(`INSERT INTO order_line (id, order_id, position, variant_id, quantity, shipped, cancelled, returned) VALUES ($1,$2,$3,$4,$5,0,0,0)`,
			ln.ID, o.ID, i, l.Variant, l.Quantity); err != nil {
			return Order{}, err
		}
		o.Lines = append(o.Lines, ln)
	}
	if err := AddEvent(tx, o.ID, "placed", true, nil); err != nil {
		return Order{}, err
	}
	if o.GiftPaid.Amount > 0 {
		if err := AddEvent(tx, o.ID, "paid_gift_card", true, map[string]string{"amount": itoa(o.GiftPaid.Amount), "currency": d.Currency}); err != nil {
			return Order{}, err
		}
	}
	if in.Paid.Amount > 0 {
		if err := AddEvent(tx, o.ID, "paid", true, map[string]string{"amount": strconv.FormatInt(in.Paid.Amount, 10), "currency": d.Currency}); err != nil {
			return Order{}, err
		}
	}
	// Minimal for the books: who bought (name, address), under the year's key. The code of a door proves no sale.
	year, at := bookYear(o.PlacedAt), in.Contact.Address
	at.DoorCode = ""
	books, err := v.SealBooks(year, fieldBooks, o.ID, mustJSON(map[string]any{"name": in.Contact.Name, "company": in.Contact.Company, "org": in.Contact.OrgNumber, "address": at}))
	if err != nil {
		return Order{}, err
	}
	keep := v.BooksUntil(year)
	if _, err := tx.Exec(`INSERT INTO order_books (order_id, year, keep_until, sealed) VALUES ($1,$2,$3,$4)`, o.ID, year, keep, books); err != nil {
		return Order{}, err
	}
	return o, tx.Changed("order", o.ID)
}

// Draw gives the order its number and its first document (receipt when paid,
// invoice when not). It MUST be the last thing its transaction does: on
// PostgreSQL other buyers wait for these counters until the commit.
func Draw(tx *db.Tx, v *secret.Vault, o *Order) error {
	kind := "receipt"
	if !o.DueAt.IsZero() {
		kind = "invoice"
	}
	if err := document(tx, o.ID, kind, 0, o.ToPay, o.Draft.VAT, ""); err != nil {
		return err
	}
	// In a clone of a shop, which has a key of its own, the shop's numbers are in another order: one may be taken.
	for range drawTries {
		n, err := series(tx, "order")
		if err != nil {
			return err
		}
		o.Number = publicNumber(v, n)
		var ocr any
		if kind == "invoice" {
			o.OCR = OCR(o.Number)
			ocr = o.OCR
		}
		got, err := tx.Exec(`UPDATE order_order SET number=$2, ocr=$3 WHERE id=$1 AND number IS NULL AND NOT EXISTS (SELECT 1 FROM order_order x WHERE x.number=$2)`, o.ID, o.Number, ocr)
		if err != nil || got == 1 {
			return err
		}
	}
	return db.ErrConflict
}

// drawTries is how many numbers in a row may be taken.
const drawTries = 50

func series(tx *db.Tx, name string) (n int64, err error) {
	err = tx.QueryRow(`UPDATE order_series SET next=next+1 WHERE name=$1 RETURNING next-1`, name).Scan(&n)
	return
}

func document(tx *db.Tx, order db.ID, kind string, refers int64, amount money.Money, vat []VAT, reason string) error {
	n, err := series(tx, kind)
	if err != nil {
		return err
	}
	var ref any
	if refers > 0 {
		ref = refers
	}
	_, err = tx.Exec(`INSERT INTO order_document (id, order_id, kind, number, refers_to, amount, currency, vat, reason, at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`,
		tx.NewID(), order, kind, n, ref, amount.Amount, amount.Currency, string(mustJSON(vat)), reason, tx.LegalNow())
	return err
}

// AddEvent writes a row of the timeline. data holds nothing personal.
func AddEvent(tx *db.Tx, order db.ID, kind string, public bool, data map[string]string) error {
	if data == nil {
		data = map[string]string{}
	}
	_, err := tx.Exec(`INSERT INTO order_event (id, order_id, kind, public, data, at) VALUES ($1,$2,$3,$4,$5,$6)`, tx.NewID(), order, kind, public, string(mustJSON(data)), tx.LegalNow())
	return err
}

// Touch bumps the order's version: a use case that reads before it writes calls
// it first, so that two of them cannot interleave on any engine. 404 for an
// unknown order.
func Touch(tx *db.Tx, id db.ID) error {
	n, err := tx.Exec(`UPDATE order_order SET version=version+1, changed_at=$2 WHERE id=$1`, id, tx.Now())
	if err == nil && n != 1 {
		return fault.NotFound()
	}
	if err != nil {
		return err
	}
	return tx.Changed("order", id)
}

// JobPaid is queued when an order that was placed unpaid has been paid in full; Ref is
// the order.
const JobPaid = "order.paid"

// Paid adds money that came in later (an invoice that was paid): all of what is
// left, or a part of it. 409 over_payment for more.
func Paid(tx *db.Tx, id db.ID, amount money.Money) error {
	var open int64
	err := tx.QueryRow(`UPDATE order_order SET paid=paid+$2, changed_at=$4 WHERE id=$1 AND currency=$3 AND $2 > 0 AND paid+$2 <= to_pay RETURNING to_pay-paid`, id, amount.Amount, amount.Currency, tx.Now()).Scan(&open)
	if errors.Is(err, db.ErrNotFound) {
		return fault.Conflict("over_payment")
	}
	if err != nil {
		return err
	}
	kind := "paid"
	if open > 0 {
		kind = "paid_part"
	} else if _, err := job.Enqueue(tx, job.Spec{Kind: JobPaid, Ref: id}); err != nil {
		return err
	}
	return AddEvent(tx, id, kind, true, map[string]string{"amount": itoa(amount.Amount), "currency": amount.Currency})
}

// Refunded records money that went back, with a credit note that names the
// document it corrects.
func Refunded(tx *db.Tx, id db.ID, amount money.Money, vat []VAT, reason string) error {
	if err := tx.ExecOne(`UPDATE order_order SET refunded=refunded+$2 WHERE id=$1 AND currency=$3 AND refunded+$2 <= paid`, id, amount.Amount, amount.Currency); err != nil {
		return err
	}
	if err := AddEvent(tx, id, "refunded", true, map[string]string{"amount": itoa(amount.Amount), "currency": amount.Currency}); err != nil {
		return err
	}
	var first int64
	if err := tx.QueryRow(`SELECT number FROM order_document WHERE order_id=$1 AND kind IN ('receipt','invoice') ORDER BY id LIMIT 1`, id).Scan(&first); err != nil {
		return err
	}
	if err := Touch(tx, id); err != nil {
		return err
	}
	return document(tx, id, "credit_note", first, amount.Neg(), vat, reason)
}

// Advance moves the order's state when it is in from; 409 wrong_state if not.
func Advance(tx *db.Tx, id db.ID, from, to State) error {
	if from != Placed || (to != Closed && to != Cancelled) {
		return errors.New("order: no such transition")
	}
	n, err := tx.Exec(`UPDATE order_order SET state=$3, changed_at=$4, version=version+1 WHERE id=$1 AND state=$2`, id, string(from), string(to), tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("wrong_state")
	}
	if err := AddEvent(tx, id, string(to), true, nil); err != nil {
		return err
	}
	return tx.Changed("order", id)
}

// LineShipped counts n pieces of a line as sent; 409 when fewer are open.
func LineShipped(tx *db.Tx, line db.ID, n int64) error {
	return count(tx, `UPDATE order_line SET shipped=shipped+$2 WHERE id=$1 AND $2 > 0 AND shipped+cancelled+$2 <= quantity`, line, n)
}

// LineCancelled counts n pieces of a line as not to be sent.
func LineCancelled(tx *db.Tx, line db.ID, n int64) error {
	return count(tx, `UPDATE order_line SET cancelled=cancelled+$2 WHERE id=$1 AND $2 > 0 AND shipped+cancelled+$2 <= quantity`, line, n)
}

// LineReturned counts n pieces as given back or withdrawn from.
func LineReturned(tx *db.Tx, line db.ID, n int64) error {
	return count(tx, `UPDATE order_line SET returned=returned+$2 WHERE id=$1 AND $2 > 0 AND returned+$2 <= quantity-cancelled`, line, n)
}

func count(tx *db.Tx, text string, line db.ID, n int64) error {
	got, err := tx.Exec(text, line, n)
	if err == nil && got != 1 {
		return fault.Conflict("line_quantity")
	}
	return err
}

// MarkShipped stamps the instant the last parcel left.
func MarkShipped(tx *db.Tx, id db.ID) error {
	return tx.ExecOne(`UPDATE order_order SET shipped_at=$2 WHERE id=$1`, id, tx.LegalNow())
}

// MarkReceived stamps when the buyer had the last piece.
func MarkReceived(tx *db.Tx, id db.ID, at time.Time) error {
	return tx.ExecOne(`UPDATE order_order SET received_at=$2 WHERE id=$1`, id, at)
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own plain structs always marshal
	}
	return b
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// bookYear is the calendar year whose books a sale stands in: that of the shop's clock, whatever the machine's is.
func bookYear(at time.Time) int { return at.In(lang.Zone).Year() }
