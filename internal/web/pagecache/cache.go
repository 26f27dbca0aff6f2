package pagecache

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// Key says which page. All its parts come out of Normal and the route table.
type Key struct {
	Lang, Path, Query string
}

// Page is one rendered answer.
type Page struct {
	Status int
	Header http.Header // what is particular to the page: Content-Type, Content-Language, Link
	Body   []byte
	Keep   bool      // store it; otherwise only those who wait for it now get it
	Alone  bool      // not even those: it is for the first caller only
	Until  time.Time // served before this instant only; zero: Options.MaxAge alone
	Tags   []string  // what it was made of, for Drop
}

// Options: the zero value means 64 MB, an hour, the system clock.
type Options struct {
	MaxBytes int
	MaxAge   time.Duration    // longest life of an entry, as a second wall against a forgotten tag
	Now      func() time.Time // the clock that prices follow
	Shared   time.Duration    // s-maxage for a configured CDN; 0: none
}

// Cache is safe for concurrent use.
type Cache struct {
	table  *otter.Cache[Key, *Entry]
	now    func() time.Time
	maxAge time.Duration
	shared time.Duration

	mu      sync.Mutex
	flights map[Key]*flight
	tags    map[string]map[*Entry]struct{}
	seq     uint64            // counts drops
	dropped map[string]uint64 // last drop of a tag, as far as a rendering under way may care
	floor   uint64            // renderings begun at or before this drop are not stored

	hits, misses atomic.Uint64
	waiting      atomic.Int64
}

type flight struct {
	done  chan struct{}
	start uint64
	entry *Entry
	alone bool
	err   error
}

// maxDropped bounds the memory of drops while renderings are under way.
const maxDropped = 10_000

// New builds a cache.
func New(o Options) *Cache {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxAge <= 0 {
		o.MaxAge = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Cache{now: o.Now, maxAge: o.MaxAge, shared: o.Shared,
		flights: map[Key]*flight{}, tags: map[string]map[*Entry]struct{}{}, dropped: map[string]uint64{}}
	c.table = otter.Must(&otter.Options[Key, *Entry]{
		MaximumWeight: uint64(o.MaxBytes),
		Weigher:       func(k Key, e *Entry) uint32 { return e.weight(k) },
		OnDeletion: func(d otter.DeletionEvent[Key, *Entry]) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.unindex(d.Value)
		},
	})
	return c
}

// Get returns the live entry of the key, or nil.
func (c *Cache) Get(k Key) *Entry {
	e, ok := c.table.GetIfPresent(k)
	if !ok || e.dead.Load() || !c.now().Before(e.until) {
		return nil
	}
	c.hits.Add(1)
	return e
}

var errLost = errors.New("pagecache: rendering did not finish")

// Do returns the live entry of the key, or renders it: one caller does, the others
// wait for him or for their ctx. Errors are shared and never stored.
func (c *Cache) Do(ctx context.Context, k Key, render func() (Page, error)) (*Entry, error) {
	c.mu.Lock()
	if e := c.Get(k); e != nil {
		c.mu.Unlock()
		return e, nil
	}
	if f := c.flights[k]; f != nil {
		c.mu.Unlock()
		c.waiting.Add(1)
		defer c.waiting.Add(-1)
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if f.alone {
			p, err := render()
			if err != nil {
				return nil, err
			}
			return passing(p), nil
		}
		return f.entry, f.err
	}
	f := &flight{done: make(chan struct{}), start: c.seq, err: errLost}
	c.flights[k] = f
	c.misses.Add(1)
	c.mu.Unlock()

	defer func() {
		c.mu.Lock()
		delete(c.flights, k)
		if len(c.flights) == 0 {
			clear(c.dropped)
		}
		c.mu.Unlock()
		close(f.done)
	}()
	p, err := render()
	if err != nil {
		f.err = err
		return nil, err
	}
	f.alone = p.Alone
	if !p.Keep || p.Alone {
		f.entry, f.err = passing(p), nil
		return f.entry, nil
	}
	e := c.compile(p)
	f.entry, f.err = e, nil
	c.store(k, e, f.start)
	return e, nil
}

// store keeps the entry unless one of its tags was dropped since start.
func (c *Cache) store(k Key, e *Entry, start uint64) {
	if !c.now().Before(e.until) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if start < c.floor {
		return
	}
	for _, t := range e.tags {
		if c.dropped[t] > start {
			return
		}
	}
	for _, t := range e.tags {
		set := c.tags[t]
		if set == nil {
			set = map[*Entry]struct{}{}
			c.tags[t] = set
		}
		set[e] = struct{}{}
	}
	e.key = k
	c.table.Set(k, e)
}

func (c *Cache) unindex(e *Entry) {
	for _, t := range e.tags {
		if set := c.tags[t]; set != nil {
			delete(set, e)
			if len(set) == 0 {
				delete(c.tags, t)
			}
		}
	}
}

// Drop forgets every page that was made of one of the tags. After it returns no
// page rendered before is served to anyone who asks later.
func (c *Cache) Drop(tags ...string) {
	var gone []*Entry
	c.mu.Lock()
	c.seq++
	for _, t := range tags {
		if len(c.flights) > 0 {
			c.dropped[t] = c.seq
		}
		for e := range c.tags[t] {
			e.dead.Store(true)
			gone = append(gone, e)
			c.unindex(e)
		}
	}
	if len(c.dropped) > maxDropped {
		c.floor = c.seq
		clear(c.dropped)
	}
	c.mu.Unlock()
	for _, e := range gone {
		// A newer page of the same key may go too; it will be rendered again.
		c.table.Invalidate(e.key)
	}
}

// DropAll forgets everything.
func (c *Cache) DropAll() {
	c.mu.Lock()
	c.seq++
	c.floor = c.seq
	clear(c.dropped)
	for _, set := range c.tags {
		for e := range set {
			e.dead.Store(true)
		}
	}
	c.mu.Unlock()
	c.table.InvalidateAll()
}

// Stats counts since the start: answers from memory, renderings, and how many
// pages are kept now (roughly).
func (c *Cache) Stats() (hits, misses uint64, pages int) {
	return c.hits.Load(), c.misses.Load(), c.table.EstimatedSize()
}

// Waiting is how many callers wait for a rendering that another one does.
func (c *Cache) Waiting() int { return int(c.waiting.Load()) }
