package incident

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

const contactRow = db.ID(1)

func openContact(v *secret.Vault, sealed []byte) (c Contact, err error) {
	b, err := v.OpenShop(fieldContact, contactRow, sealed)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	return c, err
}

// SetCall names whom to call. Faults: 422 at "name" and "phone"; 409 changed_meanwhile.
func (m *Room) SetCall(tx *db.Tx, by auth.By, c Contact) error {
	if err := by.Need(auth.IncidentsWrite); err != nil {
		return err
	}
	c.Name, c.Phone = strings.Join(strings.Fields(clean(c.Name)), " "), strings.TrimSpace(clean(c.Phone))
	var f fault.Fields
	switch {
	case c.Name == "":
		f.Add("/name", "required")
	case utf8.RuneCountInString(c.Name) > 80:
		f.Add("/name", "too_long", "max", 80)
	}
	digits := 0
	for _, r := range c.Phone {
		if r >= '0' && r <= '9' {
			digits++
		} else if !unicode.IsSpace(r) && !strings.ContainsRune("+-()", r) {
			digits = 99
		}
	}
	if digits < 5 || digits > 15 || len(c.Phone) > 30 {
		f.Add("/phone", "bad_phone")
	}
	if err := f.Err(); err != nil {
		return err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	sealed, err := m.Vault.SealShop(fieldContact, contactRow, b)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO incident_contact (id, said, version) VALUES (1,$1,1)
		ON CONFLICT (id) DO UPDATE SET said=excluded.said, version=incident_contact.version+1 WHERE incident_contact.version=$2`, sealed, c.Version)
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("changed_meanwhile")
	}
	return by.Record(tx, "incident.contact", entity, 0, "", "changed")
}
