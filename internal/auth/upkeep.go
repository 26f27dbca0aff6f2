package auth

import (
	"context"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// Times of upkeep.
const (
	dormantAfter  = 90 * 24 * time.Hour // without a sign-in
	dormantNotice = 14 * 24 * time.Hour
	tokenNotice   = 14 * 24 * time.Hour
)

// Upkeep does what the calendar asks for: it closes outside people whose time is out
// and members who have not signed in for long, with letters before; warns of tokens
// that end; opens the review of the quarter and lets unconfirmed rights lapse; and
// carries out or ends the acts that waited. A job calls it each hour; none of the ends
// depends on it: who is past his end date is refused at each request. Two at once do
// each thing once.
func (a *Auth) Upkeep(ctx context.Context) error {
	for _, step := range []func(context.Context) error{a.due, a.endOutsiders, a.endDormant, a.warnTokens, a.review} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// each runs fn for the members that pick chooses, each in a transaction of its own and
// read anew in it.
func (a *Auth) each(ctx context.Context, pick func(s staffRow, now time.Time) bool, fn func(tx *db.Tx, s staffRow) error) error {
	now := time.Time{}
	all, err := db.Read(ctx, a.d, func(q *db.Reader) ([]staffRow, error) { now = q.Now(); return members(q) })
	if err != nil {
		return err
	}
	for _, m := range all {
		if !pick(m, now) {
			continue
		}
		err := db.Do(ctx, a.d, func(tx *db.Tx) error {
			if err := bump(tx); err != nil {
				return err
			}
			s, err := staffByID(tx, m.id)
			if err != nil || s.state == "closed" || !pick(s, tx.Now()) {
				return err
			}
			return fn(tx, s)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *Auth) endOutsiders(ctx context.Context) error {
	by := System("auth.upkeep")
	err := a.each(ctx, func(s staffRow, now time.Time) bool { return !s.ends.IsZero() && !s.ends.After(now) }, func(tx *db.Tx, s staffRow) error {
		if err := keepOwner(tx, s); err != nil {
			return err
		}
		if err := tell(tx, s.id, LetterLeft, s.id); err != nil {
			return err
		}
		if err := a.tellOwners(tx, LetterLeft, s.id); err != nil {
			return err
		}
		return a.close(tx, by, s, "end date")
	})
	if err != nil {
		return err
	}
	return a.each(ctx, func(s staffRow, now time.Time) bool {
		return s.state != "invited" && !s.ends.IsZero() && s.ends.After(now) && s.warned.IsZero() && s.ends.Before(now.Add(endNotice))
	}, func(tx *db.Tx, s staffRow) error {
		if err := warned(tx, s); err != nil {
			return err
		}
		if err := tell(tx, s.id, LetterLeaving, s.id); err != nil {
			return err
		}
		return a.tellOwners(tx, LetterLeaving, s.id)
	})
}

func warned(tx *db.Tx, s staffRow) error {
	return tx.ExecOne(`UPDATE auth_staff SET warned_at=$2 WHERE id=$1 AND warned_at IS NULL`, s.id, tx.Now())
}

// endDormant closes who has not signed in for 90 days, 14 days after a letter. The
// last owner stays, however long he is away.
func (a *Auth) endDormant(ctx context.Context) error {
	by := System("auth.upkeep")
	still := func(s staffRow, now time.Time, d time.Duration) bool {
		return s.ends.IsZero() && (s.state == "active" || s.state == "invited") && now.Sub(s.awake) >= d
	}
	// The letter first: what it says is then never shorter than 14 days.
	err := a.each(ctx, func(s staffRow, now time.Time) bool {
		return s.warned.IsZero() && still(s, now, dormantAfter-dormantNotice)
	}, func(tx *db.Tx, s staffRow) error {
		if err := warned(tx, s); err != nil {
			return err
		}
		if err := keepOwner(tx, s); fault.Is(err, "last_owner") {
			return nil
		} else if err != nil {
			return err
		}
		return tell(tx, s.id, LetterDormant, s.id)
	})
	if err != nil {
		return err
	}
	return a.each(ctx, func(s staffRow, now time.Time) bool {
		return still(s, now, dormantAfter) && !s.warned.IsZero() && now.Sub(s.warned) >= dormantNotice
	}, func(tx *db.Tx, s staffRow) error {
		if err := keepOwner(tx, s); fault.Is(err, "last_owner") {
			return nil
		} else if err != nil {
			return err
		}
		if err := tell(tx, s.id, LetterAsleep, s.id); err != nil {
			return err
		}
		if err := a.tellOwners(tx, LetterAsleep, s.id); err != nil {
			return err
		}
		return a.close(tx, by, s, "dormant")
	})
}

// warnTokens writes to who made a token, or to the owners, before it ends.
func (a *Auth) warnTokens(ctx context.Context) error {
	return db.Do(ctx, a.d, func(tx *db.Tx) error {
		type due struct{ id, maker db.ID }
		rows, err := db.All(tx, func(r *db.Rows) (x due, err error) { err = r.Scan(&x.id, &x.maker); return },
			`SELECT id, made_by FROM auth_token WHERE revoked_at IS NULL AND warned_at IS NULL AND expires_at > $1 AND expires_at < $2 AND created_at < $3 ORDER BY id LIMIT 200`,
			tx.Now(), tx.Now().Add(tokenNotice), tx.Now().Add(-24*time.Hour)) // one made for a day needs no letter
		if err != nil {
			return err
		}
		for _, x := range rows {
			n, err := tx.Exec(`UPDATE auth_token SET warned_at=$2 WHERE id=$1 AND warned_at IS NULL`, x.id, tx.Now())
			if err != nil || n != 1 {
				return err
			}
			if x.maker > 0 {
				err = tell(tx, x.maker, LetterToken, x.id)
			} else {
				err = a.tellOwners(tx, LetterToken, x.id)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
