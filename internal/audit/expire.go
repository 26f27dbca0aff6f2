package audit

import (
	"context"
	"strings"
	"time"

	"kassavalv/internal/db"
)

// How long a reading is kept: the standard, and the shortest that may be set. The floor is
// part of verifying: a younger reading that is gone was taken away, whatever the log says.
const (
	KeepReadings    = 2 * 365 * 24 * time.Hour
	MinKeepReadings = 180 * 24 * time.Hour
)

const (
	actionExpire = "readings.expire"
	entityExpire = "audit_access"
)

// Expire removes the readings older than keep, in chunks, and returns how many. Their leaves
// stay, so the log verifies; what stays of them there tells nothing, because the row's
// salt is gone. That it was done, and up to when, is an act in the log.
func Expire(ctx context.Context, d *db.DB, keep time.Duration) (int64, error) {
	keep = max(keep, MinKeepReadings)
	// To the day, so that the instant in the log and the rows that went are the same.
	var total int64
	for {
		n, _, err := db.WriteBulk(ctx, d, func(tx *db.Tx) (int64, error) {
			before := tx.Now().Add(-keep).Truncate(24 * time.Hour)
			ids, err := db.All(tx, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return },
				`SELECT a.id FROM audit_access a JOIN audit_log_leaf l ON l.id=a.id WHERE a.id < $1 AND a.at < $2 AND l.place IS NOT NULL ORDER BY a.id LIMIT 200`, db.IDAt(before), before)
			if err != nil || len(ids) == 0 {
				return 0, err
			}
			done, err := expiredBefore(tx)
			if err != nil {
				return 0, err
			}
			if done.Before(before) {
				if err := Record(tx, Entry{ActorKind: "system", ActorName: actionExpire, Action: actionExpire, Entity: entityExpire, New: "before " + before.Format(time.RFC3339)}); err != nil {
					return 0, err
				}
			}
			for _, id := range ids {
				if _, err := tx.Exec(`DELETE FROM audit_access WHERE id=$1`, id); err != nil {
					return 0, err
				}
				if _, err := tx.Exec(`DELETE FROM audit_idle WHERE id=$1`, id); err != nil {
					return 0, err
				}
			}
			return int64(len(ids)), nil
		})
		total += n
		if err != nil || n < 200 {
			return total, err
		}
	}
}

// expiredBefore is the latest instant that an act of the log says readings were removed
// up to, among those that respect the floor.
func expiredBefore(q db.Q) (time.Time, error) {
	type act struct {
		at   time.Time
		what string
	}
	acts, err := db.All(q, func(r *db.Rows) (a act, err error) { err = r.Scan(&a.at, &a.what); return },
		`SELECT at, new_value FROM audit_entry WHERE entity=$1 AND entity_id=0 AND action=$2 ORDER BY id DESC LIMIT 100`, entityExpire, actionExpire)
	var last time.Time
	for _, a := range acts {
		s, _ := strings.CutPrefix(a.what, "before ")
		if t, err := time.Parse(time.RFC3339, s); err == nil && t.After(last) && !t.After(a.at.Add(-MinKeepReadings)) {
			last = t
		}
	}
	return last, err
}
