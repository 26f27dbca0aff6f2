package search

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/pricing"
)

// FewLeft is how many pieces still count as few.
const FewLeft = 5

// Index is the search of one node. Make it with New and let Run run.
type Index struct {
	d                 *db.DB
	currency, country string
	log               *slog.Logger
	e                 *engine
	first, ready      chan struct{}
	once, onceFirst   sync.Once
	wake              chan struct{}

	mu    sync.Mutex
	dirty map[db.ID]bool // products to read again
	all   bool           // read everything again
	tree  *catalog.Tree
	due   time.Time           // when the next document changes by the clock
	later map[db.ID]time.Time // products that begin to show then
	loads atomic.Int64

	stocked map[db.ID]bool // variants whose stock changed, of products that are known
	strays  map[db.ID]bool // and of those that are not known yet

	noted   uint64        // changes heard of
	settled uint64        // of these, the ones that can be found
	moved   chan struct{} // closed when settled grows
	after   []func()
}

// New makes an empty index that hears of changes from now on.
func New(d *db.DB, currency, country string, log *slog.Logger) *Index {
	x := &Index{d: d, currency: currency, country: country, log: log, e: newEngine(), first: make(chan struct{}), ready: make(chan struct{}), wake: make(chan struct{}, 1), dirty: map[db.ID]bool{}, all: true, later: map[db.ID]time.Time{}, stocked: map[db.ID]bool{}, strays: map[db.ID]bool{}, moved: make(chan struct{})}
	d.OnChange(x.changed)
	return x
}

// changed notes what must be read again. It is quick: the reading is Run's.
func (x *Index) changed(cs []db.Change) {
	any := false
	x.mu.Lock()
	for _, c := range cs {
		switch c.Entity {
		case catalog.EntityProduct:
			x.dirty[c.ID] = true
			any = true
		case "stock":
			// A product that is being read this moment is not known yet: its
			// variants are looked up again after the reading.
			any = true
			if x.e.productOf(c.ID) != 0 {
				x.stocked[c.ID] = true
			} else {
				x.strays[c.ID] = true
			}
		case catalog.EntityCategory, catalog.EntityAttribute, pricing.EntityCampaign:
			x.all, any = true, true
		}
	}
	if any {
		x.noted++
	}
	x.mu.Unlock()
	if any {
		x.ring()
	}
}

// ring wakes Run.
func (x *Index) ring() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

func (e *engine) productOf(variant db.ID) db.ID {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.owner[variant]
}

// Ready is closed when the index holds the whole shop for the first time.
func (x *Index) Ready() <-chan struct{} { return x.ready }

// First is closed when what a first page shows can be found; the rest of the shop
// may still be read.
func (x *Index) First() <-chan struct{} { return x.first }

// patience is how long a list waits for the first reading. A shop of a hundred
// thousand goods is read in less on two cores.
const patience = 20 * time.Second

// Await returns when the whole shop can be found. Faults: busy, when that takes
// too long; the error of ctx.
func (x *Index) Await(ctx context.Context) error { return await(ctx, x.ready) }

// AwaitFirst is Await for what a first page shows.
func (x *Index) AwaitFirst(ctx context.Context) error { return await(ctx, x.first) }

func await(ctx context.Context, there <-chan struct{}) error {
	select {
	case <-there:
		return nil
	default:
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-there:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return fault.Busy("busy", 5*time.Second)
	}
}

// Size is how many products are found.
func (x *Index) Size() int {
	x.e.mu.RLock()
	defer x.e.mu.RUnlock()
	return len(x.e.slots)
}

// Close does nothing but keep the shape of a service; Run ends with its context.
func (x *Index) Close() error { return nil }

// Run fills the index and follows changes until ctx ends.
func (x *Index) Run(ctx context.Context) {
	for {
		if err := x.follow(ctx); err != nil && ctx.Err() == nil {
			x.log.Error("search: reading goods", "err", err)
		}
		tick := time.NewTimer(x.untilDue())
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-x.wake:
			tick.Stop()
			// Changes come in flocks; a short pause lets one reading serve them.
			t := time.NewTimer(50 * time.Millisecond)
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-t.C:
			}
		case <-tick.C:
		}
	}
}

// untilDue is how long nothing changes by the clock; a second at most, because
// a reading may have failed.
func (x *Index) untilDue() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	wait := time.Second
	if !x.due.IsZero() {
		wait = min(wait, x.due.Sub(x.d.LegalNow())+time.Millisecond)
	}
	return max(wait, 20*time.Millisecond)
}

