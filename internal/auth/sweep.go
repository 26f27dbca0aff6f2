package auth

import (
	"context"
	"time"

	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/job"
)

// Sweep deletes what has expired: sessions, challenges, invitations, counters,
// and tokens a year after their end. A job calls it each hour; nothing expired
// works before it either.
func (a *Auth) Sweep(ctx context.Context) error {
	for _, s := range []struct {
		text string
		age  time.Duration
	}{
		{`DELETE FROM auth_session WHERE id IN (SELECT id FROM auth_session WHERE expires_at < $1 LIMIT 500)`, 0},
		{`DELETE FROM auth_session WHERE id IN (SELECT id FROM auth_session WHERE seen_at < $1 LIMIT 500)`, idleLimit},
		{`DELETE FROM auth_challenge WHERE id IN (SELECT id FROM auth_challenge WHERE expires_at < $1 LIMIT 500)`, 0},
		{`DELETE FROM auth_invite WHERE id IN (SELECT id FROM auth_invite WHERE expires_at < $1 LIMIT 500)`, 0},
		{`DELETE FROM auth_change WHERE id IN (SELECT id FROM auth_change WHERE made_at < $1 LIMIT 500)`, changeLife},
		{`DELETE FROM auth_letter WHERE id IN (SELECT id FROM auth_letter WHERE made_at < $1 LIMIT 500)`, changeLife},
		{`DELETE FROM auth_totp_next WHERE staff_id IN (SELECT staff_id FROM auth_totp_next WHERE expires_at < $1 LIMIT 500)`, 0},
		{`DELETE FROM auth_sso_flow WHERE id IN (SELECT id FROM auth_sso_flow WHERE expires_at < $1 LIMIT 500)`, 0},
		{`DELETE FROM auth_try WHERE hash IN (SELECT hash FROM auth_try WHERE since < $1 LIMIT 500)`, factor.TryWindow},
		{`DELETE FROM auth_opening WHERE id IN (SELECT id FROM auth_opening WHERE until_at < $1 LIMIT 500)`, openingKept},
		{`DELETE FROM auth_caller WHERE id IN (SELECT id FROM auth_caller WHERE sent_at < $1 LIMIT 500)`, callerKept},
		{`DELETE FROM auth_token WHERE id IN (SELECT id FROM auth_token WHERE expires_at < $1 LIMIT 500)`, 365 * 24 * time.Hour},
	} {
		for {
			n, _, err := db.WriteBulk(ctx, a.d, func(tx *db.Tx) (int64, error) { return tx.Exec(s.text, tx.Now().Add(-s.age)) })
			if err != nil {
				return err
			}
			if n < 500 {
				break
			}
		}
	}
	return nil
}

// RetryJob makes a dead job wait again; it needs jobs.write and is recorded.
func RetryJob(tx *db.Tx, by By, id db.ID) error {
	j, err := job.Retry(tx, id, func() error { return by.Need(JobsWrite) })
	if err != nil {
		return err
	}
	return by.Record(tx, "job.retry", "job", id, "dead", j.Kind)
}

// DropJob ends a dead job for good; it needs jobs.write and is recorded.
func DropJob(tx *db.Tx, by By, id db.ID) error {
	j, err := job.Drop(tx, id, func() error { return by.Need(JobsWrite) })
	if err != nil {
		return err
	}
	return by.Record(tx, "job.drop", "job", id, "dead", j.Kind)
}
