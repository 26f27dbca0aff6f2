package customer

import (
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// Rename makes the index of names of every customer who is there anew: in a copy of a shop in which everybody has another
// name. nameOf tells it by person.
func Rename(tx *db.Tx, v *secret.Vault, nameOf func(person db.ID) string) error {
	type one struct{ id, person db.ID }
	for last := db.ID(0); ; {
		some, err := db.All(tx, func(r *db.Rows) (x one, err error) { err = r.Scan(&x.id, &x.person); return }, `SELECT id, person_id FROM customer_customer WHERE contact IS NOT NULL AND id > $1 ORDER BY id LIMIT 500`, last)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, x := range some {
			last = x.id
			var words [][]byte
			for _, w := range secret.FoldWords(nameOf(x.person)) {
				b, err := v.Index(fieldWord, w)
				if err != nil {
					return err
				}
				words = append(words, b)
			}
			if err := putWords(tx, x.id, words); err != nil {
				return err
			}
		}
	}
}
