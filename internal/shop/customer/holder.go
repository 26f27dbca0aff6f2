package customer

import (
	"errors"
	"strings"
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for customers.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "customer" }

// Find adds the customers of the mail address, and those of the persons.
func (h Holder) Find(q db.Q, s *hold.Scope) error {
	type row struct{ id, person db.ID }
	read := func(where string, args ...any) error {
		rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.person); return },
			`SELECT id, person_id FROM customer_customer WHERE `+where+` ORDER BY id LIMIT 1000`, args...)
		for _, x := range rows {
			s.Customer(x.id)
			s.Person(x.person)
		}
		return err
	}
	if s.Mail != "" {
		ix, err := h.Vault.Index(fieldEmail, s.Mail)
		if err != nil {
			return err
		}
		if err := read(`email_index = $1`, ix); err != nil {
			return err
		}
	}
	in, args := hold.In(s.Persons, 1)
	return read(`person_id IN `+in, args...)
}

// Lines are the parts of an address as they stand under each other.
func (a Address) Lines() []string {
	door := ""
	if a.DoorCode != "" {
		door = "(" + a.DoorCode + ")"
	}
	return []string{a.CareOf, a.Line1, a.Line2, strings.TrimSpace(a.PostalCode + " " + a.City), a.Country, door}
}

// Export gives the contacts and the consents.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	var out []hold.Record
	for _, id := range s.Customers {
		c, err := Load(q, h.Vault, id)
		if errors.Is(err, secret.ErrErased) || errors.Is(err, db.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r := hold.Record{Category: "order", Table: "customer_customer", ID: id, At: c.Created}
		k := c.Contact
		r.Add("contact", datamap.Name, k.Name)
		r.Add("contact", datamap.Email, k.Email)
		r.Add("contact", datamap.Phone, k.Phone)
		r.Add("contact", datamap.Address, k.Address.Lines()...)
		if k.Billing != nil {
			r.Add("contact", datamap.Address, k.Billing.Lines()...)
		}
		r.Add("contact", datamap.Company, k.Company, k.OrgNumber, k.Reference)
		out = append(out, r)
		cs, err := consents(q, id)
		if err != nil {
			return nil, err
		}
		for _, x := range cs {
			r := hold.Record{Category: "newsletter", Table: "customer_consent", ID: x.ID, About: x.Kind, At: x.At}
			r.Add("given", datamap.Doing, map[bool]string{true: "yes", false: "no"}[x.Given])
			r.Add("at", datamap.Doing, x.At.UTC().Format(time.RFC3339))
			out = append(out, r)
		}
	}
	return out, nil
}

// said is one word on a consent.
type said struct {
	ID    db.ID
	Kind  string
	Given bool
	Text  string // version of the words that were seen
	At    time.Time
}

func consents(q db.Q, customer db.ID) ([]said, error) {
	return db.All(q, func(r *db.Rows) (g said, err error) { err = r.Scan(&g.ID, &g.Kind, &g.Given, &g.Text, &g.At); return },
		`SELECT id, kind, given, text_version, at FROM customer_consent WHERE customer_id=$1 ORDER BY id LIMIT 200`, customer)
}

// Open lists nothing: a customer is not a matter.
func (Holder) Open(db.Q, hold.Scope) ([]hold.Matter, error) { return nil, nil }

// Erase deletes what finds the customers, and their contacts.
func (Holder) Erase(tx *db.Tx, s hold.Scope) error {
	for _, id := range s.Customers {
		n, err := tx.Exec(`UPDATE customer_customer SET contact=NULL, email_index=NULL, phone_index=NULL, postal_index=NULL, erased_at=$2, version=version+1 WHERE id=$1 AND erased_at IS NULL`, id, tx.Now())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM customer_word WHERE customer_id=$1`, id); err != nil {
			return err
		}
		if n == 1 {
			if err := tx.Changed("customer", id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Correct changes the customers' contacts.
func (h Holder) Correct(tx *db.Tx, s hold.Scope, c hold.Correction) (int, error) {
	n := 0
	for _, id := range s.Customers {
		k, err := Load(tx, h.Vault, id)
		if errors.Is(err, secret.ErrErased) || errors.Is(err, db.ErrNotFound) {
			continue
		}
		if err != nil {
			return n, err
		}
		in, err := Corrected(k.Contact, c)
		if err != nil {
			return n, err
		}
		if err := h.put(tx, k, in); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Corrected applies a correction by the rules of what a buyer gives. 422 with fields.
func Corrected(k Contact, c hold.Correction) (Contact, error) {
	set := func(to *string, v string) {
		if v != "" {
			*to = v
		}
	}
	set(&k.Name, c.Name)
	set(&k.Phone, c.Phone)
	if c.Line1 != "" { // an address is one thing: its parts are not mixed
		k.Address = Address{CareOf: c.CareOf, Line1: c.Line1, Line2: c.Line2, PostalCode: c.PostalCode, City: c.City, Country: k.Address.Country, DoorCode: c.DoorCode}
	}
	return Parse(k, Rules{Countries: EU})
}

func (h Holder) put(tx *db.Tx, k Customer, in Contact) error {
	in.Newsletter = k.Contact.Newsletter // a consent is given and taken back apart
	k.Contact = in
	sealed, ix, err := seal(tx, h.Vault, k)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE customer_customer SET contact=$3, email_index=$4, phone_index=$5, postal_index=$6, version=version+1 WHERE id=$1 AND version=$2 AND erased_at IS NULL`,
		k.ID, k.Version, sealed, ix.email, ix.phone, ix.postal)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("changed")
	}
	if _, err := tx.Exec(`DELETE FROM customer_word WHERE customer_id=$1`, k.ID); err != nil {
		return err
	}
	return putWords(tx, k.ID, ix.words)
}
