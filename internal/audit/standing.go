package audit

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/db"
)

// Check seals what waits, verifies the whole log, and notes when and with what outcome. What does
// not agree raises the alarm that the log is broken.
func (l *Log) Check(ctx context.Context, o VerifyOptions) (Report, error) {
	// What was written while nobody sealed is no fault of the log.
	for {
		n, err := l.Seal(ctx)
		if err != nil && !errors.Is(err, ErrBroken) {
			return Report{}, err
		}
		if err != nil || n == 0 {
			break
		}
	}
	r, err := l.Verify(ctx, o)
	if err != nil {
		return r, err
	}
	if err := db.Do(ctx, l.d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO audit_log_verified (id, at, size, found) VALUES (1,$1,$2,$3)
			ON CONFLICT (id) DO UPDATE SET at=excluded.at, size=excluded.size, found=excluded.found`, tx.Now(), r.Size, r.Found)
		return err
	}); err != nil || r.Found == 0 {
		return r, err
	}
	return r, l.RaiseBroken(ctx)
}

// CountedDays is how far back Count counts.
const CountedDays = 30

// Count counts the readings of persons' details by people of the house, their machines and jobs in
// the last CountedDays, and notes the number for StandingOf: a page that anybody may open does not count.
func Count(tx *db.Tx) error {
	since := tx.Now().Add(-CountedDays * 24 * time.Hour)
	var n int64
	if err := tx.QueryRow(`SELECT count(*) FROM audit_access WHERE id >= $1 AND at >= $2 AND actor_kind IN ('staff', 'token', 'system')`, db.IDAt(since), since).Scan(&n); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO audit_log_counted (id, at, readings) VALUES (1,$1,$2) ON CONFLICT (id) DO UPDATE SET at=excluded.at, readings=excluded.readings`, tx.Now(), n)
	return err
}

// Standing are figures of the log that say nothing of anybody.
type Standing struct {
	Readings  int64     // in the last CountedDays, as Count last found
	Verified  time.Time // when the whole log was last computed anew; zero: not yet
	Found     int64     // what did not agree then
	Witnessed time.Time // when a cosignature of another machine last came; zero: none
}

// StandingOf gives the figures.
func StandingOf(q db.Q) (s Standing, err error) {
	one := func(text string, to ...any) {
		if err == nil {
			if err = q.QueryRow(text).Scan(to...); errors.Is(err, db.ErrNotFound) {
				err = nil
			}
		}
	}
	one(`SELECT readings FROM audit_log_counted WHERE id=1`, &s.Readings)
	one(`SELECT at, found FROM audit_log_verified WHERE id=1`, &s.Verified, &s.Found)
	one(`SELECT at FROM audit_log_cosignature ORDER BY size DESC LIMIT 1`, &s.Witnessed)
	return s, err
}
