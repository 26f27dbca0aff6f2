package secret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kassavalv/internal/db"
)

// Turn does what the calendar asks of the keys: a new epoch when the current is
// 30 days old, re-wrapping, destruction of epochs of 35 days, keys of the coming
// financial year. A job calls it each hour. It may be stopped and called again
// at any point.
func (v *Vault) Turn(ctx context.Context) error {
	if err := v.reload(ctx); err != nil {
		return err
	}
	v.mu.RLock()
	last, cur := v.last, v.epochs[v.last]
	v.mu.RUnlock()
	if !v.now().Before(cur.Made.Add(epochTurn)) {
		k, err := NewKey(epochName(last+1), v.now())
		if err != nil {
			return err
		}
		if err := v.keeper.Put(ctx, k); err != nil && !errors.Is(err, ErrKeyExists) {
			return fmt.Errorf("secret: epoch key %s is due: %w", k.Name, err)
		}
		if err := v.reload(ctx); err != nil {
			return err
		}
	}
	if _, err := v.Rewrap(ctx); err != nil {
		return err
	}
	if _, err := v.DestroyOldEpochs(ctx); err != nil {
		return err
	}
	return v.EnsureYear(ctx, v.d.LegalNow().Year()+1)
}

// Rewrap wraps all living data keys by the current epoch key, 200 a
// transaction in the low-priority lane, and returns how many it wrapped. Seal and Open go on
// meanwhile.
func (v *Vault) Rewrap(ctx context.Context) (int, error) {
	total := 0
	for {
		n, _, err := db.WriteBulk(ctx, v.d, v.rewrapSome)
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

func (v *Vault) rewrapSome(tx *db.Tx) (int, error) {
	v.mu.RLock()
	last, cur := v.last, v.epochs[v.last]
	v.mu.RUnlock()
	type row struct {
		id      db.ID
		wrapped []byte
		epoch   int64
	}
	rows, err := db.All(tx, func(r *db.Rows) (x row, err error) { err = r.Scan(&x.id, &x.wrapped, &x.epoch); return },
		`SELECT id, wrapped, epoch FROM secret_person WHERE erased_at IS NULL AND epoch < $1 ORDER BY epoch, id LIMIT 200`, last)
	if err != nil {
		return 0, err
	}
	for _, x := range rows {
		old, ok := v.epoch(x.epoch)
		if !ok {
			return 0, fmt.Errorf("%w: %s", ErrNoKey, epochName(x.epoch))
		}
		key, err := open(newAEAD(old.bytes()), byEpoch, x.epoch, wrapField, x.id, x.wrapped)
		if err != nil {
			return 0, fmt.Errorf("secret: person %s: %w", x.id, err)
		}
		// Guarded: whoever is erased meanwhile stays erased.
		if _, err := tx.Exec(`UPDATE secret_person SET wrapped=$3, epoch=$4 WHERE id=$1 AND epoch=$2 AND erased_at IS NULL`,
			x.id, x.epoch, seal(newAEAD(cur.bytes()), byEpoch, last, wrapField, x.id, key), last); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// DestroyOldEpochs destroys epoch keys 35 days after they were made, in the keeper
// and in memory, and returns their names. A key stays while a living data key
// is wrapped by it, and for an hour after its successor was made, so that
// other nodes learn of that first.
func (v *Vault) DestroyOldEpochs(ctx context.Context) ([]string, error) {
	v.mu.RLock()
	var old []int64
	for n, k := range v.epochs {
		if n < v.last && !v.now().Before(k.Made.Add(epochEnd)) && v.now().Sub(v.epochs[v.last].Made) >= time.Hour {
			old = append(old, n)
		}
	}
	v.mu.RUnlock()
	var gone []string
	for _, n := range old {
		used, err := db.Read(ctx, v.d, func(q *db.Reader) (c int64, err error) {
			err = q.QueryRow(`SELECT count(*) FROM secret_person WHERE epoch=$1 AND erased_at IS NULL`, n).Scan(&c)
			return
		})
		if err != nil {
			return gone, err
		}
		if used > 0 {
			return gone, fmt.Errorf("secret: %d data keys still need %s; re-wrap first", used, epochName(n))
		}
		// The fingerprint first: a database without it starts with or without the key.
		err = db.Do(ctx, v.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`DELETE FROM secret_check WHERE name=$1`, epochName(n))
			return err
		})
		if err != nil {
			return gone, err
		}
		if err := v.keeper.Destroy(ctx, epochName(n)); err != nil {
			return gone, fmt.Errorf("secret: %s must be destroyed: %w", epochName(n), err)
		}
		v.mu.Lock()
		m := map[int64]Key{}
		for i, k := range v.epochs {
			if i != n {
				m[i] = k
			}
		}
		v.epochs = m
		v.mu.Unlock()
		gone = append(gone, epochName(n))
	}
	return gone, nil
}

// EpochInfo is a line for the trust page and for staff.
type EpochInfo struct {
	Name    string
	Made    time.Time
	Current bool
}

// Epochs lists the epoch keys that are kept, without the keys.
func (v *Vault) Epochs() []EpochInfo {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var out []EpochInfo
	for n := int64(1); n <= v.last; n++ {
		if k, ok := v.epochs[n]; ok {
			out = append(out, EpochInfo{k.Name, k.Made, n == v.last})
		}
	}
	return out
}
