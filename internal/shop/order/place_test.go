package order

import (
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/secret/secrettest"
)

// The books are those of the shop's own year, on a machine of whatever zone: half past midnight on New Year's Day is the new
// year, and the law keeps it a year longer.
func TestBookYear(t *testing.T) {
	for s, want := range map[string]int{"2026-12-31T22:59:59Z": 2026, "2026-12-31T23:00:00Z": 2027, "2026-12-31T23:30:00Z": 2027, "2027-01-01T00:00:00+01:00": 2027, "2026-12-31T20:00:00-05:00": 2027, "2026-07-01T00:00:00Z": 2026} {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		if y := bookYear(at); y != want {
			t.Errorf("%s: %d, want %d", s, y, want)
		}
	}
}

// A number that is taken is passed over: in a clone of a shop the numbers of both keys meet.
func TestTakenNumbersArePassedOver(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		seen := map[int64]bool{}
		for i := range 3 {
			o, err := place(d, v, db.ID(i+1), false)
			if err != nil || seen[o.Number] {
				t.Fatal(o.Number, err)
			}
			seen[o.Number] = true
			if err := db.Do(t.Context(), d, func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE order_series SET next=1 WHERE name='order'`)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
