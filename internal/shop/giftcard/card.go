package giftcard

import (
	"embed"
	"errors"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "giftcard", FS: migrationsFS}

var (
	fieldMail      = secret.Register("giftcard.mail", "to send a gift card to whom it was issued")
	fieldMailIndex = secret.Register("giftcard.to", "to find the cards issued to a person when he asks for his data")
)

// Method is what a purchase that cards pay whole is paid with.
const Method = "gift_card"

// Letters about cards.
const (
	// JobIssued sends a card that came without an order of its own; Ref is the card.
	JobIssued = "notice.gift_card"
	// JobSold sends the cards of an order that was paid after it was placed; Ref is the order.
	JobSold = "notice.gift_cards"
	// JobBack tells that money went back to a card; Ref is the entry.
	JobBack = "notice.gift_card_back"
)

// States of a card. Whether it is empty or past its time is derived.
const (
	Active    = "active"
	Cancelled = "cancelled"
)

// Origins of a card.
const (
	OfSale   = "sold"
	OfRefund = "refund"
	OfStaff  = "staff"
)

// MaxYears is the longest validity: after ten years a claim is barred in any case
// (preskriptionslagen 1981:130, 2 §); staff may extend.
const MaxYears = 30

// Card is a gift card without its code.
type Card struct {
	ID          db.ID
	Version     int64
	Last4       string
	Issued      money.Money
	Balance     money.Money
	Held        money.Money // of Balance
	State       string
	Origin      string
	Order, Line db.ID // that bought it, or whose refund it is; 0: none
	Person      db.ID
	Lang        lang.Lang
	Reason      string
	Expires     time.Time
	Created     time.Time

	codeVersion int64
	mail        []byte
	mailIndex   []byte // only when it is made
}

// Left is what a new purchase can still use, were it used at once.
func (c Card) Left() money.Money {
	return money.New(c.Balance.Amount-c.Held.Amount, c.Balance.Currency)
}

// Usable reports whether the card pays at now.
func (c Card) Usable(now time.Time) bool {
	return c.State == Active && now.Before(c.Expires) && c.Left().Amount > 0
}

const cols = `id, version, code_version, last4, currency, issued, balance, held, state, origin, COALESCE(order_id,0), COALESCE(line_id,0), COALESCE(person_id,0), mail, lang, reason, expires_at, created_at`

func scan(r interface{ Scan(...any) error }) (c Card, err error) {
	var cur string
	err = r.Scan(&c.ID, &c.Version, &c.codeVersion, &c.Last4, &cur, &c.Issued.Amount, &c.Balance.Amount, &c.Held.Amount, &c.State, &c.Origin, &c.Order, &c.Line, &c.Person, &c.mail, (*string)(&c.Lang), &c.Reason, &c.Expires, &c.Created)
	c.Issued.Currency, c.Balance.Currency, c.Held.Currency = cur, cur, cur
	return
}

// ByID reads a card for the program's own work. db.ErrNotFound.
func ByID(q db.Q, id db.ID) (Card, error) {
	return scan(q.QueryRow(`SELECT `+cols+` FROM giftcard_card WHERE id=$1`, id))
}

// ByIDs reads the cards of a cart, those whose time ends first in front. What is not
// there is left out.
func ByIDs(q db.Q, ids []db.ID) ([]Card, error) {
	var out []Card
	for _, id := range ids {
		c, err := ByID(q, id)
		if errors.Is(err, db.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Card) int { return a.Expires.Compare(b.Expires) })
	return out, nil
}

// Find reads the card of a code that pays now. db.ErrNotFound for any other text:
// unknown, empty, cancelled and past its time are one answer. The caller has taken the try (Take).
func Find(q db.Q, code string) (Card, error) {
	c, err := byCode(q, code)
	if err == nil && !c.Usable(q.LegalNow()) {
		return Card{}, db.ErrNotFound
	}
	return c, err
}

// byCode reads the card of a code in whatever state.
func byCode(q db.Q, code string) (Card, error) {
	t := Canonical(code)
	if t == "" {
		return Card{}, db.ErrNotFound
	}
	return scan(q.QueryRow(`SELECT `+cols+` FROM giftcard_card WHERE code_hash=$1`, hash(t)))
}

// IDOf is the key of a code's card in whatever state; 0 when there is none.
func IDOf(q db.Q, code string) (db.ID, error) {
	c, err := byCode(q, code)
	if errors.Is(err, db.ErrNotFound) {
		return 0, nil
	}
	return c.ID, err
}

// OfOrder lists the cards that an order bought, in the order of its lines. The caller
// holds the order's link, or is the order's own letter; staff are shown no code.
func OfOrder(q db.Q, order db.ID) ([]Card, error) {
	return db.All(q, func(r *db.Rows) (Card, error) { return scan(r) }, `SELECT `+cols+` FROM giftcard_card WHERE order_id=$1 AND origin='sold' ORDER BY line_id, piece`, order)
}

// MailOf opens the address a card was issued to, to who brings leave to: the card's own
// letter, or staff who have opened it (a 403 fault "masked" otherwise); empty for the cards of orders, whose buyer gets them.
func MailOf(q db.Q, v *secret.Vault, c Card, leave auth.Opened) (string, error) {
	if len(c.mail) == 0 {
		return "", nil
	}
	if err := leave.Need(c.Person, "gift_card", c.ID); err != nil {
		return "", err
	}
	return mailOf(q, v, c)
}

// Seen is the address a card was issued to as the office may see it; empty when there is none.
func Seen(q db.Q, v *secret.Vault, c Card, leave auth.Opened) (mail string, open bool, err error) {
	if mail, err = mailOf(q, v, c); err != nil {
		return "", false, err
	}
	if leave.Opens(c.Person, "gift_card", c.ID) {
		return mail, true, nil
	}
	return datamap.MaskEmail(mail), false, nil
}

func mailOf(q db.Q, v *secret.Vault, c Card) (string, error) {
	if len(c.mail) == 0 {
		return "", nil
	}
	b, err := v.Open(q, c.Person, fieldMail, c.ID, c.mail)
	return string(b), err
}

// gone is the one answer to a sum that is not there any more: the buyer is shown the
// new one.
func gone() error { return fault.Conflict("total_changed") }
