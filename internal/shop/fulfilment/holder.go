package fulfilment

import (
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/datamap/hold"
	"kassavalv/internal/db"
)

// Holder meets hold.Holder for parcels.
type Holder struct{}

// Room is the room's name.
func (Holder) Room() string { return "fulfilment" }

// Find finds nobody by himself: parcels are found by their orders.
func (Holder) Find(db.Q, *hold.Scope) error { return nil }

// Export gives the parcels' numbers.
func (Holder) Export(q db.Q, s hold.Scope) ([]hold.Record, error) {
	in, args := hold.In(s.Orders, 1)
	type row struct {
		id              db.ID
		carrier, number string
		at              time.Time
	}
	rows, err := db.All(q, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.carrier, &x.number, &x.at); return },
		`SELECT id, carrier, number, shipped_at FROM fulfilment_parcel WHERE order_id IN `+in+` ORDER BY id LIMIT 1000`, args...)
	var out []hold.Record
	for _, x := range rows {
		r := hold.Record{Category: "order", Table: "fulfilment_parcel", ID: x.id, About: x.carrier, At: x.at}
		r.Add("number", datamap.Doing, x.number)
		if len(r.Details) > 0 {
			out = append(out, r)
		}
	}
	return out, err
}

// Open lists nothing: what is to be sent is the order's matter.
func (Holder) Open(db.Q, hold.Scope) ([]hold.Matter, error) { return nil, nil }

// Erase takes the parcels' numbers, by which the carrier would tell where they went.
func (Holder) Erase(tx *db.Tx, s hold.Scope) error {
	in, args := hold.In(s.Orders, 1)
	_, err := tx.Exec(`UPDATE fulfilment_parcel SET number='' WHERE order_id IN `+in, args...)
	return err
}

// CarriersOf lists the carriers that had parcels of the orders, by name.
func CarriersOf(q db.Q, orders []db.ID) ([]string, error) {
	in, args := hold.In(orders, 1)
	return db.All(q, func(r *db.Rows) (s string, err error) { err = r.Scan(&s); return }, `SELECT DISTINCT carrier FROM fulfilment_parcel WHERE order_id IN `+in+` ORDER BY carrier`, args...)
}
