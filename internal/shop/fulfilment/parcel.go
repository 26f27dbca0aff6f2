package fulfilment

import (
	"embed"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "fulfilment", FS: migrationsFS}

// Parcel is what left in one box.
type Parcel struct {
	ID        db.ID
	Order     db.ID
	Carrier   string // key; empty: handed over by the shop itself
	Number    string // to follow it by; empty: none
	Shipped   time.Time
	Delivered time.Time // zero: not known
	Lines     []ShipLine
}

// ShipLine is a number of pieces of an order line.
type ShipLine struct {
	Line     db.ID
	Quantity int64
}

const parcelCols = `id, order_id, carrier, number, shipped_at, delivered_at`

func scanParcel(r interface{ Scan(...any) error }) (p Parcel, err error) {
	err = r.Scan(&p.ID, &p.Order, &p.Carrier, &p.Number, &p.Shipped, &p.Delivered)
	return
}

func withLines(q db.Q, p Parcel, err error) (Parcel, error) {
	if err != nil {
		return Parcel{}, err
	}
	p.Lines, err = db.All(q, func(r *db.Rows) (l ShipLine, err error) { err = r.Scan(&l.Line, &l.Quantity); return },
		`SELECT line_id, quantity FROM fulfilment_parcel_line WHERE parcel_id=$1 ORDER BY line_id`, p.ID)
	return p, err
}

// ParcelByID reads a parcel for the program's own work. db.ErrNotFound.
func ParcelByID(q db.Q, id db.ID) (Parcel, error) {
	p, err := scanParcel(q.QueryRow(`SELECT `+parcelCols+` FROM fulfilment_parcel WHERE id=$1`, id))
	return withLines(q, p, err)
}

// Parcels lists the parcels of an order, oldest first. The caller has established
// the right to see the order.
func Parcels(q db.Q, order db.ID) ([]Parcel, error) {
	ps, err := db.All(q, func(r *db.Rows) (Parcel, error) { return scanParcel(r) }, `SELECT `+parcelCols+` FROM fulfilment_parcel WHERE order_id=$1 ORDER BY id`, order)
	if err != nil {
		return nil, err
	}
	for i := range ps {
		if ps[i], err = withLines(q, ps[i], nil); err != nil {
			return nil, err
		}
	}
	return ps, nil
}

func record(tx *db.Tx, by auth.By, action string, order db.ID, note string) error {
	kind := map[auth.Kind]string{auth.StaffKind: "staff", auth.APIKind: "token", auth.SystemKind: "system"}[by.Kind]
	if kind == "" {
		kind = "guest"
	}
	return audit.Record(tx, audit.Entry{ActorKind: kind, ActorID: by.ID, ActorName: by.Name, Peer: by.Peer, Action: action, Entity: "order", EntityID: order, New: note})
}
