package order

import (
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/money"
)

// Sales are sums over the orders of a time.
type Sales struct {
	Orders  int64
	Total   money.Money
	Busiest int64 // orders in the busiest hour of the clock
}

// Average is the total of an average order; of no orders it is nought.
func (s Sales) Average() money.Money {
	if s.Orders == 0 {
		return money.New(0, s.Total.Currency)
	}
	return money.New(s.Total.Amount/s.Orders, s.Total.Currency)
}

// SalesBetween counts the orders placed from one time to before another, cancelled ones too, without those of persons who are erased.
// Faults: 403.
func SalesBetween(q db.Q, by auth.By, from, to time.Time, currency string) (s Sales, err error) {
	s.Total = money.New(0, currency)
	if err := by.Need(auth.FiguresRead); err != nil {
		return s, err
	}
	const hour = int64(time.Hour / time.Microsecond) // times are microseconds since 1970
	err = q.QueryRow(`SELECT coalesce(sum(n),0), coalesce(sum(total),0), coalesce(max(n),0) FROM
		(SELECT count(*) AS n, sum(total) AS total FROM order_order WHERE placed_at >= $1 AND placed_at < $2 AND erased_at IS NULL AND currency=$3 GROUP BY placed_at / $4) AS hours`, from, to, currency, hour).
		Scan(&s.Orders, &s.Total.Amount, &s.Busiest)
	return s, err
}
