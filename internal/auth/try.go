package auth

import (
	"crypto/sha256"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// tryKey names a counter. For sign-in it is made of the blind index of the
// address, whether we know it or not.
func tryKey(purpose string, what []byte) []byte {
	h := sha256.New()
	h.Write([]byte(purpose + "\x00"))
	h.Write(what)
	return h.Sum(nil)
}

// reserve counts a try before it is evaluated. The one conditional update is the
// limit: however many come at once, on however many nodes, five get through in a
// window that begins with the first. It returns how long to wait when there is
// no room; that is a result, so that the caller can record it and commit.
func reserve(tx *db.Tx, key []byte) (time.Duration, error) {
	now := tx.Now()
	n, err := tx.Exec(`INSERT INTO auth_try (hash, fails, since) VALUES ($1, 1, $2)
		ON CONFLICT (hash) DO UPDATE SET
		  fails = CASE WHEN auth_try.since <= $3 THEN 1 ELSE auth_try.fails + 1 END,
		  since = CASE WHEN auth_try.since <= $3 THEN $2 ELSE auth_try.since END
		WHERE auth_try.since <= $3 OR auth_try.fails < $4`, key, now, now.Add(-tryWindow), tryLimit)
	if err != nil || n == 1 {
		return 0, err
	}
	var since time.Time
	if err := tx.QueryRow(`SELECT since FROM auth_try WHERE hash=$1`, key).Scan(&since); err != nil {
		return 0, err
	}
	return max(since.Add(tryWindow).Sub(now), time.Second), nil
}

// clearTries forgets the counter: after a full proof, or by recovery.
func clearTries(tx *db.Tx, key []byte) error {
	_, err := tx.Exec(`DELETE FROM auth_try WHERE hash=$1`, key)
	return err
}

// failed is the one answer to every failed sign-in.
func failed() error { return &fault.Error{Kind: fault.Unauthenticated, Code: "sign_in_failed"} }
