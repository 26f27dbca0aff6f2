package customer

import (
	"embed"
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the tables of customers.
var Migrations = db.Migrations{Room: "customer", FS: migrationsFS}

var (
	fieldContact = secret.Register("customer.contact", "to deliver what was bought and to answer about it")
	fieldEmail   = secret.Register("customer.email", "to find a customer by mail address")
	fieldPhone   = secret.Register("customer.phone", "to find a customer by phone number")
	fieldPostal  = secret.Register("customer.postal", "to find customers by postal code")
	fieldWord    = secret.Register("customer.word", "to find a customer by a word of the name")
)

// Newsletter is the consent to be written to about offers.
const Newsletter = "newsletter"

// Customer is one buyer as stored.
type Customer struct {
	ID      db.ID
	Person  db.ID // in the vault
	Contact Contact
	Version int64
	Created time.Time
}

// New stores a guest with a person of his own. contact MUST come from Parse.
// textVersion names the words beside the newsletter box and is needed when it was ticked.
func New(tx *db.Tx, v *secret.Vault, contact Contact, textVersion string) (Customer, error) {
	p, err := v.NewPerson(tx)
	if err != nil {
		return Customer{}, err
	}
	return NewFor(tx, v, p.ID, contact, textVersion)
}

// NewFor is New for a person that exists: the cart made him.
func NewFor(tx *db.Tx, v *secret.Vault, person db.ID, contact Contact, textVersion string) (Customer, error) {
	c := Customer{ID: tx.NewID(), Person: person, Contact: contact, Version: 1, Created: tx.Now()}
	sealed, ix, err := seal(tx, v, c)
	if err != nil {
		return Customer{}, err
	}
	_, err = tx.Exec(`INSERT INTO customer_customer (id, person_id, contact, email_index, phone_index, postal_index, version, created_at) VALUES ($1,$2,$3,$4,$5,$6,1,$7)`,
		c.ID, c.Person, sealed, ix.email, ix.phone, ix.postal, c.Created)
	if err != nil {
		return Customer{}, err
	}
	if err := putWords(tx, c.ID, ix.words); err != nil {
		return Customer{}, err
	}
	if contact.Newsletter {
		if err := Consent(tx, c.ID, Newsletter, true, textVersion); err != nil {
			return Customer{}, err
		}
	}
	return c, nil
}

// indexes are the blind indexes of a contact; any is nil where the value is
// empty.
type indexes struct {
	email, phone, postal any
	words                [][]byte
}

// ErrNotParsed is returned for a contact that did not come from Parse.
var ErrNotParsed = errors.New("customer: the contact is not in canonical form")

func seal(q db.Q, v *secret.Vault, c Customer) ([]byte, indexes, error) {
	var ix indexes
	if e, err := secret.CanonicalEmail(c.Contact.Email); err != nil || e != c.Contact.Email {
		return nil, ix, ErrNotParsed
	}
	if p := c.Contact.Phone; p != "" {
		if e, err := secret.CanonicalPhone(p); err != nil || e != p {
			return nil, ix, ErrNotParsed
		}
	}
	b, err := v.Index(fieldEmail, c.Contact.Email)
	if err != nil {
		return nil, ix, err
	}
	ix.email = b
	if c.Contact.Phone != "" {
		if b, err = v.Index(fieldPhone, c.Contact.Phone); err != nil {
			return nil, ix, err
		}
		ix.phone = b
	}
	if a := c.Contact.Address; a.PostalCode != "" {
		canon, err := secret.CanonicalPostal(a.Country, a.PostalCode)
		if err != nil {
			return nil, ix, ErrNotParsed
		}
		if b, err = v.Index(fieldPostal, canon); err != nil {
			return nil, ix, err
		}
		ix.postal = b
	}
	seen := map[string]bool{}
	for _, w := range append(secret.FoldWords(c.Contact.Name), secret.FoldWords(c.Contact.Company)...) {
		if !seen[w] {
			seen[w] = true
			b, err := v.Index(fieldWord, w)
			if err != nil {
				return nil, ix, err
			}
			ix.words = append(ix.words, b)
		}
	}
	sealed, err := secret.SealJSON(v, q, c.Person, fieldContact, c.ID, c.Contact)
	return sealed, ix, err
}

func putWords(tx *db.Tx, id db.ID, words [][]byte) error {
	for _, w := range words {
		if _, err := tx.Exec(`INSERT INTO customer_word (word, customer_id) VALUES ($1,$2) ON CONFLICT DO NOTHING`, w, id); err != nil {
			return err
		}
	}
	return nil
}

// Load reads a customer for a caller who reached the id through a row of his own
// (his order, his cart). db.ErrNotFound; secret.ErrErased after an erasure.
func Load(q db.Q, v *secret.Vault, id db.ID) (Customer, error) {
	if id <= 0 {
		return Customer{}, db.ErrNotFound
	}
	c := Customer{ID: id}
	var sealed []byte
	if err := q.QueryRow(`SELECT person_id, contact, version, created_at FROM customer_customer WHERE id=$1`, id).Scan(&c.Person, &sealed, &c.Version, &c.Created); err != nil {
		return Customer{}, err
	}
	if sealed == nil {
		return c, secret.ErrErased
	}
	var err error
	c.Contact, err = secret.OpenJSON[Contact](v, q, c.Person, fieldContact, id, sealed)
	return c, err
}

func mayRead(by auth.By) error { return by.Need(auth.CustomersRead) }

// One reads a customer for staff; it needs customers.read. The contact is masked
// unless leave opens this customer. A 404 fault when there is none; secret.ErrErased, with
// all but the contact, when he is erased.
func One(q db.Q, v *secret.Vault, by auth.By, id db.ID, leave auth.Opened) (Customer, error) {
	if err := mayRead(by); err != nil {
		return Customer{}, err
	}
	c, err := Load(q, v, id)
	if errors.Is(err, db.ErrNotFound) {
		return Customer{}, fault.NotFound()
	}
	if err != nil {
		return Customer{ID: id, Person: c.Person, Version: c.Version, Created: c.Created}, err
	}
	if !leave.Opens(c.Person, "customer", id) {
		c.Contact = c.Contact.Masked()
	}
	return c, nil
}

// Masked is the contact without who it is: initials, the end of the number, the town
// and the country.
func (c Contact) Masked() Contact {
	m := Contact{Name: datamap.MaskName(c.Name), Email: datamap.MaskEmail(c.Email), Phone: datamap.MaskPhone(c.Phone), Company: datamap.MaskName(c.Company), Newsletter: c.Newsletter,
		Address: Address{City: c.Address.City, Country: c.Address.Country}}
	if c.OrgNumber != "" { // of a sole trader it is a personnummer
		m.OrgNumber = "•••"
	}
	if c.Reference != "" {
		m.Reference = "•••"
	}
	if c.Billing != nil {
		m.Billing = &Address{City: c.Billing.City, Country: c.Billing.Country}
	}
	return m
}

// Kinds are what a reader of the contact has read, as the record of accesses names it.
func (c Contact) Kinds() []string {
	kinds := []string{"name", "address", "email"}
	if c.Phone != "" {
		kinds = append(kinds, "phone")
	}
	return kinds
}

// Correct replaces the contact; staff needs orders.write. contact MUST come
// from Parse. fault "changed" when version is not the newest.
func Correct(tx *db.Tx, v *secret.Vault, by auth.By, id db.ID, version int64, contact Contact) error {
	if err := by.Need(auth.OrdersWrite); err != nil {
		return err
	}
	c, err := Load(tx, v, id)
	if errors.Is(err, db.ErrNotFound) || errors.Is(err, secret.ErrErased) {
		return fault.NotFound()
	}
	if err != nil {
		return err
	}
	contact.Newsletter = c.Contact.Newsletter // a consent is the customer's to give
	c.Contact = contact
	sealed, ix, err := seal(tx, v, c)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE customer_customer SET contact=$3, email_index=$4, phone_index=$5, postal_index=$6, version=version+1 WHERE id=$1 AND version=$2 AND erased_at IS NULL`,
		id, version, sealed, ix.email, ix.phone, ix.postal)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("changed")
	}
	if _, err := tx.Exec(`DELETE FROM customer_word WHERE customer_id=$1`, id); err != nil {
		return err
	}
	if err := putWords(tx, id, ix.words); err != nil {
		return err
	}
	return by.Record(tx, "customer.correct", "customer", id, "", "contact")
}

// Erase destroys the person's key and everything that finds him. The caller
// (privacy) decides whether it may be; here by must be the program or hold cases.write.
// Erasing twice is no error.
func Erase(tx *db.Tx, v *secret.Vault, by auth.By, id db.ID) error {
	if by.Kind != auth.SystemKind && !by.Has(auth.CasesWrite) {
		return fault.Denied()
	}
	if id <= 0 {
		return fault.NotFound()
	}
	var person db.ID
	err := tx.QueryRow(`UPDATE customer_customer SET contact=NULL, email_index=NULL, phone_index=NULL, postal_index=NULL, erased_at=$2, version=version+1
		WHERE id=$1 AND erased_at IS NULL RETURNING person_id`, id, tx.Now()).Scan(&person)
	if errors.Is(err, db.ErrNotFound) {
		var n int64
		if err := tx.QueryRow(`SELECT count(*) FROM customer_customer WHERE id=$1`, id).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return fault.NotFound()
		}
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM customer_word WHERE customer_id=$1`, id); err != nil {
		return err
	}
	if err := v.Erase(tx, person); err != nil {
		return err
	}
	if err := tx.Changed("customer", id); err != nil {
		return err
	}
	return by.Record(tx, "customer.erase", "customer", id, "", "")
}
