package account

import "kassavalv/internal/db"

// EndAfterRestore ends what must not come alive in a shop that was brought back from a
// copy: sessions, codes on their way, and changes of address that were asked for and not
// yet confirmed. It returns how many sessions and how many others.
func EndAfterRestore(tx *db.Tx) (sessions, links int64, err error) {
	run := func(n *int64, text string) {
		if err == nil {
			var k int64
			k, err = tx.Exec(text)
			*n += k
		}
	}
	run(&sessions, `DELETE FROM account_session`)
	run(&links, `DELETE FROM account_code`)
	run(&links, `DELETE FROM account_challenge`)
	run(&links, `UPDATE account_move SET state='stopped' WHERE state='asked'`)
	return
}
