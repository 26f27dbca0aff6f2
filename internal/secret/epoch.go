package secret

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/proof"
)

// Turn does what the calendar asks of the keys: a new epoch when the current is
// 30 days old, re-wrapping, destruction of epochs of 35 days, keys of the coming
// financial year, destruction of years whose time is out. A job calls it each hour. It may be stopped and called again
// at any point, and on several nodes at once.
func (v *Vault) Turn(ctx context.Context) error {
	if err := v.reload(ctx); err != nil {
		return err
	}
	v.mu.RLock()
	cur := v.epochs[v.last]
	v.mu.RUnlock()
	if !v.now().Before(cur.Made.Add(epochTurn)) {
		if err := v.NewEpoch(ctx); err != nil {
			return err
		}
	}
	if _, err := v.Rewrap(ctx); err != nil {
		return err
	}
	if _, err := v.DestroyOldEpochs(ctx, false); err != nil {
		return err
	}
	if err := v.EnsureYear(ctx, v.d.LegalNow().Year()+1); err != nil {
		return err
	}
	_, err := v.DestroyOldYears(ctx)
	return err
}

// NewEpoch makes the next epoch key; from then on new data keys are wrapped by it, and Rewrap has work. Where another
// node makes it at the same time, both go on with the one that was kept.
func (v *Vault) NewEpoch(ctx context.Context) error {
	v.mu.RLock()
	next := v.last + 1
	v.mu.RUnlock()
	k, err := NewKey(epochName(next), v.now())
	if err != nil {
		return err
	}
	if err := v.keeper.Put(ctx, k); err != nil && !errors.Is(err, ErrKeyExists) {
		return fmt.Errorf("secret: epoch key %s is due: %w", k.Name, err)
	}
	return v.reload(ctx)
}

// turning is how far a re-wrapping of this process is.
type turning struct {
	mu       sync.Mutex
	running  bool
	done, of int64
	began    time.Time
}

// Progress of re-wrapping. Running tells of this process; Left counts what the database
// holds, whoever works on it.
type Progress struct {
	Running  bool      `json:"running"`
	Done     int64     `json:"done"` // by this process, since Began
	Of       int64     `json:"of"`
	Began    time.Time `json:"began,omitzero"`
	Living   int64     `json:"living"` // persons with a key
	Left     int64     `json:"left"`   // of those, wrapped by an older epoch than the current
	Erased   int64     `json:"erased"`
	Measured time.Time `json:"measured"`
}

// Running tells how far this process's re-wrapping is, without asking the database.
func (v *Vault) Running() (done, of int64, running bool) {
	v.turn.mu.Lock()
	defer v.turn.mu.Unlock()
	return v.turn.done, v.turn.of, v.turn.running
}

// Progress counts. It walks an index over all persons: for a command and a page, not for
// each visit.
func (v *Vault) Progress(q db.Q) (p Progress, err error) {
	v.turn.mu.Lock()
	p.Running, p.Done, p.Of, p.Began = v.turn.running, v.turn.done, v.turn.of, v.turn.began
	v.turn.mu.Unlock()
	v.mu.RLock()
	last := v.last
	v.mu.RUnlock()
	if p.Left, err = left(q, last); err != nil {
		return p, err
	}
	var cur int64
	if err = q.QueryRow(`SELECT count(*) FROM secret_person WHERE erased_at IS NULL AND epoch >= $1`, last).Scan(&cur); err != nil {
		return p, err
	}
	p.Living = p.Left + cur
	err = q.QueryRow(`SELECT count(*) FROM secret_person WHERE erased_at IS NOT NULL AND erased_at > $1`, beginning).Scan(&p.Erased)
	p.Measured = v.now()
	return p, err
}

func left(q db.Q, last int64) (n int64, err error) {
	err = q.QueryRow(`SELECT count(*) FROM secret_person WHERE erased_at IS NULL AND epoch < $1`, last).Scan(&n)
	return
}

// Behind reports whether a person's data key is wrapped by an older epoch than the current:
// one step into the index, for a page.
func (v *Vault) Behind(q db.Q) (bool, error) {
	v.mu.RLock()
	last := v.last
	v.mu.RUnlock()
	var oldest *int64
	err := q.QueryRow(`SELECT min(epoch) FROM secret_person WHERE erased_at IS NULL`).Scan(&oldest)
	return oldest != nil && *oldest < last, err
}

