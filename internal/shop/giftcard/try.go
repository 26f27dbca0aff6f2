package giftcard

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// Wrong codes that are looked at in a slot of time. A code has 95 bits, so that no
// number of tries finds one; the budgets keep who tries from costing the shop anything, and
// stand far above what a queue of shoppers behind one address types wrongly.
const (
	tryWindow  = 10 * time.Minute
	triesPeer  = 100 // of one client
	triesShare = 500 // of all clients together, with codes in the form of a card's
)

// everybody is the row of all clients.
var everybody = make([]byte, 16)

// Tries counts wrong codes in the database, so that neither a restart nor a second
// process forgets them.
type Tries struct {
	DB    *db.DB
	Vault *secret.Vault
}

// Do runs look, which tries a code on behalf of a client's network. While the client,
// or everybody together, has tried too many wrong ones, it is not run, right or wrong alike:
// 429. A look that fails with a 422 has been a wrong try.
func (t Tries) Do(ctx context.Context, peer, code string, look func() error) error {
	who := [][]byte{t.peer(peer)}
	if Shaped(code) {
		who = append(who, everybody)
	}
	if err := t.take(ctx, who); err != nil {
		return err
	}
	err := look()
	if f := fault.As(err); f != nil && f.Kind == fault.Unprocessable {
		return err
	}
	// Right, or stopped by something else: the try is given back.
	if gerr := t.give(ctx, who); gerr != nil {
		return errors.Join(err, gerr)
	}
	return err
}

func (t Tries) peer(peer string) []byte {
	h := sha256.Sum256([]byte("peer\x00" + t.Vault.Token("giftcard.peer", 1, 1) + peer))
	return h[:16]
}

func limit(who []byte) int64 {
	if string(who) == string(everybody) {
		return triesShare
	}
	return triesPeer
}

func slot(now time.Time) (n int64, ends time.Duration) {
	n = now.UnixMicro() / tryWindow.Microseconds()
	return n, time.UnixMicro((n + 1) * tryWindow.Microseconds()).Sub(now)
}

// take counts a try for each row before it is made, so that tries at once cannot pass
// the limit; a read first, so that a flood of them writes nothing.
func (t Tries) take(ctx context.Context, who [][]byte) error {
	over := func(q db.Q) error {
		at, ends := slot(q.Now())
		for _, w := range who {
			var n int64
			if err := q.QueryRow(`SELECT n FROM giftcard_try WHERE slot=$1 AND peer=$2`, at, w).Scan(&n); err != nil && !errors.Is(err, db.ErrNotFound) {
				return err
			}
			if n >= limit(w) {
				return fault.TooMany(ends)
			}
		}
		return nil
	}
	if _, err := db.Read(ctx, t.DB, func(q *db.Reader) (bool, error) { return true, over(q) }); err != nil {
		return err
	}
	return db.Do(ctx, t.DB, func(tx *db.Tx) error {
		at, ends := slot(tx.Now())
		for _, w := range who { // the client's row first, everybody's last: one order of locks
			n, err := tx.Exec(`INSERT INTO giftcard_try (slot, peer, n) VALUES ($1,$2,1) ON CONFLICT (slot, peer) DO UPDATE SET n=giftcard_try.n+1 WHERE giftcard_try.n < $3`, at, w, limit(w))
			if err != nil {
				return err
			}
			if n != 1 {
				return fault.TooMany(ends)
			}
		}
		return nil
	})
}

func (t Tries) give(ctx context.Context, who [][]byte) error {
	return db.Do(context.WithoutCancel(ctx), t.DB, func(tx *db.Tx) error {
		at, _ := slot(tx.Now())
		for _, w := range who {
			if _, err := tx.Exec(`UPDATE giftcard_try SET n=n-1 WHERE slot=$1 AND peer=$2 AND n > 0`, at, w); err != nil {
				return err
			}
		}
		return nil
	})
}

// Sweep drops the counters of the oldest slot that is over.
func Sweep(tx *db.Tx) error {
	var oldest int64
	if err := tx.QueryRow(`SELECT COALESCE(min(slot),0) FROM giftcard_try`).Scan(&oldest); err != nil {
		return err
	}
	if at, _ := slot(tx.Now()); oldest == 0 || oldest >= at {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM giftcard_try WHERE slot=$1`, oldest)
	return err
}
