package db

import (
	"context"
	"sync"
	"time"
)

// Change is one row of the change feed: something about the entity changed.
type Change struct {
	Seq    ID
	Entity string
	ID     ID
}

// feed hands changes to the caches of this process.
type feed struct {
	mu   sync.Mutex
	subs []func([]Change)
	seen map[ID]time.Time // PostgreSQL: what the overlap has already given
}

func (f *feed) init() { f.seen = map[ID]time.Time{} }

// OnChange registers fn for every change, of this process right after its
// commit and of other nodes within about 250 ms. fn must be quick and must
// bear the same change twice.
func (d *DB) OnChange(fn func([]Change)) {
	d.feed.mu.Lock()
	d.feed.subs = append(d.feed.subs, fn)
	d.feed.mu.Unlock()
}

func (f *feed) publish(cs []Change) {
	if len(cs) == 0 {
		return
	}
	f.mu.Lock()
	subs := f.subs
	for _, c := range cs {
		f.seen[c.Seq] = time.Now()
	}
	f.mu.Unlock()
	for _, fn := range subs {
		guard(func() error { fn(cs); return nil })
	}
}

// overlap is how far back each poll reads again: keys are not commit order, a
// slow transaction may appear behind a quick one.
const overlap = 30 * time.Second

// poll brings the changes of other nodes (PostgreSQL only).
func (d *DB) poll() {
	defer close(d.done)
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-d.quit:
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		d.pollOnce(ctx)
		cancel()
	}
}

func (d *DB) pollOnce(ctx context.Context) {
	since := time.Now().Add(-overlap)
	all, err := Read(ctx, d, func(q *Reader) ([]Change, error) {
		return All(q, func(r *Rows) (c Change, err error) {
			err = r.Scan(&c.Seq, &c.Entity, &c.ID)
			return
		}, `SELECT id, entity, entity_id FROM db_change WHERE id >= $1 ORDER BY id`, IDAt(since))
	})
	if err != nil {
		return // the next tick reads the same window again
	}
	d.feed.mu.Lock()
	var fresh []Change
	for _, c := range all {
		if _, ok := d.feed.seen[c.Seq]; !ok {
			fresh = append(fresh, c)
		}
	}
	for k, t := range d.feed.seen {
		if time.Since(t) > 2*overlap {
			delete(d.feed.seen, k)
		}
	}
	d.feed.mu.Unlock()
	d.feed.publish(fresh)
}

// SweepChanges drops feed rows older than keep, at most a thousand a call, and
// returns how many went.
func SweepChanges(ctx context.Context, d *DB, keep time.Duration) (int64, error) {
	n, _, err := WriteBulk(ctx, d, func(tx *Tx) (int64, error) {
		return tx.Exec(`DELETE FROM db_change WHERE id IN (SELECT id FROM db_change WHERE id < $1 ORDER BY id LIMIT 1000)`, IDAt(tx.Now().Add(-keep)))
	})
	return n, err
}
