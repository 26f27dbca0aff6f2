package order

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for orders.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "order" }

// nobody is the index of an order whose buyer is erased: no mail address has it.
var nobody = []byte{0}

// Find adds the orders of the mail address, of the persons and of the customers.
func (h Holder) Find(q db.Q, s *hold.Scope) error {
	type row struct{ id, person, purchase, customer db.ID }
	read := func(where string, args ...any) error {
		rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.person, &x.purchase, &x.customer); return },
			`SELECT id, person_id, purchase_id, COALESCE(customer_id,0) FROM order_order WHERE `+where+` ORDER BY id LIMIT 1000`, args...)
		for _, x := range rows {
			s.Order(x.id)
			s.Person(x.person)
			s.Purchase(x.purchase)
			s.Customer(x.customer)
		}
		return err
	}
	if s.Mail != "" {
		ix, err := h.Vault.Index(fieldMail, s.Mail)
		if err != nil {
			return err
		}
		if err := read(`mail_index = $1`, ix); err != nil {
			return err
		}
	}
	in, args := hold.In(s.Persons, 1)
	return read(`person_id IN `+in, args...)
}

func (Holder) orders(q db.Q, s hold.Scope) ([]Order, error) {
	var out []Order
	for _, id := range s.Orders {
		o, err := ByID(q, id)
		if errors.Is(err, db.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// Lines are the parts of an address as they stand under each other.
func (a Address) Lines() []string {
	door := ""
	if a.DoorCode != "" {
		door = "(" + a.DoorCode + ")"
	}
	return []string{a.CareOf, a.Line1, a.Line2, a.PostalCode, a.City, a.Country, door}
}

// Tell puts a buyer's details and what he bought in a record, as the map names them.
func Tell(r *hold.Record, c Contact, d Draft) {
	r.Add("contact", datamap.Name, c.Name)
	r.Add("contact", datamap.Email, c.Email)
	r.Add("contact", datamap.Phone, c.Phone)
	r.Add("contact", datamap.Address, c.Address.Lines()...)
	if c.Billing != nil {
		r.Add("contact", datamap.Address, c.Billing.Lines()...)
	}
	r.Add("contact", datamap.Company, c.Company, c.OrgNumber, c.Reference)
	for _, l := range d.Lines {
		r.Add("draft", datamap.Goods, fmt.Sprintf("%d × %s", l.Quantity, l.Title(d.Lang)), l.Options, lang.Money(d.Lang.Or(), l.Total))
	}
}

// Export gives the orders' details, and what of them is kept for the books.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	os, err := h.orders(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, o := range os {
		c, err := ContactOf(q, h.Vault, o, auth.OwnWork())
		if err == nil {
			r := hold.Record{Category: "order", Table: "order_order", ID: o.ID, About: o.NumberString(), At: o.PlacedAt}
			Tell(&r, c, o.Draft)
			out = append(out, r)
			ns, err := parcelNumbers(q, o.ID)
			if err != nil {
				return nil, err
			}
			for _, n := range ns {
				e := hold.Record{Category: "order", Table: "order_event", ID: n.id, About: o.NumberString(), At: n.at}
				e.Add("data", datamap.Doing, n.data["number"])
				if len(e.Details) > 0 {
					out = append(out, e)
				}
			}
			said, err := h.exportSaid(q, o)
			if err != nil {
				return nil, err
			}
			out = append(out, said...)
		} else if !errors.Is(err, secret.ErrErased) {
			return nil, err
		}
		b, err := books(q, h.Vault, o.ID)
		if errors.Is(err, db.ErrNotFound) || errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := hold.Record{Category: "books", Table: "order_books", ID: o.ID, About: o.NumberString(), At: o.PlacedAt, Until: b.Until}
		r.Add("sealed", datamap.Name, b.Name)
		r.Add("sealed", datamap.Company, b.Company, b.Org)
		r.Add("sealed", datamap.Address, b.Address.Lines()...)
		out = append(out, r)
	}
	return out, nil
}

// Open lists what is not sent and what is not paid.
func (h Holder) Open(q db.Q, s hold.Scope) ([]hold.Matter, error) {
	os, err := h.orders(q, s)
	var out []hold.Matter
	for _, o := range os {
		if o.State == Cancelled {
			continue
		}
		if !o.IsShipped() && o.State == Placed && !o.over() {
			out = append(out, hold.Matter{Kind: "ship", About: o.NumberString()})
		}
		if !o.IsPaid() {
			out = append(out, hold.Matter{Kind: "unpaid", About: o.NumberString()})
		}
	}
	return out, err
}

// over reports whether nothing of the order is left to send.
func (o Order) over() bool {
	for _, l := range o.Lines {
		if l.Open() > 0 {
			return false
		}
	}
	return true
}

// ClaimsUntil is until when the buyer may complain of what he bought: three years from when he
// had it (konsumentköplagen 2022:260, 4 kap. 14 §). Before he has it, counted from the order.
func (o Order) ClaimsUntil() time.Time {
	at := o.ReceivedAt
	if at.IsZero() {
		at = o.ShippedAt
	}
	if at.IsZero() {
		at = o.PlacedAt
	}
	return at.AddDate(3, 0, 0)
}

// Losses are the proofs of purchase, and the right to withdraw, that are of use still.
func (h Holder) Losses(q db.Q, s hold.Scope) ([]hold.Loss, error) {
	os, err := h.orders(q, s)
	var out []hold.Loss
	for _, o := range os {
		link := "/orders/" + o.Token(h.Vault)
		if until := o.ClaimsUntil(); o.State != Cancelled && until.After(q.LegalNow()) {
			out = append(out, hold.Loss{Kind: "claim", About: o.NumberString(), Until: until, Link: link})
		}
		if end := o.WithdrawalEnds(lang.Zone); !end.IsZero() && end.After(q.LegalNow()) {
			out = append(out, hold.Loss{Kind: "withdraw", About: o.NumberString(), Until: end, Link: link})
		}
	}
	if len(os) > 0 {
		out = append(out, hold.Loss{Kind: "recall"})
	}
	return out, err
}

// Erase takes the mail indexes: the sealed contacts went with the keys.
func (Holder) Erase(tx *db.Tx, s hold.Scope) error {
	for _, id := range s.Orders {
		n, err := tx.Exec(`UPDATE order_order SET mail_index=$2, erased_at=$3, version=version+1 WHERE id=$1 AND erased_at IS NULL`, id, nobody, tx.Now())
		if err != nil {
			return err
		}
		if n == 1 {
			if err := tx.Changed("order", id); err != nil {
				return err
			}
		}
		ns, err := parcelNumbers(tx, id)
		if err != nil {
			return err
		}
		for _, x := range ns {
			delete(x.data, "number")
			if _, err := tx.Exec(`UPDATE order_event SET data=$2 WHERE id=$1`, x.id, string(mustJSON(x.data))); err != nil {
				return err
			}
		}
	}
	return nil
}

// Correct changes the contacts of orders of which something is still to be sent. What stands in
// the books stays as it was: it is what was sold, and to whom.
func (h Holder) Correct(tx *db.Tx, s hold.Scope, k hold.Correction) (int, error) {
	n := 0
	for _, id := range s.Orders {
		if err := Touch(tx, id); err != nil {
			return n, err
		}
		o, err := ByID(tx, id)
		if err != nil {
			return n, err
		}
		if o.State != Placed || o.over() {
			continue
		}
		c, err := ContactOf(tx, h.Vault, o, auth.OwnWork())
		if errors.Is(err, secret.ErrErased) {
			continue
		}
		if err != nil {
			return n, err
		}
		if k.Name != "" {
			c.Name = k.Name
		}
		if k.Phone != "" {
			c.Phone = k.Phone
		}
		if k.Line1 != "" {
			c.Address = Address{CareOf: k.CareOf, Line1: k.Line1, Line2: k.Line2, PostalCode: k.PostalCode, City: k.City, Country: c.Address.Country, DoorCode: k.DoorCode}
		}
		sealed, err := secret.SealJSON(h.Vault, tx, o.Person, fieldContact, id, c)
		if err != nil {
			return n, err
		}
		if err := tx.ExecOne(`UPDATE order_order SET contact=$2 WHERE id=$1`, id, sealed); err != nil {
			return n, err
		}
		if err := AddEvent(tx, id, "corrected", true, nil); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// BookEntry is what the bookkeeping law makes the shop keep of a sale besides its sums.
type BookEntry struct {
	Name    string    `json:"name"`
	Company string    `json:"company"`
	Org     string    `json:"org"`
	Address Address   `json:"address"`
	Until   time.Time `json:"-"` // the first instant at which it need not be kept
}

// Books opens the books' part of an order, for who holds the bookkeeping right. Every reading is
// to be recorded by the caller. db.ErrNotFound; secret.ErrErased when its time is out.
func Books(q db.Q, v *secret.Vault, by auth.By, order db.ID) (BookEntry, error) {
	if err := by.Need(auth.BooksRead); err != nil {
		return BookEntry{}, err
	}
	b, err := books(q, v, order)
	if errors.Is(err, db.ErrNotFound) {
		err = fault.NotFound()
	}
	return b, err
}

// books is Books for the person's own export.
func books(q db.Q, v *secret.Vault, order db.ID) (b BookEntry, err error) {
	var sealed []byte
	var until time.Time
	if err = q.QueryRow(`SELECT sealed, keep_until FROM order_books WHERE order_id=$1`, order).Scan(&sealed, &until); err != nil {
		return b, err
	}
	plain, err := v.OpenBooks(fieldBooks, order, sealed)
	if err != nil {
		return b, err
	}
	err = json.Unmarshal(plain, &b)
	b.Until = until
	return b, err
}

// BooksUntil is when the last of the orders' parts in the books goes; zero when nothing is kept.
func (Holder) BooksUntil(q db.Q, s hold.Scope) (until time.Time, err error) {
	for _, id := range s.Orders {
		var t time.Time
		err := q.QueryRow(`SELECT keep_until FROM order_books WHERE order_id=$1`, id).Scan(&t)
		if err != nil && !errors.Is(err, db.ErrNotFound) {
			return until, err
		}
		if t.After(until) {
			until = t
		}
	}
	return until, nil
}

// SweepBooks deletes at most n parts of the books whose time was out at now, by the clock of laws.
func SweepBooks(tx *db.Tx, now time.Time, n int) (int, error) {
	got, err := tx.Exec(`DELETE FROM order_books WHERE order_id IN (SELECT order_id FROM order_books WHERE keep_until <= $1 ORDER BY keep_until, order_id LIMIT $2)`, now, n)
	return int(got), err
}

// Old lists the persons of orders that were placed, sent and received before t, oldest first,
// those placed after the instant after; at most n. last is the instant to go on from.
func Old(q db.Q, before, after time.Time, n int) (persons []db.ID, last time.Time, err error) {
	type row struct {
		person db.ID
		at     time.Time
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.person, &x.at); return },
		`SELECT person_id, placed_at FROM order_order WHERE erased_at IS NULL AND placed_at > $1 AND placed_at < $2 AND COALESCE(shipped_at, 0) < $2 AND COALESCE(received_at, 0) < $2 ORDER BY placed_at, id LIMIT $3`, after, before, n)
	for _, x := range rows {
		persons, last = append(persons, x.person), x.at
	}
	return persons, last, err
}

// ErasedAt is when the order's buyer was erased; the zero time while he is not.
func ErasedAt(q db.Q, id db.ID) (at time.Time, err error) {
	err = q.QueryRow(`SELECT erased_at FROM order_order WHERE id=$1`, id).Scan(&at)
	return
}

// parcelNumber is a row of the timeline in which a carrier's number may stand.
type parcelNumber struct {
	id   db.ID
	at   time.Time
	data map[string]string
}

func parcelNumbers(q db.Q, order db.ID) ([]parcelNumber, error) {
	return db.All(q, func(r *db.Rows) (n parcelNumber, err error) {
		var data string
		if err = r.Scan(&n.id, &n.at, &data); err == nil {
			err = json.Unmarshal([]byte(data), &n.data)
		}
		return
	}, `SELECT id, at, data FROM order_event WHERE order_id=$1 AND kind='shipped' ORDER BY id`, order)
}