// Rewrap wraps all living data keys by the current epoch key, 200 a
// transaction in the low-priority lane, and returns how many it wrapped. Seal and Open go on
// meanwhile. Killed anywhere, it goes on where it was when it is called again; several nodes may run it at once.
func (v *Vault) Rewrap(ctx context.Context) (int, error) {
	v.mu.RLock()
	last := v.last
	v.mu.RUnlock()
	of, err := db.Read(ctx, v.d, func(q *db.Reader) (int64, error) {
		// Counted only where there is something: most hours there is nothing.
		if used, err := epochsInUse(q); err != nil || len(used) == 0 || used[0] >= last {
			return 0, err
		}
		return left(q, last)
	})
	if err != nil || of == 0 {
		return 0, err
	}
	t := &v.turn
	t.mu.Lock()
	t.running, t.done, t.of, t.began = true, 0, of, v.now()
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.running = false
		t.mu.Unlock()
	}()
	total := 0
	for {
		n, _, err := db.WriteBulk(ctx, v.d, v.rewrapSome)
		total += n.wrapped
		if err != nil || n.seen == 0 {
			return total, err
		}
		t.mu.Lock()
		t.done = min(int64(total), of)
		t.mu.Unlock()
		proof.At("secret", "rewrapped")
	}
}

type rewrapped struct{ seen, wrapped int }

func (v *Vault) rewrapSome(tx *db.Tx) (out rewrapped, err error) {
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
		return out, err
	}
	fresh := newAEAD(cur.bytes())
	for _, x := range rows {
		old, ok := v.epoch(x.epoch)
		if !ok {
			return out, fmt.Errorf("%w: %s", ErrNoKey, epochName(x.epoch))
		}
		var again []byte
		switch key, err := open(newAEAD(old.bytes()), byEpoch, x.epoch, wrapField, x.id, x.wrapped); {
		case errors.Is(err, ErrBroken):
			// It opens under no key. Its bytes go along unchanged, under the number of the new epoch: one damaged row
			// must not keep an old key alive, with which copies of the erased could be opened.
			v.alarm(wrapField, x.id)
			again = x.wrapped
		case err != nil:
			return out, fmt.Errorf("secret: person %s: %w", x.id, err)
		default:
			again = seal(fresh, byEpoch, last, wrapField, x.id, key)
		}
		// Guarded: whoever is erased meanwhile stays erased, whom another node has wrapped stays wrapped.
		n, err := tx.Exec(`UPDATE secret_person SET wrapped=$3, epoch=$4 WHERE id=$1 AND epoch=$2 AND erased_at IS NULL`, x.id, x.epoch, again, last)
		if err != nil {
			return out, err
		}
		out.wrapped += int(n)
	}
	out.seen = len(rows)
	return out, nil
}

// DestroyOldEpochs destroys epoch keys 35 days after they were made, in the keeper
// and in memory, and returns their names. A key stays while a living data key
// is wrapped by it, and for an hour after its successor was made, so that
// other nodes learn of that first. A dry run destroys nothing and returns what would be.
func (v *Vault) DestroyOldEpochs(ctx context.Context, dry bool) ([]string, error) {
	v.mu.RLock()
	var old []int64
	for n := int64(1); n < v.last; n++ {
		if k, ok := v.epochs[n]; ok && !v.now().Before(k.Made.Add(epochEnd)) && v.now().Sub(v.epochs[v.last].Made) >= time.Hour {
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
		if dry {
			gone = append(gone, epochName(n))
			continue
		}
		if err := v.destroyEpoch(ctx, n); err != nil {
			return gone, err
		}
		gone = append(gone, epochName(n))
	}
	return gone, nil
}

func (v *Vault) destroyEpoch(ctx context.Context, n int64) error {
	// The fingerprint first: a database without it starts with or without the key.
	err := db.Do(ctx, v.d, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM secret_check WHERE name=$1`, epochName(n))
		return err
	})
	if err != nil {
		return err
	}
	if err := v.keeper.Destroy(ctx, epochName(n)); err != nil {
		return fmt.Errorf("secret: %s must be destroyed: %w", epochName(n), err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	m := map[int64]Key{}
	for i, k := range v.epochs {
		if i != n {
			m[i] = k
		}
	}
	v.epochs = m
	return nil
}

// EpochInfo is a line for the trust page and for staff.
type EpochInfo struct {
	Name    string    `json:"name"`
	Number  int64     `json:"-"` // from 1
	Made    time.Time `json:"made"`
	Current bool      `json:"current"`
	Turns   time.Time `json:"turns,omitzero"` // the current one: when the next is made
	Ends    time.Time `json:"ends"`           // destroyed from then on
}

// Epochs lists the epoch keys that are kept, without the keys.
func (v *Vault) Epochs() []EpochInfo {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var out []EpochInfo
	for n := int64(1); n <= v.last; n++ {
		k, ok := v.epochs[n]
		if !ok {
			continue
		}
		e := EpochInfo{Name: k.Name, Number: n, Made: k.Made, Current: n == v.last, Ends: k.Made.Add(epochEnd)}
		if e.Current {
			e.Turns = k.Made.Add(epochTurn)
		}
		out = append(out, e)
	}
	return out
}
