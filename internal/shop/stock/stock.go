package stock

import (
	"embed"
	"errors"
	"slices"
	"strconv"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "stock", FS: migrationsFS}

// MaxOnHand bounds a level, so that sums stay far from overflow.
const MaxOnHand = 10_000_000

// Level is the stock of one variant.
type Level struct {
	Variant                 db.ID
	Tracked, Backorder      bool
	OnHand, Held, Allocated int64
}

// Available is what can still be promised; it may be negative for goods that
// are back-ordered. It means nothing when the stock is not tracked.
func (l Level) Available() int64 { return l.OnHand - l.Held - l.Allocated }

// Sellable reports whether n more pieces can be promised.
func (l Level) Sellable(n int64) bool {
	return !l.Tracked || l.Backorder || l.Available() >= n
}

// Line is a number of pieces of a variant.
type Line struct {
	Variant  db.ID
	Quantity int64
}

// Short is the cause of out_of_stock: which variants lack, and how many are left.
type Short struct{ Left map[db.ID]int64 }

func (s *Short) Error() string { return "stock: not enough pieces" }

// merge sums the lines of each variant and sorts by key: the lock order of
// levels is the primary key's.
func merge(lines []Line) ([]Line, error) {
	sum := map[db.ID]int64{}
	for _, l := range lines {
		if l.Variant <= 0 || l.Quantity <= 0 || l.Quantity > MaxOnHand {
			return nil, errors.New("stock: a line needs a variant and a positive quantity")
		}
		sum[l.Variant] += l.Quantity
	}
	out := make([]Line, 0, len(sum))
	for v, n := range sum {
		out = append(out, Line{v, n})
	}
	slices.SortFunc(out, func(a, b Line) int { return int(min(max(a.Variant-b.Variant, -1), 1)) })
	return out, nil
}

// Put makes or changes how a variant's stock is kept. It does not change the
// figures of a level that is there.
func Put(tx *db.Tx, by auth.By, variant db.ID, tracked, backorder bool) error {
	if err := by.Need(auth.StockWrite); err != nil {
		return err
	}
	if variant <= 0 {
		return fault.NotFound()
	}
	_, err := tx.Exec(`INSERT INTO stock_level (variant_id, tracked, backorder, on_hand, held, allocated, changed_at)
		VALUES ($1,$2,$3,0,0,0,$4)
		ON CONFLICT (variant_id) DO UPDATE SET tracked=excluded.tracked, backorder=excluded.backorder, changed_at=excluded.changed_at`,
		variant, tracked, backorder, tx.Now())
	if db.IsCheck(err) {
		return fault.Conflict("stock_promised")
	}
	if err != nil {
		return err
	}
	return tx.Changed("stock", variant)
}

// SetOnHand records a count: from then on the variant's stock is tracked, also
// where it was not before, because who counts means the figure to hold. 409
// stock_promised when it lies below what is held and allocated; 404 for a variant
// that has no level.
func SetOnHand(tx *db.Tx, by auth.By, variant db.ID, n int64) (Level, error) {
	if err := by.Need(auth.StockWrite); err != nil {
		return Level{}, err
	}
	if n < 0 || n > MaxOnHand {
		var f fault.Fields
		f.Add("/on_hand", "whole_number", "max", MaxOnHand)
		return Level{}, f.Err()
	}
	before, err := One(tx, variant)
	if err != nil {
		return Level{}, err
	}
	n2, err := tx.Exec(`UPDATE stock_level SET on_hand=$2, tracked=1, changed_at=$3 WHERE variant_id=$1 AND ($2 >= held+allocated OR backorder=1)`, variant, n, tx.Now())
	if err != nil {
		return Level{}, err
	}
	if n2 != 1 {
		return Level{}, fault.Conflict("stock_promised")
	}
	if err := move(tx, variant, "count", n-before.OnHand, 0, 0, by); err != nil {
		return Level{}, err
	}
	if err := by.Record(tx, "stock.count", "variant", variant, strconv.FormatInt(before.OnHand, 10), strconv.FormatInt(n, 10)); err != nil {
		return Level{}, err
	}
	return One(tx, variant)
}

// Add changes on hand by a delta: a delivery, a loss, goods that came back.
func Add(tx *db.Tx, by auth.By, variant db.ID, delta int64, kind string, ref db.ID) error {
	if err := by.Need(auth.StockWrite); err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE stock_level SET on_hand=on_hand+$2, changed_at=$3 WHERE variant_id=$1 AND on_hand+$2 >= 0
		AND (on_hand+$2 >= held+allocated OR tracked=0 OR backorder=1)`, variant, delta, tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.Conflict("stock_promised")
	}
	return move(tx, variant, kind, delta, 0, ref, by)
}

func move(tx *db.Tx, variant db.ID, kind string, onHand, allocated int64, ref db.ID, by auth.By) error {
	if _, err := tx.Exec(`INSERT INTO stock_movement (id, variant_id, kind, on_hand, allocated, ref_id, actor, at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
		tx.NewID(), variant, kind, onHand, allocated, ref, actor(by), tx.Now()); err != nil {
		return err
	}
	return tx.Changed("stock", variant)
}

func actor(by auth.By) string {
	switch by.Kind {
	case auth.StaffKind:
		return "staff:" + by.ID.String()
	case auth.APIKind:
		return "token:" + by.ID.String()
	case auth.SystemKind:
		return "system:" + by.Name
	}
	return "guest"
}

// One reads the level of a variant; 404 when it has none.
func One(q db.Q, variant db.ID) (Level, error) {
	l := Level{Variant: variant}
	err := q.QueryRow(`SELECT tracked, backorder, on_hand, held, allocated FROM stock_level WHERE variant_id=$1`, variant).
		Scan(&l.Tracked, &l.Backorder, &l.OnHand, &l.Held, &l.Allocated)
	if errors.Is(err, db.ErrNotFound) {
		return l, fault.NotFound()
	}
	return l, err
}

// Levels reads the levels of many variants. A variant without a level is not
// in the map and must be taken as sold out: nothing is not plenty.
func Levels(q db.Q, variants []db.ID) (map[db.ID]Level, error) {
	out := make(map[db.ID]Level, len(variants))
	for chunk := range slices.Chunk(variants, 200) {
		rows, err := db.All(q, func(r *db.Rows) (l Level, err error) {
			err = r.Scan(&l.Variant, &l.Tracked, &l.Backorder, &l.OnHand, &l.Held, &l.Allocated)
			return
		}, `SELECT variant_id, tracked, backorder, on_hand, held, allocated FROM stock_level WHERE variant_id IN (`+db.Placeholders(1, len(chunk))+`)`, db.Args(chunk)...)
		if err != nil {
			return nil, err
		}
		for _, l := range rows {
			out[l.Variant] = l
		}
	}
	return out, nil
}