// follow reads what is dirty or due.
func (x *Index) follow(ctx context.Context) error {
	x.mu.Lock()
	all := x.all
	if !all && !x.due.IsZero() && !x.d.LegalNow().Before(x.due) {
		now := x.d.LegalNow()
		for _, id := range x.e.dueBy(now) {
			x.dirty[id] = true
		}
		x.due = time.Time{}
		for id, at := range x.later {
			if !at.After(now) {
				x.dirty[id] = true
				delete(x.later, id)
			} else if x.due.IsZero() || at.Before(x.due) {
				x.due = at
			}
		}
	}
	ids := make([]db.ID, 0, len(x.dirty))
	for id := range x.dirty {
		ids = append(ids, id)
	}
	stocked := x.stocked
	x.all, x.dirty, x.stocked = false, map[db.ID]bool{}, map[db.ID]bool{}
	clear(x.strays) // what is read from here on sees their stock
	upTo := x.noted
	idle := !all && len(ids) == 0 && len(stocked) == 0 && upTo == x.settled
	x.mu.Unlock()
	if idle {
		return nil
	}
	if all {
		if err := x.readAll(ctx); err != nil {
			x.again(true, nil, nil)
			return err
		}
		x.once.Do(func() { close(x.ready) })
		x.reached(upTo, true)
		return nil
	}
	shows := len(ids) > 0
	for len(ids) > 0 {
		n := min(len(ids), 200)
		if err := x.readSome(ctx, ids[:n]); err != nil {
			x.again(false, ids, stocked)
			return err
		}
		ids = ids[n:]
	}
	moved, err := x.readStock(ctx, stocked)
	if err != nil {
		x.again(false, nil, stocked)
		if shows {
			x.tell()
		}
		return err
	}
	x.reached(upTo, shows || moved)
	return nil
}

// reached says that changes up to n can be found; shows, that some list looks
// different for it: who keeps lists is told before anybody takes the changes for found.
func (x *Index) reached(n uint64, shows bool) {
	if shows {
		x.tell()
	}
	x.mu.Lock()
	strayed := false
	for v := range x.strays {
		if x.e.productOf(v) != 0 {
			x.stocked[v], strayed = true, true
		}
	}
	if strayed {
		x.ring() // and the changes count as found after the next reading
	} else {
		x.settled = n
	}
	close(x.moved)
	x.moved = make(chan struct{})
	x.mu.Unlock()
}

// tell calls who waits for readings.
func (x *Index) tell() {
	x.mu.Lock()
	after := x.after
	x.mu.Unlock()
	for _, fn := range after {
		fn()
	}
}

// Settle waits until every change that was committed in this process before the
// call can be found, or ctx ends. Run must be running.
func (x *Index) Settle(ctx context.Context) error {
	select {
	case <-x.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	x.mu.Lock()
	want := x.noted
	x.mu.Unlock()
	for {
		x.mu.Lock()
		done, moved := x.settled >= want, x.moved
		x.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// OnRead has fn called after each reading of changes by which a list may look
// different: what was kept of lists made before it is old. A piece that was sold is
// none as long as the class of stock stays. fn must be quick.
func (x *Index) OnRead(fn func()) {
	x.mu.Lock()
	x.after = append(x.after, fn)
	x.mu.Unlock()
}

func (x *Index) again(all bool, ids []db.ID, stocked map[db.ID]bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = x.all || all
	for _, id := range ids {
		x.dirty[id] = true
	}
	for v := range stocked {
		x.stocked[v] = true
	}
}

func (e *engine) dueBy(at time.Time) (out []db.ID) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for id, s := range e.slots {
		if u := e.docs[s].Until; !u.IsZero() && !u.After(at) {
			out = append(out, id)
		}
	}
	return
}

func (x *Index) readSome(ctx context.Context, ids []db.ID) error {
	x.mu.Lock()
	tree := x.tree
	x.mu.Unlock()
	docs, err := x.batch(ctx, tree, func(q db.Q) ([]*catalog.Product, error) { return catalog.ByIDs(q, ids) })
	if err != nil {
		return err
	}
	x.e.put(docs, ids)
	return nil
}

// List answers a query. Faults: 422 with pointers /limit, /sort, /cursor, /filter.
func (x *Index) List(q Query) (Result, error) { return x.e.list(q) }

// Some is the cards of a list that nobody narrows: without facets. A query that is
// refused finds nothing.
func (x *Index) Some(q Query) []*Card {
	r, err := x.e.answer(q, false)
	if err != nil {
		return nil
	}
	return r.Cards
}

// Cards returns the cards of products, in the order given, those that do not
// show left out.
func (x *Index) Cards(ids []db.ID) []*Card {
	x.e.mu.RLock()
	defer x.e.mu.RUnlock()
	var out []*Card
	for _, id := range ids {
		if s, ok := x.e.slots[id]; ok {
			out = append(out, &x.e.docs[s].Card)
		}
	}
	return out
}

// Suggest completes what someone is typing: at most n cards.
func (x *Index) Suggest(text string, n int) []*Card {
	r, err := x.e.answer(Query{Text: text, Limit: max(1, min(n, 10)), Sort: SortRelevance}, false)
	if err != nil {
		return nil
	}
	return r.Cards
}
