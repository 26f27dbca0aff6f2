package giftcard

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
)

// Sold is a line of cards that has been paid.
type Sold struct {
	Order, Line, Person db.ID
	Pieces              int64
	Amount              money.Money // of each
	Lang                lang.Lang
	Years               int64 // of validity
}

// IssueSold makes one card for each piece, once: pieces that have theirs are left
// alone. It returns how many it made.
func IssueSold(tx *db.Tx, v *secret.Vault, in Sold) (made int64, err error) {
	if in.Order <= 0 || in.Line <= 0 {
		return 0, errors.New("giftcard: sold without an order")
	}
	for piece := int64(1); piece <= in.Pieces; piece++ {
		c := Card{Origin: OfSale, Order: in.Order, Line: in.Line, Person: in.Person, Issued: in.Amount, Lang: in.Lang, Expires: tx.LegalNow().AddDate(int(in.Years), 0, 0)}
		ok, err := c.insert(tx, v, piece)
		if err != nil {
			return made, err
		}
		if !ok {
			continue
		}
		made++
		if _, err := (Entry{Card: c.ID, Kind: "issue", Amount: in.Amount.Amount, Ref: "order " + in.Order.String(), Order: in.Order}).write(tx, system); err != nil {
			return made, err
		}
	}
	return made, nil
}

// insert stores the card with its code's hash. False when the piece of the line has
// its card already; piece 0 is none of a line.
func (c *Card) insert(tx *db.Tx, v *secret.Vault, piece int64) (bool, error) {
	if c.Issued.Amount <= 0 || c.Issued.Currency == "" {
		return false, errors.New("giftcard: a card of nothing")
	}
	if c.ID == 0 {
		c.ID = tx.NewID()
	}
	c.codeVersion, c.State, c.Balance, c.Created = 1, Active, c.Issued, tx.LegalNow()
	text := code(v, c.ID, c.codeVersion)
	c.Last4 = text[len(text)-4:]
	null := func(id db.ID) any {
		if id > 0 {
			return id
		}
		return nil
	}
	var mail any
	if len(c.mail) > 0 {
		mail = c.mail
	}
	var ix any
	if len(c.mailIndex) > 0 {
		ix = c.mailIndex
	}
	n, err := tx.Exec(`INSERT INTO giftcard_card (id, version, code_version, code_hash, last4, currency, issued, balance, held, state, origin, order_id, line_id, piece, person_id, mail, lang, reason, expires_at, created_at, changed_at, mail_index)
		VALUES ($1,1,1,$2,$3,$4,$5,$5,0,'active',$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17) ON CONFLICT (line_id, piece) DO NOTHING`,
		c.ID, hash(text), c.Last4, c.Issued.Currency, c.Issued.Amount, c.Origin, null(c.Order), null(c.Line), null(db.ID(piece)), null(c.Person), mail, string(c.Lang.Or()), c.Reason, c.Expires, c.Created, tx.Now(), ix)
	return n == 1, err
}

// Gift is a card that staff issue.
type Gift struct {
	Amount money.Money
	Mail   string // where the code is sent
	Reason string // a short fact, nothing personal
	Lang   lang.Lang
	Years  int64
	Key    string // of the form, so that a second click issues nothing more; empty: none
}

// Most a card may be issued for by hand, in minor units: what goes wrong with one more
// nought stays small.
const maxByHand = 10_000_00

// Issue makes a card by hand and has it mailed; the same key gives the same card. Faults:
// 403; 422 with fields.
func Issue(tx *db.Tx, by auth.By, v *secret.Vault, in Gift) (Card, error) {
	if err := by.Need(auth.RefundsWrite); err != nil {
		return Card{}, err
	}
	var f fault.Fields
	switch {
	case in.Amount.Amount <= 0 || in.Amount.Currency == "":
		f.Add("/amount", "bad_amount")
	case in.Amount.Amount > maxByHand:
		f.Add("/amount", "too_much", "most", money.New(maxByHand, in.Amount.Currency))
	}
	to, err := secret.CanonicalEmail(in.Mail)
	if err != nil {
		f.Add("/email", "bad_email")
	}
	reason := shortFact(&f, in.Reason)
	if in.Years < 1 || in.Years > MaxYears {
		f.Add("/years", "out_of_range")
	}
	if len(in.Key) > 128 || !utf8.ValidString(in.Key) || strings.ContainsFunc(in.Key, func(r rune) bool { return r < 0x20 }) {
		f.Add("/idempotency_key", "bad_idempotency_key")
	}
	if err := f.Err(); err != nil {
		return Card{}, err
	}
	if in.Key != "" {
		c, err := scan(tx.QueryRow(`SELECT `+cols+` FROM giftcard_card WHERE client_key=$1`, in.Key))
		if !errors.Is(err, db.ErrNotFound) {
			return c, err
		}
	}
	who, err := v.NewPerson(tx)
	if err != nil {
		return Card{}, err
	}
	c := Card{ID: tx.NewID(), Origin: OfStaff, Person: who.ID, Issued: in.Amount, Lang: in.Lang.Or(), Reason: reason, Expires: tx.LegalNow().AddDate(int(in.Years), 0, 0)}
	if c.mail, err = v.Seal(tx, who.ID, fieldMail, c.ID, []byte(to)); err != nil {
		return Card{}, err
	}
	if c.mailIndex, err = v.Index(fieldMailIndex, to); err != nil {
		return Card{}, err
	}
	if _, err := c.insert(tx, v, 0); err != nil {
		return Card{}, err
	}
	if in.Key != "" {
		if err := tx.ExecOne(`UPDATE giftcard_card SET client_key=$2 WHERE id=$1`, c.ID, in.Key); err != nil {
			return Card{}, err
		}
	}
	if _, err := (Entry{Card: c.ID, Kind: "issue", Amount: in.Amount.Amount, Ref: "staff", Note: reason}).write(tx, by); err != nil {
		return Card{}, err
	}
	if err := by.Record(tx, "gift_card.issue", "gift_card", c.ID, "", in.Amount.String()+": "+reason); err != nil {
		return Card{}, err
	}
	_, err = job.Enqueue(tx, job.Spec{Kind: JobIssued, Ref: c.ID})
	return c, err
}

// shortFact checks why staff do something: one line, at most 200 characters.
func shortFact(f *fault.Fields, s string) string {
	s = strings.Join(strings.Fields(s), " ")
	switch {
	case s == "":
		f.Add("/reason", "required")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f || r == utf8.RuneError }):
		f.Add("/reason", "bad_characters")
	case utf8.RuneCountInString(s) > 200:
		f.Add("/reason", "too_long")
	}
	return s
}

// until is the end of validity that staff may set.
func until(now time.Time) time.Time { return now.AddDate(MaxYears, 0, 0) }
