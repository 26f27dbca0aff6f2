package db

import (
	"context"
	"errors"
	"time"
)

// task is one closure waiting for the writer.
type task struct {
	ctx  context.Context
	run  func(*Tx) error
	tx   *Tx
	pos  Pos
	err  error
	done chan struct{}
}

var errDropped = errors.New("db: caller left before its turn")

// Bounds of one group commit. A longer group gives more throughput per fsync
// but lets the first caller wait longer.
const (
	maxGroup  = 256
	groupTime = 8 * time.Millisecond
)

func (d *DB) submit(ctx context.Context, run func(*Tx) error, low bool) (Pos, error) {
	t := &task{ctx: ctx, run: run, done: make(chan struct{})}
	lane := d.tasks
	if low {
		lane = d.bulk
	}
	select {
	case lane <- t:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-d.quit:
		return 0, ErrClosed
	}
	// From here the answer always comes: the writer drops tasks whose context
	// has ended before their turn, and runs the others to their end.
	select {
	case <-t.done:
	case <-d.done:
		select {
		case <-t.done:
		default:
			return 0, ErrClosed
		}
	}
	if errors.Is(t.err, errDropped) {
		return 0, ctx.Err()
	}
	return t.pos, t.err
}

// writer is the one goroutine that writes to SQLite.
func (d *DB) writer(c *conn) {
	defer close(d.done)
	defer c.close()
	for {
		var first *task
		select { // rare, and not to be starved by a busy shop
		case q := <-d.freezes:
			d.onFreeze(c, q)
			continue
		default:
		}
		select { // the normal lane first
		case first = <-d.tasks:
		default:
			select {
			case first = <-d.tasks:
			case first = <-d.bulk:
			case answer := <-d.settle:
				answer <- d.empty(c)
				continue
			case q := <-d.freezes:
				d.onFreeze(c, q)
				continue
			case <-d.quit:
				d.drain(c)
				// A stop in order leaves the file whole by itself, with no log beside it.
				c.exec("PRAGMA busy_timeout=1000")
				d.empty(c)
				return
			}
		}
		d.group(c, first)
		d.settleLog(c)
	}
}

// empty moves the log into the file and leaves nothing of it.
func (d *DB) empty(c *conn) error {
	if t := d.tapped; t != nil {
		if t.frozen {
			return nil
		}
		if err := errors.Join(d.tell(), t.tap.Keep()); err != nil {
			return err
		}
	}
	return c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
}

// drain finishes what was queued before Close.
func (d *DB) drain(c *conn) {
	for {
		select {
		case t := <-d.tasks:
			d.group(c, t)
		case t := <-d.bulk:
			d.group(c, t)
		default:
			return
		}
	}
}

// group runs first and whatever else waits in one transaction.
func (d *DB) group(c *conn, first *task) {
	var ran []*task
	begin := time.Now()
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		first.err = err
		close(first.done)
		return
	}
	stands := true
	for t := first; t != nil; {
		if t.ctx.Err() != nil {
			t.err = errDropped
			close(t.done)
		} else {
			ran = append(ran, t)
			if stands = d.one(c, t); !stands {
				break
			}
		}
		t = nil
		if len(ran) < maxGroup && time.Since(begin) < groupTime {
			select {
			case t = <-d.tasks:
			default:
			}
		}
	}
	if stands {
		good := false
		for _, t := range ran {
			good = good || t.err == nil
		}
		if !good { // nothing to keep: no fsync for refusals
			stands = c.exec("ROLLBACK") == nil
			if stands {
				d.answer(ran)
				return
			}
		} else if d.commit(c) == nil {
			d.answer(ran)
			return
		}
	}
	// The transaction is gone (full disk, I/O error, interrupt). Each closure
	// runs again by itself, so that one cannot take its neighbours along.
	c.exec("ROLLBACK")
	for _, t := range ran {
		t.err = nil
		if err := c.exec("BEGIN IMMEDIATE"); err != nil {
			t.err = err
		} else if !d.one(c, t) {
			if t.err == nil {
				t.err = errors.New("db: transaction was rolled back by the engine")
			}
			c.exec("ROLLBACK")
		} else if t.err != nil {
			c.exec("ROLLBACK")
		} else if err := d.commit(c); err != nil {
			t.err = err
			c.exec("ROLLBACK")
		}
	}
	d.answer(ran)
}

// one runs a closure in its savepoint. It returns false when the transaction
// no longer stands.
func (d *DB) one(c *conn, t *task) bool {
	if err := c.exec("SAVEPOINT one"); err != nil {
		t.err = err
		return false
	}
	t.tx = &Tx{core: core{db: d, c: c, now: time.Now().UTC().Truncate(time.Microsecond)}}
	t.err = guard(func() error { return t.run(t.tx) })
	t.tx.closeRows()
	if t.err == nil {
		t.err = t.tx.flush()
	}
	if t.err != nil {
		if c.exec("ROLLBACK TO one") != nil {
			return false
		}
	}
	if err := c.exec("RELEASE one"); err != nil {
		if t.err == nil {
			t.err = err
		}
		return false
	}
	return true
}

func (d *DB) commit(c *conn) error {
	next := d.pos.Load() + 1
	s, err := c.stmt(`UPDATE db_meta SET value=$1 WHERE name='pos'`)
	if err == nil {
		_, err = s.ExecContext(context.Background(), next)
	}
	if err != nil {
		return err
	}
	t := d.tapped
	if t != nil {
		t.telling.Lock()
		defer t.telling.Unlock()
	}
	if err := c.exec("COMMIT"); err != nil {
		return err
	}
	d.pos.Store(next)
	if t != nil {
		d.tellHeld(t) // committed all the same: what could not be read back is told with the next commit
	}
	return nil
}

func (d *DB) answer(ran []*task) {
	pos := Pos(d.pos.Load())
	for _, t := range ran {
		if t.err == nil {
			t.pos = pos
			d.committed(t.tx)
		}
		close(t.done)
	}
}
