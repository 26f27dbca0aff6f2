package fulfilment

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Named is a carrier as the merchant keeps it: what it is called and where its
// parcels are followed. The shop speaks with it only when there is a Carrier of
// the same key.
type Named struct {
	Key      string
	Name     string
	Template string // https address with {number} once, after the host; empty: parcels cannot be followed
	Active   bool   // offered where a carrier is chosen
	Version  int64  // 0: new
}

// NamedCarriers lists the merchant's carriers by name. The caller has established
// the right, or shows only names and addresses to the buyer of a parcel.
func NamedCarriers(q db.Q) ([]Named, error) {
	return db.All(q, func(r *db.Rows) (n Named, err error) {
		err = r.Scan(&n.Key, &n.Name, &n.Template, &n.Active, &n.Version)
		return
	}, `SELECT key, name, template, active, version FROM fulfilment_carrier ORDER BY name, key`)
}

// PutCarrier makes a carrier (Version 0) or changes it. Faults: 403; 422 with fields
// key, name, template; 409 code_taken, changed_meanwhile.
func PutCarrier(tx *db.Tx, by auth.By, n Named) error {
	if err := by.Need(auth.SettingsWrite); err != nil {
		return err
	}
	n.Name, n.Template = strings.TrimSpace(n.Name), strings.TrimSpace(n.Template)
	var f fault.Fields
	if !carrierKey.MatchString(n.Key) {
		f.Add("/key", "bad_carrier_key")
	}
	if n.Name == "" || utf8.RuneCountInString(n.Name) > 60 || strings.ContainsFunc(n.Name, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
		f.Add("/name", "required")
	}
	if len(n.Template) > 500 || CheckTemplate(n.Template) != nil {
		f.Add("/template", "bad_template")
	}
	if err := f.Err(); err != nil {
		return err
	}
	var count int64
	var err error
	old := ""
	if n.Version == 0 {
		count, err = tx.Exec(`INSERT INTO fulfilment_carrier (key, name, template, active, version) VALUES ($1,$2,$3,$4,1) ON CONFLICT (key) DO NOTHING`, n.Key, n.Name, n.Template, n.Active)
		if err == nil && count == 0 {
			return fault.Conflict("code_taken")
		}
	} else {
		if err := tx.QueryRow(`SELECT template FROM fulfilment_carrier WHERE key=$1`, n.Key).Scan(&old); err != nil && !errors.Is(err, db.ErrNotFound) {
			return err
		}
		count, err = tx.Exec(`UPDATE fulfilment_carrier SET name=$2, template=$3, active=$4, version=version+1 WHERE key=$1 AND version=$5`, n.Key, n.Name, n.Template, n.Active, n.Version)
		if err == nil && count == 0 {
			return fault.Conflict("changed_meanwhile")
		}
	}
	if err != nil {
		return err
	}
	return by.Record(tx, "carrier.put", "carrier", 0, old, n.Key+" "+n.Template)
}

// Follow is how a parcel is called and followed: the carrier's name ("" when the
// merchant has given none) and the address of its page ("" when it has none, or the number is none).
// What the merchant set goes before what the program brought.
func (cs Carriers) Follow(q db.Q, carrier, number string) (name, address string, err error) {
	var template string
	err = q.QueryRow(`SELECT name, template FROM fulfilment_carrier WHERE key=$1`, carrier).Scan(&name, &template)
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return "", "", err
	}
	if template == "" {
		return name, cs.TrackURL(carrier, number), nil
	}
	return name, fill(template, number), nil
}
