package customer

import (
	"fmt"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// findLimit bounds every answer; a search that meets it is too wide.
const findLimit = 200

// FindByEmail gives the customers of a mail address, newest first, at most 200.
// It needs customers.read. An address that cannot be one finds nobody.
func FindByEmail(q db.Q, v *secret.Vault, by auth.By, email string) ([]db.ID, error) {
	if err := mayRead(by); err != nil {
		return nil, err
	}
	e, err := secret.CanonicalEmail(email)
	if err != nil {
		return nil, nil
	}
	return find(q, v, fieldEmail, e, `email_index`)
}

// FindByPhone is FindByEmail for a phone number.
func FindByPhone(q db.Q, v *secret.Vault, by auth.By, phone string) ([]db.ID, error) {
	if err := mayRead(by); err != nil {
		return nil, err
	}
	p, err := secret.CanonicalPhone(phone)
	if err != nil {
		return nil, nil
	}
	return find(q, v, fieldPhone, p, `phone_index`)
}

// FindByPostalCode is FindByEmail for a postal code.
func FindByPostalCode(q db.Q, v *secret.Vault, by auth.By, country, code string) ([]db.ID, error) {
	if err := mayRead(by); err != nil {
		return nil, err
	}
	p, err := secret.CanonicalPostal(country, code)
	if err != nil {
		return nil, nil
	}
	return find(q, v, fieldPostal, p, `postal_index`)
}

// FindByName gives the customers in whose name or company every word of the
// text stands, in any order, case and accent; whole words only: more a blind index cannot do.
func FindByName(q db.Q, v *secret.Vault, by auth.By, name string) ([]db.ID, error) {
	if err := mayRead(by); err != nil {
		return nil, err
	}
	words := secret.FoldWords(name)
	if len(words) == 0 {
		return nil, nil
	}
	var where []string
	var args []any
	for i, w := range words {
		b, err := v.Index(fieldWord, w)
		if err != nil {
			return nil, err
		}
		args = append(args, b)
		where = append(where, "SELECT customer_id FROM customer_word WHERE word="+db.Placeholders(i+1, 1))
	}
	return db.All(q, scanID, `SELECT id FROM customer_customer WHERE id IN (`+strings.Join(where, " INTERSECT ")+`) ORDER BY id DESC LIMIT `+fmt.Sprint(findLimit), args...)
}

func find(q db.Q, v *secret.Vault, f secret.Field, canonical, column string) ([]db.ID, error) {
	b, err := v.Index(f, canonical)
	if err != nil {
		return nil, err
	}
	return db.All(q, scanID, `SELECT id FROM customer_customer WHERE `+column+` = $1 ORDER BY id DESC LIMIT `+fmt.Sprint(findLimit), b)
}

func scanID(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }

// Consent records that a customer gave or withdrew a consent. textVersion names
// the words he saw.
func Consent(tx *db.Tx, id db.ID, kind string, given bool, textVersion string) error {
	if id <= 0 || kind == "" || textVersion == "" || len(textVersion) > 64 {
		return fault.Invalid(fault.Field{Pointer: "/newsletter", Code: "bad_value"})
	}
	_, err := tx.Exec(`INSERT INTO customer_consent (id, customer_id, kind, given, text_version, at) VALUES ($1,$2,$3,$4,$5,$6)`,
		tx.NewID(), id, kind, given, textVersion, tx.Now())
	return err
}

// Consented tells whether the newest word on a consent is yes; without any, no.
func Consented(q db.Q, id db.ID, kind string) (bool, error) {
	given, err := db.All(q, func(r *db.Rows) (b bool, err error) { err = r.Scan(&b); return },
		`SELECT given FROM customer_consent WHERE customer_id=$1 AND kind=$2 ORDER BY id DESC LIMIT 1`, id, kind)
	return len(given) == 1 && given[0], err
}

// SameMail gives the other customers with the mail address of one, newest first, at
// most 50: they may be the same person, which nobody has proven. It needs customers.read.
func SameMail(q db.Q, by auth.By, id db.ID) ([]db.ID, error) {
	if err := mayRead(by); err != nil {
		return nil, err
	}
	return db.All(q, scanID, `SELECT id FROM customer_customer WHERE email_index = (SELECT email_index FROM customer_customer WHERE id=$1) AND id <> $1 ORDER BY id DESC LIMIT 50`, id)
}

// Given is a consent as it was given or withdrawn.
type Given struct {
	Kind, Version string
	Given         bool
	At            time.Time
}

// Consents lists what a customer has said to consents, oldest first. It needs customers.read.
func Consents(q db.Q, by auth.By, id db.ID) ([]Given, error) {
	if err := mayRead(by); err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (g Given, err error) { err = r.Scan(&g.Kind, &g.Given, &g.Version, &g.At); return },
		`SELECT kind, given, text_version, at FROM customer_consent WHERE customer_id=$1 ORDER BY id LIMIT 200`, id)
}
