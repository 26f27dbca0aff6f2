package account

import (
	"context"
	"time"

	"kassavalv/internal/db"
)

// Sweep deletes what has expired: sessions, codes, challenges, changes of address, changes whose letters have left, with the
// persons that were made for them. Apps that were lost fall away when their time has come. A job calls it each hour; nothing expired works before it either.
func (a *Accounts) Sweep(ctx context.Context) error {
	if err := a.lostDue(ctx); err != nil {
		return err
	}
	const some = 200
	type gone struct{ person, account db.ID }
	for _, s := range []struct {
		text string
		age  time.Duration
	}{
		{`DELETE FROM account_session WHERE id IN (SELECT id FROM account_session WHERE expires_at < $1 LIMIT 200) RETURNING person_id, account_id`, 0},
		{`DELETE FROM account_session WHERE id IN (SELECT id FROM account_session WHERE seen_at < $1 LIMIT 200) RETURNING person_id, account_id`, IdleLimit},
		{`DELETE FROM account_code WHERE id IN (SELECT id FROM account_code WHERE expires_at < $1 LIMIT 200) RETURNING person_id, account_id`, 0},
		{`DELETE FROM account_challenge WHERE id IN (SELECT id FROM account_challenge WHERE expires_at < $1 LIMIT 200) RETURNING 0, account_id`, 0},
		{`DELETE FROM account_move WHERE id IN (SELECT id FROM account_move WHERE stop_until < $1 LIMIT 200) RETURNING 0, account_id`, 0},
		{`DELETE FROM account_lost WHERE id IN (SELECT id FROM account_lost WHERE ended_at < $1 LIMIT 200) RETURNING 0, account_id`, changeLife},
		// Of a closed account the address of its last letter is sealed for a person of its own.
		{`DELETE FROM account_change WHERE id IN (SELECT id FROM account_change WHERE made_at < $1 LIMIT 200)
			RETURNING CASE WHEN what='closed' THEN person_id ELSE 0 END, 0`, changeLife},
	} {
		for {
			n, _, err := db.WriteBulk(ctx, a.d, func(tx *db.Tx) (int, error) {
				rows, err := db.All(tx, func(r *db.Rows) (g gone, err error) { err = r.Scan(&g.person, &g.account); return }, s.text, tx.Now().Add(-s.age))
				if err != nil {
					return 0, err
				}
				for _, g := range rows {
					if g.person > 0 && g.account == 0 {
						if err := a.v.Erase(tx, g.person); err != nil {
							return 0, err
						}
					}
				}
				return len(rows), nil
			})
			if err != nil {
				return err
			}
			if n < some {
				break
			}
		}
	}
	return nil
}
