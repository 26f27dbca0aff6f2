package factor

import (
	"crypto/sha256"
	"time"

	"kassavalv/internal/db"
)

// TryKey names a counter. For sign-in it is made of the blind index of the
// address, whether we know it or not.
func TryKey(purpose string, what []byte) []byte {
	h := sha256.New()
	h.Write([]byte(purpose + "\x00"))
	h.Write(what)
	return h.Sum(nil)
}

// Tries is how many tries there are in a window that begins with the first of them.
type Tries struct {
	Limit  int
	Window time.Duration
}

// TryWindow is the longest window there may be: counters are kept that long.
const TryWindow = 24 * time.Hour

// Reserve counts a try before it is evaluated. The one conditional update is the
// limit: however many come at once, on however many nodes, Limit get through. It
// returns how long to wait when there is no room; that is a result, so that the caller
// can record it and commit. Tries that find no room do not prolong the window.
func (t Tries) Reserve(tx *db.Tx, key []byte) (time.Duration, error) {
	now := tx.Now()
	n, err := tx.Exec(`INSERT INTO auth_try (hash, fails, since) VALUES ($1, 1, $2)
		ON CONFLICT (hash) DO UPDATE SET
		  fails = CASE WHEN auth_try.since <= $3 THEN 1 ELSE auth_try.fails + 1 END,
		  since = CASE WHEN auth_try.since <= $3 THEN $2 ELSE auth_try.since END
		WHERE auth_try.since <= $3 OR auth_try.fails < $4`, key, now, now.Add(-t.Window), t.Limit)
	if err != nil || n == 1 {
		return 0, err
	}
	var since time.Time
	if err := tx.QueryRow(`SELECT since FROM auth_try WHERE hash=$1`, key).Scan(&since); err != nil {
		return 0, err
	}
	return max(since.Add(t.Window).Sub(now), time.Second), nil
}

// ClearTries forgets a counter: after a full proof, or by recovery.
func ClearTries(tx *db.Tx, key []byte) error {
	_, err := tx.Exec(`DELETE FROM auth_try WHERE hash=$1`, key)
	return err
}
