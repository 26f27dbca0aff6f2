package db_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// What a closure changed is told once each, in the feed's rows and to this process,
// and nothing of a closure that failed.
func TestChangesAreToldOnceEach(t *testing.T) {
	dbtest.Each(t, schema, func(t *testing.T, d *db.DB) {
		var mu sync.Mutex
		var heard []string
		d.OnChange(func(cs []db.Change) {
			mu.Lock()
			defer mu.Unlock()
			for _, c := range cs {
				if c.Entity == "thing" {
					heard = append(heard, c.ID.String())
				}
			}
		})
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint(i+1))
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error {
			for range 3 {
				for i := range 100 {
					if err := tx.Changed("thing", db.ID(i+1)); err != nil {
						return err
					}
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		sorry := errors.New("sorry")
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error {
			if err := tx.Changed("thing", 500); err != nil {
				return err
			}
			return sorry
		}); !errors.Is(err, sorry) {
			t.Fatal(err)
		}
		rows, err := db.Read(t.Context(), d, func(q *db.Reader) ([]string, error) {
			return db.All(q, func(r *db.Rows) (string, error) { var id db.ID; err := r.Scan(&id); return id.String(), err }, `SELECT entity_id FROM db_change WHERE entity='thing' ORDER BY id`)
		})
		if err != nil || !slices.Equal(rows, want) {
			t.Errorf("rows %v %v", rows, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(heard, want) {
			t.Errorf("heard %v", heard)
		}
	})
}
