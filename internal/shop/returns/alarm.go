package returns

import (
	"context"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Alarm is a refund that staff must look at.
type Alarm struct {
	Refund, Purchase db.ID
	Code             string
	At               time.Time
}

// Alarms lists those that stand, oldest first.
func Alarms(q db.Q, by auth.By, n int) ([]Alarm, error) {
	if err := by.Need(auth.OrdersRead); err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (a Alarm, err error) { err = r.Scan(&a.Refund, &a.Purchase, &a.Code, &a.At); return },
		`SELECT refund_id, purchase_id, code, at FROM returns_alarm WHERE cleared_at IS NULL ORDER BY at, refund_id LIMIT $1`, max(1, min(n, 100)))
}

// ClearAlarm says that staff have dealt with it. 404 when there is none.
func ClearAlarm(tx *db.Tx, by auth.By, refund db.ID) error {
	if err := by.Need(auth.RefundsWrite); err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE returns_alarm SET cleared_at=$2 WHERE refund_id=$1 AND cleared_at IS NULL`, refund, tx.Now())
	if err != nil {
		return err
	}
	if n != 1 {
		return fault.NotFound()
	}
	return record(tx, by, "refund.alarm_cleared", "refund", refund, "", "")
}

func raise(tx *db.Tx, refund, purchase db.ID, code string) error {
	_, err := tx.Exec(`INSERT INTO returns_alarm (refund_id, purchase_id, code, at) VALUES ($1,$2,$3,$4)
		ON CONFLICT (refund_id) DO UPDATE SET code=excluded.code, at=excluded.at, cleared_at=NULL WHERE returns_alarm.code <> excluded.code`, refund, purchase, code, tx.Now())
	return err
}

func (d *Desk) alarm(ctx context.Context, refund, purchase db.ID, code string) error {
	return db.Do(ctx, d.DB, func(tx *db.Tx) error { return raise(tx, refund, purchase, code) })
}
