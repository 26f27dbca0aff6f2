package pricing

import (
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/catalog"
)

// ErrNoRate means that a VAT class has no rate on that day in that country. It
// is a fault of the table, reaches no buyer, and nothing is sold at 0 by it.
var ErrNoRate = errors.New("pricing: no VAT rate")

// Rate is a VAT rate of a class, in basis points, half-open in time.
type Rate struct {
	Country, Class string
	BP             int64
	From, To       time.Time // To zero: open
}

// RateTable is the rates of one country.
type RateTable struct {
	Country string
	rates   []Rate
}

// NewRateTable makes a table of given rates, for tests and previews.
func NewRateTable(country string, rates []Rate) RateTable { return RateTable{country, rates} }

// Rates reads the table of a country (ISO 3166 alpha-2).
func Rates(q db.Q, country string) (RateTable, error) {
	rates, err := db.All(q, func(r *db.Rows) (v Rate, err error) {
		err = r.Scan(&v.Country, &v.Class, &v.BP, &v.From, &v.To)
		return
	}, `SELECT country, class, rate_bp, valid_from, valid_to FROM pricing_vat_rate WHERE country = $1 ORDER BY class, valid_from`, country)
	return RateTable{country, rates}, err
}

// At is the rate of a class at the tax point, in basis points; ErrNoRate.
func (t RateTable) At(class string, at time.Time) (int64, error) {
	for _, r := range t.rates {
		if r.Class == class && !at.Before(r.From) && (r.To.IsZero() || at.Before(r.To)) {
			return r.BP, nil
		}
	}
	return 0, fmt.Errorf("%w: country %q, class %q, %s", ErrNoRate, t.Country, class, at.Format(time.DateOnly))
}

// All are the rows, for the back office.
func (t RateTable) All() []Rate { return t.rates }

// next is the first change of a class's rate after at; zero when none is known.
// An empty class asks for any.
func (t RateTable) next(class string, at time.Time) time.Time {
	var out time.Time
	for _, r := range t.rates {
		if class != "" && r.Class != class {
			continue
		}
		for _, b := range []time.Time{r.From, r.To} {
			if b.After(at) {
				out = earlier(out, b)
			}
		}
	}
	return out
}

// SetRate gives a class a new rate from a coming instant on, for ever; the row
// in force then ends there. Rates of the past do not change, and a class with
// planned changes must have them all before from.
func SetRate(tx *db.Tx, by auth.By, country, class string, bp int64, from time.Time) error {
	if err := by.Need(auth.SettingsWrite); err != nil {
		return err
	}
	var f fault.Fields
	if len(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z' {
		f.Add("/country", "bad_country")
	}
	known := false
	for _, c := range catalog.VATClasses {
		known = known || c == class
	}
	if !known {
		f.Add("/class", "unknown")
	}
	if bp < 0 || bp > 10_000 || (bp == 0 && class == catalog.VATStandard) {
		f.Add("/rate", "out_of_range")
	}
	if from.Before(tx.LegalNow()) {
		f.Add("/from", "in_the_past")
	}
	if err := f.Err(); err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE pricing_vat_rate SET valid_to = $3 WHERE country = $1 AND class = $2 AND valid_to IS NULL AND valid_from < $3`, country, class, from)
	if err != nil {
		return err
	}
	if n == 0 { // the first rate of this class, or an open row that begins later
		var open int64
		if err := tx.QueryRow(`SELECT count(*) FROM pricing_vat_rate WHERE country = $1 AND class = $2`, country, class).Scan(&open); err != nil {
			return err
		}
		if open > 0 {
			return fault.Invalid(fault.Field{Pointer: "/from", Code: "before_planned"})
		}
	}
	if _, err := tx.Exec(`INSERT INTO pricing_vat_rate (country, class, rate_bp, valid_from, valid_to) VALUES ($1,$2,$3,$4,NULL)`, country, class, bp, from); err != nil {
		return err
	}
	// A rate has no id: who hears of the change reads all rates anew.
	if err := tx.Changed(EntityVAT, tx.NewID()); err != nil {
		return err
	}
	return record(tx, by, "vat.set", EntityVAT, 0, "", fmt.Sprintf("%s %s %d from %s", country, class, bp, from.In(Zone).Format(time.DateOnly)))
}
