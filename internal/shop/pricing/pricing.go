package pricing

import (
	"embed"
	"strings"
	"time"
	_ "time/tzdata" // the law's calendar is Stockholm's, wherever the program runs

	"kassavalv/internal/db"
	"kassavalv/internal/money"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations are the tables of this room.
var Migrations = db.Migrations{Room: "pricing", FS: migrationsFS}

// Entities in the change feed.
const (
	EntityCampaign = "campaign"
	EntityVAT      = "vat" // a rate of any class
	EntityCode     = "code"
)

// Currency is the one currency the shop sells in. Rows carry theirs, so that a
// second one is new data, not a new table.
const Currency = "SEK"

// Zone is where days begin and end: prices, campaigns and rates that are given
// as dates hold from midnight here.
var Zone = zone()

func zone() *time.Location {
	l, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err) // tzdata is in the binary
	}
	return l
}

// Day is midnight of a day in Zone.
func Day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, Zone)
}

// UnitPrice is the price per kilo, litre, metre or piece of something that
// holds content thousandths of it, half up to the minor unit (prisinformationslagen
// 7 §). ok is false where there is no measure.
func UnitPrice(price money.Money, content int64) (per money.Money, ok bool) {
	if content <= 0 || price.Currency == "" || price.Amount < 0 {
		return money.Money{}, false
	}
	return money.New(money.MulDiv(price.Amount, 1000, content), price.Currency), true
}

// in runs text over ids in chunks whose sizes are powers of four, so that few
// statements are prepared; "IN (?)" in text is replaced, and first are the
// arguments $1… before the ids.
func in(q db.Q, ids []db.ID, text string, first []any, row func(*db.Rows) error) error {
	for len(ids) > 0 {
		n := 256
		for n/4 >= len(ids) {
			n /= 4
		}
		k := min(n, len(ids))
		args := append(make([]any, 0, len(first)+n), first...)
		for i := range n {
			args = append(args, ids[min(i, k-1)])
		}
		ids = ids[k:]
		rows, err := q.Query(strings.Replace(text, "IN (?)", "IN ("+db.Placeholders(len(first)+1, n)+")", 1), args...)
		if err != nil {
			return err
		}
		for rows.Next() {
			if err := row(rows); err != nil {
				rows.Close()
				return err
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// insertRows writes many rows with few statements: chunks of 64, 8 and 1.
// rest follows the values ("ON CONFLICT …").
func insertRows(tx *db.Tx, head, rest string, rows [][]any) error {
	for len(rows) > 0 {
		n := 1
		for _, size := range []int{64, 8} {
			if len(rows) >= size {
				n = size
				break
			}
		}
		width := len(rows[0])
		var b strings.Builder
		b.WriteString(head + " VALUES ")
		args := make([]any, 0, n*width)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("(" + db.Placeholders(i*width+1, width) + ")")
			args = append(args, rows[i]...)
		}
		rows = rows[n:]
		if _, err := tx.Exec(b.String()+" "+rest, args...); err != nil {
			return err
		}
	}
	return nil
}

// earlier is the earlier of two instants, of which zero means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
