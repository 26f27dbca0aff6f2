package giftcard

import (
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
)

// Entry is a row of a card's life; it is never changed.
type Entry struct {
	ID, Card db.ID
	Kind     string // issue, hold, use, release, refund, cancel, return, extend
	Amount   int64  // what it did to the balance
	Held     int64  // what it did to the held part
	Ref      string // once for a card and kind: "purchase 123", "refund 456"
	Order    db.ID  // it was about; 0: none
	Note     string
	Actor    string
	At       time.Time
}

// write enters what was done; a second entry of the same thing is a fault of the
// program, which the callers' conditional updates rule out.
func (e Entry) write(tx *db.Tx, by auth.By) (db.ID, error) {
	id := tx.NewID()
	var order any
	if e.Order > 0 {
		order = e.Order
	}
	_, err := tx.Exec(`INSERT INTO giftcard_entry (id, card_id, kind, amount, held, ref, order_id, note, actor, at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`,
		id, e.Card, e.Kind, e.Amount, e.Held, e.Ref, order, e.Note, actor(by), tx.LegalNow())
	if err == nil {
		err = tx.Changed("giftcard", e.Card)
	}
	return id, err
}

func actor(by auth.By) string {
	switch by.Kind {
	case auth.SystemKind:
		return "system:" + by.Name
	case auth.StaffKind:
		return fmt.Sprintf("staff:%s", by.ID)
	case auth.APIKind:
		return fmt.Sprintf("token:%s", by.ID)
	}
	return "guest"
}

const entryCols = `id, card_id, kind, amount, held, ref, COALESCE(order_id,0), note, actor, at`

func scanEntry(r interface{ Scan(...any) error }) (e Entry, err error) {
	err = r.Scan(&e.ID, &e.Card, &e.Kind, &e.Amount, &e.Held, &e.Ref, &e.Order, &e.Note, &e.Actor, &e.At)
	return
}

// EntryByID reads one entry for the program's own work. db.ErrNotFound.
func EntryByID(q db.Q, id db.ID) (Entry, error) {
	return scanEntry(q.QueryRow(`SELECT `+entryCols+` FROM giftcard_entry WHERE id=$1`, id))
}

// entries lists a card's life, oldest first.
func entries(q db.Q, card db.ID) ([]Entry, error) {
	return db.All(q, func(r *db.Rows) (Entry, error) { return scanEntry(r) }, `SELECT `+entryCols+` FROM giftcard_entry WHERE card_id=$1 ORDER BY id`, card)
}

func purchaseRef(id db.ID) string { return "purchase " + id.String() }

var errLost = errors.New("giftcard: the books of a card do not add up")
