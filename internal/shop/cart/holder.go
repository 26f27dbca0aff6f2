package cart

import (
	"encoding/json"
	"errors"
	"strings"

	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Holder meets hold.Holder for carts.
type Holder struct{ Vault *secret.Vault }

// Room is the room's name.
func (Holder) Room() string { return "cart" }

// Find adds the persons of the carts with the mail address.
func (h Holder) Find(q db.Q, s *hold.Scope) error {
	if s.Mail == "" {
		return nil
	}
	ix, err := h.Vault.Index(fieldMail, s.Mail)
	if err != nil {
		return err
	}
	ids, err := db.All(q, scanID, `SELECT COALESCE(person_id,0) FROM cart_cart WHERE mail_index=$1 ORDER BY id LIMIT 1000`, ix)
	for _, id := range ids {
		s.Person(id)
	}
	return err
}

func scanID(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }

func (h Holder) carts(q db.Q, s hold.Scope) ([]Cart, error) {
	in, args := hold.In(s.Persons, 1)
	ids, err := db.All(q, scanID, `SELECT id FROM cart_cart WHERE person_id IN `+in+` ORDER BY id LIMIT 1000`, args...)
	if err != nil {
		return nil, err
	}
	var out []Cart
	for _, id := range ids {
		c, err := ByID(q, id)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Export gives what the carts hold. The contact's form is its giver's; its words are read by
// their names.
func (h Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	cs, err := h.carts(q, s)
	if err != nil {
		return nil, err
	}
	var out []hold.Record
	for _, c := range cs {
		r := hold.Record{Category: "cart", Table: "cart_cart", ID: c.ID, At: c.Changed}
		r.Add("postal_code", datamap.Address, c.PostalCode)
		m, ok, err := Contact[map[string]any](q, h.Vault, c)
		if err != nil && !errors.Is(err, secret.ErrErased) {
			return nil, err
		}
		if ok {
			word := func(k string) string { t, _ := m[k].(string); return t }
			r.Add("contact", datamap.Name, word("Name"))
			r.Add("contact", datamap.Email, word("Email"))
			r.Add("contact", datamap.Phone, word("Phone"))
			r.Add("contact", datamap.Company, word("Company"), word("OrgNumber"), word("Reference"))
			for _, k := range []string{"Address", "Billing"} {
				if a, ok := m[k].(map[string]any); ok {
					r.Add("contact", datamap.Address, flat(a)...)
				}
			}
		}
		if len(r.Details) > 0 {
			out = append(out, r)
		}
	}
	return out, nil
}

func flat(a map[string]any) (out []string) {
	for _, k := range []string{"CareOf", "Line1", "Line2", "PostalCode", "City", "Country", "DoorCode"} {
		if t, ok := a[k].(string); ok {
			out = append(out, t)
		}
	}
	return
}

// Open lists nothing: a cart promises nothing.
func (Holder) Open(db.Q, hold.Scope) ([]hold.Matter, error) { return nil, nil }

// Erase drops the carts that nothing came of; of the others what they still hold of the person.
func (h Holder) Erase(tx *db.Tx, s hold.Scope) error {
	cs, err := h.carts(tx, s)
	if err != nil {
		return err
	}
	for _, c := range cs {
		if _, err := tx.Exec(`UPDATE cart_cart SET contact=NULL, mail_index=NULL, postal_code='' WHERE id=$1`, c.ID); err != nil {
			return err
		}
		if c.Purchase == 0 && !c.tried {
			for _, text := range []string{`DELETE FROM cart_line WHERE cart_id=$1`, `DELETE FROM cart_cart WHERE id=$1`} {
				if _, err := tx.Exec(text, c.ID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Correct changes the contacts of carts that are still wishes, so that a purchase is not made with
// what was wrong.
func (h Holder) Correct(tx *db.Tx, s hold.Scope, c hold.Correction) (int, error) {
	cs, err := h.carts(tx, s)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, x := range cs {
		if x.Purchase != 0 {
			continue
		}
		m, ok, err := Contact[map[string]json.RawMessage](tx, h.Vault, x)
		if errors.Is(err, secret.ErrErased) || !ok && err == nil {
			continue
		}
		if err != nil {
			return n, err
		}
		put := func(m map[string]json.RawMessage, k, v string) error {
			if v = strings.TrimSpace(v); v == "" {
				return nil
			}
			b, err := json.Marshal(v)
			m[k] = b
			return err
		}
		if err := errors.Join(put(m, "Name", c.Name), put(m, "Phone", c.Phone)); err != nil {
			return n, err
		}
		postal := x.PostalCode
		if c.Line1 != "" {
			a := map[string]json.RawMessage{}
			if len(m["Address"]) > 0 {
				if err := json.Unmarshal(m["Address"], &a); err != nil {
					return n, err
				}
			}
			country := a["Country"]
			a = map[string]json.RawMessage{}
			if len(country) > 0 {
				a["Country"] = country
			}
			for k, v := range map[string]string{"CareOf": c.CareOf, "Line1": c.Line1, "Line2": c.Line2, "PostalCode": c.PostalCode, "City": c.City, "DoorCode": c.DoorCode} {
				if err := put(a, k, v); err != nil {
					return n, err
				}
			}
			if m["Address"], err = json.Marshal(a); err != nil {
				return n, err
			}
			postal = c.PostalCode
		}
		b, err := secret.SealJSON(h.Vault, tx, x.Person, fieldContact, x.ID, m)
		if err != nil {
			return n, err
		}
		if err := tx.ExecOne(`UPDATE cart_cart SET contact=$2, postal_code=$3, version=version+1 WHERE id=$1`, x.ID, b, postal); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
