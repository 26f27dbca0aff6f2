package account

import (
	"kassavalv/internal/db"
	"kassavalv/internal/job"
)

// EndAfterRestore ends what must not come alive in a shop that was brought back from a
// copy: sessions, codes on their way, changes of address that were asked for and not
// yet confirmed, and apps that were to fall away: somebody may have stopped it since, and the letters that
// tell of it are held. Who asked is told, and may ask again. It returns how many sessions and how many others.
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
	if err != nil {
		return sessions, links, err
	}
	lost, err := db.All(tx, func(r *db.Rows) (id db.ID, err error) { err = r.Scan(&id); return }, `UPDATE account_lost SET state='stopped', ended_at=$1 WHERE state='waiting' RETURNING id`, tx.Now())
	for _, id := range lost {
		links++
		if err == nil {
			_, err = job.Enqueue(tx, job.Spec{Kind: JobLostEnded, Ref: id})
		}
	}
	return sessions, links, err
}
